//! One role's definition becomes one AssumeRole call. Limits are those of the STS API Reference,
//! "AssumeRole".

use std::collections::BTreeMap;
use std::time::Duration;

use super::definition::Definitions;
use super::problem::{Fault, Place};
use super::toml_file::expected;
use super::tree::{Item, Value};
use crate::recipe::policy::{self, PolicyError};
use crate::recipe::{
    AssumeRole, DEFAULT_SESSION_NAME, RoleArn, SessionName, StsEndpoint, duration,
};

/// AssumeRole's default and, for a chained role, AWS's limit.
const ONE_HOUR: Duration = Duration::from_hours(1);

/// Texts of the roles' policy files, by role, read beforehand.
pub(super) type Policies = BTreeMap<String, Result<String, Fault>>;

/// The call, and what `status` should say about it.
pub(super) struct Made {
    pub(super) call: AssumeRole,
    pub(super) notes: Vec<String>,
}

/// The ARN of a role.
pub(super) fn role_arn(definitions: &Definitions<'_>, role: &str) -> Result<RoleArn, Fault> {
    let Some((text, place)) = definitions.text(role, "role_arn")? else {
        return Err(
            Fault::mistake(definitions.place(role), "role_arn is missing").hint(
                "a role is assumed with role_arn and source_profile; keys by themselves are a source, never handed out",
            ),
        );
    };
    RoleArn::parse(text).map_err(|error| Fault::mistake(place, error.to_string()))
}

/// The AssumeRole call of `role`.
pub(super) fn assume_role(
    definitions: &Definitions<'_>,
    policies: &Policies,
    role: &str,
    chained: bool,
    sts: StsEndpoint,
) -> Result<Made, Fault> {
    let mut notes = Vec::new();
    let mut duration = duration_seconds(definitions, role)?.unwrap_or(ONE_HOUR);
    if chained && duration > ONE_HOUR {
        notes.push(format!(
            "asked for {}; AWS allows one hour for a chained role",
            duration::short(duration)
        ));
        duration = ONE_HOUR;
    }
    let external_id = definitions.text(role, "external_id")?;
    if let Some((text, place)) = &external_id
        && !fits(text, 2, 1224, "+=,.@:/-_")
    {
        return Err(Fault::mistake(
            place.clone(),
            "expected an external id of 2 to 1,224 letters, digits and _+=,.@:/- (not shown)",
        ));
    }
    let source_identity = definitions.text(role, "source_identity")?;
    if let Some((text, place)) = &source_identity
        && (!fits(text, 2, 64, "+=,.@-_") || text.starts_with("aws:"))
    {
        return Err(Fault::mistake(
            place.clone(),
            format!("expected 2 to 64 letters, digits and _+=,.@-, found {text:?}"),
        ));
    }
    let (session_tags, transitive_session_tags) = tags(definitions, role)?;
    let call = AssumeRole {
        role_arn: role_arn(definitions, role)?,
        duration,
        external_id: external_id.map(|(text, _)| text.to_owned()),
        session_name: session_name(definitions, role)?,
        policy: policies.get(role).cloned().transpose()?,
        policy_arns: policy_arns(definitions, role)?,
        session_tags,
        transitive_session_tags,
        source_identity: source_identity.map(|(text, _)| text.to_owned()),
        sts,
    };
    Ok(Made { call, notes })
}

fn duration_seconds(definitions: &Definitions<'_>, role: &str) -> Result<Option<Duration>, Fault> {
    const KEY: &str = "duration_seconds";
    let (found, number, place) = match definitions.own(role, KEY) {
        Some((Value::Integer(number), place)) => (number.to_string(), Some(*number), place),
        Some((Value::Text(text), place)) => (format!("{text:?}"), None, place),
        Some((other, place)) => return Err(expected(place, "a whole number of seconds", other)),
        None => match definitions.text(role, KEY)? {
            Some((text, place)) => (format!("{text:?}"), text.parse().ok(), place),
            None => return Ok(None),
        },
    };
    match number.and_then(|number| u64::try_from(number).ok()) {
        Some(seconds @ 900..=43_200) => Ok(Some(Duration::from_secs(seconds))),
        _ => Err(Fault::mistake(
            place,
            format!("expected a whole number of seconds from 900 to 43200, found {found}"),
        )
        .hint("an hour is 3600")),
    }
}

/// `session_name` of config.toml, else `role_session_name`, else the default template.
fn session_name(definitions: &Definitions<'_>, role: &str) -> Result<SessionName, Fault> {
    let template = definitions.text(role, "session_name")?;
    if let (Some((_, place)), Some(_)) = (&template, definitions.own(role, "role_session_name")) {
        return Err(Fault::mistake(
            place.clone(),
            "stands beside role_session_name: a role has one or the other",
        ));
    }
    if let Some((text, place)) = template {
        return check_template(text)
            .map(|()| SessionName::Template(text.to_owned()))
            .map_err(|message| {
                Fault::mistake(place, message).hint(format!(
                    "placeholders are {{user}}, {{host}} and {{id}}, as in {DEFAULT_SESSION_NAME:?}"
                ))
            });
    }
    match definitions.text(role, "role_session_name")? {
        Some((text, _)) if fits(text, 2, 64, "+=,.@-_") => {
            Ok(SessionName::Verbatim(text.to_owned()))
        }
        Some((text, place)) => Err(Fault::mistake(
            place,
            format!("expected 2 to 64 letters, digits and _+=,.@-, found {text:?}"),
        )
        .hint("session_name in config.toml takes a template and shapes it to fit")),
        None => Ok(SessionName::Template(DEFAULT_SESSION_NAME.to_owned())),
    }
}

