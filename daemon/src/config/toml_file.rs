//! `config.toml`: its top-level keys, its tables of roles and its listeners.
//!
//! A mistake at the top level, or a key nobody knows, makes the whole file unloadable (the old
//! configuration stays in force); a mistake in the value of a role's key makes that role unusable, and
//! [`super::resolve`] finds it.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rolecall::api::ConfigProblem;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;
use zeroize::Zeroizing;

use super::keys;
use super::problem::{Fault, Place, warning};
use super::tree::{self, Entry, Item, Table, Value};
use super::{LedgerOnError, Settings};
use crate::recipe::{RoleName, duration, nearest};

/// What `config.toml` says.
#[derive(Default)]
pub(super) struct ConfigToml {
    pub(super) path: PathBuf,
    /// The file byte for byte.
    pub(super) text: Zeroizing<String>,
    pub(super) settings: Settings,
    /// The lines of `[environment]`'s keys.
    pub(super) environment_lines: BTreeMap<String, u32>,
    /// `[roles.NAME]`, with the line of the header.
    pub(super) roles: BTreeMap<String, (u32, Table)>,
    pub(super) imds: Vec<Listener>,
    /// `uids`, names not yet looked up.
    pub(super) uids: Option<Vec<(Listed, Place)>>,
    /// Its line.
    pub(super) uids_line: Option<u32>,
}

/// One of `uids`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Listed {
    Uid(u32),
    Name(String),
}

impl std::fmt::Display for Listed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Uid(uid) => write!(f, "{uid}"),
            Self::Name(name) => write!(f, "{name:?}"),
        }
    }
}

/// One `[[imds]]` table, its role not yet looked up.
pub(super) struct Listener {
    pub(super) listen: SocketAddr,
    pub(super) role: String,
    pub(super) place: Place,
}

/// What is wrong with a file.
#[derive(Default)]
pub(super) struct Findings {
    pub(super) faults: Vec<Fault>,
    pub(super) warnings: Vec<ConfigProblem>,
}

impl ConfigToml {
    /// Reads the text. If there are faults, what is returned must not be put in force.
    pub(super) fn read(path: &Path, text: &str, findings: &mut Findings) -> Self {
        let mut file = Self {
            path: path.to_owned(),
            text: Zeroizing::new(text.to_owned()),
            ..Self::default()
        };
        match tree::parse(text) {
            Ok(table) => {
                for (key, entry) in table {
                    if let Err(fault) = file.top_level(&key, entry, findings) {
                        findings.faults.push(fault);
                    }
                }
            }
            Err(error) => findings.faults.push(Fault::mistake(
                Place::new(path, Some(error.line), ""),
                format!("is not TOML: {}", error.message),
            )),
        }
        file
    }

    fn place(&self, line: u32, key: impl Into<String>) -> Place {
        Place::new(&self.path, Some(line), key)
    }

