use super::*;
use crate::recipe::{
    RoleArn, RoleName, Rules, SessionName, Source, StaticKeys, Step, StsEndpoint, Unusable,
};
use crate::secrets::Secret;

fn call(name: &str) -> AssumeRole {
    AssumeRole {
        role_arn: RoleArn::parse(&format!("arn:aws:iam::123456789012:role/{name}")).unwrap(),
        duration: Duration::from_hours(1),
        external_id: None,
        session_name: SessionName::Template("{id}".to_owned()),
        policy: None,
        policy_arns: Vec::new(),
        session_tags: Vec::new(),
        transitive_session_tags: Vec::new(),
        source_identity: None,
        sts: StsEndpoint {
            region: "eu-west-1".to_owned(),
            url: None,
        },
    }
}

fn role(chain: &[&str]) -> Role {
    role_of(chain.iter().map(|name| call(name)).collect())
}

fn role_of(calls: Vec<AssumeRole>) -> Role {
    let source = Source::StaticKeys(StaticKeys {
        profile: "base".to_owned(),
        access_key_id: "AKIAUSER".to_owned(),
        secret_access_key: Secret::new("secret"),
        session_token: None,
    });
    let mut parent = Fingerprint::of_source(&source);
    let steps = calls.into_iter().map(|call| {
        parent = Fingerprint::of_assume_role(&call, parent);
        Step {
            fingerprint: parent,
            label: call.role_arn.name().to_owned(),
            call: Call::AssumeRole(call),
            chained: false,
        }
    });
    let steps = steps.collect();
    Role {
        name: RoleName::new("dev").unwrap(),
        region: None,
        recipe: Ok(Recipe { source, steps }),
        keep_fresh: true,
        rules: Rules::default(),
        notes: Vec::new(),
    }
}

fn last(role: &Role) -> &AssumeRole {
    let Call::AssumeRole(call) = &role.recipe.as_ref().ok().unwrap().last().call;
    call
}

fn read_only() -> Narrowing {
    Narrowing {
        read_only: true,
        ..Narrowing::default()
    }
}

fn tagged(key: &str) -> Narrowing {
    Narrowing {
        tags: vec![(key.to_owned(), "x".to_owned())],
        ..Narrowing::default()
    }
}

#[test]
fn only_the_last_step_is_another() {
    let role = role(&["hub", "dev"]);
    let narrowed = read_only().of(&role).unwrap();
    let (old, new) = (role.recipe.ok().unwrap(), narrowed.recipe.ok().unwrap());
    assert_eq!(old.steps[0], new.steps[0]);
    assert_ne!(old.steps[1].fingerprint, new.steps[1].fingerprint);
    let Call::AssumeRole(call) = &new.steps[1].call;
    assert_eq!(call.policy_arns, ["arn:aws:iam::aws:policy/ReadOnlyAccess"]);
}

#[test]
fn equal_narrowings_are_one_step_and_different_ones_are_not() {
    let role = role(&["dev"]);
    let fingerprint = |narrowing: Narrowing| {
        let narrowed = narrowing.checked().unwrap().of(&role).unwrap();
        narrowed.recipe.ok().unwrap().last().fingerprint
    };
    let arns = |arns: &[&str]| Narrowing {
        policy_arns: arns
            .iter()
            .map(|name| format!("arn:aws:iam::aws:policy/{name}"))
            .collect(),
        ..Narrowing::default()
    };
    assert_eq!(
        fingerprint(arns(&["a", "b"])),
        fingerprint(arns(&["b", "a", "b"]))
    );
    let policy = |text: &str| Narrowing {
        policy: Some(text.to_owned()),
        ..Narrowing::default()
    };
    assert_eq!(
        fingerprint(policy("{\"Statement\":[]}")),
        fingerprint(policy("{ \"Statement\": [] }\n"))
    );
    let shorter = Narrowing {
        duration_seconds: Some(900),
        ..Narrowing::default()
    };
    let all = [
        read_only(),
        arns(&["a"]),
        policy("{\"Statement\":[]}"),
        shorter,
        tagged("a"),
    ];
    let mut seen = vec![fingerprint(Narrowing::default())];
    for narrowing in all {
        let fingerprint = fingerprint(narrowing);
        assert!(!seen.contains(&fingerprint));
        seen.push(fingerprint);
    }
}

