//! Doors that belong to one lease: an IMDS listener for its command, a Unix socket for a container. Each lives
//! exactly as long as its lease and is opened again, at the same place, when the daemon starts anew.

mod bound;

use std::collections::BTreeMap;
use std::io;
use std::net::Ipv4Addr;
use std::os::unix::net::UnixListener as StdUnixListener;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use rolecall::api::{Door, DoorStatus};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use zeroize::Zeroizing;

use super::access::Access;
use super::bind::{self, Placed};
use super::imds::Imds;
use super::needs::Roles;
use super::records::Records;
use super::server::{Common, Handler, Listener, Server};
use super::socket::leased::LeaseSocket;
use super::token::{TokenAuthority, TokenKey};
use super::visitor::Admittance;
use crate::clock::SharedClock;
use crate::lease::doors::{Doors, SocketDoor};
use crate::lease::{Lease, Leases, Wanted};
use crate::secrets::SharedRandom;
use bound::Bound;

/// How long answers in flight may take when a lease ends.
const DRAIN: Duration = Duration::from_secs(5);

/// What the doors of leases are made of.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "holds the tokens' key")]
pub struct Parts {
    /// The roles in force.
    pub roles: Arc<dyn Roles>,
    /// The leases.
    pub leases: Leases,
    /// Who may have what.
    pub access: Arc<Access>,
    /// The ledger and the readers.
    pub records: Arc<Records>,
    /// What all servers share.
    pub common: Arc<Common>,
    /// The key of IMDS tokens.
    pub key: TokenKey,
    /// Names this boot.
    pub boot_id: String,
    /// Time.
    pub clock: SharedClock,
    /// Names of temporary files.
    pub random: SharedRandom,
}

/// The doors that a new lease is to have of its own.
#[derive(Clone, Debug, Default)]
pub struct WantedDoors {
    /// An IMDS listener.
    pub imds: bool,
    /// A Unix socket.
    pub socket: Option<SocketDoor>,
}

/// Why a lease with doors of its own cannot be had.
#[derive(Debug)]
pub enum NotMade {
    /// A door cannot be opened.
    Door(io::Error),
    /// The lease cannot be written down.
    Lease(io::Error),
}

/// All doors of all leases.
#[expect(missing_debug_implementations, reason = "holds the tokens' key")]
pub struct Leased {
    pub(super) parts: Parts,
    open: Mutex<BTreeMap<(String, Door), Opened>>,
}

struct Opened {
    status: DoorStatus,
    running: Option<Running>,
}

struct Running {
    drain: watch::Sender<bool>,
    task: JoinHandle<()>,
    _placed: Option<Placed>,
}

/// Listeners that are bound and answer nobody yet.
#[derive(Default)]
struct Ready {
    imds: Option<std::net::TcpListener>,
    socket: Option<(StdUnixListener, Placed)>,
}

/// Closes a lease's doors when dropped.
struct Closing(Weak<Leased>, String);

impl Drop for Closing {
    fn drop(&mut self) {
        if let Some(leased) = self.0.upgrade() {
            // Dropping the sender drains; the task ends by itself.
            leased.open().retain(|(lease, _), _| *lease != self.1);
        }
    }
}

impl Leased {
    /// None yet.
    pub fn new(parts: Parts) -> Arc<Self> {
        Arc::new(Self {
            parts,
            open: Mutex::default(),
        })
    }

    /// Makes a lease together with its doors: none without the others. Goes on to its end even if nobody waits
    /// for it any more. The second value is the lease's token.
    ///
    /// # Errors
    ///
    /// What kept a door from being opened, or the lease from being written down.
    pub async fn create(
        self: &Arc<Self>,
        wanted: Wanted,
        doors: WantedDoors,
    ) -> Result<(Arc<Lease>, Zeroizing<String>), NotMade> {
        let leased = Arc::clone(self);
        let made = tokio::spawn(async move {
            let random = Arc::clone(&leased.parts.random);
            // Directories may stand on a slow disk.
            let (ready, doors) = tokio::task::spawn_blocking(move || bind_all(&doors, &*random))
                .await
                .unwrap_or_else(|error| Err(io::Error::other(error)))
                .map_err(NotMade::Door)?;
            let wanted = Wanted { doors, ..wanted };
            let made = leased.parts.leases.create(wanted).await;
            let (lease, token) = made.map_err(NotMade::Lease)?;
            leased.open_all(&lease, ready);
            Ok((lease, token))
        });
        made.await
            .unwrap_or_else(|error| Err(NotMade::Lease(io::Error::other(error))))
    }

    /// Opens what leases of before have and is not open: at the start, and again when the configuration is
    /// read anew, for a port that somebody held may be free by then.
    pub fn restore(self: &Arc<Self>) {
        for path in self.parts.leases.take_leftovers() {
            bind::remove_leftover(&path);
        }
        for lease in self.parts.leases.live() {
            self.open_all(&lease, Ready::default());
        }
    }

    /// For `status`.
    pub fn status(&self) -> Vec<DoorStatus> {
        (self.open().values())
            .map(|opened| opened.status.clone())
            .collect()
    }

    /// The doors of one lease.
    pub fn status_of(&self, lease: &str) -> Vec<DoorStatus> {
        let mut all = self.status();
        all.retain(|door| door.lease.as_deref() == Some(lease));
        all
    }

