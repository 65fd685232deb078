//! The whole ledger on real files.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::*;
use crate::clock::SystemClock;

fn open(directory: &Path) -> Ledger {
    open_for(directory, LedgerOnError::Refuse)
}

fn open_for(directory: &Path, on_error: LedgerOnError) -> Ledger {
    Ledger::open(directory.to_owned(), Arc::new(SystemClock), on_error)
}

fn record(message: &str) -> Record {
    Record {
        event: Event::Issued,
        message: Some(message.into()),
        ..Record::default()
    }
}

fn all(ledger: &Ledger) -> Vec<Value> {
    let lines = ledger.tail(usize::MAX, None).unwrap();
    lines
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn messages(records: &[Value]) -> Vec<&str> {
    records
        .iter()
        .map(|record| record["message"].as_str().unwrap())
        .collect()
}

fn seqs(records: &[Value]) -> Vec<u64> {
    records
        .iter()
        .map(|record| record["seq"].as_u64().unwrap())
        .collect()
}

#[tokio::test]
async fn what_is_committed_is_there_and_numbers_go_on_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let below = directory.path().join("state/rolecall");
    let ledger = open(&below);
    ledger.commit(record("a")).await.unwrap();
    ledger.note(record("b"));
    ledger.close();
    assert_eq!(
        ledger.commit(record("late")).await,
        Err(Unwritable(CLOSED.into()))
    );
    let ledger = open(&below);
    ledger.commit(record("c")).await.unwrap();
    let records = all(&ledger);
    assert_eq!(messages(&records), ["a", "b", "c"]);
    assert_eq!(seqs(&records), [1, 2, 3]);
    assert_eq!(records[0]["boot_id"].as_str().map(str::len), Some(36));
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&ledger.file()), 0o600);
    assert_eq!(mode(&below), 0o700);
}

#[tokio::test]
async fn tail_gives_the_last_and_only_what_is_newer() {
    let directory = tempfile::tempdir().unwrap();
    let clock = Arc::new(SystemClock);
    // A record has about 200 bytes: a new file for every two or three.
    let path = directory.path().to_owned();
    let ledger = Ledger::open_with_limit(path, clock, LedgerOnError::Refuse, 600);
    for n in 1..=50 {
        ledger.commit(record(&n.to_string())).await.unwrap();
    }
    let names = fs::read_dir(directory.path()).unwrap().count();
    assert_eq!(names, 9, "the current file and eight older ones");
    let kept = seqs(&all(&ledger));
    assert!(kept.len() > 10 && kept.len() < 40);
    let expected: Vec<u64> = (51 - kept.len() as u64..=50).collect();
    assert_eq!(kept, expected, "none missing, none twice");
    let tail = |count, after| {
        let lines = ledger.tail(count, after).unwrap();
        let seqs = lines.iter().map(|line| line::seq_of(line.as_bytes()));
        seqs.map(Option::unwrap).collect::<Vec<_>>()
    };
    assert_eq!(tail(3, None), [48, 49, 50]);
    assert_eq!(tail(3, Some(48)), [49, 50]);
    assert_eq!(tail(2, Some(40)), [49, 50]);
    assert_eq!(tail(10, Some(50)), [] as [u64; 0]);
    assert_eq!(tail(0, None), [] as [u64; 0]);
    // Numbers go on even when the current file is empty.
    drop(ledger);
    File::create(directory.path().join("ledger.jsonl")).unwrap();
    let ledger = open(directory.path());
    ledger.commit(record("next")).await.unwrap();
    assert!(seqs(&all(&ledger)).last() > Some(&45));
}

