//! Where the daemon's socket is, and its state.
//!
//! The socket (DESIGN, "The doors"): `--socket`, `ROLECALL_SOCKET`,
//! `$XDG_RUNTIME_DIR/rolecall/rolecall.sock`, `/run/user/<uid>/rolecall/rolecall.sock`; on macOS the
//! per-user temporary directory. For it no HOME and no name service is consulted, so that the shim stays
//! quick and works in a static binary.
//!
//! A user without a daemon of their own is served by the computer's ([`SYSTEM_SOCKET`]). Who listens there
//! is another uid than the caller's, and is believed only because nobody but root can have let it in: the
//! path is exactly this one, `/run` is root's and closed to other writers, and `/run/rolecall` is a real
//! directory, closed to other writers too, of the very uid that listens ([`is_system_service`]). Everywhere
//! else the listener must be the caller.

pub mod cgroup;

use std::ffi::OsString;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The variable that names the socket.
pub const SOCKET_VARIABLE: &str = "ROLECALL_SOCKET";

/// The socket of the system service (DESIGN, "What scripts may rely on").
pub const SYSTEM_SOCKET: &str = "/run/rolecall/rolecall.sock";

/// The variable that names the uid that must hold the socket, where it is not the caller's own number: in a
/// container whose user namespace shows the daemon's user as another.
pub const SERVER_UID_VARIABLE: &str = "ROLECALL_SERVER_UID";

/// The variable that names the state directory.
pub const STATE_VARIABLE: &str = "ROLECALL_STATE_DIR";

/// The socket's path: `explicit` (from `--socket`) if given, else the environment's, else the
/// platform's default for the calling user.
///
/// `variable` looks an environment variable up, so that tests need not change the process's own.
pub fn socket(
    explicit: Option<PathBuf>,
    uid: u32,
    variable: impl Fn(&str) -> Option<OsString>,
) -> PathBuf {
    if let Some(path) = explicit {
        return path;
    }
    if let Some(path) = variable(SOCKET_VARIABLE).filter(|value| !value.is_empty()) {
        return PathBuf::from(path);
    }
    runtime_directory(uid, variable).join("rolecall.sock")
}

/// The socket that a client talks to: the one it is told of, else the calling user's own, else the system
/// service's where there is one and the user has none.
///
/// Directories decide, not sockets (`is_there` looks): they stay while a daemon restarts, so that nobody is
/// served by one daemon in one second and by the other in the next.
pub fn find(
    explicit: Option<PathBuf>,
    uid: u32,
    variable: impl Fn(&str) -> Option<OsString>,
    is_there: impl Fn(&Path) -> bool,
) -> PathBuf {
    let told = explicit.is_some() || variable(SOCKET_VARIABLE).is_some_and(|it| !it.is_empty());
    let own = socket(explicit, uid, variable);
    let system = Path::new(SYSTEM_SOCKET);
    let has_directory = |socket: &Path| socket.parent().is_some_and(&is_there);
    if told || has_directory(&own) || !has_directory(system) {
        return own;
    }
    system.to_owned()
}

/// Whether `found`, who listens at `socket`, is the system service. See the head of this module.
pub fn is_system_service(socket: &Path, found: u32) -> bool {
    // As bytes: a path that only leads to the same place is not this one.
    if socket.as_os_str() != SYSTEM_SOCKET {
        return false;
    }
    let owner = |directory: &Path| {
        let metadata = std::fs::symlink_metadata(directory).ok()?;
        (metadata.is_dir() && metadata.mode() & 0o022 == 0).then(|| metadata.uid())
    };
    let directory = socket.parent();
    directory.and_then(owner) == Some(found)
        && directory.and_then(Path::parent).and_then(owner) == Some(0)
}

