//! docs/configuration.md against the reader of configurations.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;

use rolecall::api::{Code, ConfigProblem, Severity};
use rolecall_tests::harness::{World, profiles, run};
use rolecall_tests::markdown::{self, Row};
use rolecalld::config::{Config, LedgerOnError, Settings, Sources, keys, load};
use rolecalld::recipe::{Call, DEFAULT_SESSION_NAME, SessionName, duration};
use tempfile::TempDir;

use super::read;

const PAGE: &str = "docs/configuration.md";

/// A home with `~/.aws/config`, keys for `base`, and `config.toml`.
struct Home {
    place: TempDir,
    /// Whether the system service reads it.
    system: bool,
}

impl Home {
    fn new(shared: &str, toml: &str) -> Self {
        let home = Self {
            place: tempfile::tempdir().unwrap(),
            system: false,
        };
        home.write("config", shared);
        home.write("credentials", &profiles::credentials());
        home.write("config.toml", toml);
        home.write(
            "policy.json",
            r#"{"Version": "2012-10-17", "Statement": []}"#,
        );
        home
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.place.path().join(name);
        let mut options = std::fs::OpenOptions::new();
        // As the system service wants its keys.
        let mut file = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    fn load(&self) -> (Option<Config>, Vec<ConfigProblem>) {
        let path = |name: &str| self.place.path().join(name).into_os_string();
        let loaded = load(&Sources {
            config: path("config.toml").into(),
            environment: BTreeMap::from([
                ("AWS_CONFIG_FILE".to_owned(), path("config")),
                (
                    "AWS_SHARED_CREDENTIALS_FILE".to_owned(),
                    path("credentials"),
                ),
            ]),
            home: Some(self.place.path().to_owned()),
            system: self.system,
        });
        (loaded.config, loaded.problems)
    }

    /// What it means, with nothing to complain about.
    #[track_caller]
    fn good(&self) -> Config {
        let (config, problems) = self.load();
        assert!(problems.is_empty(), "{problems:#?}");
        let config = config.unwrap();
        for role in &config.roles {
            assert!(
                role.recipe.is_ok(),
                "{}: {:?}",
                role.name,
                role.recipe.as_ref().err()
            );
        }
        config
    }
}

/// The rows of the tables under these headings.
fn rows(heading: &str) -> Vec<Row> {
    let mut rows = markdown::rows(&read(PAGE));
    rows.retain(|row| row.heading == heading);
    assert!(!rows.is_empty(), "no table under {heading}");
    rows
}

/// The keys that the first cells name: `role_arn` of "`role_arn`", `imds` of "`[[imds]]`".
fn first_keys(rows: &[Row]) -> Vec<String> {
    let spans = rows
        .iter()
        .flat_map(|row| markdown::code_spans(&row.cells[0]));
    let bare = |span: &str| {
        span.trim_matches(['[', ']'])
            .trim_end_matches(".NAME")
            .to_owned()
    };
    // `"never"` is a value, not a key.
    spans
        .filter(|span| !span.starts_with('"'))
        .map(bare)
        .collect()
}

fn sorted<'a>(keys: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut keys: Vec<String> = keys.into_iter().map(str::to_owned).collect();
    keys.sort();
    keys.dedup();
    keys
}

#[test]
fn every_example_is_a_configuration_without_mistakes() {
    let blocks = markdown::blocks(&read(PAGE));
    assert!(blocks.len() > 2);
    for block in blocks {
        assert_eq!(block.language, "toml", "{PAGE}:{}", block.line);
        let mut home = Home::new("", &block.text);
        home.system = block.text.contains("uids = ");
        let config = home.good();
        let says_something = !config.roles.is_empty() || config.settings != Settings::default();
        assert!(says_something, "{PAGE}:{}", block.line);
    }
}

#[test]
fn every_key_the_reader_knows_is_documented_and_no_other() {
    let top = first_keys(&rows("Top level"));
    let not_in_effect = ["lock_on_suspend", "share_sso_cache", "sts_calls_per_second"];
    let text = read(PAGE);
    for key in not_in_effect {
        assert!(
            text.contains(&format!("`{key}`")),
            "{key} is not documented"
        );
    }
    let top = top.iter().map(String::as_str).chain(not_in_effect);
    assert_eq!(sorted(top), sorted(keys::TOP_LEVEL));

    let (works, not_yet) = (first_keys(&rows("Roles")), first_keys(&rows("Not yet")));
    let documented = works.iter().chain(&not_yet).map(String::as_str);
    let not_built = keys::NOT_BUILT.into_iter().chain(keys::OTHER_SOURCES);
    let known = keys::BUILT.into_iter().chain(not_built.map(|(key, _)| key));
    assert_eq!(sorted(documented), sorted(known));
}