    fn top_level(&mut self, key: &str, entry: Entry, findings: &mut Findings) -> Result<(), Fault> {
        let place = self.place(entry.line, key);
        match (key, entry.item.value) {
            ("idle_after", value) => {
                let text = text(&place, value)?;
                self.settings.idle_after = duration::parse(&text)
                    .ok()
                    .filter(|duration| !duration.is_zero())
                    .ok_or_else(|| {
                        Fault::mistake(
                            place,
                            format!("{}, found {text:?}", duration::DurationError),
                        )
                    })?;
            }
            ("log", value) => {
                let text = text(&place, value)?;
                check_filter(&text).map_err(|()| {
                    Fault::mistake(place, format!("expected a log filter, found {text:?}"))
                        .hint("one of off, error, warn, info, debug, trace; or such as info,rolecalld::keeper=debug")
                })?;
                self.settings.log = text;
            }
            ("ledger_on_error", value) => {
                self.settings.ledger_on_error = match text(&place, value)?.as_str() {
                    "serve" => LedgerOnError::Serve,
                    "refuse" => LedgerOnError::Refuse,
                    other => {
                        return Err(Fault::mistake(
                            place,
                            format!("expected \"serve\" or \"refuse\", found {other:?}"),
                        ));
                    }
                };
            }
            ("allow_root", value) => self.settings.allow_root = switch(place, &value)?,
            ("ledger_arguments", value) => {
                self.settings.ledger_arguments = switch(place, &value)?;
            }
            ("share_sso_cache" | "lock_on_suspend", value) => {
                if switch(place.clone(), &value)? {
                    findings.warnings.push(not_in_effect(&place));
                }
            }
            ("sts_calls_per_second", Value::Integer(5)) => {}
            ("sts_calls_per_second", Value::Integer(1..)) => {
                findings.warnings.push(not_in_effect(&place));
            }
            ("sts_calls_per_second", value) => {
                return Err(expected(
                    place,
                    "a whole number of calls, at least 1",
                    &value,
                ));
            }
            ("uids", Value::List(list)) => self.uids(place.line, list)?,
            ("uids", value) => {
                return Err(expected(place, "a list of uids and user names", &value));
            }
            ("environment", Value::Table(table)) => self.environment(table, findings),
            ("roles", Value::Table(table)) => self.roles(table, findings),
            ("imds", Value::List(list)) => self.listeners(list, findings),
            ("environment" | "roles", value) => return Err(expected(place, "a table", &value)),
            ("imds", value) => {
                return Err(expected(place, "a list of tables", &value)
                    .hint("write [[imds]] with two pairs of brackets"));
            }
            _ => return Err(unknown(place, key, keys::TOP_LEVEL)),
        }
        Ok(())
    }

    fn uids(&mut self, line: Option<u32>, list: Vec<Item>) -> Result<(), Fault> {
        let mut uids = Vec::with_capacity(list.len());
        for item in list {
            let place = self.place(item.line, "uids");
            let listed = match item.value {
                Value::Text(name) if !name.is_empty() => Listed::Name(name),
                // The last one is no user: chown(2) and the kernel's word for "unknown".
                Value::Integer(uid) => u32::try_from(uid)
                    .ok()
                    .filter(|uid| *uid != u32::MAX)
                    .map(Listed::Uid)
                    .ok_or_else(|| Fault::mistake(place.clone(), format!("{uid} is no uid")))?,
                other => return Err(expected(place, "a uid or a user's name", &other)),
            };
            uids.push((listed, place));
        }
        self.uids = Some(uids);
        self.uids_line = line;
        Ok(())
    }

    fn environment(&mut self, table: Table, findings: &mut Findings) {
        for (name, entry) in table {
            let place = self.place(entry.line, format!("environment.{name}"));
            let fault = if matches!(
                name.as_str(),
                "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" | "AWS_SESSION_TOKEN"
            ) {
                Fault::mistake(place, "keys do not belong in this file").hint(
                    "put them in a profile of ~/.aws/credentials and name it as source_profile",
                )
            } else {
                match text(&place, entry.item.value) {
                    Ok(value) if is_variable(&name, &value) => {
                        self.environment_lines.insert(name.clone(), entry.line);
                        self.settings.environment.insert(name, value);
                        continue;
                    }
                    Ok(_) => Fault::mistake(place, "no environment can hold this name or value"),
                    Err(fault) => fault,
                }
            };
            findings.faults.push(fault);
        }
    }

    fn roles(&mut self, table: Table, findings: &mut Findings) {
        for (name, entry) in table {
            let key = format!("roles.{}", keys::toml_key(&name));
            let place = self.place(entry.line, key.clone());
            let Value::Table(role) = entry.item.value else {
                findings
                    .faults
                    .push(expected(place, "a table", &entry.item.value));
                continue;
            };
            if RoleName::new(name.clone()).is_none() {
                findings.faults.push(Fault::mistake(
                    place,
                    "expected a role's name of 1 to 256 bytes without control characters",
                ));
                continue;
            }
            for (written, entry) in &role {
                if !keys::is_role_key(written) {
                    let place = self.place(entry.line, format!("{key}.{written}"));
                    findings
                        .faults
                        .push(unknown(place, written, keys::role_keys()));
                }
            }
            self.roles.insert(name, (entry.line, role));
        }
    }

