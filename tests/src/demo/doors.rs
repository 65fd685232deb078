//! Fetches through the four doors, each shown as one would type it.

use anyhow::{Context as _, ensure};

use super::backstage::{Backstage, body};
use super::credentials::{Credentials, shorten};
use super::screen::Screen;
use crate::harness::{Endpoint, Request};

/// What stands in for a program of the visitor's: the AWS SDK for Rust as it comes.
pub(super) const PROGRAM: &str = "deploy-tool";

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
    show(screen, &body(&Endpoint::Unix(socket), &Request::get(path))?)
}

/// As a program that believes to be on an EC2 instance.
pub(super) fn imds(screen: &Screen, stage: &Backstage) -> anyhow::Result<Credentials> {
    const TOKEN: &str = "X-aws-ec2-metadata-token";
    const ROLES: &str = "/latest/meta-data/iam/security-credentials/";
    let address = stage.imds();
    let (path, lifetime) = ("/latest/api/token", format!("{TOKEN}-ttl-seconds"));
    screen.command(&format!(
        "TOKEN=$(curl -X PUT -H '{lifetime}: 21600' http://{address}{path})"
    ))?;
    let request = Request::new("PUT", path).header(&lifetime, "21600");
    let token = body(&Endpoint::Tcp(address), &request)?;
    ensure!(token.len() > 16, "no token worth the name: {token:?}");
    screen.say(&format!("TOKEN is {}", shorten(&token, &token)))?;

    let get = |path: &str| {
        screen.command(&format!(
            "curl -H \"{TOKEN}: $TOKEN\" http://{address}{path}"
        ))?;
        body(
            &Endpoint::Tcp(address),
            &Request::get(path).header(TOKEN, &token),
        )
    };
    let role = get(ROLES)?;
    screen.output(&role)?;
    ensure!(
        role.trim() == "dev",
        "expected the role dev, found {role:?}"
    );
    show(screen, &get(&format!("{ROLES}dev"))?)
}

/// As a program in a container, which `rolecall exec` makes of any.
pub(super) fn container(screen: &Screen, stage: &Backstage) -> anyhow::Result<()> {
    let run = |line: &str| {
        screen.command(line)?;
        let done = stage.shell(line, "")?;
        screen.output(&done.text)?;
        ensure!(done.status.success(), "`{line}` failed: {}", done.status);
        Ok(done.text)
    };
    let endpoint = run("rolecall exec dev -- printenv AWS_CONTAINER_CREDENTIALS_FULL_URI")?;
    ensure!(
        endpoint.starts_with("http://127.0.0.1:"),
        "the container door is not on loopback: {endpoint}"
    );
    let identity = run(&format!("rolecall exec dev -- {PROGRAM} identity"))?;
    ensure!(
        identity.contains(":assumed-role/dev/"),
        "{PROGRAM} did not get the role dev: {identity}"
    );
    Ok(())
}

/// Shows a document, its secrets shortened.
fn show(screen: &Screen, document: &str) -> anyhow::Result<Credentials> {
    let credentials = Credentials::read(document).context("not credentials")?;
    screen.output(&credentials.hide(document))?;
    Ok(credentials)
}
