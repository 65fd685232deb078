//! The processes that a process descends from.

use super::Process;
use super::consumer::lineage;
use super::proc::{Handle, Table};

/// Deeper trees than this are nobody's.
const MOST: usize = 64;

/// The ancestors of `process`, nearest first, as far as they can be seen: who they are and what they run.
///
/// Ends where a parent is gone: an orphan descends from whoever took it in, not from the process that started
/// it. The first process of all is left out.
pub fn ancestors(process: &Process) -> Vec<Process> {
    let seen = Handle::open(process.pid).filter(|seen| {
        (seen.outline()).is_some_and(|outline| outline.start_time == process.start_time)
    });
    seen.map_or_else(Vec::new, |seen| {
        lineage(&mut Table, &seen, MOST)
            .iter()
            .filter_map(Handle::outline)
            .collect()
    })
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn the_parent_comes_first_and_strangers_have_none() {
        let mut command = Command::new("/bin/cat");
        let mut child = super::super::spawn(command.stdin(Stdio::piped()));
        let facts = super::super::process(child.id()).unwrap();
        let pids: Vec<u32> = ancestors(&facts).iter().map(|it| it.pid).collect();
        assert_eq!(pids.first(), Some(&std::process::id()));
        let reused = Process {
            start_time: facts.start_time + 1,
            ..facts
        };
        assert_eq!(ancestors(&reused), []);
        drop(child.stdin.take());
        child.wait().unwrap();
    }
}