#[tokio::test]
async fn a_crash_at_any_byte_loses_one_line_at_most() {
    let directory = tempfile::tempdir().unwrap();
    let ledger = open(directory.path());
    for text in ["a", "b"] {
        ledger.commit(record(text)).await.unwrap();
    }
    drop(ledger);
    let file = directory.path().join("ledger.jsonl");
    let whole = fs::read(&file).unwrap();
    let first = whole.iter().position(|&byte| byte == b'\n').unwrap();
    for cut in 0..=whole.len() {
        File::create(&file)
            .unwrap()
            .write_all(&whole[..cut])
            .unwrap();
        let ledger = open(directory.path());
        ledger.commit(record("c")).await.unwrap();
        let records = all(&ledger);
        let whole_lines = usize::from(cut >= first) + usize::from(cut + 1 >= whole.len());
        let torn = ![0, first, first + 1, whole.len() - 1, whole.len()].contains(&cut);
        assert_eq!(records.len(), whole_lines + usize::from(torn) + 1, "{cut}");
        if torn {
            assert_eq!(records[whole_lines]["event"], "gap", "{cut}");
        }
        assert!(seqs(&records).is_sorted_by(|a, b| a < b), "{cut}");
        let text = fs::read_to_string(&file).unwrap();
        let numbers: Vec<_> = text
            .lines()
            .filter_map(|l| line::seq_of(l.as_bytes()))
            .collect();
        assert!(numbers.is_sorted_by(|a, b| a < b), "{cut}: {numbers:?}");
    }
}

#[tokio::test]
async fn strange_files_are_refused_and_said() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("ledger.jsonl");
    let target = directory.path().join("target");
    File::create(&target).unwrap();
    symlink(&target, &file).unwrap();
    let ledger = open(directory.path());
    assert!(ledger.error().unwrap().contains("symbolic link"));
    assert!(ledger.commit(record("a")).await.is_err());
    assert_eq!(fs::read(&target).unwrap(), b"");
    // The next record after the repair takes the kept one along.
    fs::remove_file(&file).unwrap();
    ledger.commit(record("b")).await.unwrap();
    assert_eq!(messages(&all(&ledger)), ["a", "b"]);
    assert_eq!(ledger.error(), None);
    drop(ledger);

    fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).unwrap();
    drop(open(directory.path()));
    let mode = fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "narrowed");
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    assert!(open(directory.path()).error().is_some());
    if rustix::process::geteuid().is_root() {
        fs::remove_dir(&file).unwrap();
        File::create(&file).unwrap();
        std::os::unix::fs::chown(&file, Some(65_534), None).unwrap();
        let error = open(directory.path()).error().unwrap();
        assert!(error.contains("another user"), "{error}");
    }
}

