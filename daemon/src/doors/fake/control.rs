//! A daemon that does nothing.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use rolecall::api::{
    ConfigReport, ConfigStatus, DoorStatus, Identity, Problem, ReloadReport, SetupPlan,
    SetupRequest,
};

use super::super::needs::{Control, RoleInForce};
use super::START;
use super::role::{FakeRole, FakeRoles};
use crate::clock::BoxFuture;
use crate::config::ExecFiles;
use crate::session::Served;

/// A daemon that does nothing.
#[derive(Default)]
pub(in super::super) struct FakeControl {
    /// Comes into force at the next freshening.
    pub(in super::super) fresh: Mutex<Option<(Arc<FakeRoles>, Arc<FakeRole>)>>,
    pub(in super::super) freshened: AtomicUsize,
    pub(in super::super) broken: std::sync::atomic::AtomicBool,
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

    fn exec_files(&self, role: &str) -> BoxFuture<'_, std::io::Result<ExecFiles>> {
        let config = format!("[default]\n# {role}\n").into();
        Box::pin(async move {
            Ok(ExecFiles {
                config,
                credentials: String::new().into(),
            })
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
