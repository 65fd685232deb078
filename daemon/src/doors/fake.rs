//! What stands behind the doors in tests.

use std::any::Any;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http_body_util::BodyExt;
use rolecall::api::{
    Code, ConfigReport, ConfigStatus, Door, DoorStatus, Identity, LedgerStatus, Problem,
    ReloadReport, RoleState, RoleStatus, SetupPlan, SetupRequest,
};
use tokio::net::UnixStream;
use tokio::sync::{broadcast, watch};

use super::answer::Response;
use super::metrics::Metrics;
use super::needs::{Control, RoleInForce, Roles, WhoIs, Witness};
use super::records::Records;
use super::server::{Common, Handler};
use super::visitor::{Admittance, Visitor};
use crate::clock::{BoxFuture, Clock, ManualClock, Now, Timestamp};
use crate::config::ExecFiles;
use crate::keeper::NoSession;
use crate::lease::scope::Processes;
use crate::lease::{self, Leases};
use crate::ledger::Record;
use crate::peer::{Attestation, Consumer, Peer, Process, TcpOwner};
use crate::recipe::fingerprint::Fingerprint;
use crate::recipe::{
    AssumeRole, Call, Recipe, Role, RoleArn, RoleName, SessionName, Source, StaticKeys, Step,
    StsEndpoint,
};
use crate::secrets::{Secret, SeededRandom};
use crate::session::{Origin, Served, Session};

pub(super) const UID: u32 = 1000;
pub(super) const START: Now = Now {
    wall: Timestamp::from_secs(1_767_225_600),
    boot: Duration::from_secs(5000),
};

/// A role that has whatever session it is given.
pub(super) struct FakeRole {
    role: Role,
    pub(super) held: Mutex<Option<Arc<Served>>>,
    pub(super) waits: Mutex<Result<Duration, NoSession>>,
    pub(super) asked_to_wait: Mutex<Vec<Duration>>,
    pub(super) pins: Arc<AtomicUsize>,
}

struct FakePin(Arc<AtomicUsize>);

impl Drop for FakePin {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl FakeRole {
    pub(super) fn new(name: &str, region: Option<&str>) -> Arc<Self> {
        Arc::new(Self {
            role: role(name, region),
            held: Mutex::default(),
            waits: Mutex::new(Err(NoSession::NotReady(problem(Code::NotReady)))),
            asked_to_wait: Mutex::default(),
            pins: Arc::default(),
        })
    }

    /// Holds a session from now on; says what it serves.
    pub(super) fn hold(&self, access_key_id: &str, now: Now) -> Arc<Served> {
        let served = served(access_key_id, now);
        *self.held.lock().unwrap() = Some(Arc::clone(&served));
        served
    }

    /// Has nothing, and answers waits like this.
    pub(super) fn fail(&self, none: NoSession) {
        *self.held.lock().unwrap() = None;
        *self.waits.lock().unwrap() = Err(none);
    }
}

impl RoleInForce for FakeRole {
    fn role(&self) -> &Role {
        &self.role
    }

    fn read(&self, now: Now) -> Option<Arc<Served>> {
        let held = self.held.lock().unwrap().clone();
        held.filter(|served| served.is_valid(now))
    }

    fn wait(&self, limit: Duration) -> BoxFuture<'_, Result<Arc<Served>, NoSession>> {
        self.asked_to_wait.lock().unwrap().push(limit);
        let waits = self.waits.lock().unwrap().clone();
        Box::pin(async move {
            match waits {
                Ok(after) if after <= limit => {
                    tokio::time::sleep(after).await;
                    Ok(self.hold("ASIALATE", START))
                }
                Ok(_) => {
                    tokio::time::sleep(limit).await;
                    Err(NoSession::NotReady(problem(Code::NotReady)))
                }
                Err(none) => Err(none),
            }
        })
    }

