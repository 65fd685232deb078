//! What rolecall costs, as docs/performance.md tells it: each number beside a floor that was measured in the
//! same run, in turn with it. `docs/performance.md` says what each row means.
//!
//! No time fails the benchmark, for machines are noisy; a count that is wrong does, and so does a
//! row that could not be measured.

pub mod callers;
mod children;
pub mod floor;
mod inner;
mod load;
mod machine;
mod report;
mod row;
mod rows;
mod statistics;
mod stopwatch;
mod wire;
mod world;

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::Context as _;

use machine::Machine;
use rows::Measured;
use world::Programs;

/// What the command line says.
#[derive(Clone, Debug)]
pub struct Options {
    /// Fewer rounds: numbers are rough, and the run takes a quarter of its time.
    pub quick: bool,
    /// How long the fake AWS takes where callers are cold, in seconds.
    pub upstream: u64,
    /// Only groups of rows with this in their name.
    pub only: Option<String>,
    /// Where the rows are written as JSON.
    pub json: Option<PathBuf>,
    /// An empty directory to work in: this is the benchmark's inner process, which is nobody special
    /// and whose programs are where anyone may run them. None: it is to be started.
    pub work: Option<PathBuf>,
}

/// Measures everything and prints the table. True if everything worked.
///
/// # Errors
/// When nothing can be measured at all.
pub fn run(options: &Options) -> anyhow::Result<bool> {
    let myself = std::env::current_exe()?;
    let programs = Programs::of(myself.parent().context("a program is in a directory")?);
    let Some(work) = options.work.clone() else {
        let mut arguments = vec!["--upstream".to_owned(), options.upstream.to_string()];
        if options.quick {
            arguments.push("--quick".into());
        }
        if let Some(only) = &options.only {
            arguments.extend(["--only".into(), only.clone()]);
        }
        return inner::run(&programs, &arguments, options.json.as_deref());
    };
    let machine = Machine::here(&programs);
    let rows = rows::measure(&Measured {
        programs,
        work,
        quick: options.quick,
        upstream: options.upstream,
        only: options.only.clone(),
    })?;
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(report::table(&machine, &rows).as_bytes())?;
    if let Some(path) = &options.json {
        let text = serde_json::to_string_pretty(&report::json(&machine, &rows))?;
        let file = std::fs::File::create(path);
        let mut file = file.with_context(|| format!("cannot write {}", path.display()))?;
        writeln!(file, "{text}")?;
    }
    Ok(!rows.iter().any(|row| row.verdict().fails()))
}
