//! The start order, from top to bottom, and the end.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use rolecall::api::{Door, DoorStatus};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{mpsc, watch};

use super::configuration::{Configuration, Targets};
use super::control::Daemon;
use super::listeners::{Listeners, Parts};
use super::logging::Logging;
use super::network::network;
use super::notify;
use super::options::Options;
use super::orders::obey;
use super::paths::{PathError, Paths, lock_state, private_directory};
use super::signals::{self, Signal};
use crate::challenge::{self, Challenges};
use crate::clock::{SharedClock, SystemClock};
use crate::config::{ImdsListener, Settings, Sources};
use crate::doors::access::{self, Access, Fence, Lock};
use crate::doors::bind::{self, Reach};
use crate::doors::container::Container;
use crate::doors::leased::{Leased, Parts as LeasedParts};
use crate::doors::metrics::Metrics;
use crate::doors::needs::{Control, Kernel, Roles};
use crate::doors::records::Records;
use crate::doors::server::{Common, Listener, Server};
use crate::doors::socket::{Socket, Tools as SocketTools};
use crate::doors::token::TokenKey;
use crate::doors::visitor::Admittance;
use crate::issue::sts::{Limits, Sts};
use crate::keeper::{Freshen, Keepers, Tools};
use crate::lease::cgroup::Groups;
use crate::lease::scope::Kernel as Processes;
use crate::lease::{Leases, Tools as LeaseTools};
use crate::ledger::{Event, Ledger, Record};
use crate::peer;
use crate::secrets::{OsRandom, SharedRandom};
use crate::sys::hardening::{HardeningError, harden};
use crate::sys::host;

/// How long answers in flight may take after TERM. Callers who wait for AWS are answered at once.
const DRAIN: Duration = Duration::from_secs(5);

/// How long `--once` serves.
const ONCE: Duration = Duration::from_mins(1);

