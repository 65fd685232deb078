//! The IMDS listeners: opened, kept and closed as the configuration says.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rolecall::api::{Door, DoorStatus};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::clock::SharedClock;
use crate::config::ImdsListener;
use crate::doors::access::Access;
use crate::doors::bind;
use crate::doors::imds::Imds;
use crate::doors::needs::Roles;
use crate::doors::records::Records;
use crate::doors::server::{Common, Listener, Server};
use crate::doors::token::{TokenAuthority, TokenKey};
use crate::keeper::{Keepers, Pin};

/// How long answers in flight may take when a listener closes.
const DRAIN: Duration = Duration::from_secs(5);

/// What listeners are made of.
#[expect(missing_debug_implementations, reason = "holds the tokens' key")]
pub struct Parts {
    /// The roles in force.
    pub keepers: Keepers,
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
}

/// Every IMDS listener.
#[expect(missing_debug_implementations, reason = "holds the tokens' key")]
pub struct Listeners {
    parts: Parts,
    open: Mutex<BTreeMap<SocketAddr, Open>>,
    /// One change at a time: closing and binding the same address must not meet.
    turn: tokio::sync::Mutex<()>,
}

struct Open {
    role: String,
    running: Result<Running, String>,
    _pin: Pin,
}

struct Running {
    drain: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Running {
    async fn close(self) {
        let _ = self.drain.send(true);
        let _ = self.task.await;
    }
}

impl Listeners {
    /// None yet.
    pub fn new(parts: Parts) -> Arc<Self> {
        Arc::new(Self {
            parts,
            open: Mutex::default(),
            turn: tokio::sync::Mutex::new(()),
        })
    }

    /// Opens what is wanted and not open, closes what is open and not wanted. Listeners that stay as they are
    /// notice nothing; one that could not be bound is tried again.
    pub async fn apply(&self, wanted: &[ImdsListener]) {
        let _turn = self.turn.lock().await;
        let stale = {
            let mut open = self.open();
            let stays = |address: &SocketAddr, listener: &Open| {
                listener.running.is_ok()
                    && wanted
                        .iter()
                        .any(|w| w.listen == *address && w.role == listener.role)
            };
            let stale: Vec<_> = open
                .iter()
                .filter(|(address, listener)| !stays(address, listener))
                .map(|(address, _)| *address)
                .collect();
            stale
                .into_iter()
                .filter_map(|address| open.remove(&address))
                .collect::<Vec<_>>()
        };
        for running in stale
            .into_iter()
            .filter_map(|listener| listener.running.ok())
        {
            running.close().await;
        }
        for listener in wanted {
            let opened = {
                if self.open().contains_key(&listener.listen) {
                    continue;
                }
                self.start(listener)
            };
            self.open().insert(listener.listen, opened);
        }
    }

    /// Closes all: nothing new is accepted, answers in flight are finished.
    pub async fn close(&self) {
        self.apply(&[]).await;
    }

    /// For `status`.
    pub fn status(&self) -> Vec<DoorStatus> {
        self.open()
            .iter()
            .map(|(address, listener)| DoorStatus {
                door: Door::Imds,
                address: address.to_string(),
                role: Some(listener.role.clone()),
                lease: None,
                error: listener.running.as_ref().err().cloned(),
            })
            .collect()
    }

    fn start(&self, listener: &ImdsListener) -> Open {
        let running = self.bind(listener).map_err(|error| {
            let error = format!("{}: {error}", listener.listen);
            tracing::error!(role = %listener.role, "an IMDS listener is not open: {error}");
            error
        });
        Open {
            role: listener.role.clone(),
            running,
            _pin: self.parts.keepers.pin(&listener.role),
        }
    }

    fn bind(&self, listener: &ImdsListener) -> std::io::Result<Running> {
        let parts = &self.parts;
        let handler = Imds::new(
            listener.role.clone(),
            Arc::new(parts.keepers.clone()) as Arc<dyn Roles>,
            TokenAuthority::new(
                &parts.key,
                &parts.boot_id,
                &Imds::listener_name(listener.listen),
            ),
            Arc::clone(&parts.access),
            Arc::clone(&parts.records),
            Arc::clone(&parts.clock),
        );
        let bound = Listener::Tcp(TcpListener::from_std(bind::imds(listener.listen)?)?);
        let server = Server::new(bound, Arc::new(handler), Arc::clone(&parts.common))?;
        let (drain, draining) = watch::channel(false);
        tracing::info!(role = %listener.role, address = %listener.listen, "imds door open");
        Ok(Running {
            drain,
            task: tokio::spawn(server.run(draining, DRAIN)),
        })
    }

    fn open(&self) -> std::sync::MutexGuard<'_, BTreeMap<SocketAddr, Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
