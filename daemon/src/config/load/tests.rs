use proptest::prelude::*;
use rolecall::api::Severity;

use super::super::testing::{Home, KEYS, profile, table};

/// A configuration that has a bit of everything.
fn whole() -> (String, String, String) {
    let toml = [
        "idle_after = \"12h\"\nlog = \"info\"\nledger_on_error = \"serve\"\nsts_calls_per_second = 5\n\
         [environment]\nHTTPS_PROXY = \"http://proxy:3128\"\n[[imds]]\nlisten = \"127.0.0.1:1690\"\nrole = \"dev\"\n",
        &table("prod", "duration_seconds = 3600\nsession_tags = { Project = \"billing\" }\ntransitive_session_tags = [\"Project\"]\nkeep_fresh = true"),
        &table("ops", "confirm = \"first-use\"\nallow = [{ exe = \"/usr/bin/terraform\" }]"),
    ]
    .concat();
    let config = [
        "[default]\nregion = eu-west-1\ns3 =\n  max_concurrent_requests = 20\n\n",
        &profile("dev", "base", "duration_seconds = 1800 # short"),
        &profile("audit", "dev", "external_id = abc"),
        "[services s]\nsts =\n  endpoint_url = https://sts.example.com\n",
    ]
    .concat();
    (toml, config, KEYS.to_owned())
}

#[test]
fn the_whole_works() {
    let (toml, config, credentials) = whole();
    let home = Home::new(&toml, &config, &credentials);
    let loaded = home.load();
    assert_eq!(loaded.files.len(), 3);
    assert!(!loaded.stamps.changed());
    let roles = loaded.config.unwrap().roles;
    let usable: Vec<&str> = roles
        .iter()
        .filter(|role| role.recipe.is_ok())
        .map(|role| role.name.as_str())
        .collect();
    assert_eq!(usable, ["audit", "dev", "ops", "prod"]);
    assert!(
        loaded
            .problems
            .iter()
            .all(|problem| problem.severity == Severity::Warning)
    );
}

#[test]
fn nothing_at_all_is_a_configuration_too() {
    let home = Home::new("", "", "");
    let loaded = home.load();
    assert!(loaded.config.is_some_and(|config| config.roles.is_empty()));
    assert!(loaded.problems.is_empty() && loaded.files.is_empty());
    assert!(!loaded.stamps.changed());
    home.put(".aws/config", b"");
    assert!(loaded.stamps.changed());
}

#[test]
fn errors_come_before_warnings() {
    let home = Home::new("share_sso_cache = true\nlog = 5\n", "", "");
    let severities: Vec<Severity> = home
        .load()
        .problems
        .iter()
        .map(|problem| problem.severity)
        .collect();
    assert_eq!(severities, [Severity::Error, Severity::Warning]);
}

#[derive(Clone, Debug)]
enum Mutation {
    Remove(usize),
    Insert(usize, String),
    Truncate(usize),
    SwapLines(usize, usize),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let piece = prop_oneof![
        prop::sample::select(vec![
            "\"", "[", "]", "=", "\n", " ", "#", "\r", "{", "\u{feff}", "é", "\\", "0"
        ])
        .prop_map(str::to_owned),
        "\\PC{1,3}",
    ];
    prop_oneof![
        any::<usize>().prop_map(Mutation::Remove),
        (any::<usize>(), piece).prop_map(|(at, piece)| Mutation::Insert(at, piece)),
        any::<usize>().prop_map(Mutation::Truncate),
        (any::<usize>(), any::<usize>()).prop_map(|(a, b)| Mutation::SwapLines(a, b)),
    ]
}

fn mutate(text: &str, mutation: &Mutation) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    let at = |place: usize, length: usize| place % length.max(1);
    match mutation {
        Mutation::Remove(place) => {
            chars.remove(at(*place, chars.len()));
        }
        Mutation::Insert(place, piece) => {
            let place = at(*place, chars.len());
            chars.splice(place..place, piece.chars());
        }
        Mutation::Truncate(place) => chars.truncate(at(*place, chars.len())),
        Mutation::SwapLines(a, b) => {
            let mut lines: Vec<&str> = text.lines().collect();
            let (a, b) = (at(*a, lines.len()), at(*b, lines.len()));
            lines.swap(a, b);
            return lines.join("\n");
        }
    }
    chars.into_iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(250))]

    /// However a file is damaged: a configuration, or an error that says where.
    #[test]
    fn damaged_files_give_a_configuration_or_a_place(
        which in 0_usize..3,
        mutations in prop::collection::vec(mutation(), 1..4),
    ) {
        let (toml, config, credentials) = whole();
        let mut texts = [toml, config, credentials];
        for mutation in &mutations {
            if !texts[which].is_empty() {
                texts[which] = mutate(&texts[which], mutation);
            }
        }
        let home = Home::new(&texts[0], &texts[1], &texts[2]);
        let loaded = home.load();
        let error = loaded.problems.iter().find(|problem| problem.severity == Severity::Error);
        match (&loaded.config, error) {
            (None, None) => prop_assert!(false, "refused without a reason"),
            (None, Some(error)) => prop_assert!(error.file.is_some() && error.line.is_some(), "{error:?}"),
            (Some(config), _) => {
                for role in &config.roles {
                    if let Err(why) = &role.recipe {
                        prop_assert!(why.reason.contains(home.directory.path().to_str().unwrap()), "{why:?}");
                    }
                }
            }
        }
        // Neither do the writers of such files fall over them.
        let request = rolecall::api::SetupRequest { profiles: vec![], client: "/usr/bin/rolecall".into() };
        let _ = super::super::plan_setup(&home.sources, &request);
        let _ = super::super::exec_files(&home.sources, None, "dev");
    }
}
