//! Configurations in temporary directories, for tests.

use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;

use super::{Config, Loaded, Sources, load};
use crate::recipe::{AssumeRole, Call, Recipe, Role};

/// A home directory with `.aws` and `config.toml`.
pub(super) struct Home {
    pub(super) directory: tempfile::TempDir,
    pub(super) sources: Sources,
}

/// Keys for the profile `base`, as most tests need them.
pub(super) const KEYS: &str =
    "[base]\naws_access_key_id = AKIABASE\naws_secret_access_key = secret\n";

/// ARN of a role of one account.
pub(super) fn arn(name: &str) -> String {
    format!("arn:aws:iam::123456789012:role/{name}")
}

/// `[profile NAME]` of a role.
pub(super) fn profile(name: &str, source: &str, more: &str) -> String {
    format!(
        "[profile {name}]\nrole_arn = {}\nsource_profile = {source}\n{more}\n",
        arn(name)
    )
}

/// A role of `config.toml` with all that is needed, and more.
pub(super) fn table(name: &str, more: &str) -> String {
    format!(
        "[roles.{name}]\nrole_arn = \"{}\"\nsource_profile = \"base\"\n{more}\n",
        arn(name)
    )
}

impl Home {
    /// With these three files; an empty text makes no file.
    pub(super) fn new(toml: &str, config: &str, credentials: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let home = Self {
            sources: Sources {
                config: directory.path().join("config.toml"),
                environment: [].into(),
                home: Some(directory.path().to_owned()),
                system: false,
            },
            directory,
        };
        for (name, text) in [
            ("config.toml", toml),
            (".aws/config", config),
            (".aws/credentials", credentials),
        ] {
            if !text.is_empty() {
                home.put(name, text.as_bytes());
            }
        }
        home
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(super) fn put(&self, name: &str, bytes: &[u8]) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        File::create(path).unwrap().write_all(bytes).unwrap();
    }

    pub(super) fn close(&self, name: &str, mode: u32) {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
        std::fs::set_permissions(self.path(name), mode).unwrap();
    }

    pub(super) fn set(&mut self, variable: &str, value: &str) -> &mut Self {
        self.sources
            .environment
            .insert(variable.into(), value.into());
        self
    }

    pub(super) fn load(&self) -> Loaded {
        load(&self.sources)
    }

    /// The configuration, which must be one.
    pub(super) fn config(&self) -> Config {
        let loaded = self.load();
        loaded
            .config
            .unwrap_or_else(|| panic!("{:?}", loaded.problems))
    }

    pub(super) fn role(&self, name: &str) -> Role {
        let role = self
            .config()
            .roles
            .into_iter()
            .find(|role| role.name.as_str() == name);
        role.unwrap_or_else(|| panic!("no role {name}"))
    }

    pub(super) fn recipe(&self, name: &str) -> Recipe {
        self.role(name)
            .recipe
            .unwrap_or_else(|why| panic!("{why:?}"))
    }

    /// The call that gives the role its session.
    pub(super) fn call(&self, name: &str) -> AssumeRole {
        let Call::AssumeRole(call) = self.recipe(name).last().call.clone();
        call
    }

    /// Why a role cannot work; the path of the directory left out.
    pub(super) fn unusable(&self, name: &str) -> String {
        let why = self.role(name).recipe.err().expect("the role works");
        let text = match why.hint {
            Some(hint) => format!("{} [{hint}]", why.reason),
            None => why.reason,
        };
        self.shorten(&text)
    }

    /// Every problem on a line: `E config.toml:3: key: message [hint]`.
    pub(super) fn problems(&self) -> Vec<String> {
        let line = |problem: rolecall::api::ConfigProblem| {
            let severity = match problem.severity {
                rolecall::api::Severity::Error => "E",
                rolecall::api::Severity::Warning => "W",
            };
            let place = format!(
                "{}{}",
                problem.file.unwrap_or_default(),
                problem
                    .line
                    .map(|line| format!(":{line}"))
                    .unwrap_or_default()
            );
            let key = problem
                .key
                .map(|key| format!(" {key}:"))
                .unwrap_or_default();
            let hint = problem
                .hint
                .map(|hint| format!(" [{hint}]"))
                .unwrap_or_default();
            self.shorten(&format!(
                "{severity} {place}:{key} {}{hint}",
                problem.message
            ))
        };
        self.load().problems.into_iter().map(line).collect()
    }

    fn shorten(&self, text: &str) -> String {
        text.replace(&format!("{}/", self.directory.path().display()), "")
    }
}
