//! A role with less: what a lease may take away from it, and the recipe that gives such sessions.
//!
//! AWS takes the session policies of one call together: what any of them allows is allowed, as far as the IAM
//! role allows it ("AssumeRole" in the STS API Reference). So a policy narrows a role that has none, and would
//! *widen* one that has; nothing here ever widens.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::policy::{
    MOST_ARNS, MOST_TAGS, PolicyError, is_arn, is_tag_key, is_tag_value, statement,
};
use super::{AssumeRole, Call, Fingerprint, Recipe, Role, duration};

/// The shortest session that AWS gives.
pub const SHORTEST: Duration = Duration::from_mins(15);

/// What a lease's sessions have less than their role's.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(default)]
pub struct Narrowing {
    /// Session policy, JSON text as it is sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// Managed session policies.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub policy_arns: Vec<String>,
    /// AWS's own `ReadOnlyAccess`, in the role's partition.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub read_only: bool,
    /// How long a session is asked for, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_seconds: Option<u64>,
    /// Session tags besides the role's own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<(String, String)>,
}

/// Why a role cannot be narrowed so. Names the option that asked for it.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum NarrowError {
    /// The policy is none.
    #[error("--policy: {0}")]
    Policy(#[from] PolicyError),
    /// Not the ARN of a managed policy.
    #[error("--policy-arn: expected arn:PARTITION:iam::ACCOUNT:policy/NAME, found {0:?}")]
    Arn(String),
    /// Too many of them.
    #[error("--policy-arn: expected at most 10 policies, found {0}")]
    Arns(usize),
    /// The role has session policies of its own.
    #[error(
        "the role has a policy of its own, and AWS adds session policies up: a lease's would widen it"
    )]
    HasPolicy,
    /// Below AWS's floor.
    #[error("--duration: AWS gives no session shorter than 15m")]
    TooShort,
    /// Longer than the role's own.
    #[error("--duration: the role's sessions are asked for {0}, and a lease may only shorten that")]
    Longer(String),
    /// No tag of AWS's form.
    #[error(
        "--tag: expected KEY=VALUE of at most 128 and 256 letters, digits, blanks and _.:/=+-@, the key not \
         beginning with aws:, found {0:?}"
    )]
    Tag(String),
    /// A tag that the role sets itself, or inherits.
    #[error("--tag: the role sets {0:?} itself, and a lease may not change that")]
    TagTaken(String),
    /// The same key twice; AWS tells keys apart without case.
    #[error("--tag: {0:?} is there twice")]
    TagTwice(String),
    /// Too many of them.
    #[error("--tag: with the role's own there are {0} tags, AWS takes 50")]
    Tags(usize),
}

impl NarrowError {
    /// What to do.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Policy(PolicyError::TooLong(_)) => {
                Some("make it a managed policy and name it with --policy-arn".to_owned())
            }
            Self::HasPolicy => Some(
                "lease it without --policy, --policy-arn and --read-only (--only fences all the same), or make a \
                 role of its own for this in config.toml"
                    .to_owned(),
            ),
            _ => None,
        }
    }
}

impl Narrowing {
    /// Whether it takes nothing away: then the lease has the role's own sessions.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether it has a policy, which makes its lease a fence (DESIGN, "Confinement").
    pub fn has_policy(&self) -> bool {
        self.policy.is_some() || !self.policy_arns.is_empty() || self.read_only
    }

    /// The same as it is sent, if AWS could take it for any role.
    pub fn checked(mut self) -> Result<Self, NarrowError> {
        self.policy = self.policy.as_deref().map(statement).transpose()?;
        if let Some(arn) = self.policy_arns.iter().find(|arn| !is_arn(arn)) {
            return Err(NarrowError::Arn(arn.clone()));
        }
        let arns = self.policy_arns.len() + usize::from(self.read_only);
        if arns > MOST_ARNS {
            return Err(NarrowError::Arns(arns));
        }
        if self.duration().is_some_and(|asked| asked < SHORTEST) {
            return Err(NarrowError::TooShort);
        }
        for (key, value) in &self.tags {
            if !is_tag_key(key) || !is_tag_value(value) {
                return Err(NarrowError::Tag(format!("{key}={value}")));
            }
        }
        // Equal narrowings are one step, in whatever order they were given.
        self.policy_arns.sort();
        self.policy_arns.dedup();
        self.tags.sort();
        if let Some(pair) = (self.tags.windows(2)).find(|pair| same_key(&pair[0].0, &pair[1].0)) {
            return Err(NarrowError::TagTwice(pair[0].0.clone()));
        }
        Ok(self)
    }

