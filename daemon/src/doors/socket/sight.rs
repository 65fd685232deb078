//! How much of the daemon a visitor is shown.
//!
//! A user's daemon admits its user (and root, if allowed) and shows them everything. The system service
//! admits others, too: each gets the roles that name their uid or unit, and learns of nothing else: no other
//! role, no other user's reads, no leases, no ledger, no files of the configuration.

use rolecall::api::{Code, ConfigStatus, DoorStatus, LedgerStatus, Problem, Status};

use super::super::visitor::Visitor;
use super::route::Route;
use crate::peer::rules::{Facts, judge};
use crate::recipe::Role;

/// What one visitor is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Sight {
    /// Everything: it is the visitor's own daemon, or the visitor is root.
    All,
    /// What is theirs.
    Own(Box<Facts>),
}

impl Sight {
    /// Of a visitor of the daemon that belongs to `owner`.
    pub(super) fn of(visitor: &Visitor, owner: u32) -> Self {
        if visitor.is_in_charge(owner) {
            return Self::All;
        }
        Self::Own(Box::new(Facts {
            uid: visitor.uid(),
            process: visitor.complete().and_then(|it| it.process.clone()),
            ..Facts::default()
        }))
    }

    /// The rule that keeps the role from them, if one does: a role of the system service names somebody's uid
    /// or unit, and those are who it is shown to. (`config::system` makes every other role unusable.)
    pub(super) fn hides(&self, role: &Role) -> Option<&'static str> {
        match self {
            Self::All => None,
            Self::Own(_) if !role.rules.name_somebody() => Some("allow"),
            // Of executables nothing is known here, so no rule on one holds.
            Self::Own(facts) => judge(&role.rules, facts, |_| None)
                .err()
                .map(|refused| refused.rule),
        }
    }

    /// Whether they may ask for what the path names. Of what comes to be, nothing until it stands here.
    pub(super) fn opens(&self, route: &Route<'_>) -> bool {
        match self {
            Self::All => true,
            Self::Own(_) => matches!(
                route,
                Route::Credentials(_) | Route::Whoami(_) | Route::Roles | Route::Status
            ),
        }
    }

    /// Whose reads they are shown; None is everybody's.
    pub(super) fn uid(&self) -> Option<u32> {
        match self {
            Self::All => None,
            Self::Own(facts) => Some(facts.uid),
        }
    }

    /// The status without what is not theirs; its roles are chosen already.
    pub(super) fn of_status(&self, status: Status) -> Status {
        let Self::Own(_) = self else {
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
    use super::super::super::fake::FakeRole;
    use super::super::super::needs::RoleInForce as _;
    use super::*;
    use crate::peer::Process;
    use crate::recipe::Rules;
    use crate::recipe::rules::Allow;

    fn own(uid: u32, unit: Option<&str>) -> Sight {
        Sight::Own(Box::new(Facts {
            uid,
            process: Some(Process {
                unit: unit.map(str::to_owned),
                ..Process::default()
            }),
            ..Facts::default()
        }))
    }

    #[test]
    fn a_role_is_theirs_by_uid_and_unit() {
        let entry = |uid, unit: Option<&str>| Allow {
            uid,
            unit: unit.map(str::to_owned),
            ..Allow::default()
        };
        let allow = |allow| Rules {
            allow,
            ..Rules::default()
        };
        let executable = Allow {
            exe: Some("/bin/sh".into()),
            ..entry(Some(1001), None)
        };
        let shorthand = Rules {
            uid: Some(1001),
            ..allow(vec![entry(None, Some("deploy.service"))])
        };
        let deploy = Some("deploy.service");
        for (rules, uid, unit, hidden) in [
            (Rules::default(), 1001, None, Some("allow")),
            (allow(vec![entry(None, None)]), 1001, None, Some("allow")),
            (allow(vec![entry(Some(1001), None)]), 1001, None, None),
            (
                allow(vec![entry(Some(1001), None)]),
                1002,
                deploy,
                Some("allow"),
            ),
            (allow(vec![entry(None, deploy)]), 1001, deploy, None),
            (
                allow(vec![entry(None, deploy)]),
                1001,
                Some("a.service"),
                Some("allow"),
            ),
            (allow(vec![entry(None, deploy)]), 1001, None, Some("allow")),
            (allow(vec![executable]), 1001, None, Some("allow")),
            (
                allow(vec![entry(Some(1002), None), entry(Some(1001), None)]),
                1001,
                None,
                None,
            ),
            (shorthand.clone(), 1001, deploy, None),
            (shorthand.clone(), 1001, None, Some("allow")),
            (shorthand, 1002, deploy, Some("uid")),
        ] {
            let role = Role {
                rules,
                ..FakeRole::new("dev", None).role().clone()
            };
            assert_eq!(own(uid, unit).hides(&role), hidden, "{:?}", role.rules);
            assert_eq!(Sight::All.hides(&role), None);
        }
    }

    #[test]
    fn what_is_not_named_is_closed() {
        let own = own(1001, None);
        let name = || "x".into();
        for (route, open) in [
            (Route::Credentials(name()), true),
            (Route::Whoami(name()), true),
            (Route::Roles, true),
            (Route::Status, true),
            (Route::Challenges, false),
            (Route::Challenge(name()), false),
            (Route::Events, false),
            (Route::Leases, false),
            (Route::Lease(name()), false),
            (Route::Ledger, false),
            (Route::Lock, false),
            (Route::Unlock, false),
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
