use super::super::testing::{Home, KEYS};

const DEV: &str =
    "[profile dev]\nrole_arn = arn:aws:iam::123456789012:role/dev\nsource_profile = base\n";

fn sts(
    config: &str,
    toml: &str,
    variables: &[(&str, &str)],
) -> Result<(String, Option<String>), String> {
    let mut home = Home::new(toml, config, KEYS);
    for (name, value) in variables {
        home.set(name, value);
    }
    match home.role("dev").recipe {
        Ok(_) => {
            let sts = home.call("dev").sts;
            Ok((sts.region, sts.url))
        }
        Err(_) => Err(home.unusable("dev")),
    }
}

#[test]
fn region_comes_from_the_role_then_what_it_comes_from_then_the_environment() {
    let region = |config: &str, variables: &[(&str, &str)]| sts(config, "", variables).unwrap().0;
    let own = format!("{DEV}region = eu-west-1\n");
    let source = format!("{DEV}[profile base]\nregion = eu-west-2\n");
    let env = [
        ("AWS_REGION", "eu-west-3"),
        ("AWS_DEFAULT_REGION", "eu-north-1"),
    ];
    assert_eq!(
        region(&format!("{own}[profile base]\nregion = eu-west-2\n"), &env),
        "eu-west-1"
    );
    assert_eq!(region(&source, &env), "eu-west-2");
    assert_eq!(region(DEV, &env), "eu-west-3");
    assert_eq!(region(DEV, &env[1..]), "eu-north-1");
    assert_eq!(region(DEV, &[("AWS_REGION", "")]), "us-east-1");
    // [default] is a profile like any other.
    assert_eq!(
        region(&format!("{DEV}[default]\nregion = eu-south-1\n"), &[]),
        "us-east-1"
    );
}

#[test]
fn every_partition_has_its_own_default_and_none_is_left() {
    for (partition, expected) in [
        ("aws", "us-east-1"),
        ("aws-cn", "cn-north-1"),
        ("aws-us-gov", "us-gov-west-1"),
        ("aws-iso", "us-iso-east-1"),
        ("aws-iso-b", "us-isob-east-1"),
        ("aws-eusc", "eusc-de-east-1"),
    ] {
        let config = DEV.replace("arn:aws:", &format!("arn:{partition}:"));
        assert_eq!(sts(&config, "", &[]).unwrap().0, expected);
        // The daemon's region may be of another partition; the role's own may not.
        let foreign = if partition == "aws" {
            "cn-north-1"
        } else {
            "eu-west-1"
        };
        assert_eq!(
            sts(&config, "", &[("AWS_REGION", foreign)]).unwrap().0,
            expected
        );
        let why = sts(&format!("{config}region = {foreign}\n"), "", &[]).unwrap_err();
        assert!(
            why.contains(&format!("is not in partition {partition}")),
            "{why}"
        );
    }
    let why = sts(&DEV.replace("arn:aws:", "arn:aws-moon:"), "", &[]).unwrap_err();
    assert!(why.contains("give the role a region"), "{why}");
}

#[test]
fn endpoints_come_in_the_order_of_the_sdk_reference() {
    let services = "services = s\n[services s]\nsts =\n  endpoint_url = https://services\ns3 =\n  endpoint_url = https://s3\n";
    let config = format!("{DEV}endpoint_url = https://profile\n");
    let both = format!("{config}{services}");
    let url = |config: &str, variables: &[(&str, &str)]| sts(config, "", variables).unwrap().1;
    let env = [
        ("AWS_ENDPOINT_URL_STS", "https://env-sts"),
        ("AWS_ENDPOINT_URL", "https://env"),
    ];
    assert_eq!(url(&both, &env).as_deref(), Some("https://env-sts"));
    assert_eq!(url(&both, &env[1..]).as_deref(), Some("https://env"));
    assert_eq!(url(&both, &[]).as_deref(), Some("https://services"));
    assert_eq!(
        url(&both.replace("sts =", "sso ="), &[]).as_deref(),
        Some("https://profile")
    );
    assert_eq!(url(&config, &[]).as_deref(), Some("https://profile"));
    assert_eq!(url(DEV, &[]), None);
    let ignore = ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true");
    assert_eq!(url(&both, &[env[0], ignore]), None);
    assert_eq!(
        url(
            &format!("{config}ignore_configured_endpoint_urls = true\n"),
            &[]
        ),
        None
    );
    // [environment] of config.toml wins over the process's own.
    let own = "[environment]\nAWS_ENDPOINT_URL_STS = \"https://own\"\n";
    assert_eq!(
        sts(DEV, own, &env).unwrap().1.as_deref(),
        Some("https://own")
    );
    // The settings are the role's, not its source's.
    assert_eq!(
        url(
            &format!("{DEV}[profile base]\nendpoint_url = https://base\n"),
            &[]
        ),
        None
    );
}

