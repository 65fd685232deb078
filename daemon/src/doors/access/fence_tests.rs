use std::time::Duration;

use rolecall::api::Door;

use super::super::super::fake::{FakeRole, START, UID, World, problem, tcp_visitor, unix_visitor};
use super::super::super::needs::obtain;
use super::super::{Access, Verdict};
use super::*;
use crate::clock::{Clock as _, Now};
use crate::config::ExecFiles;
use crate::keeper::NoSession;
use crate::lease::Wanted;
use crate::lease::doors::Doors;
use crate::lease::scope::{Leader, Scope, User};
use crate::ledger::Event;
use crate::peer::Consumer;
use crate::recipe::{Narrowing, RoleName};

struct Rig {
    world: World,
    leases: Leases,
    access: Arc<Access>,
}

fn leader(pid: u32) -> Leader {
    Leader {
        pid,
        start_time: u64::from(pid) * 10,
        boot_id: "boot-a".to_owned(),
        name: None,
    }
}

fn shared() -> Scope {
    Scope::Shared(User {
        uid: UID,
        boot_id: "boot-a".to_owned(),
    })
}

impl Rig {
    async fn new() -> Self {
        let world = World::new();
        let hub = FakeRole::new("hub", None);
        hub.hold("ASIAHUB", START);
        world.roles.add(&hub);
        let leases = world.leases().await;
        let access = world.fenced(&leases);
        Self {
            world,
            leases,
            access,
        }
    }

    /// A lease of `dev`, narrowed to a session of its own if it is.
    async fn lease(&self, scope: Scope, only: bool, narrowing: Narrowing) -> Arc<Lease> {
        let narrowed = !narrowing.is_empty();
        let wanted = Wanted {
            prepared: self.leases.prepare("dev", narrowing),
            role: RoleName::new("dev").unwrap(),
            scope,
            only,
            ttl: Some(Duration::from_hours(1)),
            reason: None,
            files: ExecFiles {
                config: String::new().into(),
                credentials: String::new().into(),
            },
            peer: None,
            consumer: None,
            through_lock: false,
            doors: Doors::default(),
        };
        let (lease, _) = self.leases.create(wanted).await.unwrap();
        if narrowed {
            let less = FakeRole::new("dev", None);
            less.hold("ASIALESS", START);
            self.world.roles.narrow(lease.id(), &less);
        }
        lease
    }

    /// The key that this visitor gets, or the rule that refuses.
    async fn ask(
        &self,
        visitor: &Arc<Visitor>,
        role: &str,
        lease: Option<&Arc<Lease>>,
    ) -> Result<String, &'static str> {
        let role = self.world.roles.role(role).unwrap();
        let asked = Asked {
            visitor,
            role: &role,
            lease,
        };
        match self.access.decide(asked, Duration::ZERO).await {
            Verdict::Yes(role) => {
                let served = role.read(self.world.clock.now()).unwrap();
                Ok(served.session.access_key_id.clone())
            }
            Verdict::No(Denial::Refused(rule, _)) => Err(rule),
            Verdict::No(other) => panic!("{other:?}"),
        }
    }
}

fn read_only() -> Narrowing {
    Narrowing {
        read_only: true,
        ..Narrowing::default()
    }
}

#[tokio::test]
async fn a_fence_is_around_what_is_inside_and_nothing_else() {
    let rig = Rig::new().await;
    let fence = rig
        .lease(Scope::Process(leader(41)), false, read_only())
        .await;
    let other = rig.lease(shared(), false, Narrowing::default()).await;
    // 42 descends from 41.
    let inside = unix_visitor();
    assert_eq!(
        rig.ask(&inside, "dev", None).await,
        Ok("ASIALESS".to_owned())
    );
    assert_eq!(
        rig.ask(&inside, "dev", Some(&fence)).await,
        Ok("ASIALESS".to_owned())
    );
    assert_eq!(rig.ask(&inside, "hub", None).await, Err("fence"));
    assert_eq!(rig.ask(&inside, "dev", Some(&other)).await, Err("fence"));
    // 4711, whom a search finds behind TCP connections, does not.
    rig.world.processes.0.lock().unwrap().push(4711);
    let outside = tcp_visitor(Door::Imds);
    assert_eq!(
        rig.ask(&outside, "hub", None).await,
        Ok("ASIAHUB".to_owned())
    );
    assert_eq!(rig.ask(&outside, "dev", Some(&fence)).await, Err("lease"));
    assert_eq!(
        rig.ask(&outside, "dev", Some(&other)).await,
        Ok("ASIAFIRST".to_owned())
    );

    // Revoked, the fence stays; over, it is gone.
    rig.leases.end(fence.id(), "ended by hand").await.unwrap();
    assert_eq!(rig.ask(&inside, "dev", None).await, Err("fence"));
    let refused = rig.world.recorded().into_iter();
    let refused: Vec<_> = refused
        .filter(|record| record.event == Event::Refused)
        .collect();
    assert!(
        refused
            .iter()
            .any(|record| record.rule.as_deref() == Some("fence")),
        "{refused:#?}"
    );
}

