//! The files that `exec` points its command at: copies in which `[default]` is the role (DESIGN,
//! "container").
//!
//! The command finds its credentials in the container variables, which every SDK looks at only after the
//! default profile; so in the copies that profile has none. Its settings are the role's, as
//! `AWS_PROFILE` would have made them: another profile's region or endpoint is never mixed in.

use std::collections::BTreeMap;
use std::io::{Error, ErrorKind, Result};

use zeroize::Zeroizing;

use super::Sources;
use super::definition::Definitions;
use super::index::{Line, content, lines};
use super::keys;
use super::load::Read;
use super::shared::{Shared, SharedFile};
use super::toml_file::ConfigToml;
use super::tree::Value;
pub use kept::KeptFiles;

mod kept;

const DEFAULT: &str = "default";

/// The files `exec` points its command at (DESIGN, "container").
#[expect(missing_debug_implementations, reason = "copies of files with keys")]
pub struct ExecFiles {
    /// Copy of the shared config whose `[default]` has the role's settings and no credential keys.
    pub config: Zeroizing<String>,
    /// Copy of the shared credentials file without `[default]`.
    pub credentials: Zeroizing<String>,
}

/// Makes the copies for `role`. Profiles other than `[default]` stay as they are; without their keys, if the files
/// cannot be read as they are and those of before have to do.
///
/// # Errors
///
/// `InvalidData` if the files cannot be read as they are and none of before are `kept`, `NotFound` if there is no
/// such role.
pub fn exec_files(sources: &Sources, kept: Option<&KeptFiles>, role: &str) -> Result<ExecFiles> {
    let read = Read::files(sources);
    let Some(fault) = read.faults.first() else {
        return copies(&read.toml, &read.shared, role);
    };
    let Some(kept) = kept else {
        return Err(Error::new(ErrorKind::InvalidData, fault.unusable().reason));
    };
    let (toml, shared) = kept.parsed();
    copies(&toml, &shared, role)
}

fn copies(toml: &ConfigToml, shared: &Shared, role: &str) -> Result<ExecFiles> {
    let definitions = Definitions { toml, shared };
    if !definitions.roles().contains(role) {
        return Err(Error::new(
            ErrorKind::NotFound,
            format!("there is no role {role:?}"),
        ));
    }
    let mut config = Zeroizing::new(String::from("[default]\n"));
    for block in settings(&definitions, role).values() {
        config.push_str(block);
    }
    config.push('\n');
    config.push_str(&without_default(&shared.config));
    Ok(ExecFiles {
        config,
        credentials: without_default(&shared.credentials),
    })
}

/// A role's settings: everything of its profile but credentials, nested blocks included, and what
/// `[roles.NAME]` says of it. By key, each with its line ends.
fn settings(definitions: &Definitions<'_>, role: &str) -> BTreeMap<String, Zeroizing<String>> {
    let mut settings = BTreeMap::new();
    for file in [&definitions.shared.config, &definitions.shared.credentials] {
        let mut current: Option<String> = None;
        for (text, line) in lines(&file.text).zip(&file.index.lines) {
            match line {
                Line::Key(section, key)
                    if file.index.is_profile(*section, role) && !keys::is_credential(key) =>
                {
                    let line = format!("{}\n", content(text).trim_start_matches([' ', '\t']));
                    settings.insert(key.clone(), Zeroizing::new(line));
                    current = Some(key.clone());
                }
                Line::Continuation(_) if bracketed(text).is_some() => current = None,
                Line::Continuation(_) => {
                    if let Some(block) = current.as_ref().and_then(|key| settings.get_mut(key)) {
                        block.push_str(content(text));
                        block.push('\n');
                    }
                }
                Line::Blank | Line::Comment => {}
                Line::Key(..) | Line::Header(_) | Line::Stray => current = None,
            }
        }
    }
    for key in keys::SETTINGS {
        let value = match definitions.own(role, key) {
            Some((Value::Text(text), _)) => text.clone(),
            Some((Value::Switch(switch), _)) => switch.to_string(),
            _ => continue,
        };
        if !value.contains(['\n', '\r']) {
            settings.insert(key.to_owned(), Zeroizing::new(format!("{key} = {value}\n")));
        }
    }
    settings
}

/// The file without what any SDK takes for the default profile.
fn without_default(file: &SharedFile) -> Zeroizing<String> {
    let mut copy = Zeroizing::new(String::with_capacity(file.text.len() + 1));
    let mut dropping = false;
    for (text, line) in lines(&file.text).zip(&file.index.lines) {
        match bracketed(text) {
            Some(name) if is_default(name) => dropping = true,
            _ if matches!(line, Line::Header(_)) => dropping = false,
            _ => {}
        }
        if !dropping {
            copy.push_str(text);
        }
    }
    copy
}

/// What a line names in brackets, if it is a section's header to any SDK: Go and JavaScript look for one where
/// others see an indented line go on with the key above it.
fn bracketed(line: &str) -> Option<&str> {
    let inner = content(line).trim().strip_prefix('[')?;
    Some(inner.split([']', '#', ';']).next().unwrap_or(inner))
}

/// Whether one SDK or another takes a section for the default profile, or has it inherited by that. Each is
/// right by its own reader: botocore reads a profile's name as a shell reads words, and with it Python's
/// configparser puts the keys of `[DEFAULT]` into every section; JavaScript takes off quotes; Go's first reads
/// `[profile default]` in the credentials file, too; all but botocore and JavaScript allow blanks.
fn is_default(name: &str) -> bool {
    let plain: String = (name.chars())
        .filter(|it| !matches!(it, '"' | '\'' | '\\'))
        .collect();
    let mut words = plain.split_whitespace();
    let first = words.next();
    let name = if first == Some("profile") {
        words.next()
    } else {
        first
    };
    words.next().is_none() && matches!(name, Some(DEFAULT | "DEFAULT"))
}

#[cfg(test)]
mod tests;
