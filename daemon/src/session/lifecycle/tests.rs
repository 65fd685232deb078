//! Tables for the schedule, and walks through the machine.

use std::time::Duration;

use super::*;
use crate::clock::{Now, Timestamp};

const HOUR: u64 = 3600;

pub(super) fn start() -> Now {
    Now {
        wall: Timestamp::from_secs(1_767_225_600),
        boot: Duration::from_secs(1000),
    }
}

pub(super) fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn expiry(lifetime: u64) -> Timestamp {
    start().wall.plus(secs(lifetime))
}

fn age(moment: Now) -> f64 {
    moment.wall.since(start().wall).as_secs_f64()
}

fn issued(lifetime: u64) -> Event {
    Event::Issued {
        issued: start(),
        expires: expiry(lifetime),
        fraction: 0.0,
    }
}

fn failed(failure: Failure) -> Event {
    Event::Failed {
        failure,
        fraction: 0.0,
    }
}

const PASSING: Event = Event::Failed {
    failure: Failure::Passing(None),
    fraction: 0.0,
};

fn read_at(now: Now) -> Readers {
    Readers {
        last_read: Some(now.boot),
        ..Readers::default()
    }
}

#[test]
fn ends_and_renewals_are_those_of_rule_4() {
    // lifetime, end, renewal without and with all the jitter, all as age in seconds
    for (lifetime, ends, latest, earliest) in [
        (12 * HOUR, 43_140.0, 32_340.0, 31_260.0),
        (HOUR, 3540.0, 1980.0, 1824.0),
        (900, 840.0, 165.0, 97.5),
        (60, 56.0, 11.0, 6.5),
        (1, 0.0, 0.0, 0.0),
    ] {
        let expires = expiry(lifetime);
        assert!(
            (age(end(start(), expires)) - ends).abs() < 0.002,
            "{lifetime}"
        );
        assert!(
            (age(renewal(start(), expires, 0.0)) - latest).abs() < 0.002,
            "{lifetime}"
        );
        let early = age(renewal(start(), expires, 1.0));
        assert!((early - earliest).abs() < 0.002, "{lifetime}: {early}");
    }
}

#[test]
fn an_end_is_a_whole_second_and_the_same_on_both_clocks() {
    let issued = Now {
        wall: Timestamp::from_millis(1_767_225_600_700),
        ..start()
    };
    let end = end(issued, expiry(HOUR));
    assert_eq!(end.wall, start().wall.plus(secs(3540)));
    assert_eq!(end.boot, issued.boot + Duration::from_millis(3_539_300));
}

#[test]
fn retries_back_off_up_to_a_minute_and_honour_what_aws_asks() {
    for (failures, shortest, longest) in [(1, 1, 2), (2, 1, 4), (3, 1, 8), (6, 1, 60), (99, 1, 60)]
    {
        assert_eq!(backoff(failures, 0.0, None), secs(shortest));
        assert_eq!(backoff(failures, 1.0, None), secs(longest));
    }
    assert_eq!(backoff(1, 0.0, Some(secs(30))), secs(30));
    assert_eq!(backoff(6, 1.0, Some(secs(3))), secs(60));
    assert_eq!(backoff(1, 0.0, Some(secs(86_400))), LONGEST_RETRY_AFTER);
    assert_eq!(
        [1, 2, 5, 6, 99].map(|n| refusal_kept(n).as_secs()),
        [2, 4, 32, 60, 60]
    );
}

#[test]
fn nobody_asking_is_nothing_to_do() {
    let mut step = Step::default();
    assert_eq!(step.plan(start(), &Readers::default()), Plan::default());
}

#[test]
fn a_cold_read_starts_one_attempt() {
    let (mut step, readers) = (Step::default(), Readers::default());
    step.on(start(), Event::Asked);
    assert!(step.plan(start(), &readers).attempt);
    step.on(start(), Event::Began);
    step.on(start(), Event::Asked);
    assert!(!step.plan(start(), &readers).attempt, "one at a time");
    step.on(start(), issued(HOUR));
    let plan = step.plan(start(), &readers);
    assert_eq!((plan.attempt, plan.wake.map(age)), (false, Some(1980.0)));
}

#[test]
fn sessions_of_seconds_are_not_renewed_without_a_rest() {
    let pinned = Readers {
        pinned: Some(start().boot),
        idle_after: secs(12 * HOUR),
        last_read: Some(start().boot),
    };
    for lifetime in 1..10 {
        let (mut step, mut now, mut attempts) = (Step::default(), start(), 0_u64);
        // What the keeper does, with a server that answers at once.
        while now.boot < start().boot + secs(60) {
            let plan = step.plan(now, &pinned);
            if plan.attempt {
                attempts += 1;
                step.on(now, Event::Began);
                now = now.plus(Duration::from_millis(1));
                step.on(
                    now,
                    Event::Issued {
                        issued: now,
                        expires: now.wall.plus(secs(lifetime)),
                        fraction: 1.0,
                    },
                );
            } else {
                now = now.plus(now.until(plan.wake.unwrap()));
            }
        }
        assert!((3..=60).contains(&attempts), "{lifetime} s: {attempts}");
        step.on(now, Event::Doubted);
        assert!(step.plan(now, &pinned).attempt, "who waits does not rest");
    }
}

