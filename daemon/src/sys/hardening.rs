//! Makes this process hard to look into.

use std::io;

use rustix::fs::Mode;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit, umask};

/// Why the process could not be hardened.
#[derive(Debug, thiserror::Error)]
pub enum HardeningError {
    /// The core size limit could not be set.
    #[error("core dumps could not be turned off (hint: --allow-dump starts without)")]
    CoreLimit(#[source] io::Error),
    /// `PR_SET_DUMPABLE` (macOS: `PT_DENY_ATTACH`) was refused.
    #[error("the process could not be made undumpable (hint: --allow-dump starts without)")]
    Dumpable(#[source] io::Error),
}

/// Sets the umask to 077, allows as many open files as it may and, unless `allow_dump`, turns core dumps
/// off and makes the process undumpable.
///
/// The usual soft limit of 1024 files (macOS: 256) is below what the doors may hold.
/// A core size limit of 0 alone does not hold where `core_pattern` is a pipe, and an undumpable process
/// alone is dumpable again for its children; so both. Being undumpable also keeps other processes of the
/// same user from attaching. `no_new_privs` is not set: helpers such as password managers are setgid.
/// Call it first in `main`, before threads and files.
pub fn harden(allow_dump: bool) -> Result<(), HardeningError> {
    umask(Mode::RWXG | Mode::RWXO);
    let files = getrlimit(Resource::Nofile);
    let most = Rlimit {
        current: files.maximum,
        ..files
    };
    // Some systems refuse the limit they state; then the soft one has to do.
    let _ = setrlimit(Resource::Nofile, most);
    if !allow_dump {
        // The hard limit stays: a helper started later may need its own back.
        let none = Rlimit {
            current: Some(0),
            ..getrlimit(Resource::Core)
        };
        setrlimit(Resource::Core, none).map_err(|errno| HardeningError::CoreLimit(errno.into()))?;
        deny_attach().map_err(HardeningError::Dumpable)?;
    }
    Ok(())
}

#[cfg(target_os = "linux")]
fn deny_attach() -> io::Result<()> {
    use rustix::process::{DumpableBehavior, set_dumpable_behavior};

    Ok(set_dumpable_behavior(DumpableBehavior::NotDumpable)?)
}

#[cfg(target_os = "macos")]
fn deny_attach() -> io::Result<()> {
    // SAFETY: PT_DENY_ATTACH looks at none of the other arguments and touches no memory.
    match unsafe { libc::ptrace(libc::PT_DENY_ATTACH, 0, std::ptr::null_mut(), 0) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// Runs the ignored test `name` of this module in a process of its own, whose limits it may change.
    fn run_alone(name: &str) {
        let done = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "--test-threads=1"])
            .arg(format!("sys::hardening::tests::{name}"))
            .output()
            .unwrap();
        let output = String::from_utf8_lossy(&done.stdout);
        assert!(
            done.status.success() && output.contains("1 passed"),
            "{output}"
        );
    }

    #[test]
    fn hardens_as_far_as_it_is_told() {
        run_alone("hardened");
        run_alone("dump_allowed");
    }

    #[test]
    #[ignore = "changes its process; run by hardens_as_far_as_it_is_told"]
    fn hardened() {
        umask(Mode::from_raw_mode(0o022));
        let before = getrlimit(Resource::Core);
        let started_with = Rlimit {
            current: before.maximum,
            ..before
        };
        setrlimit(Resource::Core, started_with).unwrap();
        let few = Rlimit {
            current: Some(100),
            ..getrlimit(Resource::Nofile)
        };
        setrlimit(Resource::Nofile, few).unwrap();
        harden(false).unwrap();
        assert_eq!(getrlimit(Resource::Nofile).current, few.maximum);
        assert_eq!(getrlimit(Resource::Core).current, Some(0));
        #[cfg(target_os = "linux")]
        assert_eq!(
            rustix::process::dumpable_behavior().unwrap(),
            rustix::process::DumpableBehavior::NotDumpable
        );
        assert_eq!(umask(Mode::empty()), Mode::RWXG | Mode::RWXO);
    }

    #[test]
    #[ignore = "changes its process; run by hardens_as_far_as_it_is_told"]
    fn dump_allowed() {
        let before = getrlimit(Resource::Core);
        harden(true).unwrap();
        assert_eq!(getrlimit(Resource::Core), before);
        assert_eq!(umask(Mode::empty()), Mode::RWXG | Mode::RWXO);
    }
}
