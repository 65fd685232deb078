//! The configuration in force, and how another one takes its place (DESIGN rule 12).

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rolecall::api::{ConfigProblem, ConfigReport, ConfigStatus, ReloadReport, Severity};

use super::logging::Logging;
use crate::clock::{BoxFuture, SharedClock, Timestamp};
use crate::config::{self, Config, ImdsListener, KeptFiles, Loaded, Settings, Sources, Stamps};
use crate::keeper::{Freshen, Keepers};
use crate::ledger::{Event, Ledger, Record};

/// A file that has not changed for so long is taken to be whole.
const SETTLED: Duration = Duration::from_millis(50);

/// How often files that keep changing are read before they are taken as they are.
const READS: u32 = 5;

/// How long an attempt waits for a look at the files (DESIGN rule 12).
const LONGEST_LOOK: Duration = Duration::from_secs(5);

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
    /// Told of what else changed.
    pub in_force: InForce,
}

/// Told of the settings and listeners now in force.
pub type InForce = Arc<dyn Fn(&Settings, &[ImdsListener]) + Send + Sync>;

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
    kept: Option<KeptFiles>,
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
            kept: None,
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

    /// The files in force, less their keys, for when they can no longer be read.
    pub fn kept(&self) -> Option<KeptFiles> {
        self.state().kept.clone()
    }

    /// Reads the files again, and puts what they say in force if it can be.
    pub async fn reload(&self) -> ReloadReport {
        let _turn = self.turn.lock().await;
        self.reload_now().await
    }

    async fn reload_now(&self) -> ReloadReport {
        // Where nothing is in force there is nothing to lose, and a start does not wait.
        let in_force = self.state().current;
        let loaded = if in_force {
            self.read_settled().await
        } else {
            self.read().await
        };
        let Loaded {
            config,
            kept,
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
                state.kept = kept;
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

    async fn reload_if_changed(&self) {
        if !self.have_changed().await {
            return;
        }
        let _turn = self.turn.lock().await;
        if self.have_changed().await {
            tracing::info!("a configuration file changed; reading it again");
            self.reload_now().await;
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
        off_the_runtime(move || config::load(&sources)).await
    }

    /// Reads the files; again, while somebody is writing them: half a file may read as one in which the
    /// other half's roles are gone, and their sessions would go with them.
    async fn read_settled(&self) -> Loaded {
        for _ in 1..READS {
            let loaded = self.read().await;
            let now = self.clock.now();
            if !loaded.stamps.younger_than(SETTLED, now.wall) {
                return loaded;
            }
            self.clock.sleep_until(now.plus(SETTLED)).await;
            let stamps = loaded.stamps.clone();
            if !off_the_runtime(move || stamps.changed()).await {
                return loaded;
            }
        }
        self.read().await
    }

    async fn have_changed(&self) -> bool {
        let stamps = self.state().stamps.clone();
        off_the_runtime(move || stamps.changed()).await
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Freshen for Configuration {
    fn freshen(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            let limit = self.clock.sleep_until(self.clock.now().plus(LONGEST_LOOK));
            tokio::select! {
                () = self.reload_if_changed() => {}
                () = limit => tracing::warn!(
                    "the configuration files cannot be looked at (a disk that hangs?); going on with what is in force"
                ),
            }
        })
    }
}

/// Files may stand on a slow or hung network disk; the doors must go on answering meanwhile.
async fn off_the_runtime<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work)
        .await
        .expect("reading the configuration does not panic, and panics abort")
}

fn log(problem: &ConfigProblem) {
    match problem.severity {
        Severity::Error => tracing::error!("configuration: {}", describe(problem)),
        Severity::Warning => tracing::warn!("configuration: {}", describe(problem)),
    }
}

/// With its hint, on one line.
fn describe(problem: &ConfigProblem) -> String {
    match &problem.hint {
        Some(hint) => format!("{problem} (hint: {hint})"),
        None => problem.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs::File;
    use std::io::Write as _;
    use std::sync::Arc;

    use super::*;
    use crate::clock::SystemClock;

    #[tokio::test]
    async fn half_a_file_is_not_put_in_force() {
        const PROFILE: &str =
            "role_arn = arn:aws:iam::123456789012:role/x\nsource_profile = base\n";
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir(home.path().join(".aws")).unwrap();
        let mut config = File::create(home.path().join(".aws/config")).unwrap();
        let sources = Sources {
            config: home.path().join("config.toml"),
            environment: BTreeMap::new(),
            home: Some(home.path().to_owned()),
            system: false,
        };
        let configuration = Arc::new(Configuration::new(sources, Arc::new(SystemClock)));
        write!(config, "[profile a]\n{PROFILE}").unwrap();
        let reading = tokio::spawn({
            let configuration = Arc::clone(&configuration);
            async move { configuration.read_settled().await }
        });
        tokio::time::sleep(Duration::from_millis(20)).await;
        write!(config, "[profile b]\n{PROFILE}").unwrap();
        let loaded = reading.await.unwrap();
        assert_eq!(loaded.config.unwrap().roles.len(), 2);
    }

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
