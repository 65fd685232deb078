//! What each SDK does on its own, as far as it matters here.

use std::fmt::Write as _;

use crate::sdk::Sdk;

const HEAD: &str = "
## What each client does

Read from their sources, and measured. Times are what is left of a session when the client begins to ask for another. rolecall renews an hour's session when at least
26 minutes are left, so that none of them ever gets there; it matters for sessions shorter than that.
";

const OTHERS: &str = "
Not tested here, and built on the same rules: .NET asks IMDS for a new token with every read and on the process line wants a
session with more than 15 minutes left; Ruby starts a process line twice; PHP, Kotlin, Swift and minio-go read the document
strictly, which items 27 to 32 below are for. A client on C++ before the C runtime mixes a process line's standard error into
its output: `rolecall process` writes nothing there when it succeeds.
";

/// The section.
pub(super) fn section() -> anyhow::Result<String> {
    let mut section = HEAD.to_owned();
    section.push_str(
        "\n| client | tested version | asks again at | what to know |\n| --- | --- | --- | --- |\n",
    );
    for sdk in Sdk::ALL {
        let (window, notes) = of(sdk);
        // Writing to a String cannot fail.
        let _ = writeln!(
            section,
            "| {} | {} | {window} | {notes} |",
            sdk.name(),
            sdk.version()?
        );
    }
    section.push_str(OTHERS);
    Ok(section)
}

/// When it asks again, and what else there is to know.
fn of(sdk: Sdk) -> (&'static str, &'static str) {
    match sdk {
        Sdk::Boto3 => (
            "15 minutes; at 10 every caller waits",
            "Below 15 minutes it asks with every call. On IMDS it instead keeps a short session for 2 to 10 minutes, whatever its \
             end: sessions should be no shorter than 15 minutes. It asks IMDS once with a second's patience, the container \
             endpoint three times whatever the error. It sends IMDS requests through a proxy unless `NO_PROXY` names the \
             address, as `rolecall exec` does",
        ),
        Sdk::AwsCli => (
            "every command",
            "botocore in a new process each time: one run of the process line, or one token and two reads. Version 1 takes no \
             region from IMDS; version 2, which is not published as a package and so not tested here, reads the availability zone",
        ),
        Sdk::JavaScript => (
            "5 minutes, in the background",
            "It runs a failing process line twice and asks a failing container endpoint five times in three seconds. A second \
             container provider sends the token's variable only, and only to `localhost` or `127.0.0.1`",
        ),
        Sdk::GoV2 => (
            "5 minutes on the container endpoint; at the end elsewhere",
            "It gives IMDS half a second for an answer. It keeps what IMDS gave it for up to an hour. A process line has a minute, \
             and inherits standard input and error, so that a prompt can be answered",
        ),
        Sdk::GoV1 => (
            "5 minutes; on the process line at the end",
            "It reads `~/.aws/config` only with `AWS_SDK_LOAD_CONFIG=1`, and takes 8,192 bytes of a process line's output at most. \
             No variable names the endpoint of STS",
        ),
        Sdk::Java => (
            "15 minutes on the container endpoint, half of what is left on IMDS",
            "It takes the container token's variable before its file, and the region from IMDS. A process line's output may \
             have 64,000 bytes",
        ),
        Sdk::Rust => (
            "10 seconds",
            "It keeps its IMDS token for its life and does not drop it when it is refused: tokens of rolecall outlive a restart of \
             the daemon. It reads the role's name and the region to the letter",
        ),
        Sdk::Crt => (
            "5 minutes, with every call",
            "It sends `Host` without the port, and takes the body of a failed listing for a role's name: rolecall's are empty. \
             An answer of the container endpoint may have 10,000 bytes, and sockets are IPv4's",
        ),
    }
}
