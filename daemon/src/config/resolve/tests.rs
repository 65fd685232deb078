use std::time::Duration;

use super::super::testing::{Home, KEYS, arn, profile, table};
use crate::recipe::{SessionName, Source};

#[test]
fn a_profile_with_role_arn_and_source_profile_is_a_role() {
    let home = Home::new("", &profile("dev", "base", "region = eu-west-1"), KEYS);
    let config = home.config();
    assert_eq!(
        config.roles.len(),
        1,
        "a profile with keys only is a source"
    );
    let role = &config.roles[0];
    assert_eq!(role.region.as_deref(), Some("eu-west-1"));
    let recipe = home.recipe("dev");
    assert_eq!(recipe.line(), "base → dev 1h");
    let Source::StaticKeys(keys) = &recipe.source;
    assert_eq!(
        (keys.access_key_id.as_str(), keys.secret_access_key.expose()),
        ("AKIABASE", "secret")
    );
    let call = home.call("dev");
    assert_eq!(call.role_arn.as_str(), arn("dev"));
    assert_eq!(call.sts.region, "eu-west-1");
    assert_eq!(
        call.session_name,
        SessionName::Template("{user}@{host}.{id}".into())
    );
    assert!(!recipe.last().chained && home.problems().is_empty());
}

#[test]
fn chains_of_any_depth_share_their_prefix_and_are_capped_at_an_hour() {
    let config = [
        profile("a", "base", "duration_seconds = 14400"),
        profile("b", "a", "duration_seconds = 14400"),
        profile("c", "b", ""),
    ]
    .concat();
    let home = Home::new("", &config, KEYS);
    assert_eq!(home.recipe("c").line(), "base → a 4h → b 1h → c 1h");
    let (a, b, c) = (home.recipe("a"), home.recipe("b"), home.recipe("c"));
    assert_eq!(c.steps[0], a.steps[0]);
    assert_eq!(c.steps[..2], b.steps[..]);
    assert!(!a.last().chained && b.last().chained && c.last().chained);
    assert_eq!(
        home.role("b").notes,
        ["asked for 4h; AWS allows one hour for a chained role"]
    );
    assert!(home.role("a").notes.is_empty() && home.role("c").notes.is_empty());
}

#[test]
fn temporary_keys_make_even_the_first_step_a_chained_one() {
    let keys = format!("{KEYS}aws_session_token = token\n");
    let home = Home::new("", &profile("a", "base", "duration_seconds = 7200"), &keys);
    assert!(home.recipe("a").last().chained);
    assert_eq!(home.call("a").duration, Duration::from_hours(1));
}

#[test]
fn long_chains_work_with_a_warning() {
    let mut config = profile("r0", "base", "");
    for depth in 1..12 {
        config += &profile(&format!("r{depth}"), &format!("r{}", depth - 1), "");
    }
    let home = Home::new("", &config, KEYS);
    assert_eq!(home.recipe("r11").steps.len(), 12);
    assert!(home.role("r6").notes.is_empty());
    assert_eq!(
        home.role("r7").notes,
        ["the chain is longer than seven roles"]
    );
    assert_eq!(home.problems().len(), 5);
}

#[test]
fn config_toml_wins_over_the_profile_key_by_key() {
    let config = profile(
        "dev",
        "base",
        "region = eu-west-1\nexternal_id = from-profile\nrole_session_name = me",
    );
    let toml =
        "[roles.dev]\nexternal_id = \"from-toml\"\nduration_seconds = 1800\nkeep_fresh = true\n";
    let home = Home::new(toml, &config, KEYS);
    let (role, call) = (home.role("dev"), home.call("dev"));
    assert!(role.keep_fresh);
    assert_eq!(role.region.as_deref(), Some("eu-west-1"));
    assert_eq!(call.external_id.as_deref(), Some("from-toml"));
    assert_eq!(call.duration, Duration::from_mins(30));
    assert_eq!(call.session_name, SessionName::Verbatim("me".into()));
    let home = Home::new(
        "[roles.dev]\nsession_name = \"{user}.{id}\"\n",
        &config,
        KEYS,
    );
    assert_eq!(
        home.call("dev").session_name,
        SessionName::Template("{user}.{id}".into())
    );
}

#[test]
fn every_key_of_a_role_reaches_the_call() {
    let toml = table(
        "x",
        "source_identity = \"alice\"\nsession_tags = { b = \"2\", a = \"\" }\ntransitive_session_tags = [\"b\"]\n\
         policy = \"policies/narrow.json\"\npolicy_arns = [\"arn:aws:iam::aws:policy/ReadOnlyAccess\"]\nregion = \"eu-west-1\"\nconfirm = \"never\"",
    );
    let home = Home::new(&toml, "", KEYS);
    home.put("policies/narrow.json", b"{ \"Version\": \"2012-10-17\" }\n");
    let call = home.call("x");
    assert_eq!(call.source_identity.as_deref(), Some("alice"));
    assert_eq!(
        call.session_tags,
        [("a".into(), String::new()), ("b".into(), "2".into())]
    );
    assert_eq!(call.transitive_session_tags, ["b"]);
    assert_eq!(call.policy.as_deref(), Some("{\"Version\":\"2012-10-17\"}"));
    assert_eq!(call.policy_arns, ["arn:aws:iam::aws:policy/ReadOnlyAccess"]);
    let stamps = home.load().stamps;
    assert!(!stamps.changed());
    home.put("policies/narrow.json", b"{}");
    assert!(stamps.changed());
}

#[test]
fn a_source_is_a_profile_a_role_of_config_toml_or_our_own_line() {
    let config = format!(
        "{}[profile alias]\ncredential_process = /usr/bin/rolecall process nobody\n\
         [profile slug]\ncredential_process = /usr/bin/rolecall process x_my_2frole\n\
         [profile dev]\ncredential_process = /usr/bin/rolecall process dev\nregion = eu-west-1\n",
        profile("up", "slug", "")
    );
    let toml = [
        table("\"my/role\"", "").replace("role/\"my/role\"", "role/mine"),
        table("dev", ""),
        table("two", "").replace("\"base\"", "\"dev\""),
    ]
    .concat();
    let home = Home::new(&toml, &config, KEYS);
    assert_eq!(home.recipe("up").line(), "base → my/role 1h → up 1h");
    assert_eq!(home.recipe("two").line(), "base → dev 1h → two 1h");
    assert_eq!(home.role("dev").region.as_deref(), Some("eu-west-1"));
    let names: Vec<String> = home
        .config()
        .roles
        .iter()
        .map(|role| role.name.to_string())
        .collect();
    assert_eq!(
        names,
        ["dev", "my/role", "two", "up"],
        "a profile with our line is no role of its own"
    );
}

#[test]
fn keys_come_before_role_arn_in_a_source_but_not_in_the_role_itself() {
    let keys = "aws_access_key_id = AKIAOWN\naws_secret_access_key = own\n";
    let config = [profile("own", "own", keys), profile("next", "own", "")].concat();
    let home = Home::new("", &config, KEYS);
    assert_eq!(home.recipe("own").line(), "own → own 1h");
    assert_eq!(home.recipe("next").line(), "own → next 1h");
    assert!(home.role("next").notes[0].contains("keys of its own"));
    // The credentials file wins over the config file.
    let home = Home::new("", &config, "[own]\naws_access_key_id = AKIAOTHER\n");
    let Source::StaticKeys(keys) = home.recipe("own").source;
    assert_eq!(
        (keys.access_key_id.as_str(), keys.secret_access_key.expose()),
        ("AKIAOTHER", "own")
    );
}
