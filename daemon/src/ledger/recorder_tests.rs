//! The recorder against a disk that fails on command.

use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::ledger::record::Record;

#[derive(Debug, Default)]
struct State {
    written: Vec<u8>,
    fail_append: bool,
    fail_sync: bool,
    opened: Option<Opened>,
}

#[derive(Clone, Debug, Default)]
struct FlakyDisk(Arc<Mutex<State>>);

impl FlakyDisk {
    fn set(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.0.lock().unwrap());
    }

    fn records(&self) -> Vec<Value> {
        let state = self.0.lock().unwrap();
        let text = std::str::from_utf8(&state.written).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

impl Disk for FlakyDisk {
    fn ready(&mut self, _length: usize) -> io::Result<Option<Opened>> {
        Ok(self.0.lock().unwrap().opened.take())
    }

    fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        if state.fail_append {
            return Err(io::ErrorKind::StorageFull.into());
        }
        state.written.extend_from_slice(lines);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        if self.0.lock().unwrap().fail_sync {
            return Err(io::Error::other("i/o error"));
        }
        Ok(())
    }
}

fn recorder(disk: &FlakyDisk) -> Recorder<FlakyDisk> {
    let origin = Origin {
        boot_id: None,
        host: "h".into(),
    };
    Recorder::open(disk.clone(), origin, Now::default())
}

fn record(message: &str) -> (Now, Body) {
    let record = Record {
        message: Some(message.into()),
        ..Record::default()
    };
    (Now::default(), Body::Record(Box::new(record)))
}

#[test]
fn numbers_go_on_from_the_file_and_what_opening_met_is_said() {
    let disk = FlakyDisk::default();
    disk.set(|state| {
        state.opened = Some(Opened {
            last_seq: 41,
            torn: true,
            replaced: false,
        });
    });
    let mut recorder = recorder(&disk);
    let lines = recorder.write(&[record("a"), record("b")], Now::default());
    assert!(lines[0].starts_with("{\"v\":1,\"seq\":43,") && lines[1].contains("\"seq\":44,"));
    let records = disk.records();
    assert_eq!(records[0]["event"], "gap");
    assert_eq!(records[0]["seq"], 42);
    assert_eq!(records[2]["message"], "b");
}

#[test]
fn a_full_disk_costs_what_does_not_fit_in_memory_and_says_so() {
    let disk = FlakyDisk::default();
    let mut recorder = recorder(&disk);
    disk.set(|state| state.fail_append = true);
    let big = "x".repeat(400_000);
    recorder.write(&[record("first"), record(&big)], Now::default());
    recorder.write(&[record(&big), record(&big)], Now::default());
    recorder.write(&[record("small, but later")], Now::default());
    recorder.sync();
    assert!(recorder.is_waiting() && recorder.error().is_some());
    disk.set(|state| state.fail_append = false);
    recorder.write(&[record("last")], Now::default());
    recorder.sync();
    assert!(!recorder.is_waiting());
    assert_eq!(recorder.error(), None);
    let records = disk.records();
    assert_eq!(records.len(), 5);
    assert_eq!(records[0]["message"], "first");
    assert_eq!(
        (&records[3]["event"], &records[3]["lost"]),
        (&"gap".into(), &2.into())
    );
    assert_eq!(records[4]["message"], "last");
    assert_eq!(records[4]["seq"], 5);
}

#[test]
fn a_failed_sync_is_an_error_until_one_succeeds() {
    let disk = FlakyDisk::default();
    let mut recorder = recorder(&disk);
    disk.set(|state| state.fail_sync = true);
    recorder.write(&[record("a"), record("b")], Now::default());
    recorder.sync();
    assert_eq!(recorder.error(), Some("i/o error"));
    disk.set(|state| state.fail_sync = false);
    recorder.write(&[], Now::default());
    recorder.sync();
    assert_eq!(recorder.error(), None);
    assert_eq!(disk.records()[2]["lost"], 2);
}

proptest! {
    /// Whatever fails when: every record is in the file, in order, or counted in a gap where it was.
    #[test]
    fn every_record_is_written_or_counted(steps in proptest::collection::vec(
        (any::<bool>(), proptest::collection::vec(prop_oneof![3 => 1_usize..50, 1 => 1000_usize..3000], 0..4)),
        1..12,
    )) {
        let disk = FlakyDisk::default();
        let mut recorder = recorder(&disk);
        recorder.most_buffered = 5000;
        let mut count = 0_u64;
        for (fail, sizes) in steps {
            disk.set(|state| state.fail_append = fail);
            let records: Vec<_> = sizes.iter().map(|&size| {
                count += 1;
                record(&format!("{count} {}", "x".repeat(size)))
            }).collect();
            recorder.write(&records, Now::default());
            recorder.sync();
            prop_assert_eq!(recorder.error().is_some(), recorder.is_waiting());
        }
        disk.set(|state| state.fail_append = false);
        recorder.write(&[], Now::default());
        let mut next = 1;
        for (line, record) in (1_u64..).zip(disk.records()) {
            prop_assert_eq!(record["seq"].as_u64(), Some(line));
            if record["event"] == "gap" {
                next += record["lost"].as_u64().unwrap();
            } else {
                let message = record["message"].as_str().unwrap();
                let number = message.split(' ').next().unwrap();
                prop_assert_eq!(number, next.to_string());
                next += 1;
            }
        }
        prop_assert_eq!(next, count + 1);
    }
}
