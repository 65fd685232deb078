//! `rolecall process`, as an SDK runs it: the whole process.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::ensure;

use super::super::row::{Budget, Quantity, Row};
use super::super::statistics::median;
use super::super::stopwatch::timed;
use super::super::world::World;
use super::Measured;

const TRUE: &str = "/bin/true";

pub(super) fn rows(measured: &Measured, world: &World) -> anyhow::Result<Vec<Row>> {
    let shim = || {
        let mut command = program(&measured.programs.rolecall);
        command
            .args(["process", "role-0"])
            .env("ROLECALL_SOCKET", world.socket_path());
        command
    };
    let output = shim().output()?;
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    ensure!(
        answer["Version"] == 1,
        "not what credential_process must print: {answer}"
    );

    let (mut floors, mut times) = (Vec::new(), Vec::new());
    for _ in 0..measured.rounds(500) {
        for (command, times) in [
            (program(Path::new(TRUE)), &mut floors),
            (shim(), &mut times),
        ] {
            times.push(timed(|| run(command))?);
        }
    }
    let (floor, time) = (median(&mut floors), median(&mut times));
    Ok(vec![
        Row::new(
            "`rolecall process ROLE`, session there: whole process, p50",
            Quantity::Time(time),
            Budget::AtMostTimes(1.25),
        )
        .above(Quantity::Time(floor))
        .note(format!("floor: {TRUE}, in turn, {} of each", times.len())),
    ])
}

/// As an SDK does it: standard output is a pipe.
fn program(path: &Path) -> Command {
    let mut command = Command::new(path);
    command
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    command
}

fn run(mut command: Command) -> anyhow::Result<()> {
    let output = command.spawn()?.wait_with_output()?;
    ensure!(output.status.success(), "{command:?}: {}", output.status);
    Ok(())
}