fn check_template(text: &str) -> Result<(), String> {
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        let tail = &rest[at..];
        let known = ["{user}", "{host}", "{id}"]
            .into_iter()
            .find(|placeholder| tail.starts_with(placeholder));
        let Some(known) = known else {
            let end = tail.find('}').map_or(tail.len(), |end| end + 1);
            return Err(format!("unknown placeholder {:?}", &tail[..end]));
        };
        rest = &tail[known.len()..];
    }
    Ok(())
}

fn policy_arns(definitions: &Definitions<'_>, role: &str) -> Result<Vec<String>, Fault> {
    let Some((value, place)) = definitions.own(role, "policy_arns") else {
        return Ok(vec![]);
    };
    let arns = strings(value, &place)?;
    for (arn, place) in &arns {
        if !policy::is_arn(arn) {
            return Err(Fault::mistake(
                place.clone(),
                format!("expected arn:PARTITION:iam::ACCOUNT:policy/NAME, found {arn:?}"),
            ));
        }
    }
    if arns.len() > policy::MOST_ARNS {
        return Err(Fault::mistake(
            place,
            format!("expected at most 10 policies, found {}", arns.len()),
        ));
    }
    Ok(arns.into_iter().map(|(arn, _)| arn).collect())
}

type Tags = (Vec<(String, String)>, Vec<String>);

fn tags(definitions: &Definitions<'_>, role: &str) -> Result<Tags, Fault> {
    let mut tags: Vec<(String, String)> = Vec::new();
    if let Some((value, place)) = definitions.own(role, "session_tags") {
        let Value::Table(table) = value else {
            return Err(expected(
                place,
                "a table such as { Project = \"billing\" }",
                value,
            ));
        };
        for (key, entry) in table {
            let place = Place {
                line: Some(entry.line),
                key: format!("{}.{key}", place.key),
                ..place.clone()
            };
            let Value::Text(text) = &entry.item.value else {
                return Err(expected(place, "a string", &entry.item.value));
            };
            if !policy::is_tag_key(key) {
                return Err(Fault::mistake(
                    place,
                    "expected a key of 1 to 128 letters, digits, blanks and _.:/=+-@, not beginning with aws:",
                ));
            }
            if !policy::is_tag_value(text) {
                return Err(Fault::mistake(
                    place,
                    "expected at most 256 letters, digits, blanks and _.:/=+-@",
                ));
            }
            if tags
                .iter()
                .any(|(other, _)| other.eq_ignore_ascii_case(key))
            {
                return Err(Fault::mistake(
                    place,
                    "is there already: AWS tells tags apart without case",
                ));
            }
            tags.push((key.clone(), text.clone()));
        }
        if tags.len() > policy::MOST_TAGS {
            return Err(Fault::mistake(place, "expected at most 50 tags"));
        }
    }
    let Some((value, place)) = definitions.own(role, "transitive_session_tags") else {
        return Ok((tags, vec![]));
    };
    let mut transitive = Vec::new();
    for (key, place) in strings(value, &place)? {
        if !tags.iter().any(|(tag, _)| *tag == key) {
            return Err(
                Fault::mistake(place, format!("{key:?} is not a key of session_tags"))
                    .hint("only a tag that is set can be handed on"),
            );
        }
        transitive.push(key);
    }
    transitive.sort();
    transitive.dedup();
    Ok((tags, transitive))
}

fn strings(value: &Value, place: &Place) -> Result<Vec<(String, Place)>, Fault> {
    let Value::List(list) = value else {
        return Err(expected(place.clone(), "a list of strings", value));
    };
    list.iter()
        .map(|Item { line, value }| {
            let place = Place {
                line: Some(*line),
                ..place.clone()
            };
            match value {
                Value::Text(text) => Ok((text.clone(), place)),
                other => Err(expected(place, "a string", other)),
            }
        })
        .collect()
}

/// A session policy as it is sent.
pub(super) fn policy(text: &str, place: &Place) -> Result<String, Fault> {
    policy::compact(text).map_err(|error| {
        let fault = Fault::mistake(place.clone(), error.to_string());
        match error {
            PolicyError::TooLong(_) => {
                fault.hint("make it a managed policy and name it in policy_arns")
            }
            _ => fault,
        }
    })
}

fn fits(text: &str, least: usize, most: usize, others: &str) -> bool {
    (least..=most).contains(&text.len())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || others.contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_know_three_placeholders() {
        for (text, ok) in [
            ("{user}@{host}.{id}", true),
            ("plain", true),
            ("{name}", false),
            ("{user", false),
            ("a}b", false),
        ] {
            assert_eq!(check_template(text).is_ok(), ok, "{text}");
        }
    }
}
