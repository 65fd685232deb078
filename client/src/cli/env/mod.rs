//! `rolecall env ROLE`: a role for the calling shell.

mod dotenv;
mod powershell;
mod quote;
mod variables;

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write as _};
use std::time::Duration;

use rolecall::api::{LeaseGrant, LeaseScope, MAX_WAIT_SECONDS, ProcessCredentials, RoleStatus};
use rolecall::connection::Target;
use zeroize::Zeroizing;

use super::arguments::{Env, EnvFormat, Terms};
use super::daemon::{Daemon, QUICK};
use super::failure::Failure;
use super::{exec, output};
pub(super) use variables::Variables;
use variables::is_name;

/// Runs it.
pub(crate) fn run(daemon: &Daemon, arguments: &Env) -> Result<(), Failure> {
    let environment = |name: &str| std::env::var_os(name);
    let variables = match &arguments.role {
        _ if arguments.unset => variables::undo(environment),
        Some(role) if arguments.keys => keys(daemon, role)?,
        Some(role) => pointers(daemon, role, arguments.imds)?,
        None => return Err(Failure::new("no role given").exit(super::failure::WRONG_USE)),
    };
    print(&variables, arguments.format, "rolecall env …")
}

/// Prints them; tells a person at a terminal what to do with the lines of `command`.
pub(super) fn print(
    variables: &Variables,
    format: EnvFormat,
    command: &str,
) -> Result<(), Failure> {
    let text = render(variables, format)?;
    output::print_secret(text.as_bytes())?;
    if std::io::stdout().is_terminal() {
        let hint = match format {
            EnvFormat::Sh => format!("hint: to put this into force: eval \"$({command})\"\n"),
            EnvFormat::Fish => format!("hint: to put this into force: {command} | source\n"),
            EnvFormat::PowerShell => format!(
                "hint: to put this into force: {command} | Out-String | Invoke-Expression\n"
            ),
            EnvFormat::Dotenv | EnvFormat::Json => String::new(),
        };
        // The lines themselves have been printed.
        let _ = anstream::stderr().write_all(hint.as_bytes());
    }
    Ok(())
}

/// The variables of a lease bound to the calling shell's session.
fn pointers(daemon: &Daemon, role: &str, imds: bool) -> Result<Variables, Failure> {
    let mut request = exec::request(role, &Terms::default())?;
    request.scope = scope();
    request.imds = imds;
    Ok(of(exec::lease(daemon, request)?))
}

/// The variables of a lease, and the proxy exceptions.
pub(super) fn of(grant: LeaseGrant) -> Variables {
    let mut variables = Variables {
        set: grant.set,
        unset: grant.unset,
    };
    for (name, value) in exec::no_proxy(|name| std::env::var_os(name)) {
        // A value that is no text cannot be printed either; it is left as it is.
        if let Ok(value) = value.into_string() {
            variables.set.push((name.to_owned(), Zeroizing::new(value)));
        }
    }
    variables
}

/// The session that the shell is in. A leader that this process cannot see, because it is outside of the
/// container's process namespace, is 0: then it is for the daemon to find what the session hangs on.
pub(super) fn scope() -> LeaseScope {
    LeaseScope::Session {
        leader: session_leader().unwrap_or(0),
    }
}

/// From `/proc`, as `rustix::process::getsid` takes for granted that there is a leader to see.
#[cfg(target_os = "linux")]
fn session_leader() -> Option<u32> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // After the command, which is in parentheses: state, parent, process group, session (proc_pid_stat(5)).
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_ascii_whitespace().nth(3)?.parse().ok()
}

#[cfg(not(target_os = "linux"))]
fn session_leader() -> Option<u32> {
    let leader = rustix::process::getsid(None).ok()?;
    u32::try_from(leader.as_raw_nonzero().get()).ok()
}

