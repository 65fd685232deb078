//! What is in the daemon's memory, as root sees it who may look: secrets in use, in pages that are never
//! swapped and in no core, and no copy of them anywhere else.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::ops::Range;
use std::os::unix::fs::FileExt as _;

use rolecall_tests::harness::{Canaries, PATIENCE, World, is_root, profiles, until};
use serde_json::Value;

/// A part of a process's memory, as `/proc/PID/smaps` describes it.
struct Mapping {
    range: Range<u64>,
    name: String,
    flags: String,
}

impl Mapping {
    /// Locked, in no core, and empty in children.
    fn is_safe(&self) -> bool {
        ["lo", "dd", "wf"]
            .iter()
            .all(|flag| self.flags.split(' ').any(|it| it == *flag))
    }
}

/// Everything that the process may write to.
fn mappings(pid: u32) -> Vec<Mapping> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps")).expect("root may read it");
    let mut found: Vec<Mapping> = Vec::new();
    for line in text.lines() {
        if let Some(flags) = line.strip_prefix("VmFlags:") {
            let last = found.last_mut().expect("flags follow their mapping");
            flags.trim().clone_into(&mut last.flags);
        } else if let Some((start, rest)) = line.split_once('-')
            && let Some((end, rest)) = rest.split_once(' ')
            && let (Ok(start), Ok(end)) =
                (u64::from_str_radix(start, 16), u64::from_str_radix(end, 16))
        {
            let name = rest.split_whitespace().nth(4).unwrap_or_default();
            found.push(Mapping {
                range: start..end,
                name: name.to_owned(),
                flags: String::new(),
            });
        }
    }
    found.retain(|mapping| mapping.flags.split(' ').any(|flag| flag == "wr"));
    found
}

/// Which of `canaries` are in the process's memory where they should be; and those that are elsewhere, with
/// what is around them.
fn places(pid: u32, canaries: &Canaries) -> (BTreeSet<String>, Vec<String>) {
    let memory = File::open(format!("/proc/{pid}/mem")).expect("root may read it");
    let (mut safe, mut others) = (BTreeSet::new(), Vec::new());
    for mapping in mappings(pid) {
        let length = usize::try_from(mapping.range.end - mapping.range.start).expect("it fits");
        let mut bytes = vec![0; length];
        // It may have gone meanwhile.
        let Ok(read) = memory.read_at(&mut bytes, mapping.range.start) else {
            continue;
        };
        for (at, what) in canaries.places_in(&bytes[..read]) {
            if mapping.is_safe() {
                safe.insert(what.to_owned());
            } else {
                let around = &bytes[at.saturating_sub(40)..(at + 40).min(read)];
                others.push(format!(
                    "{what} in {}: {}",
                    mapping.name,
                    around.escape_ascii()
                ));
            }
        }
    }
    (safe, others)
}

#[test]
fn secrets_are_in_locked_pages_and_nowhere_else() {
    if !is_root() {
        eprintln!("only root can look into the daemon: nothing tested");
        return;
    }
    let mut world = World::new();
    world.start();
    let mut canaries = Canaries::default();
    canaries.add("the long-term secret", profiles::ALICE_SECRET);
    for role in ["leaf", "hub"] {
        let session: Value = world.rolecall(&["process", role]).json();
        for field in ["SecretAccessKey", "SessionToken"] {
            let secret = session[field].as_str().expect("a text");
            canaries.add(&format!("{field} of {role}"), secret);
        }
    }
    world.rolecall(&["reload"]).ok();
    world.rolecall(&["whoami", "dev"]).ok();
    let lease = world.lease("dev");
    // Of a lease's token the daemon keeps the hash alone.
    canaries.add("a lease's token", &lease.token);
    let kept = [
        "SecretAccessKey of hub",
        "SecretAccessKey of leaf",
        "SessionToken of hub",
        "SessionToken of leaf",
        "the long-term secret",
    ];
    let pid = u32::try_from(world.pid()).expect("a pid");
    // What the connection to AWS has sent stays with it until it is closed, 20 s after its last use.
    let mut last = (BTreeSet::new(), Vec::new());
    let alone = until(2 * PATIENCE, || {
        last = places(pid, &canaries);
        last.1.is_empty().then_some(())
    });
    assert!(alone.is_some(), "{:#?}", last.1);
    // They are there: else nothing was shown.
    assert_eq!(last.0, kept.map(str::to_owned).into());
}

#[test]
fn where_no_memory_may_be_locked_it_serves_and_says_so_once() {
    if !is_root() {
        // Who may lock without limit, as root of a namespace may, has nothing to be warned of.
        eprintln!("needs another user: nothing tested");
        return;
    }
    let world = World::new();
    let daemon = world.daemon_command();
    let log = File::create(world.path("unlocked.log")).expect("a new file");
    let mut command = world.command("sh");
    command
        .args(["-c", "ulimit -l 0; exec \"$@\"", "sh"])
        .arg(daemon.get_program())
        .args(daemon.get_args())
        .stderr(log);
    let mut child = command.spawn().expect("it can be started");
    let served = until(PATIENCE, || {
        (world.rolecall(&["process", "leaf"]).code() == Some(0)).then_some(())
    });
    child.kill().expect("a child");
    child.wait().expect("a child");
    let log = world.read("unlocked.log");
    assert!(served.is_some(), "{log}");
    assert_eq!(log.matches("may be swapped out").count(), 1, "{log}");
    assert!(log.contains("LimitMEMLOCK="), "{log}");
}
