//! `allow`, `uid`, `unit`, `doors` and `confirm` of a role. A mistake in one of them makes the role unusable:
//! it is never served without its rules.

use std::path::{Path, PathBuf};

use rolecall::api::Door;

use super::definition::Definitions;
use super::problem::{Fault, Place};
use super::toml_file::expected;
use super::tree::{Item, Table, Value};
use crate::recipe::nearest;
use crate::recipe::rules::{Allow, Confirm, Rules};

/// What an entry of `allow` may name.
const ALLOW: [&str; 6] = ["cgroup", "exe", "parent", "tty", "uid", "unit"];

/// The doors there are, as `doors` names them.
const DOORS: [(&str, Door); 3] = [
    ("container", Door::Container),
    ("imds", Door::Imds),
    ("socket", Door::Socket),
];

/// The rules of the role `name`.
pub(super) fn of(definitions: &Definitions<'_>, name: &str) -> Result<Rules, Fault> {
    let own = |key| definitions.own(name, key);
    Ok(Rules {
        allow: own("allow").map_or(Ok(Vec::new()), |(value, place)| allow(value, &place))?,
        uid: own("uid")
            .map(|(value, place)| uid(value, place))
            .transpose()?,
        unit: own("unit")
            .map(|(value, place)| unit(value, place))
            .transpose()?,
        doors: own("doors")
            .map(|(value, place)| doors(value, &place))
            .transpose()?,
        confirm: own("confirm")
            .map_or(Ok(Confirm::Never), |(value, place)| confirm(value, place))?,
    })
}

fn allow(value: &Value, place: &Place) -> Result<Vec<Allow>, Fault> {
    const EXAMPLE: &str = "such as allow = [{ exe = \"/usr/bin/terraform\", tty = true }]";
    let Value::List(entries) = value else {
        return Err(expected(place.clone(), "a list of tables", value).hint(EXAMPLE));
    };
    if entries.is_empty() {
        return Err(Fault::mistake(place.clone(), "lets nobody in")
            .hint("leave it out to let everybody in, or give it an entry"));
    }
    entries
        .iter()
        .map(|entry| match &entry.value {
            Value::Table(table) => allow_entry(table, &at_line(place, entry)),
            other => Err(expected(at_line(place, entry), "a table", other).hint(EXAMPLE)),
        })
        .collect()
}

fn allow_entry(table: &Table, place: &Place) -> Result<Allow, Fault> {
    if table.is_empty() {
        return Err(
            Fault::mistake(place.clone(), "an entry without keys lets everybody in")
                .hint("leave allow out to let everybody in"),
        );
    }
    let mut entry = Allow::default();
    for (key, found) in table {
        let place = Place {
            line: Some(found.line),
            key: format!("{}.{key}", place.key),
            ..place.clone()
        };
        let value = &found.item.value;
        match key.as_str() {
            "exe" => entry.exe = Some(executable(value, place)?),
            "parent" => entry.parent = Some(executable(value, place)?),
            "unit" => entry.unit = Some(unit(value, place)?),
            "cgroup" => entry.cgroup = Some(cgroup(value, place)?),
            "uid" => entry.uid = Some(uid(value, place)?),
            "tty" => {
                entry.tty = Some(match value {
                    Value::Switch(tty) => *tty,
                    other => return Err(expected(place, "true or false", other)),
                });
            }
            _ => {
                let fault = Fault::mistake(place, format!("unknown key {key:?}"));
                return Err(match nearest(key, ALLOW) {
                    Some(meant) => fault.hint(format!("did you mean {meant}?")),
                    None => fault.hint(format!("known here: {}", ALLOW.join(", "))),
                });
            }
        }
    }
    Ok(entry)
}