/// Why the daemon did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Core dumps or debuggers could not be kept out.
    #[error(transparent)]
    Hardening(#[from] HardeningError),
    /// No log.
    #[error("the log could not be started: {0}")]
    Log(String),
    /// A path could not be made out.
    #[error(transparent)]
    Path(#[from] PathError),
    /// Something of the system's failed.
    #[error("{what}")]
    System {
        /// What was being done.
        what: &'static str,
        /// Why it failed.
        #[source]
        error: io::Error,
    },
}

fn doing(what: &'static str) -> impl Fn(io::Error) -> StartError {
    move |error| StartError::System { what, error }
}

/// Runs the daemon until a signal stops it.
pub fn run(options: &Options) -> Result<(), StartError> {
    harden(options.allow_dump)?;
    let signals = signals::listen().map_err(doing("signal handlers could not be installed"))?;
    let environment: BTreeMap<String, OsString> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
        .collect();
    let uid = rustix::process::geteuid().as_raw();
    let mut paths = Paths::resolve(options, &environment, uid)?;
    if options.once {
        // Nothing of a configuration's look-up outlives it.
        paths.state.clone_from(&paths.runtime);
    }
    let logging =
        Logging::start(if options.once { "warn" } else { "info" }).map_err(StartError::Log)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .max_blocking_threads(8)
        .build()
        .map_err(doing("the runtime could not be started"))?;
    let result = runtime.block_on(serve(options, paths, environment, uid, logging, signals));
    // A thread that hangs on a dead disk must not keep the process from ending.
    runtime.shutdown_background();
    result
}

async fn serve(
    options: &Options,
    paths: Paths,
    environment: BTreeMap<String, OsString>,
    uid: u32,
    logging: Logging,
    mut signals: mpsc::UnboundedReceiver<Signal>,
) -> Result<(), StartError> {
    let clock: SharedClock = Arc::new(SystemClock);
    let random: SharedRandom = Arc::new(OsRandom::default());
    let started = clock.now().wall;

    let reach = if options.system {
        Reach::Everyone
    } else {
        Reach::Own
    };
    private_directory(&paths.state, uid).map_err(doing("the state directory cannot be used"))?;
    let bound =
        bind::unix(&paths.socket, reach, &*random).map_err(doing("the socket cannot be opened"))?;
    let _state = lock_state(&paths.state).map_err(doing("the state directory cannot be used"))?;
    let ledger = Ledger::open(
        paths.state.clone(),
        Arc::clone(&clock),
        Settings::default().ledger_on_error,
    );
    ledger.note(Record {
        event: Event::Start,
        ..Record::default()
    });

    let configuration = Arc::new(Configuration::new(
        Sources {
            config: paths.config.clone(),
            environment: environment.clone(),
            home: paths.home.clone(),
            system: options.system,
        },
        Arc::clone(&clock),
    ));
    let sts = Arc::new(Sts::new(
        Arc::clone(&clock),
        network(&environment, None),
        Limits::default(),
    ));
    let keepers = Keepers::new(Tools {
        clock: Arc::clone(&clock),
        random: Arc::clone(&random),
        issuer: Arc::clone(&sts) as _,
        ledger: Arc::new(ledger.clone()),
        state_directory: paths.state.clone(),
        user: host::user_name(|name| environment.get(name).cloned())
            .unwrap_or_else(|| uid.to_string()),
        host: host::name(),
        freshen: Arc::clone(&configuration) as Arc<dyn Freshen>,
        keep_fresh: !options.once,
    });
    let roles: Arc<dyn Roles> = Arc::new(keepers.clone());

    let metrics = Metrics::new(started);
    tokio::spawn(Arc::clone(&metrics).follow(ledger.subscribe()));
    let (records, lookups) = Records::new(
        Arc::new(ledger.clone()),
        Arc::new(Kernel),
        Arc::clone(&metrics),
    );
    tokio::spawn(lookups);
    let (admit, admittance) = watch::channel(Admittance {
        uid,
        ..Admittance::default()
    });
    let common = Arc::new(Common {
        whois: Arc::new(Kernel),
        records: Arc::clone(&records),
        metrics: Arc::clone(&metrics),
        connections: Arc::default(),
        clock: Arc::clone(&clock),
        admittance,
    });

    let boot_id = host::boot_id().unwrap_or_default();
    let leases = Leases::open(LeaseTools {
        clock: Arc::clone(&clock),
        random: Arc::clone(&random),
        processes: Arc::new(Processes),
        note: {
            let ledger = ledger.clone();
            Arc::new(move |record| ledger.note(record))
        },
        pin: {
            let keepers = keepers.clone();
            Arc::new(move |role, lease, narrowing| {
                if narrowing.is_empty() {
                    Box::new(keepers.pin(role)) as crate::lease::Pin
                } else {
                    Box::new(keepers.narrow(lease, role, narrowing.clone()))
                }
            })
        },
        groups: Groups::mounted(),
        boot_id: boot_id.clone(),
        state_directory: paths.state.clone(),
        runtime_directory: paths.runtime.clone(),
    })
    .await
    .map_err(doing("the leases cannot be read"))?;

    let access = Access::new(access::Parts {
        whois: Arc::clone(&common.whois),
        records: Arc::clone(&records),
        challenges: Challenges::new(challenge::Tools {
            clock: Arc::clone(&clock),
            random: Arc::clone(&random),
            note: {
                let ledger = ledger.clone();
                Arc::new(move |record| ledger.note(record))
            },
        }),
        lock: Lock::open(&paths.state, Arc::clone(&random), started),
        clock: Arc::clone(&clock),
    });
    let access = Arc::new(access.fenced(Fence::new(leases.clone(), Arc::clone(&roles))));
    let key =
        TokenKey::load(&paths.runtime.join("imds-token.key"), &*random).unwrap_or_else(|error| {
            tracing::warn!(
                "the IMDS token key cannot be kept, so tokens end with this process: {error}"
            );
            TokenKey::random(&*random)
        });
    let leased = (!options.once).then(|| {
        Leased::new(LeasedParts {
            roles: Arc::clone(&roles),
            leases: leases.clone(),
            access: Arc::clone(&access),
            records: Arc::clone(&records),
            common: Arc::clone(&common),
            key: key.clone(),
            boot_id: boot_id.clone(),
            clock: Arc::clone(&clock),
            random: Arc::clone(&random),
        })
    });
    // Before anything else may take their ports.
    if let Some(leased) = &leased {
        leased.restore();
    }
    let listeners = (!options.once).then(|| {
        Listeners::new(Parts {
            keepers: keepers.clone(),
            access: Arc::clone(&access),
            records: Arc::clone(&records),
            common: Arc::clone(&common),
            key,
            boot_id,
            clock: Arc::clone(&clock),
        })
    });

    let (wanted, changes) = watch::channel(Vec::<ImdsListener>::new());
    configuration.connect(Targets {
        keepers: keepers.clone(),
        ledger: ledger.clone(),
        logging: (!options.once).then(|| logging.clone()),
        in_force: {
            let (environment, sts) = (environment.clone(), Arc::clone(&sts));
            let system = options.system;
            Arc::new(move |settings: &Settings, imds: &[ImdsListener]| {
                peer::want_all_arguments(settings.ledger_arguments);
                sts.set_network(network(&environment, Some(settings)));
                admit.send_replace(Admittance {
                    uid,
                    root: settings.allow_root || system,
                    others: Arc::clone(&settings.uids),
                });
                wanted.send_replace(imds.to_vec());
            })
        },
    });
    configuration.reload().await;
    if let Some(listeners) = &listeners {
        let first = changes.borrow().clone();
        listeners.apply(&first).await;
        tokio::spawn(follow(Arc::clone(listeners), leased.clone(), changes));
    }

    let (drain, draining) = watch::channel(false);
    let mut doors = vec![DoorStatus {
        door: Door::Socket,
        address: paths.socket.display().to_string(),
        role: None,
        lease: None,
        error: None,
    }];
    let mut servers = Vec::new();
    let mut container_address = None;
    if !options.once {
        let mut status = DoorStatus {
            door: Door::Container,
            address: String::new(),
            role: None,
            lease: None,
            error: None,
        };
        match bind::container(&paths.state, &*random)
            .and_then(|listener| Ok((listener.local_addr()?, TcpListener::from_std(listener)?)))
        {
            Ok((address, listener)) => {
                status.address = address.to_string();
                container_address = Some(address);
                let handler = Container::new(
                    Arc::clone(&roles),
                    leases.clone(),
                    Arc::clone(&access),
                    Arc::clone(&records),
                    Arc::clone(&clock),
                );
                let server = Server::new(
                    Listener::Tcp(listener),
                    Arc::new(handler),
                    Arc::clone(&common),
                )
                .map_err(doing("the container door cannot be opened"))?;
                servers.push(tokio::spawn(server.run(draining.clone(), DRAIN)));
            }
            Err(error) => {
                tracing::error!("the container door is not open: {error}");
                status.error = Some(error.to_string());
            }
        }
        doors.push(status);
    }
    let daemon = Arc::new(Daemon {
        configuration: Arc::clone(&configuration),
        keepers: keepers.clone(),
        sts: Arc::clone(&sts),
        listeners: listeners.clone(),
        leased: leased.clone(),
        doors,
    });
    let socket = Socket::new(SocketTools {
        roles,
        leases,
        access,
        records,
        control: Arc::clone(&daemon) as Arc<dyn Control>,
        metrics,
        clock: Arc::clone(&clock),
        started,
        uid,
        leased: leased.clone(),
        container: container_address,
        drain: draining.clone(),
    });
    let server = UnixListener::from_std(bound.listener)
        .and_then(|listener| Server::new(Listener::Unix(listener), Arc::new(socket), common))
        .map_err(doing("the socket cannot be served"))?;
    servers.push(tokio::spawn(server.run(draining, DRAIN)));
    let _lock = bound.lock;

    tracing::info!(socket = %paths.socket.display(), "{}", daemon.summary());
    notify::ready(&daemon.summary());
    if options.once {
        tokio::select! {
            () = obey(&mut signals, &daemon, &logging) => {}
            () = clock.sleep_until(clock.now().plus(ONCE)) => {}
        }
    } else {
        obey(&mut signals, &daemon, &logging).await;
    }

    notify::stopping();
    keepers.shut_down();
    let _ = drain.send(true);
    for server in servers {
        let _ = server.await;
    }
    if let Some(listeners) = listeners {
        listeners.close().await;
    }
    if let Some(leased) = leased {
        leased.close().await;
    }
    // No longer than a record may take: with a hung disk there is nobody left to tell.
    let _ = tokio::time::timeout(DRAIN, keepers.stopped()).await;
    ledger.note(Record {
        event: Event::Stop,
        ..Record::default()
    });
    ledger.close();
    tracing::info!("stopped");
    Ok(())
}

/// Opens and closes IMDS listeners as the configuration changes.
async fn follow(
    listeners: Arc<Listeners>,
    leased: Option<Arc<Leased>>,
    mut changes: watch::Receiver<Vec<ImdsListener>>,
) {
    while changes.changed().await.is_ok() {
        let wanted = changes.borrow_and_update().clone();
        listeners.apply(&wanted).await;
        if let Some(leased) = &leased {
            leased.restore();
        }
    }
}
