//! Who read each role lately, for `status`.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use rolecall::api::{ConsumerStatus, Door};

use crate::clock::Timestamp;
use crate::peer::Consumer;

/// How many distinct consumers are kept for each role.
const KEPT: usize = 8;

/// The last consumers of each role, most recent first.
#[derive(Debug, Default)]
pub struct Readers(Mutex<HashMap<String, VecDeque<Reader>>>);

#[derive(Debug)]
struct Reader {
    name: String,
    uid: u32,
    pid: Option<u32>,
    door: Door,
    at: Timestamp,
}

impl Readers {
    /// `consumer` read `role` through `door`.
    pub fn read(&self, role: &str, consumer: &Consumer, door: Door, at: Timestamp) {
        let reader = Reader {
            name: consumer.name(),
            uid: consumer.uid,
            pid: consumer.process.as_ref().map(|process| process.pid),
            door,
            at,
        };
        let mut roles = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let readers = match roles.get_mut(role) {
            Some(readers) => readers,
            None => roles.entry(role.to_owned()).or_default(),
        };
        readers.retain(|known| {
            (known.pid, known.door, &known.name) != (reader.pid, reader.door, &reader.name)
        });
        readers.push_front(reader);
        readers.truncate(KEPT);
    }

    /// The last consumers of `role`, or of those the ones with this uid.
    pub fn of(&self, role: &str, uid: Option<u32>) -> Vec<ConsumerStatus> {
        let roles = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let readers = roles.get(role).into_iter().flatten();
        readers
            .filter(|reader| uid.is_none_or(|uid| uid == reader.uid))
            .map(|reader| ConsumerStatus {
                name: reader.name.clone(),
                pid: reader.pid,
                door: reader.door,
                last_read: reader.at.to_string(),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peer::Process;

    fn process(pid: u32, exe: &str, script: Option<&str>) -> Consumer {
        Consumer {
            uid: 1000,
            process: Some(Process {
                pid,
                exe: Some(exe.into()),
                script: script.map(str::to_owned),
                ..Process::default()
            }),
        }
    }

    #[test]
    fn the_last_eight_distinct_consumers_are_kept_most_recent_first() {
        let readers = Readers::default();
        for pid in 0..20 {
            let at = Timestamp::from_secs(i64::from(pid));
            readers.read("dev", &process(pid, "/bin/x", None), Door::Socket, at);
        }
        readers.read(
            "dev",
            &process(15, "/bin/x", None),
            Door::Socket,
            Timestamp::from_secs(99),
        );
        let pids: Vec<_> = readers
            .of("dev", None)
            .iter()
            .filter_map(|reader| reader.pid)
            .collect();
        assert_eq!(pids, [15, 19, 18, 17, 16, 14, 13, 12]);
        assert_eq!(readers.of("dev", None)[0].last_read, "1970-01-01T00:01:39Z");
        assert!(readers.of("other", None).is_empty());
        assert_eq!(readers.of("dev", Some(1000)).len(), 8);
        assert!(readers.of("dev", Some(1001)).is_empty());
    }
}
