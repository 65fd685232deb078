//! Where the daemon's files are.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use super::options::Options;

/// Where the system service's configuration is.
const SYSTEM_CONFIG: &str = "/etc/rolecall/config.toml";

/// Where the system service keeps what outlives a restart (systemd's `StateDirectory=rolecall`).
const SYSTEM_STATE: &str = "/var/lib/rolecall";

/// Resolved paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    /// `config.toml`; need not exist.
    pub config: PathBuf,
    /// The socket.
    pub socket: PathBuf,
    /// Lease files and the IMDS token key live there, mode 0700: the socket's directory, and of the system
    /// service, whose socket everybody must reach, `private` in it.
    pub runtime: PathBuf,
    /// Ledger, lease hashes, session-name ids, container port, mode 0700.
    pub state: PathBuf,
    /// Home, if known; the system service has none.
    pub home: Option<PathBuf>,
}

/// Why there is no path.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum PathError {
    /// Nothing says where home is.
    #[error("HOME is not set and no {0} was given")]
    NoHome(&'static str),
    /// A socket needs a directory of its own.
    #[error("the socket's path {0} has no directory")]
    NoDirectory(PathBuf),
}

impl Paths {
    /// Resolves every path from options and environment (DESIGN, "What scripts may rely on").
    pub fn resolve(
        options: &Options,
        environment: &BTreeMap<String, OsString>,
        uid: u32,
    ) -> Result<Self, PathError> {
        let variable = |name: &str| {
            environment
                .get(name)
                .filter(|value| !value.is_empty())
                .cloned()
        };
        let absolute = |name: &str| {
            variable(name)
                .map(PathBuf::from)
                .filter(|p| p.is_absolute())
        };
        let home = absolute("HOME").filter(|_| !options.system);
        let under_home = |explicit: &Option<PathBuf>, xdg: &str, rest: &str, flag: &'static str| {
            if let Some(path) = explicit {
                return Ok(std::path::absolute(path).unwrap_or_else(|_| path.clone()));
            }
            absolute(xdg)
                .or_else(|| home.as_ref().map(|home| home.join(rest)))
                .ok_or(PathError::NoHome(flag))
        };

        let config = match &options.config {
            Some(_) => under_home(&options.config, "", "", "--config")?,
            None if options.system => PathBuf::from(SYSTEM_CONFIG),
            None => under_home(&None, "XDG_CONFIG_HOME", ".config", "--config")?
                .join("rolecall/config.toml"),
        };
        let state = if options.state_dir.is_some() {
            under_home(&options.state_dir, "", "", "--state-dir")?
        } else if options.system {
            PathBuf::from(SYSTEM_STATE)
        } else if cfg!(target_os = "macos") {
            under_home(&None, "", "Library/Application Support", "--state-dir")?.join("rolecall")
        } else {
            under_home(&None, "XDG_STATE_HOME", ".local/state", "--state-dir")?.join("rolecall")
        };
        let explicit = options.socket.clone();
        let system = || PathBuf::from(rolecall::path::SYSTEM_SOCKET);
        let explicit = explicit.or_else(|| options.system.then(system));
        let socket = rolecall::path::socket(explicit, uid, variable);
        let socket = std::path::absolute(&socket).unwrap_or(socket);
        let beside = socket
            .parent()
            .filter(|directory| directory.parent().is_some())
            .ok_or_else(|| PathError::NoDirectory(socket.clone()))?;
        let runtime = if options.system {
            beside.join("private")
        } else {
            beside.to_path_buf()
        };
        Ok(Self {
            config,
            socket,
            runtime,
            state,
            home,
        })
    }
}

/// Makes `directory` (and its parents) with mode 0700 if it is not there, and checks that it is ours and closed
/// to everyone else.
pub fn private_directory(directory: &Path, uid: u32) -> io::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)?;
    let metadata = std::fs::metadata(directory)?;
    if metadata.uid() != uid {
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            format!(
                "{} belongs to uid {}, not to {uid}",
                directory.display(),
                metadata.uid()
            ),
        ));
    }
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            format!(
                "{} has mode {mode:04o}; others must have no access (chmod 0700)",
                directory.display()
            ),
        ));
    }
    Ok(())
}

