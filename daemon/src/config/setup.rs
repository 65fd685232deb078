//! What `rolecall setup` changes: the definition of `[profile dev]` moves to `[roles.dev]`, and
//! `[profile dev]` keeps everything else beside a `credential_process` line (botocore prefers `role_arn`
//! to `credential_process`, so both cannot stay).

mod edit;

use rolecall::api::{Code, Problem, SetupPlan, SetupRequest, SkippedProfile};

use self::edit::{Edit, file_edit};
use super::definition::Definitions;
use super::index::Line;
use super::keys::{self, toml_key, toml_string};
use super::load::Read;
use super::shared::Shared;
use super::toml_file::{ConfigToml, Findings};
use super::{Sources, client_line, tree};
use crate::recipe::{Fingerprint, Role, RoleName, nearest};

/// What `setup` would change. Nothing is written: the client shows the plan and carries it out.
///
/// Every role that moves resolves to the same recipe afterwards; the plan is checked for that before it
/// is handed out.
///
/// # Errors
///
/// If the files cannot be read as they are, a profile asked for does not exist, or the client's path is
/// one that some SDK would not run as it stands.
pub fn plan_setup(sources: &Sources, request: &SetupRequest) -> Result<SetupPlan, Problem> {
    if !client_line::is_plain(&request.client) {
        return Err(Problem {
            code: Code::BadRequest,
            message: format!(
                "{:?} cannot stand in a credential_process line: SDKs split or unquote it in different ways",
                request.client
            ),
            hint: Some(
                "install rolecall under an absolute path of letters, digits and . _ - only".into(),
            ),
        });
    }
    let read = Read::files(sources);
    if let Some(fault) = read.faults.first() {
        let unusable = fault.unusable();
        return Err(Problem {
            code: Code::Unusable,
            message: unusable.reason,
            hint: unusable.hint,
        });
    }
    let resolver = read.resolver(sources);
    let definitions = resolver.definitions;
    let (roles, _) = resolver.roles();
    let mut moved: Vec<String> = Vec::new();
    let mut skipped = Vec::new();
    for profile in asked_for(&definitions, request)? {
        match check(&definitions, &roles, &profile) {
            Ok(()) => moved.push(profile),
            Err(reason) => skipped.push(SkippedProfile { profile, reason }),
        }
    }
    let mut config = Edit::of(&read.shared.config.text);
    for profile in &moved {
        move_lines(&mut config, &read.shared, profile, &request.client);
    }
    let mut toml = Edit::of(&read.toml.text);
    let toml_text = read.toml_exists.then(|| read.toml.text.as_str());
    if toml_text.is_none() {
        toml.append(
            "# Roles of rolecall: `rolecall setup` moved them here from the AWS config file.\n",
        );
    }
    for profile in &moved {
        add_definition(&mut toml, &definitions, profile);
    }
    verify(sources, &read, &roles, &toml.text(), &config.text())?;
    let mut edits = Vec::new();
    if !moved.is_empty() {
        // The definitions first: between the two writes a role is defined twice, and in the same way.
        edits.push(file_edit(&read.toml.path, toml_text, toml.hunks()));
        let path = &read.shared.config.path;
        edits.push(file_edit(
            path,
            Some(&read.shared.config.text),
            config.hunks(),
        ));
    }
    Ok(SetupPlan {
        edits,
        moved,
        skipped,
    })
}

/// The profiles to look at: those named, else every one that assumes a role or already stands for one.
fn asked_for(
    definitions: &Definitions<'_>,
    request: &SetupRequest,
) -> Result<Vec<String>, Problem> {
    let shared = definitions.shared;
    let profiles = shared.profiles();
    if request.profiles.is_empty() {
        return Ok(profiles
            .into_iter()
            .filter(|name| shared.get(name, "role_arn").is_some() || is_ours(shared, name))
            .map(str::to_owned)
            .collect());
    }
    let mut named: Vec<String> = Vec::new();
    for name in &request.profiles {
        if !profiles.contains(name.as_str()) {
            return Err(Problem {
                code: Code::UnknownRole,
                message: format!(
                    "there is no profile {name:?} in {}",
                    shared.config.path.display()
                ),
                hint: nearest(name, profiles.iter().copied())
                    .map(|meant| format!("did you mean {meant}?")),
            });
        }
        if !named.contains(name) {
            named.push(name.clone());
        }
    }
    Ok(named)
}

fn is_ours(shared: &Shared, profile: &str) -> bool {
    shared
        .get(profile, "credential_process")
        .is_some_and(|line| client_line::role(line).is_some())
}

