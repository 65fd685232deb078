//! The scripts that everything else relies on to say whether it is well, with a cargo that only pretends.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs::{self, File, Permissions};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use rolecall_tests::generated::root;

const CARGO: &str = r#"#!/bin/sh
case "$*" in
*"fuzz run"*) printf '%s\n' "$FUZZ"; exit "$FUZZ_STATUS" ;;
fuzz*|*"fuzz build"*) ;;
build*|*--no-run*) exit "$BUILD_STATUS" ;;
*sdk_renewal*) printf '%s\n' "$RENEWAL"; exit "$RENEWAL_STATUS" ;;
*) printf '%s\n' "$MAIN"; exit "$MAIN_STATUS" ;;
esac
"#;

/// A copy of the script alone, in a place where its cargo and the other programs it starts are ours.
struct Place(tempfile::TempDir);

impl Place {
    fn of(script: &str) -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        place.program(script, &fs::read_to_string(root().join(script)).unwrap());
        place.program("bin/cargo", CARGO);
        place.program("bin/rustup", "#!/bin/sh\n");
        place.program("tests/isolated", "#!/bin/sh\nexec \"$@\"\n");
        place
    }

    fn program(&self, name: &str, text: &str) {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        // Through a shell, never by `execve`: a fork in another thread may hold it open for writing.
        File::create(&path)
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    }

    /// Its exit code and the last line of its output.
    fn run(&self, script: &str, arguments: &[&str], variables: &[(&str, &str)]) -> (i32, String) {
        let bin = self.0.path().join("bin");
        let path = std::env::var("PATH").unwrap();
        let output = Command::new("sh")
            .arg(self.0.path().join(script))
            .args(arguments)
            .env("PATH", format!("{}:{path}", bin.display()))
            .env("CARGO_TARGET_DIR", self.0.path().join("target"))
            .envs(variables.iter().copied())
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let last = text.lines().last().unwrap_or_default();
        (output.status.code().unwrap(), last.to_owned())
    }
}

const PASSED: &str =
    "test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured; 9 filtered out; finished in 1s";
const FAILED: &str = "test result: FAILED. 4 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1s";

#[test]
fn a_run_is_good_only_if_both_halves_are_and_counts_both() {
    let place = Place::of("tests/run");
    for (main, main_status, renewal, renewal_status, code, last) in [
        (
            PASSED,
            "0",
            PASSED,
            "0",
            0,
            "10 passed, 0 failed, 2 skipped",
        ),
        (
            FAILED,
            "101",
            PASSED,
            "0",
            1,
            "9 passed, 1 failed, 1 skipped",
        ),
        (
            PASSED,
            "0",
            FAILED,
            "101",
            1,
            "9 passed, 1 failed, 1 skipped",
        ),
        // A test program that was killed counts nothing.
        ("", "101", PASSED, "0", 1, "5 passed, 0 failed, 1 skipped"),
        (PASSED, "0", "", "143", 1, "5 passed, 0 failed, 1 skipped"),
        // Nobody ran anything.
        ("", "0", "", "0", 1, "0 passed, 0 failed, 0 skipped"),
        ("", "0", PASSED, "0", 1, "5 passed, 0 failed, 1 skipped"),
        (PASSED, "0", "", "0", 1, "5 passed, 0 failed, 1 skipped"),
    ] {
        let variables = [
            ("BUILD_STATUS", "0"),
            ("MAIN", main),
            ("MAIN_STATUS", main_status),
            ("RENEWAL", renewal),
            ("RENEWAL_STATUS", renewal_status),
        ];
        let came = place.run("tests/run", &[], &variables);
        assert_eq!(came, (code, last.to_owned()), "{variables:?}");
    }
}

#[test]
fn what_does_not_compile_is_no_good_run() {
    let place = Place::of("tests/run");
    let (code, last) = place.run("tests/run", &[], &[("BUILD_STATUS", "101")]);
    assert_ne!(code, 0);
    assert!(!last.ends_with("skipped"), "{last}");
}

#[test]
fn a_fuzzer_that_did_not_run_to_its_end_is_no_success() {
    let place = Place::of("fuzz/run");
    fs::create_dir_all(place.0.path().join("fuzz/seeds/one")).unwrap();
    let done = "Done 17 runs\nstat::number_of_executed_units: 17";
    for (said, status, good) in [
        (done, "0", true),
        (done, "77", false),
        ("error: no bin target named `one`", "101", false),
        ("", "137", false),
        ("", "0", false),
    ] {
        let variables = [("FUZZ", said), ("FUZZ_STATUS", status)];
        let (code, _) = place.run("fuzz/run", &["1"], &variables);
        assert_eq!(code == 0, good, "{variables:?}");
    }
}

/// A shell script is a program of `sh`, which is all that is asked of a machine.
#[test]
fn scripts_are_read_by_every_shell() {
    for script in [
        ".ci/run",
        "tests/run",
        "tests/prepare",
        "tests/isolated",
        "fuzz/run",
    ] {
        let path = root().join(script);
        let first = fs::read_to_string(&path).unwrap();
        assert!(first.starts_with("#!/bin/sh\n"), "{script}");
        let checked = Command::new("sh").arg("-n").arg(Path::new(&path)).status();
        assert!(checked.unwrap().success(), "{script}");
    }
}
