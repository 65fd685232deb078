//! How long a head may be, and how long it may take.

use rolecall_tests::harness::{Connection, eventually};

use crate::rig::{Door, Doors};

/// Client contract 65.
#[test]
fn heads_are_bounded() {
    let doors = Doors::open();
    for door in Door::BOTH {
        let path = Doors::path(door);
        let filler = |bytes: usize| "x".repeat(bytes);
        // To the line: with `Host` and the key there are 64.
        let lines = |count: usize| "A: b\r\n".repeat(count - 2);
        // To the byte: the name, the colon and the blank are three.
        let line = |bytes: usize| format!("A: {}\r\n", filler(bytes - 3));
        for fits in [lines(64), line(8192), format!("{0}{0}", line(7900))] {
            assert_eq!(doors.ask(door, &doors.credentials(door, &fits)).status, 200);
        }
        let hundreds = "A: b\r\n".repeat(500);
        for (what, request, statuses) in [
            (
                "a long line",
                doors.credentials(door, &line(8193)),
                &[431][..],
            ),
            (
                "a long name",
                doors.credentials(door, &format!("{}: b\r\n", filler(9000))),
                &[431, 400],
            ),
            ("one line more", doors.credentials(door, &lines(65)), &[431]),
            (
                "hundreds of lines",
                doors.credentials(door, &hundreds),
                &[431],
            ),
            (
                "a long head",
                doors.credentials(
                    door,
                    &format!("A: {0}\r\nB: {0}\r\nC: {0}\r\n", filler(8000)),
                ),
                &[431],
            ),
            (
                "64 KiB",
                doors.credentials(door, &format!("A: {}\r\n", filler(65_536))),
                &[431],
            ),
            (
                "a long query",
                doors.request(door, "GET", &format!("{path}?{}", filler(9000)), ""),
                &[414],
            ),
            (
                "a long path",
                doors.request(door, "GET", &format!("/{}", filler(9000)), ""),
                &[414],
            ),
            (
                "a longer path",
                doors.request(door, "GET", &format!("/{}", filler(70_000)), ""),
                &[414, 431],
            ),
        ] {
            match doors.last_words(door, &request) {
                Some(answer) => assert!(
                    statuses.contains(&answer.status) && !answer.text().contains("AccessKey"),
                    "{} for {what} at {door:?}",
                    answer.status
                ),
                None => panic!("no answer for {what} at {door:?}"),
            }
        }
        // One that never ends is not waited for, or kept.
        let mut connection = doors.connect(door);
        connection
            .write(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n")
            .expect("it is open");
        let line = format!("A: {}\r\n", filler(1000));
        assert!(refuses(&mut connection, line.as_bytes(), 100_000));
    }
}

/// Whether the other end stops taking these bytes over and over.
fn refuses(connection: &mut Connection, bytes: &[u8], most: usize) -> bool {
    (0..most).any(|_| connection.write(bytes).is_err())
}

/// Client contract 66.
#[test]
fn heads_that_do_not_come_are_given_up_and_hold_nobody_up() {
    let doors = Doors::open();
    for door in Door::BOTH {
        let mut slow: Vec<Connection> = (0..200).map(|_| doors.connect(door)).collect();
        for (number, connection) in slow.iter_mut().enumerate() {
            // Some say nothing at all.
            if number % 2 == 0 {
                connection
                    .write(b"GET / HTTP/1.1\r\nHo")
                    .expect("it is open");
            }
        }
        doors.assert_serves(door);
        for connection in &mut slow {
            assert_eq!(connection.rest().expect("it is closed"), b"", "{door:?}");
        }
        doors.assert_serves(door);

        // A line now and then does not make more time.
        let mut dripping = doors.connect(door);
        dripping.write(b"GET / HTTP/1.1\r\n").expect("it is open");
        eventually("the end of patience", || {
            std::thread::sleep(std::time::Duration::from_millis(100));
            dripping.write(b"A: b\r\n").is_err().then_some(())
        });
    }
}
