use std::time::Duration;

use insta::assert_snapshot;

use super::super::testing::{Home, KEYS};
use crate::recipe::{Recipe, SessionName, Source};

fn arn(name: &str) -> String {
    format!("arn:aws:iam::123456789012:role/{name}")
}

fn profile(name: &str, source: &str, more: &str) -> String {
    format!(
        "[profile {name}]\nrole_arn = {}\nsource_profile = {source}\n{more}\n",
        arn(name)
    )
}

fn line(recipe: &Recipe) -> String {
    recipe.line()
}

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
    assert_eq!(line(&recipe), "base → dev 1h");
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
    assert_eq!(line(&home.recipe("c")), "base → a 4h → b 1h → c 1h");
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
    assert_eq!(home.call("a").duration, Duration::from_secs(3600));
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