/// The session's keys themselves.
fn keys(daemon: &Daemon, role: &str) -> Result<Variables, Failure> {
    let target = Target::new("/v1/credentials")
        .segment(role)
        .query("wait", &MAX_WAIT_SECONDS.to_string())
        .query("can_prompt", "false");
    let limit = Duration::from_secs(MAX_WAIT_SECONDS + 5);
    let credentials: ProcessCredentials = daemon.get(target, limit)?;
    let roles: Vec<RoleStatus> = daemon.get(Target::new("/v1/roles"), QUICK)?;
    let region = roles
        .into_iter()
        .find(|found| found.name == role)
        .and_then(|found| found.region);
    Ok(variables::of_keys(credentials, region))
}

/// As the shell, or a program, reads it.
fn render(variables: &Variables, format: EnvFormat) -> Result<Zeroizing<String>, Failure> {
    let names = variables.set.iter().map(|(name, _)| name);
    for name in names.chain(&variables.unset) {
        // What is printed here is executed.
        if !is_name(name) {
            return Err(Failure::new(format!(
                "rolecalld wants to set a variable of the name {name:?}, which is none"
            ))
            .hint("bring rolecalld and rolecall to the same version"));
        }
    }
    if variables.set.iter().any(|(_, value)| value.contains('\0')) {
        return Err(Failure::new("a value from rolecalld has a NUL in it"));
    }
    Ok(match format {
        EnvFormat::Sh => quote::sh(variables),
        EnvFormat::Fish => quote::fish(variables),
        EnvFormat::PowerShell => powershell::lines(variables),
        EnvFormat::Dotenv => dotenv::lines(variables)?,
        EnvFormat::Json => json(variables)?,
    })
}

fn json(variables: &Variables) -> Result<Zeroizing<String>, Failure> {
    #[derive(serde::Serialize)]
    struct Object<'a> {
        set: BTreeMap<&'a str, &'a str>,
        unset: &'a [String],
    }
    let set = (variables.set.iter())
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let object = Object {
        set,
        unset: &variables.unset,
    };
    let mut bytes = Zeroizing::new(Vec::with_capacity(variables.room()));
    serde_json::to_writer_pretty(&mut *bytes, &object)
        .map_err(|error| Failure::caused("cannot write JSON", &error))?;
    bytes.push(b'\n');
    String::from_utf8(std::mem::take(&mut *bytes))
        .map(Zeroizing::new)
        .map_err(|error| Failure::caused("cannot write JSON", &error.utf8_error()))
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;

    use super::*;

    fn variables(name: &str, value: &str) -> Variables {
        Variables {
            set: vec![(name.to_owned(), Zeroizing::new(value.to_owned()))],
            unset: vec!["AWS_PROFILE".to_owned()],
        }
    }

    #[test]
    fn json_has_both_parts() {
        let text = render(&variables("AWS_REGION", "a\"b"), EnvFormat::Json).unwrap();
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["set"]["AWS_REGION"], "a\"b");
        assert_eq!(value["unset"][0], "AWS_PROFILE");
    }

    #[test]
    fn no_format_outgrows_its_buffer() {
        for value in ["", "plain", "'’\n", "\u{1}\u{1}\u{1}\\\\", "zürich"] {
            let variables = variables("AWS_SESSION_TOKEN", &value.repeat(50));
            let formats = EnvFormat::value_variants().iter().copied();
            for format in formats.filter(|it| *it != EnvFormat::Dotenv || value == "plain") {
                let text = render(&variables, format).unwrap();
                assert!(text.len() <= variables.room(), "{format:?} {value:?}");
            }
        }
    }

    #[test]
    fn what_would_be_executed_is_refused() {
        for name in ["A;rm -rf ~", "", "1A", "A B", "A-B", "Ä"] {
            assert!(
                render(&variables(name, ""), EnvFormat::Sh).is_err(),
                "{name:?}"
            );
        }
        assert!(render(&variables("A", "\0"), EnvFormat::Sh).is_err());
    }
}
