//! The configuration in force, and how another one takes its place (DESIGN rule 12).

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use rolecall::api::{ConfigProblem, ConfigReport, ConfigStatus, ReloadReport, Severity};

use super::logging::Logging;
use crate::clock::{BoxFuture, SharedClock, Timestamp};
use crate::config::{self, Config, ImdsListener, Loaded, Settings, Sources, Stamps};
use crate::keeper::{Freshen, Keepers};
use crate::ledger::{Event, Ledger, Record};

/// What a new configuration is put in force on.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "roles hold keys")]
pub struct Targets {
    /// Every role's keeper.
    pub keepers: Keepers,
    /// The ledger, for `ledger_on_error` and the record of the change.
    pub ledger: Ledger,
    /// The log filter.
    pub logging: Option<Logging>,
    /// Called with the listeners and settings now in force.
    pub in_force: Arc<dyn Fn(&Settings, &[ImdsListener]) + Send + Sync>,
}

/// The configuration in force. One a daemon.
#[expect(missing_debug_implementations, reason = "roles hold keys")]
pub struct Configuration {
    sources: Sources,
    clock: SharedClock,
    targets: std::sync::OnceLock<Targets>,
    state: Mutex<State>,
    /// One reload at a time; whoever waits for it sees its result.
    turn: tokio::sync::Mutex<()>,
}

struct State {
    settings: Settings,
    files: Vec<PathBuf>,
    stamps: Stamps,
    loaded: Timestamp,
    current: bool,
    problems: Vec<ConfigProblem>,
}

impl Configuration {
    /// Nothing read yet.
    pub fn new(sources: Sources, clock: SharedClock) -> Self {
        let state = State {
            settings: Settings::default(),
            files: Vec::new(),
            stamps: Stamps::default(),
            loaded: clock.now().wall,
            current: false,
            problems: Vec::new(),
        };
        Self {
            sources,
            clock,
            targets: std::sync::OnceLock::new(),
            state: Mutex::new(state),
            turn: tokio::sync::Mutex::new(()),
        }
    }

    /// Names what configurations are put in force on. Once, before the first [`Self::reload`].
    pub fn connect(&self, targets: Targets) {
        let _ = self.targets.set(targets);
    }

    /// Where configuration is read from.
    pub fn sources(&self) -> &Sources {
        &self.sources
    }

    /// The settings in force.
    pub fn settings(&self) -> Settings {
        self.state().settings.clone()
    }

    /// Reads the files again, and puts what they say in force if it can be.
    pub async fn reload(&self) -> ReloadReport {
        let _turn = self.turn.lock().await;
        self.reload_now().await
    }

    async fn reload_now(&self) -> ReloadReport {
        let loaded = self.read().await;
        let Loaded {
            config,
            problems,
            files,
            stamps,
        } = loaded;
        for problem in &problems {
            log(problem);
        }
        let changes = config.as_ref().map(|config| self.put_in_force(config));
        let applied = changes.is_some();
        {
            let mut state = self.state();
            if let Some(config) = config {
                state.settings = config.settings;
            }
            state.files = files;
            state.stamps = stamps;
            state.loaded = self.clock.now().wall;
            state.current = applied;
            state.problems.clone_from(&problems);
        }
        let changes = changes.unwrap_or_default();
        self.record(applied, &problems, &changes);
        ReloadReport {
            applied,
            problems,
            changes,
        }
    }

    fn put_in_force(&self, config: &Config) -> Vec<String> {
        let Some(targets) = self.targets.get() else {
            return Vec::new();
        };
        if let Some(logging) = &targets.logging
            && let Err(error) = logging.configure(&config.settings.log)
        {
            tracing::warn!(%error, "the log filter stays as it was");
        }
        targets.ledger.set_on_error(config.settings.ledger_on_error);
        let changes = targets
            .keepers
            .apply(config.roles.clone(), config.settings.idle_after);
        (targets.in_force)(&config.settings, &config.imds);
        changes
    }

    fn record(&self, applied: bool, problems: &[ConfigProblem], changes: &[String]) {
        let Some(targets) = self.targets.get() else {
            return;
        };
        let refused = (!applied).then(|| {
            problems
                .iter()
                .find(|problem| problem.severity == Severity::Error)
                .map_or_else(|| "not loadable".to_owned(), describe)
        });
        targets.ledger.note(Record {
            event: Event::Reload,
            code: Some(if applied { "applied" } else { "kept_old" }.to_owned()),
            message: refused,
            ..Record::default()
        });
        if !changes.is_empty() {
            targets.ledger.note(Record {
                event: Event::Config,
                message: Some(changes.join("; ")),
                ..Record::default()
            });
        }
    }

    /// What the files as they are now would give, without putting it in force.
    pub async fn check(&self) -> ConfigReport {
        let loaded = self.read().await;
        let roles = loaded.config.iter().flat_map(|config| &config.roles);
        ConfigReport {
            files: loaded
                .files
                .iter()
                .map(|file| file.display().to_string())
                .collect(),
            roles: roles
                .filter(|role| role.recipe.is_ok())
                .map(|role| role.name.to_string())
                .collect(),
            problems: loaded.problems,
        }
    }

    /// For `status`.
    pub fn status(&self) -> ConfigStatus {
        let state = self.state();
        ConfigStatus {
            files: state
                .files
                .iter()
                .map(|file| file.display().to_string())
                .collect(),
            loaded: state.loaded.to_string(),
            current: state.current,
            problems: state.problems.clone(),
        }
    }

    async fn read(&self) -> Loaded {
        let sources = self.sources.clone();
        // Files may stand on a slow or hung network disk; the doors must go on answering meanwhile.
        tokio::task::spawn_blocking(move || config::load(&sources))
            .await
            .expect("reading the configuration does not panic, and panics abort")
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Freshen for Configuration {
    fn freshen(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            if !self.state().stamps.changed() {
                return;
            }
            let _turn = self.turn.lock().await;
            if self.state().stamps.changed() {
                tracing::info!("a configuration file changed; reading it again");
                self.reload_now().await;
            }
        })
    }
}

fn log(problem: &ConfigProblem) {
    match problem.severity {
        Severity::Error => tracing::error!("configuration: {}", describe(problem)),
        Severity::Warning => tracing::warn!("configuration: {}", describe(problem)),
    }
}

/// `file:line: key: message (hint)`.
pub fn describe(problem: &ConfigProblem) -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    if let Some(file) = &problem.file {
        text.push_str(file);
        if let Some(line) = problem.line {
            let _ = write!(text, ":{line}");
        }
        text.push_str(": ");
    }
    if let Some(key) = &problem.key {
        let _ = write!(text, "{key}: ");
    }
    text.push_str(&problem.message);
    if let Some(hint) = &problem.hint {
        let _ = write!(text, " (hint: {hint})");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_names_file_line_and_key() {
        let problem = ConfigProblem {
            severity: Severity::Error,
            file: Some("/c.toml".into()),
            line: Some(3),
            key: Some("roles.a.regoin".into()),
            role: None,
            message: "unknown key".into(),
            hint: Some("did you mean region".into()),
        };
        assert_eq!(
            describe(&problem),
            "/c.toml:3: roles.a.regoin: unknown key (hint: did you mean region)"
        );
    }
}
