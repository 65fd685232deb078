use proptest::prelude::*;
use rolecall::api::{Code, Problem, SetupPlan, SetupRequest};

use super::super::testing::{Home, KEYS};
use super::edit::apply;
use super::plan_setup;

const CLIENT: &str = "/usr/bin/rolecall";
const ARN: &str = "arn:aws:iam::123456789012:role/";

fn plan(home: &Home, profiles: &[&str]) -> Result<SetupPlan, Problem> {
    plan_setup(
        &home.sources,
        &SetupRequest {
            profiles: profiles.iter().map(|name| (*name).to_owned()).collect(),
            client: CLIENT.into(),
        },
    )
}

/// Carries a plan out and returns the two new texts: `config.toml` and `.aws/config`.
fn carry_out(home: &Home, plan: &SetupPlan) -> (String, String) {
    let texts: Vec<String> = plan
        .edits
        .iter()
        .map(|edit| {
            let old = std::fs::read_to_string(&edit.path).unwrap_or_default();
            assert_eq!(
                edit.sha256.is_some(),
                std::path::Path::new(&edit.path).exists()
            );
            let new = apply(&old, &edit.hunks);
            let name = edit.path.rsplit('/').next().unwrap();
            home.put(
                if name == "config" {
                    ".aws/config"
                } else {
                    name
                },
                new.as_bytes(),
            );
            new
        })
        .collect();
    (texts[0].clone(), texts[1].clone())
}

fn skipped(plan: &SetupPlan) -> Vec<String> {
    plan.skipped
        .iter()
        .map(|skip| format!("{}: {}", skip.profile, skip.reason))
        .collect()
}

#[test]
fn the_definition_moves_and_every_other_byte_stays() {
    let config = format!(
        "# mine\r\n[default]\r\nregion = eu-west-1\r\n\r\n[profile dev]\r\n# the role\r\nrole_arn = {ARN}dev # ours\r\n; how\r\nregion=eu-north-1\r\nsource_profile = base\r\nduration_seconds = 7200\r\ns3 =\r\n  max_concurrent_requests = 20\r\n\r\n  addressing_style = path\r\noutput = json\r\n\r\n[profile other]\r\nregion = eu-west-1"
    );
    let home = Home::new("", &config, KEYS);
    let before = home.recipe("dev");
    let plan = plan(&home, &[]).unwrap();
    assert_eq!(
        (plan.moved.as_slice(), plan.skipped.len()),
        (&["dev".to_owned()][..], 0)
    );
    let (toml, new) = carry_out(&home, &plan);
    assert_eq!(
        new,
        "# mine\r\n[default]\r\nregion = eu-west-1\r\n\r\n[profile dev]\r\n# the role\r\ncredential_process = /usr/bin/rolecall process dev\r\n; how\r\nregion=eu-north-1\r\ns3 =\r\n  max_concurrent_requests = 20\r\n\r\n  addressing_style = path\r\noutput = json\r\n\r\n[profile other]\r\nregion = eu-west-1"
    );
    assert_eq!(
        toml,
        format!(
            "# Roles of rolecall: `rolecall setup` moved them here from the AWS config file.\n\n[roles.dev]\nrole_arn = \"{ARN}dev\"\nsource_profile = \"base\"\nduration_seconds = 7200\n"
        )
    );
    assert_eq!(home.recipe("dev").steps, before.steps);
    assert_eq!(home.role("dev").region.as_deref(), Some("eu-north-1"));
    let again = self::plan(&home, &[]).unwrap();
    assert_eq!(skipped(&again), ["dev: is behind rolecall already"]);
    assert!(again.edits.is_empty());
}