/// An absolute path. What the kernel adds to the name of an executable that was replaced is no part of one.
fn executable(value: &Value, place: Place) -> Result<PathBuf, Fault> {
    let text = text(value, &place)?;
    let path = Path::new(text);
    if !path.is_absolute() {
        return Err(Fault::mistake(
            place,
            format!("expected the absolute path of an executable, found {text:?}"),
        )
        .hint("`command -v NAME` tells it"));
    }
    if text.ends_with(" (deleted)") {
        return Err(Fault::mistake(
            place,
            "an executable that was replaced while it runs matches no rule",
        ));
    }
    Ok(path.to_owned())
}

/// `deploy.service`, or `getty@tty1.service`: a unit's name with its kind.
fn unit(value: &Value, place: Place) -> Result<String, Fault> {
    let text = text(value, &place)?;
    let whole = !text.contains('/')
        && text
            .rsplit_once('.')
            .is_some_and(|(stem, kind)| !stem.is_empty() && !kind.is_empty());
    if whole {
        Ok(text.to_owned())
    } else {
        Err(Fault::mistake(
            place,
            format!("expected a systemd unit such as \"deploy.service\", found {text:?}"),
        ))
    }
}

/// `/system.slice/deploy.service`: a path as `/proc/PID/cgroup` shows it, without a slash at its end.
fn cgroup(value: &Value, place: Place) -> Result<String, Fault> {
    let text = text(value, &place)?;
    let parts = text.strip_prefix('/').map(|rest| rest.split('/'));
    let plain = |part: &str| !part.is_empty() && part != "." && part != "..";
    if parts.is_some_and(|mut parts| parts.all(plain)) {
        Ok(text.to_owned())
    } else {
        Err(Fault::mistake(
            place,
            format!("expected a cgroup such as \"/system.slice/deploy.service\", found {text:?}"),
        )
        .hint("the line of /proc/PID/cgroup that begins with 0:: shows that of a process"))
    }
}

fn uid(value: &Value, place: Place) -> Result<u32, Fault> {
    const WHAT: &str = "a user's number";
    match value {
        // The last one means nobody in particular, everywhere in the kernel.
        Value::Integer(number) => u32::try_from(*number)
            .ok()
            .filter(|uid| *uid != u32::MAX)
            .ok_or_else(|| Fault::mistake(place, format!("expected {WHAT}, found {number}"))),
        other => Err(expected(place, WHAT, other).hint("`id -u NAME` tells it")),
    }
}

fn doors(value: &Value, place: &Place) -> Result<Vec<Door>, Fault> {
    const EXAMPLE: &str =
        "the doors are socket (which `rolecall process` uses), container and imds";
    let Value::List(list) = value else {
        return Err(expected(place.clone(), "a list of doors", value).hint(EXAMPLE));
    };
    if list.is_empty() {
        return Err(Fault::mistake(place.clone(), "serves nobody").hint(EXAMPLE));
    }
    list.iter()
        .map(|item| {
            let place = at_line(place, item);
            let name = text(&item.value, &place)?;
            let door = DOORS.iter().find(|(known, _)| *known == name);
            door.map(|(_, door)| *door)
                .ok_or_else(|| Fault::mistake(place, format!("{name:?} is no door")).hint(EXAMPLE))
        })
        .collect()
}

fn confirm(value: &Value, place: Place) -> Result<Confirm, Fault> {
    match text(value, &place)? {
        "never" => Ok(Confirm::Never),
        "first-use" => Ok(Confirm::FirstUse),
        "always" => Ok(Confirm::Always),
        other => Err(Fault::mistake(
            place,
            format!("expected \"never\", \"first-use\" or \"always\", found {other:?}"),
        )),
    }
}

fn text<'v>(value: &'v Value, place: &Place) -> Result<&'v str, Fault> {
    match value {
        Value::Text(text) => Ok(text),
        other => Err(expected(place.clone(), "a string", other)),
    }
}

fn at_line(place: &Place, item: &Item) -> Place {
    Place {
        line: Some(item.line),
        ..place.clone()
    }
}

#[cfg(test)]
mod tests;
