//! Roles become recipes: the chain of `source_profile` down to the keys it begins with, then one call
//! for each role on the way back up.

use std::collections::HashMap;

use rolecall::api::ConfigProblem;

use super::call::{self, Policies};
use super::client_line;
use super::definition::Definitions;
use super::endpoint;
use super::environment::Environment;
use super::keys::{NOT_BUILT, OTHER_SOURCES};
use super::problem::{Fault, Place, warning};
use super::rules;
use super::toml_file::expected;
use super::tree::Value;
use crate::recipe::{Call, Fingerprint, Recipe, Role, RoleName, Rules, Source, StaticKeys, Step};

/// A chain longer than this is more likely a mistake than a wish.
const LONG_CHAIN: usize = 7;

/// All that resolving needs; nothing here reads files.
pub(super) struct Resolver<'a> {
    pub(super) definitions: Definitions<'a>,
    pub(super) environment: Environment<'a>,
    pub(super) policies: &'a Policies,
}

/// Where a role's credentials come from: the roles on the way, nearest first, and the keys at its end.
struct Chain<'a> {
    roles: Vec<&'a str>,
    keys: StaticKeys,
}

impl<'a> Resolver<'a> {
    /// Every role, by name, and what is wrong with them.
    pub(super) fn roles(&self) -> (Vec<Role>, Vec<ConfigProblem>) {
        let mut problems = Vec::new();
        let mut roles: Vec<Role> = Vec::new();
        let mut slugs: HashMap<String, &str> = HashMap::new();
        for name in self.definitions.roles() {
            let Some(role_name) = RoleName::new(name) else {
                continue;
            };
            let slug = role_name.slug();
            if let Some(other) = slugs.insert(slug.clone(), name) {
                let meant = self.definitions.role_named(&slug).unwrap_or_default();
                problems.push(warning(
                    &self.definitions.place(name),
                    &format!(
                        "shares its short name {slug} with role {other}: `rolecall process {slug}` and the HTTP doors mean {meant}"
                    ),
                    Some("rename one of them"),
                ));
            }
            let mut notes = Vec::new();
            let made = rules::of(&self.definitions, name)
                .and_then(|rules| Ok((rules, self.recipe(name, &mut notes)?)));
            // Without its rules a role is not served.
            let (rules, recipe) = match made {
                Ok((rules, recipe)) => (rules, Ok(recipe)),
                Err(fault) => {
                    problems.push(fault.problem(Some(name)));
                    (Rules::default(), Err(fault.unusable()))
                }
            };
            if recipe
                .as_ref()
                .is_ok_and(|recipe| recipe.steps.len() > LONG_CHAIN)
            {
                let place = self.definitions.place(name);
                let text = "the chain is longer than seven roles";
                notes.push(text.to_owned());
                problems.push(warning(&place, text, None));
            }
            roles.push(Role {
                region: endpoint::region(&self.definitions, name)
                    .ok()
                    .flatten()
                    .map(|(region, _)| region.to_owned()),
                keep_fresh: matches!(
                    self.definitions.own(name, "keep_fresh"),
                    Some((Value::Switch(true), _))
                ),
                rules,
                name: role_name,
                recipe,
                notes,
            });
        }
        (roles, problems)
    }

    fn recipe(&self, name: &'a str, notes: &mut Vec<String>) -> Result<Recipe, Fault> {
        self.check_switches(name)?;
        let chain = self.chain(name)?;
        // For the region: the role, what it comes from, and the profile of the keys.
        let mut settings = chain.roles.clone();
        settings.push(chain.keys.profile.as_str());
        notes.extend(self.notes(name, &chain));
        let temporary = chain.keys.session_token.is_some();
        let source = Source::StaticKeys(chain.keys.clone());
        let mut parent = Fingerprint::of_source(&source);
        let mut steps: Vec<Step> = Vec::with_capacity(chain.roles.len());
        for hop in chain.roles.iter().rev() {
            let arn = call::role_arn(&self.definitions, hop)?;
            let sts = endpoint::sts(
                &self.definitions,
                &self.environment,
                &settings,
                arn.partition(),
            )?;
            let chained = temporary || !steps.is_empty();
            let made = call::assume_role(&self.definitions, self.policies, hop, chained, sts)?;
            if *hop == name {
                notes.extend(made.notes);
            }
            let fingerprint = Fingerprint::of_assume_role(&made.call, parent);
            parent = fingerprint;
            steps.push(Step {
                fingerprint,
                call: Call::AssumeRole(made.call),
                label: (*hop).to_owned(),
                chained,
            });
        }
        Ok(Recipe { source, steps })
    }

