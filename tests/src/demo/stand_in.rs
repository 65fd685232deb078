//! A program of the visitor's: AWS's SDK for Rust as it comes, and not a word of rolecall in it.
//!
//! It is this very executable under another name, so that the ledger tells it from the tour.

use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;
use aws_sdk_sts::config::BehaviorVersion;

/// The name it is started by.
pub(super) const NAME: &str = "deploy-tool";

/// Whether this process is the stand-in.
pub(super) fn is_meant() -> bool {
    std::env::args_os()
        .next()
        .is_some_and(|program| Path::new(&program).file_name() == Some(NAME.as_ref()))
}

/// Asks AWS who it is, with whatever credentials the SDK finds.
pub(super) fn run() -> anyhow::Result<u8> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let answer = runtime.block_on(async {
        let config = aws_config::defaults(BehaviorVersion::v2026_01_12())
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .load()
            .await;
        let client = aws_sdk_sts::Client::new(&config);
        client.get_caller_identity().send().await
    })?;
    let from = std::env::var("AWS_CONTAINER_CREDENTIALS_FULL_URI")
        .unwrap_or_else(|_| "somewhere else".to_owned());
    let arn = answer.arn().context("an answer without an ARN")?;
    let mut out = std::io::stdout();
    writeln!(out, "{NAME}: credentials from {from}")?;
    writeln!(out, "{NAME}: AWS says I am {arn}")?;
    Ok(0)
}
