//! May this consumer have this role? Pure: what is known of the consumer is passed in.
//!
//! An attribute that cannot be read matches no rule, and refuses no role that has none.

use std::path::Path;

use super::{Consumer, Executable, Process, ancestors};
use crate::recipe::rules::{Allow, Rules};

/// What rules look at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The consumer's uid, as the kernel says.
    pub uid: u32,
    /// The consumer's process, if it is known.
    pub process: Option<Process>,
    /// What it runs.
    pub exe: Option<Executable>,
    /// What its ancestors run, as far as that can be seen, nearest first.
    pub ancestors: Vec<Executable>,
}

impl Facts {
    /// What `rules` look at of `consumer`. Reads `/proc`, so off the reading path.
    pub fn gather(consumer: &Consumer, rules: &Rules) -> Self {
        let process = consumer.process.clone();
        let wants = |key: fn(&Allow) -> bool| rules.allow.iter().any(key);
        let exe = process
            .as_ref()
            .filter(|_| wants(|entry| entry.exe.is_some()))
            .and_then(Executable::of);
        let ancestors = match &process {
            Some(process) if wants(|entry| entry.parent.is_some()) => ancestors(process)
                .iter()
                .filter_map(Executable::of)
                .collect(),
            _ => Vec::new(),
        };
        Self {
            uid: consumer.uid,
            process,
            exe,
            ancestors,
        }
    }
}

/// Why a consumer is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The key of the configuration that refuses.
    pub rule: &'static str,
    /// What it asks for and what was found, for people.
    pub why: String,
}

/// As many entries of `allow` as a message tells of.
const MOST_TOLD: usize = 4;

/// The verdict of `allow`, `uid` and `unit`. `at` says which executable is found at a path, all links
/// resolved ([`Executable::at`]).
pub fn judge(
    rules: &Rules,
    facts: &Facts,
    at: impl Fn(&Path) -> Option<Executable>,
) -> Result<(), Refused> {
    let shorthand = Allow {
        uid: rules.uid,
        unit: rules.unit.clone(),
        ..Allow::default()
    };
    if let Some((key, missed)) = failing(&shorthand, facts, &at) {
        return Err(Refused {
            rule: key,
            why: missed,
        });
    }
    let mut missed = Vec::new();
    for (number, entry) in (1..).zip(&rules.allow) {
        match failing(entry, facts, &at) {
            None => return Ok(()),
            Some((_, why)) if rules.allow.len() == 1 => missed.push(why),
            Some((_, why)) => missed.push(format!("entry {number}: {why}")),
        }
    }
    if missed.is_empty() {
        return Ok(());
    }
    let more = missed.len().saturating_sub(MOST_TOLD);
    missed.truncate(MOST_TOLD);
    if more > 0 {
        missed.push(format!("and {more} more"));
    }
    Err(Refused {
        rule: "allow",
        why: missed.join("; "),
    })
}

/// The first key of `entry` that does not hold, and how.
fn failing(
    entry: &Allow,
    facts: &Facts,
    at: &impl Fn(&Path) -> Option<Executable>,
) -> Option<(&'static str, String)> {
    let process = facts.process.as_ref();
    let unlike = |key, wanted: &dyn std::fmt::Display, found: Option<String>| {
        let found = found.unwrap_or_else(|| "unknown".to_owned());
        Some((key, format!("{key} must be {wanted}, and is {found}")))
    };
    if let Some(uid) = entry.uid
        && uid != facts.uid
    {
        return unlike("uid", &uid, Some(facts.uid.to_string()));
    }
    if let Some(exe) = &entry.exe
        && (facts.exe.is_none() || facts.exe != at(exe))
    {
        let found = process.and_then(|process| process.exe.as_deref());
        let found = found.map(|path| {
            let same_name = facts.exe.is_none() || found_at(at(exe), path);
            let note = if same_name {
                " (not the file that is there now)"
            } else {
                ""
            };
            format!("{}{note}", path.display())
        });
        return unlike("exe", &exe.display(), found);
    }
    if let Some(unit) = &entry.unit {
        let found = process.and_then(|process| process.unit.as_ref());
        if found != Some(unit) {
            return unlike("unit", unit, found.cloned());
        }
    }
    if let Some(cgroup) = &entry.cgroup {
        let found = process.and_then(|process| process.cgroup.as_ref());
        if !found.is_some_and(|found| is_within(found, cgroup)) {
            return unlike("cgroup", &format!("{cgroup} or below"), found.cloned());
        }
    }
    if let Some(tty) = entry.tty
        && process.map(|process| process.tty.is_some()) != Some(tty)
    {
        let wanted = if tty { "a terminal" } else { "none" };
        let found = process.map(|process| process.tty.clone().unwrap_or_else(|| "none".to_owned()));
        return unlike("tty", &wanted, found);
    }
    if let Some(parent) = &entry.parent {
        let wanted = at(parent);
        if wanted.is_none()
            || !facts
                .ancestors
                .iter()
                .any(|one| Some(one) == wanted.as_ref())
        {
            return unlike(
                "parent",
                &parent.display(),
                Some("none of its ancestors".to_owned()),
            );
        }
    }
    None
}

fn found_at(there: Option<Executable>, path: &Path) -> bool {
    there.is_some_and(|there| there.path == path)
}

/// Whether the cgroup `found` is `group` or below it. Paths that climb are nobody's: the kernel shows a
/// cgroup outside of our cgroup namespace so.
fn is_within(found: &str, group: &str) -> bool {
    let rest = found.strip_prefix(group.trim_end_matches('/'));
    let below = rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    below && !found.split('/').any(|part| part == "..")
}

#[cfg(test)]
mod tests;
