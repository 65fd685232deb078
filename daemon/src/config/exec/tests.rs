use super::super::environment::Environment;
use super::super::file::Reader;
use super::super::shared::Shared;
use super::super::testing::Home;
use super::{ExecFiles, exec_files};

const ARN: &str = "arn:aws:iam::123456789012:role/";

/// Reads the copies as an SDK does.
fn reread(files: &ExecFiles) -> Shared {
    let home = Home::new("", &files.config, &files.credentials);
    let mut faults = Vec::new();
    let own = [].into();
    let environment = Environment::new(&own, &home.sources);
    let shared = Shared::read(&environment, &mut Reader::default(), &mut faults);
    assert!(faults.is_empty());
    shared
}

#[test]
fn the_default_profile_becomes_the_role_without_any_keys() {
    let config = format!(
        "[default]\nregion = us-west-2\nendpoint_url = http://127.0.0.1:4566\ncredential_process = /bin/other\n\
         # aws_secret_access_key = old\n[profile dev]\nrole_arn = {ARN}dev\nsource_profile = base\n\
         region = eu-west-1\nretry_mode = adaptive\nservices = mine\ns3 =\n  addressing_style = path\n\
         \n  max_concurrent_requests = 3\naws_account_id = 123456789012\noutput = json\n\
         [services mine]\nsts =\n  endpoint_url = https://sts.example.com\n[profile other]\nregion = ap-south-1\n"
    );
    let credentials = "[default]\naws_access_key_id = AKIADEFAULT\naws_secret_access_key = s1\n\
         [base]\naws_access_key_id = AKIABASE\naws_secret_access_key = s2\n[dev]\nmax_attempts = 9\n";
    let home = Home::new(
        "[roles.dev]\noutput = \"text\"\nkeep_fresh = true\n",
        &config,
        credentials,
    );
    let files = exec_files(&home.sources, None, "dev").unwrap();
    for gone in [
        "AKIADEFAULT",
        "s1",
        "/bin/other",
        "4566",
        "old",
        "us-west-2",
    ] {
        assert!(
            !files.config.contains(gone) && !files.credentials.contains(gone),
            "{gone}"
        );
    }
    let shared = reread(&files);
    for (key, value) in [
        ("region", "eu-west-1"),
        ("output", "text"),
        ("retry_mode", "adaptive"),
        ("max_attempts", "9"),
        ("services", "mine"),
        (
            "s3",
            "\naddressing_style = path\nmax_concurrent_requests = 3",
        ),
    ] {
        assert_eq!(shared.get("default", key), Some(value), "{key}");
    }
    for key in [
        "role_arn",
        "source_profile",
        "credential_process",
        "aws_access_key_id",
        "aws_account_id",
    ] {
        assert_eq!(shared.get("default", key), None, "{key}");
    }
    assert_eq!(
        shared.get("dev", "role_arn"),
        Some(format!("{ARN}dev").as_str())
    );
    assert_eq!(shared.get("base", "aws_access_key_id"), Some("AKIABASE"));
    assert_eq!(shared.get("other", "region"), Some("ap-south-1"));
    assert_eq!(
        shared.sts_endpoint_of_services("mine"),
        Some("https://sts.example.com")
    );
}

#[test]
fn a_role_of_config_toml_and_both_spellings_of_default() {
    let toml = format!(
        "[roles.r]\nrole_arn = \"{ARN}r\"\nsource_profile = \"default\"\nregion = \"eu-north-1\"\n"
    );
    let config = "[default]\nregion = a\n[profile default]\nregion = b\noutput = json";
    let home = Home::new(
        &toml,
        config,
        "[default]\naws_access_key_id=A\naws_secret_access_key=s",
    );
    let files = exec_files(&home.sources, None, "r").unwrap();
    assert_eq!(files.config.as_str(), "[default]\nregion = eu-north-1\n\n");
    assert_eq!(files.credentials.as_str(), "");
}

