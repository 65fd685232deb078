//! `docs/cli.md`: what the programs say of themselves.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, bail};

const HEAD: &str = "\
# Commands

What `rolecall` and `rolecalld` print for `--help`. `make docs` writes this page. What scripts may rely on beside it stands in
[configuration.md](configuration.md): variables, signals, exit codes.
";

/// The whole page.
pub(super) fn page(bin: &Path) -> anyhow::Result<String> {
    let mut page = HEAD.to_owned();
    section(&mut page, bin, "rolecall", &[])?;
    section(&mut page, bin, "rolecalld", &[])?;
    Ok(page)
}

/// The help of one command, then that of the commands below it.
fn section(page: &mut String, bin: &Path, program: &str, words: &[&str]) -> anyhow::Result<()> {
    let help = help(bin, program, words)?;
    let name: Vec<&str> = std::iter::once(program)
        .chain(words.iter().copied())
        .collect();
    // Writing to a String cannot fail.
    let _ = write!(page, "\n## {}\n\n```text\n{help}```\n", name.join(" "));
    for command in commands(&help) {
        let words: Vec<&str> = words.iter().copied().chain([command]).collect();
        section(page, bin, program, &words)?;
    }
    Ok(())
}

fn help(bin: &Path, program: &str, words: &[&str]) -> anyhow::Result<String> {
    let output = Command::new(bin.join(program))
        .args(words)
        .arg("--help")
        // Neither the caller's terminal nor the values of its variables belong on the page.
        .env_clear()
        .output()
        .with_context(|| format!("cannot run {}", bin.join(program).display()))?;
    if !output.status.success() {
        bail!("{program} {} --help: {}", words.join(" "), output.status);
    }
    let text = String::from_utf8(output.stdout)?;
    Ok(text
        .lines()
        .fold(String::new(), |page, line| page + line.trim_end() + "\n"))
}

/// The names below `Commands:`.
fn commands(help: &str) -> Vec<&str> {
    help.lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        // Names are set in by two blanks, what goes on of their descriptions by more.
        .filter_map(|line| line.strip_prefix("  "))
        .filter(|line| !line.starts_with(' '))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_found_in_help() {
        let help = "Usage: x\n\nCommands:\n  setup  Put profiles\n         behind it\n  help   Print this\n\nOptions:\n  -h\n";
        assert_eq!(commands(help), ["setup"]);
        assert!(commands("Options:\n  -h\n").is_empty());
    }
}
