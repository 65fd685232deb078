use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rolecall::api::LeaseScope;
use zeroize::Zeroizing;

use super::super::fake::{FakeProcesses, UID, World, process};
use crate::config::ExecFiles;
use crate::lease::cgroup::Groups;
use crate::lease::doors::Doors;
use crate::lease::scope::{self, Leader, Place, Scope, ScopeError};
use crate::lease::{Denied, Lease, Leases, Wanted};
use crate::ledger::Event;
use crate::recipe::{Narrowing, RoleName};

/// No process has an id beyond the kernel's largest limit.
const NOBODY: u32 = 4_194_305;

/// Makes a lease for a process.
async fn make(leases: &Leases, pid: u32) -> (Arc<Lease>, Zeroizing<String>) {
    leases.create(wanted(leases, pid)).await.unwrap()
}

fn wanted(leases: &Leases, pid: u32) -> Wanted {
    Wanted {
        prepared: leases.prepare("dev", Narrowing::default()),
        only: false,
        ttl: None,
        role: RoleName::new("dev").unwrap(),
        scope: Scope::Process(Leader {
            pid,
            start_time: u64::from(pid) * 10,
            boot_id: "boot-a".to_owned(),
            name: Some("terraform".to_owned()),
        }),
        reason: Some("plan".to_owned()),
        through_lock: false,
        files: ExecFiles {
            config: "[default]\nregion = eu-central-1\n".to_owned().into(),
            credentials: "[other]\n".to_owned().into(),
        },
        peer: None,
        consumer: None,
        doors: Doors::default(),
    }
}

/// Waits for a background task's effect.
async fn until(what: impl Fn() -> bool) {
    for _ in 0..2000 {
        if what() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    panic!("it never happened");
}

/// Runs a daemon's leases on a runtime of their own, which ends with them.
fn in_another_daemon<T: Send>(world: &World, life: impl AsyncFnOnce(Leases) -> T + Send) -> T {
    std::thread::scope(|scope| {
        let daemon = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async { life(world.leases().await).await })
        });
        daemon.join().unwrap()
    })
}

fn ended(world: &World) -> Vec<String> {
    let ends = world.recorded().into_iter();
    ends.filter(|record| record.event == Event::LeaseEnd)
        .filter_map(|record| record.message)
        .collect()
}

