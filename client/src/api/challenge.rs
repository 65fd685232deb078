//! What a person is asked, and the answer.

use serde::{Deserialize, Serialize};

/// One question that only a person can answer: in `GET /v1/challenges`, in `GET /v1/status`, and the body of
/// an answer of 202.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct ChallengeStatus {
    /// Names it, as long as it is open.
    pub id: String,
    /// What is asked.
    pub kind: ChallengeKind,
    /// The role it is about.
    pub role: String,
    /// The question, for a person: lower case, no full stop. Names in it are the asker's own words.
    pub message: String,
    /// What the person can do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Who asked first.
    pub asker: ChallengeAsker,
    /// Why, in the words of the lease.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// How many requests wait for the answer now.
    pub waiting: u32,
    /// When it was asked.
    pub asked: String,
    /// When it is dropped, unless it is answered before.
    pub deadline: String,
}

/// What kind of answer a challenge takes.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ChallengeKind {
    /// May this consumer have this role?
    Consent,
    /// A kind this client does not know.
    #[serde(other)]
    Unknown,
}

/// Who makes a person be asked: what the kernel says about them, and what they say themselves.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct ChallengeAsker {
    /// Its uid.
    pub uid: u32,
    /// The script's or executable's file name.
    pub name: String,
    /// Process id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// Executable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exe: Option<String>,
    /// The script behind an interpreter, as it was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub script: Option<String>,
    /// Controlling terminal, `pts/3`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terminal: Option<String>,
    /// Working directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
}

/// `POST /v1/challenges/{id}`: the answer, by the challenge's kind.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
#[non_exhaustive]
pub enum ChallengeAnswer {
    /// To a consent.
    Consent {
        /// Yes or no.
        approve: bool,
    },
}
