//! `rolecall process`, as the SDKs run it.

use rolecall_tests::harness::{Finished, World};
use serde_json::Value;

/// Nothing on stdout, one line on stderr (client contract 90).
#[track_caller]
fn assert_fails(finished: &Finished, code: i32, words: &str) {
    assert_eq!(finished.code(), Some(code), "{finished:#?}");
    assert_eq!(finished.stdout, "");
    assert_eq!(finished.stderr.matches('\n').count(), 1, "{finished:#?}");
    assert!(finished.stderr.contains(words), "{finished:#?}");
}

/// Client contract 88, 92.
#[test]
fn prints_one_object_and_nothing_else() {
    let mut world = World::new();
    world.start();
    let finished = world.rolecall(&["process", "dev"]);
    let answer: Value = finished.json();
    assert_eq!(finished.stderr, "");
    assert!(finished.stdout.starts_with('{') && finished.stdout.trim_end().ends_with('}'));
    assert_eq!(answer["Version"], 1);
    assert_eq!(answer["AccountId"], "123456789012");
    for name in ["AccessKeyId", "SecretAccessKey", "SessionToken"] {
        assert!(
            answer[name].as_str().is_some_and(|it| !it.is_empty()),
            "{name}"
        );
    }
    let expiration = answer["Expiration"].as_str().expect("an instant");
    assert!(is_instant(expiration), "{expiration}");
}

/// `2026-01-01T00:00:00Z`, to the byte: client contract, fact 7.
pub(crate) fn is_instant(text: &str) -> bool {
    let pattern = "dddd-dd-ddTdd:dd:ddZ";
    text.len() == pattern.len()
        && text
            .chars()
            .zip(pattern.chars())
            .all(|(found, wanted)| match wanted {
                'd' => found.is_ascii_digit(),
                _ => found == wanted,
            })
}

/// Client contract 90.
#[test]
fn fails_on_one_line_with_what_to_do() {
    let mut world = World::new();
    assert_fails(&world.rolecall(&["process", "dev"]), 6, "hint: ");
    world.start();
    // The nearest name is the hint.
    assert_fails(&world.rolecall(&["process", "devv"]), 3, "dev");
    world.aws.go_down();
    assert_fails(&world.rolecall(&["process", "dev"]), 7, "rolecall: ");
}

#[test]
fn what_aws_refuses_names_aws_s_reason() {
    let mut world = World::new();
    world.write("home/.aws/config", "[profile other]\nsource_profile = base\nrole_arn = arn:aws:iam::123456789012:role/other\n[profile base]\n");
    world.start();
    assert_fails(&world.rolecall(&["process", "other"]), 7, "AccessDenied");
}

/// Client contract 100.
#[test]
fn the_callers_own_aws_settings_change_nothing() {
    let mut world = World::new();
    world.start();
    let mut command = world.command("rolecall");
    command
        .args(["process", "dev"])
        .env("AWS_PROFILE", "nowhere")
        .env("AWS_CONFIG_FILE", "/nonexistent")
        .env("HTTP_PROXY", "http://127.0.0.1:9")
        .env("AWS_ENDPOINT_URL", "http://127.0.0.1:9");
    let answer: Value = rolecall_tests::harness::run(&mut command).json();
    assert_eq!(answer["AccountId"], "123456789012");
}