/// A value for each key of the table "Roles", with what it needs beside it.
fn sample(key: &str) -> &'static str {
    match key {
        // Every role of this test has them.
        "role_arn" | "source_profile" => "",
        "external_id" => "external_id = \"pin-4711\"",
        "duration_seconds" => "duration_seconds = 900",
        "role_session_name" => "role_session_name = \"alice\"",
        "session_name" => "session_name = \"{user}-{id}\"",
        "source_identity" => "source_identity = \"alice\"",
        "session_tags" => "session_tags = { Project = \"billing\" }",
        "transitive_session_tags" => {
            "session_tags = { Project = \"billing\" }\ntransitive_session_tags = [\"Project\"]"
        }
        "policy" => "policy = \"policy.json\"",
        "policy_arns" => "policy_arns = [\"arn:aws:iam::aws:policy/ReadOnlyAccess\"]",
        "region" => "region = \"eu-west-1\"",
        "endpoint_url" => "endpoint_url = \"https://sts.example.com\"",
        "services" => "services = \"elsewhere\"",
        "ignore_configured_endpoint_urls" => "ignore_configured_endpoint_urls = true",
        "output" => "output = \"json\"",
        "keep_fresh" => "keep_fresh = true",
        "allow" => "allow = [{ exe = \"/usr/bin/terraform\", tty = true }]",
        "uid" => "uid = 1000",
        "unit" => "unit = \"deploy.service\"",
        "doors" => "doors = [\"socket\"]",
        "confirm" => "confirm = \"first-use\"",
        _ => panic!("{PAGE} has a key that no test knows: {key}"),
    }
}

const ROLE: &str = "role_arn = \"arn:aws:iam::123456789012:role/x\"\nsource_profile = \"base\"\n";
const SERVICES: &str = "[services elsewhere]\nsts =\n  endpoint_url = https://sts.example.org\n";

#[test]
fn every_key_of_a_role_is_accepted() {
    for key in first_keys(&rows("Roles")) {
        let toml = format!("[roles.x]\n{ROLE}{}\n", sample(&key));
        assert_eq!(Home::new(SERVICES, &toml).good().roles.len(), 1, "{key}");
    }
}

/// A key that the table says stands in the shared files too means the same there.
#[test]
fn keys_of_the_shared_files_mean_the_same_there() {
    let mut compared = 0;
    for row in rows("Roles") {
        let [ours, shared] =
            [0, 3].map(|cell| markdown::code_spans(&row.cells[cell]).first().copied());
        let Some(shared) = shared else { continue };
        let ours = ours.unwrap();
        assert_eq!(ours, shared, "{PAGE}:{}", row.line);
        let toml = format!("{ROLE}{}\n", sample(ours));
        let profile = toml.replace('"', "");
        let left = Home::new(SERVICES, &format!("[roles.x]\n{toml}")).good();
        let right = Home::new(&format!("[profile x]\n{profile}{SERVICES}"), "").good();
        let [left, right] = [left, right].map(|config| {
            let role = &config.roles[0];
            (
                role.recipe.as_ref().unwrap().steps.clone(),
                role.region.clone(),
            )
        });
        assert_eq!(left, right, "{ours}");
        compared += 1;
    }
    assert!(compared > 8, "only {compared} keys");
}

#[test]
fn the_defaults_are_the_real_ones() {
    let config = Home::new("", &format!("[roles.x]\n{ROLE}")).good();
    let Settings {
        idle_after,
        log,
        ledger_on_error,
        allow_root,
        ledger_arguments,
        environment,
        uids,
    } = config.settings;
    let ledger = match ledger_on_error {
        LedgerOnError::Serve => "serve",
        LedgerOnError::Refuse => "refuse",
    };
    assert!(environment.is_empty() && uids.is_empty());
    let role = &config.roles[0];
    let Call::AssumeRole(call) = &role.recipe.as_ref().unwrap().last().call;
    assert_eq!(
        call.session_name,
        SessionName::Template(DEFAULT_SESSION_NAME.to_owned())
    );
    let nothing = call.external_id.is_none()
        && call.source_identity.is_none()
        && call.session_tags.is_empty()
        && call.transitive_session_tags.is_empty()
        && call.policy.is_none()
        && call.policy_arns.is_empty();
    assert!(nothing);
    // No rule at all, so `confirm` is what stands for nobody being asked.
    assert!(role.rules.is_empty());
    let real = BTreeMap::from([
        ("confirm", "`\"never\"`".to_owned()),
        (
            "idle_after",
            format!("`\"{}\"`", duration::short(idle_after)),
        ),
        ("log", format!("`\"{log}\"`")),
        ("ledger_on_error", format!("`\"{ledger}\"`")),
        ("allow_root", format!("`{allow_root}`")),
        ("ledger_arguments", format!("`{ledger_arguments}`")),
        ("duration_seconds", call.duration.as_secs().to_string()),
        ("session_name", format!("`\"{DEFAULT_SESSION_NAME}\"`")),
        ("keep_fresh", format!("`{}`", role.keep_fresh)),
    ]);
    let mut compared = 0;
    for row in rows("Top level").iter().chain(&rows("Roles")) {
        let key = markdown::code_spans(&row.cells[0])[0];
        match real.get(key) {
            Some(default) => {
                assert_eq!(row.cells[2], *default, "{PAGE}:{}", row.line);
                compared += 1;
            }
            None => assert!(
                ["–", "none", "see below", "AWS's", "`false`"].contains(&row.cells[2].as_str()),
                "{PAGE}:{}: a default that no test knows",
                row.line
            ),
        }
    }
    assert_eq!(compared, real.len());
}