    /// What is passed over in silence by the AWS CLI, too.
    fn notes(&self, name: &str, chain: &Chain<'_>) -> Vec<String> {
        let definitions = &self.definitions;
        let mut notes = Vec::new();
        let keys = chain.keys.profile.as_str();
        if !chain.roles.contains(&keys) && definitions.place_of(keys, "role_arn").is_some() {
            notes.push(format!(
                "profile {keys} has keys of its own, which come before its role_arn, as in the AWS CLI"
            ));
        }
        let passed_over = OTHER_SOURCES
            .iter()
            .find(|(key, _)| definitions.place_of(name, key).is_some());
        if let Some((key, _)) = passed_over {
            notes.push(format!(
                "{key} is passed over: role_arn comes first, as in the AWS CLI"
            ));
        }
        if endpoint::wants_dual_stack(definitions, &self.environment, name) {
            notes.push("dual-stack endpoints are not built yet: STS is asked over IPv4".into());
        }
        notes
    }

    /// Follows `source_profile` from a role to the keys at the end.
    fn chain(&self, name: &'a str) -> Result<Chain<'a>, Fault> {
        let mut roles = vec![name];
        let mut current = name;
        loop {
            self.check_built(current)?;
            call::role_arn(&self.definitions, current)?;
            let Some((source, place)) = self.definitions.text(current, "source_profile")? else {
                return Err(Fault::mistake(
                    self.definitions.place(current),
                    "has role_arn, but no source_profile",
                )
                .hint("source_profile names the profile whose keys assume the role"));
            };
            match self.source(current, source, &place)? {
                Next::Keys(keys) => return Ok(Chain { roles, keys }),
                Next::Role(next) => {
                    if let Some(at) = roles.iter().position(|role| *role == next) {
                        let mut cycle = roles[at..].to_vec();
                        cycle.push(next);
                        return Err(Fault::mistake(
                            place,
                            format!("the chain goes round in a circle: {}", cycle.join(" → ")),
                        )
                        .hint("one of them must name a profile with keys"));
                    }
                    roles.push(next);
                    current = next;
                }
            }
        }
    }

    /// What `source_profile = source` of the role `from` means, in the AWS CLI's order: a profile's own
    /// keys, then its role, then its other sources.
    fn source(&self, from: &str, source: &'a str, place: &Place) -> Result<Next<'a>, Fault> {
        let definitions = &self.definitions;
        if definitions.has_keys(source) {
            return definitions.keys(source).map(Next::Keys);
        }
        if source == from {
            return Err(Fault::mistake(
                place.clone(),
                format!("names {source} itself, which has no keys of its own"),
            )
            .hint("name the profile whose keys assume the role"));
        }
        if definitions.place_of(source, "role_arn").is_some() {
            return Ok(Next::Role(source));
        }
        if let Some((line, line_place)) = definitions.text(source, "credential_process")? {
            return match client_line::role(line) {
                Some(role) => definitions
                    .role_named(role)
                    .map(Next::Role)
                    .ok_or_else(|| definitions.unknown(line_place, role)),
                None => Err(other_program(line_place)),
            };
        }
        self.check_built(source)?;
        self.check_other_sources(source)?;
        if definitions.shared.has(source) || definitions.toml.roles.contains_key(source) {
            return Err(Fault::mistake(
                place.clone(),
                format!("profile {source} has neither keys nor role_arn"),
            )
            .hint(format!(
                "put aws_access_key_id and aws_secret_access_key of {source} into ~/.aws/credentials"
            )));
        }
        Err(definitions.unknown(place.clone(), source))
    }

    /// Refuses what this version cannot do.
    fn check_built(&self, name: &str) -> Result<(), Fault> {
        let definitions = &self.definitions;
        for (key, what) in NOT_BUILT {
            let Some(place) = definitions.place_of(name, key) else {
                continue;
            };
            if key == "credential_source" && definitions.place_of(name, "source_profile").is_some()
            {
                return Err(Fault::mistake(
                    place,
                    "stands beside source_profile: a role has one or the other",
                ));
            }
            return Err(Fault::not_built(place, what));
        }
        if definitions.place_of(name, "role_arn").is_some() {
            return Ok(());
        }
        self.check_other_sources(name)
    }

    /// Refuses a role or source without `role_arn` that has another way of getting a session.
    fn check_other_sources(&self, name: &str) -> Result<(), Fault> {
        let definitions = &self.definitions;
        for (key, what) in OTHER_SOURCES {
            if let Some(place) = definitions.place_of(name, key) {
                return Err(Fault::not_built(place, what));
            }
        }
        match definitions.text(name, "credential_process")? {
            Some((line, place)) => match client_line::role(line) {
                Some(role) => Err(Fault::mistake(
                    place,
                    format!("stands for role {role:?}, which nothing defines here"),
                )
                .hint("give it role_arn and source_profile")),
                None => Err(other_program(place)),
            },
            None => Ok(()),
        }
    }

    /// Checks the keys that are no part of the recipe.
    fn check_switches(&self, name: &str) -> Result<(), Fault> {
        match self.definitions.own(name, "keep_fresh") {
            None | Some((Value::Switch(_), _)) => Ok(()),
            Some((other, place)) => Err(expected(place, "true or false", other)),
        }
    }
}

enum Next<'a> {
    Keys(StaticKeys),
    Role(&'a str),
}

fn other_program(place: Place) -> Fault {
    Fault::not_built(place, "another program's credential_process as a source")
}

#[cfg(test)]
mod mistakes;
#[cfg(test)]
mod tests;
