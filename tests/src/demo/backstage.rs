//! What the tour happens in: a home with profiles, a fake AWS, a daemon.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};

use super::interrupt::Interrupt;
use super::running::Running;
use super::screen::Screen;
use super::wait;
use crate::fake_aws::{Call, Effect, Fault};
use crate::harness::{Answer, Endpoint, Request};
use crate::terminal::{self, Shown};

/// How long anything may take that takes no time.
const QUICK: Duration = Duration::from_secs(20);

/// How long the fake AWS's sessions last, in seconds: real ones last an hour, and no visitor would wait
/// for their renewal.
pub(super) const LIFETIME: i64 = 60;

const CONFIG: &str = "\
[profile base]
region = eu-west-1

# the role I work with
[profile dev]
role_arn = arn:aws:iam::123456789012:role/dev
source_profile = base
region = eu-west-1
output = json

# behind it, in another account
[profile audit]
role_arn = arn:aws:iam::444455556666:role/audit
source_profile = dev
";

const CREDENTIALS: &str = "\
[base]
aws_access_key_id = AKIAIOSFODNN7EXAMPLE
aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY
";

const FAKE_AWS: &str = r#"
[[users]]
arn = "arn:aws:iam::111122223333:user/alice"
access_key_id = "AKIAIOSFODNN7EXAMPLE"
secret_access_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"

[[roles]]
arn = "arn:aws:iam::123456789012:role/dev"
trust = ["111122223333"]

[[roles]]
arn = "arn:aws:iam::444455556666:role/audit"
trust = ["arn:aws:iam::123456789012:role/dev"]
"#;

/// The directory and what runs in it. All of it ends on drop.
#[derive(Debug)]
pub(super) struct Backstage {
    directory: PathBuf,
    interrupt: Interrupt,
    color: bool,
    /// The daemon first: it is ended before the AWS it may be asking.
    daemon: Option<Running>,
    aws: Option<Running>,
    aws_address: SocketAddr,
    imds: SocketAddr,
}

impl Backstage {
    /// Furnishes `directory` and starts the fake AWS.
    pub(super) fn new(
        directory: &Path,
        interrupt: &Interrupt,
        screen: &Screen,
    ) -> anyhow::Result<Self> {
        for name in [
            "home",
            "home/.aws",
            "home/.config",
            "home/.config/rolecall",
            "run",
            "tmp",
        ] {
            std::fs::DirBuilder::new()
                .mode(0o700)
                .create(directory.join(name))?;
        }
        let imds = imds_address(screen.is_fast())?;
        let mut backstage = Self {
            directory: directory.to_owned(),
            interrupt: interrupt.clone(),
            color: screen.has_color(),
            daemon: None,
            aws: None,
            aws_address: (Ipv4Addr::LOCALHOST, 0).into(),
            imds,
        };
        let listener = format!("[[imds]]\nlisten = \"{imds}\"\nrole = \"dev\"\n");
        backstage.write("fake-aws.toml", FAKE_AWS)?;
        backstage.write("home/.aws/config", CONFIG)?;
        backstage.write("home/.aws/credentials", CREDENTIALS)?;
        backstage.write("home/.config/rolecall/config.toml", &listener)?;
        backstage.start_aws()?;
        Ok(backstage)
    }

    /// A file of the directory.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// The text of a file.
    pub(super) fn read(&self, name: &str) -> anyhow::Result<String> {
        let path = self.path(name);
        std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
    }

    fn write(&self, name: &str, text: &str) -> anyhow::Result<()> {
        let path = self.path(name);
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .with_context(|| format!("cannot write {}", path.display()))
    }

    /// Where the IMDS listener is.
    pub(super) fn imds(&self) -> SocketAddr {
        self.imds
    }

    /// Where the daemon's socket is.
    pub(super) fn socket(&self) -> PathBuf {
        let environment = self.environment();
        let uid = rustix::process::getuid().as_raw();
        rolecall::path::socket(None, uid, |name| {
            let (_, value) = environment.iter().find(|(key, _)| *key == name)?;
            Some(value.into())
        })
    }

