//! What the visitor sees: headlines, commands as one would type them, and what came back.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::Duration;

use super::interrupt::Interrupt;
use super::wait;

const BOLD: &str = "\x1b[1m";
const GREEN: &str = "\x1b[32m";
const DIM: &str = "\x1b[2m";
const PLAIN: &str = "\x1b[0m";

/// Time for a person to read a step.
const READING: Duration = Duration::from_secs(2);

/// Standard output.
#[derive(Debug)]
pub(super) struct Screen {
    color: bool,
    fast: bool,
    step: u32,
    interrupt: Interrupt,
}

impl Screen {
    pub(super) fn new(fast: bool, interrupt: &Interrupt) -> Self {
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        Self {
            color: io::stdout().is_terminal() && !set("NO_COLOR"),
            fast,
            step: 0,
            interrupt: interrupt.clone(),
        }
    }

    /// Whether there are colours.
    pub(super) fn has_color(&self) -> bool {
        self.color
    }

    /// Whether nobody is to be given time to read.
    pub(super) fn is_fast(&self) -> bool {
        self.fast
    }

    /// Begins a step.
    pub(super) fn headline(&mut self, text: &str) -> anyhow::Result<()> {
        if self.step > 0 && !self.fast {
            wait::pause(&self.interrupt, READING)?;
        }
        self.step += 1;
        let text = format!("{}. {text}", self.step);
        self.line(&format!("\n{}", self.styled(BOLD, &text)))
    }

    /// A sentence between commands.
    pub(super) fn say(&self, text: &str) -> anyhow::Result<()> {
        self.line(&self.styled(DIM, text))
    }

    /// What one would type.
    pub(super) fn command(&self, text: &str) -> anyhow::Result<()> {
        self.line(&format!("{} {text}", self.styled(GREEN, "$")))
    }

    /// What came back.
    pub(super) fn output(&self, text: &str) -> anyhow::Result<()> {
        let text = text.trim_end();
        if text.is_empty() {
            return Ok(());
        }
        self.line(text)
    }

    fn styled(&self, style: &str, text: &str) -> String {
        if self.color {
            format!("{style}{text}{PLAIN}")
        } else {
            text.to_owned()
        }
    }

    fn line(&self, text: &str) -> anyhow::Result<()> {
        self.interrupt.check()?;
        let mut out = io::stdout().lock();
        writeln!(out, "{text}")?;
        out.flush()?;
        Ok(())
    }
}
