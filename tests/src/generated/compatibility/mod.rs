//! `docs/compatibility.md`: what every SDK does with rolecall, as the tests saw it, and the client contract.

pub mod contract;
pub mod marks;
mod notes;

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Context as _;

use super::root;
use crate::sdk::{Cell, Sdk, Situation, Way, record};

const HEAD: &str = "\
# Compatibility

Which AWS SDKs take credentials from rolecall, how each behaves, and the list of what SDKs send, accept and break on.
`make docs` writes this page. Its first table is what `make test` saw: the tests fail where they see anything else.

";

const READING: &str = "
Every client is a small program in its own language ([tests/sdk](../tests/sdk/README.md)) with the SDK's default chain and
environment variables only, in a network namespace without a way out, against a fake AWS that checks each signature.

- **finds them**: STS answers who the caller is. The container endpoint is named as `rolecall exec` names it.
- **renewal**: one process goes on calling, without an error, until it signs with the next session. Sessions last six minutes,
  less than most clients' own windows; fifteen for boto3 on IMDS, which keeps what it was given for up to ten.
- **daemon restart**: the daemon is stopped and started, then killed and started; each time the same process signs with a
  session of the new daemon, with the token, address and lease it had.
- **AWS down, session held** and **none held**: AssumeRole fails. What is held is served; with nothing held each SDK gives up by
  itself with an error about credentials, and sends nothing.
- **no such role**: a process line, listener or container path for a role that there is not.
- **locked**: after `rolecall lock`, with a session and leases from before.
- `–`: each command of the AWS CLI is a process of its own, and starts anew.

Clients that know no variable for IMDS's address find a listener on `169.254.169.254:80`, where a namespace or container lets
the daemon have that address. Go v2 (as Terraform uses it), Java and Rust take the region from IMDS as well; the others must be
told one, and `rolecall exec` tells all of them.
";

const CONTRACT: &str = "
## The client contract

What SDKs need from an IMDS, a container endpoint and a `credential_process`, collected from their sources and from measurement.
Comments in the code cite an item as \"client contract 37\". The tests of an item are those that say so.
";

/// The whole page; results are looked for below `target`.
pub(super) fn page(target: &Path) -> anyhow::Result<String> {
    let mut page = HEAD.to_owned();
    matrix(&mut page, target)?;
    page.push_str(READING);
    page.push_str(&notes::section()?);
    page.push_str(CONTRACT);
    page.push_str(&contract::tables(&contract::items(&root())?));
    Ok(page)
}

/// The table of every client and way.
fn matrix(page: &mut String, target: &Path) -> anyhow::Result<()> {
    let headings = Situation::ALL.map(Situation::heading).join(" | ");
    let line = " --- |".repeat(2 + Situation::ALL.len());
    // Writing to a String cannot fail.
    let _ = write!(
        page,
        "## {}\n\n| client | way | {headings} |\n|{line}\n",
        record::HEADING
    );
    for sdk in Sdk::ALL {
        for way in Way::ALL {
            let _ = write!(page, "| {} | {} |", sdk.name(), way.name());
            for situation in Situation::ALL {
                let word = outcome((sdk, way), situation, target)?;
                let _ = write!(page, " {word} |");
            }
            page.push('\n');
        }
    }
    Ok(())
}

/// What the last run saw; where that run did not look, what one before it saw.
fn outcome(cell: Cell, situation: Situation, target: &Path) -> anyhow::Result<String> {
    if !cell.0.meets(situation) {
        return Ok("–".to_owned());
    }
    record::seen(cell, situation, target)
        .or_else(|| record::claimed(cell, situation))
        .with_context(|| format!("nobody has seen {cell:?} in {situation:?}: run `make test`"))
}
