//! `rolecall exec ROLE -- COMMAND`: becomes a command that holds a lease (DESIGN, "container").

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::process::CommandExt;
use std::process::ExitCode;
use std::time::Duration;

use rolecall::api::{LeaseGrant, LeaseRequest, LeaseScope, LeaseSocket, MAX_WAIT_SECONDS};
use rolecall::connection::Target;

use super::arguments::{Exec, OwnSocket};
use super::daemon::{Daemon, read, succeeded};
use super::failure::Failure;
use super::person;

/// Our own failures, as of `env`, `nohup` and `docker`.
const OWN_FAILURE: u8 = 125;
const CANNOT_EXECUTE: u8 = 126;
const NOT_FOUND: u8 = 127;

/// Who must be reached without a proxy: the container door.
const LOOPBACK: [&str; 2] = ["127.0.0.1", "localhost"];

/// Runs it; returns only if the command could not be started.
pub(crate) fn run(daemon: &Daemon, arguments: &Exec) -> ExitCode {
    let scope = LeaseScope::Process {
        pid: std::process::id(),
    };
    let granted = own_socket(&arguments.own_socket).and_then(|socket| {
        let way = Way {
            imds: arguments.imds,
            socket,
            through_lock: arguments.through_lock,
        };
        lease(daemon, &arguments.role, scope, way)
    });
    let failure = match granted {
        Ok(grant) => become_command(&arguments.command, &grant),
        Err(failure) => failure.exit(OWN_FAILURE),
    };
    failure.report()
}

/// How a lease's command comes by its credentials.
#[derive(Default)]
pub(super) struct Way {
    /// From an IMDS listener of its own, not from the container door.
    pub(super) imds: bool,
    /// From a Unix socket, too.
    pub(super) socket: Option<LeaseSocket>,
    /// While the doors are locked, too.
    pub(super) through_lock: bool,
}

/// The socket as the daemon wants it: absolute, for it has another working directory.
pub(super) fn own_socket(arguments: &OwnSocket) -> Result<Option<LeaseSocket>, Failure> {
    let Some(path) = &arguments.socket else {
        return Ok(None);
    };
    let absolute = std::path::absolute(path)
        .map_err(|error| Failure::caused("cannot tell the socket's path", &error))?;
    let path = absolute.into_os_string().into_string().map_err(|path| {
        Failure::new(format!("the path {} is not UTF-8", path.display()))
            .hint("choose another path for the socket")
    })?;
    Ok(Some(LeaseSocket {
        path,
        peer_uid: arguments.peer_uid,
    }))
}

/// A lease of `role` for `scope`; waits for the role's first session, and for a person if one is asked.
pub(super) fn lease(
    daemon: &Daemon,
    role: &str,
    scope: LeaseScope,
    way: Way,
) -> Result<LeaseGrant, Failure> {
    let region = ["AWS_REGION", "AWS_DEFAULT_REGION"]
        .iter()
        .filter_map(|name| std::env::var(name).ok())
        .find(|value| !value.is_empty());
    let mut request = LeaseRequest {
        role: role.to_owned(),
        scope,
        reason: None,
        wait: MAX_WAIT_SECONDS,
        can_prompt: true,
        region,
        through_lock: way.through_lock,
        imds: way.imds,
        socket: way.socket,
    };
    let limit = Duration::from_secs(MAX_WAIT_SECONDS + 5);
    let target = || Target::new("/v1/leases");
    let response = daemon.post_raw(target(), &request, limit)?;
    if response.status() != 202 {
        return read(&succeeded(response)?);
    }
    person::tell(&response);
    request.can_prompt = false;
    daemon.post(target(), &request, limit)
}

fn become_command(words: &[OsString], grant: &LeaseGrant) -> Failure {
    let Some((program, arguments)) = words.split_first() else {
        return Failure::new("no command given").exit(OWN_FAILURE);
    };
    let mut command = std::process::Command::new(program);
    command.args(arguments);
    for name in &grant.unset {
        command.env_remove(name);
    }
    for (name, value) in &grant.set {
        command.env(name, value.as_str());
    }
    for (name, value) in no_proxy(|name| std::env::var_os(name)) {
        command.env(name, value);
    }
    // Resets SIGPIPE to its default and the signal mask to empty on the way, as std does for every
    // command: Rust programs ignore SIGPIPE, and others must not inherit that.
    let error = command.exec();
    let exit = match error.kind() {
        io::ErrorKind::NotFound => NOT_FOUND,
        _ => CANNOT_EXECUTE,
    };
    Failure::caused(format!("cannot run {}", program.to_string_lossy()), &error).exit(exit)
}

/// `NO_PROXY` and `no_proxy` with the loopback names added. Where only one of them is set, the other
/// starts from its value: a new `no_proxy` must not hide what `NO_PROXY` says.
pub(super) fn no_proxy(
    variable: impl Fn(&str) -> Option<OsString>,
) -> [(&'static str, OsString); 2] {
    let (upper, lower) = (variable("NO_PROXY"), variable("no_proxy"));
    let of = |own: &Option<OsString>, other: &Option<OsString>| {
        with_loopback(own.as_deref().or(other.as_deref()).unwrap_or_default())
    };
    [
        ("NO_PROXY", of(&upper, &lower)),
        ("no_proxy", of(&lower, &upper)),
    ]
}

fn with_loopback(list: &OsStr) -> OsString {
    let bytes = list.as_bytes();
    let holds = |name: &str| {
        bytes
            .split(|byte| *byte == b',')
            .any(|entry| entry.trim_ascii() == name.as_bytes())
    };
    let mut out = bytes.to_vec();
    if !holds("*") {
        for name in LOOPBACK.into_iter().filter(|name| !holds(name)) {
            if !out.is_empty() {
                out.push(b',');
            }
            out.extend_from_slice(name.as_bytes());
        }
    }
    OsString::from_vec(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(upper: Option<&'static str>, lower: Option<&'static str>) -> [String; 2] {
        let both =
            no_proxy(|name| if name == "NO_PROXY" { upper } else { lower }.map(OsString::from));
        both.map(|(_, value)| value.into_string().unwrap())
    }

    #[test]
    fn loopback_is_added_once_and_hides_nothing() {
        let new = "127.0.0.1,localhost";
        assert_eq!(with(None, None), [new, new]);
        let kept = format!("corp.example,{new}");
        assert_eq!(with(Some("corp.example"), None), [kept.as_str(), &kept]);
        assert_eq!(with(None, Some("corp.example")), [kept.as_str(), &kept]);
        assert_eq!(
            with(Some("localhost, 127.0.0.1"), Some("")),
            ["localhost, 127.0.0.1", new]
        );
        assert_eq!(with(Some("*"), Some("a")), ["*", "a,127.0.0.1,localhost"]);
    }
}