/// Takes the state directory for one daemon: two would cut each other's ledger short, and write each other's
/// leases and ids away. Free again when the file is dropped, or the process ends.
pub fn lock_state(directory: &Path) -> io::Result<File> {
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW | libc::O_CLOEXEC)
        .open(directory.join("lock"))?;
    if let Err(errno) = flock(&file, FlockOperation::NonBlockingLockExclusive) {
        if errno != rustix::io::Errno::WOULDBLOCK {
            return Err(errno.into());
        }
        let mut pid = String::new();
        // A pid that cannot be read is left out.
        let _ = (&file).take(16).read_to_string(&mut pid);
        return Err(io::Error::other(format!(
            "another rolecalld (pid {}) keeps its state in {}; give this one its own with --state-dir",
            pid.trim(),
            directory.display()
        )));
    }
    file.set_len(0)?;
    writeln!(file, "{}", std::process::id())?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> BTreeMap<String, OsString> {
        pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).into()))
            .collect()
    }

    fn options(arguments: &[&str]) -> Options {
        Options::parse_from(std::iter::once(&"rolecalld").chain(arguments))
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn defaults_follow_the_xdg_base_directories() {
        let environment = environment(&[("HOME", "/home/a"), ("XDG_RUNTIME_DIR", "/run/user/7")]);
        let paths = Paths::resolve(&options(&[]), &environment, 7).unwrap();
        assert_eq!(
            paths.config,
            Path::new("/home/a/.config/rolecall/config.toml")
        );
        assert_eq!(paths.state, Path::new("/home/a/.local/state/rolecall"));
        assert_eq!(paths.runtime, Path::new("/run/user/7/rolecall"));
    }

    #[test]
    fn options_need_no_home() {
        let arguments = [
            "--config",
            "/c.toml",
            "--socket",
            "/d/s",
            "--state-dir",
            "/e",
        ];
        let paths = Paths::resolve(&options(&arguments), &environment(&[]), 7).unwrap();
        assert_eq!((paths.runtime, paths.state), ("/d".into(), "/e".into()));
        assert_eq!(
            Paths::resolve(&options(&[]), &environment(&[]), 7),
            Err(PathError::NoHome("--config"))
        );
        let root = Paths::resolve(
            &options(&["--socket", "/s"]),
            &environment(&[("HOME", "/h")]),
            7,
        );
        assert_eq!(root, Err(PathError::NoDirectory("/s".into())));
    }

    #[test]
    fn the_system_service_has_places_of_its_own_and_no_home() {
        let environment = environment(&[("HOME", "/home/a"), ("XDG_RUNTIME_DIR", "/run/user/7")]);
        let paths = Paths::resolve(&options(&["--system"]), &environment, 7).unwrap();
        let expected = Paths {
            config: "/etc/rolecall/config.toml".into(),
            socket: "/run/rolecall/rolecall.sock".into(),
            runtime: "/run/rolecall/private".into(),
            state: "/var/lib/rolecall".into(),
            home: None,
        };
        assert_eq!(paths, expected);
        // Several side by side.
        let moved = options(&[
            "--system",
            "--config",
            "/c",
            "--socket",
            "/d/s",
            "--state-dir",
            "/e",
        ]);
        let paths = Paths::resolve(&moved, &environment, 7).unwrap();
        assert_eq!(
            (paths.config, paths.runtime, paths.state),
            ("/c".into(), "/d/private".into(), "/e".into())
        );
    }

    #[test]
    fn an_open_directory_is_refused() {
        let parent = tempfile::tempdir().unwrap();
        let uid = rustix::process::geteuid().as_raw();
        let directory = parent.path().join("a/b");
        private_directory(&directory, uid).unwrap();
        assert_eq!(
            std::fs::metadata(&directory).unwrap().permissions().mode() & 0o777,
            0o700
        );
        std::fs::set_permissions(&directory, PermissionsExt::from_mode(0o750)).unwrap();
        let error = private_directory(&directory, uid).unwrap_err().to_string();
        assert!(error.contains("has mode 0750"), "{error}");
        assert!(private_directory(parent.path(), uid + 1).is_err());
    }

    #[test]
    fn a_state_directory_has_one_daemon() {
        let directory = tempfile::tempdir().unwrap();
        let held = lock_state(directory.path()).unwrap();
        let error = lock_state(directory.path()).unwrap_err().to_string();
        let pid = format!("(pid {})", std::process::id());
        assert!(
            error.contains(&pid) && error.contains("--state-dir"),
            "{error}"
        );
        drop(held);
        lock_state(directory.path()).unwrap();
    }
}
