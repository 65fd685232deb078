//! A daemon of the benchmark's own, with roles, files and an AWS of its own.

use std::fmt::Write as _;
use std::fs::{self, DirBuilder, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};
use rolecall::api::{LeaseGrant, LeaseRequest, LeaseScope};

use super::children::Ended;
use super::stopwatch::Stopwatch;
use super::wire::Endpoint;
use crate::fake_aws::{Config, FakeAws, Role};

const USER: &str = "arn:aws:iam::111122223333:user/alice";
const ACCESS_KEY: &str = "AKIAIOSFODNN7EXAMPLE";
const SECRET_KEY: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

/// How long a daemon may take to come up before that is a failure, not a time.
const PATIENCE: Duration = Duration::from_secs(20);

/// The programs measured, and this one.
#[derive(Clone, Debug)]
pub(super) struct Programs {
    /// The benchmark.
    pub(super) bench: PathBuf,
    /// The client.
    pub(super) rolecall: PathBuf,
    /// The daemon.
    pub(super) rolecalld: PathBuf,
}

impl Programs {
    /// Those of one directory.
    pub(super) fn of(directory: &Path) -> Self {
        Self {
            bench: directory.join("bench"),
            rolecall: directory.join("rolecall"),
            rolecalld: directory.join("rolecalld"),
        }
    }
}

/// What a [`World`] shall have.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    /// Names its directory.
    pub(super) name: &'static str,
    /// How many roles: `role-0`, `role-1`, …
    pub(super) roles: usize,
    /// Whether `role-0` has an `[[imds]]` listener, which makes it issued at start.
    pub(super) imds: bool,
    /// Whether every role is issued at start and renewed though nobody reads it.
    pub(super) keep_fresh: bool,
}

/// Directories, configuration and a fake AWS; a daemon when one is started.
#[derive(Debug)]
pub(super) struct World {
    /// The AWS.
    pub(super) aws: FakeAws,
    /// The daemon's socket.
    pub(super) socket: Endpoint,
    socket_path: PathBuf,
    directory: PathBuf,
    imds: Option<SocketAddr>,
    programs: Programs,
    daemon: Option<Ended>,
}

impl World {
    /// Makes one below `home`.
    ///
    /// # Errors
    /// When a file or a port is not to be had.
    pub(super) fn new(home: &Path, programs: &Programs, plan: Plan) -> anyhow::Result<Self> {
        let directory = home.join(plan.name);
        for private in [&directory, &directory.join("run"), &directory.join("state")] {
            DirBuilder::new().mode(0o700).create(private)?;
        }
        let mut config = Config::default().user(USER, ACCESS_KEY, SECRET_KEY);
        let mut text = String::new();
        for index in 0..plan.roles {
            let arn = format!("arn:aws:iam::123456789012:role/role-{index}");
            config = config.role(Role::new(&arn).trusting("111122223333"));
            // Writing to a String cannot fail.
            let _ = write!(
                text,
                "[roles.role-{index}]\nrole_arn = \"{arn}\"\nsource_profile = \"base\"\n\
                 region = \"eu-west-1\"\nkeep_fresh = {}\n",
                plan.keep_fresh
            );
        }
        let imds = plan.imds.then(free_address).transpose()?;
        if let Some(address) = imds {
            let _ = write!(
                text,
                "[[imds]]\nlisten = \"{address}\"\nrole = \"role-0\"\n"
            );
        }
        let keys = format!(
            "[base]\naws_access_key_id = {ACCESS_KEY}\naws_secret_access_key = {SECRET_KEY}\n"
        );
        private_file(&directory.join("config.toml"), &text)?;
        private_file(
            &directory.join("aws-config"),
            "[profile base]\nregion = eu-west-1\n",
        )?;
        private_file(&directory.join("aws-credentials"), &keys)?;
        let socket_path = directory.join("run/rolecall.sock");
        Ok(Self {
            aws: FakeAws::start(&config).context("cannot start the fake AWS")?,
            socket: Endpoint::Unix(socket_path.clone()),
            socket_path,
            directory,
            imds,
            programs: programs.clone(),
            daemon: None,
        })
    }

    /// The same with its daemon up.
    ///
    /// # Errors
    /// When it does not come up.
    pub(super) fn started(home: &Path, programs: &Programs, plan: Plan) -> anyhow::Result<Self> {
        let mut world = Self::new(home, programs, plan)?;
        world.start()?;
        Ok(world)
    }

