//! Who may have a role, through which doors, and whether a person is asked. Pure data; `peer::rules` and
//! the doors decide by it.

use std::path::PathBuf;

use rolecall::api::Door;

/// The rules of one role (`allow`, `uid`, `unit`, `doors`, `confirm`): all of them must hold. They are the
/// rules of the role that is asked for, not of the roles its recipe goes through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// Any of these entries lets a consumer in; none at all lets every consumer in.
    pub allow: Vec<Allow>,
    /// The uid that every consumer must have, beside `allow`.
    pub uid: Option<u32>,
    /// The systemd unit that every consumer must run in, beside `allow`.
    pub unit: Option<String>,
    /// The doors that serve the role; None is all.
    pub doors: Option<Vec<Door>>,
    /// Whether a person is asked.
    pub confirm: Confirm,
}

impl Rules {
    /// Whether every way in names a uid or a unit, as each role of the system service must.
    pub fn name_somebody(&self) -> bool {
        let names = |entry: &Allow| entry.uid.is_some() || entry.unit.is_some();
        let entries = !self.allow.is_empty() && self.allow.iter().all(names);
        self.uid.is_some() || self.unit.is_some() || entries
    }

    /// Whether they ask for nothing: then a read looks at nobody.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether they ask who the consumer is.
    pub fn ask_who(&self) -> bool {
        !self.allow.is_empty() || self.uid.is_some() || self.unit.is_some()
    }

    /// Whether they let the role through this door.
    pub fn let_through(&self, door: Door) -> bool {
        self.doors
            .as_ref()
            .is_none_or(|doors| doors.contains(&door))
    }
}

/// One entry of `allow`: all that is there must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allow {
    /// The consumer's executable, links resolved.
    pub exe: Option<PathBuf>,
    /// The systemd unit it runs in.
    pub unit: Option<String>,
    /// The cgroup it is in, or below.
    pub cgroup: Option<String>,
    /// Whether it has a terminal.
    pub tty: Option<bool>,
    /// Its uid.
    pub uid: Option<u32>,
    /// The executable of one of its ancestors, links resolved.
    pub parent: Option<PathBuf>,
}

/// `confirm`: whether a person is asked before a consumer gets the role.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Confirm {
    /// Nobody is asked.
    #[default]
    Never,
    /// Once for each consumer, remembered for a while.
    FirstUse,
    /// Every time.
    Always,
}
