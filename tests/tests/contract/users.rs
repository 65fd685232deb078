//! Other users on TCP, with everything stolen that can be, and peers that are gone before anybody looks.

use rolecall_tests::harness::{Connection, User};

use crate::rig::{Door, Doors, TOKEN_PATH, TTL, assert_refused};

/// Nothing of the request but its head is waited for.
///
/// Client contract 70.
#[test]
fn another_user_is_refused_before_a_body_is_read() {
    let Some(other) = User::other() else { return };
    let doors = Doors::open();
    for user in [other, User::ROOT] {
        for door in Door::BOTH {
            let body = "Content-Length: 1000000\r\n";
            for request in [
                doors.credentials(door, ""),
                doors.credentials(door, body),
                doors.request(door, "PUT", TOKEN_PATH, &format!("{TTL}: 60\r\n")),
                doors.request(door, "PUT", TOKEN_PATH, &format!("{TTL}: 60\r\n{body}")),
                doors.request(door, "POST", &Doors::path(door), body),
            ] {
                let connection = user.act(|| doors.endpoint(door).connect());
                let mut connection = connection.expect("anybody may connect");
                connection.write(&request).expect("it is open");
                let answer = connection.read(false).expect("an answer");
                assert_refused(door, &answer, &[403], &format!("{user:?}"));
            }
            doors.assert_serves(door);
        }
    }
}

/// A socket of the user's own, handed to somebody else, is still the user's: the kernel tells who made it. What
/// matters is the other way round: another's socket is another's, whoever writes to it.
///
/// Client contract 70.
#[test]
fn another_user_s_connection_stays_another_user_s() {
    let Some(other) = User::other() else { return };
    let doors = Doors::open();
    for door in Door::BOTH {
        let connection = other.act(|| doors.endpoint(door).connect());
        let mut connection = connection.expect("anybody may connect");
        let request = doors.credentials(door, "");
        let answer = doors.world.user().act(move || {
            connection.write(&request).expect("it is open");
            connection.read(false).expect("an answer")
        });
        assert_refused(door, &answer, &[403], "a connection that was passed on");
    }
}

/// Client contract 70.
#[test]
fn peers_that_are_gone_before_they_are_looked_at_do_no_harm() {
    let doors = Doors::open();
    let users = [Some(doors.world.user()), User::other()];
    for door in Door::BOTH {
        for user in users.into_iter().flatten() {
            user.act(|| {
                for number in 0..300 {
                    let connection = doors.endpoint(door).connect();
                    let mut connection: Connection = connection.expect("anybody may connect");
                    if number % 3 > 0 {
                        // Some ask before they go; nobody reads the answer.
                        let _ = connection.write(&doors.credentials(door, ""));
                    }
                }
            });
        }
        doors.assert_serves(door);
    }
    let log = doors.world.log();
    assert!(!log.contains("panic"), "{log}");
}
