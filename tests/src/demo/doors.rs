//! Fetches through the four doors, each shown as one would type it.

use anyhow::{Context as _, ensure};

use super::backstage::{Backstage, body};
use super::credentials::{Credentials, shorten};
use super::screen::Screen;
use crate::harness::{Connection, Endpoint, Request};

/// The AWS SDK for Rust as it comes, in place of programs of the visitor's: each asks AWS who it is. The
/// one goes on for a second, so that the daemon finds the process behind the connection; it looks after
/// it has answered.
const MODERN: &str = "sh -c 'sleep 1 | deploy-tool watch --every 400'";
const LEGACY: &str = "legacy-app once";

/// Through the credential_process line that every SDK runs.
pub(super) fn process(screen: &Screen, stage: &Backstage) -> anyhow::Result<Credentials> {
    let line = "rolecall process dev";
    screen.command(line)?;
    let done = stage.shell(line, "")?;
    ensure!(done.status.success(), "`{line}` failed: {}", done.text);
    show(screen, &done.text)
}

/// Through the daemon's own API.
pub(super) fn socket(screen: &Screen, stage: &Backstage) -> anyhow::Result<Credentials> {
    let socket = stage.socket();
    let path = "/v1/credentials/dev";
    screen.command(&format!(
        "curl --unix-socket {} http://localhost{path}",
        socket.display()
    ))?;
    let answer = Endpoint::Unix(socket).send(&Request::get(path))?;
    show(screen, &body(&answer)?)
}

/// As a program that believes to be on an EC2 instance. Its connection stays open, as an SDK's does: whom
/// the daemon answered there it looks up afterwards.
pub(super) fn imds(
    screen: &Screen,
    stage: &Backstage,
) -> anyhow::Result<(Credentials, Connection)> {
    const TOKEN: &str = "X-aws-ec2-metadata-token";
    const ROLES: &str = "/latest/meta-data/iam/security-credentials/";
    let address = stage.imds();
    let mut connection = Endpoint::Tcp(address).connect()?;
    let (path, lifetime) = ("/latest/api/token", format!("{TOKEN}-ttl-seconds"));
    screen.command(&format!(
        "TOKEN=$(curl -X PUT -H '{lifetime}: 21600' http://{address}{path})"
    ))?;
    let request = Request::new("PUT", path).header(&lifetime, "21600");
    let token = body(&connection.send(&request)?)?;
    ensure!(token.len() > 16, "no token worth the name: {token:?}");
    screen.say(&format!("TOKEN is {}", shorten(&token, &token)))?;

    let mut get = |path: &str| {
        screen.command(&format!(
            "curl -H \"{TOKEN}: $TOKEN\" http://{address}{path}"
        ))?;
        body(&connection.send(&Request::get(path).header(TOKEN, &token))?)
    };
    let role = get(ROLES)?;
    screen.output(&role)?;
    ensure!(role == "dev", "expected the role dev, found {role:?}");
    let credentials = show(screen, &get(&format!("{ROLES}dev"))?)?;
    is_dev(&run(
        screen,
        stage,
        &format!("AWS_EC2_METADATA_SERVICE_ENDPOINT=http://{address} {LEGACY}"),
    )?)?;
    Ok((credentials, connection))
}

/// As a program in a container, which `rolecall exec` makes of any.
pub(super) fn container(screen: &Screen, stage: &Backstage) -> anyhow::Result<()> {
    let variable = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
    let endpoint = run(
        screen,
        stage,
        &format!("rolecall exec dev -- printenv {variable}"),
    )?;
    ensure!(
        endpoint.starts_with("http://127.0.0.1:"),
        "the container door is not on loopback: {endpoint}"
    );
    is_dev(&run(
        screen,
        stage,
        &format!("rolecall exec dev -- {MODERN}"),
    )?)
}

/// Runs a line and shows it.
fn run(screen: &Screen, stage: &Backstage, line: &str) -> anyhow::Result<String> {
    screen.command(line)?;
    let shown = stage.shell(line, "")?;
    screen.output(&shown.text)?;
    ensure!(shown.status.success(), "`{line}` failed: {}", shown.status);
    Ok(shown.text)
}

fn is_dev(identity: &str) -> anyhow::Result<()> {
    ensure!(
        identity.contains("123456789012:assumed-role/dev/"),
        "not the role dev: {identity}"
    );
    Ok(())
}

/// Shows a document, its secrets shortened.
fn show(screen: &Screen, document: &str) -> anyhow::Result<Credentials> {
    let credentials = Credentials::read(document).context("not credentials")?;
    screen.output(&credentials.hide(document))?;
    Ok(credentials)
}
