//! The table a person looks at.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use rolecall::api::{
    ConfigProblem, ConsumerStatus, Door, RoleState, RoleStatus, SessionStatus, Severity, Status,
};

use crate::cli::table::{Cell, Table};
use crate::cli::{answer, escape, lease, problems, time};

/// Blocks in a full bar.
const BAR: u64 = 10;

/// Terminals narrower than this do without the IAM role's name.
const WIDE: usize = 100;

/// That name's column.
const IAM_ROLE: usize = 2;

/// Below this many seconds left, the bar is red.
const NEARLY_OVER: u64 = 300;

/// All of `status` at `now` (seconds since the epoch). `width` is None where nobody looks: bars are
/// left out and nothing is cut.
pub(super) fn render(status: &Status, now: i64, width: Option<usize>) -> String {
    let mut text = String::new();
    let uptime = time::parse(&status.started).map_or(0, |started| now.saturating_sub(started));
    let _ = writeln!(
        text,
        "rolecalld {} · pid {} · up {}",
        escape::line(&status.version),
        status.pid,
        time::span(u64::try_from(uptime).unwrap_or(0)),
    );
    if status.lock.locked {
        let since = status.lock.since.as_deref();
        let since = since.map_or_else(String::new, |since| time::relative(since, now));
        let red = Style::new().bold().fg_color(Some(AnsiColor::Red.into()));
        let _ = writeln!(
            text,
            "{red}locked{red:#} {since}: the doors hand out nothing until `rolecall unlock`"
        );
    }
    text.push('\n');
    text.push_str(&roles(&status.roles, now, width));
    if !status.challenges.is_empty() {
        section(&mut text, "ASKED", &asked(status, now));
    }
    let sections = [("LEASES", leases(status, now)), ("DOORS", doors(status))];
    for (title, table) in sections {
        if let Some(table) = table {
            section(
                &mut text,
                title,
                &table.render(width.map(|width| width.saturating_sub(2))),
            );
        }
    }
    // A role that cannot work says why where it stands.
    let elsewhere = |problem: &&ConfigProblem| {
        problem.role.is_none() || !status.config.current || problem.severity == Severity::Error
    };
    let problems: Vec<ConfigProblem> = status
        .config
        .problems
        .iter()
        .filter(elsewhere)
        .cloned()
        .collect();
    if !problems.is_empty() || !status.config.current {
        let mut lines = problems::render(&problems);
        if !status.config.current {
            lines.push_str("an older configuration stays in force until this is mended\n");
        }
        section(&mut text, "PROBLEMS", &lines);
    }
    let mut notes: Vec<String> = status.notes.iter().map(|note| escape::line(note)).collect();
    if let Some(error) = &status.ledger.error {
        notes.insert(0, format!("ledger: {}", escape::line(error)));
    }
    if status.store == "memory" {
        notes.push("sessions are kept in memory only and end with the daemon".to_owned());
    }
    if !notes.is_empty() {
        section(&mut text, "NOTES", &(notes.join("\n") + "\n"));
    }
    text
}

fn section(text: &mut String, title: &str, lines: &str) {
    let dim = Style::new().dimmed();
    let _ = writeln!(text, "\n{dim}{title}{dim:#}");
    for line in lines.lines() {
        let _ = writeln!(text, "  {line}");
    }
}

fn roles(roles: &[RoleStatus], now: i64, width: Option<usize>) -> String {
    if roles.is_empty() {
        return "no roles yet: `rolecall setup` puts the profiles of ~/.aws/config behind rolecall\n"
            .to_owned();
    }
    let wide = width.is_none_or(|width| width >= WIDE);
    let mut titles = vec![
        "ROLE",
        "ACCOUNT",
        "IAM ROLE",
        "TIME LEFT",
        "STATE",
        "USED BY",
    ];
    if !wide {
        titles.remove(IAM_ROLE);
    }
    let mut table = Table::new(&titles);
    for role in roles {
        let iam_role = role
            .role_arn
            .as_deref()
            .and_then(|arn| arn.rsplit('/').next())
            .unwrap_or("-");
        let (left, left_style) = time_left(role.session.as_ref(), width.is_some());
        let (state, state_style) = state(role.state);
        let mut cells = vec![
            Cell::styled(&role.name, Style::new().bold()),
            Cell::plain(role.account.as_deref().unwrap_or("-")),
            Cell::plain(iam_role),
            Cell::styled(&left, left_style),
            Cell::styled(state, state_style),
            Cell::plain(&used_by(&role.consumers)),
        ];
        if !wide {
            cells.remove(IAM_ROLE);
        }
        table.row(cells);
        if let Some(failure) = &role.failure {
            let mut note = failure.message.clone();
            match &failure.retry {
                Some(retry) => {
                    let _ = write!(note, " (tried again {})", time::relative(retry, now));
                }
                None => {
                    let _ = write!(note, " ({})", time::relative(&failure.at, now));
                }
            }
            table.note(&note, color(AnsiColor::Red));
        }
        let note_style = match role.state {
            RoleState::Unusable => color(AnsiColor::Red),
            _ => Style::new().dimmed(),
        };
        for note in &role.notes {
            table.note(note, note_style);
        }
    }
    table.render(width)
}

