//! `make bench`. See `rolecall_tests::bench`.

use std::process::ExitCode;

#[cfg(target_os = "linux")]
fn main() -> anyhow::Result<ExitCode> {
    linux::main()
}

/// The kernel's counters are read where Linux has them.
#[cfg(not(target_os = "linux"))]
fn main() -> anyhow::Result<ExitCode> {
    anyhow::bail!("the benchmark runs on Linux")
}

#[cfg(target_os = "linux")]
mod linux {
    use std::path::PathBuf;
    use std::process::ExitCode;

    use clap::{Parser, Subcommand};
    use rolecall_tests::bench::{self, Options, callers, floor};

    /// What rolecall costs, as ratios against floors measured in the same run.
    #[derive(Parser)]
    #[command(version)]
    struct Arguments {
        /// Fewer rounds: rough numbers, sooner
        #[arg(long)]
        quick: bool,
        /// Only groups of rows with this in their name: process, socket, imds, upstream, peer, start, cold, memory, sizes
        #[arg(long, value_name = "WORD")]
        only: Option<String>,
        /// How long the fake AWS takes where callers are cold, in seconds
        #[arg(long, default_value_t = 5, value_name = "SECONDS")]
        upstream: u64,
        /// Write the rows here too, as JSON
        #[arg(long, value_name = "FILE")]
        json: Option<PathBuf>,
        /// Work in this directory, which must be empty
        #[arg(long, hide = true)]
        work: Option<PathBuf>,
        #[command(subcommand)]
        part: Option<Part>,
    }

    /// Processes the benchmark is made of.
    #[derive(Subcommand)]
    enum Part {
        /// A bare hyper server
        #[command(hide = true)]
        Floor {
            #[arg(long)]
            unix: Option<PathBuf>,
        },
        /// One new caller of a socket
        #[command(hide = true)]
        Call {
            warm: PathBuf,
            target: PathBuf,
            path: String,
        },
        /// The processes above the callers
        #[command(hide = true)]
        Callers {
            nest: u32,
            rounds: u32,
            floor: PathBuf,
            daemon: PathBuf,
            path: String,
        },
    }

    pub(super) fn main() -> anyhow::Result<ExitCode> {
        let arguments = Arguments::parse();
        match &arguments.part {
            None => {
                let good = bench::run(&Options {
                    quick: arguments.quick,
                    upstream: arguments.upstream,
                    only: arguments.only,
                    json: arguments.json,
                    work: arguments.work,
                })?;
                return Ok(if good {
                    ExitCode::SUCCESS
                } else {
                    ExitCode::FAILURE
                });
            }
            Some(Part::Floor { unix }) => floor::serve(unix.as_deref())?,
            Some(Part::Call { warm, target, path }) => callers::call(warm, target, path)?,
            Some(Part::Callers {
                nest,
                rounds,
                floor,
                daemon,
                path,
            }) => {
                callers::start_all(*nest, *rounds, floor, daemon, path)?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
