//! A ledger in memory.

use std::sync::{Arc, Mutex};

use rolecall::api::LedgerStatus;
use tokio::sync::broadcast;

use super::super::needs::Witness;
use crate::clock::Timestamp;
use crate::ledger::Record;

/// A ledger in memory.
pub(in super::super) struct FakeWitness {
    pub(in super::super) records: Mutex<Vec<Record>>,
    seen: Mutex<Vec<(String, String)>>,
    pub(in super::super) news: broadcast::Sender<Arc<str>>,
}

impl Default for FakeWitness {
    fn default() -> Self {
        Self {
            records: Mutex::default(),
            seen: Mutex::default(),
            news: broadcast::channel(4).0,
        }
    }
}

impl FakeWitness {
    /// Has recorded nothing.
    pub(in super::super) fn forget(&self) {
        self.records.lock().unwrap().clear();
        self.seen.lock().unwrap().clear();
    }
}

impl Witness for FakeWitness {
    fn note(&self, record: Record) {
        let line = serde_json::to_string(&record).unwrap();
        self.records.lock().unwrap().push(record);
        // Nobody need listen.
        let _ = self.news.send(line.into());
    }

    fn first_serve(&self, access_key_id: &str, consumer: &str, _end: Timestamp) -> bool {
        let key = (access_key_id.to_owned(), consumer.to_owned());
        let mut seen = self.seen.lock().unwrap();
        let first = !seen.contains(&key);
        if first {
            seen.push(key);
        }
        first
    }

    fn subscribe(&self) -> broadcast::Receiver<Arc<str>> {
        self.news.subscribe()
    }

    fn tail(&self, count: usize, after: Option<u64>) -> std::io::Result<Vec<String>> {
        let records = self.records.lock().unwrap();
        let after = usize::try_from(after.unwrap_or(0)).unwrap();
        Ok(records
            .iter()
            .skip(after.max(records.len().saturating_sub(count)))
            .map(|record| serde_json::to_string(record).unwrap())
            .collect())
    }

    fn status(&self) -> LedgerStatus {
        LedgerStatus {
            file: "/state/ledger.jsonl".to_owned(),
            error: None,
        }
    }
}