#[test]
fn plain_http_goes_to_loopback_only() {
    for good in [
        "http://127.0.0.1:4566",
        "http://localhost:1/path",
        "http://[::1]:80",
        "http://127.8.8.8",
        "https://sts.example.com",
        "https://10.0.0.1:8443",
    ] {
        let found = sts(DEV, "", &[("AWS_ENDPOINT_URL", good)]).unwrap().1;
        assert_eq!(found.as_deref(), Some(good));
    }
    for bad in [
        "http://10.0.0.1",
        "http://localhost.evil.com",
        "http://127.0.0.1.evil.com",
        "http://[::2]",
        "http://169.254.169.254",
        "ftp://127.0.0.1",
        "127.0.0.1:4566",
        "https://",
        "/x",
        "https://a b",
        "https://user:password@sts.example.com",
        "http://evil.com@127.0.0.1",
    ] {
        let why = sts(DEV, "", &[("AWS_ENDPOINT_URL", bad)]).unwrap_err();
        assert!(
            why.starts_with("environment variable AWS_ENDPOINT_URL: "),
            "{why}"
        );
        assert!(!why.contains("password@"));
    }
}

#[test]
fn regions_are_labels_and_nothing_else() {
    for bad in [
        "eu-west-1/",
        "evil.com/",
        "EU-west-1",
        "eu west",
        "-eu",
        "eu-",
        "eu_west_1",
    ] {
        let why = sts(&format!("{DEV}region = {bad}\n"), "", &[]).unwrap_err();
        assert!(why.contains("expected a region such as eu-west-1"), "{why}");
    }
}

#[test]
fn fips_is_never_left_out_in_silence() {
    let config = format!("{DEV}use_fips_endpoint = true\n");
    assert!(
        sts(&config, "", &[])
            .unwrap_err()
            .contains("a FIPS endpoint is not built yet")
    );
    assert!(sts(DEV, "", &[("AWS_USE_FIPS_ENDPOINT", "true")]).is_err());
    assert!(
        sts(
            &config,
            "",
            &[(
                "AWS_ENDPOINT_URL",
                "https://sts-fips.us-east-1.amazonaws.com"
            )]
        )
        .is_ok()
    );
    let home = Home::new("", &format!("{DEV}use_dualstack_endpoint = true\n"), KEYS);
    assert!(home.role("dev").notes[0].contains("dual-stack"));
}

#[test]
fn a_mistake_in_the_environment_is_named_where_it_stands() {
    let toml = "[environment]\nAWS_REGION = \"eu-west-1\"\nAWS_ENDPOINT_URL_STS = \"http://example.com\"\n";
    let why = "plain http is accepted only to loopback, found example.com";
    let told = |toml: &str, variables: &[(&str, &str)]| sts(DEV, toml, variables).unwrap_err();
    assert!(
        told(toml, &[]).starts_with(&format!(
            "config.toml:3: environment.AWS_ENDPOINT_URL_STS: {why}"
        )),
        "{}",
        told(toml, &[])
    );
    let variable = [("AWS_ENDPOINT_URL_STS", "http://example.com")];
    assert!(
        told("", &variable)
            .starts_with(&format!("environment variable AWS_ENDPOINT_URL_STS: {why}"))
    );
}
