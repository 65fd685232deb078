//! What the socket asks of the daemon as a whole.

use std::sync::Arc;

use rolecall::api::{
    Code, ConfigReport, ConfigStatus, DoorStatus, Identity, Problem, ReloadReport, SetupPlan,
    SetupRequest,
};

use super::configuration::Configuration;
use super::listeners::Listeners;
use super::notify;
use crate::clock::BoxFuture;
use crate::config::{self, ExecFiles};
use crate::doors::leased::Leased;
use crate::doors::needs::{Control, RoleInForce};
use crate::issue::sts::Sts;
use crate::keeper::{Freshen, Keepers};
use crate::session::Served;

/// The daemon, as its doors see it.
#[expect(missing_debug_implementations, reason = "roles hold keys")]
pub struct Daemon {
    /// The configuration in force.
    pub configuration: Arc<Configuration>,
    /// Every role's keeper.
    pub keepers: Keepers,
    /// The caller of AWS, for what it learnt of the clock.
    pub sts: Arc<Sts>,
    /// IMDS listeners; None for `--once`.
    pub listeners: Option<Arc<Listeners>>,
    /// The doors of leases; None for `--once`.
    pub leased: Option<Arc<Leased>>,
    /// The socket and the container door.
    pub doors: Vec<DoorStatus>,
}

impl Daemon {
    /// One line for the service manager: how many roles there are.
    pub fn summary(&self) -> String {
        let roles = self.keepers.roles();
        let usable = roles
            .iter()
            .filter(|entry| entry.role.recipe.is_ok())
            .count();
        match roles.len() - usable {
            0 => format!("serving {usable} roles"),
            unusable => format!("serving {usable} roles, {unusable} unusable"),
        }
    }
}

impl Control for Daemon {
    fn reload(&self) -> BoxFuture<'_, ReloadReport> {
        Box::pin(async {
            notify::reloading();
            let report = self.configuration.reload().await;
            notify::ready(&self.summary());
            report
        })
    }

    fn check(&self) -> BoxFuture<'_, ConfigReport> {
        Box::pin(self.configuration.check())
    }

    fn plan_setup(&self, request: SetupRequest) -> BoxFuture<'_, Result<SetupPlan, Problem>> {
        let sources = self.configuration.sources().clone();
        Box::pin(async move {
            if sources.system {
                return Err(Problem {
                    code: Code::Unusable,
                    message: "the system service has no ~/.aws/config to set up".to_owned(),
                    hint: Some(format!(
                        "write its roles into {}, each with the uid or unit it is for",
                        sources.config.display()
                    )),
                });
            }
            tokio::task::spawn_blocking(move || config::plan_setup(&sources, &request))
                .await
                .expect("planning does not panic, and panics abort")
        })
    }

    fn freshen(&self) -> BoxFuture<'_, ()> {
        Freshen::freshen(&*self.configuration)
    }

    fn exec_files(&self, role: &str) -> BoxFuture<'_, std::io::Result<ExecFiles>> {
        let (sources, role) = (self.configuration.sources().clone(), role.to_owned());
        let kept = self.configuration.kept();
        Box::pin(async move {
            // The files may stand on a slow or hung network disk; the doors must go on answering meanwhile.
            tokio::task::spawn_blocking(move || config::exec_files(&sources, kept.as_ref(), &role))
                .await
                .expect("copying does not panic, and panics abort")
        })
    }

    fn config_status(&self) -> ConfigStatus {
        self.configuration.status()
    }

    fn notes(&self) -> Vec<String> {
        let off = self.sts.skew_millis() / 1000;
        let note = format!(
            "this computer's clock is {} s {} AWS's; calls are signed with AWS's time",
            off.abs(),
            if off > 0 { "behind" } else { "ahead of" }
        );
        Vec::from_iter((off != 0).then_some(note))
    }

    fn identity(
        &self,
        role: Arc<dyn RoleInForce>,
        session: Arc<Served>,
    ) -> BoxFuture<'_, Result<Identity, Problem>> {
        let name = role.role().name.to_string();
        let entry = self.keepers.role(&name);
        Box::pin(async move {
            let Some(entry) = entry else {
                return Err(Problem {
                    code: Code::UnknownRole,
                    message: format!("there is no role {name:?} any more"),
                    hint: None,
                });
            };
            let (account, arn, user_id) = entry
                .identity(&session)
                .await
                .map_err(|error| error.problem().clone())?;
            Ok(Identity {
                role: name,
                account,
                arn,
                user_id,
            })
        })
    }

    fn doors(&self) -> Vec<DoorStatus> {
        let imds = self
            .listeners
            .iter()
            .flat_map(|listeners| listeners.status());
        let leased = self.leased.iter().flat_map(|leased| leased.status());
        (self.doors.iter().cloned())
            .chain(imds)
            .chain(leased)
            .collect()
    }
}
