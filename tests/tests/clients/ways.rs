//! The SDK clients, and the ways in which a program comes by a role.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;

use rolecall_tests::harness::{Endpoint, Finished, World, run};
use serde_json::Value;

/// An SDK as a program that asks STS who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Client {
    Boto3,
    AwsCli,
    RustSdk,
}

impl Client {
    pub(crate) const ALL: [Self; 3] = [Self::Boto3, Self::AwsCli, Self::RustSdk];

    /// What it must be told besides: the AWS CLI 1 never asks IMDS for a region.
    pub(crate) fn needs(self) -> Option<(&'static str, &'static str)> {
        (self == Self::AwsCli).then_some(("AWS_DEFAULT_REGION", "eu-west-1"))
    }

    /// It, with nothing that names a role yet.
    #[track_caller]
    pub(crate) fn command(self, world: &World) -> Command {
        match self {
            Self::Boto3 => world.python("identity.py"),
            Self::AwsCli => world.aws_cli(&["sts", "get-caller-identity", "--output", "json"]),
            Self::RustSdk => world.rust_sdk(&["once"]),
        }
    }
}

/// How a program comes by a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Through the `credential_process` line of the profile with the role's name.
    Process,
    /// Through the IMDS listener on this port.
    Imds(u16),
    /// Started by `rolecall exec`.
    Exec,
}

impl Way {
    /// `client` with `role`, this way.
    #[track_caller]
    pub(crate) fn command(self, world: &World, client: Client, role: &str) -> Command {
        let mut command = client.command(world);
        match self {
            Self::Process => {
                command.env("AWS_PROFILE", role);
            }
            Self::Imds(port) => {
                command
                    .env_remove("AWS_EC2_METADATA_DISABLED")
                    .env(
                        "AWS_EC2_METADATA_SERVICE_ENDPOINT",
                        format!("http://127.0.0.1:{port}"),
                    )
                    .envs(client.needs());
            }
            Self::Exec => command = exec(world, role, &command),
        }
        command
    }
}

/// Fails unless STS takes every client, each of these ways, for a session of `arn`.
#[track_caller]
pub(crate) fn assert_all_are(world: &World, ways: &[Way], role: &str, arn: &str) {
    for way in ways {
        for client in Client::ALL {
            assert_is(world, &mut way.command(world, client, role), arn);
        }
    }
}

/// Puts every profile behind rolecall, as a user would.
#[track_caller]
pub(crate) fn set_up(world: &World) {
    world.rolecall(&["setup", "--yes"]).ok();
}

/// `command` behind `rolecall exec ROLE --`, in its own environment.
pub(crate) fn exec(world: &World, role: &str, command: &Command) -> Command {
    exec_with(world, &[], role, command)
}

/// The same with more options.
pub(crate) fn exec_with(world: &World, options: &[&str], role: &str, command: &Command) -> Command {
    let mut exec = world.command("rolecall");
    exec.arg("exec")
        .args(options)
        .args([role, "--"])
        .arg(command.get_program())
        .args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => exec.env(name, value),
            None => exec.env_remove(name),
        };
    }
    exec
}

/// The ARN that a client printed.
#[track_caller]
pub(crate) fn arn(finished: &Finished) -> String {
    let answer: Value = finished.json();
    let arn = answer["arn"].as_str().or(answer["Arn"].as_str());
    arn.unwrap_or_else(|| panic!("no ARN: {finished:#?}"))
        .into()
}

/// Runs a client and fails unless STS takes it for a session of `role`, an IAM role's ARN.
#[track_caller]
pub(crate) fn assert_is(world: &World, command: &mut Command, role: &str) {
    let finished = run(command);
    assert!(
        finished.status.success(),
        "{command:?}\n{finished:#?}\n{}",
        world.log()
    );
    let (arn, prefix) = (arn(&finished), assumed(role));
    assert!(arn.starts_with(&prefix), "{arn} is not {prefix}…");
}

/// `arn:aws:sts::123456789012:assumed-role/dev/` of `arn:aws:iam::123456789012:role/path/dev`.
pub(crate) fn assumed(role: &str) -> String {
    let (head, path) = role.split_once(":role/").expect("the ARN of an IAM role");
    let account = head.rsplit(':').next().expect("it has an account");
    let name = path.rsplit('/').next().expect("it has a name");
    format!("arn:aws:sts::{account}:assumed-role/{name}/")
}

/// The listener on this port of 127.0.0.1.
pub(crate) fn loopback(port: u16) -> Endpoint {
    Endpoint::Tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
}
