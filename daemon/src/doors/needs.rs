//! What the doors need of the rest of the daemon, as narrow traits, so that a door can be tested with
//! nothing behind it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rolecall::api::{
    ConfigReport, ConfigStatus, DoorStatus, Identity, LedgerStatus, Problem, ReloadReport,
    RoleStatus, SetupPlan, SetupRequest,
};
use tokio::net::UnixStream;
use tokio::sync::broadcast;

use crate::clock::{BoxFuture, Clock, Now, Timestamp};
use crate::config::ExecFiles;
use crate::keeper::{Entry, Keepers, NoSession};
use crate::ledger::{Ledger, Record};
use crate::peer::{self, Behind, Peer, Process, TcpOwner};
use crate::recipe::Role;
use crate::session::Served;

/// The roles in force.
pub trait Roles: Send + Sync {
    /// By name.
    fn role(&self, name: &str) -> Option<Arc<dyn RoleInForce>>;

    /// By slug (HTTP doors).
    fn role_by_slug(&self, slug: &str) -> Option<Arc<dyn RoleInForce>>;

    /// All, by name.
    fn roles(&self) -> Vec<Arc<dyn RoleInForce>>;

    /// What was narrowed for the lease of that id.
    fn narrowed(&self, lease: &str) -> Option<Arc<dyn RoleInForce>>;
}

/// One role in force.
pub trait RoleInForce: Send + Sync {
    /// What it is.
    fn role(&self) -> &Role;

    /// The lease that it was narrowed for; None of a role as it is configured.
    fn lease(&self) -> Option<&str>;

    /// The session, if a valid one is held: no lock, no wait.
    fn read(&self, now: Now) -> Option<Arc<Served>>;

    /// The session, waiting at most `limit` for AWS.
    fn wait(&self, limit: Duration) -> BoxFuture<'_, Result<Arc<Served>, NoSession>>;

    /// For `status`, without consumers.
    fn status(&self, now: Now) -> RoleStatus;
}

impl Roles for Keepers {
    fn role(&self, name: &str) -> Option<Arc<dyn RoleInForce>> {
        Self::role(self, name).map(|entry| entry as Arc<dyn RoleInForce>)
    }

    fn role_by_slug(&self, slug: &str) -> Option<Arc<dyn RoleInForce>> {
        Self::role_by_slug(self, slug).map(|entry| entry as Arc<dyn RoleInForce>)
    }

    fn roles(&self) -> Vec<Arc<dyn RoleInForce>> {
        Self::roles(self)
            .into_iter()
            .map(|entry| entry as Arc<dyn RoleInForce>)
            .collect()
    }

    fn narrowed(&self, lease: &str) -> Option<Arc<dyn RoleInForce>> {
        Self::narrowed(self, lease).map(|entry| entry as Arc<dyn RoleInForce>)
    }
}

impl RoleInForce for Entry {
    fn role(&self) -> &Role {
        &self.role
    }

    fn lease(&self) -> Option<&str> {
        self.lease.as_deref()
    }

    fn read(&self, now: Now) -> Option<Arc<Served>> {
        Self::read(self, now)
    }

    fn wait(&self, limit: Duration) -> BoxFuture<'_, Result<Arc<Served>, NoSession>> {
        Box::pin(Self::wait(self, limit))
    }

    fn status(&self, now: Now) -> RoleStatus {
        Self::status(self, now)
    }
}

/// What stands in the place of `role` now: a reload may have put another role of that name there.
pub fn in_force(roles: &dyn Roles, role: &dyn RoleInForce) -> Option<Arc<dyn RoleInForce>> {
    match role.lease() {
        Some(lease) => roles.narrowed(lease),
        None => roles.role(role.role().name.as_str()),
    }
}

/// The session of `role`, waiting at most `limit`. A reload may put another role of that name in force
/// meanwhile; that one is then asked for the rest of the time. In the place of a narrowed role only what is
/// narrowed for the same lease may come.
pub async fn obtain(
    roles: &dyn Roles,
    clock: &dyn Clock,
    role: Arc<dyn RoleInForce>,
    limit: Duration,
) -> Result<(Arc<dyn RoleInForce>, Arc<Served>), NoSession> {
    let now = clock.now();
    if let Some(served) = role.read(now) {
        return Ok((role, served));
    }
    let end = now.plus(limit);
    let none = match role.wait(limit).await {
        Ok(served) => return Ok((role, served)),
        Err(none) => none,
    };
    let successor = in_force(roles, &*role).filter(|other| !Arc::ptr_eq(other, &role));
    match successor {
        Some(role) => {
            let served = role.wait(clock.now().until(end)).await?;
            Ok((role, served))
        }
        None => Err(none),
    }
}

