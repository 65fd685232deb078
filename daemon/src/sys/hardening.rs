//! Makes this process hard to look into, and gives child processes back what they need.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

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

/// What the process had before it was hardened.
#[derive(Clone, Debug)]
pub struct Inherited {
    core: Rlimit,
    files: Rlimit,
    umask: Mode,
}

/// Sets the umask to 077, allows as many open files as it may and, unless `allow_dump`, turns core dumps
/// off and makes the process undumpable.
///
/// The usual soft limit of 1024 files (macOS: 256) is below what the doors may hold; programs that still
/// use select(2) would be hurt by more, so children have theirs back.
/// A core size limit of 0 alone does not hold where `core_pattern` is a pipe, and an undumpable process
/// alone is dumpable again for its children; so both. Being undumpable also keeps other processes of the
/// same user from attaching. `no_new_privs` is not set: helpers such as password managers are setgid.
/// Call it first in `main`, before threads and files.
pub fn harden(allow_dump: bool) -> Result<Inherited, HardeningError> {
    let inherited = Inherited {
        core: getrlimit(Resource::Core),
        files: getrlimit(Resource::Nofile),
        umask: umask(Mode::RWXG | Mode::RWXO),
    };
    let most = Rlimit {
        current: inherited.files.maximum,
        ..inherited.files
    };
    // Some systems refuse the limit they state; then the soft one has to do.
    let _ = setrlimit(Resource::Nofile, most);
    if !allow_dump {
        // The hard limit stays, or children could never have theirs back.
        let none = Rlimit {
            current: Some(0),
            maximum: inherited.core.maximum,
        };
        setrlimit(Resource::Core, none).map_err(|errno| HardeningError::CoreLimit(errno.into()))?;
        deny_attach().map_err(HardeningError::Dumpable)?;
    }
    Ok(inherited)
}

impl Inherited {
    /// Gives the program that `command` starts the core size limit, the limit of open files and the umask
    /// this process was started with. (Being dumpable comes back by itself with `execve`.)
    pub fn restore_in(&self, command: &mut Command) {
        let Self {
            core,
            files,
            umask: mode,
        } = self.clone();
        // SAFETY: the closure runs between fork and exec and makes three system calls on copied values:
        // no allocation, no lock, nothing shared with the parent.
        unsafe {
            command.pre_exec(move || {
                setrlimit(Resource::Core, core)?;
                setrlimit(Resource::Nofile, files)?;
                umask(mode);
                Ok(())
            });
        }
    }
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
    fn hardens_and_gives_back() {
        run_alone("hardened");
        run_alone("dump_allowed");
    }

    #[test]
    #[ignore = "changes its process; run by hardens_and_gives_back"]
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
        let inherited = harden(false).unwrap();
        assert_eq!(getrlimit(Resource::Nofile).current, few.maximum);
        assert_eq!(getrlimit(Resource::Core).current, Some(0));
        #[cfg(target_os = "linux")]
        assert_eq!(
            rustix::process::dumpable_behavior().unwrap(),
            rustix::process::DumpableBehavior::NotDumpable
        );
        let shell = |restored: bool| {
            let mut command = Command::new("/bin/sh");
            command.args(["-c", "umask; ulimit -n; ulimit -c"]);
            if restored {
                inherited.restore_in(&mut command);
            }
            String::from_utf8(command.output().unwrap().stdout).unwrap()
        };
        assert!(shell(false).starts_with("0077\n") && shell(false).ends_with("\n0\n"));
        assert!(shell(true).starts_with("0022\n100\n"), "{}", shell(true));
        if started_with.current != Some(0) {
            assert!(!shell(true).ends_with("\n0\n"), "{}", shell(true));
        }
    }

    #[test]
    #[ignore = "changes its process; run by hardens_and_gives_back"]
    fn dump_allowed() {
        let before = getrlimit(Resource::Core);
        harden(true).unwrap();
        assert_eq!(getrlimit(Resource::Core), before);
        assert_eq!(umask(Mode::empty()), Mode::RWXG | Mode::RWXO);
    }
}