#[test]
fn a_chain_whose_hops_all_move_resolves_as_before() {
    let config = format!(
        "[profile a]\nrole_arn = {ARN}a\nsource_profile = base\nexternal_id = x\"y\n[profile my/role]\nrole_arn = {ARN}b\nsource_profile = a\nduration_seconds = 3600\n[profile a]\nexternal_id = 12345\n"
    );
    let home = Home::new(
        "idle_after = \"1h\"\n[[imds]]\nlisten = \"127.0.0.1:1\"\nrole = \"a\"",
        &config,
        KEYS,
    );
    let before = (home.recipe("a").steps, home.recipe("my/role").steps);
    let plan = plan(&home, &[]).unwrap();
    assert_eq!(plan.moved, ["a", "my/role"]);
    let (toml, new) = carry_out(&home, &plan);
    assert!(toml.starts_with(
        "idle_after = \"1h\"\n[[imds]]\nlisten = \"127.0.0.1:1\"\nrole = \"a\"\n\n[roles.a]\n"
    ));
    assert!(toml.contains("[roles.\"my/role\"]\n"));
    assert_eq!(
        new,
        "[profile a]\ncredential_process = /usr/bin/rolecall process a\n[profile my/role]\ncredential_process = /usr/bin/rolecall process x_my_2frole\n[profile a]\n"
    );
    let steps = home.recipe("my/role").steps;
    // Labels and everything else, not just fingerprints.
    assert_eq!((home.recipe("a").steps, steps), before);
    assert_eq!(home.config().imds.len(), 1);
}

#[test]
fn what_is_in_config_toml_already_stays_and_wins() {
    let toml = "[roles.dev]\nduration_seconds = 1800 # short\nsession_tags = { a = \"b\" }";
    let config =
        format!("[profile dev]\nrole_arn={ARN}dev\nsource_profile=base\nduration_seconds=3600\n");
    let home = Home::new(toml, &config, KEYS);
    let before = home.recipe("dev").steps;
    let (toml, _) = carry_out(&home, &plan(&home, &["dev"]).unwrap());
    assert_eq!(
        toml,
        format!(
            "[roles.dev]\nrole_arn = \"{ARN}dev\"\nsource_profile = \"base\"\nduration_seconds = 1800 # short\nsession_tags = {{ a = \"b\" }}"
        )
    );
    assert_eq!(home.recipe("dev").steps, before);
}

