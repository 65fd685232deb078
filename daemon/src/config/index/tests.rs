use aws_runtime::env_config::file::{EnvConfigFileKind, EnvConfigFiles};
use aws_runtime::env_config::section::EnvConfigSections;
use aws_runtime::env_config::source;
use aws_types::os_shim_internal::{Env, Fs};
use proptest::prelude::*;

use super::*;

/// aws-runtime on a text as it stands.
fn oracle(text: &str, kind: Kind) -> Option<EnvConfigSections> {
    let kind = match kind {
        Kind::Config => EnvConfigFileKind::Config,
        Kind::Credentials => EnvConfigFileKind::Credentials,
    };
    let files = EnvConfigFiles::builder().with_contents(kind, text).build();
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(async {
            let source = source::load(&Env::from_slice(&[]), &Fs::from_slice(&[]), &files).await;
            EnvConfigSections::parse(source.unwrap()).ok()
        })
}

#[test]
fn lines_are_told_apart() {
    let text = "\u{feff}# x\n[profile a] # y\n\nk = v\n  more\n\t# note\n  and more\r\nK2=\n [default]\nodd\n[default]\n  k = 1\n  l = 2\n    deeper";
    let index = Index::of(text, Kind::Config);
    let key = |section, key: &str| Line::Key(section, key.into());
    assert_eq!(
        index.lines,
        [
            Line::Comment,
            Line::Header(0),
            Line::Blank,
            key(0, "k"),
            Line::Continuation(0),
            Line::Comment,
            Line::Continuation(0),
            key(0, "k2"),
            Line::Continuation(0),
            Line::Stray,
            Line::Header(1),
            key(1, "k"),
            key(1, "l"),
            Line::Continuation(1),
        ]
    );
    assert!(index.byte_order_mark);
    assert_eq!(
        (
            index.profile("a"),
            index.key("a", "k2"),
            index.key("default", "l")
        ),
        (Some(2), Some(8), Some(13))
    );
    assert_eq!((index.profile("b"), index.key("a", "l")), (None, None));
}

#[test]
fn headers_mean_what_they_mean_to_the_sdks() {
    let profile = |name: &str| Section::Profile(name.into());
    for (line, kind, section) in [
        ("[profile dev]", Kind::Config, profile("dev")),
        ("[ profile\tdev ] ; x", Kind::Config, profile("dev")),
        ("[default]", Kind::Config, profile("default")),
        ("[services s]", Kind::Config, Section::Services("s".into())),
        ("[sso-session s]", Kind::Config, Section::Other),
        ("[dev]", Kind::Credentials, profile("dev")),
    ] {
        assert_eq!(Index::of(line, kind).sections[0].0, section, "{line}");
    }
    for (line, kind) in [
        ("[dev]", Kind::Config),
        ("[profile a b]", Kind::Config),
        ("[profile \"dev\"]", Kind::Config),
        ("[profile dev]", Kind::Credentials),
        ("[a b]", Kind::Credentials),
    ] {
        let section = &Index::of(line, kind).sections[0].0;
        assert!(matches!(section, Section::Ignored(_)), "{line}");
    }
}

#[test]
fn what_the_aws_cli_reads_and_aws_runtime_does_not_is_made_readable() {
    let indented = "  [profile a]\n  region = x\n  s3 =\n    # note\n    k = v\n  output = json\n";
    assert!(oracle(indented, Kind::Config).is_none());
    let index = Index::of(indented, Kind::Config);
    let sections = oracle(&index.normalised(indented, Kind::Config), Kind::Config).unwrap();
    let profile = sections.get_profile("a").unwrap();
    assert_eq!(profile.get("region"), Some("x"));
    assert_eq!(profile.get("s3"), Some("\nk = v"));
    assert_eq!(profile.get("output"), Some("json"));
}

#[test]
fn two_spellings_of_one_profile_are_merged_in_order() {
    let text =
        "[profile a]\nk = 1\n[profile  a]\nk = 2\n[default]\nk = 3\n[profile default]\nl = 4\n";
    let index = Index::of(text, Kind::Config);
    for _ in 0..20 {
        let sections = oracle(&index.normalised(text, Kind::Config), Kind::Config).unwrap();
        assert_eq!(sections.get_profile("a").unwrap().get("k"), Some("2"));
        assert_eq!(sections.get_profile("default").unwrap().get("k"), None);
        assert_eq!(sections.get_profile("default").unwrap().get("l"), Some("4"));
    }
    assert_eq!(index.key("default", "k"), None);
}

fn line() -> impl Strategy<Value = String> {
    let plain = prop::sample::select(vec![
        "[profile a]",
        "[profile b]",
        "[default]",
        "[a]",
        "[b]",
        "[services s]",
        "[profile default]",
        "[profile a",
        "k = v",
        "K=v # c",
        "l =",
        "  n = 1",
        "\tn",
        "# c",
        "; c",
        "",
        "  ",
        "= v",
        "word",
        "m = v\r",
        "\u{e9} = 1",
        "  [a]",
        " # c",
        "k#=v",
    ])
    .prop_map(str::to_owned);
    prop_oneof![9 => plain, 1 => "\\PC{0,12}"]
}

proptest! {
    #[test]
    fn arbitrary_text_never_panics(text in any::<String>(), credentials in any::<bool>()) {
        let kind = if credentials { Kind::Credentials } else { Kind::Config };
        let index = Index::of(&text, kind);
        let normal = index.normalised(&text, kind);
        prop_assert_eq!(index.lines.len(), lines(&text).count());
        prop_assert_eq!(normal.lines().count(), index.lines.len());
    }

    /// Where aws-runtime reads the text, it reads the normalised one alike, and the index finds exactly
    /// the keys that it finds.
    #[test]
    fn agrees_with_aws_runtime(lines in prop::collection::vec(line(), 0..14), credentials in any::<bool>()) {
        let kind = if credentials { Kind::Credentials } else { Kind::Config };
        let text = lines.join("\n");
        let index = Index::of(&text, kind);
        let normal = oracle(&index.normalised(&text, kind), kind);
        let raw = oracle(&text, kind);
        prop_assert!(raw.is_none() || normal.is_some());
        let Some(normal) = normal else { return Ok(()) };
        for name in ["a", "b", "default", "s"] {
            let found = normal.get_profile(name);
            prop_assert_eq!(found.is_some(), index.profile(name).is_some(), "{}", name);
            for key in ["k", "l", "m", "n"] {
                let value = found.and_then(|profile| profile.get(key));
                prop_assert_eq!(value.is_some(), index.key(name, key).is_some(), "{} {}", name, key);
                if let Some(raw) = &raw {
                    let raw = raw.get_profile(name).and_then(|profile| profile.get(key));
                    // Indented comments are no part of a value, as in the AWS CLI; nor is a CR at the
                    // end of the file.
                    let raw = raw.map(|raw| raw.replace("\n# c", "").trim_end_matches('\r').to_owned());
                    prop_assert_eq!(value, raw.as_deref());
                }
            }
        }
    }
}
