//! The files that service managers read.

use std::fs::File;
use std::io::Write as _;
use std::process::Command;

use rolecall_tests::generated::root;
use rolecall_tests::harness::{World, run};

use super::read;

#[test]
fn systemd_finds_nothing_wrong_with_the_unit() {
    if Command::new("systemd-analyze")
        .arg("--version")
        .output()
        .is_err()
    {
        println!("skipped: no systemd-analyze here");
        return;
    }
    let unit = read("systemd/rolecalld.service");
    let verify = |unit: &str| {
        let world = World::new();
        let daemon = world.path("bin/rolecalld");
        let file = world.path("rolecalld.service");
        let unit = unit.replace("/usr/bin/rolecalld", daemon.to_str().unwrap());
        File::create(&file)
            .unwrap()
            .write_all(unit.as_bytes())
            .unwrap();
        let mut command = world.command("systemd-analyze");
        run(command.args(["--user", "verify", "--man=no"]).arg(&file))
    };
    let finished = verify(&unit);
    assert_eq!((finished.ok(), finished.stderr.as_str()), ("", ""));
    // It would tell.
    let wrong = verify(&unit.replace("Restart=on-failure", "Restart=on-fialure"));
    assert!(wrong.stderr.contains("on-fialure"), "{wrong:?}");
}

#[test]
fn launchd_can_read_the_agent() {
    const AGENT: &str = "launchd/com.github.rolecall.rolecalld.plist";
    const READ: &str =
        "import json, plistlib, sys; print(json.dumps(plistlib.load(open(sys.argv[1], 'rb'))))";
    if Command::new("python3").arg("--version").output().is_err() {
        println!("skipped: no python3 here");
        return;
    }
    let mut python = Command::new("python3");
    python.args(["-c", READ]).arg(root().join(AGENT));
    let agent: serde_json::Value = run(&mut python).json();
    assert_eq!(agent["Label"], "com.github.rolecall.rolecalld");
    assert_eq!(agent["ProgramArguments"][0], "/usr/local/bin/rolecalld");
    assert_eq!(agent["Umask"], 0o077);
}