/// `████████░░ 41m`, green while it lasts, red at the end.
fn time_left(session: Option<&SessionStatus>, bar: bool) -> (String, Style) {
    let Some(session) = session else {
        return ("-".to_owned(), Style::new().dimmed());
    };
    let (left, whole) = (session.remaining_seconds, session.lifetime_seconds.max(1));
    let shade = match left {
        0..NEARLY_OVER => AnsiColor::Red,
        _ if left < whole / 4 => AnsiColor::Yellow,
        _ => AnsiColor::Green,
    };
    let span = time::span(left);
    let text = if bar {
        // Anything left shows at least one block.
        let blocks = left.saturating_mul(BAR).div_ceil(whole).min(BAR);
        let filled = usize::try_from(blocks).unwrap_or(0);
        let empty = usize::try_from(BAR - blocks).unwrap_or(0);
        format!("{}{} {span}", "█".repeat(filled), "░".repeat(empty))
    } else {
        span
    };
    (text, color(shade))
}

fn state(state: RoleState) -> (&'static str, Style) {
    match state {
        RoleState::Cold => ("cold", Style::new().dimmed()),
        RoleState::Degraded => ("degraded", color(AnsiColor::Yellow)),
        RoleState::Failing => ("failing", color(AnsiColor::Red)),
        RoleState::Issuing => ("issuing", color(AnsiColor::Cyan)),
        RoleState::Ready => ("ready", color(AnsiColor::Green)),
        RoleState::Unusable => ("unusable", color(AnsiColor::Red)),
        _ => ("unknown", Style::new()),
    }
}

/// The most recent of each name: `terraform (4711), aws`.
fn used_by(consumers: &[ConsumerStatus]) -> String {
    let mut names: Vec<&str> = Vec::new();
    let mut parts = Vec::new();
    for consumer in consumers {
        if names.contains(&consumer.name.as_str()) {
            continue;
        }
        names.push(&consumer.name);
        parts.push(match consumer.pid {
            Some(pid) => format!("{} ({pid})", consumer.name),
            None => consumer.name.clone(),
        });
    }
    parts.join(", ")
}

/// What a person is asked, and how to answer.
fn asked(status: &Status, now: i64) -> String {
    let mut lines = String::new();
    for challenge in &status.challenges {
        let id = escape::line(&challenge.id);
        let ends = time::relative(&challenge.deadline, now);
        let _ = writeln!(lines, "{id}  {} (closes {ends})", answer::line(challenge));
        let _ = writeln!(lines, "  rolecall approve {id}, or rolecall deny {id}");
    }
    lines
}

fn leases(status: &Status, now: i64) -> Option<Table> {
    let mut table = Table::new(&["", "", "", ""]);
    for lease in &status.leases {
        let end = match &lease.ends {
            _ if lease.ended => "has ended".to_owned(),
            Some(ends) => format!("ends {} at the latest", time::relative(ends, now)),
            None => String::new(),
        };
        table.row(vec![
            Cell::styled(&lease.role, Style::new().bold()),
            Cell::plain(&lease.scope),
            Cell::plain(&format!("made {}", time::relative(&lease.created, now))),
            Cell::plain(&end),
        ]);
        for note in lease::notes(lease) {
            table.note(&note, Style::new().dimmed());
        }
    }
    (!status.leases.is_empty()).then_some(table)
}

fn doors(status: &Status) -> Option<Table> {
    let mut table = Table::new(&["", "", ""]);
    for door in &status.doors {
        let name = match door.door {
            Door::Container => "container",
            Door::Imds => "imds",
            Door::Socket => "socket",
        };
        table.row(vec![
            Cell::plain(name),
            Cell::plain(&door.address),
            Cell::plain(door.role.as_deref().unwrap_or_default()),
        ]);
        if let Some(error) = &door.error {
            table.note(error, color(AnsiColor::Red));
        }
    }
    (!status.doors.is_empty()).then_some(table)
}

fn color(color: AnsiColor) -> Style {
    Style::new().fg_color(Some(color.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::fixture;

    fn plain(width: Option<usize>) -> String {
        let text = render(&fixture::status(), fixture::NOW, width);
        anstream::adapter::strip_str(&text).to_string()
    }

    #[test]
    fn on_a_wide_terminal() {
        insta::assert_snapshot!(plain(Some(120)));
    }

    #[test]
    fn on_a_narrow_terminal() {
        insta::assert_snapshot!(plain(Some(72)));
    }

    #[test]
    fn in_a_pipe() {
        insta::assert_snapshot!(plain(None));
    }

    #[test]
    fn with_nothing_to_show() {
        let mut status = fixture::healthy();
        (status.roles, status.leases, status.doors) = (vec![], vec![], vec![]);
        insta::assert_snapshot!(render(&status, fixture::NOW, Some(80)));
    }

    #[test]
    fn bars() {
        let session = |remaining_seconds, lifetime_seconds| SessionStatus {
            remaining_seconds,
            lifetime_seconds,
            ..fixture::session()
        };
        let bar = |left, whole| time_left(Some(&session(left, whole)), true).0;
        assert_eq!(bar(3600, 3600), "██████████ 1h");
        assert_eq!(bar(2460, 3600), "███████░░░ 41m");
        assert_eq!(bar(1, 3600), "█░░░░░░░░░ 1s");
        assert_eq!(bar(0, 0), "░░░░░░░░░░ 0s");
        assert_eq!(bar(9, 3), "██████████ 9s");
    }
}