/// Why a profile is left alone.
fn check(definitions: &Definitions<'_>, roles: &[Role], profile: &str) -> Result<(), String> {
    let shared = definitions.shared;
    if shared.credentials.index.profile(profile).is_some() {
        return Err(format!(
            "is in {} too, and what stands there comes before credential_process",
            shared.credentials.path.display()
        ));
    }
    if keys::KEYS
        .iter()
        .any(|key| shared.get(profile, key).is_some())
    {
        return Err("has keys of its own, and SDKs use them before credential_process".into());
    }
    if shared.get(profile, "role_arn").is_none() {
        return Err(if is_ours(shared, profile) {
            "is behind rolecall already".into()
        } else {
            "has no role_arn".into()
        });
    }
    let role = roles
        .iter()
        .find(|role| role.name.as_str() == profile)
        .ok_or("is no role")?;
    if let Err(why) = &role.recipe {
        return Err(why.reason.clone());
    }
    let slug = role.name.slug();
    if let Some(other) = definitions
        .role_named(&slug)
        .filter(|other| *other != profile)
    {
        return Err(format!("its short name {slug} means role {other}"));
    }
    match definitions.toml.roles.get(profile) {
        Some((line, _)) if !is_header_of(definitions.toml, *line, profile) => Err(format!(
            "{}:{line} defines it without a [roles.{}] header: move it by hand",
            definitions.toml.path.display(),
            toml_key(profile)
        )),
        _ => Ok(()),
    }
}

/// Whether that line of `config.toml` is the header `[roles.NAME]`, so that keys can go below it.
fn is_header_of(toml: &ConfigToml, line: u32, role: &str) -> bool {
    let text = toml.text.lines().nth(line as usize - 1).unwrap_or_default();
    let Ok(mut table) = tree::parse(text) else {
        return false;
    };
    let Some(tree::Value::Table(mut roles)) = table.remove("roles").map(|entry| entry.item.value)
    else {
        return false;
    };
    let header = roles.remove(role).map(|entry| entry.item.value);
    text.trim_start().starts_with('[')
        && matches!(header, Some(tree::Value::Table(keys)) if keys.is_empty())
}

/// `[profile NAME]`: the keys that define credentials go, and the line comes where the first one was.
fn move_lines(edit: &mut Edit<'_>, shared: &Shared, profile: &str, client: &str) {
    let index = &shared.config.index;
    let slug = RoleName::new(profile).map_or_else(|| profile.to_owned(), |name| name.slug());
    let mut pending = Some(client_line::of(client, &slug));
    let mut removing = false;
    for (at, line) in index.lines.iter().enumerate() {
        match line {
            Line::Key(section, key) => {
                removing = index.is_profile(*section, profile) && keys::is_moved(key);
            }
            Line::Continuation(_) => {}
            Line::Blank | Line::Comment => continue,
            Line::Header(_) | Line::Stray => removing = false,
        }
        if !removing {
            continue;
        }
        let old = edit.line(at);
        let new = match pending.take() {
            Some(line) => around(old, &format!("credential_process = {line}")),
            None => String::new(),
        };
        edit.replace(at, new);
    }
}

/// `new` with the indentation and end of the line `old`.
fn around(old: &str, new: &str) -> String {
    let body = old.trim_end_matches(['\r', '\n']);
    let end = &old[body.len()..];
    let indent = &body[..body.len() - body.trim_start_matches([' ', '\t']).len()];
    format!("{indent}{new}{end}")
}

/// `[roles.NAME]` gets every key that defines the profile's credentials and is not there yet.
fn add_definition(edit: &mut Edit<'_>, definitions: &Definitions<'_>, profile: &str) {
    let end = edit.line_end();
    let existing = definitions.toml.roles.get(profile);
    let mut lines = String::new();
    for key in keys::MOVED {
        let Some(value) = definitions.shared.get(profile, key) else {
            continue;
        };
        let ours = key == "credential_process" && client_line::role(value).is_some();
        if ours || existing.is_some_and(|(_, table)| table.contains_key(key)) {
            continue;
        }
        let value = match (key, value.parse::<u32>()) {
            ("duration_seconds", Ok(seconds)) => seconds.to_string(),
            _ => toml_string(value),
        };
        lines.extend([key, " = ", &value, end]);
    }
    match existing {
        Some((line, _)) => edit.insert_after(*line as usize - 1, lines),
        None => edit.append(&format!("{end}[roles.{}]{end}{lines}", toml_key(profile))),
    }
}

/// Reads the new texts as if they were written, and compares every role that worked.
fn verify(
    sources: &Sources,
    read: &Read,
    before: &[Role],
    toml: &str,
    config: &str,
) -> Result<(), Problem> {
    let mut findings = Findings::default();
    let toml = ConfigToml::read(&read.toml.path, toml, &mut findings);
    let shared = read.shared.with_config(config, &mut findings.faults);
    let failed = |why: String| Problem {
        code: Code::Unusable,
        message: format!("the files cannot be changed without changing what they mean: {why}"),
        hint: Some(
            "write [roles.NAME] tables with headers in config.toml, or name single profiles".into(),
        ),
    };
    if let Some(fault) = findings.faults.first() {
        return Err(failed(fault.unusable().reason));
    }
    let after = read.resolver_of(&toml, &shared, sources).roles().0;
    for role in before.iter().filter(|role| role.recipe.is_ok()) {
        let same = after.iter().find(|other| other.name == role.name);
        if same.and_then(fingerprint) != fingerprint(role) {
            return Err(failed(format!(
                "role {} would become another one",
                role.name
            )));
        }
    }
    Ok(())
}

fn fingerprint(role: &Role) -> Option<Fingerprint> {
    Some(role.recipe.as_ref().ok()?.last().fingerprint)
}

#[cfg(test)]
mod tests;
