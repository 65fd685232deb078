use std::path::PathBuf;

use proptest::prelude::*;

use super::*;

/// The machine: a link, two files, and nothing else.
fn at(path: &Path) -> Option<Executable> {
    let (path, inode) = match path.to_str()? {
        "/usr/bin/terraform" | "/usr/local/bin/tf" => ("/usr/bin/terraform", 1),
        "/usr/bin/bash" | "/bin/sh" => ("/usr/bin/bash", 2),
        _ => return None,
    };
    Some(executable(path, inode))
}

fn executable(path: &str, inode: u64) -> Executable {
    Executable {
        path: path.into(),
        device: 7,
        inode,
    }
}

fn terraform() -> Facts {
    Facts {
        uid: 1000,
        process: Some(Process {
            pid: 4711,
            uid: 1000,
            exe: Some("/usr/bin/terraform".into()),
            tty: Some("pts/3".to_owned()),
            cgroup: Some("/system.slice/deploy.service/a".to_owned()),
            unit: Some("deploy.service".to_owned()),
            ..Process::default()
        }),
        exe: at(Path::new("/usr/bin/terraform")),
        ancestors: vec![executable("/opt/x", 9), executable("/usr/bin/bash", 2)],
    }
}

fn unknown() -> Facts {
    Facts {
        uid: 1000,
        ..Facts::default()
    }
}

/// Rules with one entry.
fn one(change: impl FnOnce(&mut Allow)) -> Rules {
    let mut entry = Allow::default();
    change(&mut entry);
    Rules {
        allow: vec![entry],
        ..Rules::default()
    }
}

#[expect(clippy::unnecessary_wraps, reason = "what the fields of an entry take")]
fn path(text: &str) -> Option<PathBuf> {
    Some(text.into())
}

#[test]
fn each_key_lets_in_whom_it_names_and_nobody_unknown() {
    let table: Vec<(Rules, bool)> = vec![
        (one(|entry| entry.exe = path("/usr/bin/terraform")), true),
        (one(|entry| entry.exe = path("/usr/local/bin/tf")), true),
        (one(|entry| entry.exe = path("/usr/bin/bash")), false),
        (one(|entry| entry.exe = path("/nowhere")), false),
        (
            one(|entry| entry.unit = Some("deploy.service".into())),
            true,
        ),
        (one(|entry| entry.unit = Some("deploy".into())), false),
        (
            one(|entry| entry.cgroup = Some("/system.slice/deploy.service".into())),
            true,
        ),
        (
            one(|entry| entry.cgroup = Some("/system.slice/deploy.service/a".into())),
            true,
        ),
        (
            one(|entry| entry.cgroup = Some("/system.slice/deploy.service/a/b".into())),
            false,
        ),
        (
            one(|entry| entry.cgroup = Some("/system.slice/deploy".into())),
            false,
        ),
        (one(|entry| entry.tty = Some(true)), true),
        (one(|entry| entry.tty = Some(false)), false),
        (one(|entry| entry.parent = path("/bin/sh")), true),
        (
            one(|entry| entry.parent = path("/usr/bin/terraform")),
            false,
        ),
        (one(|entry| entry.parent = path("/nowhere")), false),
    ];
    for (rules, expected) in table {
        assert_eq!(
            judge(&rules, &terraform(), at).is_ok(),
            expected,
            "{rules:?}"
        );
        let refused = judge(&rules, &unknown(), at).unwrap_err();
        assert_eq!(refused.rule, "allow", "{rules:?}");
        assert!(
            refused.why.contains("is unknown") || refused.why.contains("none of"),
            "{refused:?}"
        );
    }
    for uid in [999, 1000] {
        let rules = one(|entry| entry.uid = Some(uid));
        // The uid is known of everybody.
        assert_eq!(judge(&rules, &terraform(), at).is_ok(), uid == 1000);
        assert_eq!(judge(&rules, &unknown(), at).is_ok(), uid == 1000);
    }
}

#[test]
fn a_file_of_another_namespace_or_replaced_is_another() {
    let rules = one(|entry| entry.exe = path("/usr/bin/terraform"));
    for exe in [
        None,
        Some(executable("/usr/bin/terraform", 3)),
        Some(executable("/usr/bin/terraform (deleted)", 1)),
    ] {
        let facts = Facts { exe, ..terraform() };
        let why = judge(&rules, &facts, at).unwrap_err().why;
        assert_eq!(
            why,
            "exe must be /usr/bin/terraform, and is /usr/bin/terraform (not the file that is there now)"
        );
    }
}

