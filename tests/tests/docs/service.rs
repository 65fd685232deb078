//! The files that service managers read.

use std::fs::File;
use std::io::Write as _;
use std::process::Command;

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

/// What `plutil -lint` and Python's plistlib insist on, as far as this file goes.
#[test]
fn launchd_can_read_the_agent() {
    let plist = read("launchd/com.github.rolecall.rolecalld.plist");
    let finished = run(Command::new("python3")
        .args([
            "-c",
            "import json, plistlib, sys; print(json.dumps(plistlib.load(open(sys.argv[1], 'rb'))))",
        ])
        .arg(
            rolecall_tests::generated::root().join("launchd/com.github.rolecall.rolecalld.plist"),
        ));
    let agent: serde_json::Value = finished.json();
    assert_eq!(agent["Label"], "com.github.rolecall.rolecalld");
    assert_eq!(agent["ProgramArguments"][0], "/usr/local/bin/rolecalld");
    assert_eq!(agent["Umask"], 0o077);
    assert!(plist.ends_with("</plist>\n"));
}
