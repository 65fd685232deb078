//! The environment as the configuration sees it: `[environment]` of `config.toml` before the process's
//! own.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::problem::Place;
use super::toml_file::ConfigToml;
use super::{Sources, system};

/// Looks variables up.
#[derive(Clone, Copy)]
pub(super) struct Environment<'a> {
    own: &'a BTreeMap<String, String>,
    process: &'a BTreeMap<String, OsString>,
    home: Option<&'a Path>,
    /// Where the system service's shared files are.
    system: Option<&'a Path>,
    /// `config.toml` and the lines of its variables, for messages.
    file: Option<(&'a Path, &'a BTreeMap<String, u32>)>,
}

impl<'a> Environment<'a> {
    /// `own` is `[environment]`.
    pub(super) fn new(own: &'a BTreeMap<String, String>, sources: &'a Sources) -> Self {
        Self {
            own,
            process: &sources.environment,
            home: sources.home.as_deref(),
            system: sources.system.then(|| sources.config.parent()).flatten(),
            file: None,
        }
    }

    /// The environment with `[environment]` of this file.
    pub(super) fn with(toml: &'a ConfigToml, sources: &'a Sources) -> Self {
        Self {
            file: Some((&toml.path, &toml.environment_lines)),
            ..Self::new(&toml.settings.environment, sources)
        }
    }

    /// Where a variable is set.
    pub(super) fn place(&self, name: &str) -> Place {
        match self
            .file
            .and_then(|(path, lines)| Some((path, lines.get(name)?)))
        {
            Some((path, line)) => Place::new(path, Some(*line), format!("environment.{name}")),
            None => Place::variable(name),
        }
    }

    /// A variable; empty ones count as not set, as they do for the AWS CLI.
    pub(super) fn get(&self, name: &str) -> Option<&'a str> {
        self.own
            .get(name)
            .map(String::as_str)
            .or_else(|| self.process.get(name)?.to_str())
            .filter(|value| !value.is_empty())
    }

    /// Whether a variable says `true`.
    pub(super) fn is_true(&self, name: &str) -> bool {
        self.get(name)
            .is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    /// Where one of AWS's shared files is, and whether a variable says so.
    pub(super) fn shared_file(&self, variable: &str, name: &str) -> (PathBuf, bool) {
        let named = self
            .own
            .get(variable)
            .map(OsString::from)
            .or_else(|| self.process.get(variable).cloned())
            .filter(|value| !value.is_empty());
        match named {
            Some(path) => (self.expanded(Path::new(&path)), true),
            None if let Some(directory) = self.system => {
                (system::shared_file(directory, name), false)
            }
            None => (self.expanded(&Path::new("~/.aws").join(name)), false),
        }
    }

    /// A path with a leading `~` replaced by the home directory; without one, nothing is found there.
    fn expanded(&self, path: &Path) -> PathBuf {
        match (path.strip_prefix("~"), self.home) {
            (Ok(rest), Some(home)) => home.join(rest),
            _ => path.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_s_own_variables_win_and_empty_ones_do_not_count() {
        let sources = Sources {
            config: "/c".into(),
            environment: [
                ("AWS_REGION", "eu-west-1"),
                ("AWS_CONFIG_FILE", "~/other/config"),
                ("AWS_SHARED_CREDENTIALS_FILE", ""),
            ]
            .map(|(name, value)| (name.to_owned(), value.into()))
            .into(),
            home: Some("/home/alice".into()),
            system: false,
        };
        let own = [("AWS_REGION".to_owned(), "eu-north-1".to_owned())].into();
        let environment = Environment::new(&own, &sources);
        assert_eq!(environment.get("AWS_REGION"), Some("eu-north-1"));
        assert_eq!(
            environment.shared_file("AWS_CONFIG_FILE", "config"),
            ("/home/alice/other/config".into(), true)
        );
        assert_eq!(
            environment.shared_file("AWS_SHARED_CREDENTIALS_FILE", "credentials"),
            ("/home/alice/.aws/credentials".into(), false)
        );
    }
}
