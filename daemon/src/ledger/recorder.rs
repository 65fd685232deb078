//! What the writer does with records and a disk that may fail. No threads, no timers.

use std::collections::VecDeque;
use std::io;

use super::disk::{Disk, Opened};
use super::line::{Body, Origin, render, with_seq};
use crate::clock::Now;

/// What is kept in memory while the file cannot be written (`ledger_on_error`).
const MOST_BUFFERED: usize = 1024 * 1024;

/// Numbers records and gets them to the disk in order, or remembers how many it could not.
#[derive(Debug)]
pub(super) struct Recorder<D> {
    disk: D,
    origin: Origin,
    most_buffered: usize,
    /// Of the last line in the file.
    seq: u64,
    /// What opening the file met that the ledger should say; goes before the backlog.
    notice: Option<Vec<u8>>,
    /// Oldest first, without numbers.
    backlog: VecDeque<Vec<u8>>,
    /// How many records were dropped after the backlog.
    lost: u64,
    /// How many lines are written and not known to be on disk.
    unsynced: u64,
    error: Option<String>,
}

impl<D: Disk> Recorder<D> {
    /// Opens the disk; if that fails, [`Self::error`] says why, and the next write tries again.
    pub(super) fn open(disk: D, origin: Origin, now: Now) -> Self {
        let mut recorder = Self {
            disk,
            origin,
            most_buffered: MOST_BUFFERED,
            seq: 0,
            notice: None,
            backlog: VecDeque::new(),
            lost: 0,
            unsynced: 0,
            error: None,
        };
        if let Err(error) = recorder.ready(0, now) {
            recorder.error = Some(error.to_string());
        }
        recorder
    }

    /// Why the last write or sync failed; None once both have succeeded again.
    pub(super) fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }

    /// Whether something waits for the disk to work again.
    pub(super) fn is_waiting(&self) -> bool {
        !self.backlog.is_empty() || self.lost > 0 || self.notice.is_some()
    }

    /// Whether something is written and not yet synced.
    pub(super) fn is_unsynced(&self) -> bool {
        self.unsynced > 0
    }

    /// Writes what waits and then `records`, each with the time it was made. Returns the lines of
    /// `records`; while the disk fails their numbers are what they would be, and may change.
    pub(super) fn write(&mut self, records: &[(Now, Body)], now: Now) -> Vec<String> {
        let fresh: Vec<_> = records
            .iter()
            .map(|(at, body)| render(&self.origin, *at, body))
            .collect();
        let first = match self.try_write(&fresh, now) {
            Ok(first) => first,
            Err(error) => {
                self.error = Some(error.to_string());
                let first = self.seq + 1 + self.backlog.len() as u64 + self.lost;
                self.keep(&fresh);
                first
            }
        };
        (first..)
            .zip(&fresh)
            .map(|(seq, rest)| {
                let mut line = Vec::with_capacity(rest.len() + 32);
                with_seq(seq, rest, &mut line);
                line.pop();
                String::from_utf8_lossy(&line).into_owned()
            })
            .collect()
    }

    /// Gets everything written onto the disk.
    pub(super) fn sync(&mut self) {
        match self.disk.sync() {
            Ok(()) => {
                self.unsynced = 0;
                if !self.is_waiting() {
                    self.error = None;
                }
            }
            Err(error) => {
                // Linux forgets pages it could not write: trying again would prove nothing.
                self.lost += self.unsynced;
                self.unsynced = 0;
                self.error = Some(error.to_string());
            }
        }
    }

    /// Returns the number of the first of `fresh`.
    fn try_write(&mut self, fresh: &[Vec<u8>], now: Now) -> io::Result<u64> {
        let length: usize = self.backlog.iter().chain(fresh).map(Vec::len).sum();
        self.ready(length, now)?;
        let gap = (self.lost > 0).then(|| {
            let reason = self
                .error
                .as_deref()
                .unwrap_or("the file could not be written");
            let body = Body::gap(
                Some(self.lost),
                format!("records were lost, or may be: {reason}"),
            );
            render(&self.origin, now, &body)
        });
        let waiting = self.notice.iter().chain(&self.backlog).chain(&gap);
        let mut lines = Vec::with_capacity(length + 64 * (fresh.len() + self.backlog.len() + 2));
        let mut seq = self.seq;
        let mut put = |rest: &Vec<u8>| {
            seq += 1;
            with_seq(seq, rest, &mut lines);
        };
        waiting.for_each(&mut put);
        fresh.iter().for_each(&mut put);
        if lines.is_empty() {
            return Ok(seq + 1);
        }
        self.disk.append(&lines)?;
        self.unsynced += seq - self.seq;
        self.seq = seq;
        self.notice = None;
        self.backlog.clear();
        self.lost = 0;
        Ok(seq + 1 - fresh.len() as u64)
    }

    fn ready(&mut self, length: usize, now: Now) -> io::Result<()> {
        let Some(Opened {
            last_seq,
            torn,
            replaced,
        }) = self.disk.ready(length)?
        else {
            return Ok(());
        };
        self.seq = self.seq.max(last_seq);
        let message = match (replaced, torn) {
            (true, _) => "the file was removed or replaced: records before this are gone from here",
            (false, true) => "the line before this was cut short",
            (false, false) => return Ok(()),
        };
        self.notice = Some(render(&self.origin, now, &Body::gap(None, message)));
        Ok(())
    }

    /// Keeps what fits; from the first that does not, nothing until the disk works again, so that the
    /// gap is one gap.
    fn keep(&mut self, fresh: &[Vec<u8>]) {
        let mut bytes: usize = self.backlog.iter().map(Vec::len).sum();
        for line in fresh {
            bytes += line.len();
            if self.lost > 0 || bytes > self.most_buffered {
                self.lost += 1;
            } else {
                self.backlog.push_back(line.clone());
            }
        }
    }
}

#[cfg(test)]
#[path = "recorder_tests.rs"]
mod tests;
