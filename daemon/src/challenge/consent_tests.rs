use proptest::prelude::*;

use super::*;
use crate::clock::Timestamp;

const START: Now = Now {
    wall: Timestamp::from_secs(1_767_225_600),
    boot: Duration::from_secs(5000),
};

fn question(role: &str) -> Question {
    Question {
        uid: 1000,
        role: role.to_owned(),
        step: None,
        program: Some("/usr/bin/terraform".to_owned()),
        place: Place::Session {
            leader: 40,
            started: 400,
        },
    }
}

fn minutes(count: u64) -> Now {
    START.plus(Duration::from_mins(count))
}

const ONCE: Frequency = Frequency::FirstUse;

fn connection(connection: u64) -> Frequency {
    Frequency::Always {
        connection,
        read_of: None,
    }
}

fn given(frequency: Frequency, waiting: u32) -> Consents {
    let mut consents = Consents::default();
    consents.give(question("prod"), frequency, waiting, START);
    consents
}

#[test]
fn a_first_use_lasts_ten_idle_minutes() {
    let mut consents = given(ONCE, 3);
    assert!(consents.take(&question("prod"), ONCE, minutes(9)));
    // Used at nine minutes, so good until nineteen.
    assert!(consents.take(&question("prod"), ONCE, minutes(18)));
    assert!(!consents.take(&question("prod"), ONCE, minutes(28)));
}

#[test]
fn nothing_lasts_longer_than_twelve_hours() {
    let mut consents = given(ONCE, 0);
    let good = (0..300)
        .map(|count| count * 5)
        .take_while(|at| consents.take(&question("prod"), ONCE, minutes(*at)));
    assert_eq!(good.last(), Some(715));
}

#[test]
fn suspended_time_counts_and_a_clock_set_back_helps_nobody() {
    let slept = Now {
        wall: START.wall,
        boot: START.boot + IDLE,
    };
    assert!(!given(ONCE, 0).take(&question("prod"), ONCE, slept));
    let set_back = Now {
        wall: START.wall.minus(Duration::from_hours(24)),
        boot: START.boot + IDLE,
    };
    assert!(!given(ONCE, 0).take(&question("prod"), ONCE, set_back));
}

#[test]
fn a_consent_is_for_its_question_only() {
    let mut consents = given(ONCE, 0);
    let own = question("prod");
    let others = [
        question("dev"),
        Question {
            uid: 1001,
            ..own.clone()
        },
        Question {
            program: Some("/usr/bin/evil".to_owned()),
            ..own.clone()
        },
        Question {
            program: None,
            ..own.clone()
        },
        Question {
            place: Place::Session {
                leader: 40,
                started: 401,
            },
            ..own.clone()
        },
        Question {
            place: Place::Process {
                pid: 40,
                started: 400,
            },
            ..own.clone()
        },
        Question {
            place: Place::Lease("40".to_owned()),
            ..own.clone()
        },
    ];
    for other in others {
        assert!(!consents.take(&other, ONCE, START), "{other:?}");
    }
    // `confirm` was changed to "always" since.
    assert!(!consents.take(&own, connection(1), START));
    assert!(consents.take(&own, ONCE, START));
}

#[test]
fn always_lets_in_as_many_connections_as_waited() {
    let prod = question("prod");
    for (waiting, let_in) in [(0, 1), (1, 1), (3, 3)] {
        let mut consents = given(connection(7), waiting);
        let count = (0..9)
            .filter(|number| consents.take(&prod, connection(*number), START))
            .count();
        assert_eq!(count, let_in, "{waiting}");
    }
    let mut consents = given(connection(7), 1);
    assert!(!consents.take(&prod, ONCE, START), "first-use asks anew");
    assert!(!consents.take(&prod, connection(8), minutes(2)), "too late");

    // On the connection it was used on it goes on.
    let mut consents = given(connection(7), 1);
    assert!(consents.take(&prod, connection(8), START));
    assert!(consents.take(&prod, connection(8), minutes(9)));
    assert!(!consents.take(&prod, connection(9), START));
    assert!(!consents.take(&prod, connection(8), minutes(20)));
}

#[test]
fn the_requests_of_one_imds_read_count_as_one() {
    let prod = question("prod");
    let read = |connection, pid| Frequency::Always {
        connection,
        read_of: Some((pid, 1)),
    };
    let mut consents = given(read(1, 42), 1);
    assert!(consents.take(&prod, read(1, 42), START));
    assert!(consents.take(&prod, read(2, 42), START.plus(Duration::from_secs(4))));
    assert!(!consents.take(&prod, read(3, 43), START), "another process");
    assert!(
        !consents.take(&prod, read(4, 42), START.plus(READ)),
        "another read"
    );
}

#[test]
fn a_lease_takes_over_what_it_was_made_with() {
    let mut consents = given(ONCE, 0);
    let lease = Question {
        program: None,
        place: Place::Lease("1".to_owned()),
        ..question("prod")
    };
    consents.hand_on(&question("prod"), lease.clone(), minutes(1));
    assert!(consents.take(&lease, ONCE, minutes(9)));
    let other = Question {
        place: Place::Lease("2".to_owned()),
        ..lease.clone()
    };
    consents.hand_on(&question("dev"), other.clone(), minutes(9));
    consents.hand_on(&question("prod"), other.clone(), minutes(30));
    assert!(!consents.take(&other, ONCE, minutes(9)));
}

#[test]
fn a_flood_takes_no_more_memory() {
    let mut consents = Consents::default();
    for number in 0..2 * MOST {
        consents.give(question(&number.to_string()), ONCE, 0, START);
    }
    assert_eq!(consents.0.len(), MOST);
    consents.give(question("late"), ONCE, 0, minutes(11));
    assert_eq!(consents.0.len(), 1);
}

proptest! {
    #[test]
    fn no_use_is_more_than_ten_minutes_after_another_or_twelve_hours_after_the_answer(
        steps in prop::collection::vec(0_u64..1200, 1..200),
    ) {
        let mut consents = given(ONCE, 0);
        let (mut at, mut last) = (0, 0);
        for step in steps {
            at += step;
            let now = START.plus(Duration::from_secs(at));
            let good = consents.take(&question("prod"), ONCE, now);
            prop_assert_eq!(good, at - last < 600 && at < 12 * 3600);
            if !good {
                break;
            }
            last = at;
        }
    }
}
