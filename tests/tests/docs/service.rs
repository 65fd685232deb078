//! The files that service managers read.

use std::fs::File;
use std::io::Write as _;
use std::process::Command;

use rolecall_tests::generated::root;
use rolecall_tests::harness::{Finished, World, run};

use super::read;

fn systemd_analyze_is_there() -> bool {
    let there = Command::new("systemd-analyze").arg("--version").output();
    if there.is_err() {
        eprintln!("skipped: no systemd-analyze here");
    }
    there.is_ok()
}

/// What `systemd-analyze` says about a unit with these contents.
fn analyze(world: &World, arguments: &[&str], name: &str, unit: &str) -> Finished {
    let daemon = world.path("bin/rolecalld");
    let file = world.path(name);
    let unit = unit.replace("/usr/bin/rolecalld", daemon.to_str().unwrap());
    let mut written = File::create(&file).unwrap();
    written.write_all(unit.as_bytes()).unwrap();
    let mut command = world.command("systemd-analyze");
    run(command.args(arguments).arg(&file))
}

#[test]
fn systemd_finds_nothing_wrong_with_the_units() {
    if !systemd_analyze_is_there() {
        return;
    }
    let world = World::new();
    for (manager, name) in [
        ("--user", "rolecalld.service"),
        ("--system", "rolecalld-system.service"),
    ] {
        let unit = read(&format!("systemd/{name}"));
        let verify = |unit: &str| analyze(&world, &[manager, "verify", "--man=no"], name, unit);
        let finished = verify(&unit);
        assert_eq!((finished.ok(), finished.stderr.as_str()), ("", ""));
        // It would tell.
        let wrong = verify(&unit.replace("Restart=on-failure", "Restart=on-fialure"));
        assert!(wrong.stderr.contains("on-fialure"), "{wrong:?}");
    }
}

/// The exposure that `systemd-analyze security` reckons, in tenths.
fn exposure(world: &World, name: &str, unit: &str) -> u32 {
    let arguments = ["security", "--offline=true", "--no-pager"];
    let finished = analyze(world, &arguments, name, unit);
    let (_, figure) = finished
        .ok()
        .rsplit_once(": ")
        .expect("the last line has it");
    let figure = figure.split_whitespace().next().unwrap().replace('.', "");
    figure.parse().expect("tenths")
}

#[test]
fn the_system_service_is_in_a_sandbox() {
    if !systemd_analyze_is_there() {
        return;
    }
    let world = World::new();
    let unit = read("systemd/rolecalld-system.service");
    let exposure = |unit: &str| exposure(&world, "rolecalld-system.service", unit);
    assert!(exposure(&unit) <= 20, "{}", exposure(&unit));
    assert!(exposure(&unit.replace("SystemCallFilter=", "# ")) > 20);
}

/// What takes the group of a setgid program away in a user's manager; `tests/boot/checks` starts one there.
#[test]
fn the_user_s_service_leaves_setgid_programs_their_group() {
    if !systemd_analyze_is_there() {
        return;
    }
    let unit = read("systemd/rolecalld.service");
    for line in unit.lines().filter(|line| !line.starts_with('#')) {
        for start in [
            "NoNewPrivileges",
            "SystemCall",
            "Restrict",
            "LockPersonality",
            "MemoryDeny",
            "Private",
            "Protect",
        ] {
            assert!(!line.starts_with(start), "{line}");
        }
    }
    // Next to nothing that counts is left, so this is what it is: 9.6 on systemd 252.
    let exposure = exposure(&World::new(), "rolecalld.service", &unit);
    assert!(exposure <= 96, "{exposure}");
}

#[test]
fn launchd_can_read_the_agent() {
    const AGENT: &str = "launchd/com.github.rolecall.rolecalld.plist";
    const READ: &str =
        "import json, plistlib, sys; print(json.dumps(plistlib.load(open(sys.argv[1], 'rb'))))";
    if Command::new("python3").arg("--version").output().is_err() {
        eprintln!("skipped: no python3 here");
        return;
    }
    let mut python = Command::new("python3");
    python.args(["-c", READ]).arg(root().join(AGENT));
    let agent: serde_json::Value = run(&mut python).json();
    assert_eq!(agent["Label"], "com.github.rolecall.rolecalld");
    assert_eq!(agent["ProgramArguments"][0], "/usr/local/bin/rolecalld");
    assert_eq!(agent["Umask"], 0o077);
}
