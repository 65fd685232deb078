//! Two daemons for one socket.

use std::process::{Child, Stdio};

use rolecall_tests::harness::{World, eventually, run};

#[test]
fn the_second_says_who_the_first_is_and_goes() {
    let mut world = World::new();
    world.start();
    let held = world.rolecall(&["process", "dev"]).ok().to_owned();
    let second = run(&mut world.daemon_command());
    assert_eq!(second.code(), Some(1), "{second:?}");
    let first = format!("another rolecalld (pid {})", world.pid());
    assert!(second.stderr.contains(&first), "{second:?}");
    let socket = world.socket_path();
    assert!(
        second.stderr.contains(socket.to_str().expect("text")),
        "{second:?}"
    );
    // Nothing was taken from the first.
    assert_eq!(world.rolecall(&["process", "dev"]).ok(), held);
}

#[test]
fn what_a_killed_daemon_left_is_replaced() {
    let mut world = World::new();
    world.start();
    world.kill();
    assert!(world.socket_path().exists());
    let finished = world.rolecall(&["process", "dev"]);
    assert_eq!(finished.code(), Some(6), "{finished:?}");
    world.start();
    world.rolecall(&["process", "dev"]).ok();
}

/// A pair of daemons; killed when dropped.
struct Pair([Child; 2]);

impl Pair {
    fn start(world: &World) -> Self {
        Self([(); 2].map(|()| {
            let mut command = world.daemon_command();
            command
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null());
            command.spawn().expect("it can be started")
        }))
    }

    /// How many have ended, all of them with exit status 1.
    fn ended(&mut self) -> usize {
        let ends = self
            .0
            .iter_mut()
            .filter_map(|child| child.try_wait().expect("a child"));
        ends.inspect(|status| assert_eq!(status.code(), Some(1)))
            .count()
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[test]
fn of_two_started_at_once_exactly_one_serves() {
    let world = World::new();
    for round in 0..20 {
        // Each round finds the dead socket of the one before.
        let mut pair = Pair::start(&world);
        eventually("one of them gives up", || (pair.ended() == 1).then_some(()));
        let pid = eventually("the other serves", || {
            let status = world.rolecall(&["status", "--json"]);
            let status: serde_json::Value = serde_json::from_str(&status.stdout).ok()?;
            status["pid"].as_u64()
        });
        assert_eq!(pair.ended(), 1, "round {round}");
        assert!(
            pair.0.iter().any(|child| u64::from(child.id()) == pid),
            "round {round}"
        );
    }
}
