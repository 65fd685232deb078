//! The AWS SDK for Rust as a client: whatever its default chain finds, it asks STS who that is, and
//! prints one JSON line a call: `{"arn": "…"}` or `{"error": "…"}`.

use std::io::{Read as _, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_sdk_sts::Client;
use aws_sdk_sts::error::DisplayErrorContext;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use clap::{Parser, Subcommand};

/// Asks STS who the default chain's credentials belong to.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Ask once
    Identity,
    /// Ask again and again, with one client, until standard input ends
    Watch {
        /// Milliseconds from one answer to the next question
        #[arg(long, default_value_t = 200)]
        every: u64,
    },
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let http = aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
        .build_https();
    let config = aws_config::defaults(BehaviorVersion::v2026_01_12())
        .http_client(http)
        .load()
        .await;
    let client = Client::new(&config);
    match arguments.command {
        Task::Identity => {
            let good = ask(&client).await?;
            Ok(if good {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            })
        }
        Task::Watch { every } => {
            let mut ended = input_end();
            loop {
                ask(&client).await?;
                tokio::select! {
                    _ = &mut ended => return Ok(ExitCode::SUCCESS),
                    () = tokio::time::sleep(Duration::from_millis(every)) => {}
                }
            }
        }
    }
}

/// Asks and prints; whether there was an ARN.
async fn ask(client: &Client) -> anyhow::Result<bool> {
    let (good, line) = match client.get_caller_identity().send().await {
        Ok(identity) => (true, serde_json::json!({ "arn": identity.arn() })),
        Err(error) => {
            let text = DisplayErrorContext(&error).to_string();
            (false, serde_json::json!({ "error": text }))
        }
    };
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{line}")?;
    stdout.flush()?;
    Ok(good)
}

/// Resolves when standard input has ended.
fn input_end() -> tokio::sync::oneshot::Receiver<()> {
    let (done, ended) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let mut discarded = Vec::new();
        // However it ends, it has ended; and so may who waits for it.
        let _ = std::io::stdin().read_to_end(&mut discarded);
        let _ = done.send(());
    });
    ended
}
