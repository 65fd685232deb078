//! `--socket`, the daemon's, which stands before or after a command; except after those that have a `--socket`
//! of their own, a lease's.

use std::path::PathBuf;

use clap::{Arg, ArgMatches, Command, value_parser};

const NAME: &str = "socket";
const AFTER: &str = "daemon_socket";

/// The grammar in which it may stand after the commands, too.
pub(super) fn after_commands_too(command: Command) -> Command {
    command.mut_subcommands(|command| {
        let command = after_commands_too(command);
        let taken = command
            .get_arguments()
            .any(|it| it.get_long() == Some(NAME));
        if taken {
            return command;
        }
        command.arg(
            Arg::new(AFTER)
                .long(NAME)
                .value_name("PATH")
                .help("The daemon's socket [default: $ROLECALL_SOCKET, or the user's own]")
                .value_parser(value_parser!(PathBuf))
                .display_order(100),
        )
    })
}

/// What stands after the commands, the last one first.
pub(super) fn of(matches: &ArgMatches) -> Option<PathBuf> {
    let (_, below) = matches.subcommand()?;
    let own = below.try_get_one::<PathBuf>(AFTER).ok().flatten().cloned();
    of(below).or(own)
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::super::{Arguments, Command};

    fn read(line: &str) -> Arguments {
        let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        Arguments::try_read(&words).unwrap()
    }

    #[test]
    fn the_daemon_s_stands_anywhere_but_after_exec() {
        for (line, expected) in [
            ("rolecall status", None),
            ("rolecall --socket /d status", Some("/d")),
            ("rolecall status --socket /d", Some("/d")),
            ("rolecall --socket /x status --socket /d", Some("/d")),
            ("rolecall ledger --socket /d tail", Some("/d")),
            ("rolecall ledger tail --socket /d", Some("/d")),
            (
                "rolecall --socket /d exec dev --socket /l -- true",
                Some("/d"),
            ),
            ("rolecall exec dev --socket /l -- true", None),
        ] {
            assert_eq!(read(line).socket, expected.map(Into::into), "{line}");
        }
        let Command::Exec(exec) =
            read("rolecall exec dev --socket /l --peer-uid 7 -- true").command
        else {
            panic!("not exec");
        };
        assert_eq!(exec.own_socket.socket, Some("/l".into()));
        assert_eq!(exec.own_socket.peer_uid, Some(7));
    }

    #[test]
    fn a_grammar_that_contradicts_itself_is_noticed() {
        use clap::CommandFactory as _;
        super::after_commands_too(Arguments::command()).debug_assert();
    }
}
