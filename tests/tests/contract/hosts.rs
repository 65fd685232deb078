//! Names: which `Host` a door answers to, and which target.

use rolecall_tests::harness::World;

use crate::rig::{Door, Doors, assert_has_credentials, assert_no_data, assert_refused};

impl Doors {
    /// A good request for the credentials, to `target`, with these lines in `Host`'s place.
    fn named(&self, door: Door, target: &str, hosts: &str) -> Vec<u8> {
        let key = self.key(door);
        format!("GET {target} HTTP/1.1\r\n{hosts}{key}\r\n").into_bytes()
    }
}

/// Client contract 49.
#[test]
fn a_loopback_name_with_the_port_or_without_one_is_a_host() {
    let doors = Doors::open();
    for door in Door::BOTH {
        let port = doors.address(door).port();
        for host in [
            "127.0.0.1".to_owned(),
            format!("127.0.0.1:{port}"),
            "localhost".to_owned(),
            format!("localhost:{port}"),
            format!("[::1]:{port}"),
            "[::1]".to_owned(),
            "LOCALHOST".to_owned(),
            format!("LocalHost:{port}"),
        ] {
            for name in ["Host", "host", "HOST"] {
                let line = format!("{name}: {host}\r\n");
                let answer = doors.ask(door, &doors.named(door, &Doors::path(door), &line));
                assert_eq!(answer.status, 200, "{line} at {door:?}");
                assert_has_credentials(&answer);
            }
        }
    }
}

/// Client contract 50.
#[test]
fn nothing_else_is_a_host_even_with_the_right_key() {
    let doors = Doors::open();
    for door in Door::BOTH {
        let port = doors.address(door).port();
        let other = if port == 80 { 81 } else { port ^ 1 };
        let foreign = [
            "attacker.example",
            "attacker.example:{port}",
            "127.0.0.1.nip.io",
            "127.0.0.1.nip.io:{port}",
            "127.0.0.1.",
            "127.0.0.1.:{port}",
            "0.0.0.0",
            "0.0.0.0:{port}",
            "0",
            "127.1",
            "127.0.0.2:{port}",
            "127.000.000.001",
            "0x7f.1",
            "0x7f000001",
            "0177.0.0.1",
            "2130706433",
            "[::ffff:127.0.0.1]",
            "[::ffff:127.0.0.1]:{port}",
            "[::]",
            "[0:0:0:0:0:0:0:1]",
            "::1",
            "[::1%25lo]",
            "127.0.0.1:{other}",
            "127.0.0.1:80",
            "127.0.0.1:0{port}",
            "127.0.0.1:+{port}",
            "127.0.0.1:{port}:{port}",
            "127.0.0.1:",
            "127.0.0.1:{port}.",
            "localhost.",
            "localhost.:{port}",
            "localhost:{other}",
            "localhost.localdomain",
            "user@127.0.0.1:{port}",
            "127.0.0.1:{port}@attacker.example",
            "127.0.0.1, attacker.example",
            "127.0.0.1 attacker.example",
            "127.0.0.1\tattacker.example",
            "http://127.0.0.1",
            "127.0.0.1/",
            "127.0.0.1#",
            "host.docker.internal",
            "host.docker.internal:{port}",
            "169.254.169.254",
            "169.254.170.2",
            "instance-data",
            "*",
            "null",
        ];
        for host in foreign {
            let host = host
                .replace("{port}", &port.to_string())
                .replace("{other}", &other.to_string());
            let line = format!("Host: {host}\r\n");
            let answer = doors.ask(door, &doors.named(door, &Doors::path(door), &line));
            assert_refused(door, &answer, &[403, 400], &line);
        }
        let good = format!("Host: 127.0.0.1:{port}\r\n");
        for hosts in [
            String::new(),
            "Host:\r\n".to_owned(),
            "Host: \r\n".to_owned(),
            format!("{good}{good}"),
            format!("{good}Host: attacker.example\r\n"),
            format!("Host: attacker.example\r\n{good}"),
            format!("{good}host:\r\n"),
            // Where a proxy would look, but not we.
            format!("X-Forwarded-Host: 127.0.0.1\r\nX-Host: 127.0.0.1:{port}\r\n"),
        ] {
            let answer = doors.ask(door, &doors.named(door, &Doors::path(door), &hosts));
            assert_refused(door, &answer, &[400], &hosts);
        }
        doors.assert_serves(door);
    }
    // Both kinds of refusal are in the ledger, once each and not once a request.
    doors.world.wait_for_record("the refusal", |record| {
        record["event"] == "refused" && record["rule"] == "guard" && record["door"] == "imds"
    });
    let refused = doors.world.ledger();
    let refused = refused.iter().filter(|it| it["event"] == "refused").count();
    assert!(refused <= 8, "{refused} records");
}