    fn listeners(&mut self, list: Vec<Item>, findings: &mut Findings) {
        for item in list {
            match self.listener(item) {
                Ok(listener) => {
                    if self
                        .imds
                        .iter()
                        .any(|other| other.listen == listener.listen)
                    {
                        findings.faults.push(Fault::mistake(
                            listener.place,
                            format!("{} is listened on twice", listener.listen),
                        ));
                    } else {
                        self.imds.push(listener);
                    }
                }
                Err(fault) => findings.faults.push(fault),
            }
        }
    }

    fn listener(&self, item: Item) -> Result<Listener, Fault> {
        let place = self.place(item.line, "imds");
        let Value::Table(mut table) = item.value else {
            return Err(expected(place, "a table", &item.value));
        };
        let mut take = |key: &str| {
            let Some(entry) = table.remove(key) else {
                return Err(
                    Fault::mistake(place.clone(), format!("{key} is missing")).hint(
                        "an [[imds]] table has listen = \"127.0.0.1:1690\" and role = \"NAME\"",
                    ),
                );
            };
            let place = self.place(entry.line, format!("imds.{key}"));
            Ok((text(&place, entry.item.value)?, place))
        };
        let (listen, listen_place) = take("listen")?;
        let (role, role_place) = take("role")?;
        if let Some((key, entry)) = table.pop_first() {
            let place = self.place(entry.line, format!("imds.{key}"));
            return Err(unknown(place, &key, ["listen", "role"]));
        }
        let listen: SocketAddr = listen.parse().map_err(|_| {
            Fault::mistake(
                listen_place.clone(),
                format!(
                    "expected an address and a port such as \"127.0.0.1:1690\", found {listen:?}"
                ),
            )
        })?;
        // The one loopback form every SDK takes, and the instance's own address, which exists only where someone put it.
        let instance = IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254));
        if listen.ip() != IpAddr::V4(Ipv4Addr::LOCALHOST) && listen.ip() != instance {
            return Err(Fault::mistake(
                listen_place,
                format!(
                    "expected 127.0.0.1 or 169.254.169.254, found {}",
                    listen.ip()
                ),
            )
            .hint("anyone on the network could ask for credentials there"));
        }
        Ok(Listener {
            listen,
            role,
            place: role_place,
        })
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            idle_after: Duration::from_hours(12),
            log: "info".into(),
            ledger_on_error: LedgerOnError::Serve,
            allow_root: false,
            uids: Arc::default(),
            ledger_arguments: false,
            environment: BTreeMap::new(),
        }
    }
}

fn text(place: &Place, value: Value) -> Result<String, Fault> {
    match value {
        Value::Text(text) => Ok(text),
        other => Err(expected(place.clone(), "a string", &other)),
    }
}

/// `EnvFilter` takes any word for the name of a module; here a word alone must be a level, so that
/// `log = "verbose"` is a mistake and not silence.
fn check_filter(text: &str) -> Result<(), ()> {
    let sensible = |part: &str| part.contains(['=', '[']) || part.parse::<LevelFilter>().is_ok();
    let fits = text.split(',').map(str::trim).all(sensible) && EnvFilter::try_new(text).is_ok();
    fits.then_some(()).ok_or(())
}

fn switch(place: Place, value: &Value) -> Result<bool, Fault> {
    match value {
        Value::Switch(switch) => Ok(*switch),
        other => Err(expected(place, "true or false", other)),
    }
}

fn is_variable(name: &str, value: &str) -> bool {
    !name.is_empty() && !name.contains(['=', '\0']) && !value.contains('\0')
}

/// Another type was expected.
pub(super) fn expected(place: Place, what: &str, found: &Value) -> Fault {
    Fault::mistake(place, format!("expected {what}, found {}", found.kind()))
}

fn unknown<'a>(place: Place, key: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> Fault {
    let fault = Fault::mistake(place, format!("unknown key {key:?}"));
    match nearest(key, known.clone()) {
        Some(meant) => fault.hint(format!("did you mean {meant}?")),
        None => fault.hint(format!(
            "known here: {}",
            known.into_iter().collect::<Vec<_>>().join(", ")
        )),
    }
}

fn not_in_effect(place: &Place) -> ConfigProblem {
    warning(place, "is not built yet and has no effect", None)
}

#[cfg(test)]
mod tests;
