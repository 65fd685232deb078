//! Why a door says no, in words.

use rolecall::api::{ChallengeStatus, Code, Door, Problem};

use super::super::metrics::door_name;
use super::super::visitor::Visitor;
use crate::clock::Timestamp;
use crate::peer::rules::Refused;
use crate::recipe::Role;

/// Why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Denial {
    /// The doors are locked.
    Locked(Problem),
    /// A rule says no: the name of the rule, for the ledger.
    Refused(&'static str, Problem),
    /// A person has been asked and has not answered yet: what was asked, unless too much is asked already.
    PersonNeeded(Problem, Option<Box<ChallengeStatus>>),
}

impl Denial {
    /// What the socket says, and the container door in its own form.
    pub fn problem(&self) -> &Problem {
        match self {
            Self::Locked(problem) | Self::Refused(_, problem) | Self::PersonNeeded(problem, _) => {
                problem
            }
        }
    }

    /// The question that a person is asked, if one is.
    pub fn challenge(&self) -> Option<&ChallengeStatus> {
        match self {
            Self::PersonNeeded(_, open) => open.as_deref(),
            Self::Locked(_) | Self::Refused(..) => None,
        }
    }
}

pub(super) fn of_lock(since: Timestamp) -> Denial {
    Denial::Locked(Problem {
        code: Code::Locked,
        message: format!("the doors are locked since {since}"),
        hint: Some("unlock them with `rolecall unlock`".to_owned()),
    })
}

/// The role's `doors`, if they say no.
pub(super) fn of_door(role: &Role, door: Door) -> Option<Denial> {
    if role.rules.let_through(door) {
        return None;
    }
    let doors = role.rules.doors.iter().flatten();
    let doors: Vec<_> = doors.map(|door| door_name(*door)).collect();
    Some(refused(
        "doors",
        format!(
            "role {} is not served through the {} door, only through: {}",
            role.name,
            door_name(door),
            doors.join(", ")
        ),
        format!("`doors` of [roles.{}] in config.toml says so", role.name),
    ))
}

/// The rule of the role's `allow`, `uid` or `unit` that says no.
pub(super) fn of_rule(role: &Role, visitor: &Visitor, because: &Refused) -> Denial {
    let who = visitor
        .consumer()
        .map_or_else(|| "this program".to_owned(), crate::peer::Consumer::name);
    let Refused { rule, why } = because;
    refused(
        rule,
        format!("role {} is not for {who}: {why}", role.name),
        format!("`{rule}` of [roles.{}] in config.toml says so", role.name),
    )
}

pub(super) fn of_unknown(role: &Role) -> Denial {
    refused(
        "confirm",
        format!(
            "role {} needs a person's consent, and who asks cannot be told",
            role.name
        ),
        "ask through the socket (`rolecall process`), from a process that waits for the answer"
            .to_owned(),
    )
}

pub(super) fn of_no(role: &Role) -> Denial {
    refused(
        "confirm",
        format!("a person has denied role {} just now", role.name),
        "they are asked again in a minute".to_owned(),
    )
}

pub(super) fn of_open(open: Box<ChallengeStatus>) -> Denial {
    let problem = Problem {
        code: Code::PersonNeeded,
        message: open.message.clone(),
        hint: open.hint.clone(),
    };
    Denial::PersonNeeded(problem, Some(open))
}

pub(super) fn of_full() -> Denial {
    let problem = Problem {
        code: Code::PersonNeeded,
        message: "a person must approve this, and too many questions wait for them already"
            .to_owned(),
        hint: Some("`rolecall status` lists them; answer some with approve or deny".to_owned()),
    };
    Denial::PersonNeeded(problem, None)
}

pub(super) fn of_dropped() -> Denial {
    let problem = Problem {
        code: Code::PersonNeeded,
        message: "a person must approve this, and the question was dropped".to_owned(),
        hint: Some("ask again".to_owned()),
    };
    Denial::PersonNeeded(problem, None)
}

fn refused(rule: &'static str, message: String, hint: String) -> Denial {
    Denial::Refused(
        rule,
        Problem {
            code: Code::Refused,
            message,
            hint: Some(hint),
        },
    )
}
