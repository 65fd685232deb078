//! Roles that have whatever session they are given.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use rolecall::api::{Code, Problem, RoleState, RoleStatus};

use super::super::needs::{RoleInForce, Roles};
use super::START;
use crate::clock::{BoxFuture, Now};
use crate::keeper::NoSession;
use crate::lease::Pin;
use crate::recipe::fingerprint::Fingerprint;
use crate::recipe::{
    AssumeRole, Call, Recipe, Role, RoleArn, RoleName, Rules, SessionName, Source, StaticKeys,
    Step, StsEndpoint,
};
use crate::secrets::Secret;
use crate::session::{Origin, Served, Session};

/// A role that has whatever session it is given.
pub(in super::super) struct FakeRole {
    role: Role,
    pub(in super::super) lease: std::sync::OnceLock<String>,
    pub(in super::super) held: Mutex<Option<Arc<Served>>>,
    pub(in super::super) waits: Mutex<Result<Duration, NoSession>>,
    pub(in super::super) asked_to_wait: Mutex<Vec<Duration>>,
    pub(in super::super) pins: Arc<AtomicUsize>,
}

struct FakePin(Arc<AtomicUsize>);

/// A standing reader, counted.
pub(in super::super) fn pin(pins: &Arc<AtomicUsize>) -> Pin {
    pins.fetch_add(1, Ordering::Relaxed);
    Box::new(FakePin(Arc::clone(pins)))
}

impl Drop for FakePin {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl FakeRole {
    pub(in super::super) fn new(name: &str, region: Option<&str>) -> Arc<Self> {
        Arc::new(Self {
            role: role(name, region),
            lease: std::sync::OnceLock::new(),
            held: Mutex::default(),
            waits: Mutex::new(Err(NoSession::NotReady(problem(Code::NotReady)))),
            asked_to_wait: Mutex::default(),
            pins: Arc::default(),
        })
    }

    /// The same with rules.
    pub(in super::super) fn with_rules(name: &str, rules: Rules) -> Arc<Self> {
        Arc::new(Self {
            role: Role {
                rules,
                ..role(name, None)
            },
            lease: std::sync::OnceLock::new(),
            held: Mutex::default(),
            waits: Mutex::new(Err(NoSession::NotReady(problem(Code::NotReady)))),
            asked_to_wait: Mutex::default(),
            pins: Arc::default(),
        })
    }

    /// Holds a session from now on; says what it serves.
    pub(in super::super) fn hold(&self, access_key_id: &str, now: Now) -> Arc<Served> {
        let served = served(access_key_id, now);
        *self.held.lock().unwrap() = Some(Arc::clone(&served));
        served
    }

    /// Has nothing, and answers waits like this.
    pub(in super::super) fn fail(&self, none: NoSession) {
        *self.held.lock().unwrap() = None;
        *self.waits.lock().unwrap() = Err(none);
    }
}

impl RoleInForce for FakeRole {
    fn role(&self) -> &Role {
        &self.role
    }

    fn lease(&self) -> Option<&str> {
        self.lease.get().map(String::as_str)
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
}

/// Roles by name. What was narrowed for a lease is under that lease's id, before a colon.
#[derive(Default)]
pub(in super::super) struct FakeRoles(pub(in super::super) Mutex<BTreeMap<String, Arc<FakeRole>>>);

impl FakeRoles {
    /// Has `role` in the place of the one of its name for the lease of that id.
    pub(in super::super) fn narrow(&self, lease: &str, role: &Arc<FakeRole>) {
        role.lease.set(lease.to_owned()).unwrap();
        self.0
            .lock()
            .unwrap()
            .insert(format!(":{lease}"), Arc::clone(role));
    }
}

impl FakeRoles {
    pub(in super::super) fn add(&self, role: &Arc<FakeRole>) {
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
        roles
            .into_iter()
            .find(|role| role.role().name.slug() == slug)
    }

    fn roles(&self) -> Vec<Arc<dyn RoleInForce>> {
        let roles = self.0.lock().unwrap();
        roles
            .values()
            .filter(|role| role.lease.get().is_none())
            .map(|role| Arc::clone(role) as Arc<dyn RoleInForce>)
            .collect()
    }

    fn narrowed(&self, lease: &str) -> Option<Arc<dyn RoleInForce>> {
        self.role(&format!(":{lease}"))
    }
}

pub(in super::super) fn problem(code: Code) -> Problem {
    Problem {
        code,
        message: "words".to_owned(),
        hint: Some("do this".to_owned()),
    }
}

fn role(name: &str, region: Option<&str>) -> Role {
    let call = AssumeRole {
        role_arn: RoleArn::parse("arn:aws:iam::123456789012:role/Dev").unwrap(),
        duration: Duration::from_hours(1),
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
        rules: Rules::default(),
        notes: Vec::new(),
    }
}

fn served(access_key_id: &str, now: Now) -> Arc<Served> {
    let end = now.plus(Duration::from_mins(59));
    Arc::new(Served {
        session: Session {
            access_key_id: access_key_id.to_owned(),
            secret_access_key: Secret::new("secret"),
            session_token: Secret::new("token"),
            issued: now,
            expires: now.wall.plus(Duration::from_hours(1)),
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