    fn status(&self, _now: Now) -> RoleStatus {
        RoleStatus {
            name: self.role.name.to_string(),
            state: RoleState::Ready,
            recipe: "base → dev 1h".to_owned(),
            role_arn: None,
            account: None,
            region: None,
            session: None,
            failure: None,
            consumers: Vec::new(),
            notes: Vec::new(),
        }
    }

    fn pin(&self) -> Box<dyn Any + Send + Sync> {
        self.pins.fetch_add(1, Ordering::Relaxed);
        Box::new(FakePin(Arc::clone(&self.pins)))
    }
}

/// Roles by name.
#[derive(Default)]
pub(super) struct FakeRoles(pub(super) Mutex<BTreeMap<String, Arc<FakeRole>>>);

impl FakeRoles {
    pub(super) fn add(&self, role: &Arc<FakeRole>) {
        let name = role.role.name.to_string();
        self.0.lock().unwrap().insert(name, Arc::clone(role));
    }
}

impl Roles for FakeRoles {
    fn role(&self, name: &str) -> Option<Arc<dyn RoleInForce>> {
        let role = Arc::clone(self.0.lock().unwrap().get(name)?);
        Some(role)
    }

    fn role_by_slug(&self, slug: &str) -> Option<Arc<dyn RoleInForce>> {
        let roles = self.roles();
        roles.into_iter().find(|role| role.role().name.slug() == slug)
    }

    fn roles(&self) -> Vec<Arc<dyn RoleInForce>> {
        let roles = self.0.lock().unwrap();
        roles
            .values()
            .map(|role| Arc::clone(role) as Arc<dyn RoleInForce>)
            .collect()
    }
}

/// A ledger in memory.
pub(super) struct FakeWitness {
    pub(super) records: Mutex<Vec<Record>>,
    seen: Mutex<Vec<(String, String)>>,
    pub(super) news: broadcast::Sender<Arc<str>>,
}

impl Default for FakeWitness {
    fn default() -> Self {
        Self {
            records: Mutex::default(),
            seen: Mutex::default(),
            news: broadcast::channel(4).0,
        }
    }
}

impl Witness for FakeWitness {
    fn note(&self, record: Record) {
        let line = serde_json::to_string(&record).unwrap();
        self.records.lock().unwrap().push(record);
        // Nobody need listen.
        let _ = self.news.send(line.into());
    }

    fn first_serve(&self, access_key_id: &str, consumer: &str, _end: Timestamp) -> bool {
        let key = (access_key_id.to_owned(), consumer.to_owned());
        let mut seen = self.seen.lock().unwrap();
        let first = !seen.contains(&key);
        if first {
            seen.push(key);
        }
        first
    }

    fn subscribe(&self) -> broadcast::Receiver<Arc<str>> {
        self.news.subscribe()
    }

    fn tail(&self, count: usize, after: Option<u64>) -> std::io::Result<Vec<String>> {
        let records = self.records.lock().unwrap();
        let after = usize::try_from(after.unwrap_or(0)).unwrap();
        Ok(records
            .iter()
            .skip(after.max(records.len().saturating_sub(count)))
            .map(|record| serde_json::to_string(record).unwrap())
            .collect())
    }

    fn status(&self) -> LedgerStatus {
        LedgerStatus {
            file: "/state/ledger.jsonl".to_owned(),
            error: None,
        }
    }
}

/// Peers with a uid; the process of a TCP connection is 4711.
#[derive(Default)]
pub(super) struct FakeWhoIs {
    pub(super) uid: Mutex<Option<u32>>,
    pub(super) searches: AtomicUsize,
}

impl FakeWhoIs {
    pub(super) fn new(uid: Option<u32>) -> Arc<Self> {
        Arc::new(Self {
            uid: Mutex::new(uid),
            searches: AtomicUsize::new(0),
        })
    }
}

