//! Whom the client takes for the system service.

use rolecall::path::SYSTEM_SOCKET;
use rolecall_tests::harness::{Finished, Running, User};

use super::host::{ALICE, CAROL, Host};

/// Root prepares (`before`), carol listens on `socket`, root tidies up (`after`): what alice's client makes of
/// it.
fn meets(before: &str, socket: &str, after: &str) -> Option<Finished> {
    const LISTEN: &str = "import socket, sys\n\
        listener = socket.socket(socket.AF_UNIX)\n\
        listener.bind(sys.argv[1])\n\
        listener.listen()\n\
        print('listening', flush=True)\n\
        sys.stdin.read()\n";
    let host = Host::new()?;
    if std::process::Command::new("python3")
        .arg("--version")
        .output()
        .is_err()
    {
        eprintln!("skipped: no python3 here");
        return None;
    }
    host.sh(before);
    let mut squatter = host.command(CAROL, "python3");
    let squatter = Running::start(squatter.args(["-c", LISTEN, socket]));
    squatter.wait_for_more(1);
    host.sh(&format!("chmod 666 {socket}; {after}"));
    Some(host.rolecall(ALICE, &["process", "dev", "--socket", socket]))
}

fn assert_not_asked(finished: &Finished) {
    assert_eq!(finished.code(), Some(6), "{finished:?}");
    let told = format!("held by uid {}, not by you", CAROL.uid);
    assert!(finished.stderr.contains(&told), "{finished:?}");
}

#[test]
fn a_directory_that_others_may_write_to_proves_nothing() {
    let before = format!("chmod 777 /run/rolecall; chown {} /run/rolecall", CAROL.uid);
    let Some(met) = meets(&before, SYSTEM_SOCKET, "") else {
        return;
    };
    assert_not_asked(&met);
}

#[test]
fn nor_does_another_s_socket_in_the_service_s_directory() {
    // As if carol had been let in for a moment.
    let after = "chmod 755 /run/rolecall";
    let Some(met) = meets("chmod 777 /run/rolecall", SYSTEM_SOCKET, after) else {
        return;
    };
    assert_not_asked(&met);
}

#[test]
fn nor_does_a_link_to_a_directory_of_the_squatter_s() {
    let script = format!(
        "rm -r /run/rolecall && mkdir -m 755 /run/evil && chown {0}:{0} /run/evil && ln -s /run/evil /run/rolecall",
        CAROL.uid
    );
    let Some(met) = meets(&script, SYSTEM_SOCKET, "") else {
        return;
    };
    assert_not_asked(&met);
}

#[test]
fn nor_does_a_directory_that_root_has_given_away_elsewhere() {
    let script = format!(
        "mkdir -m 755 /run/other && chown {0}:{0} /run/other",
        CAROL.uid
    );
    let Some(met) = meets(&script, "/run/other/rolecall.sock", "") else {
        return;
    };
    assert_not_asked(&met);
}

#[test]
fn who_has_a_daemon_of_their_own_is_not_sent_to_the_system_s() {
    let Some(mut host) = Host::new() else { return };
    host.configure(&format!("uids = [{}]\n", ALICE.uid));
    host.start();
    let own = format!("/run/user/{}/rolecall", ALICE.uid);
    assert_eq!(host.rolecall(ALICE, &["status"]).code(), Some(0));
    host.sh(&format!(
        "mkdir -p {own} && chown -R {0}:{0} {own}",
        ALICE.uid
    ));
    let met = host.rolecall(ALICE, &["status"]);
    assert_eq!(met.code(), Some(6), "{met:?}");
    assert!(met.stderr.contains(&own), "{met:?}");
    assert_eq!(host.rolecall(User::ROOT, &["status"]).code(), Some(0));
}