    /// Starts the daemon; how long it took until `GET /v1/status` was answered.
    ///
    /// # Errors
    /// When it does not come up.
    pub(super) fn start(&mut self) -> anyhow::Result<Duration> {
        let log_path = self.directory.join("log");
        let log = File::create(&log_path)?;
        let mut command = Command::new(&self.programs.rolecalld);
        command
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", &self.directory)
            .env("AWS_CONFIG_FILE", self.directory.join("aws-config"))
            .env(
                "AWS_SHARED_CREDENTIALS_FILE",
                self.directory.join("aws-credentials"),
            )
            .env("AWS_ENDPOINT_URL_STS", self.aws.url())
            .arg("--config")
            .arg(self.directory.join("config.toml"))
            .arg("--socket")
            .arg(&self.socket_path)
            .arg("--state-dir")
            .arg(self.directory.join("state"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        let request = self.socket.request("GET", "/v1/status", &[]);
        let watch = Stopwatch::start();
        let mut daemon = Ended::new(command.spawn().context("cannot start rolecalld")?);
        while answered(&self.socket, &request).is_none() {
            if !daemon.runs() || watch.elapsed() > PATIENCE {
                let log = fs::read_to_string(&log_path).unwrap_or_default();
                bail!("rolecalld did not come up:\n{log}");
            }
            std::thread::sleep(Duration::from_micros(100));
        }
        let elapsed = watch.elapsed();
        self.daemon = Some(daemon);
        Ok(elapsed)
    }

    /// Stops the daemon.
    pub(super) fn stop(&mut self) {
        self.daemon = None;
    }

    /// The daemon's process id.
    ///
    /// # Errors
    /// When none was started.
    pub(super) fn pid(&self) -> anyhow::Result<u32> {
        Ok(self.daemon.as_ref().context("no daemon was started")?.pid())
    }

    /// The socket's path, for `ROLECALL_SOCKET`.
    pub(super) fn socket_path(&self) -> &Path {
        &self.socket_path
    }

    /// A request for a role's credentials on the socket.
    pub(super) fn credentials_request(&self, role: usize) -> Vec<u8> {
        self.socket.request("GET", &credentials_path(role), &[])
    }

    /// A role's credentials by the socket, after the call to AWS where that is needed.
    ///
    /// # Errors
    /// When there are none.
    pub(super) fn credentials(&self, role: usize) -> anyhow::Result<Vec<u8>> {
        let body = self
            .socket
            .connect()?
            .fetch(&self.credentials_request(role))?
            .to_vec();
        Ok(body)
    }

    /// The IMDS door, and the request for its document with a token of this daemon.
    ///
    /// # Errors
    /// When there is none.
    pub(super) fn imds_document(&self) -> anyhow::Result<(Endpoint, Vec<u8>)> {
        let endpoint = Endpoint::Tcp(self.imds.context("this world has no IMDS listener")?);
        let ttl = [("X-aws-ec2-metadata-token-ttl-seconds", "21600")];
        let request = endpoint.request("PUT", "/latest/api/token", &ttl);
        let mut connection = endpoint.connect()?;
        let token = String::from_utf8(connection.fetch(&request)?.to_vec())?;
        let token = [("X-aws-ec2-metadata-token", token.as_str())];
        let path = "/latest/meta-data/iam/security-credentials/role-0";
        let request = endpoint.request("GET", path, &token);
        Ok((endpoint, request))
    }

    /// The container door, and the request for its document with a lease made for this process.
    ///
    /// # Errors
    /// When there is none.
    pub(super) fn container_document(&self) -> anyhow::Result<(Endpoint, Vec<u8>)> {
        let lease = LeaseRequest {
            role: "role-0".into(),
            scope: LeaseScope::Process {
                pid: std::process::id(),
            },
            reason: None,
            wait: 20,
            can_prompt: false,
            region: None,
        };
        let json = [("Content-Type", "application/json")];
        let body = serde_json::to_string(&lease)?;
        let request = self
            .socket
            .request_with_body("POST", "/v1/leases", &json, &body);
        let mut connection = self.socket.connect()?;
        let answer = connection.exchange(&request)?;
        if answer.status != 201 {
            let text = String::from_utf8_lossy(answer.body);
            bail!("the lease was answered {}: {text}", answer.status);
        }
        let grant: LeaseGrant = serde_json::from_slice(answer.body)?;
        let variable = |name: &str| {
            let pair = grant.set.iter().find(|(key, _)| key == name);
            pair.map(|(_, value)| value.as_str())
                .with_context(|| format!("no {name}"))
        };
        let url = variable("AWS_CONTAINER_CREDENTIALS_FULL_URI")?;
        let token = variable("AWS_CONTAINER_AUTHORIZATION_TOKEN")?;
        let (address, path) = url
            .strip_prefix("http://")
            .and_then(|rest| rest.split_once('/'))
            .with_context(|| format!("not a URL of ours: {url}"))?;
        let endpoint = Endpoint::Tcp(address.parse().with_context(|| address.to_owned())?);
        let path = format!("/{path}");
        let request = endpoint.request("GET", &path, &[("Authorization", token)]);
        Ok((endpoint, request))
    }
}

/// Where a role's credentials are on the socket.
pub(super) fn credentials_path(role: usize) -> String {
    format!("/v1/credentials/role-{role}?wait=55")
}

/// The answer to a first request, if somebody listens.
pub(super) fn answered(endpoint: &Endpoint, request: &[u8]) -> Option<usize> {
    let mut connection = endpoint.connect().ok()?;
    connection.fetch(request).ok().map(<[u8]>::len)
}

/// A port nobody has at this moment.
fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

fn private_file(path: &Path, text: &str) -> anyhow::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;

    let mut options = File::options();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    Ok(file.write_all(text.as_bytes())?)
}