pub(super) fn process(pid: u32) -> Process {
    Process {
        pid,
        uid: UID,
        start_time: u64::from(pid) * 10,
        sid: 40,
        exe: Some("/usr/bin/terraform".into()),
        ..Process::default()
    }
}

impl WhoIs for FakeWhoIs {
    fn of_unix(&self, _stream: &UnixStream) -> Option<(Peer, Consumer)> {
        let uid = (*self.uid.lock().unwrap())?;
        Some(unix_peer(uid))
    }

    fn of_tcp(&self, _local: SocketAddr, _remote: SocketAddr) -> Option<TcpOwner> {
        Some(TcpOwner {
            uid: (*self.uid.lock().unwrap())?,
            inode: 99,
            cgroup_id: Some(7),
        })
    }

    fn process_of(&self, _owner: TcpOwner) -> Option<Process> {
        self.searches.fetch_add(1, Ordering::Relaxed);
        Some(process(4711))
    }
}

pub(super) fn unix_peer(uid: u32) -> (Peer, Consumer) {
    let process = Some(Process {
        uid,
        ..process(42)
    });
    let peer = Peer {
        uid,
        attested: Attestation::Peercred,
        process: process.clone(),
        cgroup_id: None,
    };
    (peer, Consumer { uid, process })
}

pub(super) fn admittance() -> Admittance {
    Admittance {
        uid: UID,
        root: false,
    }
}

pub(super) fn unix_visitor() -> Arc<Visitor> {
    Arc::new(Visitor::of_unix(Some(unix_peer(UID)), admittance()))
}

pub(super) fn tcp_visitor(door: Door) -> Arc<Visitor> {
    let owner = TcpOwner {
        uid: UID,
        inode: 99,
        cgroup_id: None,
    };
    Arc::new(Visitor::of_tcp(door, Some(owner), admittance()))
}

/// A daemon that does nothing.
#[derive(Default)]
pub(super) struct FakeControl {
    /// Comes into force at the next freshening.
    pub(super) fresh: Mutex<Option<(Arc<FakeRoles>, Arc<FakeRole>)>>,
    pub(super) freshened: AtomicUsize,
    pub(super) broken: std::sync::atomic::AtomicBool,
}

impl Control for FakeControl {
    fn reload(&self) -> BoxFuture<'_, ReloadReport> {
        let applied = !self.broken.load(Ordering::Relaxed);
        Box::pin(async move {
            ReloadReport {
                applied,
                problems: Vec::new(),
                changes: vec!["dev: added".to_owned()],
            }
        })
    }

    fn check(&self) -> BoxFuture<'_, ConfigReport> {
        Box::pin(async {
            ConfigReport {
                files: Vec::new(),
                roles: vec!["dev".to_owned()],
                problems: Vec::new(),
            }
        })
    }

    fn plan_setup(&self, request: SetupRequest) -> BoxFuture<'_, Result<SetupPlan, Problem>> {
        Box::pin(async move {
            Ok(SetupPlan {
                edits: Vec::new(),
                moved: request.profiles,
                skipped: Vec::new(),
            })
        })
    }

    fn freshen(&self) -> BoxFuture<'_, ()> {
        self.freshened.fetch_add(1, Ordering::Relaxed);
        if let Some((roles, role)) = self.fresh.lock().unwrap().take() {
            roles.add(&role);
        }
        Box::pin(async {})
    }

    fn exec_files(&self, role: &str) -> std::io::Result<ExecFiles> {
        Ok(ExecFiles {
            config: format!("[default]\n# {role}\n").into(),
            credentials: String::new().into(),
        })
    }

    fn config_status(&self) -> ConfigStatus {
        ConfigStatus {
            files: Vec::new(),
            loaded: START.wall.to_string(),
            current: true,
            problems: Vec::new(),
        }
    }

    fn notes(&self) -> Vec<String> {
        Vec::new()
    }

    fn identity(
        &self,
        role: Arc<dyn RoleInForce>,
        session: Arc<Served>,
    ) -> BoxFuture<'_, Result<Identity, Problem>> {
        Box::pin(async move {
            Ok(Identity {
                role: role.role().name.to_string(),
                account: session.session.origin.account.clone(),
                arn: session.session.origin.arn.clone(),
                user_id: session.session.origin.assumed_role_id.clone(),
            })
        })
    }

    fn doors(&self) -> Vec<DoorStatus> {
        Vec::new()
    }
}

