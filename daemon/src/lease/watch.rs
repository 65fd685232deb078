//! Noticing that a scope has ended, or a lease's time.

use std::time::Duration;

use super::scope::Scope;
use super::{Lease, Tools};

/// How often a scope is looked at where the kernel does not tell of its end.
const LOOK: Duration = Duration::from_secs(5);

/// Returns when nobody is in the scope any more; never, of one that has no end of its own. On Linux the kernel
/// tells (a pidfd, a group's events), which costs nothing until then.
pub(super) async fn ended(scope: &Scope, tools: &Tools) {
    match scope {
        Scope::Process(leader) | Scope::Session(leader) => {
            #[cfg(target_os = "linux")]
            if let Some(process) = linux::pidfd(leader.pid) {
                // Whoever has the pid now may be another process; the pidfd is of the one that had it then.
                if scope.is_alive(tools.place()) && process.readable().await.is_ok() {
                    return;
                }
            }
            #[cfg(not(target_os = "linux"))]
            let _ = leader;
        }
        Scope::Cgroup { group, .. } => {
            #[cfg(target_os = "linux")]
            if let Some(events) = tools.groups.events(&group.path) {
                linux::changes(&events, || scope.is_alive(tools.place())).await;
            }
            #[cfg(not(target_os = "linux"))]
            let _ = group;
        }
        Scope::PeerCgroup(_) | Scope::Uid(_) | Scope::Shared(_) => {
            return std::future::pending().await;
        }
    }
    while scope.is_alive(tools.place()) {
        let next = tools.clock.now().plus(LOOK);
        tools.clock.sleep_until(next).await;
    }
}

/// Returns when the lease's time is over; never, if it has none.
pub(super) async fn over(lease: &Lease, tools: &Tools) {
    let Some(ends) = lease.ends else {
        return std::future::pending().await;
    };
    while !tools.clock.now().reached(ends) {
        tools.clock.sleep_until(ends).await;
    }
}

/// What the ledger says has ended.
pub(super) fn what_ended(scope: &Scope) -> &'static str {
    match scope {
        Scope::Cgroup { .. } => "the last of its processes ended",
        _ => "its process ended",
    }
}

/// Removes the group that was made for the scope.
pub(super) async fn clean(scope: &Scope, tools: &Tools) {
    let Scope::Cgroup { group, .. } = scope else {
        return;
    };
    let (groups, path) = (tools.groups.clone(), group.path.clone());
    let removed = super::off_the_runtime(move || groups.remove(&path)).await;
    if let Err(error) = removed {
        // What is sandboxed away from control groups leaves them to whoever made their parents.
        tracing::debug!(group = group.path, %error, "an empty control group stays");
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::fs::File;
    use std::os::fd::OwnedFd;
    use std::path::Path;

    use tokio::io::Interest;
    use tokio::io::unix::AsyncFd;

    #[expect(
        deprecated,
        reason = "its successor is unsafe because a descriptor's owner could give it away while it is \
                  watched; an OwnedFd cannot"
    )]
    pub(super) fn pidfd(pid: u32) -> Option<AsyncFd<OwnedFd>> {
        use rustix::process::{Pid, PidfdFlags, pidfd_open};

        let pid = Pid::from_raw(i32::try_from(pid).ok()?)?;
        let process = pidfd_open(pid, PidfdFlags::empty()).ok()?;
        AsyncFd::try_with_interest(process, Interest::READABLE).ok()
    }

    /// Returns when `goes_on` is no longer so, looked at whenever the file changes; or when that cannot be noticed.
    #[expect(deprecated, reason = "as above")]
    pub(super) async fn changes(events: &Path, goes_on: impl Fn() -> bool) {
        let watch = File::open(events)
            .ok()
            .and_then(|file| AsyncFd::try_with_interest(file, Interest::PRIORITY).ok());
        let Some(watch) = watch else {
            return;
        };
        while goes_on() {
            // The kernel tells of a change since the file was last read (cgroups(7)).
            let mut seen = [0; 256];
            let read = rustix::io::pread(&watch, &mut seen, 0);
            if read.is_err() || !goes_on() {
                return;
            }
            match watch.ready(Interest::PRIORITY).await {
                Ok(mut ready) => ready.clear_ready(),
                Err(_) => return,
            }
        }
    }
}