/// The directory that holds the socket, the lease files and the IMDS token key, mode 0700.
pub fn runtime_directory(uid: u32, variable: impl Fn(&str) -> Option<OsString>) -> PathBuf {
    let set = |name: &str| {
        variable(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let base = if cfg!(target_os = "macos") {
        set("TMPDIR")
    } else {
        set("XDG_RUNTIME_DIR").filter(|path| path.is_absolute())
    };
    base.unwrap_or_else(|| PathBuf::from(format!("/run/user/{uid}")))
        .join("rolecall")
}

/// The directory that keeps what outlives a restart (ledger, what `setup` did), mode 0700:
/// `ROLECALL_STATE_DIR`, `$XDG_STATE_HOME/rolecall`, `~/.local/state/rolecall`; on macOS
/// `~/Library/Application Support/rolecall`. None if none of the variables is set, HOME included.
pub fn state_directory(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let set = |name: &str| {
        variable(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    if let Some(directory) = set(STATE_VARIABLE) {
        return Some(directory);
    }
    let base = if cfg!(target_os = "macos") {
        set("HOME")?.join("Library/Application Support")
    } else {
        match set("XDG_STATE_HOME").filter(|path| path.is_absolute()) {
            Some(directory) => directory,
            None => set("HOME")?.join(".local/state"),
        }
    };
    Some(base.join("rolecall"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(pairs: &'static [(&str, &str)]) -> impl Fn(&str) -> Option<OsString> {
        move |name| {
            pairs
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| value.into())
        }
    }

    #[test]
    fn the_flag_wins_over_the_variable() {
        let path = socket(Some("/a".into()), 1000, with(&[("ROLECALL_SOCKET", "/b")]));
        assert_eq!(path, PathBuf::from("/a"));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn falls_through_to_the_user_s_runtime_directory() {
        let runtime = &[("XDG_RUNTIME_DIR", "/run/x"), ("ROLECALL_SOCKET", "")];
        assert_eq!(
            socket(None, 7, with(runtime)),
            PathBuf::from("/run/x/rolecall/rolecall.sock")
        );
        let none = with(&[("XDG_RUNTIME_DIR", "relative")]);
        assert_eq!(
            socket(None, 7, none),
            PathBuf::from("/run/user/7/rolecall/rolecall.sock")
        );
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_system_service_is_for_those_without_a_daemon_of_their_own() {
        const OWN: &str = "/run/user/7/rolecall";
        const SYSTEM: &str = "/run/rolecall";
        let told = &[("ROLECALL_SOCKET", "/b")];
        for (there, variables, expected) in [
            (
                &[OWN, SYSTEM][..],
                &[][..],
                "/run/user/7/rolecall/rolecall.sock",
            ),
            (&[SYSTEM], &[], SYSTEM_SOCKET),
            (&[], &[], "/run/user/7/rolecall/rolecall.sock"),
            (&[SYSTEM], told, "/b"),
        ] {
            let is_there = |path: &Path| there.iter().any(|it| path == Path::new(it));
            let found = find(None, 7, with(variables), is_there);
            assert_eq!(found, Path::new(expected), "{there:?}");
        }
        let explicit = find(Some("/a".into()), 7, with(told), |_| true);
        assert_eq!(explicit, Path::new("/a"));
    }

    #[test]
    fn only_one_path_can_be_the_system_service() {
        let own = rustix::process::geteuid().as_raw();
        let directory = tempfile::tempdir().unwrap();
        for path in [
            directory.path().join("rolecall.sock"),
            "/run/rolecall/../rolecall/rolecall.sock".into(),
            "/run//rolecall/rolecall.sock".into(),
            "/run/rolecall/other.sock".into(),
        ] {
            assert!(!is_system_service(&path, own), "{}", path.display());
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn state_outlives_restarts() {
        let all = &[("ROLECALL_STATE_DIR", "/s"), ("XDG_STATE_HOME", "/x")];
        assert_eq!(state_directory(with(all)), Some("/s".into()));
        let xdg = &[("XDG_STATE_HOME", "/x"), ("HOME", "/h")];
        assert_eq!(state_directory(with(xdg)), Some("/x/rolecall".into()));
        let home = &[("XDG_STATE_HOME", "relative"), ("HOME", "/h")];
        assert_eq!(
            state_directory(with(home)),
            Some("/h/.local/state/rolecall".into())
        );
        assert_eq!(state_directory(with(&[])), None);
    }
}
