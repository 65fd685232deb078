use insta::assert_snapshot;

use super::super::testing::{Home, KEYS};
use super::*;

const DEV: &str =
    "[profile dev]\nrole_arn = arn:aws:iam::123456789012:role/dev\nsource_profile = base\n";

fn problems(toml: &str) -> String {
    let home = Home::new(toml, DEV, KEYS);
    home.problems().join("\n")
}

#[test]
fn the_top_level_keys_are_read() {
    let home = Home::new(
        "idle_after = \"90m\"\nlog = \"warn,rolecalld=debug\"\nledger_on_error = \"refuse\"\nallow_root = true\nledger_arguments = true\n[environment]\nHTTPS_PROXY = \"http://proxy:3128\"\n[[imds]]\nlisten = \"127.0.0.1:1690\"\nrole = \"dev\"\n[[imds]]\nlisten = \"127.0.0.1:1691\"\nrole = \"dev\"\n[[imds]]\nlisten = \"169.254.169.254:80\"\nrole = \"dev\"",
        DEV,
        KEYS,
    );
    let config = home.config();
    assert_eq!(config.settings.idle_after, Duration::from_mins(90));
    assert_eq!(config.settings.log, "warn,rolecalld=debug");
    assert_eq!(config.settings.ledger_on_error, LedgerOnError::Refuse);
    assert!(config.settings.allow_root && config.settings.ledger_arguments);
    assert_eq!(
        config.settings.environment["HTTPS_PROXY"],
        "http://proxy:3128"
    );
    assert!(!format!("{:?}", config.settings).contains("3128"));
    assert_eq!(config.imds.len(), 3);
    assert!(home.problems().is_empty());
    let config = Home::new("", "", "").config();
    assert_eq!(config.settings, Settings::default());
    assert_eq!(config.settings.idle_after, Duration::from_hours(12));
}

#[test]
fn a_mistake_at_the_top_level_keeps_the_file_out_of_force() {
    for toml in [
        "idle = \"1h\"",
        "idle_after = 5",
        "idle_after = \"0s\"",
        "log = \"verbose\"",
        "ledger_on_error = \"drop\"",
        "allow_root = \"yes\"",
        "uids = [1000]",
        "roles = []",
        "[imds]\nlisten = \"127.0.0.1:1\"",
        "[[imds]]\nlisten = \"0.0.0.0:1690\"\nrole = \"dev\"",
        "[[imds]]\nlisten = \"127.0.0.1\"\nrole = \"dev\"",
        "[[imds]]\nlisten = \"127.0.0.1:1\"",
        "[[imds]]\nlisten = \"127.0.0.1:1\"\nrole = \"dev\"\nport = 1",
        "[[imds]]\nlisten = \"127.0.0.1:1\"\nrole = \"dev\"\n[[imds]]\nlisten = \"127.0.0.1:1\"\nrole = \"dev\"",
        "[environment]\nAWS_SECRET_ACCESS_KEY = \"x\"",
        "[environment]\nHTTPS_PROXY = 1",
        "[environment]\n\"A=B\" = \"c\"",
        "[roles.dev]\nmfa = true",
        "roles.dev = 1",
        "[roles.\"\"]",
        "sts_calls_per_second = 0",
        "a = = b",
        "[roles.dev]\n[roles.dev]",
    ] {
        let home = Home::new(toml, DEV, KEYS);
        let loaded = home.load();
        assert!(loaded.config.is_none(), "{toml}");
        let first = &loaded.problems[0];
        assert!(
            first.line.is_some() && first.file.is_some(),
            "{toml}: {first:?}"
        );
    }
}

#[test]
fn messages_name_file_line_key_what_was_expected_and_what_to_do() {
    let all = [
        "idle_afer = \"1h\"\n",
        "\n\n[roles.dev]\nsource-profile = \"base\"\n",
        "[roles.\"a b\"]\nzzz = 1\n",
        "[[imds]]\nlisten = \"10.0.0.1:80\"\nrole = \"dev\"\n",
        "[[imds]]\nlisten = \"127.0.0.1:80\"\nrole = \"dve\"\n",
        "log = \"loud\"\n",
        "[environment]\nAWS_ACCESS_KEY_ID = \"AKIA\"\n",
        "a = \n",
        "share_sso_cache = true\nlock_on_suspend = false\nsts_calls_per_second = 2\n",
        "uids = [1]\n",
    ];
    assert_snapshot!(all.map(problems).join("\n"), @r#"
    E config.toml:1: idle_afer: unknown key "idle_afer" [did you mean idle_after?]
    E config.toml:4: roles.dev.source-profile: unknown key "source-profile" [did you mean source_profile?]
    E config.toml:2: roles."a b".zzz: unknown key "zzz" [known here: allow, confirm, credential_process, doors, duration_seconds, endpoint_url, external_id, ignore_configured_endpoint_urls, keep_fresh, output, policy, policy_arns, region, role_arn, role_session_name, services, session_name, session_tags, source_identity, source_profile, transitive_session_tags, uid, unit, use_dualstack_endpoint, use_fips_endpoint, credential_source, max_age, mfa_max_age, mfa_mode, mfa_process, mfa_serial, mfa_session_duration, saml_process, web_identity_token_file, web_identity_token_process, login_session, sso_session, sso_start_url, sso_account_id, sso_role_name, sso_region]
    E config.toml:2: imds.listen: expected 127.0.0.1 or 169.254.169.254, found 10.0.0.1 [anyone on the network could ask for credentials there]
    E config.toml:3: imds.role: there is no role "dve", so nothing listens on 127.0.0.1:80 [did you mean dev?]
    E config.toml:1: log: expected a log filter, found "loud" [one of off, error, warn, info, debug, trace; or such as info,rolecalld::keeper=debug]
    E config.toml:2: environment.AWS_ACCESS_KEY_ID: keys do not belong in this file [put them in a profile of ~/.aws/credentials and name it as source_profile]
    E config.toml:1: is not TOML: string values must be quoted, expected literal string
    W config.toml:1: share_sso_cache: is not built yet and has no effect
    W config.toml:3: sts_calls_per_second: is not built yet and has no effect
    E config.toml:1: uids: is for the system service; this daemon serves its own user [run `rolecalld --system`, or one rolecalld for each user]
    "#);
}

#[test]
fn a_listener_for_an_unknown_role_is_left_out_and_the_rest_works() {
    let toml = "[[imds]]\nlisten = \"127.0.0.1:80\"\nrole = \"gone\"\n[[imds]]\nlisten = \"127.0.0.1:81\"\nrole = \"dev\"\n";
    let config = Home::new(toml, DEV, KEYS).config();
    assert_eq!(config.imds.len(), 1);
    assert_eq!(config.imds[0].listen.port(), 81);
}