/// Processes that live until they are ended: 42, whose parent 41 is, whose session leader 40 is; and 50,
/// another user's.
pub(super) struct FakeProcesses(pub(super) Mutex<Vec<u32>>);

impl Default for FakeProcesses {
    fn default() -> Self {
        Self(Mutex::new(vec![40, 41, 42, 50, 60]))
    }
}

impl Processes for FakeProcesses {
    fn process(&self, pid: u32) -> Option<Process> {
        let live = self.0.lock().unwrap().contains(&pid);
        live.then(|| Process {
            uid: if pid == 50 { UID + 1 } else { UID },
            ..process(pid)
        })
    }

    fn descends_from(&self, pid: u32, ancestor: u32) -> bool {
        pid == ancestor || (pid == 42 && (ancestor == 41 || ancestor == 40 || ancestor == 50))
    }
}

/// Everything together.
pub(super) struct World {
    pub(super) clock: ManualClock,
    pub(super) roles: Arc<FakeRoles>,
    pub(super) dev: Arc<FakeRole>,
    pub(super) witness: Arc<FakeWitness>,
    pub(super) whois: Arc<FakeWhoIs>,
    pub(super) records: Arc<Records>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) control: Arc<FakeControl>,
    pub(super) processes: Arc<FakeProcesses>,
    pub(super) place: tempfile::TempDir,
    pub(super) admittance: watch::Sender<Admittance>,
}

impl World {
    /// With one role, `dev`, in eu-central-1, that has a session.
    pub(super) fn new() -> Self {
        let witness = Arc::new(FakeWitness::default());
        let whois = FakeWhoIs::new(Some(UID));
        let (records, task) = Records::new(witness.clone(), whois.clone());
        tokio::spawn(task);
        let roles = Arc::new(FakeRoles::default());
        let dev = FakeRole::new("dev", Some("eu-central-1"));
        dev.hold("ASIAFIRST", START);
        roles.add(&dev);
        Self {
            clock: ManualClock::new(START),
            roles,
            dev,
            witness,
            whois,
            records,
            metrics: Metrics::new(START.wall),
            control: Arc::default(),
            processes: Arc::default(),
            place: tempfile::tempdir().unwrap(),
            admittance: watch::Sender::new(admittance()),
        }
    }

    pub(super) fn common(&self) -> Arc<Common> {
        Arc::new(Common {
            whois: self.whois.clone(),
            records: self.records.clone(),
            metrics: self.metrics.clone(),
            clock: Arc::new(self.clock.clone()),
            admittance: self.admittance.subscribe(),
        })
    }

    pub(super) async fn leases(&self) -> Leases {
        let (witness, roles) = (self.witness.clone(), self.roles.clone());
        Leases::open(lease::Tools {
            clock: Arc::new(self.clock.clone()),
            random: Arc::new(crate::secrets::OsRandom::default()),
            processes: self.processes.clone(),
            note: Arc::new(move |record| witness.note(record)),
            pin: Arc::new(move |name| Some(Roles::role(&*roles, name)?.pin())),
            boot_id: "boot-a".to_owned(),
            state_directory: self.place.path().join("state"),
            runtime_directory: self.place.path().join("run"),
        })
        .await
        .unwrap()
    }

    /// Moves time on.
    pub(super) fn later(&self, seconds: u64) -> Now {
        self.clock.advance(Duration::from_secs(seconds));
        self.clock.now()
    }

