//! `make demo`: the main job in half a minute, without an AWS account.
//!
//! A fake AWS, a daemon and a home directory with profiles, all in one temporary directory that goes
//! away. Every step prints what a person would type and what really came back, and checks it: the demo
//! fails where rolecall does not do what it shows, so that a test can run it.
//!
//! Two processes of this one program: the *supervisor*, which makes and removes the directory, and the
//! *tour*, which it starts as an unprivileged user if it is root itself.

mod backstage;
mod credentials;
mod doors;
mod interrupt;
mod running;
mod screen;
mod supervisor;
mod tour;
mod wait;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use interrupt::{Interrupt, Interrupted};

/// The exit status of a program that Ctrl-C ended, as shells report it.
const INTERRUPTED: u8 = 130;

/// Shows what rolecall does, with a fake AWS, in a temporary directory that goes away
#[derive(Debug, Parser)]
#[command(name = "demo")]
struct Arguments {
    /// Do not stop between the steps for people to read
    #[arg(long)]
    fast: bool,
    #[command(subcommand)]
    part: Option<Part>,
}

#[derive(Debug, Subcommand)]
enum Part {
    /// The steps themselves, in a directory that is there
    #[command(hide = true)]
    Tour { directory: PathBuf },
}

/// The program's `main`.
pub fn main() -> ExitCode {
    let Arguments { fast, part } = Arguments::parse();
    end(Interrupt::listen().and_then(|interrupt| match part {
        None => supervisor::run(&interrupt, fast),
        Some(Part::Tour { directory }) => tour::run(&interrupt, &directory, fast).map(|()| 0),
    }))
}

fn end(result: anyhow::Result<u8>) -> ExitCode {
    let error = match result {
        Ok(status) => return ExitCode::from(status),
        Err(error) => error,
    };
    if error.is::<Interrupted>() {
        // Whoever pressed the key knows.
        return ExitCode::from(INTERRUPTED);
    }
    // Where even this cannot be written, the status still says it.
    let _ = writeln!(std::io::stderr(), "demo: {error:#}");
    ExitCode::FAILURE
}
