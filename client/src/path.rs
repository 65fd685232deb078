//! Where the daemon's socket is, and its state.
//!
//! The socket (DESIGN, "The doors"): `--socket`, `ROLECALL_SOCKET`,
//! `$XDG_RUNTIME_DIR/rolecall/rolecall.sock`, `/run/user/<uid>/rolecall/rolecall.sock`; on macOS the
//! per-user temporary directory. For it no HOME and no name service is consulted, so that the shim stays
//! quick and works in a static binary.

pub mod cgroup;

use std::ffi::OsString;
use std::path::PathBuf;

/// The variable that names the socket.
pub const SOCKET_VARIABLE: &str = "ROLECALL_SOCKET";

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
