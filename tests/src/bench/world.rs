//! A daemon of the benchmark's own: a [`harness::World`] with as many roles as a row needs.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use rolecall::api::{LeaseGrant, LeaseRequest, LeaseScope};

use super::children::Ended;
use super::stopwatch::Stopwatch;
use super::wire::Endpoint;
use crate::fake_aws::{FakeAws, Role};
use crate::harness::{self, PATIENCE, profiles};

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
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Plan {
    /// How many roles: `role-0`, `role-1`, …
    pub(super) roles: usize,
    /// Whether `role-0` has an `[[imds]]` listener, which makes it issued at start.
    pub(super) imds: bool,
    /// Whether every role is issued at start and renewed though nobody reads it.
    pub(super) keep_fresh: bool,
}

/// Configuration and a fake AWS; a daemon when one is started.
#[derive(Debug)]
pub(super) struct World {
    inner: harness::World,
    imds: Option<SocketAddr>,
}

impl World {
    /// Makes one.
    pub(super) fn new(plan: Plan) -> Self {
        let mut aws = profiles::aws();
        let mut config = String::new();
        for index in 0..plan.roles {
            let arn = format!("arn:aws:iam::123456789012:role/role-{index}");
            aws = aws.role(Role::new(&arn).trusting("111122223333"));
            // Writing to a String cannot fail.
            let _ = write!(
                config,
                "[roles.role-{index}]\nrole_arn = \"{arn}\"\nsource_profile = \"base\"\n\
                 region = \"eu-west-1\"\nkeep_fresh = {}\n",
                plan.keep_fresh
            );
        }
        let imds = plan
            .imds
            .then(|| SocketAddr::from((Ipv4Addr::LOCALHOST, harness::free_port())));
        if let Some(address) = imds {
            let _ = write!(
                config,
                "[[imds]]\nlisten = \"{address}\"\nrole = \"role-0\"\n"
            );
        }
        let inner = harness::World::with(&aws);
        // Only the key: the harness's own roles would be counted among those planned.
        inner.write(
            "home/.aws/config",
            "[profile base]\nregion = eu-central-1\n",
        );
        inner.configure(&config);
        Self { inner, imds }
    }

    /// The same with its daemon up.
    ///
    /// # Errors
    /// When it does not come up.
    pub(super) fn started(plan: Plan) -> anyhow::Result<Self> {
        let mut world = Self::new(plan);
        world.start()?;
        Ok(world)
    }

    /// Starts the daemon.
    ///
    /// # Errors
    /// When it does not come up.
    pub(super) fn start(&mut self) -> anyhow::Result<()> {
        let started = self.inner.try_start(&[]);
        started.map_err(|problem| anyhow!("rolecalld {problem}\n{}", self.inner.log()))
    }

    /// Starts the daemon, asks it for `GET /v1/status` until it answers, and ends it; how long it
    /// took.
    ///
    /// # Errors
    /// When it does not come up.
    pub(super) fn time_start(&self) -> anyhow::Result<Duration> {
        let mut command = self.inner.daemon_command();
        let socket = self.socket();
        let request = socket.request("GET", "/v1/status", &[]);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let watch = Stopwatch::start();
        let mut daemon = Ended::new(command.spawn().context("cannot start rolecalld")?);
        while answered(&socket, &request).is_none() {
            if !daemon.runs() || watch.elapsed() > PATIENCE {
                bail!("rolecalld did not come up");
            }
            std::thread::sleep(Duration::from_micros(100));
        }
        Ok(watch.elapsed())
    }

    /// The AWS it talks to.
    pub(super) fn aws(&self) -> &FakeAws {
        &self.inner.aws
    }

    /// The daemon's process id.
    pub(super) fn pid(&self) -> u32 {
        self.inner.pid().unsigned_abs()
    }

    /// The socket.
    pub(super) fn socket(&self) -> Endpoint {
        Endpoint::Unix(self.socket_path())
    }

    /// The socket's path, for `ROLECALL_SOCKET`.
    pub(super) fn socket_path(&self) -> PathBuf {
        self.inner.socket_path()
    }

    /// A request for a role's credentials on the socket.
    pub(super) fn credentials_request(&self, role: usize) -> Vec<u8> {
        self.socket().request("GET", &credentials_path(role), &[])
    }

    /// A role's credentials by the socket, after the call to AWS where that is needed.
    ///
    /// # Errors
    /// When there are none.
    pub(super) fn credentials(&self, role: usize) -> anyhow::Result<Vec<u8>> {
        let mut connection = self.socket().connect()?;
        Ok(connection.fetch(&self.credentials_request(role))?.to_vec())
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
        let scope = LeaseScope::Process {
            pid: std::process::id(),
        };
        let lease = LeaseRequest {
            wait: 20,
            ..LeaseRequest::new("role-0", scope)
        };
        let json = [("Content-Type", "application/json")];
        let body = serde_json::to_string(&lease)?;
        let socket = self.socket();
        let request = socket.request_with_body("POST", "/v1/leases", &json, &body);
        let mut connection = socket.connect()?;
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

/// The answer's length to a first request, if somebody listens.
pub(super) fn answered(endpoint: &Endpoint, request: &[u8]) -> Option<usize> {
    let mut connection = endpoint.connect().ok()?;
    connection.fetch(request).ok().map(<[u8]>::len)
}
