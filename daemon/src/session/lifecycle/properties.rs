//! What holds whatever happens.

use std::time::Duration;

use proptest::prelude::*;

use super::tests::{secs, start};
use super::*;
use crate::clock::{Now, Timestamp};

fn any_event() -> impl Strategy<Value = Event> {
    let failure = prop_oneof![
        Just(Failure::Denied),
        Just(Failure::Never),
        proptest::option::of(0_u64..100_000).prop_map(|s| Failure::Passing(s.map(secs))),
    ];
    prop_oneof![
        Just(Event::Asked),
        Just(Event::Abandoned),
        Just(Event::Doubted),
        Just(Event::Reset),
        (failure, 0.0..1.0).prop_map(|(failure, fraction)| Event::Failed { failure, fraction }),
        // Filled in at the time it happens.
        (0.0..1.0, 1_i64..50_000).prop_map(|(fraction, lifetime)| Event::Issued {
            issued: Now::default(),
            expires: Timestamp::from_secs(lifetime),
            fraction,
        }),
    ]
}

proptest! {
    #[test]
    fn ends_are_before_expiry_and_renewals_before_ends(
        lifetime in 1_i64..50_000_000,
        offset in 0_i64..1000,
        fraction in 0.0..1.0,
    ) {
        let issued = Now { wall: Timestamp::from_millis(start().wall.as_millis() + offset), ..start() };
        let expires = Timestamp::from_millis(issued.wall.as_millis() + lifetime);
        let (end, renewal) = (end(issued, expires), renewal(issued, expires, fraction));
        prop_assert!(end.wall <= expires);
        prop_assert!(end.boot >= issued.boot);
        prop_assert_eq!(end.wall, end.wall.floor_to_second());
        prop_assert!(renewal.wall >= issued.wall);
        prop_assert!(renewal.wall <= end.wall.max(issued.wall));
        // The two clocks agree, or the session is over before it began.
        if end.wall >= issued.wall {
            prop_assert_eq!(end.boot.saturating_sub(issued.boot), end.wall.since(issued.wall));
        }
        // Wall time has whole milliseconds only.
        let apart = renewal.boot.saturating_sub(issued.boot).abs_diff(renewal.wall.since(issued.wall));
        prop_assert!(apart < Duration::from_millis(1));
    }

    /// While AWS answers, what is handed out lasts so long that no SDK refreshes it on every call: 26 minutes,
    /// longer than botocore's longest reach, or three quarters of a session that is short (DESIGN rule 4).
    ///
    /// Client contract 45.
    #[test]
    fn what_is_served_until_its_renewal_lasts_long_enough(
        lifetime in prop_oneof![Just(900_u64), Just(3600), Just(43_200), 900_u64..=43_200],
        fraction in 0.0..1.0,
    ) {
        let issued = start();
        let expires = issued.wall.plus(secs(lifetime));
        let (end, renewal) = (end(issued, expires), renewal(issued, expires, fraction));
        let left = end.wall.since(renewal.wall);
        prop_assert!(left >= secs(26 * 60).min(secs(lifetime) * 3 / 4));
        if lifetime >= 3600 {
            // The renewal may take as long as an attempt and its retry may.
            prop_assert!(left >= secs(25 * 60 + 60));
        }
    }

    #[test]
    fn backoff_stays_within_its_bounds(
        failures in 0_u32..1000,
        fraction in 0.0..1.0,
        retry_after in proptest::option::of(0_u64..1_000_000),
    ) {
        let wait = backoff(failures, fraction, retry_after.map(secs));
        prop_assert!(wait >= secs(1));
        prop_assert!(wait <= LONGEST_RETRY_AFTER);
        if retry_after.is_none() {
            prop_assert!(wait <= secs(60));
        }
    }

    #[test]
    fn whatever_happens_one_attempt_at_a_time_and_nothing_served_past_its_end(
        events in proptest::collection::vec((any_event(), 0_u64..4000, -8000_i64..8000), 1..60),
        read_every in 1_usize..5,
        pinned in any::<bool>(),
    ) {
        let mut step = Step::default();
        let mut now = start();
        let mut in_flight = false;
        let mut readers = Readers {
            pinned: pinned.then_some(start().boot),
            idle_after: secs(7200),
            last_read: None,
        };
        for (index, (event, pass, jump)) in events.into_iter().enumerate() {
            // Boot time only goes on; wall time jumps too, now and then.
            now = now.plus(secs(pass));
            if index % 7 == 0 {
                now.wall = Timestamp::from_secs(now.wall.as_secs() + jump);
            }
            if index % read_every == 0 {
                readers.last_read = Some(now.boot);
            }
            let event = match event {
                Event::Issued { expires, fraction, .. } => Event::Issued {
                    issued: now,
                    expires: now.wall.plus(secs(u64::try_from(expires.as_secs()).unwrap_or(1))),
                    fraction,
                },
                event => event,
            };
            let ends_an_attempt = matches!(
                event,
                Event::Issued { .. } | Event::Failed { .. } | Event::Abandoned
            );
            let before = step.held();
            if !ends_an_attempt || in_flight {
                in_flight &= !ends_an_attempt;
                step.on(now, event);
                if matches!(event, Event::Failed { .. }) {
                    prop_assert_eq!(step.held(), before, "a failure takes nothing away");
                }
            }
            let plan = step.plan(now, &readers);
            prop_assert_eq!(step.attempting(), in_flight);
            prop_assert!(!(plan.attempt && in_flight));
            if let Some(held) = step.held() {
                prop_assert!(!now.reached(held.end));
                // It looks again before the session ends.
                let wake = plan.wake;
                prop_assert!(wake.is_some_and(|wake| now.until(wake) <= now.until(held.end)));
            }
            if let Some(wake) = plan.wake {
                prop_assert!(!now.reached(wake), "no busy loop");
            }
            if plan.attempt {
                step.on(now, Event::Began);
                in_flight = true;
            }
        }
    }
}
