//! `make docs`: rewrites the generated documentation. See `rolecall_tests::generated`.

use std::io::Write as _;

use anyhow::Context as _;

fn main() -> anyhow::Result<()> {
    let own = std::env::current_exe()?;
    let bin = own.parent().context("this program is in no directory")?;
    for path in rolecall_tests::generated::rewrite(bin)? {
        writeln!(std::io::stdout(), "wrote {path}")?;
    }
    Ok(())
}
