//! A computer with a system service on it, at its real socket: `/run` is this test's own, in a mount
//! namespace, so that nothing of it is seen outside and several such computers stand side by side.

use std::fs::{self, File, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::PathBuf;
use std::process::Command;

use rolecall_tests::harness::{Finished, Request, Running, User, World, eventually, is_root, run};
use serde_json::Value;

const fn user(id: u32) -> User {
    User { uid: id, gid: id }
}

/// Whom the service belongs to.
pub(crate) const SERVICE: User = user(65_532);
/// Two users who are served.
pub(crate) const ALICE: User = user(65_534);
pub(crate) const BOB: User = user(65_533);
/// One who is not.
pub(crate) const CAROL: User = user(65_531);

/// What of it are the service's.
pub(crate) struct Host {
    // Dropped first.
    daemon: Option<Running>,
    pub(crate) world: World,
    /// Holds the namespace.
    holder: Running,
}

impl Host {
    /// With `/run/rolecall` made as systemd makes it; None where that cannot be done, which is said.
    pub(crate) fn new() -> Option<Self> {
        const RUN: &str = "mount -t tmpfs -o mode=755 tmpfs /run && echo ready && exec cat";
        let unshare = || {
            let mut command = Command::new("unshare");
            command.args(["--mount", "--propagation", "private"]);
            command
        };
        if !is_root() || !run(unshare().arg("true")).status.success() {
            eprintln!("skipped: only root can be several users, and have a /run of its own");
            return None;
        }
        let holder = Running::start(unshare().args(["sh", "-c", RUN]));
        holder.wait_for_more(1);
        let host = Self {
            daemon: None,
            world: World::new(),
            holder,
        };
        for (name, mode, owner) in [("etc", 0o755, User::ROOT), ("var", 0o700, SERVICE)] {
            let path = host.world.path(name);
            fs::create_dir(&path).expect("a new directory");
            give(&path, mode, owner);
        }
        host.put(
            "credentials",
            0o600,
            SERVICE,
            &rolecall_tests::harness::profiles::credentials(),
        );
        host.sh("mkdir -m 755 /run/rolecall && chown 65532:65532 /run/rolecall");
        Some(host)
    }

    /// Writes a file of `etc`.
    pub(crate) fn put(&self, name: &str, mode: u32, owner: User, text: &str) {
        let path = self.world.path("etc").join(name);
        // Another one in its place, at once as a whole.
        let next = path.with_extension("next");
        let mut file = File::create(&next).expect("a new file");
        file.write_all(text.as_bytes()).expect("space for it");
        give(&next, mode, owner);
        fs::rename(&next, &path).expect("it can be replaced");
    }

    /// Writes `config.toml`, as root.
    pub(crate) fn configure(&self, config: &str) {
        self.put("config.toml", 0o644, User::ROOT, config);
    }

    /// Runs a script as root in the namespace.
    pub(crate) fn sh(&self, script: &str) -> Finished {
        let finished = run(self.command(User::ROOT, "sh").args(["-c", script]));
        finished.ok();
        finished
    }

    /// A program of somebody's on this computer, with a home and no daemon of their own.
    pub(crate) fn command(&self, user: User, program: &str) -> Command {
        let ours = self.world.path("bin").join(program);
        let program: PathBuf = if ours.is_file() { ours } else { program.into() };
        let mut command = Command::new("nsenter");
        command
            .arg(format!("--mount=/proc/{}/ns/mnt", self.holder.pid()))
            .args(["setpriv", "--clear-groups"])
            .arg(format!("--reuid={}", user.uid))
            .arg(format!("--regid={}", user.gid))
            .arg("--")
            .arg(program)
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin")
            .env("HOME", self.world.path("home"))
            .env("AWS_ENDPOINT_URL_STS", self.world.aws.url())
            .env("AWS_EC2_METADATA_DISABLED", "true");
        command
    }

    /// Runs `rolecall` as `user`, who finds the socket without being told.
    pub(crate) fn rolecall(&self, user: User, arguments: &[&str]) -> Finished {
        run(self.command(user, "rolecall").args(arguments))
    }

    /// Starts the service, and waits until it answers.
    pub(crate) fn start(&mut self) {
        let mut command = self.command(SERVICE, "rolecalld");
        command
            .arg("--system")
            .arg("--config")
            .arg(self.world.path("etc/config.toml"))
            .arg("--state-dir")
            .arg(self.world.path("var"));
        self.daemon = Some(Running::start(&mut command));
        eventually("the service answers", || {
            let status = self.rolecall(User::ROOT, &["status", "--json"]);
            status.status.success().then_some(())
        });
    }

    /// The ledger's records so far.
    fn ledger(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.world.path("var/ledger.jsonl")).unwrap_or_default();
        let whole = text.split_inclusive('\n').filter(|it| it.ends_with('\n'));
        whole
            .map(|line| serde_json::from_str(line).expect("a record"))
            .collect()
    }

    /// Waits for a record.
    pub(crate) fn wait_for_record(&self, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        eventually(what, || self.ledger().into_iter().find(&fits))
    }
}

/// A request for an IMDS token.
pub(crate) fn token() -> Request {
    Request::new("PUT", "/latest/api/token").header("x-aws-ec2-metadata-token-ttl-seconds", "60")
}

fn give(path: &std::path::Path, mode: u32, owner: User) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("it is ours");
    chown(path, Some(owner.uid), Some(owner.gid)).expect("root may");
}