/// A container that has a lease's own socket is outside of its scope.
#[tokio::test]
async fn a_lease_s_own_door_serves_who_is_outside_but_nobody_in_another_fence() {
    let rig = Rig::new().await;
    rig.world.processes.0.lock().unwrap().push(4711);
    let own = rig
        .lease(Scope::Process(leader(60)), false, read_only())
        .await;
    let outside = tcp_visitor(Door::Imds);
    assert_eq!(rig.ask(&outside, "dev", Some(&own)).await, Err("lease"));
    outside.set_inside(true);
    assert_eq!(
        rig.ask(&outside, "dev", Some(&own)).await,
        Ok("ASIALESS".to_owned())
    );
    rig.lease(Scope::Process(leader(41)), true, Narrowing::default())
        .await;
    let inside = unix_visitor();
    inside.set_inside(true);
    assert_eq!(rig.ask(&inside, "dev", Some(&own)).await, Err("fence"));
}

#[tokio::test]
async fn who_cannot_be_told_is_refused_while_a_fence_is_live() {
    let rig = Rig::new().await;
    let gone = tcp_visitor(Door::Imds);
    gone.identify(Consumer {
        uid: UID,
        process: None,
    });
    assert_eq!(rig.ask(&gone, "hub", None).await, Ok("ASIAHUB".to_owned()));
    rig.lease(Scope::Process(leader(41)), true, Narrowing::default())
        .await;
    assert_eq!(rig.ask(&gone, "hub", None).await, Err("fence"));
    // Ended since it has connected: another may have its pid by now.
    let visitor = unix_visitor();
    rig.world
        .processes
        .0
        .lock()
        .unwrap()
        .retain(|pid| *pid != 42);
    assert_eq!(rig.ask(&visitor, "dev", None).await, Err("fence"));
}

#[tokio::test]
async fn a_search_is_made_only_where_it_matters_and_once() {
    let rig = Rig::new().await;
    let searches = || {
        rig.world
            .whois
            .searches
            .load(std::sync::atomic::Ordering::Relaxed)
    };
    rig.world.processes.0.lock().unwrap().push(4711);
    let shared = rig.lease(shared(), false, Narrowing::default()).await;
    let visitor = tcp_visitor(Door::Container);
    rig.ask(&visitor, "dev", Some(&shared)).await.unwrap();
    assert_eq!(searches(), 0);
    let own = rig
        .lease(Scope::Process(leader(4711)), false, Narrowing::default())
        .await;
    for _ in 0..3 {
        rig.ask(&visitor, "dev", Some(&own)).await.unwrap();
    }
    assert_eq!(searches(), 1);
}

#[tokio::test]
async fn inside_two_fences_there_is_nothing_left() {
    let rig = Rig::new().await;
    rig.lease(Scope::Process(leader(41)), true, Narrowing::default())
        .await;
    rig.lease(Scope::Session(leader(40)), true, Narrowing::default())
        .await;
    assert_eq!(rig.ask(&unix_visitor(), "dev", None).await, Err("fence"));
    let visitor = Visitor::of_unix(None, &super::super::super::fake::admittance());
    assert!(matches!(rig.access.confined(&visitor), Confined::From(_)));
}

#[tokio::test]
async fn a_role_never_comes_in_the_place_of_what_was_narrowed() {
    let rig = Rig::new().await;
    let lease = rig.lease(shared(), false, read_only()).await;
    let narrowed = rig.world.roles.0.lock().unwrap()[&format!(":{}", lease.id())].clone();
    narrowed.fail(NoSession::AwsDenied(problem(Code::AwsDenied)));
    let none = obtain(
        &*rig.world.roles,
        &rig.world.clock,
        narrowed,
        Duration::from_secs(1),
    );
    assert!(matches!(none.await, Err(NoSession::AwsDenied(_))));
    // Its time is over by the clock that cannot be set, whatever the other says.
    rig.world.clock.set(Now {
        wall: START.wall.minus(Duration::from_hours(24)),
        boot: START.boot + Duration::from_mins(59),
    });
    assert!(rig.leases.is_live(&lease));
    rig.world.clock.advance(Duration::from_mins(1));
    assert!(!rig.leases.is_live(&lease));
}
