//! The daemon's memory is nobody's business, not even that of its own user.

use std::fs;
use std::path::Path;

use rolecall_tests::harness::{Finished, World, run};

/// Runs a line of shell as the daemon's own user, with its process id in `$0`.
fn shell(world: &World, script: &str) -> Finished {
    run(world
        .command("sh")
        .args(["-c", script, &world.pid().to_string()]))
}

/// System calls by which one process gets at another's memory or files, each as a line of Perl with the
/// process in `$p`, for x86-64 and for the numbers that other machines share.
fn system_calls() -> [(&'static str, String); 5] {
    let [ptrace, read, write] = if cfg!(target_arch = "x86_64") {
        [101, 310, 311]
    } else {
        [117, 270, 271]
    };
    let vectors = "my $b = chr(0) x 8; my $v = pack('QQ', unpack('Q', pack('P', $b)), 8);";
    [
        ("ptrace attach", format!("syscall({ptrace}, 16, $p, 0, 0)")),
        (
            "ptrace seize",
            format!("syscall({ptrace}, 0x4206, $p, 0, 0)"),
        ),
        (
            "process_vm_readv",
            format!("{vectors} syscall({read}, $p, $v, 1, $v, 1, 0)"),
        ),
        (
            "process_vm_writev",
            format!("{vectors} syscall({write}, $p, $v, 1, $v, 1, 0)"),
        ),
        (
            "pidfd_getfd",
            "my $f = syscall(434, $p, 0); syscall(438, $f, 1, 0)".to_owned(),
        ),
    ]
}

/// What such a call answers: `ok`, or the error.
fn called(world: &World, call: &str) -> String {
    let script = format!(
        "my $p = {}; my $r = do {{ {call} }}; print $r == -1 ? \"$!\" : 'ok'; syscall({}, 17, $p, 0, 0)",
        world.pid(),
        if cfg!(target_arch = "x86_64") {
            101
        } else {
            117
        },
    );
    run(world.command("perl").args(["-e", &script]))
        .ok()
        .to_owned()
}

#[test]
fn the_same_user_cannot_reach_in_by_system_calls() {
    if !Path::new("/usr/bin/perl").exists() {
        eprintln!("needs perl: nothing tested");
        return;
    }
    let mut world = World::new();
    world.start();
    for (name, call) in system_calls() {
        assert_eq!(called(&world, &call), "Operation not permitted", "{name}");
    }
    for debugger in ["gdb -batch -p $0", "strace -f -p $0 -o /dev/null"] {
        let program = debugger.split(' ').next().unwrap_or_default();
        if Path::new("/usr/bin").join(program).exists() {
            let finished = shell(&world, debugger);
            let said = finished.stdout.clone() + &finished.stderr;
            assert!(said.contains("not permitted"), "{debugger}: {finished:?}");
        }
    }
    world.rolecall(&["process", "dev"]).ok();
    world.stop();

    // The calls are such that work where they may: else the above has shown nothing.
    world.try_start(&["--allow-dump"]).expect("it starts");
    let scope = fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope").unwrap_or_default();
    for (name, call) in system_calls() {
        let answer = called(&world, &call);
        // An address of ours is none of theirs; that it is told means that the way was open.
        let open = answer == "ok" || answer == "Bad address";
        assert!(
            open || !matches!(scope.trim(), "" | "0"),
            "{name}: {answer}"
        );
    }
}

#[test]
fn the_same_user_cannot_look_into_it() {
    let mut world = World::new();
    world.start();
    world.rolecall(&["process", "dev"]).ok();
    for script in [
        "cat /proc/$0/environ",
        "cat /proc/$0/maps",
        ": < /proc/$0/mem",
        "ls /proc/$0/fd",
    ] {
        let finished = shell(&world, script);
        assert_ne!(finished.code(), Some(0), "{script}");
        assert!(finished.stderr.contains("denied"), "{script}: {finished:?}");
    }
    if Path::new("/usr/bin/gcore").exists() {
        let finished = shell(&world, "gcore -o \"$HOME/core\" $0");
        assert_ne!(finished.code(), Some(0), "{finished:?}");
        let left = fs::read_dir(world.path("home")).expect("a home");
        let names = left.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        assert!(!names.into_iter().any(|name| name.starts_with("core")));
    }
    world.rolecall(&["process", "dev"]).ok();
}

#[test]
fn a_developer_may_allow_it() {
    let mut world = World::new();
    world.try_start(&["--allow-dump"]).expect("it starts");
    let finished = shell(&world, "cat /proc/$0/environ");
    assert!(
        finished.ok().contains("AWS_ENDPOINT_URL_STS"),
        "{finished:?}"
    );
    shell(&world, ": < /proc/$0/mem").ok();
}
