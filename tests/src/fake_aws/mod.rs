//! A fake of AWS's Security Token Service that is as strict as the real one.
//!
//! It speaks the query protocol over plain HTTP on loopback, checks every signature itself against
//! the keys it was given or issued (so a chain that is signed with the wrong parent fails), enforces
//! AssumeRole's rules in AWS's words, records every call, and fails in every way it is told to.
//!
//! A request goes through `server` (bytes) → `state` (recorded; its fault chosen) → `keys` and
//! `signature` (who is it?) → `parameters` (well formed?) → `rules` (allowed?) → `actions` and `xml`
//! (the answer) → `body` (whole and quick, or not).

mod actions;
mod body;
mod calls;
mod config;
mod constraints;
mod control;
mod faults;
mod keys;
mod parameters;
mod request;
mod rules;
mod server;
mod signature;
mod state;
mod xml;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use jiff::SignedDuration;
use tokio::sync::{mpsc, oneshot};

pub use calls::{Call, Outcome};
pub use config::{Config, Role, User, account};
pub use faults::{Effect, Fault};

use server::{Command, Order, Port};
use state::State;

/// A running fake, with a thread and a runtime of its own, so that tests of any kind can use it. It
/// ends when dropped.
pub struct FakeAws {
    address: SocketAddr,
    state: Arc<State>,
    steer: mpsc::UnboundedSender<Order>,
    thread: Option<JoinHandle<()>>,
}

impl std::fmt::Debug for FakeAws {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("FakeAws")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl FakeAws {
    /// Starts on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// When no port or thread is to be had.
    pub fn start(config: &Config) -> io::Result<Self> {
        Self::start_at((Ipv4Addr::LOCALHOST, 0).into(), config)
    }

    /// Starts at this address; port 0 is any free one.
    ///
    /// # Errors
    /// When the address is in use, or no thread is to be had.
    pub fn start_at(address: SocketAddr, config: &Config) -> io::Result<Self> {
        let state = Arc::new(State::new(config));
        let (steer, orders) = mpsc::unbounded_channel();
        let (ready, started) = std::sync::mpsc::channel();
        let thread = std::thread::Builder::new().name("fake-aws".into()).spawn({
            let state = Arc::clone(&state);
            let steer = steer.clone();
            move || run(address, state, steer, orders, &ready)
        })?;
        let address = started.recv().map_err(io::Error::other)??;
        Ok(Self {
            address,
            state,
            steer,
            thread: Some(thread),
        })
    }

    /// What `AWS_ENDPOINT_URL_STS` must say.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Every call so far, oldest first.
    pub fn calls(&self) -> Vec<Call> {
        self.state.lock().calls.clone()
    }

    /// How many calls of this action there were so far.
    pub fn count(&self, action: &str) -> usize {
        let inner = self.state.lock();
        inner.calls.iter().filter(|it| it.action == action).count()
    }

    /// Waits until `enough` says so of the calls so far, and gives them. It blocks the thread: a test
    /// whose own runtime makes the calls must wait elsewhere (`spawn_blocking`).
    ///
    /// # Panics
    /// When that takes longer than `timeout`; the message shows the calls there were.
    #[track_caller]
    pub fn wait_until(&self, timeout: Duration, enough: impl FnMut(&[Call]) -> bool) -> Vec<Call> {
        self.state
            .wait_until(timeout, enough)
            .unwrap_or_else(|| panic!("not within {timeout:?}; calls: {:#?}", self.calls()))
    }

    /// Puts a fault at the end of the queue.
    pub fn fail(&self, fault: Fault) {
        self.state.lock().faults.push(fault);
    }

    /// Forgets all faults.
    pub fn heal(&self) {
        self.state.lock().faults.clear();
    }

    /// Forgets calls and faults and sets the clock right. Issued keys stay good.
    pub fn reset(&self) {
        self.state.lock().reset();
    }

    /// Sets how far the fake's clock is ahead of the machine's (negative: behind): its `Date`, the
    /// expiries it gives and what it thinks of a signature's time.
    pub fn set_clock_offset(&self, offset: SignedDuration) {
        self.state.lock().offset = offset;
    }

    /// Adds a role, or replaces the one of the same ARN.
    pub fn add_role(&self, role: Role) {
        self.state.lock().service.add_role(role);
    }

    /// Connections are refused, and those there were are dropped, when this returns.
    pub fn go_down(&self) {
        self.order(Command::Down);
    }

    /// Listens again on the same port when this returns.
    pub fn come_back(&self) {
        self.order(Command::Up);
    }

    fn order(&self, command: Command) {
        let (done, mut told) = oneshot::channel();
        if self.steer.send((command, done)).is_ok() {
            // Not `blocking_recv`: that panics in a test with a runtime. The server answers at once,
            // or drops its end when it stops.
            while matches!(told.try_recv(), Err(oneshot::error::TryRecvError::Empty)) {
                std::thread::sleep(Duration::from_micros(200));
            }
        }
    }
}

impl Drop for FakeAws {
    fn drop(&mut self) {
        self.order(Command::Stop);
        if let Some(thread) = self.thread.take() {
            // A panic of that thread has been printed; a drop must not add another.
            let _ = thread.join();
        }
    }
}

/// The thread: binds, says where, and serves.
fn run(
    address: SocketAddr,
    state: Arc<State>,
    steer: mpsc::UnboundedSender<Order>,
    orders: mpsc::UnboundedReceiver<Order>,
    ready: &std::sync::mpsc::Sender<io::Result<SocketAddr>>,
) {
    let started = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .and_then(|runtime| {
            let port = runtime.block_on(async { Port::take(address) })?;
            Ok((runtime, port))
        });
    match started {
        Ok((runtime, port)) => {
            let bound = port.address();
            runtime.block_on(async {
                // Listening before anyone is told where.
                let listener = port.listen();
                if ready
                    .send(listener.as_ref().map(|_| bound).map_err(copy))
                    .is_ok()
                    && let Ok(listener) = listener
                {
                    server::serve(port, listener, state, steer, orders).await;
                }
            });
        }
        Err(error) => {
            // The starter waits for exactly this.
            let _ = ready.send(Err(error));
        }
    }
}

fn copy(error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), error.to_string())
}
