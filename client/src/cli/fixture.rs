//! One status with something of everything, for tests.

use rolecall::api::{
    ChallengeAsker, ChallengeKind, ChallengeStatus, Code, ConfigProblem, ConfigStatus,
    ConsumerStatus, Door, DoorStatus, Failure, LeaseBinding, LeaseStatus, LedgerStatus, LockStatus,
    RoleState, RoleStatus, SessionStatus, Severity, Status, UnlockDemand,
};

/// 2026-01-01T12:00:00Z.
pub(crate) const NOW: i64 = 1_767_268_800;

fn role(name: &str, state: RoleState) -> RoleStatus {
    RoleStatus {
        name: name.to_owned(),
        state,
        recipe: format!("base → {name} 1h"),
        role_arn: Some(format!("arn:aws:iam::123456789012:role/path/{name}-access")),
        account: Some("123456789012".to_owned()),
        region: Some("eu-central-1".to_owned()),
        session: None,
        failure: None,
        consumers: vec![],
        notes: vec![],
    }
}

/// A session with 41 of 59 minutes left.
pub(crate) fn session() -> SessionStatus {
    SessionStatus {
        access_key_id: "ASIAEXAMPLE".to_owned(),
        arn: "arn:aws:sts::123456789012:assumed-role/dev-access/alice@host.1".to_owned(),
        session_name: "alice@host.1".to_owned(),
        issued: "2026-01-01T11:42:00Z".to_owned(),
        expiration: "2026-01-01T12:41:00Z".to_owned(),
        remaining_seconds: 2460,
        lifetime_seconds: 3540,
        renewal: Some("2026-01-01T12:13:00Z".to_owned()),
    }
}

fn consumer(name: &str, pid: Option<u32>) -> ConsumerStatus {
    ConsumerStatus {
        name: name.to_owned(),
        pid,
        door: Door::Socket,
        last_read: "2026-01-01T11:59:00Z".to_owned(),
    }
}

/// What a job in a terminal asks for.
pub(crate) fn challenge() -> ChallengeStatus {
    ChallengeStatus {
        id: "0a1b2c3d".to_owned(),
        kind: ChallengeKind::Consent,
        role: "prod".to_owned(),
        message: "job.py (4711) asks for role prod, and a person must approve that".to_owned(),
        hint: Some("in another terminal: rolecall approve 0a1b2c3d".to_owned()),
        asker: ChallengeAsker {
            uid: 1000,
            name: "job.py".to_owned(),
            pid: Some(4711),
            exe: Some("/usr/bin/python3.12".to_owned()),
            script: Some("job.py".to_owned()),
            terminal: Some("pts/3".to_owned()),
            cwd: Some("/srv\u{1b}[2J".to_owned()),
        },
        reason: Some("nightly\nrun".to_owned()),
        waiting: 1,
        asked: "2026-01-01T11:59:30Z".to_owned(),
        deadline: "2026-01-01T12:01:30Z".to_owned(),
    }
}

/// One ready role, no trouble.
pub(crate) fn healthy() -> Status {
    Status {
        version: "0.1.0".to_owned(),
        pid: 4242,
        uid: 1000,
        started: "2026-01-01T08:48:00Z".to_owned(),
        config: ConfigStatus {
            files: vec!["/home/alice/.aws/config".to_owned()],
            loaded: "2026-01-01T08:48:00Z".to_owned(),
            current: true,
            problems: vec![],
        },
        roles: vec![RoleStatus {
            session: Some(session()),
            consumers: vec![
                consumer("terraform", Some(4711)),
                consumer("terraform", Some(4700)),
                consumer("uid 1000", None),
            ],
            ..role("dev", RoleState::Ready)
        }],
        doors: vec![DoorStatus {
            door: Door::Socket,
            address: "/run/user/1000/rolecall/rolecall.sock".to_owned(),
            role: None,
            lease: None,
            error: None,
        }],
        leases: vec![LeaseStatus {
            id: "l1".to_owned(),
            role: "dev".to_owned(),
            scope: "process 4711 (terraform)".to_owned(),
            created: "2026-01-01T11:30:00Z".to_owned(),
            ends: None,
            through_lock: false,
            binding: LeaseBinding::Process,
            policy: None,
            reason: None,
            fence: false,
            ended: false,
        }],
        challenges: vec![],
        lock: LockStatus::default(),
        ledger: LedgerStatus {
            file: "/home/alice/.local/state/rolecall/ledger.jsonl".to_owned(),
            error: None,
        },
        store: "keyring".to_owned(),
        notes: vec![],
    }
}

/// Everything that can be wrong is.
pub(crate) fn status() -> Status {
    let mut status = healthy();
    let failure = |code, message: &str, retry: Option<&str>| Failure {
        at: "2026-01-01T11:58:00Z".to_owned(),
        code,
        message: message.to_owned(),
        retry: retry.map(str::to_owned),
    };
    status.roles.extend([
        RoleStatus {
            session: Some(SessionStatus {
                remaining_seconds: 290,
                ..session()
            }),
            failure: Some(failure(
                Code::AwsUnavailable,
                "sts.eu-central-1.amazonaws.com answered 500",
                Some("2026-01-01T12:00:20Z"),
            )),
            consumers: vec![consumer("aws\x1b[31m", Some(77))],
            ..role("prod", RoleState::Degraded)
        },
        RoleStatus {
            failure: Some(failure(
                Code::PersonNeeded,
                "an MFA code for arn:aws:iam::111122223333:mfa/alice is needed",
                None,
            )),
            notes: vec!["asked for 4h, chained sessions last 1h at most".to_owned()],
            ..role("prod-admin", RoleState::Failing)
        },
        role("sandbox", RoleState::Cold),
        RoleStatus {
            role_arn: None,
            account: None,
            notes: vec!["sso_session is not supported yet".to_owned()],
            ..role("sso", RoleState::Unusable)
        },
    ]);
    status.doors.push(DoorStatus {
        door: Door::Imds,
        address: "127.0.0.1:1690".to_owned(),
        role: Some("dev".to_owned()),
        lease: None,
        error: Some("address already in use".to_owned()),
    });
    status.config.current = false;
    status.config.problems = vec![
        ConfigProblem {
            severity: Severity::Error,
            file: Some("/home/alice/.config/rolecall/config.toml".to_owned()),
            line: Some(7),
            key: Some("roles.prod.duration_seconds".to_owned()),
            role: Some("prod".to_owned()),
            message: "is 60, expected 900 to 43200".to_owned(),
            hint: Some("leave it out for one hour".to_owned()),
        },
        ConfigProblem {
            severity: Severity::Warning,
            file: Some("/home/alice/.aws/config".to_owned()),
            line: None,
            key: None,
            role: None,
            message: "a chain of eight roles".to_owned(),
            hint: None,
        },
    ];
    status.challenges = vec![challenge()];
    status.lock = LockStatus {
        locked: true,
        since: Some("2026-01-01T11:50:00Z".to_owned()),
        unlock: UnlockDemand::Nothing,
    };
    status.ledger.error = Some("no space left on device".to_owned());
    "memory".clone_into(&mut status.store);
    status.notes = vec!["AWS's clock is 4 s ahead".to_owned()];
    status
}