#[test]
fn a_refusal_names_the_rule_the_entry_and_what_failed() {
    let two = Rules {
        allow: vec![
            Allow {
                exe: path("/usr/bin/terraform"),
                tty: Some(false),
                ..Allow::default()
            },
            Allow {
                unit: Some("other.service".to_owned()),
                ..Allow::default()
            },
        ],
        ..Rules::default()
    };
    let refused = judge(&two, &terraform(), at).unwrap_err();
    assert_eq!(
        refused.why,
        "entry 1: tty must be none, and is pts/3; entry 2: unit must be other.service, and is deploy.service"
    );
    let many = Rules {
        allow: vec![two.allow[1].clone(); 9],
        ..Rules::default()
    };
    let why = judge(&many, &terraform(), at).unwrap_err().why;
    assert!(why.ends_with("; and 5 more"), "{why}");

    // The shorthands must hold beside `allow`.
    let named = |rules: Rules| judge(&rules, &terraform(), at).map_err(|refused| refused.rule);
    let good = one(|entry| entry.tty = Some(true));
    let with = |uid, unit: Option<&str>| Rules {
        uid,
        unit: unit.map(str::to_owned),
        ..good.clone()
    };
    assert_eq!(named(with(Some(1000), Some("deploy.service"))), Ok(()));
    assert_eq!(named(with(Some(1), None)), Err("uid"));
    assert_eq!(named(with(None, Some("x.service"))), Err("unit"));
}

#[test]
fn a_cgroup_that_climbs_out_is_nobody_s() {
    assert!(is_within("/a/b", "/a") && is_within("/a", "/a") && is_within("/a", "/"));
    assert!(!is_within("/ab", "/a") && !is_within("/", "/a"));
    assert!(!is_within("/a/../b", "/a") && !is_within("/../a", "/"));
}

fn any_facts() -> impl Strategy<Value = Facts> {
    let known = prop::option::of((any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>()));
    (0_u32..3, known).prop_map(|(uid, known)| {
        let Some((exe, tty, unit, parent)) = known else {
            return Facts {
                uid,
                ..Facts::default()
            };
        };
        let full = terraform();
        let process = full.process.map(|process| Process {
            exe: process.exe.filter(|_| exe),
            tty: process.tty.filter(|_| tty),
            unit: process.unit.filter(|_| unit),
            cgroup: process.cgroup.filter(|_| unit),
            ..process
        });
        Facts {
            uid,
            process,
            exe: full.exe.filter(|_| exe),
            ancestors: if parent { full.ancestors } else { Vec::new() },
        }
    })
}

fn any_entry() -> impl Strategy<Value = Allow> {
    let text = |values: &'static [&'static str]| prop::option::of(prop::sample::select(values));
    (
        text(&["/usr/bin/terraform", "/usr/bin/bash", "/nowhere"]),
        text(&["deploy.service", "x.service"]),
        text(&["/system.slice", "/user.slice"]),
        prop::option::of(any::<bool>()),
        prop::option::of(0_u32..3),
        text(&["/bin/sh", "/nowhere"]),
    )
        .prop_map(|(exe, unit, cgroup, tty, uid, parent)| Allow {
            exe: exe.map(PathBuf::from),
            unit: unit.map(str::to_owned),
            cgroup: cgroup.map(str::to_owned),
            tty,
            uid,
            parent: parent.map(PathBuf::from),
        })
}

fn allowing(allow: Vec<Allow>) -> Rules {
    Rules {
        allow,
        ..Rules::default()
    }
}

proptest! {
    #[test]
    fn without_rules_everybody_comes_in(facts in any_facts()) {
        prop_assert_eq!(judge(&Rules::default(), &facts, at), Ok(()));
    }

    #[test]
    fn any_entry_will_do(facts in any_facts(), entries in prop::collection::vec(any_entry(), 1..4)) {
        let one_by_one = entries.iter().any(|entry| judge(&allowing(vec![entry.clone()]), &facts, at).is_ok());
        prop_assert_eq!(judge(&allowing(entries), &facts, at).is_ok(), one_by_one);
    }

    #[test]
    fn all_keys_of_an_entry_must_hold(facts in any_facts(), entry in any_entry()) {
        let all = judge(&allowing(vec![entry.clone()]), &facts, at).is_ok();
        let alone = [
            Allow { exe: entry.exe.clone(), ..Allow::default() },
            Allow { unit: entry.unit.clone(), ..Allow::default() },
            Allow { cgroup: entry.cgroup.clone(), ..Allow::default() },
            Allow { tty: entry.tty, ..Allow::default() },
            Allow { uid: entry.uid, ..Allow::default() },
            Allow { parent: entry.parent.clone(), ..Allow::default() },
        ];
        let each = alone.into_iter().all(|key| judge(&allowing(vec![key]), &facts, at).is_ok());
        prop_assert_eq!(all, each);
    }

    #[test]
    fn who_is_unknown_is_let_in_by_uid_alone(entry in any_entry()) {
        let by_process = Allow { uid: None, ..entry.clone() } != Allow::default();
        let facts = Facts { uid: entry.uid.unwrap_or(5), ..Facts::default() };
        prop_assert_eq!(judge(&allowing(vec![entry]), &facts, at).is_ok(), !by_process);
    }
}