    /// Closes all: nothing new is accepted, answers in flight are finished.
    pub async fn close(&self) {
        let all = std::mem::take(&mut *self.open());
        for running in all.into_values().filter_map(|opened| opened.running) {
            drop(running.drain);
            // A task that panicked has closed, too.
            let _ = running.task.await;
        }
    }

    fn open_all(self: &Arc<Self>, lease: &Arc<Lease>, ready: Ready) {
        let doors = lease.doors();
        if let Some(port) = doors.imds_port {
            let address = (Ipv4Addr::LOCALHOST, port).into();
            self.ensure(lease, Door::Imds, format!("127.0.0.1:{port}"), || {
                let bound = ready
                    .imds
                    .map_or_else(|| bind::lease_imds(Some(port)), Ok)?;
                run(
                    Listener::Tcp(TcpListener::from_std(bound)?),
                    self.imds(lease, address),
                    Arc::clone(&self.parts.common),
                    None,
                )
            });
        }
        if let Some(socket) = &doors.socket {
            let address = socket.path.display().to_string();
            self.ensure(lease, Door::Socket, address, || {
                let random = &*self.parts.random;
                let (bound, placed) =
                    (ready.socket).map_or_else(|| socket_at(socket, random), Ok)?;
                run(
                    Listener::LeaseUnix(UnixListener::from_std(bound)?),
                    Arc::new(LeaseSocket::new(&self.parts, lease, self)),
                    self.common_for(socket),
                    Some(placed),
                )
            });
        }
    }

    /// Opens one door, unless it is open.
    fn ensure(
        self: &Arc<Self>,
        lease: &Arc<Lease>,
        door: Door,
        address: String,
        start: impl FnOnce() -> io::Result<Running>,
    ) {
        let key = (lease.id().to_owned(), door);
        let known = self.open().get(&key).map(|known| known.running.is_some());
        if known == Some(true) {
            return;
        }
        let started = start().inspect_err(|error| {
            tracing::error!(lease = lease.id(), "a lease's door is not open: {error}");
        });
        let status = DoorStatus {
            door,
            address,
            role: Some(lease.role().to_owned()),
            lease: Some(lease.id().to_owned()),
            error: started.as_ref().err().map(ToString::to_string),
        };
        let running = started.ok();
        self.open().insert(key, Opened { status, running });
        // After it is in the table: a lease that has ended meanwhile takes it out again.
        let closing = Closing(Arc::downgrade(self), lease.id().to_owned());
        lease.hold(Box::new(closing));
    }

    fn imds(&self, lease: &Arc<Lease>, address: std::net::SocketAddr) -> Arc<dyn Handler> {
        let parts = &self.parts;
        // With the lease's id: another lease that comes to have this port takes none of its tokens.
        let listener = format!("{} {}", Imds::listener_name(address), lease.id());
        let imds = Imds::new(
            lease.role().to_owned(),
            Arc::clone(&parts.roles),
            TokenAuthority::new(&parts.key, &parts.boot_id, &listener),
            Arc::clone(&parts.access),
            Arc::clone(&parts.records),
            Arc::clone(&parts.clock),
        );
        Arc::new(Bound::new(
            Arc::new(imds.of_lease(Arc::clone(lease))),
            Arc::clone(lease),
            parts,
        ))
    }

    /// The servers' common things, with the uid that the socket is for.
    fn common_for(&self, socket: &SocketDoor) -> Arc<Common> {
        let common = &self.parts.common;
        let Some(uid) = socket.peer_uid else {
            return Arc::clone(common);
        };
        let (_, admittance) = watch::channel(Admittance {
            uid,
            ..Admittance::default()
        });
        Arc::new(Common {
            whois: Arc::clone(&common.whois),
            records: Arc::clone(&common.records),
            metrics: Arc::clone(&common.metrics),
            connections: Arc::clone(&common.connections),
            clock: Arc::clone(&common.clock),
            admittance,
        })
    }

    fn open(&self) -> MutexGuard<'_, BTreeMap<(String, Door), Opened>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn run(
    listener: Listener,
    handler: Arc<dyn Handler>,
    common: Arc<Common>,
    placed: Option<Placed>,
) -> io::Result<Running> {
    let server = Server::new(listener, handler, common)?;
    let (drain, draining) = watch::channel(false);
    Ok(Running {
        drain,
        task: tokio::spawn(server.run(draining, DRAIN)),
        _placed: placed,
    })
}

fn bind_all(
    wanted: &WantedDoors,
    random: &dyn crate::secrets::Random,
) -> io::Result<(Ready, Doors)> {
    let imds = wanted.imds.then(|| bind::lease_imds(None)).transpose()?;
    let socket = (wanted.socket.as_ref())
        .map(|socket| socket_at(socket, random))
        .transpose()?;
    let imds_port = imds.as_ref().map(std::net::TcpListener::local_addr);
    let doors = Doors {
        imds_port: imds_port.transpose()?.map(|address| address.port()),
        socket: wanted.socket.clone(),
    };
    Ok((Ready { imds, socket }, doors))
}

fn socket_at(
    socket: &SocketDoor,
    random: &dyn crate::secrets::Random,
) -> io::Result<(StdUnixListener, Placed)> {
    let own = rustix::process::geteuid().as_raw();
    let for_another = socket.peer_uid.is_some_and(|uid| uid != own);
    bind::lease_socket(&socket.path, for_another, random)
}
