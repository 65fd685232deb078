//! What is in the daemon's memory, as root sees it who may look: secrets in use, in pages that are never
//! swapped and in no core, and no copy of them anywhere else.

use std::fs::{self, File};
use std::ops::Range;
use std::os::unix::fs::FileExt as _;

use rolecall_tests::harness::{PATIENCE, Running, World, is_root, profiles, until};
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
            last.flags = flags.trim().to_owned();
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

/// Where in the process's memory `wanted` is, and whether there alone where it should be.
fn places(pid: u32, wanted: &[u8]) -> (usize, Vec<String>) {
    let memory = File::open(format!("/proc/{pid}/mem")).expect("root may read it");
    let (mut safe, mut others) = (0, Vec::new());
    for mapping in mappings(pid) {
        let length = usize::try_from(mapping.range.end - mapping.range.start).expect("it fits");
        let mut bytes = vec![0; length];
        // Parts that were never touched are not readable one by one; as a whole they are.
        let Ok(read) = memory.read_at(&mut bytes, mapping.range.start) else {
            continue;
        };
        for at in memchr::memmem::find_iter(&bytes[..read], wanted) {
            if mapping.is_safe() {
                safe += 1;
            } else {
                let around = &bytes[at.saturating_sub(24)..(at + wanted.len() + 24).min(read)];
                others.push(format!(
                    "{} {:x?}: …{}…",
                    mapping.name,
                    mapping.range,
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
    let session: Value = world.rolecall(&["process", "leaf"]).json();
    let parent: Value = world.rolecall(&["process", "hub"]).json();
    world.rolecall(&["reload"]).ok();
    world.rolecall(&["whoami", "dev"]).ok();
    let mut cat = world.command("rolecall");
    cat.args([
        "exec",
        "dev",
        "--",
        "sh",
        "-c",
        "echo $AWS_CONTAINER_AUTHORIZATION_TOKEN; cat",
    ]);
    let running = Running::start(&mut cat);
    running.wait_for_more(1);
    let lease_token = running.lines()[0].clone();
    let text = |value: &Value, field: &str| value[field].as_str().expect("a text").to_owned();
    let kept = [
        ("the long-term secret", profiles::ALICE_SECRET.to_owned()),
        ("a parent's secret", text(&parent, "SecretAccessKey")),
        ("a parent's token", text(&parent, "SessionToken")),
        ("a session's secret", text(&session, "SecretAccessKey")),
        ("a session's token", text(&session, "SessionToken")),
    ];
    let pid = u32::try_from(world.pid()).expect("a pid");
    for (what, secret) in &kept {
        // What connections hold goes when they are closed, which the daemon sees a little later.
        let mut last = (0, Vec::new());
        let alone = until(PATIENCE, || {
            last = places(pid, secret.as_bytes());
            last.1.is_empty().then_some(())
        });
        assert!(alone.is_some(), "{what}: {:#?}", last.1);
        // It is there: else nothing was shown.
        assert!(last.0 > 0, "{what} is not in memory");
    }
    // Of a lease's token the daemon keeps the hash alone.
    let token = until(PATIENCE, || {
        (places(pid, lease_token.as_bytes()) == (0, Vec::new())).then_some(())
    });
    assert!(
        token.is_some(),
        "{:#?}",
        places(pid, lease_token.as_bytes())
    );
}
