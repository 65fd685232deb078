//! `rolecall roles`: each role's recipe on one line.

use anstyle::{AnsiColor, Style};
use rolecall::api::{RoleState, RoleStatus};
use rolecall::connection::Target;

use super::arguments::Roles;
use super::daemon::{Daemon, QUICK};
use super::failure::Failure;
use super::output;
use super::table::{Cell, Table};

/// Runs it.
pub(crate) fn run(daemon: &Daemon, arguments: &Roles) -> Result<(), Failure> {
    let roles: Vec<RoleStatus> = daemon.get(Target::new("/v1/roles"), QUICK)?;
    if arguments.json {
        return output::print_json(&roles);
    }
    output::print(&render(&roles, output::width()))
}

fn render(roles: &[RoleStatus], width: Option<usize>) -> String {
    if roles.is_empty() {
        return "no roles: none of the profiles in ~/.aws/config has a role_arn, and config.toml has no [roles]\n"
            .to_owned();
    }
    let dim = Style::new().dimmed();
    let mut table = Table::new(&["ROLE", "ACCOUNT", "RECIPE"]);
    for role in roles {
        let unusable = role.state == RoleState::Unusable;
        table.row(vec![
            Cell::styled(&role.name, Style::new().bold()),
            Cell::plain(role.account.as_deref().unwrap_or("-")),
            Cell::plain(&role.recipe),
        ]);
        for note in &role.notes {
            let style = if unusable {
                Style::new().fg_color(Some(AnsiColor::Red.into()))
            } else {
                dim
            };
            table.note(note, style);
        }
    }
    table.render(width)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::fixture;

    #[test]
    fn one_line_a_role() {
        let text = render(&fixture::status().roles, None);
        insta::assert_snapshot!(anstream::adapter::strip_str(&text).to_string());
        assert!(render(&[], None).starts_with("no roles"));
    }
}
