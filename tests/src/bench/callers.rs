//! Callers that are new to the daemon: a process each, with four ancestors that are read as well,
//! since all but the last have our own client's name and so are not the consumer.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, ensure};

use super::stopwatch::timed;
use super::wire::Endpoint;

/// How many processes stand between the benchmark and a caller; with it, four ancestors.
pub(super) const NEST: u32 = 3;

/// One caller's process: connects, asks once, and prints how many nanoseconds that took. It has
/// done the same with `warm` before, so that its own first steps are not in it.
///
/// # Errors
/// When there is no good answer.
pub fn call(warm: &Path, target: &Path, path: &str) -> anyhow::Result<()> {
    use std::io::Write as _;

    let once = |socket: &Path| {
        let endpoint = Endpoint::Unix(socket.into());
        let request = endpoint.request("GET", path, &[]);
        timed(|| -> anyhow::Result<()> {
            endpoint.connect()?.fetch(&request)?;
            Ok(())
        })
    };
    once(warm)?;
    let time = once(target)?;
    writeln!(std::io::stdout(), "{}", time.as_nanos())?;
    Ok(())
}

/// The process between: starts itself again until it is `nest` deep, then `rounds` callers of the
/// floor and of the daemon in turn, whose answers go to standard output.
///
/// # Errors
/// When a caller fails.
pub fn start_all(
    nest: u32,
    rounds: u32,
    floor: &Path,
    daemon: &Path,
    path: &str,
) -> anyhow::Result<()> {
    let myself = std::env::current_exe()?;
    let succeed = |command: &mut Command| {
        let status = command.status().context("cannot start a caller")?;
        ensure!(status.success(), "a caller failed");
        Ok(())
    };
    if let Some(less) = nest.checked_sub(1) {
        return succeed(&mut callers(&myself, less, rounds, floor, daemon, path));
    }
    for _ in 0..rounds {
        for target in [floor, daemon] {
            let mut command = Command::new(&myself);
            command.arg("call").arg(floor).arg(target).arg(path);
            succeed(&mut command)?;
        }
    }
    Ok(())
}

/// Times of `rounds` new callers of the floor and of the daemon.
///
/// # Errors
/// When a caller fails.
pub(super) fn measure(
    program: &Path,
    rounds: u32,
    floor: &Path,
    daemon: &Path,
    path: &str,
) -> anyhow::Result<(Vec<Duration>, Vec<Duration>)> {
    let output = callers(program, NEST - 1, rounds, floor, daemon, path)
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start the callers")?;
    ensure!(output.status.success(), "the callers failed");
    let mut times = (Vec::new(), Vec::new());
    for (index, line) in std::str::from_utf8(&output.stdout)?.lines().enumerate() {
        let time = Duration::from_nanos(line.parse().context("a caller's time")?);
        if index % 2 == 0 {
            times.0.push(time);
        } else {
            times.1.push(time);
        }
    }
    ensure!(!times.1.is_empty(), "no caller said anything");
    Ok(times)
}

fn callers(
    program: &Path,
    nest: u32,
    rounds: u32,
    floor: &Path,
    daemon: &Path,
    path: &str,
) -> Command {
    let mut command = Command::new(program);
    command
        .arg("callers")
        .arg(nest.to_string())
        .arg(rounds.to_string());
    command.args([floor, daemon]).arg(path);
    command
}