#[test]
fn the_limits_are_the_real_ones() {
    let problems = |line: &str| {
        let (_, problems) = Home::new("", &format!("[roles.x]\n{ROLE}{line}\n")).load();
        problems
            .iter()
            .filter(|it| it.severity == Severity::Error)
            .count()
    };
    let arns = |count: usize| {
        let arn = "\"arn:aws:iam::aws:policy/ReadOnlyAccess\"";
        format!("policy_arns = [{}]", vec![arn; count].join(","))
    };
    let tags = |count: usize| {
        let tags: Vec<_> = (0..count)
            .map(|number| format!("t{number} = \"x\""))
            .collect();
        format!("session_tags = {{ {} }}", tags.join(", "))
    };
    let text = |key: &str, length: usize| format!("{key} = \"{}\"", "x".repeat(length));
    for (good, bad) in [
        (
            "duration_seconds = 900".to_owned(),
            "duration_seconds = 899".to_owned(),
        ),
        (
            "duration_seconds = 43200".to_owned(),
            "duration_seconds = 43201".to_owned(),
        ),
        (text("external_id", 2), text("external_id", 1)),
        (text("external_id", 1224), text("external_id", 1225)),
        (text("role_session_name", 64), text("role_session_name", 65)),
        (text("source_identity", 2), text("source_identity", 1)),
        (text("source_identity", 64), text("source_identity", 65)),
        (arns(10), arns(11)),
        (tags(50), tags(51)),
        (
            "confirm = \"never\"".to_owned(),
            "confirm = \"perhaps\"".to_owned(),
        ),
    ] {
        assert_eq!(problems(&good), 0, "{good}");
        assert_eq!(problems(&bad), 1, "{bad}");
    }
}

/// "A role that has one is unusable": never served without its rule, and the others left alone.
#[test]
fn a_role_with_a_key_of_another_release_is_unusable() {
    for (key, _) in keys::NOT_BUILT {
        let toml = format!("[roles.x]\n{ROLE}{key} = \"something\"\n[roles.y]\n{ROLE}");
        let (config, _) = Home::new("", &toml).load();
        let usable = config
            .unwrap()
            .roles
            .into_iter()
            .map(|role| role.recipe.is_ok());
        assert_eq!(usable.collect::<Vec<_>>(), [false, true], "{key}");
    }
}

#[test]
fn options_and_variables_are_the_daemon_s() {
    let help = run(World::new().command("rolecalld").arg("--help"));
    let mut documented = 0;
    for row in rows("Variables and options of `rolecalld`") {
        for cell in &row.cells[..2] {
            for span in markdown::code_spans(cell) {
                let name = span.split(' ').next().unwrap();
                assert!(help.ok().contains(name), "{PAGE}:{}: no {name}", row.line);
                documented += 1;
            }
        }
    }
    let options = help
        .ok()
        .lines()
        .filter(|line| line.trim_start().starts_with("--"));
    // `--help` and `--version` have short forms before them.
    assert_eq!(options.count(), 5, "{}", help.ok());
    assert_eq!(documented, 8);
}

#[test]
fn exit_codes_are_the_client_s() {
    let rows = rows("Exit codes of `rolecall`");
    let documented = |code: u8| rows.iter().any(|row| row.cells[0] == code.to_string());
    for code in [
        Code::NotReady,
        Code::PersonNeeded,
        Code::Locked,
        Code::Refused,
        Code::UnknownRole,
        Code::Unusable,
        Code::AwsUnavailable,
        Code::AwsDenied,
        Code::BadRequest,
        Code::NotFound,
        Code::Internal,
    ] {
        assert!(documented(code.exit()), "{code:?}");
    }
    // No daemon, and words that mean nothing.
    let world = World::new();
    for (arguments, code) in [(&["status"][..], 6), (&["nonsense"], 2)] {
        assert_eq!(world.rolecall(arguments).code(), Some(code));
        assert!(documented(u8::try_from(code).unwrap()));
    }
}
