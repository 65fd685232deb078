use insta::assert_snapshot;

use super::super::testing::{Home, KEYS, profile, table};
use super::*;

fn rules(more: &str) -> Rules {
    let home = Home::new(&table("x", more), &profile("good", "base", ""), KEYS);
    let config = home.config();
    let role = config.roles.iter().find(|role| role.name.as_str() == "x");
    let role = role.unwrap();
    assert!(role.recipe.is_ok(), "{:?}", role.recipe.as_ref().err());
    role.rules.clone()
}

#[test]
fn every_rule_is_read() {
    let all = rules(
        r#"doors = ["socket", "container", "imds"]
           confirm = "first-use"
           uid = 1000
           unit = "deploy.service"
           allow = [
             { exe = "/usr/bin/terraform", tty = true, parent = "/usr/bin/bash" },
             { unit = "a@b.service", cgroup = "/system.slice/x", uid = 0 },
           ]"#,
    );
    let expected = Rules {
        allow: vec![
            Allow {
                exe: Some("/usr/bin/terraform".into()),
                tty: Some(true),
                parent: Some("/usr/bin/bash".into()),
                ..Allow::default()
            },
            Allow {
                unit: Some("a@b.service".into()),
                cgroup: Some("/system.slice/x".into()),
                uid: Some(0),
                ..Allow::default()
            },
        ],
        uid: Some(1000),
        unit: Some("deploy.service".into()),
        doors: Some(vec![Door::Socket, Door::Container, Door::Imds]),
        confirm: Confirm::FirstUse,
    };
    assert_eq!(all, expected);
    assert_eq!(rules("confirm = \"always\"").confirm, Confirm::Always);
    assert!(rules("confirm = \"never\"").is_empty());
}

#[test]
fn a_role_keeps_its_own_rules_and_no_others() {
    let toml = table("hub", "doors = [\"imds\"]")
        + &table("x", "").replace("source_profile = \"base\"", "source_profile = \"hub\"");
    let home = Home::new(&toml, "", KEYS);
    let config = home.config();
    let of = |name: &str| {
        let role = config.roles.iter().find(|role| role.name.as_str() == name);
        role.unwrap().rules.clone()
    };
    assert_eq!(of("hub").doors, Some(vec![Door::Imds]));
    assert!(of("x").is_empty());
}

#[test]
fn mistakes_name_line_and_key_and_the_role_is_not_served() {
    let bad = [
        "allow = { exe = \"/x\" }",
        "allow = []",
        "allow = [{}]",
        "allow = [\"/x\"]",
        "allow = [\n{ exe = \"/x\" },\n{ ex = \"/x\" },\n]",
        "allow = [{ path = \"/x\" }]",
        "allow = [{ exe = \"terraform\" }]",
        "allow = [{ exe = \"/x (deleted)\" }]",
        "allow = [{ exe = 5 }]",
        "allow = [{ parent = \"./x\" }]",
        "allow = [{ tty = \"yes\" }]",
        "allow = [{ uid = \"alice\" }]",
        "allow = [{ uid = -1 }]",
        "allow = [{ uid = 4294967295 }]",
        "allow = [{ unit = \"deploy\" }]",
        "allow = [{ cgroup = \"system.slice\" }]",
        "allow = [{ cgroup = \"/a/../b\" }]",
        "allow = [{ cgroup = \"/a/\" }]",
        "doors = \"socket\"",
        "doors = []",
        "doors = [\n\"socket\",\n\"process\"]",
        "doors = [1]",
        "confirm = \"maybe\"",
        "confirm = true",
        "uid = \"alice\"",
        "unit = \"\"",
    ];
    let mut why = Vec::new();
    for more in bad {
        let home = Home::new(&table("x", more), &profile("good", "base", ""), KEYS);
        assert_eq!(home.recipe("good").line(), "base → good 1h", "{more}");
        why.push(home.unusable("x"));
    }
    assert_snapshot!(why.join("\n"));
}
