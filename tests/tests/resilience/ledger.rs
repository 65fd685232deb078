//! A ledger that cannot be written (`ledger_on_error`).

use std::fs::{self, File};
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;

use rolecall_tests::harness::{World, eventually, is_root};
use serde_json::Value;

use super::key;

/// A world whose ledger's place is taken by a directory, until [`free`] moves it away.
fn with_ledger_blocked(on_error: &str) -> World {
    let mut world = World::new();
    world.configure(&format!("ledger_on_error = \"{on_error}\"\n"));
    world.write("home/.local/state/rolecall/ledger.jsonl/in-the-way", "");
    world.start();
    world
}

fn free(world: &World) {
    let blocked = world.state_directory().join("ledger.jsonl");
    fs::rename(blocked, world.state_directory().join("moved")).expect("it can be moved");
}

fn ledger_error(world: &World) -> Option<String> {
    let status: Value = world.get("/v1/status").json();
    status["ledger"]["error"].as_str().map(str::to_owned)
}

#[test]
fn refuse_means_no_session_that_is_not_written_down() {
    let world = with_ledger_blocked("refuse");
    let answer = world.get("/v1/credentials/dev?wait=20");
    let body: Value = answer.json();
    assert_eq!(
        (answer.status, &body["code"]),
        (503, &Value::from("ledger_unavailable"))
    );
    assert!(world.aws.calls().is_empty());
    assert_eq!(world.rolecall(&["process", "dev"]).code(), Some(1));
    assert!(ledger_error(&world).is_some());

    free(&world);
    eventually("a session", || {
        (world.get("/v1/credentials/dev?wait=5").status == 200).then_some(())
    });
    let ledger = world.ledger();
    let events: Vec<&Value> = ledger.iter().map(|record| &record["event"]).collect();
    assert!(events.contains(&&"issued".into()), "{events:?}");
}

#[test]
fn serve_goes_on_and_writes_later_what_it_could_not() {
    let world = with_ledger_blocked("serve");
    let held = key(&world.get("/v1/credentials/dev?wait=20"));
    assert!(ledger_error(&world).is_some());
    assert_ne!(world.rolecall(&["status", "--check"]).code(), Some(0));

    free(&world);
    let record = world.wait_for_record("what was kept", |record| record["event"] == "issued");
    assert_eq!(record["session"]["akid"], Value::from(held));
    let seqs: Vec<u64> = world
        .ledger()
        .iter()
        .filter_map(|it| it["seq"].as_u64())
        .collect();
    assert!(seqs.is_sorted_by(|a, b| a + 1 == *b), "{seqs:?}");
    eventually("health", || ledger_error(&world).is_none().then_some(()));
}

/// A disk of its own, small and full; gone when dropped.
struct FullDisk {
    mounted: PathBuf,
    filler: PathBuf,
}

impl FullDisk {
    /// In the place of the world's state directory. None where nothing can be mounted.
    fn mount(world: &World) -> Option<Self> {
        world.write("home/.local/state/rolecall/under-the-disk", "");
        let mounted = world.state_directory();
        let (uid, gid) = (world.user().uid, world.user().gid);
        let options = format!("size=64k,mode=0700,uid={uid},gid={gid}");
        let mut mount = Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", &options, "tmpfs"])
            .arg(&mounted);
        if !is_root() || !mount.status().is_ok_and(|status| status.success()) {
            return None;
        }
        let filler = mounted.join("filler");
        Some(Self { mounted, filler })
    }

    fn fill(&self) {
        let mut file = File::create(&self.filler).expect("room for a name");
        while file.write_all(&[0; 512]).is_ok() {}
    }

    fn make_room(&self) {
        fs::remove_file(&self.filler).expect("it is there");
    }
}

impl Drop for FullDisk {
    fn drop(&mut self) {
        // The daemon may still have files open there.
        let _ = Command::new("umount")
            .arg("--lazy")
            .arg(&self.mounted)
            .status();
    }
}

#[test]
fn a_disk_that_fills_up_stops_no_reader_and_breaks_no_line() {
    let mut world = World::new();
    let Some(disk) = FullDisk::mount(&world) else {
        return;
    };
    world.start();
    key(&world.get("/v1/credentials/dev?wait=20"));
    disk.fill();
    // One record fills what is left of the last page; then there is no room.
    let held = key(&world.get("/v1/credentials/leaf?wait=20"));
    for _ in 0..8 {
        world.rolecall(&["reload"]).ok();
    }
    eventually("the ledger's trouble", || ledger_error(&world));
    key(&world.get("/v1/credentials/dev"));

    disk.make_room();
    world.wait_for_record("what was kept", |record| {
        record["event"] == "issued" && record["session"]["akid"] == held.as_str()
    });
    eventually("health", || ledger_error(&world).is_none().then_some(()));
    let ledger = world.ledger();
    let seqs: Vec<u64> = ledger.iter().filter_map(|it| it["seq"].as_u64()).collect();
    assert_eq!(seqs.len(), ledger.len());
    assert!(seqs.is_sorted_by(|a, b| a < b), "{seqs:?}");
    world.stop();
}