    /// What it says, for people: `read-only, 15m`. None if nothing.
    pub fn summary(&self) -> Option<String> {
        let mut parts = Vec::new();
        if self.read_only {
            parts.push("read-only".to_owned());
        }
        parts.extend(self.policy_arns.iter().cloned());
        if let Some(policy) = &self.policy {
            parts.push(format!("a policy of {} characters", policy.chars().count()));
        }
        parts.extend(
            self.duration()
                .map(|asked| format!("sessions of {}", duration::short(asked))),
        );
        parts.extend(
            self.tags
                .iter()
                .map(|(key, value)| format!("tag {key}={value}")),
        );
        (!parts.is_empty()).then(|| parts.join(", "))
    }

    fn duration(&self) -> Option<Duration> {
        self.duration_seconds.map(Duration::from_secs)
    }

    /// The role with less: its last step replaced by one with a fingerprint, and so a session, of its own. A
    /// role that cannot work stays one.
    pub fn of(&self, role: &Role) -> Result<Role, NarrowError> {
        let mut narrowed = role.clone();
        narrowed.keep_fresh = false;
        let Ok(recipe) = &mut narrowed.recipe else {
            return Ok(narrowed);
        };
        self.narrow(recipe)?;
        Ok(narrowed)
    }

    fn narrow(&self, recipe: &mut Recipe) -> Result<(), NarrowError> {
        let inherited: Vec<String> = recipe
            .steps
            .iter()
            .flat_map(|step| {
                let Call::AssumeRole(call) = &step.call;
                call.transitive_session_tags.iter().cloned()
            })
            .collect();
        let parent = match recipe.steps.as_slice() {
            [.., before, _] => before.fingerprint,
            _ => Fingerprint::of_source(&recipe.source),
        };
        let Some(last) = recipe.steps.last_mut() else {
            return Ok(());
        };
        let Call::AssumeRole(call) = &mut last.call;
        self.narrow_call(call, &inherited)?;
        last.fingerprint = Fingerprint::of_assume_role(call, parent);
        Ok(())
    }

    fn narrow_call(&self, call: &mut AssumeRole, inherited: &[String]) -> Result<(), NarrowError> {
        if self.has_policy() {
            if call.policy.is_some() || !call.policy_arns.is_empty() {
                return Err(NarrowError::HasPolicy);
            }
            call.policy.clone_from(&self.policy);
            call.policy_arns.clone_from(&self.policy_arns);
            if self.read_only {
                let partition = call.role_arn.partition();
                let arn = format!("arn:{partition}:iam::aws:policy/ReadOnlyAccess");
                call.policy_arns.push(arn);
            }
        }
        if let Some(asked) = self.duration() {
            if asked > call.duration {
                return Err(NarrowError::Longer(duration::short(call.duration)));
            }
            call.duration = asked;
        }
        for (key, value) in &self.tags {
            let own = call.session_tags.iter().map(|(own, _)| own);
            if own.chain(inherited).any(|own| same_key(own, key)) {
                return Err(NarrowError::TagTaken(key.clone()));
            }
            call.session_tags.push((key.clone(), value.clone()));
        }
        call.session_tags.sort();
        match call.session_tags.len() {
            tags if tags > MOST_TAGS => Err(NarrowError::Tags(tags)),
            _ => Ok(()),
        }
    }
}

fn same_key(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}

#[cfg(test)]
#[path = "narrow_tests.rs"]
mod tests;
