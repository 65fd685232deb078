//! Roles, recipes and steps: how a role's credentials come about. Pure data and pure functions.

pub mod arn;
pub mod duration;
pub mod fingerprint;
mod line;
pub mod name;
pub mod narrow;
pub mod nearest;
pub mod policy;
pub mod rules;

use std::time::Duration;

pub use arn::RoleArn;
pub use fingerprint::Fingerprint;
pub use name::RoleName;
pub use narrow::{NarrowError, Narrowing};
pub use nearest::nearest;
pub use rules::Rules;

use crate::secrets::Secret;

/// What a program asks rolecall for by name.
#[derive(Clone)]
#[expect(
    missing_debug_implementations,
    reason = "the recipe's source holds keys"
)]
pub struct Role {
    /// Its name.
    pub name: RoleName,
    /// Its region: for the consumer, and for STS if the source has none.
    pub region: Option<String>,
    /// How its credentials come about, or why they cannot.
    pub recipe: Result<Recipe, Unusable>,
    /// Renewed even if nobody reads it, until `idle_after`.
    pub keep_fresh: bool,
    /// Who may have it.
    pub rules: Rules,
    /// Things worth knowing (a capped duration, a deep chain), for `status` and `roles`.
    pub notes: Vec<String>,
}

/// Why a role cannot work as configured; served by no door.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unusable {
    /// What is wrong, with file, line and key where they can be told.
    pub reason: String,
    /// What to do.
    pub hint: Option<String>,
}

/// One source, then one or more steps.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "the source holds keys")]
pub struct Recipe {
    /// Where it begins.
    pub source: Source,
    /// In order of execution; the last one's session is the role's. Never empty.
    pub steps: Vec<Step>,
}

impl Recipe {
    /// The step whose session is the role's.
    ///
    /// # Panics
    ///
    /// If there are no steps, which `config` never builds.
    pub fn last(&self) -> &Step {
        self.steps.last().expect("a recipe has at least one step")
    }
}

/// Where a recipe begins.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "holds keys")]
pub enum Source {
    /// Keys from the credentials or config file.
    StaticKeys(StaticKeys),
}

/// Keys as they stand in a file.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "holds keys")]
pub struct StaticKeys {
    /// The profile they stand in.
    pub profile: String,
    /// `AKIA…`, or `ASIA…` with a session token.
    pub access_key_id: String,
    /// The secret access key.
    pub secret_access_key: Secret,
    /// Present if the keys are temporary; every AssumeRole they sign is then chained.
    pub session_token: Option<Secret>,
}

/// One call that produces a session. Sessions are kept per step: two roles with a common prefix share it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What identifies this step's session, everything before it included.
    pub fingerprint: Fingerprint,
    /// The call.
    pub call: Call,
    /// Short name for the recipe's line: the profile or role it comes from.
    pub label: String,
    /// Signed with temporary credentials: AWS caps it at one hour (DESIGN, "Getting sessions").
    pub chained: bool,
}

/// A call to AWS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// STS AssumeRole.
    AssumeRole(AssumeRole),
}

/// Everything an AssumeRole request says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssumeRole {
    /// The IAM role.
    pub role_arn: RoleArn,
    /// Asked for, already capped at one hour where chained.
    pub duration: Duration,
    /// External id of a third party's role.
    pub external_id: Option<String>,
    /// Session name.
    pub session_name: SessionName,
    /// Session policy, JSON text.
    pub policy: Option<String>,
    /// Managed session policies.
    pub policy_arns: Vec<String>,
    /// Session tags, sorted by key.
    pub session_tags: Vec<(String, String)>,
    /// Keys of the tags that later steps inherit, sorted.
    pub transitive_session_tags: Vec<String>,
    /// Source identity.
    pub source_identity: Option<String>,
    /// Where STS is asked: not part of the fingerprint, except for an overridden endpoint.
    pub sts: StsEndpoint,
}

/// Where STS is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StsEndpoint {
    /// The region that signs and, without `url`, whose regional endpoint is used.
    pub region: String,
    /// `AWS_ENDPOINT_URL_STS`, `endpoint_url`: an overridden endpoint.
    pub url: Option<String>,
}

/// How a session is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionName {
    /// As `role_session_name` of `~/.aws/config` says, word for word.
    Verbatim(String),
    /// A template with `{user}`, `{host}` and `{id}`; the default is `{user}@{host}.{id}`.
    Template(String),
}

/// The default of `session_name`.
pub const DEFAULT_SESSION_NAME: &str = "{user}@{host}.{id}";
