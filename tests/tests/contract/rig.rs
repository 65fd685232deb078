//! Both HTTP doors of a real daemon, and bytes for them.

use std::net::SocketAddr;

use rolecall_tests::fake_aws::Config;
use rolecall_tests::harness::{
    Answer, Connection, Endpoint, Imds, Lease, World, free_port, profiles,
};

/// The header that asks for a token, and says how long one is good for.
pub(crate) const TTL: &str = "x-aws-ec2-metadata-token-ttl-seconds";

/// Where tokens are.
pub(crate) const TOKEN_PATH: &str = "/latest/api/token";

/// Where IMDS names its role.
pub(crate) const LISTING: &str = "/latest/meta-data/iam/security-credentials/";

/// The same for SDKs that know the newer tree.
pub(crate) const EXTENDED: &str = "/latest/meta-data/iam/security-credentials-extended/";

/// Headers that no answer of ours has: a browser would let a page read it, a client would go elsewhere, ask
/// for a password, or have to unpack it (client contract 12, 34, 53, 72).
const NEVER: [&str; 6] = [
    "location",
    "www-authenticate",
    "content-encoding",
    "transfer-encoding",
    "set-cookie",
    "refresh",
];

/// One of the doors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    Imds,
    Container,
}

impl Door {
    pub(crate) const BOTH: [Self; 2] = [Self::Imds, Self::Container];
}

/// A daemon that serves `dev` on both doors with a session at hand, and what opens them.
pub(crate) struct Doors {
    pub(crate) world: World,
    pub(crate) imds: Imds,
    pub(crate) lease: Lease,
}

impl Doors {
    pub(crate) fn open() -> Self {
        Self::with(&profiles::aws())
    }

    /// The same with another AWS.
    pub(crate) fn with(aws: &Config) -> Self {
        let mut world = World::with(aws);
        let port = free_port();
        world.configure(&imds_table(port, "dev"));
        world.start();
        let lease = world.lease("dev");
        let imds = world.imds(port);
        Self { world, imds, lease }
    }

    pub(crate) fn endpoint(&self, door: Door) -> &Endpoint {
        match door {
            Door::Imds => &self.imds.endpoint,
            Door::Container => &self.lease.endpoint,
        }
    }

    pub(crate) fn address(&self, door: Door) -> SocketAddr {
        match self.endpoint(door) {
            Endpoint::Tcp(address) => *address,
            Endpoint::Unix(path) => panic!("{}", path.display()),
        }
    }

    /// The path of the credentials.
    pub(crate) fn path(door: Door) -> String {
        match door {
            Door::Imds => format!("{LISTING}dev"),
            Door::Container => "/role/dev".into(),
        }
    }

    /// The line that opens the door.
    pub(crate) fn key(&self, door: Door) -> String {
        match door {
            Door::Imds => format!("X-aws-ec2-metadata-token: {}\r\n", self.imds.token),
            Door::Container => format!("Authorization: {}\r\n", self.lease.token),
        }
    }

    /// A connection of the user's.
    pub(crate) fn connect(&self, door: Door) -> Connection {
        self.world.connect(self.endpoint(door))
    }

    /// A request that lacks nothing: with the door's own `Host` and key, and `more` header lines.
    pub(crate) fn request(&self, door: Door, method: &str, target: &str, more: &str) -> Vec<u8> {
        let (host, key) = (self.address(door), self.key(door));
        format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\n{key}{more}\r\n").into_bytes()
    }

    /// The same for the credentials.
    pub(crate) fn credentials(&self, door: Door, more: &str) -> Vec<u8> {
        self.request(door, "GET", &Self::path(door), more)
    }

    /// What comes first when these bytes are sent, over a connection of their own.
    #[track_caller]
    pub(crate) fn ask(&self, door: Door, bytes: &[u8]) -> Answer {
        let mut connection = self.connect(door);
        let head = bytes.starts_with(b"HEAD ");
        let answer = connection
            .write(bytes)
            .and_then(|()| connection.read(head))
            .unwrap_or_else(|error| panic!("{error}: {}", bytes.escape_ascii()));
        assert_clean(&answer, bytes);
        answer
    }

    /// The same; and nothing else comes before the connection is closed. None if nothing came at all.
    #[track_caller]
    pub(crate) fn last_words(&self, door: Door, bytes: &[u8]) -> Option<Answer> {
        let shown = bytes.escape_ascii();
        let mut connection = self.connect(door);
        // Refused before all was written is refused.
        let _ = connection.write(bytes);
        let answer = connection.read(bytes.starts_with(b"HEAD ")).ok();
        let rest = connection
            .rest()
            .unwrap_or_else(|error| panic!("not closed: {error}: {shown}"));
        assert!(rest.is_empty(), "{}: {shown}", rest.escape_ascii());
        if let Some(answer) = &answer {
            assert_clean(answer, bytes);
        }
        answer
    }

    /// Whether the door works for who does it right.
    #[track_caller]
    pub(crate) fn assert_serves(&self, door: Door) {
        let answer = self.ask(door, &self.credentials(door, ""));
        assert_eq!(answer.status, 200, "{door:?}");
        assert_has_credentials(&answer);
    }
}

/// `[[imds]]` of config.toml.
pub(crate) fn imds_table(port: u16, role: &str) -> String {
    format!("[[imds]]\nlisten = \"127.0.0.1:{port}\"\nrole = \"{role}\"\n")
}

/// What every answer must be, whatever was asked.
#[track_caller]
fn assert_clean(answer: &Answer, bytes: &[u8]) {
    let shown = bytes.escape_ascii();
    assert!(!(300..400).contains(&answer.status), "{answer:?}: {shown}");
    for (name, _) in &answer.headers {
        let never = NEVER.contains(&name.as_str()) || name.starts_with("access-control-");
        assert!(!never, "{name} in the answer to {shown}");
    }
    if answer.status != 200 {
        assert_no_data(answer);
    }
    if answer.status < 400 || !answer.body.is_empty() {
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{shown}");
    }
}

#[track_caller]
pub(crate) fn assert_has_credentials(answer: &Answer) {
    let text = answer.text();
    assert!(text.contains("SecretAccessKey"), "{text}");
}

/// Neither credentials nor a token nor a role's name.
#[track_caller]
pub(crate) fn assert_no_data(answer: &Answer) {
    let text = answer.text();
    assert!(
        !text.contains("AccessKey") && !text.contains("ASIA"),
        "{text}"
    );
    let json = answer.header("content-type") == Some("application/json");
    assert!(text.is_empty() || json, "{text}");
    if json && !text.is_empty() {
        let error: serde_json::Value = answer.json();
        let members = error.as_object().map(serde_json::Map::len);
        assert_eq!(members, Some(4), "{text}");
    }
}

/// A refusal, with a body only where the door has bodies for errors.
#[track_caller]
pub(crate) fn assert_refused(door: Door, answer: &Answer, statuses: &[u16], what: &str) {
    assert!(
        statuses.contains(&answer.status),
        "{} instead of {statuses:?} for {what} at {door:?}: {}",
        answer.status,
        answer.text()
    );
    if door == Door::Imds {
        assert_eq!(answer.text(), "", "{what}");
    }
    assert_no_data(answer);
}
