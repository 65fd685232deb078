//! What a reload changed, one line a role: pure.

use std::collections::BTreeSet;

use super::registry::Table;
use super::status;
use crate::recipe::{Call, Recipe, Role, Source};

/// Roles that came, went or changed between two tables, by name.
pub(super) fn lines(old: &Table, new: &Table) -> Vec<String> {
    let names: BTreeSet<&String> = old.by_name.keys().chain(new.by_name.keys()).collect();
    names
        .into_iter()
        .filter_map(
            |name| match (old.by_name.get(name), new.by_name.get(name)) {
                (None, Some(_)) => Some(format!("{name}: added")),
                (Some(_), None) => Some(format!("{name}: removed")),
                (Some(old), Some(new)) => {
                    let what = differences(&old.role, &new.role);
                    (!what.is_empty()).then(|| format!("{name}: changed ({})", what.join(", ")))
                }
                (None, None) => None,
            },
        )
        .collect()
}

fn differences(old: &Role, new: &Role) -> Vec<String> {
    let mut what = match (&old.recipe, &new.recipe) {
        (Ok(old), Ok(new)) => recipe_differences(old, new),
        // A reason names a line, and lines move; `config check` tells reasons.
        (Err(_), Err(_)) => Vec::new(),
        (Ok(_), Err(unusable)) => vec![format!("unusable: {}", unusable.reason)],
        (Err(_), Ok(_)) => vec!["usable now".to_owned()],
    };
    if old.region != new.region {
        what.push("region".to_owned());
    }
    if old.keep_fresh != new.keep_fresh {
        what.push("keep_fresh".to_owned());
    }
    if old.rules != new.rules {
        what.push("rules".to_owned());
    }
    what
}

fn recipe_differences(old: &Recipe, new: &Recipe) -> Vec<String> {
    let Source::StaticKeys(old_keys) = &old.source;
    let Source::StaticKeys(new_keys) = &new.source;
    let same_keys = old_keys.access_key_id == new_keys.access_key_id
        && old_keys.secret_access_key.expose() == new_keys.secret_access_key.expose();
    let mut what = Vec::new();
    if !same_keys {
        what.push("keys".to_owned());
    }
    let shape = |recipe: &Recipe| recipe.steps.len();
    if shape(old) != shape(new) {
        what.push(format!("recipe {}", status::line(new)));
        return what;
    }
    for (old, new) in old.steps.iter().zip(&new.steps) {
        let (Call::AssumeRole(a), Call::AssumeRole(b)) = (&old.call, &new.call);
        let fields = [
            ("role_arn", a.role_arn != b.role_arn),
            ("duration_seconds", a.duration != b.duration),
            ("external_id", a.external_id != b.external_id),
            ("session name", a.session_name != b.session_name),
            (
                "policy",
                a.policy != b.policy || a.policy_arns != b.policy_arns,
            ),
            (
                "session tags",
                a.session_tags != b.session_tags
                    || a.transitive_session_tags != b.transitive_session_tags,
            ),
            ("source_identity", a.source_identity != b.source_identity),
            ("STS region", a.sts.region != b.sts.region),
            ("endpoint", a.sts.url != b.sts.url),
        ];
        let changed = fields.iter().filter(|(_, changed)| *changed);
        what.extend(changed.map(|(field, _)| (*field).to_owned()));
    }
    what.dedup();
    what
}
