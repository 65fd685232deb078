//! Noticing that a process has ended.

use std::time::Duration;

use super::Tools;
use super::scope::Scope;

/// How often a process is looked at where the kernel does not tell of its end.
const LOOK: Duration = Duration::from_secs(5);

/// Returns when the scope's process has ended. On Linux the kernel tells (a pidfd), which costs nothing
/// until then.
pub(super) async fn ended(scope: &Scope, tools: &Tools) {
    let pid = scope.leader().pid;
    #[cfg(target_os = "linux")]
    if let Some(process) = pidfd(pid) {
        // Whoever has the pid now may be another process; the pidfd is of the one that had it then.
        if scope.is_alive(&tools.boot_id, &*tools.processes) && process.readable().await.is_ok() {
            return;
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = pid;
    while scope.is_alive(&tools.boot_id, &*tools.processes) {
        let next = tools.clock.now().plus(LOOK);
        tools.clock.sleep_until(next).await;
    }
}

#[cfg(target_os = "linux")]
#[expect(
    deprecated,
    reason = "its successor is unsafe because a descriptor's owner could give it away while it is \
              watched; an OwnedFd cannot"
)]
fn pidfd(pid: u32) -> Option<tokio::io::unix::AsyncFd<std::os::fd::OwnedFd>> {
    use rustix::process::{Pid, PidfdFlags, pidfd_open};
    use tokio::io::{Interest, unix::AsyncFd};

    let pid = Pid::from_raw(i32::try_from(pid).ok()?)?;
    let process = pidfd_open(pid, PidfdFlags::empty()).ok()?;
    AsyncFd::try_with_interest(process, Interest::READABLE).ok()
}
