//! Processes that end with the benchmark, and what the kernel says about processes.

use std::path::Path;
use std::process::Child;
use std::time::Duration;

use anyhow::Context as _;
use rustix::process::{Pid, Signal, kill_process};

use super::stopwatch::Stopwatch;

/// How long a daemon may take to drain before it is ended the hard way.
const DRAIN: Duration = Duration::from_secs(8);

/// A process that is ended when this is dropped.
#[derive(Debug)]
pub(super) struct Ended(Child);

impl Ended {
    /// Takes charge of `child`.
    pub(super) fn new(child: Child) -> Self {
        Self(child)
    }

    /// Its process id.
    pub(super) fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Whether it still runs.
    pub(super) fn runs(&mut self) -> bool {
        matches!(self.0.try_wait(), Ok(None))
    }
}

impl Drop for Ended {
    fn drop(&mut self) {
        if let Some(pid) = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw)
            && self.runs()
            && kill_process(pid, Signal::TERM).is_ok()
        {
            let watch = Stopwatch::start();
            while self.runs() && watch.elapsed() < DRAIN {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        // Both fail only when it is gone already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Resident memory of a process, in bytes (`VmRSS`, proc_pid_status(5)).
///
/// # Errors
/// When there is no such process.
pub(super) fn resident(pid: u32) -> anyhow::Result<u64> {
    let path = format!("/proc/{pid}/status");
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    let kibibytes = field(&text, "VmRSS").with_context(|| format!("no VmRSS in {path}"))?;
    Ok(kibibytes * 1024)
}

/// How often the threads of a process were given the processor so far: each wake-up ends in a
/// context switch, voluntary or not (proc_pid_status(5)).
///
/// # Errors
/// When there is no such process.
pub(super) fn switches(pid: u32) -> anyhow::Result<u64> {
    let tasks = format!("/proc/{pid}/task");
    let mut sum = 0;
    for task in std::fs::read_dir(&tasks).with_context(|| format!("cannot read {tasks}"))? {
        // A thread may end between the listing and the look at it.
        if let Ok(text) = std::fs::read_to_string(task?.path().join("status")) {
            sum += field(&text, "voluntary_ctxt_switches").unwrap_or(0)
                + field(&text, "nonvoluntary_ctxt_switches").unwrap_or(0);
        }
    }
    Ok(sum)
}

/// Processor time a process has used, user and system.
///
/// # Errors
/// When there is no such process.
pub(super) fn processor_time(pid: u32) -> anyhow::Result<Duration> {
    let path = format!("/proc/{pid}/schedstat");
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    let nanoseconds = text
        .split_whitespace()
        .next()
        .and_then(|it| it.parse().ok());
    Ok(Duration::from_nanos(
        nanoseconds.with_context(|| format!("no number in {path}"))?,
    ))
}

/// The size of a program, in bytes.
///
/// # Errors
/// When it is not there.
pub(super) fn size(program: &Path) -> anyhow::Result<u64> {
    let metadata = std::fs::metadata(program);
    Ok(metadata
        .with_context(|| format!("no {}", program.display()))?
        .len())
}

fn field(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| {
        let value = line.strip_prefix(name)?.strip_prefix(':')?;
        value.split_whitespace().next()?.parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_whole_names() {
        let text = "nonvoluntary_ctxt_switches:\t3\nvoluntary_ctxt_switches:\t5\nVmRSS:\t  64 kB\n";
        assert_eq!(field(text, "voluntary_ctxt_switches"), Some(5));
        assert_eq!(field(text, "VmRSS"), Some(64));
        assert_eq!(field(text, "Vm"), None);
    }

    #[test]
    fn this_process_has_memory_and_was_switched() {
        let pid = std::process::id();
        assert!(resident(pid).unwrap() > 100_000);
        assert!(switches(pid).unwrap() > 0);
        assert!(processor_time(pid).unwrap() > Duration::ZERO);
    }
}
