use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use super::super::testing::{Home, KEYS, profile};

#[test]
fn what_works_but_perhaps_not_as_meant_is_told() {
    let config = format!(
        "\u{feff}{}[dev]\nregion = x\n[profile \"dev\"]\n[default]\n[profile default]\n[profile dev]\nexternal_id = abc\nexternal_id = def\n",
        profile("dev", "base", "")
    );
    let home = Home::new("", &config, &format!("{KEYS}[profile base]\n"));
    assert_eq!(home.call("dev").external_id.as_deref(), Some("def"));
    insta::assert_snapshot!(home.problems().join("\n"), @r#"
    W .aws/config:1: begins with a byte order mark, on which the AWS CLI stumbles [save the file as UTF-8 without one]
    W .aws/config:5: AWS's SDKs pass over [dev]: in this file a profile is written [profile dev]
    W .aws/config:7: AWS's SDKs pass over [profile "dev"]: a name is made of letters, digits and _-/.%@:+
    W .aws/config:8: AWS's SDKs pass over [default] because of [profile default]
    W .aws/config:10: stands here for the second time: SDKs take both together, the AWS CLI refuses the file
    W .aws/config:12: profile dev.external_id: stands here for the second time; this one counts [remove one of them: the AWS CLI refuses a file with a key given twice]
    W .aws/credentials:4: AWS's SDKs pass over [profile base]: in the credentials file a profile is written [base]
    "#);
}

#[test]
fn syntax_errors_name_the_file_that_has_them() {
    let home = Home::new("", "[profile a]\nregion = x\nword\n", "\n[b\n");
    assert!(home.load().config.is_none());
    insta::assert_snapshot!(home.problems().join("\n"), @r#"
    E .aws/config:3: expected an '=' sign defining a property
    E .aws/credentials:2: profile definition must end with ']'
    "#);
}

#[test]
fn files_named_by_variables_are_read_and_missed() {
    let mut home = Home::new("", "[profile no]\nrole_arn = x\n", KEYS);
    home.put("other", profile("dev", "base", "").as_bytes());
    let other = home.path("other").display().to_string();
    home.set("AWS_CONFIG_FILE", &other)
        .set("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials");
    assert_eq!(home.recipe("dev").line(), "base → dev 1h");
    assert_eq!(home.config().roles.len(), 1);
    home.set("AWS_CONFIG_FILE", "~/none");
    assert_eq!(
        home.problems(),
        ["W none: AWS_CONFIG_FILE names this file, but there is none"]
    );
    // [environment] wins, so that a service manager's emptiness does not matter.
    home.put(
        "config.toml",
        format!("[environment]\nAWS_CONFIG_FILE = {other:?}\n").as_bytes(),
    );
    assert_eq!(home.recipe("dev").line(), "base → dev 1h");
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// aws-runtime logs the lines of a section that it takes for sub-properties, keys among them, when its
/// header is mistyped.
#[test]
fn no_secret_reaches_the_log_or_a_message() {
    let secret = "wJalrXUtnFEMI";
    let config = format!(
        "[profiles dev]\naws_secret_access_key = {secret}\n[profile x]\n{secret} {secret} = 1\naws_access_key_id = A\naws_secret_access_key = {secret} x\n\
         [profile y]\nrole_arn = arn:aws:iam::123456789012:role/y\nsource_profile = x\nexternal_id = {secret} x\n"
    );
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let home = Home::new(
        "",
        &config,
        &format!("[profile base]\naws_secret_access_key = {secret}\n"),
    );
    let problems = tracing::subscriber::with_default(subscriber, || {
        tracing::info!("the log works");
        home.problems().join("\n")
    });
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("the log works"));
    assert!(!log.contains(secret), "{log}");
    assert!(
        !problems.is_empty() && !problems.contains(secret),
        "{problems}"
    );
}