    fn environment(&self) -> Vec<(&'static str, String)> {
        let path = |name: &str| self.path(name).display().to_string();
        vec![
            ("HOME", path("home")),
            (
                "PATH",
                format!("{}:/usr/local/bin:/usr/bin:/bin", path("bin")),
            ),
            ("XDG_RUNTIME_DIR", path("run")),
            ("TMPDIR", path("tmp")),
            (
                "AWS_ENDPOINT_URL_STS",
                format!("http://{}", self.aws_address),
            ),
            if self.color {
                ("TERM", std::env::var("TERM").unwrap_or_default())
            } else {
                ("NO_COLOR", "1".to_owned())
            },
        ]
    }

    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.path("bin").join(name));
        self.dress(&mut command);
        command
    }

    fn dress(&self, command: &mut Command) {
        command
            .env_clear()
            .envs(self.environment())
            .current_dir(self.path("home"))
            .stdin(Stdio::null());
    }

    /// Runs a line of shell as the visitor would, typing `answer` when asked.
    pub(super) fn shell(&self, line: &str, answer: &str) -> anyhow::Result<Shown> {
        let mut command = Command::new("/bin/sh");
        self.dress(&mut command);
        command.arg("-c").arg(line);
        terminal::run(command, answer, || Ok(self.interrupt.check()?))
            .with_context(|| format!("`{line}`"))
    }

    /// Starts the fake AWS; on the port it had, if it had one.
    pub(super) fn start_aws(&mut self) -> anyhow::Result<()> {
        let port_file = self.path("fake-aws.port");
        if port_file.exists() {
            std::fs::remove_file(&port_file)?;
        }
        let mut command = self.program("fake-aws");
        command
            .arg("--listen")
            .arg(self.aws_address.to_string())
            .arg("--config")
            .arg(self.path("fake-aws.toml"))
            .arg("--port-file")
            .arg(&port_file)
            .stdout(Stdio::null());
        let mut aws = Running::start("fake-aws", &mut command)?;
        let port = wait::until(&self.interrupt, QUICK, "fake-aws says its port", || {
            if let Some(status) = aws.ended()? {
                bail!("fake-aws ended: {status}");
            }
            Ok(std::fs::read_to_string(&port_file).ok())
        })?;
        self.aws_address.set_port(port.trim().parse()?);
        self.aws = Some(aws);
        let short = Fault::new(Effect::Lifetime { seconds: LIFETIME }).on("AssumeRole");
        let request =
            Request::new("POST", "/_control/faults").body(&serde_json::to_string(&short)?);
        self.ask_aws(&request)
            .context("cannot tell fake-aws how long sessions last")?;
        Ok(())
    }

    fn ask_aws(&self, request: &Request) -> anyhow::Result<String> {
        body(&Endpoint::Tcp(self.aws_address).send(request)?)
    }

    /// The fake AWS's process.
    pub(super) fn aws_pid(&self) -> u32 {
        self.aws.as_ref().map_or(0, Running::pid)
    }

    /// Ends the fake AWS: connections to it are refused.
    pub(super) fn stop_aws(&mut self) -> anyhow::Result<()> {
        self.aws.take().map(Running::stop).transpose()?;
        Ok(())
    }

    /// What the fake AWS was asked since it started.
    pub(super) fn calls(&self) -> anyhow::Result<Vec<Call>> {
        let request = Request::get("/_control/calls");
        let calls = self.ask_aws(&request)?;
        Ok(serde_json::from_str(&calls)?)
    }

    /// Starts the daemon, and waits until it listens.
    pub(super) fn start_daemon(&mut self) -> anyhow::Result<()> {
        let mut command = self.program("rolecalld");
        command.stderr(File::create_new(self.path("rolecalld.log"))?);
        let mut daemon = Running::start("rolecalld", &mut command)?;
        let socket = self.socket();
        wait::until(&self.interrupt, QUICK, "rolecalld listens", || {
            if let Some(status) = daemon.ended()? {
                bail!("rolecalld ended: {status}");
            }
            Ok(UnixStream::connect(&socket).ok().map(drop))
        })?;
        self.daemon = Some(daemon);
        Ok(())
    }

    /// The daemon's process.
    pub(super) fn daemon_pid(&self) -> u32 {
        self.daemon.as_ref().map_or(0, Running::pid)
    }

    /// Ends the daemon with TERM, and gives its status.
    pub(super) fn stop_daemon(&mut self) -> anyhow::Result<ExitStatus> {
        let daemon = self.daemon.take().context("no daemon runs")?;
        daemon.stop()
    }

    /// The end of the daemon's log, for who must find out what went wrong.
    pub(super) fn last_words(&self) -> String {
        let log = self.read("rolecalld.log").unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }
}

/// The body of an answer of 200.
pub(super) fn body(answer: &Answer) -> anyhow::Result<String> {
    ensure!(
        answer.status == 200,
        "answered {}: {}",
        answer.status,
        answer.text()
    );
    Ok(answer.text())
}

/// The documentation's port if it is free, and if nobody asked for haste: tests run side by side.
fn imds_address(fast: bool) -> anyhow::Result<SocketAddr> {
    let bound = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    let usual = if fast { bound(0) } else { bound(1690) };
    let listener = usual
        .or_else(|_| bound(0))
        .context("no free port on 127.0.0.1")?;
    Ok(listener.local_addr()?)
}