#[test]
fn profiles_that_cannot_move_are_left_alone_with_the_reason() {
    let config = format!(
        "[profile mfa]\nrole_arn = {ARN}a\nsource_profile = base\nmfa_serial = arn:aws:iam::1:mfa/x\n\
         [profile keys]\nrole_arn = {ARN}a\nsource_profile = keys\naws_access_key_id = A\naws_secret_access_key = s\n\
         [profile both]\nrole_arn = {ARN}a\nsource_profile = base\n\
         [profile bad]\nrole_arn = nonsense\nsource_profile = base\n\
         [profile plain]\nregion = eu-west-1\n\
         [profile dotted]\nrole_arn = {ARN}a\nsource_profile = base\n\
         [profile good]\nrole_arn = {ARN}a\nsource_profile = base\n"
    );
    let home = Home::new(
        "roles.dotted.keep_fresh = true\n",
        &config,
        &format!("{KEYS}[both]\nregion = eu-west-1\n"),
    );
    let dir = home.directory.path().display().to_string();
    let plan = plan(
        &home,
        &[
            "mfa", "keys", "both", "bad", "plain", "dotted", "good", "good",
        ],
    )
    .unwrap();
    assert_eq!(plan.moved, ["good"]);
    insta::assert_snapshot!(skipped(&plan).join("\n").replace(&format!("{dir}/"), ""), @r#"
    mfa: .aws/config:4: profile mfa.mfa_serial: MFA is not built yet, so this role is not served
    keys: has keys of its own, and SDKs use them before credential_process
    both: is in .aws/credentials too, and what stands there comes before credential_process
    bad: .aws/config:14: profile bad.role_arn: expected arn:PARTITION:iam::ACCOUNT:role/NAME
    plain: has no role_arn
    dotted: config.toml:1 defines it without a [roles.dotted] header: move it by hand
    "#);
}

#[test]
fn an_inline_table_of_roles_cannot_be_added_to() {
    let config = format!("[profile dev]\nrole_arn={ARN}dev\nsource_profile=base\n");
    let home = Home::new("roles = { x = { keep_fresh = true } }\n", &config, KEYS);
    let problem = plan(&home, &[]).unwrap_err();
    assert_eq!(problem.code, Code::Unusable);
    assert!(
        problem.message.contains("config.toml:3"),
        "{}",
        problem.message
    );
}

#[test]
fn wrong_requests_say_what_is_wrong() {
    let config = format!("[profile develop]\nrole_arn={ARN}dev\nsource_profile=base\n");
    let home = Home::new("", &config, KEYS);
    let problem = plan(&home, &["develpo"]).unwrap_err();
    assert_eq!(problem.code, Code::UnknownRole);
    assert_eq!(problem.hint.as_deref(), Some("did you mean develop?"));
    for client in [
        "rolecall",
        "/a b/rolecall",
        "/a'b/rolecall",
        "/a#/rolecall",
        "",
    ] {
        let request = SetupRequest {
            profiles: vec![],
            client: client.into(),
        };
        assert_eq!(
            plan_setup(&home.sources, &request).unwrap_err().code,
            Code::BadRequest
        );
    }
    home.put(".aws/config", b"[profile develop\n");
    assert_eq!(plan(&home, &[]).unwrap_err().code, Code::Unusable);
}

#[test]
fn the_default_profile_an_indented_one_and_a_byte_order_mark_are_no_exceptions() {
    let config = format!(
        "\u{feff}[default]\n  role_arn = {ARN}dev\n  region = eu-west-1\n\tsource_profile =\tbase"
    );
    let home = Home::new("", &config, KEYS);
    let before = home.recipe("default").steps;
    let (toml, new) = carry_out(&home, &plan(&home, &[]).unwrap());
    assert_eq!(
        new,
        "\u{feff}[default]\n  credential_process = /usr/bin/rolecall process default\n  region = eu-west-1\n"
    );
    assert!(toml.contains("\n[roles.default]\n"));
    assert_eq!(home.recipe("default").steps, before);
}

fn filler() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "",
        "# note",
        "  # note",
        "; note",
        "region = eu-west-1",
        "output=json",
        "cli_pager =",
        "s3 =\n  max_concurrent_requests = 9\n   use_accelerate_endpoint = true",
    ])
    .prop_map(str::to_owned)
}

proptest! {
    /// Whatever stands between the lines: it stays, in order, and the role means what it meant.
    #[test]
    fn other_lines_stay_and_roles_keep_their_meaning(
        fillers in prop::collection::vec(filler(), 7),
        crlf in any::<bool>(),
        last_end in any::<bool>(),
        chained in any::<bool>(),
    ) {
        let source = if chained { "first" } else { "base" };
        let lines = [
            "[profile first]".to_owned(), format!("role_arn = {ARN}first"), fillers[0].clone(),
            "source_profile = base".into(), fillers[1].clone(),
            "[profile second]".into(), fillers[2].clone(), format!("role_arn = {ARN}second"),
            fillers[3].clone(), format!("source_profile = {source}"), fillers[4].clone(),
            "external_id = abc".into(), fillers[5].clone(),
            "[profile third]".into(), fillers[6].clone(), "region = eu-west-3".into(),
        ];
        let mut config = lines.join("\n");
        if last_end { config.push('\n'); }
        if crlf { config = config.replace('\n', "\r\n"); }
        let home = Home::new("", &config, KEYS);
        let before = (home.recipe("first").steps, home.recipe("second").steps);
        let (_, new) = carry_out(&home, &plan(&home, &[]).unwrap());
        prop_assert_eq!((home.recipe("first").steps, home.recipe("second").steps), before);
        let defines = |line: &&str| {
            ["role_arn", "source_profile", "external_id", "credential_process"]
                .iter().any(|key| line.starts_with(key))
        };
        let kept: Vec<&str> = config.split_inclusive('\n').filter(|line| !defines(line)).collect();
        let now: Vec<&str> = new.split_inclusive('\n').filter(|line| !defines(line)).collect();
        prop_assert_eq!(kept, now);
        prop_assert_eq!(new.matches("credential_process").count(), 2);
    }
}
