//! What tests of keepers need: roles, a scripted issuer, a journal in memory.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::Semaphore;

use super::{Freshen, Journal, Keepers, Tools};
use crate::clock::{BoxFuture, Clock as _, ManualClock, Now, Timestamp};
use crate::issue::{Attempt, Class, IssueError, Issuer, Signer};
use crate::ledger::{Event, Record, Unwritable};
use crate::recipe::{
    AssumeRole, Call, DEFAULT_SESSION_NAME, Fingerprint, Recipe, Role, RoleArn, RoleName,
    SessionName, Source, StaticKeys, Step, StsEndpoint, Unusable,
};
use crate::secrets::{Secret, SeededRandom};
use crate::session::{Origin, Session};

pub(crate) const HOUR: Duration = Duration::from_hours(1);

/// A fingerprint to tell apart by name.
pub(crate) fn fingerprint(name: &str) -> Fingerprint {
    Fingerprint::of_source(&Source::StaticKeys(keys(name)))
}

/// Keys of a user.
pub(crate) fn keys(access_key_id: &str) -> StaticKeys {
    StaticKeys {
        profile: "base".into(),
        access_key_id: access_key_id.into(),
        secret_access_key: Secret::new("secret"),
        session_token: None,
    }
}

/// A call for one hour of the IAM role `name`.
pub(crate) fn call(name: &str) -> AssumeRole {
    AssumeRole {
        role_arn: RoleArn::parse(&format!("arn:aws:iam::123456789012:role/{name}")).unwrap(),
        duration: HOUR,
        external_id: None,
        session_name: SessionName::Template(DEFAULT_SESSION_NAME.into()),
        policy: None,
        policy_arns: Vec::new(),
        session_tags: Vec::new(),
        transitive_session_tags: Vec::new(),
        source_identity: None,
        sts: StsEndpoint {
            region: "eu-west-1".into(),
            url: None,
        },
    }
}

/// A role whose recipe assumes `chain` one after another from user keys.
pub(crate) fn role(name: &str, chain: &[&str]) -> Role {
    role_of(name, chain.iter().map(|step| call(step)).collect())
}

/// The same with calls of any kind.
pub(crate) fn role_of(name: &str, calls: Vec<AssumeRole>) -> Role {
    let source = Source::StaticKeys(keys("AKIAUSER"));
    let mut parent = Fingerprint::of_source(&source);
    let steps = calls
        .into_iter()
        .enumerate()
        .map(|(index, call)| {
            parent = Fingerprint::of_assume_role(&call, parent);
            Step {
                fingerprint: parent,
                label: call.role_arn.name().to_owned(),
                call: Call::AssumeRole(call),
                chained: index > 0,
            }
        })
        .collect();
    Role {
        name: RoleName::new(name).unwrap(),
        region: None,
        recipe: Ok(Recipe { source, steps }),
        keep_fresh: false,
        notes: Vec::new(),
        rules: crate::recipe::Rules::default(),
    }
}

/// A role that cannot work.
pub(crate) fn unusable(name: &str) -> Role {
    Role {
        recipe: Err(Unusable {
            reason: "no source_profile".into(),
            hint: None,
        }),
        ..role(name, &["x"])
    }
}

/// A failure of a class.
pub(crate) fn failure(class: Class) -> IssueError {
    IssueError {
        class,
        code: format!("{class:?}"),
        message: format!("{class:?} it is"),
        hint: None,
        request_id: None,
        retry_after: None,
        sent: false,
    }
}

/// An AWS that does what it is told: answers with what is queued, then with sessions, or with the failure
/// that is set.
pub(crate) struct Aws {
    clock: ManualClock,
    pub(crate) calls: AtomicUsize,
    pub(crate) in_flight: AtomicUsize,
    pub(crate) most_in_flight: AtomicUsize,
    queued: Mutex<VecDeque<IssueError>>,
    down: Mutex<Option<IssueError>>,
    /// Attempts as they came: IAM role, session name, signing key.
    pub(crate) seen: Mutex<Vec<(String, String, String)>>,
    /// An answer costs a permit while `held`.
    held: AtomicBool,
    permits: Semaphore,
}

impl Aws {
    pub(crate) fn queue(&self, error: IssueError) {
        self.queued.lock().unwrap().push_back(error);
    }

    pub(crate) fn set_down(&self, error: Option<IssueError>) {
        *self.down.lock().unwrap() = error;
    }

    pub(crate) fn hold(&self) {
        self.held.store(true, Ordering::SeqCst);
    }

    pub(crate) fn release(&self) {
        self.held.store(false, Ordering::SeqCst);
        self.permits.add_permits(1000);
    }

    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    fn session(&self, attempt: &Attempt, number: usize) -> Session {
        let Call::AssumeRole(call) = &attempt.call;
        let (now, role) = (self.clock.now(), call.role_arn.name());
        Session {
            access_key_id: format!("ASIA{number}"),
            secret_access_key: Secret::new("secret"),
            session_token: Secret::new("token"),
            issued: now,
            expires: now.wall.plus(call.duration),
            origin: Origin {
                account: "123456789012".into(),
                arn: format!(
                    "arn:aws:sts::123456789012:assumed-role/{role}/{}",
                    attempt.session_name
                ),
                role_arn: call.role_arn.as_str().to_owned(),
                session_name: attempt.session_name.clone(),
                parent_access_key_id: attempt.signer.access_key_id.clone(),
                ..Origin::default()
            },
        }
    }
}