    /// The records so far.
    pub(super) fn recorded(&self) -> Vec<Record> {
        self.witness.records.lock().unwrap().clone()
    }

    /// Lets background tasks finish until `count` records are there.
    pub(super) async fn until_recorded(&self, count: usize) -> Vec<Record> {
        for _ in 0..1000 {
            if self.recorded().len() >= count {
                break;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let records = self.recorded();
        assert_eq!(records.len(), count, "{records:#?}");
        records
    }
}

pub(super) fn problem(code: Code) -> Problem {
    Problem {
        code,
        message: "words".to_owned(),
        hint: Some("do this".to_owned()),
    }
}

fn role(name: &str, region: Option<&str>) -> Role {
    let call = AssumeRole {
        role_arn: RoleArn::parse("arn:aws:iam::123456789012:role/Dev").unwrap(),
        duration: Duration::from_secs(3600),
        external_id: None,
        session_name: SessionName::Verbatim("me".to_owned()),
        policy: None,
        policy_arns: Vec::new(),
        session_tags: Vec::new(),
        transitive_session_tags: Vec::new(),
        source_identity: None,
        sts: StsEndpoint {
            region: "eu-central-1".to_owned(),
            url: None,
        },
    };
    let source = Source::StaticKeys(StaticKeys {
        profile: "base".to_owned(),
        access_key_id: "AKIABASE".to_owned(),
        secret_access_key: Secret::new("secret"),
        session_token: None,
    });
    let step = Step {
        fingerprint: Fingerprint::of_assume_role(&call, Fingerprint::of_source(&source)),
        call: Call::AssumeRole(call),
        label: name.to_owned(),
        chained: false,
    };
    Role {
        name: RoleName::new(name).unwrap(),
        region: region.map(str::to_owned),
        recipe: Ok(Recipe {
            source,
            steps: vec![step],
        }),
        keep_fresh: false,
        notes: Vec::new(),
    }
}

fn served(access_key_id: &str, now: Now) -> Arc<Served> {
    let end = now.plus(Duration::from_secs(3540));
    Arc::new(Served {
        session: Session {
            access_key_id: access_key_id.to_owned(),
            secret_access_key: Secret::new("secret"),
            session_token: Secret::new("token"),
            issued: now,
            expires: now.wall.plus(Duration::from_secs(3600)),
            origin: Origin {
                account: "123456789012".to_owned(),
                arn: "arn:aws:sts::123456789012:assumed-role/Dev/me".to_owned(),
                assumed_role_id: "AROAEXAMPLE:me".to_owned(),
                role_arn: "arn:aws:iam::123456789012:role/Dev".to_owned(),
                session_name: "me".to_owned(),
                ..Origin::default()
            },
        },
        reported: end.wall,
        end,
        process_body: Bytes::from(format!("{{\"process\":\"{access_key_id}\"}}")),
        http_body: Bytes::from(format!("{{\"http\":\"{access_key_id}\"}}")),
    })
}

/// The head of a request without a body, as hyper would give it.
pub(super) fn head(method: &str, target: &str, headers: &[(&str, &str)]) -> Parts {
    let mut request = http::Request::builder().method(method).uri(target);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

/// An answer, taken apart.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) status: u16,
    pub(super) headers: http::HeaderMap,
    pub(super) body: String,
}

impl Taken {
    pub(super) async fn from(response: Response) -> Self {
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Self {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        }
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        Some(self.headers.get(name)?.to_str().unwrap())
    }

    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// Sends a request to a door, past server and guard.
pub(super) async fn ask(
    door: &dyn Handler,
    visitor: &Arc<Visitor>,
    head: Parts,
    body: &str,
) -> Taken {
    let body = Bytes::copy_from_slice(body.as_bytes());
    Taken::from(door.answer(visitor, &head, body).await).await
}

/// The same random numbers every time.
pub(super) fn seeded() -> SeededRandom {
    SeededRandom::new(1)
}