/// Client contract 54.
#[test]
fn an_absolute_target_is_the_host_s_or_refused() {
    let doors = Doors::open();
    for door in Door::BOTH {
        let (port, path) = (doors.address(door).port(), Doors::path(door));
        let here = format!("127.0.0.1:{port}");
        for (authority, host, served) in [
            (here.as_str(), here.as_str(), true),
            ("localhost", "localhost", true),
            ("LOCALHOST", "localhost", true),
            (&here, "127.0.0.1", false),
            ("localhost", &here, false),
            ("attacker.example", &here, false),
            (&here, "attacker.example", false),
            ("attacker.example", "attacker.example", false),
            ("127.0.0.1:1", "127.0.0.1:1", false),
            ("user@127.0.0.1", "127.0.0.1", false),
            ("user:pass@127.0.0.1", "user:pass@127.0.0.1", false),
        ] {
            let line = format!("Host: {host}\r\n");
            let target = format!("http://{authority}{path}");
            let answer = doors.ask(door, &doors.named(door, &target, &line));
            let what = format!("{target} for {host}");
            if served {
                assert_eq!(answer.status, 200, "{what}");
            } else {
                assert_refused(door, &answer, &[400, 403], &what);
            }
        }
        for scheme in ["https", "ftp", "file", "ws", "gopher"] {
            let request = doors.named(
                door,
                &format!("{scheme}://{here}{path}"),
                &format!("Host: {here}\r\n"),
            );
            let answer = doors.ask(door, &request);
            assert_refused(door, &answer, &[400], scheme);
        }
    }
}

/// Client contract 51.
#[test]
fn the_real_address_is_a_host_where_it_is_bound_and_nowhere_else() {
    const REAL: &str = "169.254.169.254";
    if !rolecall_tests::harness::hold_address(REAL) {
        return;
    }
    let mut world = World::new();
    let (here, there) = (
        rolecall_tests::harness::free_port(),
        rolecall_tests::harness::free_port(),
    );
    world.configure(&format!(
        "[[imds]]\nlisten = \"{REAL}:{there}\"\nrole = \"dev\"\n{}",
        crate::rig::imds_table(here, "dev")
    ));
    world.start();
    for (address, port, host, status) in [
        (REAL, there, REAL.to_owned(), 401),
        (REAL, there, format!("{REAL}:{there}"), 401),
        (REAL, there, format!("{REAL}:{here}"), 403),
        (REAL, there, "127.0.0.1".to_owned(), 403),
        (REAL, there, "localhost".to_owned(), 403),
        (REAL, there, "169.254.170.2".to_owned(), 403),
        (REAL, there, "0169.254.169.254".to_owned(), 403),
        ("127.0.0.1", here, REAL.to_owned(), 403),
        ("127.0.0.1", here, "127.0.0.1".to_owned(), 401),
    ] {
        let address = format!("{address}:{port}").parse().expect("an address");
        let endpoint = rolecall_tests::harness::Endpoint::Tcp(address);
        let mut connection = world.connect(&endpoint);
        let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
        connection.write(request.as_bytes()).expect("it is open");
        let answer = connection.read(false).expect("an answer");
        assert_eq!(answer.status, status, "{host} at {address}");
        assert_no_data(&answer);
    }
}
