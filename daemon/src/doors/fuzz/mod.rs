//! What fuzzing throws at the doors, and what must hold whatever it throws. Behind the doors stands what
//! stands there in their tests; nothing leaves this process.
//!
//! One function a target of `fuzz/`; the tests here send the seeds through the same functions.

mod api;
mod head;
mod path;
mod token;

use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use rolecall::api::Door;
use tokio::runtime::Runtime;
use tokio::sync::watch;

pub use self::api::api;
pub use self::head::head;
pub use self::path::path;
pub use self::token::token;
use super::container::Container;
use super::fake::{FakeRole, START, UID, World};
use super::imds::Imds;
use super::server::Handler;
use super::socket::{Socket, Tools};
use super::token::{TokenAuthority, TokenKey};
use crate::clock::Clock as _;
use crate::config::ExecFiles;
use crate::lease::scope::{Leader, Scope};
use crate::lease::{Leases, Wanted};
use crate::recipe::{Narrowing, RoleName};
use crate::secrets::OsRandom;

/// What every body with credentials of `dev` holds; and of `prod`, which nobody here may have.
const DEV: &str = "ASIAFIRST";
const PROD: &str = "ASIAPROD";

/// Three doors with one role each may have, `dev`, and one that only the socket gives out, `prod`.
struct Rig {
    runtime: Runtime,
    world: World,
    doors: [Arc<dyn Handler>; 3],
    imds_tokens: TokenAuthority,
    lease_token: HeaderValue,
    drain: watch::Sender<bool>,
}

impl Rig {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let entered = runtime.enter();
        let world = World::new();
        let prod = FakeRole::new("prod", None);
        prod.hold(PROD, START);
        world.roles.add(&prod);
        let key = TokenKey::random(&OsRandom::default());
        let tokens = || TokenAuthority::new(&key, "boot-a", "127.0.0.1:1690");
        let imds = Imds::new(
            "dev".to_owned(),
            world.roles.clone(),
            tokens(),
            world.access(),
            world.records.clone(),
            Arc::new(world.clock.clone()),
        );
        let (leases, token) = runtime.block_on(async {
            let leases = world.leases().await;
            let (_, token) = leases.create(dev(&leases)).await.expect("a lease");
            (leases, token)
        });
        let lease_token = HeaderValue::from_str(&token).expect("tokens go into headers");
        let container = Container::new(
            world.roles.clone(),
            leases.clone(),
            world.access(),
            world.records.clone(),
            Arc::new(world.clock.clone()),
        );
        let drain = watch::Sender::new(false);
        let socket = Socket::new(Tools {
            roles: world.roles.clone(),
            leased: Some(world.leased(&leases)),
            leases,
            access: world.access(),
            records: world.records.clone(),
            control: world.control.clone(),
            metrics: world.metrics.clone(),
            clock: Arc::new(world.clock.clone()),
            started: world.clock.now().wall,
            uid: UID,
            container: Some("127.0.0.1:49152".parse().expect("an address")),
            drain: drain.subscribe(),
        });
        let imds_tokens = tokens();
        drop(entered);
        Self {
            runtime,
            world,
            doors: [Arc::new(imds), Arc::new(container), Arc::new(socket)],
            imds_tokens,
            lease_token,
            drain,
        }
    }

    /// The door that `byte` names: in seeds, `0` IMDS, `1` container, `2` socket.
    fn door(&self, byte: u8) -> &Arc<dyn Handler> {
        &self.doors[usize::from(byte) % 3]
    }

    /// A token of the IMDS door, good for a minute.
    fn imds_token(&self) -> String {
        let boot = self.world.clock.now().boot;
        self.imds_tokens.issue(UID, Duration::from_mins(1), boot)
    }

    /// Forgets what the last input left in memory.
    fn forget(&self) {
        self.world.witness.forget();
    }
}

/// A lease of `dev`.
fn dev(leases: &Leases) -> Wanted {
    Wanted {
        prepared: leases.prepare("dev", Narrowing::default()),
        only: false,
        ttl: None,
        role: RoleName::new("dev").expect("a name"),
        scope: Scope::Process(Leader {
            pid: 41,
            start_time: 410,
            boot_id: "boot-a".to_owned(),
            name: None,
        }),
        reason: None,
        files: ExecFiles {
            config: String::new().into(),
            credentials: String::new().into(),
        },
        peer: None,
        consumer: None,
        through_lock: false,
        doors: crate::lease::doors::Doors::default(),
    }
}

thread_local! {
    static RIG: Rig = Rig::new();
}

/// Runs `work` with this thread's doors.
fn with(work: impl FnOnce(&Rig)) {
    RIG.with(|rig| {
        work(rig);
        rig.forget();
    });
}

/// Whether an input has in it what is looked for in answers: libFuzzer learns it from comparisons, and an
/// answer may quote its question.
fn says_the_answer(data: &[u8]) -> bool {
    [DEV, PROD]
        .iter()
        .any(|it| memchr::memmem::find(data, it.as_bytes()).is_some())
}

/// The visitor that `door` sees: of this user, and nothing refused yet.
fn visitor(door: Door) -> Arc<super::visitor::Visitor> {
    match door {
        Door::Socket => super::fake::unix_visitor(),
        door => super::fake::tcp_visitor(door),
    }
}

#[cfg(test)]
mod tests {
    use crate::fuzz_seeds::replay;

    #[test]
    fn the_seeds_still_pass() {
        replay("http_head", super::head);
        replay("http_path", super::path);
        replay("imds_token", super::token);
        replay("api_json", super::api);
    }
}
