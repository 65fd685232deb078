//! The ways in which a program comes by a role.

use std::process::Command;

use super::Sdk;
use crate::harness::World;

/// How a program comes by a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// The `credential_process` line of the profile with the role's name.
    Process,
    /// IMDS, at the address that one variable names.
    Imds,
    /// The container endpoint as `rolecall exec` names it, with the token in its variable alone.
    TokenVariable,
    /// The same with the token in its file alone.
    TokenFile,
    /// The same with both, as `rolecall exec` sets them.
    TokenBoth,
}

/// Without a region most SDKs make no client at all.
const REGION: &str = "eu-west-1";

impl Way {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Process,
        Self::Imds,
        Self::TokenVariable,
        Self::TokenFile,
        Self::TokenBoth,
    ];

    /// Its name on the page.
    pub fn name(self) -> &'static str {
        match self {
            Self::Process => "process line",
            Self::Imds => "IMDS",
            Self::TokenVariable => "container, token in variable",
            Self::TokenFile => "container, token in file",
            Self::TokenBoth => "container, token in both",
        }
    }

    /// Whether it is the container endpoint.
    pub fn is_container(self) -> bool {
        matches!(
            self,
            Self::TokenVariable | Self::TokenFile | Self::TokenBoth
        )
    }

    /// `sdk` in this mode (`once`, `each`) with `role`, this way; IMDS listens on `port`.
    #[track_caller]
    pub fn command(self, world: &World, sdk: Sdk, mode: &str, role: &str, port: u16) -> Command {
        self.wrapped(world, sdk, mode, role, port, None)
    }

    /// The same, but nothing of the SDK starts before it is told a line on its standard input.
    #[track_caller]
    pub fn held(self, world: &World, sdk: Sdk, mode: &str, role: &str, port: u16) -> Command {
        let wait = "read -r line; exec \"$@\"";
        self.wrapped(world, sdk, mode, role, port, Some(wait))
    }

    /// The same, asking the container endpoint for `other` with the lease of `role`.
    #[track_caller]
    pub fn astray(self, world: &World, sdk: Sdk, role: &str, other: &str) -> Command {
        let script = format!(
            "AWS_CONTAINER_CREDENTIALS_FULL_URI=${{AWS_CONTAINER_CREDENTIALS_FULL_URI%/*}}/{other}; exec \"$@\""
        );
        self.wrapped(world, sdk, "once", role, 0, Some(&script))
    }

    /// With a line of shell between `rolecall exec` and the program.
    #[track_caller]
    fn wrapped(
        self,
        world: &World,
        sdk: Sdk,
        mode: &str,
        role: &str,
        port: u16,
        script: Option<&str>,
    ) -> Command {
        let program = world.sdk(sdk, mode);
        let mut line: Vec<&str> = match self {
            Self::Process | Self::Imds => Vec::new(),
            Self::TokenBoth => vec!["rolecall", "exec", role, "--"],
            Self::TokenVariable => {
                let file = "--unset=AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE";
                vec!["rolecall", "exec", role, "--", "env", file]
            }
            Self::TokenFile => {
                let variable = "--unset=AWS_CONTAINER_AUTHORIZATION_TOKEN";
                vec!["rolecall", "exec", role, "--", "env", variable]
            }
        };
        if let Some(script) = script {
            line.extend(["sh", "-c", script, "sh"]);
        }
        let mut command = before(world, &line, &program);
        match self {
            Self::Process => {
                // Go v1 reads ~/.aws/config only if it is told to; the C runtime's caller names the region.
                let settings = [("AWS_SDK_LOAD_CONFIG", "1"), ("AWS_PROFILE", role)];
                command.envs(settings);
            }
            Self::Imds => {
                let address = format!("http://127.0.0.1:{port}");
                command
                    .env_remove("AWS_EC2_METADATA_DISABLED")
                    .env("AWS_EC2_METADATA_V1_DISABLED", "true")
                    .env("AWS_EC2_METADATA_SERVICE_ENDPOINT", address);
                if !sdk.asks_imds_for_its_region() {
                    command.env("AWS_REGION", REGION);
                    // The AWS CLI 1 knows this name alone.
                    command.env("AWS_DEFAULT_REGION", REGION);
                }
            }
            Self::TokenVariable | Self::TokenFile | Self::TokenBoth => {}
        }
        command
    }
}

/// `program` behind the words of `line`, in its own environment.
#[track_caller]
fn before(world: &World, line: &[&str], program: &Command) -> Command {
    let words = line.iter().map(std::ffi::OsStr::new);
    let mut words = words
        .chain([program.get_program()])
        .chain(program.get_args());
    let mut command = world.command(words.next().expect("there is a program"));
    command.args(words);
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command
}