#[test]
fn what_is_read_is_renewed_and_what_is_not_lapses() {
    let mut step = Step::default();
    step.on(start(), issued(HOUR));
    let due = start().plus(secs(1980));
    assert!(step.clone().plan(due, &read_at(start())).attempt);

    let unread = Readers {
        last_read: Some(start().boot.saturating_sub(secs(1))),
        ..Readers::default()
    };
    let plan = step.plan(due, &unread);
    assert!(!plan.attempt && plan.dormant);
    assert_eq!(plan.wake.map(age), Some(3540.0));
    // A late read is still a read.
    let late = start().plus(secs(3000));
    assert!(step.clone().plan(late, &read_at(late)).attempt);

    let plan = step.plan(start().plus(secs(3540)), &unread);
    assert!(plan.lapse && !plan.attempt && plan.wake.is_none());
    assert_eq!(step, Step::default());
}

#[test]
fn a_pin_counts_until_nobody_really_read_for_long() {
    let readers = |last_read| Readers {
        last_read,
        pinned: Some(start().boot),
        idle_after: secs(7200),
    };
    let mut step = Step::default();
    assert!(
        step.plan(start(), &readers(None)).attempt,
        "issued without a read"
    );
    step.on(start(), issued(HOUR));
    let due = start().plus(secs(1980));
    assert!(step.clone().plan(due, &readers(None)).attempt);

    let later = start().plus(secs(7200));
    let mut idle = Step::default();
    assert!(!idle.plan(later, &readers(None)).attempt);
    let read = Some(later.boot.saturating_sub(secs(10)));
    assert!(
        idle.plan(later, &readers(read)).attempt,
        "a read keeps the pin alive"
    );
}

#[test]
fn a_failed_renewal_keeps_the_session_and_is_tried_again_until_the_end() {
    let mut step = Step::default();
    step.on(start(), issued(HOUR));
    let readers = read_at(start());
    let mut now = start().plus(secs(1980));
    let mut attempts = 0;
    while !now.reached(end(start(), expiry(HOUR))) {
        let plan = step.plan(now, &readers);
        assert!(!plan.lapse && step.held().is_some());
        if plan.attempt {
            attempts += 1;
            step.on(now, Event::Began);
            step.on(now, PASSING);
        }
        now = now.plus(secs(1));
    }
    assert!(attempts > 100, "{attempts}");
    assert!(step.plan(now, &readers).lapse);
    assert!(step.held().is_none());
}

#[test]
fn a_renewal_denied_three_times_in_a_minute_is_held() {
    let mut step = Step::default();
    step.on(start(), issued(HOUR));
    let (readers, due) = (read_at(start()), start().plus(secs(1980)));
    for after in [0, 20, 60] {
        let now = due.plus(secs(after));
        assert!(
            !step
                .plan(due.plus(secs(after.saturating_sub(1))), &readers)
                .attempt
                || after == 0
        );
        assert!(step.plan(now, &readers).attempt, "{after}");
        step.on(now, Event::Began);
        step.on(now, failed(Failure::Denied));
    }
    let plan = step.plan(due.plus(secs(600)), &readers);
    assert_eq!((plan.attempt, plan.wake.map(age)), (false, Some(3540.0)));
    assert_eq!(step.trouble().map(|trouble| trouble.retry), Some(None));

    let mut reloaded = step.clone();
    reloaded.on(due, Event::Reset);
    assert!(
        reloaded.plan(due.plus(secs(600)), &readers).attempt,
        "a reload forgives"
    );

    let over = start().plus(secs(3540));
    assert!(step.plan(over, &readers).lapse);
    step.on(over, Event::Asked);
    assert!(
        step.plan(over, &readers).attempt,
        "nothing is left to hold on to"
    );
}

#[test]
fn a_cold_refusal_is_remembered_for_seconds() {
    let (mut step, readers) = (Step::default(), Readers::default());
    let mut now = start();
    for kept in [2, 4, 8] {
        step.on(now, Event::Asked);
        assert!(step.plan(now, &readers).attempt);
        step.on(now, Event::Began);
        step.on(now, failed(Failure::Denied));
        step.on(now, Event::Asked);
        let plan = step.plan(now.plus(secs(kept - 1)), &readers);
        assert!(!plan.attempt);
        now = now.plus(secs(kept));
        assert_eq!(plan.wake, Some(now));
    }
    let mut unasked = step.clone();
    unasked.on(now, Event::Began);
    unasked.on(now, failed(Failure::Never));
    let plan = unasked.plan(now.plus(secs(3600)), &readers);
    assert_eq!(plan, Plan::default(), "nobody asked again");
}

#[test]
fn throttling_waits_as_long_as_aws_says() {
    let (mut step, readers) = (Step::default(), Readers::default());
    step.on(start(), Event::Began);
    step.on(start(), failed(Failure::Passing(Some(secs(45)))));
    step.on(start(), Event::Asked);
    assert!(!step.plan(start().plus(secs(44)), &readers).attempt);
    assert!(step.plan(start().plus(secs(45)), &readers).attempt);
}

#[test]
fn a_session_aws_no_longer_takes_is_replaced_and_kept_meanwhile() {
    let mut step = Step::default();
    step.on(start(), issued(HOUR));
    let now = start().plus(secs(60));
    assert!(!step.plan(now, &Readers::default()).attempt);
    step.on(now, Event::Doubted);
    assert!(step.plan(now, &Readers::default()).attempt);
    assert!(step.held().is_some());
}

#[test]
fn an_attempt_given_up_leaves_no_trace() {
    let mut step = Step::default();
    step.on(start(), Event::Began);
    step.on(start(), Event::Abandoned);
    assert_eq!(step, Step::default());
}

#[test]
fn a_clock_set_back_never_lengthens_a_session() {
    let mut step = Step::default();
    step.on(start(), issued(HOUR));
    let two_hours_back = Now {
        wall: start().wall.minus(secs(2 * HOUR)),
        boot: start().boot + secs(3540),
    };
    assert!(step.plan(two_hours_back, &Readers::default()).lapse);
}
