//! What the fake does for a request that is signed rightly.

use jiff::{SignedDuration, Timestamp};

use super::calls::Call;
use super::config::{Config, Role};
use super::faults::Effect;
use super::keys::{Caller, Issued, Keys};
use super::parameters::AssumeRole;
use super::request::{Parameters, Request};
use super::rules;
use super::xml::{Element, Refusal};

/// The service's memory: roles, and every key.
pub(super) struct Service {
    roles: Vec<Role>,
    keys: Keys,
}

impl Service {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            roles: config.roles.clone(),
            keys: Keys::new(config),
        }
    }

    pub(super) fn add_role(&mut self, role: Role) {
        self.roles.retain(|old| old.arn != role.arn);
        self.roles.push(role);
    }

    /// The XML that answers `request` at `now`, spoiled by `effects`; `call` learns what came of it.
    pub(super) fn answer(
        &mut self,
        request: &Request,
        effects: &[Effect],
        now: Timestamp,
        call: &mut Call,
    ) -> Result<String, Refusal> {
        if request.path != "/" || !matches!(request.method.as_str(), "GET" | "POST") {
            return Err(Refusal::new(404, "UnknownOperationException", ""));
        }
        let caller = self.keys.authenticate(request, now)?;
        call.caller = Some(caller.arn.clone());
        let parameters = request.parameters();
        let version = parameters.get("Version").unwrap_or_default();
        match (call.action.as_str(), version) {
            ("AssumeRole", "2011-06-15") => {
                let issued = self.assume_role(&parameters, &caller, effects, now)?;
                call.issued = Some(issued.access_key_id.clone());
                let result = assume_role_result(&parameters, &issued, effects);
                Ok(result.answer("AssumeRole", &call.request_id))
            }
            ("GetCallerIdentity", "2011-06-15") => {
                let mut result = Element::default();
                result.text("Arn", &caller.arn);
                result.text("UserId", &caller.user_id);
                result.text("Account", caller.account());
                Ok(result.answer("GetCallerIdentity", &call.request_id))
            }
            (action, version) => Err(Refusal::new(
                400,
                "InvalidAction",
                format!("Could not find operation {action} for version {version}"),
            )),
        }
    }

    fn assume_role(
        &mut self,
        parameters: &Parameters,
        caller: &Caller,
        effects: &[Effect],
        now: Timestamp,
    ) -> Result<Issued, Refusal> {
        let asked = AssumeRole::read(parameters)?;
        let role = self.roles.iter().find(|role| role.arn == asked.role);
        let facts = rules::decide(&asked, role, caller)?;
        let lifetime = effects
            .iter()
            .find_map(|effect| match effect {
                Effect::Lifetime { seconds } => Some(*seconds),
                _ => None,
            })
            .unwrap_or_else(|| asked.duration.into());
        let expires = now + SignedDuration::from_secs(lifetime);
        Ok(self
            .keys
            .issue(&asked.role, &asked.session_name, facts, expires))
    }
}

fn assume_role_result(parameters: &Parameters, issued: &Issued, effects: &[Effect]) -> Element {
    let mut arn = issued.caller.arn.clone();
    let mut access_key_id = issued.access_key_id.clone();
    for effect in effects {
        match effect {
            Effect::WrongArn { arn: other } => arn.clone_from(other),
            Effect::LongTermKey => access_key_id.replace_range(..4, "AKIA"),
            _ => {}
        }
    }
    let mut user = Element::default();
    user.text("AssumedRoleId", &issued.caller.user_id);
    user.text("Arn", &arn);
    let mut credentials = Element::default();
    credentials.text("AccessKeyId", &access_key_id);
    credentials.text("SecretAccessKey", &issued.secret_access_key);
    credentials.text("SessionToken", &issued.token);
    let expiration = issued.expires.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    credentials.text("Expiration", &expiration);

    let mut result = Element::default();
    let source_identity = issued
        .caller
        .session
        .as_ref()
        .and_then(|session| session.source_identity.as_deref());
    if let Some(identity) = source_identity {
        result.text("SourceIdentity", identity);
    }
    result.child("AssumedRoleUser", &user);
    result.child("Credentials", &credentials);
    if let Some(percentage) = packed_policy_size(parameters) {
        result.text("PackedPolicySize", &percentage.to_string());
    }
    result
}

/// How full the space for policy and tags is, in percent; AWS's own compression is not known, so
/// this counts characters. Absent when there is nothing to pack.
fn packed_policy_size(parameters: &Parameters) -> Option<usize> {
    let packed: usize = parameters
        .0
        .iter()
        .filter(|(name, _)| {
            *name == "Policy" || name.starts_with("Tags.") || name.starts_with("PolicyArns.")
        })
        .map(|(_, value)| value.len())
        .sum();
    (packed > 0).then(|| (packed * 100).div_ceil(4096).min(100))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packing_counts_policy_and_tags_only() {
        let parameters = |pairs: &[(&str, &str)]| {
            Parameters(
                pairs
                    .iter()
                    .map(|(name, value)| ((*name).into(), (*value).into()))
                    .collect(),
            )
        };
        assert_eq!(packed_policy_size(&parameters(&[("RoleArn", "x")])), None);
        let policy = "x".repeat(2048);
        assert_eq!(
            packed_policy_size(&parameters(&[("Policy", &policy)])),
            Some(50)
        );
    }
}
