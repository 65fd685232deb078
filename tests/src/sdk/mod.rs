//! The AWS SDKs that rolecall is tested with, each as a small program in its own language.
//!
//! `tests/sdk` has their sources and lock files and says what they print; `tests/prepare` builds them.
//! A [`Sdk`] goes a [`Way`] to a role; what came of it in a [`Situation`] is an [`Outcome`], which is
//! recorded ([`record`]) and becomes a cell of docs/compatibility.md ([`crate::generated`]).

mod caller;
mod matrix;
mod program;
pub mod record;
mod version;
mod way;

pub use caller::{Caller, Reply};
pub use matrix::{Cell, cells, for_each, patiently, settle};
pub use way::Way;

/// An AWS SDK, as a program that asks STS who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sdk {
    /// boto3, and botocore below it.
    Boto3,
    /// The AWS CLI 1, which is botocore too, a process a command.
    AwsCli,
    /// The AWS SDK for JavaScript 3.
    JavaScript,
    /// The AWS SDK for Go v2, which Terraform uses.
    GoV2,
    /// The AWS SDK for Go v1.
    GoV1,
    /// The AWS SDK for Java 2.
    Java,
    /// The AWS SDK for Rust.
    Rust,
    /// The C runtime below the newer C++ SDK and mountpoint-s3, through its Python binding.
    Crt,
}

impl Sdk {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Boto3,
        Self::AwsCli,
        Self::JavaScript,
        Self::GoV2,
        Self::GoV1,
        Self::Java,
        Self::Rust,
        Self::Crt,
    ];

    /// Its name on the page.
    pub fn name(self) -> &'static str {
        match self {
            Self::Boto3 => "boto3",
            Self::AwsCli => "AWS CLI",
            Self::JavaScript => "JavaScript 3",
            Self::GoV2 => "Go v2",
            Self::GoV1 => "Go v1",
            Self::Java => "Java 2",
            Self::Rust => "Rust",
            Self::Crt => "C runtime",
        }
    }

    /// Whether it can be one process for as long as its credentials are renewed: a command of the AWS
    /// CLI is a process of its own.
    pub fn stays(self) -> bool {
        self != Self::AwsCli
    }

    /// Whether it can be in this situation.
    pub fn meets(self, situation: Situation) -> bool {
        self.stays() || !matches!(situation, Situation::Renewal | Situation::Restart)
    }

    /// Whether it takes its region from IMDS where nothing else names one.
    pub fn asks_imds_for_its_region(self) -> bool {
        matches!(self, Self::GoV2 | Self::Java | Self::Rust)
    }
}

/// What a client is put into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Situation {
    /// All is well: it finds credentials, and STS takes its signature.
    Finds,
    /// A session is renewed, and ends, under one process.
    Renewal,
    /// The daemon is ended, in peace and not, and started again under one process.
    Restart,
    /// AWS fails; the daemon holds a session.
    Held,
    /// AWS fails; the daemon holds none.
    Nothing,
    /// It asks for a role that there is not.
    Unknown,
    /// The doors are locked; the daemon holds a session.
    Locked,
}

impl Situation {
    /// All of them, as they stand on the page.
    pub const ALL: [Self; 7] = [
        Self::Finds,
        Self::Renewal,
        Self::Restart,
        Self::Held,
        Self::Nothing,
        Self::Unknown,
        Self::Locked,
    ];

    /// The head of its column.
    pub fn heading(self) -> &'static str {
        match self {
            Self::Finds => "finds them",
            Self::Renewal => "renewal",
            Self::Restart => "daemon restart",
            Self::Held => "AWS down, session held",
            Self::Nothing => "AWS down, none held",
            Self::Unknown => "no such role",
            Self::Locked => "locked",
        }
    }
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Every call succeeded, signed with a session of the role.
    Works,
    /// An error about credentials; nothing was signed.
    Refuses,
}

impl Outcome {
    /// Its word on the page.
    pub fn word(self) -> &'static str {
        match self {
            Self::Works => "works",
            Self::Refuses => "error, nothing sent",
        }
    }
}
