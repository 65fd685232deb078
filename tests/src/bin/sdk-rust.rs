//! The AWS SDK for Rust with its default chain. See tests/sdk/README.md for what it prints.

use std::io::{BufRead as _, Read as _, Write as _};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use aws_config::BehaviorVersion;
use aws_sdk_sts::Client;
use aws_sdk_sts::config::interceptors::BeforeTransmitInterceptorContextRef;
use aws_sdk_sts::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_sts::error::{BoxError, DisplayErrorContext};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use clap::{Parser, Subcommand};
use serde_json::{Value, json};

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
    Once,
    /// Ask once for each line of standard input, with one client
    Each,
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
    let signer = Signer::default();
    let client = aws_sdk_sts::config::Builder::from(&config).interceptor(signer.clone());
    let client = Client::from_conf(client.build());
    let ask = async || ask(&client, &signer).await;
    match arguments.command {
        Task::Once => {
            let good = print(&ask().await)?;
            return Ok(if good {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            });
        }
        Task::Each => {
            // Nothing else goes on in this program: it may block.
            for line in std::io::stdin().lock().lines() {
                line.context("standard input")?;
                print(&ask().await)?;
            }
        }
        Task::Watch { every } => {
            let mut ended = input_end();
            loop {
                print(&ask().await)?;
                tokio::select! {
                    _ = &mut ended => break,
                    () = tokio::time::sleep(Duration::from_millis(every)) => {}
                }
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The line of one question.
async fn ask(client: &Client, signer: &Signer) -> Value {
    match client.get_caller_identity().send().await {
        Ok(identity) => json!({
            "access_key_id": signer.key(),
            "arn": identity.arn(),
            "region": client.config().region().map(AsRef::as_ref),
        }),
        Err(error) => json!({ "error": DisplayErrorContext(&error).to_string() }),
    }
}

/// Sees which key a request is signed with: the client's own credentials are in a cache that nobody
/// may look into.
#[derive(Clone, Debug, Default)]
struct Signer(Arc<Mutex<Option<String>>>);

impl Signer {
    fn key(&self) -> Option<String> {
        let key = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        key.clone()
    }
}

impl Intercept for Signer {
    fn name(&self) -> &'static str {
        "Signer"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let signature = context.request().headers().get("authorization");
        let key = signature
            .and_then(|it| it.split_once("Credential="))
            .and_then(|(_, rest)| rest.split('/').next())
            .map(ToOwned::to_owned);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = key;
        Ok(())
    }
}

/// Prints the line; whether there was an ARN.
fn print(line: &Value) -> anyhow::Result<bool> {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{line}")?;
    stdout.flush()?;
    Ok(line.get("error").is_none())
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
