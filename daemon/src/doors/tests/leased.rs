use std::io;
use std::sync::Arc;

use rolecall::api::Door;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};

use super::super::fake::{UID, World, ask, head};
use super::super::leased::{Leased, NotMade, WantedDoors};
use super::super::server::Handler as _;
use super::super::socket::leased::LeaseSocket;
use super::super::visitor::{Admittance, Visitor};
use crate::config::ExecFiles;
use crate::lease::doors::{Doors, SocketDoor};
use crate::lease::scope::{Leader, Scope};
use crate::lease::{Leases, Wanted};
use crate::ledger::Event;
use crate::peer::{Attestation, Behind, Consumer, Peer};
use crate::recipe::{Narrowing, RoleName};

/// Of the process that [`super::super::fake::FakeWhoIs`] finds behind every TCP connection.
const PEER: u32 = 4711;

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
            name: None,
        }),
        reason: None,
        through_lock: false,
        files: ExecFiles {
            config: String::new().into(),
            credentials: String::new().into(),
        },
        peer: None,
        consumer: None,
        doors: Doors::default(),
    }
}

async fn rig() -> (World, Leases, Arc<Leased>) {
    let world = World::new();
    world.processes.0.lock().unwrap().push(PEER);
    let leases = world.leases().await;
    let leased = world.leased(&leases);
    (world, leases, leased)
}

fn imds() -> WantedDoors {
    WantedDoors {
        imds: true,
        socket: None,
    }
}

/// The status of the answer to a request for a token.
async fn token(port: u16) -> io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let request = format!(
        "PUT /latest/api/token HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\
         X-aws-ec2-metadata-token-ttl-seconds: 60\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer.get(9..12).unwrap_or_default().to_owned())
}

#[tokio::test]
async fn a_listener_answers_inside_of_its_scope_alone() {
    let (world, leases, leased) = rig().await;
    for (leader, status) in [(PEER, "200"), (42, "403")] {
        let (lease, _) = leased
            .create(wanted(&leases, leader), imds())
            .await
            .unwrap();
        let port = lease.doors().imds_port.unwrap();
        assert_eq!(token(port).await.unwrap(), status, "{leader}");
    }
    let refused = world
        .recorded()
        .into_iter()
        .find(|it| it.event == Event::Refused)
        .unwrap();
    assert_eq!(
        (refused.rule.as_deref(), refused.door),
        (Some("lease"), Some(Door::Imds))
    );
    // A process that is gone before it is found is nobody's.
    world
        .whois
        .gone
        .store(true, std::sync::atomic::Ordering::Relaxed);
    let (lease, _) = leased.create(wanted(&leases, PEER), imds()).await.unwrap();
    assert_eq!(
        token(lease.doors().imds_port.unwrap()).await.unwrap(),
        "403"
    );
    leased.close().await;
}

#[tokio::test]
async fn a_listener_closes_with_its_lease_and_comes_back_with_its_daemon() {
    let (_world, leases, leased) = rig().await;
    let (lease, _) = leased.create(wanted(&leases, PEER), imds()).await.unwrap();
    let port = lease.doors().imds_port.unwrap();
    let status = leased.status();
    assert_eq!(status[0].lease.as_deref(), Some(lease.id()));
    assert_eq!(status[0].address, format!("127.0.0.1:{port}"));
    leased.close().await;
    assert!(token(port).await.is_err() && leased.status().is_empty());

    // Somebody takes the port meanwhile.
    let squatter = std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
    leased.restore();
    let error = leased.status()[0].error.clone().unwrap();
    assert!(error.contains(&port.to_string()), "{error}");
    drop(squatter);
    leased.restore();
    assert_eq!(leased.status()[0].error, None);
    assert_eq!(token(port).await.unwrap(), "200");

    assert!(leases.end(lease.id(), "ended by hand").await.unwrap());
    assert!(leased.status().is_empty());
    while TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_lease_is_not_made_without_its_door() {
    let (world, leases, leased) = rig().await;
    let path = world.place.path().join("d/file.sock");
    crate::lease::private::directory(path.parent().unwrap()).unwrap();
    crate::lease::private::create(&path, b"mine").unwrap();
    let doors = |path: &std::path::Path| WantedDoors {
        imds: true,
        socket: Some(SocketDoor {
            path: path.to_owned(),
            peer_uid: None,
        }),
    };
    let made = leased.create(wanted(&leases, 42), doors(&path)).await;
    assert!(matches!(made, Err(NotMade::Door(_))));
    assert!(leases.list().is_empty() && leased.status().is_empty());

    let path = world.place.path().join("d/dev.sock");
    let (lease, _) = leased
        .create(wanted(&leases, 42), doors(&path))
        .await
        .unwrap();
    assert_eq!(leased.status_of(lease.id()).len(), 2);
    UnixStream::connect(&path).await.unwrap();
    leases.end(lease.id(), "ended by hand").await.unwrap();
    while path.exists() {
        tokio::task::yield_now().await;
    }
}

/// What the kernel says of a process outside of the daemon's process namespace: its uid, and 0 for its pid.
#[tokio::test]
async fn a_peer_without_a_process_is_served_on_a_lease_s_socket() {
    let (world, leases, leased) = rig().await;
    let (lease, _) = leased
        .create(wanted(&leases, 42), WantedDoors::default())
        .await
        .unwrap();
    let door = LeaseSocket::new(&leased.parts, &lease, &leased);
    assert_eq!(door.door(), Door::Socket);
    let peer = Peer {
        uid: UID,
        attested: Attestation::Peercred,
        process: None,
        cgroup_id: None,
    };
    let behind = Behind::Known(Consumer {
        uid: UID,
        process: None,
    });
    let admittance = Admittance {
        uid: UID,
        ..Admittance::default()
    };
    let visitor = Arc::new(Visitor::of_unix(Some((peer, behind)), &admittance));
    let get = |path| head("GET", path, &[("host", "localhost")]);
    let taken = ask(&door, &visitor, get("/v1/credentials/dev"), "").await;
    assert_eq!(
        (taken.status, taken.body.as_str()),
        (200, r#"{"process":"ASIAFIRST"}"#)
    );
    assert_eq!(ask(&door, &visitor, get("/v1/roles"), "").await.status, 403);
    let record = world
        .recorded()
        .into_iter()
        .find(|it| it.event == Event::Serve)
        .unwrap();
    assert_eq!(record.lease.as_deref(), Some(lease.id()));
    assert_eq!(record.consumer.unwrap().process, None);
}