/// Each was read as the default profile by at least one SDK, in one of the files.
#[test]
fn what_any_sdk_takes_for_the_default_profile_is_left_out() {
    let role = format!("[roles.r]\nrole_arn = \"{ARN}r\"\nsource_profile = \"base\"\n");
    let keys = "aws_access_key_id = AKIAWRONG\naws_secret_access_key = s\n";
    let base = "[base]\naws_access_key_id = AKIABASE\naws_secret_access_key = s2\n";
    for header in [
        "[default]",
        "[ default ]",
        "[default] ; mine",
        "[DEFAULT]",
        "[profile default]",
        "[profile  default ]",
        "[profile\tdefault] # mine",
        "[profile \"default\"]",
        "[profile 'default']",
        "[profile defaul\\t]",
    ] {
        let wrong = format!("{header}\nregion = wrong\n{keys}");
        let home = Home::new(
            &role,
            &format!("[profile a]\nregion = a\n{wrong}[profile b]\nregion = b\n"),
            &format!("{base}{wrong}"),
        );
        let files = exec_files(&home.sources, None, "r").unwrap();
        let config = "[default]\n\n[profile a]\nregion = a\n[profile b]\nregion = b\n";
        assert_eq!(files.config.as_str(), config, "{header}");
        assert_eq!(files.credentials.as_str(), base, "{header}");
    }
    for header in [
        "[profile Default]",
        "[profile defaults]",
        "[profile my default]",
    ] {
        let home = Home::new(&role, &format!("{header}\n{keys}"), base);
        let files = exec_files(&home.sources, None, "r").unwrap();
        assert!(files.config.contains(header), "{header}");
    }
}

/// Go and JavaScript read a header where botocore sees the line above it go on.
#[test]
fn an_indented_header_of_the_default_profile_is_left_out() {
    let config = format!(
        "[profile r]\nrole_arn = {ARN}r\nsource_profile = base\noutput = json\n  [default]\n  \
         aws_access_key_id = AKIAWRONG\n[profile a]\noutput = json\n  [default]\n  credential_process = wrong\n\
         [profile b]\nregion = b\n"
    );
    let base = "[base]\naws_access_key_id = AKIABASE\naws_secret_access_key = s2\n";
    let home = Home::new("", &config, base);
    let files = exec_files(&home.sources, None, "r").unwrap();
    assert!(
        files.config.starts_with("[default]\noutput = json\n\n"),
        "{}",
        *files.config
    );
    assert_eq!(files.config.matches("[default]").count(), 1);
    for wrong in ["AKIAWRONG", "wrong"] {
        assert!(!files.config.contains(wrong), "{}", *files.config);
    }
    assert!(files.config.ends_with("[profile b]\nregion = b\n"));
}

#[test]
fn unknown_roles_and_unreadable_files_are_errors() {
    let home = Home::new("", "", "");
    let error = exec_files(&home.sources, None, "dev").err().unwrap();
    assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
    home.put(".aws/config", b"nonsense\n");
    let error = exec_files(&home.sources, None, "dev").err().unwrap();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidData);
    assert!(error.to_string().contains("config:1"), "{error}");
}

#[test]
fn files_that_broke_are_replaced_by_those_in_force_less_their_keys() {
    let toml = format!(
        "[roles.r]\nrole_arn = \"{ARN}r\"\nsource_profile = \"base\"\nregion = \"eu-north-1\"\n"
    );
    let config = "[profile r]\nretry_mode = adaptive\n# aws_secret_access_key = old\n[profile other]\nregion = x\n\
                  aws_secret_access_key = s9\ns3 =\n  addressing_style = path\n";
    let credentials =
        "[base]\naws_access_key_id = AKIABASE\naws_secret_access_key = s2\naws_session_token = t\n";
    let home = Home::new(&toml, config, credentials);
    let kept = super::super::load(&home.sources).kept;
    for path in [".aws/config", ".aws/credentials"] {
        home.put(path, b"nonsense\n");
        let files = exec_files(&home.sources, kept.as_ref(), "r").unwrap();
        let shared = reread(&files);
        assert_eq!(shared.get("default", "region"), Some("eu-north-1"));
        assert_eq!(shared.get("default", "retry_mode"), Some("adaptive"));
        assert_eq!(shared.get("other", "region"), Some("x"));
        assert_eq!(shared.get("other", "s3"), Some("\naddressing_style = path"));
        let both = format!("{}{}", *files.config, *files.credentials);
        for key in ["AKIABASE", "s2", "s9", "token", "old", "access_key"] {
            assert!(!both.contains(key), "{key}: {both}");
        }
    }
    assert!(super::super::load(&home.sources).kept.is_none());
}
