//! What a role or profile is made of: `[roles.NAME]` of `config.toml` over `[profile NAME]` of AWS's
//! files, key by key.

use std::collections::BTreeSet;

use super::client_line;
use super::keys::{OTHER_SOURCES, OURS, toml_key};
use super::problem::{Fault, Place};
use super::shared::Shared;
use super::toml_file::{ConfigToml, expected};
use super::tree::Value;
use crate::recipe::{RoleName, StaticKeys, nearest};
use crate::secrets::Secret;

/// Both files.
#[derive(Clone, Copy)]
pub(super) struct Definitions<'a> {
    pub(super) toml: &'a ConfigToml,
    pub(super) shared: &'a Shared,
}

impl<'a> Definitions<'a> {
    /// A key of `[roles.NAME]`.
    pub(super) fn own(&self, name: &str, key: &str) -> Option<(&'a Value, Place)> {
        let (_, table) = self.toml.roles.get(name)?;
        let entry = table.get(key)?;
        let place = Place::new(
            &self.toml.path,
            Some(entry.line),
            format!("roles.{}.{key}", toml_key(name)),
        );
        Some((&entry.item.value, place))
    }

    /// A key that is a string, from either file. Empty counts as absent.
    pub(super) fn text(&self, name: &str, key: &str) -> Result<Option<(&'a str, Place)>, Fault> {
        match self.own(name, key) {
            Some((Value::Text(text), place)) => {
                Ok(Some((text.as_str(), place)).filter(|_| !text.is_empty()))
            }
            Some((other, place)) => Err(expected(place, "a string", other)),
            None if OURS.contains(&key) => Ok(None),
            None => Ok(self
                .shared
                .get(name, key)
                .map(|text| (text, self.shared.place(name, key)))),
        }
    }

    /// Where a key stands, whatever its value is.
    pub(super) fn place_of(&self, name: &str, key: &str) -> Option<Place> {
        match self.own(name, key) {
            Some((_, place)) => Some(place),
            None if OURS.contains(&key) => None,
            None => {
                self.shared.get(name, key)?;
                Some(self.shared.place(name, key))
            }
        }
    }

    /// Where a role stands.
    pub(super) fn place(&self, name: &str) -> Place {
        match self.toml.roles.get(name) {
            Some((line, _)) => Place::new(
                &self.toml.path,
                Some(*line),
                format!("roles.{}", toml_key(name)),
            ),
            None => self.shared.profile_place(name),
        }
    }

    /// Whether a profile has keys of its own. Half a pair counts: it is a mistake, not another meaning.
    pub(super) fn has_keys(&self, name: &str) -> bool {
        ["aws_access_key_id", "aws_secret_access_key"]
            .iter()
            .any(|key| self.shared.get(name, key).is_some())
    }

    /// A profile's keys.
    pub(super) fn keys(&self, profile: &str) -> Result<StaticKeys, Fault> {
        let get = |key: &str| match self.shared.get(profile, key) {
            Some(value) if value.bytes().all(|b| b.is_ascii_graphic()) => Ok(value),
            Some(_) => Err(Fault::mistake(
                self.shared.place(profile, key),
                "has characters that no key has (not shown)",
            )),
            None => Err(Fault::mistake(
                self.shared.profile_place(profile),
                format!("has one half of a pair of keys, but no {key}"),
            )),
        };
        let token = ["aws_session_token", "aws_security_token"]
            .into_iter()
            .find(|key| self.shared.get(profile, key).is_some());
        Ok(StaticKeys {
            profile: profile.to_owned(),
            access_key_id: get("aws_access_key_id")?.to_owned(),
            secret_access_key: Secret::new(get("aws_secret_access_key")?),
            session_token: token.map(get).transpose()?.map(Secret::new),
        })
    }

    /// Every role: each `[roles.NAME]`, and each profile that yields a session. A profile that holds
    /// nothing but keys is a source, and one with our own line stands for another role.
    pub(super) fn roles(&self) -> BTreeSet<&'a str> {
        self.toml
            .roles
            .keys()
            .map(String::as_str)
            .chain(
                self.shared
                    .profiles()
                    .into_iter()
                    .filter(|name| self.yields(name)),
            )
            .collect()
    }

    fn yields(&self, profile: &str) -> bool {
        let has = |key: &str| self.shared.get(profile, key).is_some();
        if has("role_arn") {
            return true;
        }
        let process = self.shared.get(profile, "credential_process");
        !self.has_keys(profile)
            && (process.is_some_and(|line| client_line::role(line).is_none())
                || has("login_session")
                || OTHER_SOURCES.iter().any(|(key, _)| has(key)))
    }

    /// The role that our own line names, by name or by slug.
    pub(super) fn role_named(&self, written: &str) -> Option<&'a str> {
        let roles = self.roles();
        roles.get(written).copied().or_else(|| {
            roles
                .into_iter()
                .find(|role| RoleName::new(*role).is_some_and(|role| role.slug() == written))
        })
    }

    /// "no profile or role of that name", with the nearest one there is.
    pub(super) fn unknown(&self, place: Place, name: &str) -> Fault {
        let fault = Fault::mistake(place, format!("there is no profile or role {name:?}"));
        let known = self.shared.profiles().into_iter().chain(self.roles());
        match nearest(name, known) {
            Some(meant) => fault.hint(format!("did you mean {meant}?")),
            None => fault,
        }
    }
}
