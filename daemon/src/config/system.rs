//! What is different for the system service, which serves a computer's users and units and not one person
//! (DESIGN, "What scripts may rely on").
//!
//! It has no home and reads nobody's `~/.aws`. Files that decide who gets which credentials must not be
//! others' to change, and keys not others' to read: both are refused here where a user's daemon warns. Its
//! roles are for certain uids and units, each of them said: what else a rule may ask for (executable,
//! terminal, parent) stands in `/proc` where a service without `CAP_SYS_PTRACE` may not look, so such a rule
//! would silently match nobody.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use rolecall::api::ConfigProblem;

use super::definition::Definitions;
use super::problem::{Fault, Place};
use super::toml_file::{ConfigToml, Listed};
use crate::recipe::rules::{Allow, Confirm};
use crate::recipe::{Role, Rules};

/// Bits of a file's mode that are refused.
pub(super) const OTHERS_WRITE: u32 = 0o022;

/// The same for keys. A group may read them: root owns the file, the service's group reads it.
pub(super) const OTHERS_READ: u32 = 0o007;

/// AWS's shared file `name` (`config` or `credentials`) where no variable names one: beside `config.toml`.
pub(super) fn shared_file(directory: &Path, name: &str) -> PathBuf {
    // Two files called config would be taken for each other.
    directory.join(if name == "config" { "aws-config" } else { name })
}

/// Whom `uids` lists. A name that nobody has is an error, and left out: the others are served.
pub(super) fn uids(
    toml: &ConfigToml,
    uid_of: impl Fn(&str) -> Option<u32>,
    problems: &mut Vec<ConfigProblem>,
) -> BTreeSet<u32> {
    let Some(listed) = &toml.uids else {
        let place = Place::new(&toml.path, None, "uids");
        let nobody = Fault::mistake(place, "is missing, so nobody is served")
            .hint("list who may connect, by number or by name: uids = [1001, \"deploy\"]");
        problems.push(nobody.problem(None));
        return BTreeSet::new();
    };
    let mut uids = BTreeSet::new();
    for (listed, place) in listed {
        let uid = match listed {
            Listed::Uid(uid) => Some(*uid),
            Listed::Name(name) => uid_of(name),
        };
        if let Some(uid) = uid {
            uids.insert(uid);
        } else {
            let fault = Fault::mistake(place.clone(), format!("there is no user {listed}"))
                .hint("`getent passwd` lists them; reload once there is");
            problems.push(fault.problem(None));
        }
    }
    uids
}

/// `uids` in a user's daemon.
pub(super) fn not_for_one_user(toml: &ConfigToml) -> Option<Fault> {
    toml.uids.as_ref()?;
    let place = Place::new(&toml.path, toml.uids_line, "uids");
    let fault = Fault::mistake(
        place,
        "is for the system service; this daemon serves its own user",
    );
    Some(fault.hint("run `rolecalld --system`, or one rolecalld for each user"))
}