/// Client contract 78.
#[tokio::test]
async fn a_lease_opens_its_role_until_it_ends_and_leaves_nothing() {
    let world = World::new();
    let leases = world.leases().await;
    let (lease, token) = make(&leases, 41).await;
    let random = token.strip_prefix("rolecall_").unwrap();
    assert_eq!(random.len(), 43);
    assert!(
        token
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    );
    assert_eq!(
        leases.verify(token.as_bytes(), "dev").unwrap().id(),
        lease.id()
    );
    assert_eq!(
        leases.verify(token.as_bytes(), "prod").err(),
        Some(Denied::OtherRole)
    );
    assert_eq!(leases.verify(b"", "dev").err(), Some(Denied::Unknown));
    assert_eq!(world.dev.pins.load(Ordering::Relaxed), 1);

    let files = leases.files();
    for (path, text) in [
        (
            files.config(lease.id()),
            "[default]\nregion = eu-central-1\n",
        ),
        (files.credentials(lease.id()), "[other]\n"),
        (files.token(lease.id()), token.as_str()),
    ] {
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }
    let stored = world.place.path().join("state/leases.json");
    assert_eq!(
        fs::metadata(&stored).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let stored = fs::read_to_string(stored).unwrap();
    assert!(
        !stored.contains(token.as_str()) && stored.contains(r#""kind":"process""#),
        "{stored}"
    );
    let listed = leases.list();
    assert_eq!(listed[0].scope, "process 41 (terraform)");

    assert!(leases.end(lease.id(), "ended by hand").await.unwrap());
    assert!(!leases.end(lease.id(), "ended by hand").await.unwrap());
    assert_eq!(
        leases.verify(token.as_bytes(), "dev").err(),
        Some(Denied::Unknown)
    );
    assert!(!files.token(lease.id()).exists() && leases.list().is_empty());
    assert_eq!(world.dev.pins.load(Ordering::Relaxed), 0);
    assert_eq!(ended(&world), ["ended by hand"]);
    assert_eq!(world.recorded()[0].event, Event::Lease);
}

#[tokio::test]
async fn after_a_restart_live_leases_go_on_and_dead_ones_are_cleaned_up() {
    let world = World::new();
    let (kept, gone, dead_id) = in_another_daemon(&world, async |leases| {
        let (_, kept) = make(&leases, 41).await;
        let (dead, gone) = make(&leases, 60).await;
        (kept, gone, dead.id().to_owned())
    });
    let run = world.place.path().join("run/leases");
    fs::create_dir(run.join("left-over")).unwrap();
    world.processes.0.lock().unwrap().retain(|pid| *pid != 60);

    in_another_daemon(&world, async |leases| {
        let live = leases.verify(kept.as_bytes(), "dev").unwrap();
        assert_eq!(
            leases.verify(gone.as_bytes(), "dev").err(),
            Some(Denied::Unknown)
        );
        assert!(run.join(live.id()).join("token").exists());
        assert!(!run.join(&dead_id).exists() && !run.join("left-over").exists());
        assert_eq!(ended(&world), ["ended while the daemon was not running"]);
        assert_eq!(world.dev.pins.load(Ordering::Relaxed), 1);
    });

    // The same pid, started at another time or in another boot, is another process.
    let stored = world.place.path().join("state/leases.json");
    let text = fs::read_to_string(&stored).unwrap();
    crate::lease::private::write(
        &stored,
        text.replace("\"start_time\":410", "\"start_time\":411")
            .as_bytes(),
        &crate::secrets::SeededRandom::new(1),
    )
    .unwrap();
    let leases = world.leases().await;
    assert_eq!(
        leases.verify(kept.as_bytes(), "dev").err(),
        Some(Denied::Unknown)
    );
}

#[tokio::test]
async fn a_file_that_is_damaged_or_of_another_version_holds_no_leases() {
    for text in [
        "",
        "{",
        r#"{"version":2,"leases":[]}"#,
        r#"{"version":1,"leases":[{"id":"../../etc"}]}"#,
    ] {
        let world = World::new();
        drop(world.leases().await);
        crate::lease::private::directory(&world.place.path().join("state")).unwrap();
        crate::lease::private::write(
            &world.place.path().join("state/leases.json"),
            text.as_bytes(),
            &crate::secrets::SeededRandom::new(1),
        )
        .unwrap();
        assert!(world.leases().await.list().is_empty(), "{text}");
    }
}

#[tokio::test]
#[cfg(target_os = "linux")]
async fn the_kernel_tells_when_the_process_ends() {
    let world = World::new();
    let mut child = Command::new("sleep").arg("60").spawn().unwrap();
    world.processes.0.lock().unwrap().push(child.id());
    let leases = world.leases().await;
    let (lease, _) = make(&leases, child.id()).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(leases.list().len(), 1);
    child.kill().unwrap();
    child.wait().unwrap();
    until(|| leases.list().is_empty()).await;
    until(|| !leases.files().token(lease.id()).exists()).await;
    assert_eq!(ended(&world), ["its process ended"]);
}

#[tokio::test]
async fn where_the_kernel_does_not_tell_the_process_is_looked_at() {
    let world = World::new();
    world.processes.0.lock().unwrap().push(NOBODY);
    let leases: Leases = world.leases().await;
    make(&leases, NOBODY).await;
    tokio::task::yield_now().await;
    world.later(5);
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(leases.list().len(), 1);
    world
        .processes
        .0
        .lock()
        .unwrap()
        .retain(|pid| *pid != NOBODY);
    world.later(5);
    until(|| leases.list().is_empty()).await;
}

#[test]
fn a_scope_is_the_asker_s_own() {
    let processes = FakeProcesses::default();
    processes.0.lock().unwrap().push(61);
    let asker = process(42);
    let groups = Groups::at("/none".into());
    let place = Place {
        processes: &processes,
        groups: &groups,
        boot_id: "boot-a",
    };
    let resolve = |asked, asker| scope::resolve(&asked, asker, place);
    let of = |pid| LeaseScope::Process { pid };
    let session = |leader| LeaseScope::Session { leader };
    for (asked, expected) in [
        (of(42), Ok(42)),
        (of(41), Ok(41)),
        (of(60), Err(ScopeError::NotAnAncestor(60))),
        (of(50), Err(ScopeError::OtherUser(50))),
        (of(99), Err(ScopeError::Gone(99))),
        (session(40), Ok(40)),
        (session(41), Err(ScopeError::NotTheLeader(41))),
        (session(60), Err(ScopeError::NotTheLeader(60))),
        (session(99), Err(ScopeError::Gone(99))),
    ] {
        let found = resolve(asked, Some(&asker)).map(|scope| scope.leader().unwrap().pid);
        assert_eq!(found, expected);
    }
    assert_eq!(resolve(of(42), None), Err(ScopeError::UnknownAsker));
    assert_eq!(asker.uid, UID);
}