impl Issuer for Aws {
    fn issue(&self, attempt: Attempt) -> BoxFuture<'_, Result<Session, IssueError>> {
        Box::pin(async move {
            let Call::AssumeRole(call) = &attempt.call;
            let number = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
            let in_flight = self.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
            self.most_in_flight.fetch_max(in_flight, Ordering::SeqCst);
            self.seen.lock().unwrap().push((
                call.role_arn.name().to_owned(),
                attempt.session_name.clone(),
                attempt.signer.access_key_id.clone(),
            ));
            if self.held.load(Ordering::SeqCst) {
                self.permits.acquire().await.unwrap().forget();
            }
            self.in_flight.fetch_sub(1, Ordering::SeqCst);
            if let Some(error) = self.queued.lock().unwrap().pop_front() {
                return Err(error);
            }
            if let Some(error) = self.down.lock().unwrap().clone() {
                return Err(error);
            }
            Ok(self.session(&attempt, number))
        })
    }

    fn identity(
        &self,
        signer: Signer,
        _call: Call,
    ) -> BoxFuture<'_, Result<(String, String, String), IssueError>> {
        Box::pin(async move { Ok(("123456789012".into(), signer.access_key_id, "id".into())) })
    }
}

/// A ledger in memory.
#[derive(Default)]
pub(crate) struct Memory {
    pub(crate) records: Mutex<Vec<Record>>,
    pub(crate) full: AtomicBool,
}

impl Memory {
    pub(crate) fn events(&self) -> Vec<Event> {
        self.records().iter().map(|record| record.event).collect()
    }

    pub(crate) fn records(&self) -> MutexGuard<'_, Vec<Record>> {
        self.records.lock().unwrap()
    }
}

impl Journal for Memory {
    fn commit(&self, record: Record) -> BoxFuture<'_, Result<(), Unwritable>> {
        if self.full.load(Ordering::SeqCst) {
            return Box::pin(async { Err(Unwritable("no space left on device".into())) });
        }
        self.records().push(record);
        Box::pin(async { Ok(()) })
    }
}

/// Puts queued roles in force when asked to look at the files.
#[derive(Default)]
pub(crate) struct Files {
    pub(crate) keepers: Mutex<Option<Keepers>>,
    pub(crate) next: Mutex<Option<Vec<Role>>>,
}

impl Freshen for Files {
    fn freshen(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            let (keepers, next) = (
                self.keepers.lock().unwrap().clone(),
                self.next.lock().unwrap().take(),
            );
            if let (Some(keepers), Some(next)) = (keepers, next) {
                keepers.apply(next, 12 * HOUR);
            }
        })
    }
}

/// A daemon's core on a clock that stands still.
pub(crate) struct World {
    pub(crate) clock: ManualClock,
    pub(crate) aws: Arc<Aws>,
    pub(crate) journal: Arc<Memory>,
    pub(crate) files: Arc<Files>,
    pub(crate) keepers: Keepers,
    pub(crate) directory: Arc<tempfile::TempDir>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::in_directory(Arc::new(tempfile::tempdir().unwrap()), 1)
    }

    pub(crate) fn in_directory(directory: Arc<tempfile::TempDir>, seed: u64) -> Self {
        let clock = ManualClock::new(Now {
            wall: Timestamp::from_secs(1_767_225_600),
            boot: Duration::from_secs(1000),
        });
        let aws = Arc::new(Aws {
            clock: clock.clone(),
            calls: AtomicUsize::new(0),
            in_flight: AtomicUsize::new(0),
            most_in_flight: AtomicUsize::new(0),
            queued: Mutex::default(),
            down: Mutex::default(),
            seen: Mutex::default(),
            held: AtomicBool::new(false),
            permits: Semaphore::new(0),
        });
        let (journal, files) = (Arc::<Memory>::default(), Arc::<Files>::default());
        let keepers = Keepers::new(Tools {
            clock: Arc::new(clock.clone()),
            random: Arc::new(SeededRandom::new(seed)),
            issuer: aws.clone(),
            ledger: journal.clone(),
            state_directory: directory.path().to_owned(),
            user: "alice".into(),
            host: "laptop".into(),
            freshen: files.clone(),
            keep_fresh: true,
        });
        *files.keepers.lock().unwrap() = Some(keepers.clone());
        Self {
            clock,
            aws,
            journal,
            files,
            keepers,
            directory,
        }
    }

    pub(crate) fn apply(&self, roles: Vec<Role>) -> Vec<String> {
        self.keepers.apply(roles, 12 * HOUR)
    }

    pub(crate) fn now(&self) -> Now {
        self.clock.now()
    }

    /// Lets every task run until it waits.
    pub(crate) async fn settle(&self) {
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    }

    /// Moves time on and lets every task see it.
    pub(crate) async fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
        self.settle().await;
    }

    /// The access key id that a reader of `role` gets now.
    pub(crate) fn read(&self, role: &str) -> Option<String> {
        let served = self.keepers.role(role).unwrap().read(self.now())?;
        Some(served.session.access_key_id.clone())
    }

    /// The access key id held, without a read that would be counted.
    pub(crate) fn read_unmarked(&self, role: &str) -> Option<String> {
        let status = self.keepers.role(role).unwrap().status(self.now());
        status.session.map(|session| session.access_key_id)
    }

    /// The access key id that a reader gets who is willing to wait.
    pub(crate) async fn wait(&self, role: &str) -> Result<String, super::NoSession> {
        let entry = self.keepers.role(role).unwrap();
        let served = entry.wait(Duration::from_secs(55)).await?;
        Ok(served.session.access_key_id.clone())
    }
}
