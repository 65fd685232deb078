//! `rolecall whoami ROLE`: who AWS takes the role's session for.

use std::time::Duration;

use rolecall::api::{Identity, MAX_WAIT_SECONDS};
use rolecall::connection::Target;

use super::arguments::Whoami;
use super::daemon::Daemon;
use super::failure::Failure;
use super::{escape, output};

/// Runs it.
pub(crate) fn run(daemon: &Daemon, arguments: &Whoami) -> Result<(), Failure> {
    let target = Target::new("/v1/whoami")
        .segment(&arguments.role)
        .query("wait", &MAX_WAIT_SECONDS.to_string());
    // A first session, and then the call itself (DESIGN rule 5: 60 s an attempt).
    let limit = Duration::from_secs(MAX_WAIT_SECONDS + 65);
    let identity: Identity = daemon.get(target, limit)?;
    if arguments.json {
        return output::print_json(&identity);
    }
    output::print(&format!(
        "account  {}\narn      {}\nuser id  {}\n",
        escape::line(&identity.account),
        escape::line(&identity.arn),
        escape::line(&identity.user_id)
    ))
}
