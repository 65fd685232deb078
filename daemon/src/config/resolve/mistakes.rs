use insta::assert_snapshot;

use super::super::testing::{Home, KEYS, profile, table};

#[test]
fn a_bad_role_is_named_and_takes_no_other_down() {
    let bad = [
        (
            "arn",
            "role_arn = arn:aws:iam::1:role/x\nsource_profile = base",
        ),
        ("nosource", "role_arn = arn:aws:iam::123456789012:role/x"),
        (
            "missing",
            "role_arn = arn:aws:iam::123456789012:role/x\nsource_profile = bsae",
        ),
        (
            "empty",
            "role_arn = arn:aws:iam::123456789012:role/x\nsource_profile = nothing",
        ),
        (
            "a",
            "role_arn = arn:aws:iam::123456789012:role/x\nsource_profile = b",
        ),
        (
            "b",
            "role_arn = arn:aws:iam::123456789012:role/x\nsource_profile = c",
        ),
        (
            "c",
            "role_arn = arn:aws:iam::123456789012:role/x\nsource_profile = b",
        ),
        (
            "self",
            "role_arn = arn:aws:iam::123456789012:role/x\nsource_profile = self",
        ),
        (
            "half",
            "role_arn = arn:aws:iam::123456789012:role/x\nsource_profile = broken",
        ),
        (
            "short",
            "role_arn = arn:aws:iam::123456789012:role/x\nsource_profile = base\nduration_seconds = 60",
        ),
        (
            "words",
            "role_arn = arn:aws:iam::123456789012:role/x\nsource_profile = base\nduration_seconds = 1h",
        ),
        (
            "name",
            "role_arn = arn:aws:iam::123456789012:role/x\nsource_profile = base\nrole_session_name = a b",
        ),
        (
            "secret",
            "role_arn = arn:aws:iam::123456789012:role/x\nsource_profile = base\nexternal_id = top secret",
        ),
        (
            "mfa",
            "role_arn = arn:aws:iam::123456789012:role/x\nsource_profile = base\nmfa_serial = arn:aws:iam::1:mfa/x",
        ),
        (
            "overmfa",
            "role_arn = arn:aws:iam::123456789012:role/x\nsource_profile = mfa",
        ),
        (
            "instance",
            "role_arn = arn:aws:iam::123456789012:role/x\ncredential_source = Ec2InstanceMetadata",
        ),
        (
            "two",
            "role_arn = arn:aws:iam::123456789012:role/x\ncredential_source = Ec2InstanceMetadata\nsource_profile = base",
        ),
        (
            "web",
            "role_arn = arn:aws:iam::123456789012:role/x\nweb_identity_token_file = /x",
        ),
        ("program", "credential_process = /usr/bin/op get"),
        (
            "behind",
            "role_arn = arn:aws:iam::123456789012:role/x\nsource_profile = program",
        ),
        (
            "sso",
            "sso_session = corp\nsso_account_id = 123456789012\nsso_role_name = Admin",
        ),
        (
            "services",
            "role_arn = arn:aws:iam::123456789012:role/x\nsource_profile = base\nservices = none",
        ),
        (
            "ours",
            "role_arn = arn:aws:iam::123456789012:role/x\nsource_profile = lost",
        ),
    ];
    let mut config = String::from(
        "[profile nothing]\nregion = eu-west-1\n[profile broken]\naws_access_key_id = AKIA\n\
         [profile lost]\ncredential_process = /usr/bin/rolecall process gone\n",
    );
    for (name, text) in bad {
        config.extend(["[profile ", name, "]\n", text, "\n"]);
    }
    config += &profile("good", "base", "");
    let home = Home::new("", &config, KEYS);
    assert_eq!(home.recipe("good").line(), "base → good 1h");
    let why: Vec<String> = bad
        .iter()
        .map(|(name, _)| format!("{name}: {}", home.unusable(name)))
        .collect();
    assert_snapshot!(why.join("\n"), @r#"
    arn: .aws/config:8: profile arn.role_arn: expected an account id of 12 digits, found "1"
    nosource: .aws/config:10: profile nosource: has role_arn, but no source_profile [source_profile names the profile whose keys assume the role]
    missing: .aws/config:14: profile missing.source_profile: there is no profile or role "bsae" [did you mean base?]
    empty: .aws/config:17: profile empty.source_profile: profile nothing has neither keys nor role_arn [put aws_access_key_id and aws_secret_access_key of nothing into ~/.aws/credentials]
    a: .aws/config:26: profile c.source_profile: the chain goes round in a circle: b → c → b [one of them must name a profile with keys]
    b: .aws/config:26: profile c.source_profile: the chain goes round in a circle: b → c → b [one of them must name a profile with keys]
    c: .aws/config:23: profile b.source_profile: the chain goes round in a circle: c → b → c [one of them must name a profile with keys]
    self: .aws/config:29: profile self.source_profile: names self itself, which has no keys of its own [name the profile whose keys assume the role]
    half: .aws/config:3: profile broken: has one half of a pair of keys, but no aws_secret_access_key
    short: .aws/config:36: profile short.duration_seconds: expected a whole number of seconds from 900 to 43200, found "60" [an hour is 3600]
    words: .aws/config:40: profile words.duration_seconds: expected a whole number of seconds from 900 to 43200, found "1h" [an hour is 3600]
    name: .aws/config:44: profile name.role_session_name: expected 2 to 64 letters, digits and _+=,.@-, found "a b" [session_name in config.toml takes a template and shapes it to fit]
    secret: .aws/config:48: profile secret.external_id: expected an external id of 2 to 1,224 letters, digits and _+=,.@:/- (not shown)
    mfa: .aws/config:52: profile mfa.mfa_serial: MFA is not built yet, so this role is not served
    overmfa: .aws/config:52: profile mfa.mfa_serial: MFA is not built yet, so this role is not served
    instance: .aws/config:58: profile instance.credential_source: credential_source is not built yet, so this role is not served
    two: .aws/config:61: profile two.credential_source: stands beside source_profile: a role has one or the other
    web: .aws/config:65: profile web.web_identity_token_file: a web identity source is not built yet, so this role is not served
    program: .aws/config:67: profile program.credential_process: another program's credential_process as a source is not built yet, so this role is not served
    behind: .aws/config:67: profile program.credential_process: another program's credential_process as a source is not built yet, so this role is not served
    sso: .aws/config:72: profile sso.sso_session: IAM Identity Center is not built yet, so this role is not served
    services: .aws/config:78: profile services.services: there is no section [services none]
    ours: .aws/config:6: profile lost.credential_process: there is no profile or role "gone" [did you mean good?]
    "#);
    assert_eq!(home.problems().len(), bad.len());
}

#[test]
fn mistakes_in_a_table_of_config_toml_name_its_lines() {
    let bad = [
        "role_arn = 5",
        "duration_seconds = \"1h\"",
        "duration_seconds = 900.0",
        "session_name = \"{name}\"",
        "session_name = \"x\"\nrole_session_name = \"yy\"",
        "source_identity = \"x\"",
        "session_tags = [\"a\"]",
        "session_tags = { \"aws:x\" = \"a\" }",
        "session_tags = { a = \"1\", A = \"2\" }",
        "session_tags = { a = 1 }",
        "transitive_session_tags = [\"a\"]",
        "policy = \"none.json\"",
        "policy = \"bad.json\"",
        "policy_arns = [\"arn:aws:iam::aws:role/x\"]",
        "policy_arns = \"arn:aws:iam::aws:policy/x\"",
        "keep_fresh = \"yes\"",
        "max_age = \"8h\"",
        "mfa_mode = \"assume-role\"",
    ];
    let mut why = Vec::new();
    for more in bad {
        let toml = match more.strip_prefix("role_arn") {
            Some(value) => format!("[roles.x]\nsource_profile = \"base\"\nrole_arn{value}\n"),
            None => table("x", more),
        };
        let home = Home::new(&toml, &profile("good", "base", ""), KEYS);
        home.put("bad.json", b"{");
        assert_eq!(home.recipe("good").line(), "base → good 1h", "{more}");
        why.push(home.unusable("x"));
    }
    assert_snapshot!(why.join("\n"), @r#"
    config.toml:3: roles.x.role_arn: expected a string, found an integer
    config.toml:4: roles.x.duration_seconds: expected a whole number of seconds from 900 to 43200, found "1h" [an hour is 3600]
    config.toml:4: roles.x.duration_seconds: expected a whole number of seconds, found a float
    config.toml:4: roles.x.session_name: unknown placeholder "{name}" [placeholders are {user}, {host} and {id}, as in "{user}@{host}.{id}"]
    config.toml:4: roles.x.session_name: stands beside role_session_name: a role has one or the other
    config.toml:4: roles.x.source_identity: expected 2 to 64 letters, digits and _+=,.@-, found "x"
    config.toml:4: roles.x.session_tags: expected a table such as { Project = "billing" }, found a list
    config.toml:4: roles.x.session_tags.aws:x: expected a key of 1 to 128 letters, digits, blanks and _.:/=+-@, not beginning with aws:
    config.toml:4: roles.x.session_tags.a: is there already: AWS tells tags apart without case
    config.toml:4: roles.x.session_tags.a: expected a string, found an integer
    config.toml:4: roles.x.transitive_session_tags: "a" is not a key of session_tags [only a tag that is set can be handed on]
    config.toml:4: roles.x.policy: there is no file none.json [a policy is a file, named from the directory of config.toml]
    config.toml:4: roles.x.policy: the policy is not JSON: EOF while parsing an object at line 1 column 1
    config.toml:4: roles.x.policy_arns: expected arn:PARTITION:iam::ACCOUNT:policy/NAME, found "arn:aws:iam::aws:role/x"
    config.toml:4: roles.x.policy_arns: expected a list of strings, found a string
    config.toml:4: roles.x.keep_fresh: expected true or false, found a string
    config.toml:4: roles.x.max_age: max_age is not built yet, so this role is not served
    config.toml:4: roles.x.mfa_mode: MFA is not built yet, so this role is not served
    "#);
}

#[test]
fn two_names_with_one_slug_are_reported() {
    let toml = [
        table("x_my_20role", ""),
        table("\"my role\"", "").replace("role/\"my role\"", "role/r"),
    ]
    .concat();
    let home = Home::new(&toml, "", KEYS);
    assert_eq!(home.config().roles.len(), 2);
    assert_eq!(
        home.problems(),
        [
            "W config.toml:1: roles.x_my_20role: shares its short name x_my_20role with role my role: \
          `rolecall process x_my_20role` and the HTTP doors mean x_my_20role [rename one of them]"
        ]
    );
}
