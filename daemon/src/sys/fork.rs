//! Copies of a test's process: what a race needs by the ten thousand, and a new program each would be too slow for.

use std::panic::{AssertUnwindSafe, catch_unwind};

use rustix::process::Pid;

/// Starts a copy of this process that does `child` and ends.
///
/// # Panics
/// If other threads run than the test's own and the one that waits for it: only an ignored test may call this,
/// which another runs in a process of its own.
pub(crate) fn fork(child: impl FnOnce()) -> Pid {
    let threads = std::fs::read_dir("/proc/self/task").map_or(usize::MAX, Iterator::count);
    assert!(threads <= 2, "{threads} threads");
    // SAFETY: the copy has this thread alone. The only other one waits, and so holds no lock that the copy could need.
    match unsafe { libc::fork() } {
        0 => {
            // A panic must not return into the copy of the test harness.
            let done = catch_unwind(AssertUnwindSafe(child));
            // SAFETY: ends the copy, without the original's handlers at exit.
            unsafe { libc::_exit(i32::from(done.is_err())) }
        }
        pid => Pid::from_raw(pid.max(0)).expect("a fork"),
    }
}
