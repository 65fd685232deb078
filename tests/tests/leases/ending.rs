//! A lease ends at its time, wherever its processes are.

use rolecall_tests::harness::{Running, eventually};

use crate::{lease, leases, lines, serving, shell};

#[test]
fn it_ends_at_its_time_and_what_it_fenced_in_gets_nothing_more() {
    let mut world = serving();
    let script = "while read role; do rolecall process $role >/dev/null 2>&1; echo $?; done";
    let mut running = Running::start(&mut shell(&world, "exec dev --only --ttl 5s", script));
    eventually("its lease", || (!leases(&world).is_empty()).then_some(()));
    assert!(lease(&world)["ends"].is_string());
    eventually("its end", || (lease(&world)["ended"] == true).then_some(()));
    world.wait_for_record("its end", |record| {
        record["event"] == "lease_end" && record["message"] == "its time is over"
    });
    for (count, role) in ["dev", "hub"].iter().enumerate() {
        running.tell(role);
        assert_eq!(lines(&running, count + 1)[count], "5", "{role}");
    }
    world.restart();
    running.tell("dev");
    assert_eq!(lines(&running, 3)[2], "5");
    running.finish();
    eventually("the end of the fence", || {
        leases(&world).is_empty().then_some(())
    });
}

#[test]
fn its_time_goes_on_while_the_daemon_does_not_run() {
    let mut world = serving();
    let running = Running::start(&mut shell(&world, "exec dev --ttl 3s", "echo; exec cat"));
    lines(&running, 1);
    let (id, ends) = (lease(&world)["id"].clone(), lease(&world)["ends"].clone());
    let ends: jiff::Timestamp = ends.as_str().expect("an end").parse().expect("an instant");
    world.stop();
    // What is told of it has no fractions of seconds.
    eventually("its time is over", || {
        (jiff::Timestamp::now().as_second() > ends.as_second()).then_some(())
    });
    world.start();
    assert!(leases(&world).is_empty());
    world.wait_for_record("its end", |record| {
        record["event"] == "lease_end" && record["lease"] == id
    });
    running.finish().ok();
}
