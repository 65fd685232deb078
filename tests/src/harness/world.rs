//! One user's machine in a temporary directory, with an AWS of its own.

use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use super::daemon::Daemon;
use super::http::{Answer, Endpoint, Request};
use super::process::{Finished, run};
use super::user::User;
use super::wait::eventually;
use super::{binaries, profiles};
use crate::fake_aws::{Config, FakeAws};

/// A home with profiles, a fake AWS, and the daemon and client of an unprivileged user.
///
/// Everything is below one temporary directory; nothing of the environment that the tests run in
/// reaches a program. All of it is gone when this is dropped.
#[derive(Debug)]
pub struct World {
    // Dropped first: it must not see the others go.
    daemon: Option<Daemon>,
    /// The AWS that this world's programs talk to.
    pub aws: FakeAws,
    user: User,
    environment: Vec<(String, String)>,
    directory: TempDir,
}

impl World {
    /// A world with the profiles of [`profiles`].
    ///
    /// # Panics
    /// When the temporary directory cannot be filled.
    #[expect(
        clippy::new_without_default,
        reason = "it starts a server and makes files"
    )]
    pub fn new() -> Self {
        Self::with(&profiles::aws())
    }

    /// The same with another AWS.
    ///
    /// # Panics
    /// When the temporary directory cannot be filled.
    pub fn with(aws: &Config) -> Self {
        let directory = tempfile::Builder::new()
            .prefix("rolecall-")
            // Anyone may pass, so that what stops another user is what we test.
            .permissions(Permissions::from_mode(0o755))
            .tempdir()
            .expect("a temporary directory");
        let world = Self {
            daemon: None,
            aws: FakeAws::start(aws).expect("a port on loopback"),
            user: User::unprivileged(),
            environment: Vec::new(),
            directory,
        };
        let bin = world.path("bin");
        fs::create_dir(&bin).expect("a new directory");
        binaries::install(&bin).expect("the programs can be linked or copied");
        for private in ["home", "run", "tmp"] {
            world.make_directory(&world.path(private));
        }
        world.write("home/.aws/config", &profiles::config());
        world.write("home/.aws/credentials", &profiles::credentials());
        world.configure("");
        world
    }

    /// Whom the daemon and its clients belong to.
    pub fn user(&self) -> User {
        self.user
    }

    /// A path in this world: `home/…` (`$HOME`), `run/…` (`$XDG_RUNTIME_DIR`), `tmp/…`, `bin/…`.
    pub fn path(&self, relative: &str) -> PathBuf {
        self.directory.path().join(relative)
    }

    /// The daemon's socket.
    pub fn socket_path(&self) -> PathBuf {
        self.path("run/rolecall/rolecall.sock")
    }

    /// The daemon's state directory.
    pub fn state_directory(&self) -> PathBuf {
        self.path("home/.local/state/rolecall")
    }

    /// Writes a file of the user's, mode 0600, at once as a whole; its directories are made as
    /// needed, mode 0700.
    ///
    /// # Panics
    /// When it cannot be written.
    #[track_caller]
    pub fn write(&self, relative: &str, contents: &str) {
        let path = self.path(relative);
        let directory = path.parent().expect("a file is in a directory");
        self.make_directory(directory);
        let mut file = tempfile::NamedTempFile::new_in(directory).expect("a new file");
        file.write_all(contents.as_bytes()).expect("space for it");
        self.user.own(file.path()).expect("root may give it away");
        file.persist(&path).expect("it can be replaced");
    }

    /// Writes `config.toml`.
    ///
    /// # Panics
    /// When it cannot be written.
    #[track_caller]
    pub fn configure(&self, config: &str) {
        self.write("home/.config/rolecall/config.toml", config);
    }

    /// Reads a file of this world.
    ///
    /// # Panics
    /// When it is not there, or is not text.
    #[track_caller]
    pub fn read(&self, relative: &str) -> String {
        let path = self.path(relative);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    fn make_directory(&self, path: &Path) {
        if path.is_dir() {
            return;
        }
        self.make_directory(path.parent().expect("below the temporary directory"));
        fs::create_dir(path).expect("a new directory");
        fs::set_permissions(path, Permissions::from_mode(0o700)).expect("it is ours");
        self.user.own(path).expect("root may give it away");
    }

    /// Sets a variable for the daemon and for every command from now on, last one wins.
    pub fn set_variable(&mut self, name: &str, value: &str) {
        self.environment.push((name.into(), value.into()));
    }

    /// A command of the user's, in a clean environment: this world's directories, its AWS, and
    /// nothing that could lead an SDK out of this machine. `program` is looked up in `bin/` first.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        self.command_as(self.user, program)
    }

    /// The same as somebody else, who has no other way into this world than its doors.
    pub fn command_as(&self, user: User, program: impl AsRef<OsStr>) -> Command {
        let ours = self.path("bin").join(program.as_ref());
        let mut command = if ours.is_file() {
            Command::new(ours)
        } else {
            Command::new(program)
        };
        let bin = self.path("bin");
        command
            .env_clear()
            .env(
                "PATH",
                format!("{}:/usr/local/bin:/usr/bin:/bin", bin.display()),
            )
            .env("LANG", "C.UTF-8")
            .env("USER", "tester")
            .env("LOGNAME", "tester")
            .env("HOME", self.path("home"))
            .env("TMPDIR", self.path("tmp"))
            .env("XDG_CONFIG_HOME", self.path("home/.config"))
            .env("XDG_RUNTIME_DIR", self.path("run"))
            .env("XDG_STATE_HOME", self.path("home/.local/state"))
            .env("AWS_ENDPOINT_URL_STS", self.aws.url())
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(self.directory.path());
        user.apply(&mut command);
        command
    }

    /// Runs `rolecall` with these arguments to its end.
    ///
    /// # Panics
    /// When it does not end.
    #[track_caller]
    pub fn rolecall(&self, arguments: &[&str]) -> Finished {
        run(self.command("rolecall").args(arguments))
    }

    /// Starts the daemon and waits until it answers.
    ///
    /// # Panics
    /// When it does not; the message has its log.
    #[track_caller]
    pub fn start(&mut self) {
        if let Err(problem) = self.try_start(&[]) {
            panic!("rolecalld {problem}\n{}", self.log());
        }
    }

    /// Starts the daemon with more arguments and waits until it answers.
    ///
    /// # Errors
    /// How it ended instead; its log tells why.
    ///
    /// # Panics
    /// When one is running already.
    pub fn try_start(&mut self, arguments: &[&str]) -> Result<(), String> {
        assert!(self.daemon.is_none(), "the daemon runs already");
        let mut command = self.daemon_command();
        command.args(arguments);
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.path("daemon.log"))
            .map_err(|error| error.to_string())?;
        let mut daemon = Daemon::spawn(&mut command, log).map_err(|error| error.to_string())?;
        daemon.wait_until_ready(|| {
            let status = Request::get("/v1/status");
            let answer = self.user.act(|| self.socket().send(&status));
            // Where a lease is a fence, a thread that acts as another user is none that the daemon could tell.
            answer.is_ok_and(|answer| matches!(answer.status, 200 | 403))
        })?;
        self.daemon = Some(daemon);
        Ok(())
    }

    /// The command that starts the daemon; for a second one on the same socket.
    pub fn daemon_command(&self) -> Command {
        let mut command = self.command("rolecalld");
        command
            .arg("--config")
            .arg(self.path("home/.config/rolecall/config.toml"))
            .arg("--socket")
            .arg(self.socket_path())
            .arg("--state-dir")
            .arg(self.state_directory());
        command
    }

    /// The daemon's process id.
    ///
    /// # Panics
    /// When none runs.
    #[track_caller]
    pub fn pid(&self) -> i32 {
        self.daemon().pid().as_raw_nonzero().get()
    }

    #[track_caller]
    fn daemon(&self) -> &Daemon {
        self.daemon.as_ref().expect("the daemon runs")
    }

    /// Sends the daemon a signal.
    ///
    /// # Panics
    /// When none runs.
    #[track_caller]
    pub fn signal(&self, signal: Signal) {
        self.daemon().signal(signal);
    }

    /// Ends the daemon with `TERM`, in peace.
    ///
    /// # Panics
    /// When none runs, or it does not end.
    #[track_caller]
    pub fn stop(&mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.wait_for_end()
    }

    /// Ends the daemon at once, with `KILL`.
    ///
    /// # Panics
    /// When none runs.
    #[track_caller]
    pub fn kill(&mut self) {
        self.signal(Signal::KILL);
        self.wait_for_end();
    }

    /// Waits for the daemon's end, after a signal.
    ///
    /// # Panics
    /// When none runs, or it does not end.
    #[track_caller]
    pub fn wait_for_end(&mut self) -> ExitStatus {
        let mut daemon = self.daemon.take().expect("the daemon runs");
        let end = daemon.wait();
        end.unwrap_or_else(|| panic!("rolecalld does not end\n{}", self.log()))
    }

    /// Ends the daemon in peace and starts it again.
    ///
    /// # Panics
    /// When either does not happen.
    #[track_caller]
    pub fn restart(&mut self) {
        self.stop();
        self.start();
    }

    /// Everything the daemons of this world have logged.
    pub fn log(&self) -> String {
        // Before the first start there is none.
        let bytes = fs::read(self.path("daemon.log")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The socket, for requests by hand.
    pub fn socket(&self) -> Endpoint {
        Endpoint::Unix(self.socket_path())
    }

    /// The user's request over the socket, and its answer.
    ///
    /// # Panics
    /// When there is none.
    #[track_caller]
    pub fn ask(&self, request: &Request) -> Answer {
        let answer = self.user.act(|| self.socket().send(request));
        answer.unwrap_or_else(|error| panic!("{error}: {request:?}\n{}", self.log()))
    }

    /// A GET over the socket by the user.
    ///
    /// # Panics
    /// When there is no answer.
    #[track_caller]
    pub fn get(&self, path: &str) -> Answer {
        self.ask(&Request::get(path))
    }

    /// The ledger's records so far, oldest first.
    ///
    /// # Panics
    /// When a whole line of it is not JSON.
    #[track_caller]
    pub fn ledger(&self) -> Vec<Value> {
        let path = self.state_directory().join("ledger.jsonl");
        let text = fs::read_to_string(path).unwrap_or_default();
        text.split_inclusive('\n')
            .filter(|line| line.ends_with('\n'))
            .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}")))
            .collect()
    }

    /// Waits until the ledger has a record of which `fits` is true, and gives it.
    ///
    /// # Panics
    /// When none comes; `what` says what was missed.
    #[track_caller]
    pub fn wait_for_record(&self, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        eventually(what, || self.ledger().into_iter().find(&fits))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_the_user_s_and_see_nothing_of_ours() {
        let world = World::new();
        world.write("home/a/b", "text");
        let script = "id -u; stat -c %a:%u \"$HOME/a\" \"$HOME/a/b\"; env | cut -d= -f1 | sort";
        let finished = run(world.command("sh").args(["-c", script]));
        let uid = world.user().uid;
        let mut lines = finished.ok().lines();
        assert_eq!(lines.next(), Some(uid.to_string().as_str()));
        assert_eq!(lines.next(), Some(format!("700:{uid}").as_str()));
        assert_eq!(lines.next(), Some(format!("600:{uid}").as_str()));
        assert!(!finished.stdout.contains("CARGO"), "{finished:?}");
        assert!(finished.stdout.contains("AWS_ENDPOINT_URL_STS"));
    }

    #[test]
    fn somebody_else_cannot_look_into_the_home() {
        let world = World::new();
        let Some(other) = User::other() else { return };
        let home = world.path("home");
        let finished = run(world.command_as(other, "ls").arg(home));
        assert_ne!(finished.code(), Some(0));
    }
}