#[tokio::test]
async fn serve_goes_on_while_nothing_can_be_written_and_catches_up_by_itself() {
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path().join("state");
    // A file where the directory should be.
    File::create(&state).unwrap();
    let ledger = open_for(&state, LedgerOnError::Serve);
    assert!(ledger.error().is_some());
    ledger.commit(record("a")).await.unwrap();
    ledger.set_on_error(LedgerOnError::Refuse);
    assert!(ledger.commit(record("b")).await.is_err());
    fs::remove_file(&state).unwrap();
    for _ in 0..100 {
        if ledger.error().is_none() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(messages(&all(&ledger)), ["a", "b"]);
}

#[tokio::test]
async fn a_file_removed_under_us_is_made_again_and_the_loss_is_said() {
    let directory = tempfile::tempdir().unwrap();
    let ledger = open(directory.path());
    ledger.commit(record("a")).await.unwrap();
    fs::remove_file(ledger.file()).unwrap();
    ledger.commit(record("b")).await.unwrap();
    let records = all(&ledger);
    assert_eq!(records.len(), 2);
    assert_eq!(records[0]["event"], "gap");
    assert_eq!(records[1]["message"], "b");
    assert_eq!(seqs(&records), [2, 3]);
}

#[tokio::test]
async fn many_at_once_are_all_there_in_the_order_of_time() {
    let directory = tempfile::tempdir().unwrap();
    let ledger = open(directory.path());
    let mut events = ledger.subscribe();
    let tasks: Vec<_> = (0..100)
        .map(|n| {
            let ledger = ledger.clone();
            tokio::spawn(async move {
                ledger.note(record(&format!("note {n}")));
                ledger.commit(record(&format!("commit {n}"))).await.unwrap();
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let records = all(&ledger);
    assert_eq!(seqs(&records), (1..=200).collect::<Vec<_>>());
    let times: Vec<_> = records
        .iter()
        .map(|r| r["ts_boot"].as_f64().unwrap())
        .collect();
    assert!(times.is_sorted());
    for record in &records {
        let event: Value = serde_json::from_str(&events.try_recv().unwrap()).unwrap();
        assert_eq!(&event, record);
    }
    let issued = ledger
        .counts()
        .into_iter()
        .find(|(event, _)| *event == Event::Issued);
    assert_eq!(issued, Some((Event::Issued, 200)));
}

#[test]
fn a_flood_of_notes_never_blocks_and_is_counted() {
    let directory = tempfile::tempdir().unwrap();
    let ledger = open(directory.path());
    for _ in 0..20_000 {
        ledger.note(record("flood"));
    }
    ledger.close();
    let records = all(&ledger);
    let lost: u64 = records
        .iter()
        .filter_map(|record| record["lost"].as_u64())
        .sum();
    let gaps = records
        .iter()
        .filter(|record| record["event"] == "gap")
        .count();
    assert_eq!(
        records.len() - gaps + usize::try_from(lost).unwrap(),
        20_000
    );
}

#[test]
fn a_first_serve_is_first_once() {
    let directory = tempfile::tempdir().unwrap();
    let ledger = open(directory.path());
    let end = Timestamp::from_secs(i64::MAX / 1000);
    assert!(ledger.first_serve("ASIA1", "0:1:2", end));
    assert!(!ledger.first_serve("ASIA1", "0:1:2", end));
}

/// On a real full disk: a small tmpfs in a mount namespace of our own.
#[test]
fn a_full_disk_is_survived() {
    let directory = tempfile::tempdir().unwrap();
    let done = std::process::Command::new("unshare")
        .args(["-m", "sh", "-c"])
        .arg("mount -t tmpfs -o size=64k none \"$DISK\" || exit 77; exec \"$@\"")
        .arg("sh")
        .arg(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "ledger::tests::on_a_full_disk"])
        .env("DISK", directory.path())
        .output();
    match done {
        Ok(done) if done.status.success() => {
            let output = String::from_utf8_lossy(&done.stdout);
            assert!(output.contains("1 passed"), "{output}");
        }
        Ok(done) if done.status.code() == Some(101) => {
            panic!("{}", String::from_utf8_lossy(&done.stdout));
        }
        _ => eprintln!("skipped: no mount namespace here"),
    }
}

#[tokio::test]
#[ignore = "needs a disk of 64 KiB; run by a_full_disk_is_survived"]
async fn on_a_full_disk() {
    let disk = std::env::var_os("DISK").unwrap();
    let disk = Path::new(&disk);
    let ledger = open(disk);
    let ballast = disk.join("ballast");
    File::create(&ballast)
        .unwrap()
        .write_all(&vec![0; 40_000])
        .unwrap();
    let mut written = 0;
    let refused = loop {
        match ledger.commit(record(&written.to_string())).await {
            Ok(()) => written += 1,
            Err(Unwritable(reason)) => break reason,
        }
    };
    assert!(refused.contains("No space left"), "{refused}");
    assert!(written > 10);
    fs::remove_file(&ballast).unwrap();
    ledger.commit(record("last")).await.unwrap();
    let records = all(&ledger);
    let mut expected: Vec<_> = (0..=written).map(|n| n.to_string()).collect();
    expected.push("last".into());
    assert_eq!(
        messages(&records),
        expected,
        "the refused one is kept, nothing is torn"
    );
    assert_eq!(ledger.error(), None);
}
