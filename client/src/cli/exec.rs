//! `rolecall exec ROLE -- COMMAND`: becomes a command that holds a lease (DESIGN, "container").

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use rolecall::api::{LeaseGrant, LeaseRequest, LeaseScope, LeaseSocket, MAX_WAIT_SECONDS};
use rolecall::connection::Target;

use super::arguments::{Exec, OwnSocket, Terms};
use super::daemon::{Daemon, read, succeeded};
use super::failure::Failure;
use super::group::OwnGroup;
use super::person;

/// Our own failures, as of `env`, `nohup` and `docker`.
const OWN_FAILURE: u8 = 125;
const CANNOT_EXECUTE: u8 = 126;
const NOT_FOUND: u8 = 127;

/// More than any policy that AWS takes, with all the blanks that people like.
const MOST_POLICY_BYTES: u64 = 64 * 1024;

/// Who must be reached without a proxy: the container door.
const LOOPBACK: [&str; 2] = ["127.0.0.1", "localhost"];

/// Runs it; returns only if the command could not be started.
pub(crate) fn run(daemon: &Daemon, arguments: &Exec) -> ExitCode {
    let failure = match wanted(arguments) {
        Ok(request) => start(daemon, request, &arguments.command),
        Err(failure) => failure.exit(OWN_FAILURE),
    };
    failure.report()
}

/// The lease that the command line asks for, for a scope that is still to be said.
fn wanted(arguments: &Exec) -> Result<LeaseRequest, Failure> {
    Ok(LeaseRequest {
        imds: arguments.imds,
        socket: own_socket(&arguments.own_socket)?,
        through_lock: arguments.through_lock,
        ..request(&arguments.role, &arguments.terms)?
    })
}

fn start(daemon: &Daemon, mut request: LeaseRequest, command: &[OsString]) -> Failure {
    let pid = std::process::id();
    let group = OwnGroup::enter();
    request.scope = match &group {
        Some(_) => LeaseScope::Cgroup { pid },
        None => LeaseScope::Process { pid },
    };
    let grant = lease(daemon, request);
    // A group that the lease is not bound to is of no use to the command.
    let bound = grant.as_ref().is_ok_and(|grant| grant.cgroup);
    if let Some(group) = group.filter(|_| !bound) {
        group.leave();
    }
    match grant {
        Ok(grant) => {
            if grant.fence && !grant.cgroup {
                keep_orphans();
            }
            become_command(command, &grant)
        }
        Err(failure) => failure.exit(OWN_FAILURE),
    }
}

/// Makes the command the parent of what its children leave behind, so that those stay below it, and inside its
/// fence. It may find children that it did not start when it waits for any.
fn keep_orphans() {
    #[cfg(target_os = "linux")]
    {
        // Any process id says yes. Where the kernel will not, orphans are outside, as they are where there are none.
        let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
    }
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

/// A lease of `role` on these terms, for a scope that is still to be said; waits for the role's first session, and
/// for a person if one is asked.
pub(super) fn request(role: &str, terms: &Terms) -> Result<LeaseRequest, Failure> {
    let region = ["AWS_REGION", "AWS_DEFAULT_REGION"]
        .iter()
        .filter_map(|name| std::env::var(name).ok())
        .find(|value| !value.is_empty());
    let policy = terms.policy.as_deref().map(read_policy).transpose()?;
    Ok(LeaseRequest {
        wait: MAX_WAIT_SECONDS,
        can_prompt: true,
        region,
        policy,
        policy_arns: terms.policy_arns.clone(),
        read_only: terms.read_only,
        only: terms.only,
        duration_seconds: terms.duration,
        tags: terms.tags.clone(),
        reason: terms.reason.clone(),
        ttl: terms.ttl,
        ..LeaseRequest::new(role, LeaseScope::Shared)
    })
}

/// The policy's text: the daemon says whether it is one. What is far too long for AWS is not read to its end.
fn read_policy(path: &Path) -> Result<String, Failure> {
    let read = || {
        let mut text = String::new();
        File::open(path)?
            .take(MOST_POLICY_BYTES)
            .read_to_string(&mut text)?;
        Ok(text)
    };
    read().map_err(|error: io::Error| {
        Failure::caused(format!("--policy: cannot read {}", path.display()), &error)
    })
}

/// Asks for it; tells of the question and waits on if a person is asked first.
pub(super) fn lease(daemon: &Daemon, mut request: LeaseRequest) -> Result<LeaseGrant, Failure> {
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