/// Who is at the other end.
pub trait WhoIs: Send + Sync {
    /// Of a Unix connection; None if the kernel cannot tell.
    fn of_unix(&self, stream: &UnixStream) -> Option<(Peer, Behind)>;

    /// Of a loopback TCP connection; None if the kernel does not know it.
    fn of_tcp(&self, local: SocketAddr, remote: SocketAddr) -> Option<TcpOwner>;

    /// The process behind a TCP connection: milliseconds, never before an answer.
    fn process_of(&self, owner: TcpOwner) -> Option<Process>;
}

/// The kernel's word.
#[derive(Clone, Copy, Debug, Default)]
pub struct Kernel;

impl WhoIs for Kernel {
    fn of_unix(&self, stream: &UnixStream) -> Option<(Peer, Behind)> {
        peer::of_unix(stream)
    }

    fn of_tcp(&self, local: SocketAddr, remote: SocketAddr) -> Option<TcpOwner> {
        peer::of_tcp(local, remote)
    }

    fn process_of(&self, owner: TcpOwner) -> Option<Process> {
        peer::process_of(owner)
    }
}

/// The ledger, as far as doors write and show it.
pub trait Witness: Send + Sync {
    /// Queues a record.
    fn note(&self, record: Record);

    /// Whether `consumer` gets this session for the first time; remembers it.
    fn first_serve(&self, access_key_id: &str, consumer: &str, end: Timestamp) -> bool;

    /// Every record from now on.
    fn subscribe(&self) -> broadcast::Receiver<Arc<str>>;

    /// The last `count` records after `after`, oldest first.
    fn tail(&self, count: usize, after: Option<u64>) -> std::io::Result<Vec<String>>;

    /// Its health.
    fn status(&self) -> LedgerStatus;
}

impl Witness for Ledger {
    fn note(&self, record: Record) {
        Self::note(self, record);
    }

    fn first_serve(&self, access_key_id: &str, consumer: &str, end: Timestamp) -> bool {
        Self::first_serve(self, access_key_id, consumer, end)
    }

    fn subscribe(&self) -> broadcast::Receiver<Arc<str>> {
        Self::subscribe(self)
    }

    fn tail(&self, count: usize, after: Option<u64>) -> std::io::Result<Vec<String>> {
        Self::tail(self, count, after)
    }

    fn status(&self) -> LedgerStatus {
        LedgerStatus {
            file: self.file().display().to_string(),
            error: self.error(),
        }
    }
}

/// What the socket asks of the daemon as a whole; `app` answers.
pub trait Control: Send + Sync {
    /// Reads the configuration again and puts it in force if it can be.
    fn reload(&self) -> BoxFuture<'_, ReloadReport>;

    /// What a reload would say, without doing it.
    fn check(&self) -> BoxFuture<'_, ConfigReport>;

    /// What `setup` would change.
    fn plan_setup(&self, request: SetupRequest) -> BoxFuture<'_, Result<SetupPlan, Problem>>;

    /// Reloads if a configuration file changed (DESIGN rule 12).
    fn freshen(&self) -> BoxFuture<'_, ()>;

    /// The copies of the shared files that a lease's command is pointed at.
    fn exec_files(&self, role: &str) -> BoxFuture<'_, std::io::Result<ExecFiles>>;

    /// The configuration in force.
    fn config_status(&self) -> ConfigStatus;

    /// Where sessions are kept besides memory: `memory` if nowhere (DESIGN rule 10).
    fn store(&self) -> String {
        "memory".to_owned()
    }

    /// Things worth knowing that are no errors.
    fn notes(&self) -> Vec<String>;

    /// GetCallerIdentity with the role's session.
    fn identity(
        &self,
        role: Arc<dyn RoleInForce>,
        session: Arc<Served>,
    ) -> BoxFuture<'_, Result<Identity, Problem>>;

    /// What is listening, and what should be and is not.
    fn doors(&self) -> Vec<DoorStatus>;
}
