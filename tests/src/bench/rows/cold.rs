//! Ten thousand callers of a role nobody has asked for yet, while AWS takes its time.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::task::JoinSet;

use super::super::row::{Budget, Quantity, Row};
use super::super::stopwatch::Stopwatch;
use super::super::wire::parse;
use super::super::world::{Plan, World};
use super::Measured;
use crate::fake_aws::Fault;

const CALLERS: u64 = 10_000;

/// Descriptors that are not callers'.
const OTHERS: u64 = 200;

pub(super) fn rows(measured: &Measured) -> anyhow::Result<Vec<Row>> {
    let callers = CALLERS.min(room()?.saturating_sub(OTHERS));
    let plan = Plan {
        roles: 1,
        imds: false,
        keep_fresh: false,
    };
    let world = World::started(plan)?;
    world
        .aws()
        .fail(Fault::delay(Duration::from_secs(measured.upstream)));
    let request: Arc<[u8]> = world.credentials_request(0).into();
    let path: Arc<std::path::Path> = world.socket_path().into();

    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let watch = Stopwatch::start();
    runtime.block_on(async {
        let mut tasks = JoinSet::new();
        for _ in 0..callers {
            tasks.spawn(call(Arc::clone(&path), Arc::clone(&request)));
        }
        while let Some(answer) = tasks.join_next().await {
            answer??;
        }
        anyhow::Ok(())
    })?;
    let calls = world.aws().count("AssumeRole");
    let elapsed = watch.elapsed().as_secs_f64();
    let mut note = format!(
        "upstream takes {} s; the last of the callers had its answer after {elapsed:.2} s",
        measured.upstream
    );
    if callers < CALLERS {
        note.push_str("; fewer callers than usual: raise `ulimit -n`");
    }
    Ok(vec![
        Row::new(
            &format!("AssumeRole calls, {callers} cold callers of one role"),
            Quantity::Count(calls as u64),
            Budget::Exactly(1),
        )
        .note(note),
    ])
}

/// Raises the limit on open files as far as it goes, for this process and the daemon it starts.
fn room() -> anyhow::Result<u64> {
    let limit = getrlimit(Resource::Nofile);
    let most = Rlimit {
        current: limit.maximum,
        ..limit
    };
    setrlimit(Resource::Nofile, most).context("cannot raise the limit on open files")?;
    Ok(limit.maximum.unwrap_or(u64::MAX))
}

async fn call(path: Arc<std::path::Path>, request: Arc<[u8]>) -> anyhow::Result<()> {
    let mut stream = loop {
        match UnixStream::connect(&path).await {
            // The queue of the listener is full (connect(2)).
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            other => break other.context("a caller cannot connect")?,
        }
    };
    stream.write_all(&request).await?;
    let mut bytes = Vec::with_capacity(4 * 1024);
    loop {
        ensure!(
            stream.read_buf(&mut bytes).await? > 0,
            "a caller's connection was closed"
        );
        if let Some((status, head, body)) = parse(&bytes)?
            && bytes.len() >= head + body
        {
            let text = String::from_utf8_lossy(&bytes[head..]);
            ensure!(status == 200, "a caller was answered {status}: {text}");
            return Ok(());
        }
    }
}
