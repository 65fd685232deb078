//! Reads everything and puts it together.

use std::sync::Arc;

use rolecall::api::{ConfigProblem, Severity};

use super::call::{self, Policies};
use super::definition::Definitions;
use super::environment::Environment;
use super::file::Reader;
use super::problem::Fault;
use super::resolve::Resolver;
use super::shared::Shared;
use super::toml_file::{ConfigToml, Findings, Listener, expected};
use super::tree::Value;
use super::{Config, ImdsListener, KeptFiles, Loaded, Sources, system};
use crate::recipe::{Role, nearest};
use crate::sys::host;

/// What stands in the files, before roles are made of it.
pub(super) struct Read {
    pub(super) reader: Reader,
    pub(super) toml: ConfigToml,
    /// Whether there is a `config.toml`.
    pub(super) toml_exists: bool,
    pub(super) shared: Shared,
    pub(super) policies: Policies,
    /// What keeps the files from being put in force.
    pub(super) faults: Vec<Fault>,
    pub(super) warnings: Vec<ConfigProblem>,
}

impl Read {
    /// Reads `config.toml`, the shared files and the policies.
    pub(super) fn files(sources: &Sources) -> Self {
        let mut reader = Reader::new(sources.system);
        let mut findings = Findings::default();
        let text = reader.read(&sources.config).unwrap_or_else(|fault| {
            findings.faults.push(fault);
            None
        });
        let mut toml = ConfigToml::read(
            &sources.config,
            text.as_ref().map_or("", |text| text.as_str()),
            &mut findings,
        );
        if sources.system {
            let uids = system::uids(&toml, host::uid_of, &mut findings.warnings);
            toml.settings.uids = Arc::new(uids);
        } else {
            findings.faults.extend(system::not_for_one_user(&toml));
        }
        let environment = Environment::with(&toml, sources);
        let shared = Shared::read(&environment, &mut reader, &mut findings.faults);
        let policies = read_policies(&toml, &shared, &mut reader);
        let mut warnings = findings.warnings;
        warnings.append(&mut reader.warnings);
        warnings.extend(shared.warnings());
        Self {
            reader,
            toml,
            toml_exists: text.is_some(),
            shared,
            policies,
            faults: findings.faults,
            warnings,
        }
    }

    /// For turning roles into recipes.
    pub(super) fn resolver<'a>(&'a self, sources: &'a Sources) -> Resolver<'a> {
        self.resolver_of(&self.toml, &self.shared, sources)
    }

    /// The same for other texts, whose policies are the ones already read.
    pub(super) fn resolver_of<'a>(
        &'a self,
        toml: &'a ConfigToml,
        shared: &'a Shared,
        sources: &'a Sources,
    ) -> Resolver<'a> {
        Resolver {
            definitions: Definitions { toml, shared },
            environment: Environment::with(toml, sources),
            policies: &self.policies,
        }
    }
}

/// Reads the files and makes a configuration of them.
///
/// `config.toml` that is not TOML, has an unknown key or a mistake outside `[roles]`, and shared files
/// that AWS's reader refuses, give no configuration: the old one stays in force (DESIGN rule 12). A
/// mistake in one role makes that role unusable, a listener for a role that does not exist is left out;
/// both are reported as errors.
pub fn load(sources: &Sources) -> Loaded {
    let read = Read::files(sources);
    let mut problems: Vec<ConfigProblem> = read
        .faults
        .iter()
        .map(|fault| fault.problem(None))
        .collect();
    problems.extend(read.warnings.iter().cloned());
    let kept = (read.faults.is_empty()).then(|| KeptFiles::of(&read));
    let config = if read.faults.is_empty() {
        let resolver = read.resolver(sources);
        let (mut roles, found) = resolver.roles();
        problems.extend(found);
        if sources.system {
            for role in roles.iter_mut().filter(|role| role.recipe.is_ok()) {
                if let Err(fault) = system::check(&resolver.definitions, role) {
                    problems.push(fault.problem(Some(role.name.as_str())));
                    role.recipe = Err(fault.unusable());
                }
            }
        }
        let imds = listeners(&read.toml.imds, &roles, &mut problems);
        Some(Config {
            settings: read.toml.settings,
            roles,
            imds,
        })
    } else {
        None
    };
    problems.sort_by_key(|problem| problem.severity == Severity::Warning);
    Loaded {
        config,
        kept,
        problems,
        files: read.reader.files,
        stamps: read.reader.stamps,
    }
}

fn read_policies(toml: &ConfigToml, shared: &Shared, reader: &mut Reader) -> Policies {
    let definitions = Definitions { toml, shared };
    let directory = toml.path.parent().unwrap_or(&toml.path);
    let mut policies = Policies::new();
    for name in toml.roles.keys() {
        let Some((value, place)) = definitions.own(name, "policy") else {
            continue;
        };
        let text = match value {
            Value::Text(file) => match reader.read(&directory.join(file)) {
                Ok(Some(text)) => call::policy(&text, &place),
                Ok(None) => Err(Fault::mistake(
                    place,
                    format!("there is no file {}", directory.join(file).display()),
                )
                .hint("a policy is a file, named from the directory of config.toml")),
                // The key that names the file: nobody else would look into it.
                Err(fault) => Err(Fault {
                    message: format!("{} {}", directory.join(file).display(), fault.message),
                    place: Some(place),
                    ..fault
                }),
            },
            other => Err(expected(place, "the path of a policy file", other)),
        };
        policies.insert(name.clone(), text);
    }
    policies
}

fn listeners(
    listed: &[Listener],
    roles: &[Role],
    problems: &mut Vec<ConfigProblem>,
) -> Vec<ImdsListener> {
    let known = || roles.iter().map(|role| role.name.as_str());
    listed
        .iter()
        .filter_map(|listener| {
            if known().any(|name| name == listener.role) {
                return Some(ImdsListener {
                    listen: listener.listen,
                    role: listener.role.clone(),
                });
            }
            let mut fault = Fault::mistake(
                listener.place.clone(),
                format!(
                    "there is no role {:?}, so nothing listens on {}",
                    listener.role, listener.listen
                ),
            );
            if let Some(meant) = nearest(&listener.role, known()) {
                fault = fault.hint(format!("did you mean {meant}?"));
            }
            problems.push(fault.problem(None));
            None
        })
        .collect()
}

#[cfg(test)]
mod tests;
