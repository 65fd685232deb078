//! `rolecall lease create`, `list` and `revoke`.

use std::io::Write as _;
use std::time::Duration;

use anstyle::Style;
use rolecall::api::{LeaseScope, LeaseStatus};
use rolecall::connection::Target;

use super::arguments::{Create, EnvFormat, Lease, List, OwnSocket, Revoke};
use super::daemon::{Daemon, QUICK};
use super::failure::Failure;
use super::table::{Cell, Table};
use super::{env, exec, output, time};

/// Runs it.
pub(crate) fn run(daemon: &Daemon, command: &Lease) -> Result<(), Failure> {
    match command {
        Lease::Create(create) => self::create(daemon, create),
        Lease::List(list) => self::list(daemon, list),
        Lease::Revoke(revoke) => self::revoke(daemon, revoke),
    }
}

fn create(daemon: &Daemon, arguments: &Create) -> Result<(), Failure> {
    let mut request = exec::request(&arguments.role, &arguments.terms)?;
    request.scope = match (&arguments.peer_uid, &arguments.peer_cgroup) {
        (Some(uid), _) => LeaseScope::Uid { uid: *uid },
        (None, Some(path)) => LeaseScope::PeerCgroup { path: path.clone() },
        (None, None) if arguments.shared => LeaseScope::Shared,
        (None, None) => env::scope(),
    };
    request.socket = exec::own_socket(&OwnSocket {
        socket: arguments.socket.clone(),
        peer_uid: arguments.peer_uid,
    })?;
    let grant = exec::lease(daemon, request)?;
    let note = grant.fence.then(|| {
        format!(
            "note: this terminal session is fenced in by lease {}: it gets the role `{}` on these terms and nothing \
             else; another terminal can revoke it\n",
            grant.id, grant.role
        )
    });
    env::print(&env::of(grant), arguments.format, "rolecall lease create …")?;
    if let Some(note) = note.filter(|_| arguments.format != EnvFormat::Json) {
        // The lines themselves have been printed.
        let _ = anstream::stderr().write_all(note.as_bytes());
    }
    Ok(())
}

fn all(daemon: &Daemon) -> Result<Vec<LeaseStatus>, Failure> {
    daemon.get(Target::new("/v1/leases"), QUICK)
}

fn list(daemon: &Daemon, arguments: &List) -> Result<(), Failure> {
    let leases = all(daemon)?;
    if arguments.json {
        return output::print_json(&leases);
    }
    output::print(&render(&leases, time::now(), output::width()))
}

fn render(leases: &[LeaseStatus], now: i64, width: Option<usize>) -> String {
    if leases.is_empty() {
        return "no leases: `rolecall exec`, `env` and `lease create` make them\n".to_owned();
    }
    let mut table = Table::new(&["ID", "ROLE", "BOUND TO", "MADE", "ENDS"]);
    for lease in leases {
        let ends = match &lease.ends {
            _ if lease.ended => "has ended".to_owned(),
            Some(ends) => format!("{} at the latest", time::relative(ends, now)),
            None => "with its processes".to_owned(),
        };
        table.row(vec![
            Cell::plain(&lease.id),
            Cell::styled(&lease.role, Style::new().bold()),
            Cell::plain(&lease.scope),
            Cell::plain(&time::relative(&lease.created, now)),
            Cell::plain(&ends),
        ]);
        for note in notes(lease) {
            table.note(&note, Style::new().dimmed());
        }
    }
    table.render(width)
}

/// What else there is to say about a lease, one line each.
pub(super) fn notes(lease: &LeaseStatus) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(policy) = &lease.policy {
        notes.push(format!("narrowed: {policy}"));
    }
    match (lease.fence, lease.ended) {
        (true, false) => notes.push("a fence: what is inside gets nothing else".to_owned()),
        (true, true) => notes.push("a fence: what is inside gets nothing any more".to_owned()),
        (false, _) => {}
    }
    notes.extend(
        lease
            .reason
            .as_ref()
            .map(|reason| format!("reason: {reason}")),
    );
    notes
}

fn revoke(daemon: &Daemon, arguments: &Revoke) -> Result<(), Failure> {
    let ids = if arguments.all {
        let live = all(daemon)?.into_iter().filter(|lease| !lease.ended);
        live.map(|lease| lease.id).collect()
    } else {
        arguments.ids.clone()
    };
    for id in &ids {
        let target = Target::new("/v1/leases").segment(id);
        daemon
            .delete(target, Duration::from_secs(30))
            .map_err(|failure| Failure {
                message: format!("lease {id}: {}", failure.message),
                ..failure
            })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::fixture;

    #[test]
    fn a_table_of_leases() {
        let fenced = LeaseStatus {
            id: "00000000000000ff".to_owned(),
            scope: "cgroup of process 4712 (claude)".to_owned(),
            ends: Some("2026-01-01T13:00:00Z".to_owned()),
            policy: Some("read-only, sessions of 15m".to_owned()),
            reason: Some("look at the logs".to_owned()),
            fence: true,
            ..fixture::status().leases.remove(0)
        };
        let over = LeaseStatus {
            ended: true,
            reason: None,
            ..fenced.clone()
        };
        let leases = [fixture::status().leases.remove(0), fenced, over];
        let text = render(&leases, fixture::NOW, None);
        insta::assert_snapshot!(anstream::adapter::strip_str(&text).to_string());
        assert!(render(&[], fixture::NOW, None).starts_with("no leases"));
    }
}