#[test]
fn nothing_widens() {
    let mut own = call("dev");
    own.policy_arns = vec!["arn:aws:iam::aws:policy/x".to_owned()];
    own.session_tags = vec![("Team".to_owned(), "a".to_owned())];
    let own = role_of(vec![own]);
    assert_eq!(read_only().of(&own).err(), Some(NarrowError::HasPolicy));
    assert_eq!(
        tagged("team").of(&own).err(),
        Some(NarrowError::TagTaken("team".to_owned()))
    );
    // Neither a shorter session nor another tag touches its policy.
    let other = Narrowing {
        duration_seconds: Some(900),
        ..tagged("Other")
    };
    let narrowed = other.of(&own).unwrap();
    assert_eq!(last(&narrowed).policy_arns, last(&own).policy_arns);
    assert_eq!(last(&narrowed).duration, SHORTEST);
    assert_eq!(last(&narrowed).session_tags.len(), 2);

    let longer = Narrowing {
        duration_seconds: Some(3601),
        ..Narrowing::default()
    };
    let error = longer.of(&role(&["dev"])).err();
    assert_eq!(error, Some(NarrowError::Longer("1h".to_owned())));

    let mut hub = call("hub");
    hub.session_tags = vec![("Cost".to_owned(), "a".to_owned())];
    hub.transitive_session_tags = vec!["Cost".to_owned()];
    let chain = role_of(vec![hub, call("dev")]);
    assert_eq!(
        tagged("Cost").of(&chain).err(),
        Some(NarrowError::TagTaken("Cost".to_owned()))
    );
}

#[test]
fn what_aws_would_refuse_is_named() {
    let narrowing = Narrowing::default;
    let table = [
        (
            Narrowing {
                duration_seconds: Some(899),
                ..narrowing()
            },
            "--duration",
        ),
        (
            Narrowing {
                policy: Some("[]".to_owned()),
                ..narrowing()
            },
            "--policy:",
        ),
        (
            Narrowing {
                policy_arns: vec!["x".to_owned()],
                ..narrowing()
            },
            "--policy-arn",
        ),
        (
            Narrowing {
                policy_arns: (0..10)
                    .map(|n| format!("arn:aws:iam::aws:policy/{n}"))
                    .collect(),
                ..read_only()
            },
            "--policy-arn",
        ),
        (tagged("aws:x"), "--tag"),
        (
            Narrowing {
                tags: vec![
                    ("a".to_owned(), String::new()),
                    ("a".to_owned(), "b".to_owned()),
                ],
                ..narrowing()
            },
            "--tag",
        ),
    ];
    for (narrowing, flag) in table {
        let error = narrowing.checked().unwrap_err().to_string();
        assert!(error.starts_with(flag), "{error}");
    }
}

#[test]
fn a_role_that_cannot_work_stays_one() {
    let unusable = Unusable {
        reason: "no source_profile".to_owned(),
        hint: None,
    };
    let role = Role {
        recipe: Err(unusable),
        ..role(&["dev"])
    };
    assert!(read_only().of(&role).unwrap().recipe.is_err());
}

#[test]
fn people_are_told_what_is_taken_away() {
    assert_eq!(Narrowing::default().summary(), None);
    let all = Narrowing {
        policy: Some("{}".to_owned()),
        duration_seconds: Some(900),
        ..Narrowing {
            read_only: true,
            ..tagged("a")
        }
    };
    assert_eq!(
        all.summary().unwrap(),
        "read-only, a policy of 2 characters, sessions of 15m, tag a=x"
    );
}
