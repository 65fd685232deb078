//! Other users of the machine, with every permission a file can give and every secret one can steal.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use rolecall_tests::harness::{
    Answer, Endpoint, Imds, Lease, Request, User, World, eventually, free_port, run,
};
use serde_json::Value;

/// A daemon whose doors hold a session, and what its user has to come in with.
struct Target {
    world: World,
    imds: Imds,
    lease: Lease,
    port: u16,
}

impl Target {
    fn new(settings: &str) -> Self {
        let mut world = World::new();
        let port = free_port();
        world.configure(&format!(
            "{settings}[[imds]]\nlisten = \"127.0.0.1:{port}\"\nrole = \"dev\"\n"
        ));
        world.start();
        let lease = world.lease("dev");
        let imds = world.imds(port);
        assert_eq!(lease.read().status, 200);
        assert_eq!(imds.document("dev").status, 200);
        Self {
            world,
            imds,
            lease,
            port,
        }
    }

    /// Lets everybody reach the socket.
    fn open_the_way(&self) {
        for (path, mode) in [
            ("run", 0o711),
            ("run/rolecall", 0o711),
            ("run/rolecall/rolecall.sock", 0o777),
        ] {
            fs::set_permissions(self.world.path(path), Permissions::from_mode(mode))
                .expect("root may");
        }
    }

    /// What this user gets on each door, with the user's own token and lease.
    fn ask_as(&self, user: User) -> [(&'static str, Answer); 6] {
        let socket = self.world.socket();
        let ask = |endpoint: &Endpoint, request: Request| {
            user.act(|| endpoint.send(&request)).expect("an answer")
        };
        let token = Request::new("PUT", "/latest/api/token")
            .header("x-aws-ec2-metadata-token-ttl-seconds", "60");
        [
            ("socket", ask(&socket, Request::get("/v1/credentials/dev"))),
            ("socket", ask(&socket, Request::get("/v1/status"))),
            ("imds", ask(&self.imds.endpoint, token)),
            ("imds", ask(&self.imds.endpoint, self.imds.request(""))),
            ("imds", ask(&self.imds.endpoint, self.imds.request("dev"))),
            ("container", ask(&self.lease.endpoint, self.lease.request())),
        ]
    }

    /// Nothing on any door, and the ledger has it.
    #[track_caller]
    fn assert_closed_to(&self, user: User) {
        for (door, answer) in self.ask_as(user) {
            assert_eq!(answer.status, 403, "{door}: {}", answer.text());
            match door {
                "imds" => assert_eq!(answer.text(), ""),
                _ => assert_eq!(answer.json::<Value>()["code"], "refused"),
            }
        }
        for door in ["socket", "imds", "container"] {
            self.world
                .wait_for_record(&format!("the refusal of {user:?} on {door}"), |record| {
                    record["event"] == "refused"
                        && record["rule"] == "uid"
                        && record["door"] == door
                        && record["peer"]["uid"] == user.uid
                });
        }
    }
}

/// Client contract 70.
#[test]
fn another_user_gets_nothing() {
    let Some(other) = User::other() else { return };
    let target = Target::new("");
    // The modes alone keep them out.
    let refused = other.act(|| target.world.socket().connect().err());
    assert_eq!(
        refused.map(|error| error.kind()),
        Some(std::io::ErrorKind::PermissionDenied)
    );
    target.open_the_way();
    target.assert_closed_to(other);

    // Our client does not talk to a daemon that is not its user's.
    let mut client = target.world.command_as(other, "rolecall");
    client
        .arg("process")
        .arg("dev")
        .arg("--socket")
        .arg(target.world.socket_path());
    let finished = run(&mut client);
    assert_eq!(finished.code(), Some(6), "{finished:?}");
    assert_eq!(finished.stdout, "");
    // And who it is for is served as before.
    assert_eq!(target.world.rolecall(&["process", "dev"]).code(), Some(0));
}

#[test]
fn root_gets_nothing_either() {
    let Some(_) = User::other() else { return };
    let target = Target::new("");
    target.assert_closed_to(User::ROOT);
}

#[test]
fn unless_the_user_allows_it() {
    let Some(other) = User::other() else { return };
    let target = Target::new("allow_root = true\n");
    target.open_the_way();
    let statuses = target.ask_as(User::ROOT).map(|(_, answer)| answer.status);
    // IMDS tokens are bound to who asked for them: a stolen one is none.
    assert_eq!(statuses, [200, 200, 200, 401, 401, 200]);
    target.assert_closed_to(other);

    let token = Request::new("PUT", "/latest/api/token")
        .header("x-aws-ec2-metadata-token-ttl-seconds", "60");
    let mut own = target.imds.clone();
    own.token = own.endpoint.send(&token).expect("an answer").text();
    let answer = own.endpoint.send(&own.request("dev")).expect("an answer");
    assert_eq!(answer.status, 200);

    // Taken back.
    target.world.configure(&format!(
        "[[imds]]\nlisten = \"127.0.0.1:{}\"\nrole = \"dev\"\n",
        target.port
    ));
    target.world.rolecall(&["reload"]).ok();
    eventually("the end of it", || {
        target
            .ask_as(User::ROOT)
            .iter()
            .all(|(_, answer)| answer.status == 403)
            .then_some(())
    });
}
