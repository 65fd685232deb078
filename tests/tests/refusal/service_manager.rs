//! What the service manager is told (`sd_notify`).

use std::os::unix::net::UnixDatagram;

use rolecall_tests::harness::{PATIENCE, Signal, World};

struct Manager(UnixDatagram);

impl Manager {
    /// The next message with a line that begins with `start`; the others are passed over.
    #[track_caller]
    fn wait_for(&self, start: &str) -> String {
        let mut buffer = [0; 4096];
        loop {
            let length = self
                .0
                .recv(&mut buffer)
                .unwrap_or_else(|error| panic!("{start}: {error}"));
            let message = String::from_utf8_lossy(&buffer[..length]).into_owned();
            if message.lines().any(|line| line.starts_with(start)) {
                return message;
            }
        }
    }
}

#[test]
fn ready_reloading_and_stopping() {
    let mut world = World::new();
    let path = world.path("tmp/notify");
    let socket = UnixDatagram::bind(&path).expect("a new socket");
    socket
        .set_read_timeout(Some(PATIENCE))
        .expect("it can be set");
    std::os::unix::fs::chown(&path, Some(world.user().uid), Some(world.user().gid)).expect("ours");
    let manager = Manager(socket);
    world.set_variable("NOTIFY_SOCKET", path.to_str().expect("text"));

    world.start();
    let ready = manager.wait_for("READY=1");
    assert!(ready.contains("STATUS=serving 4 roles"), "{ready}");

    world.configure("[roles.dev]\nduration_seconds = \"long\"\n");
    world.signal(Signal::HUP);
    let reloading = manager.wait_for("RELOADING=1");
    assert!(reloading.contains("MONOTONIC_USEC="), "{reloading}");
    let ready = manager.wait_for("READY=1");
    assert!(
        ready.contains("STATUS=serving 3 roles, 1 unusable"),
        "{ready}"
    );

    world.signal(Signal::TERM);
    manager.wait_for("STOPPING=1");
    assert_eq!(world.wait_for_end().code(), Some(0));
}
