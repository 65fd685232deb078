//! Signals become messages, with the sender where the kernel tells it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook::iterator::SignalsInfo;
use signal_hook::iterator::exfiltrator::WithOrigin;
use tokio::sync::mpsc;

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// HUP.
    Reload,
    /// USR1.
    Report,
    /// TERM, INT.
    Stop,
    /// USR2.
    ToggleDebug,
}

/// An order and who gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signal {
    /// What is asked for.
    pub order: Order,
    /// The signal's name, for the log.
    pub name: &'static str,
    /// Sender's pid; None if the kernel sent it (a terminal's Ctrl-C).
    pub pid: Option<i32>,
    /// Sender's uid.
    pub uid: Option<u32>,
}

/// Exit status after a second TERM or INT: 128 + 15, what a shell reports for a process that TERM ended.
const STOPPED_AT_ONCE: i32 = 143;

/// Installs the handlers and a thread that waits for signals. Call it before any other thread starts.
pub fn listen() -> io::Result<mpsc::UnboundedReceiver<Signal>> {
    // The order matters: the shutdown looks at the flag before this same signal sets it, so only a second one ends
    // the process at once.
    let stopping = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT] {
        signal_hook::flag::register_conditional_shutdown(
            signal,
            STOPPED_AT_ONCE,
            Arc::clone(&stopping),
        )?;
        signal_hook::flag::register(signal, Arc::clone(&stopping))?;
    }
    let mut signals = SignalsInfo::<WithOrigin>::new([SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2])?;
    let (sender, receiver) = mpsc::unbounded_channel();
    std::thread::Builder::new()
        .name("signals".into())
        .spawn(move || {
            for origin in &mut signals {
                let Some((order, name)) = meaning(origin.signal) else {
                    continue;
                };
                let (pid, uid) = origin
                    .process
                    .map_or((None, None), |p| (Some(p.pid), Some(p.uid)));
                if sender
                    .send(Signal {
                        order,
                        name,
                        pid,
                        uid,
                    })
                    .is_err()
                {
                    return;
                }
            }
        })?;
    Ok(receiver)
}

fn meaning(signal: i32) -> Option<(Order, &'static str)> {
    match signal {
        SIGHUP => Some((Order::Reload, "HUP")),
        SIGINT => Some((Order::Stop, "INT")),
        SIGTERM => Some((Order::Stop, "TERM")),
        SIGUSR1 => Some((Order::Report, "USR1")),
        SIGUSR2 => Some((Order::ToggleDebug, "USR2")),
        _ => None,
    }
}
