//! How much of the daemon a visitor is shown.
//!
//! A user's daemon admits its user (and root, if allowed) and shows them everything. The system service
//! admits others, too: each gets the roles that name their uid or unit, and learns of nothing else: no other
//! role, no other user's reads, no leases, no ledger, no files of the configuration.

use std::sync::Arc;

use rolecall::api::{Code, ConfigStatus, DoorStatus, LedgerStatus, Problem, Status};

use super::super::visitor::Visitor;
use super::route::Route;
use crate::recipe::{Role, Rules};

/// What one visitor is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Sight {
    /// Everything: it is the visitor's own daemon, or the visitor is root.
    All,
    /// What is theirs.
    Own {
        /// Their uid.
        uid: u32,
        /// The unit they run in, if it is known.
        unit: Option<String>,
    },
}

impl Sight {
    /// Of a visitor of the daemon that belongs to `owner`.
    pub(super) fn of(visitor: &Arc<Visitor>, owner: u32) -> Self {
        if visitor.is_in_charge(owner) {
            return Self::All;
        }
        let process = visitor.complete().and_then(|it| it.process.as_ref());
        Self::Own {
            uid: visitor.uid(),
            unit: process.and_then(|process| process.unit.clone()),
        }
    }

    /// Whether they are shown the role: one of its rules is for their uid or unit. Roles without such a rule
    /// are nobody's (`config::system` makes them unusable).
    pub(super) fn shows(&self, role: &Role) -> bool {
        match self {
            Self::All => true,
            Self::Own { uid, unit } => is_theirs(&role.rules, *uid, unit.as_deref()),
        }
    }

    /// Whether they may ask for what the path names. Of what comes to be, nothing until it stands here.
    pub(super) fn opens(&self, route: &Route<'_>) -> bool {
        match self {
            Self::All => true,
            Self::Own { .. } => matches!(
                route,
                Route::Credentials(_) | Route::Whoami(_) | Route::Roles | Route::Status
            ),
        }
    }

    /// Whose reads they are shown; None is everybody's.
    pub(super) fn uid(&self) -> Option<u32> {
        match self {
            Self::All => None,
            Self::Own { uid, .. } => Some(*uid),
        }
    }

    /// The status without what is not theirs; its roles are chosen already.
    pub(super) fn of_status(&self, status: Status) -> Status {
        let Self::Own { .. } = self else {
            return status;
        };
        let shown = |door: &DoorStatus| match &door.role {
            Some(role) => status.roles.iter().any(|it| it.name == *role),
            None => door.error.is_none(),
        };
        Status {
            config: ConfigStatus {
                files: Vec::new(),
                problems: Vec::new(),
                ..status.config
            },
            doors: status
                .doors
                .iter()
                .filter(|it| shown(it))
                .cloned()
                .collect(),
            leases: Vec::new(),
            challenges: Vec::new(),
            ledger: LedgerStatus {
                file: String::new(),
                error: None,
            },
            ..status
        }
    }
}

fn is_theirs(rules: &Rules, uid: u32, unit: Option<&str>) -> bool {
    let fits = |their_uid: Option<u32>, their_unit: Option<&String>| {
        their_uid.is_none_or(|wanted| wanted == uid)
            && their_unit.is_none_or(|wanted| unit == Some(wanted))
    };
    let narrowed = rules.uid.is_some() || rules.unit.is_some();
    let mut entries = rules.allow.iter();
    fits(rules.uid, rules.unit.as_ref())
        && ((rules.allow.is_empty() && narrowed)
            || entries.any(|entry| {
                (narrowed || entry.uid.is_some() || entry.unit.is_some())
                    && fits(entry.uid, entry.unit.as_ref())
            }))
}

/// The answer to what is not theirs to ask.
pub(super) fn not_in_charge() -> Problem {
    Problem {
        code: Code::Refused,
        message: "only root and the service's own user may ask for this".to_owned(),
        hint: Some("`rolecall roles` shows what you may have".to_owned()),
    }
}

/// The answer to a role that is somebody else's.
pub(super) fn not_theirs(role: &str) -> Problem {
    Problem {
        code: Code::Refused,
        message: format!(
            "role `{}` is not for this user or unit",
            role.escape_debug()
        ),
        hint: Some("`rolecall roles` shows what you may have".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::rules::Allow;

    #[test]
    fn a_role_is_theirs_by_uid_and_unit() {
        let entry = |uid, unit: Option<&str>| Allow {
            uid,
            unit: unit.map(str::to_owned),
            ..Allow::default()
        };
        let deploy = Some("deploy.service");
        for (allow, uid, unit, expected) in [
            (vec![], 1001, None, false),
            (vec![entry(None, None)], 1001, None, false),
            (vec![entry(Some(1001), None)], 1001, None, true),
            (vec![entry(Some(1001), None)], 1002, deploy, false),
            (vec![entry(None, deploy)], 1001, deploy, true),
            (
                vec![entry(None, deploy)],
                1001,
                Some("other.service"),
                false,
            ),
            (vec![entry(None, deploy)], 1001, None, false),
            (vec![entry(Some(1001), deploy)], 1001, deploy, true),
            (vec![entry(Some(1001), deploy)], 1001, None, false),
            (vec![entry(Some(1001), deploy)], 1002, deploy, false),
            (
                vec![entry(Some(1002), None), entry(Some(1001), None)],
                1001,
                None,
                true,
            ),
        ] {
            let rules = Rules {
                allow,
                ..Rules::default()
            };
            assert_eq!(is_theirs(&rules, uid, unit), expected, "{rules:?}");
            // The shorthands must hold beside that.
            for (shorthand, also) in [(1001, uid == 1001), (4242, false)] {
                let both = Rules {
                    uid: Some(shorthand),
                    ..rules.clone()
                };
                let expected = also && (expected || both.allow.is_empty());
                if both.allow.iter().all(|it| *it != Allow::default()) {
                    assert_eq!(is_theirs(&both, uid, unit), expected, "{both:?}");
                }
            }
        }
    }

    #[test]
    fn what_is_not_named_is_closed() {
        let own = Sight::Own {
            uid: 1001,
            unit: None,
        };
        let name = || "x".into();
        for (route, open) in [
            (Route::Credentials(name()), true),
            (Route::Whoami(name()), true),
            (Route::Roles, true),
            (Route::Status, true),
            (Route::Events, false),
            (Route::Challenges, false),
            (Route::Challenge(name()), false),
            (Route::Lock, false),
            (Route::Unlock, false),
            (Route::Leases, false),
            (Route::Lease(name()), false),
            (Route::Ledger, false),
            (Route::Metrics, false),
            (Route::Reload, false),
            (Route::ConfigCheck, false),
            (Route::ConfigSetup, false),
        ] {
            assert_eq!(own.opens(&route), open, "{route:?}");
            assert!(Sight::All.opens(&route));
        }
    }
}