/// Refuses a role that does not say whom it is for, or says so by what cannot be known here.
pub(super) fn check(definitions: &Definitions<'_>, role: &Role) -> Result<(), Fault> {
    let name = role.name.as_str();
    let at = |key: &str| {
        let place = definitions.place_of(name, key);
        place.unwrap_or_else(|| definitions.place(name))
    };
    match mistake(&role.rules) {
        None => Ok(()),
        Some(Mistake::ForAnybody) => Err(Fault::mistake(
            at("allow"),
            "does not say whom it is for",
        )
        .hint(
            "every role of the system service names uid or unit, and so does each entry of allow",
        )),
        Some(Mistake::Unknowable(key)) => Err(Fault::mistake(
            at("allow"),
            format!("asks for {key}, which the system service cannot see of other users' programs"),
        )
        .hint("rules go by uid and unit here")),
        Some(Mistake::NobodyToAsk) => Err(Fault::mistake(
            at("confirm"),
            "asks for consent, and a computer has nobody to give it",
        )
        .hint("leave confirm out, and name uid or unit")),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mistake {
    ForAnybody,
    Unknowable(&'static str),
    NobodyToAsk,
}

fn mistake(rules: &Rules) -> Option<Mistake> {
    if rules.confirm != Confirm::Never {
        return Some(Mistake::NobodyToAsk);
    }
    if let Some(key) = rules.allow.iter().find_map(unknowable) {
        return Some(Mistake::Unknowable(key));
    }
    (!rules.name_somebody()).then_some(Mistake::ForAnybody)
}

/// A key that asks for what only a program's own user can see.
fn unknowable(entry: &Allow) -> Option<&'static str> {
    // By name, so that a new kind of rule is thought about here.
    let Allow {
        exe,
        unit: _,
        cgroup,
        tty,
        uid: _,
        parent,
    } = entry;
    let asked = [
        ("exe", exe.is_some()),
        ("cgroup", cgroup.is_some()),
        ("tty", tty.is_some()),
        ("parent", parent.is_some()),
    ];
    let asked = asked.into_iter().find(|(_, asked)| *asked);
    asked.map(|(key, _)| key)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Home, KEYS, table};
    use super::*;

    fn service(toml: &str) -> Home {
        let mut home = Home::new(toml, "", "");
        home.sources.system = true;
        home.sources.home = None;
        home
    }

    #[test]
    fn rules_go_by_uid_and_unit() {
        let entry = Allow::default;
        let uid = Allow {
            uid: Some(1001),
            ..entry()
        };
        let unit = Allow {
            unit: Some("deploy.service".into()),
            ..entry()
        };
        let rules = |allow: &[Allow]| Rules {
            allow: allow.to_vec(),
            ..Rules::default()
        };
        let consent = Rules {
            confirm: Confirm::FirstUse,
            ..rules(std::slice::from_ref(&uid))
        };
        let shorthand = |allow: &[Allow]| Rules {
            uid: Some(1001),
            ..rules(allow)
        };
        let executable = Allow {
            exe: Some("/bin/x".into()),
            ..entry()
        };
        for (rules, expected) in [
            (rules(&[]), Some(Mistake::ForAnybody)),
            (shorthand(&[]), None),
            (shorthand(std::slice::from_ref(&unit)), None),
            (shorthand(&[executable]), Some(Mistake::Unknowable("exe"))),
            (rules(std::slice::from_ref(&uid)), None),
            (rules(&[unit.clone(), uid.clone()]), None),
            (rules(&[uid.clone(), entry()]), Some(Mistake::ForAnybody)),
            (
                rules(&[Allow {
                    exe: Some("/bin/x".into()),
                    ..uid.clone()
                }]),
                Some(Mistake::Unknowable("exe")),
            ),
            (
                rules(&[Allow {
                    cgroup: Some("/x".into()),
                    ..entry()
                }]),
                Some(Mistake::Unknowable("cgroup")),
            ),
            (
                rules(&[
                    unit.clone(),
                    Allow {
                        tty: Some(false),
                        ..unit
                    },
                ]),
                Some(Mistake::Unknowable("tty")),
            ),
            (
                rules(&[Allow {
                    parent: Some("/bin/x".into()),
                    ..uid
                }]),
                Some(Mistake::Unknowable("parent")),
            ),
            (consent, Some(Mistake::NobodyToAsk)),
        ] {
            assert_eq!(mistake(&rules), expected, "{rules:?}");
        }
    }

    #[test]
    fn who_may_connect_is_listed_by_number_or_name() {
        let home = service("uids = [1001, \"root\", \"nobody-of-that-name\"]\n");
        let loaded = home.load();
        let uids = loaded.config.unwrap().settings.uids;
        assert_eq!(uids.iter().copied().collect::<Vec<_>>(), [0, 1001]);
        assert_eq!(
            home.problems(),
            [
                "E config.toml:1: uids: there is no user \"nobody-of-that-name\" [`getent passwd` lists them; reload once there is]"
            ]
        );
        let missing = service("log = \"info\"\n");
        assert!(missing.config().settings.uids.is_empty());
        assert!(missing.problems()[0].contains("nobody is served"));
        for wrong in [
            "uids = 5",
            "uids = [-1]",
            "uids = [true]",
            "uids = [4294967295]",
        ] {
            assert!(service(wrong).load().config.is_none(), "{wrong}");
        }
        let users = Home::new("uids = [1001]\n", "", "");
        assert!(users.load().config.is_none());
        assert!(users.problems()[0].contains("rolecalld --system"));
    }

    #[test]
    fn a_role_that_is_for_anybody_is_for_nobody() {
        let home = service(&format!("uids = [1001]\n{}", table("dev", "")));
        home.put("credentials", KEYS.as_bytes());
        home.close("credentials", 0o600);
        assert!(home.unusable("dev").contains("does not say whom it is for"));
    }

    #[test]
    fn files_are_beside_config_toml_and_closed() {
        let home = service(&format!("uids = [1001]\n{}", table("dev", "")));
        home.put(".aws/credentials", KEYS.as_bytes());
        assert!(
            home.unusable("dev").contains("no profile or role \"base\""),
            "nobody's ~/.aws is read: {}",
            home.unusable("dev")
        );
        home.put("credentials", KEYS.as_bytes());
        home.put("aws-config", b"[profile base]\nregion = eu-west-1\n");
        for (file, mode, fits) in [
            ("credentials", 0o644, false),
            ("credentials", 0o620, false),
            ("credentials", 0o640, true),
            ("aws-config", 0o644, true),
            ("aws-config", 0o664, false),
            ("aws-config", 0o600, true),
            ("config.toml", 0o646, false),
            ("config.toml", 0o644, true),
        ] {
            home.close(file, mode);
            assert_eq!(home.load().config.is_some(), fits, "{file} {mode:o}");
        }
    }
}
