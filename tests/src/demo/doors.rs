//! Fetches through the four doors, each shown as one would type it.

use super::backstage::Backstage;
use super::credentials::{Credentials, shorten};
use super::http::Request;
use super::screen::Screen;
use super::stand_in;

use anyhow::{Context as _, ensure};

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
    show(screen, &Request::get(path).over_socket(&socket)?)
}

/// As a program that believes to be on an EC2 instance.
pub(super) fn imds(screen: &Screen, stage: &Backstage) -> anyhow::Result<Credentials> {
    const ROLES: &str = "/latest/meta-data/iam/security-credentials/";
    let address = stage.imds();
    let token = "/latest/api/token";
    let lifetime = ("X-aws-ec2-metadata-token-ttl-seconds", "21600");
    screen.command(&format!(
        "TOKEN=$(curl -X PUT -H '{}: {}' http://{address}{token})",
        lifetime.0, lifetime.1
    ))?;
    let token = Request {
        method: "PUT",
        headers: &[lifetime],
        ..Request::get(token)
    }
    .over_tcp(address)?;
    ensure!(token.len() > 16, "no token worth the name: {token:?}");
    screen.say(&format!("TOKEN is {}", shorten(&token, &token)))?;

    let headers = [("X-aws-ec2-metadata-token", token.as_str())];
    let get = |path: &str| -> anyhow::Result<String> {
        screen.command(&format!(
            "curl -H \"{}: $TOKEN\" http://{address}{path}",
            headers[0].0
        ))?;
        Request {
            headers: &headers,
            ..Request::get(path)
        }
        .over_tcp(address)
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
    let line = format!("rolecall exec dev -- {}", stand_in::NAME);
    screen.command(&line)?;
    let done = stage.shell(&line, "")?;
    screen.output(&done.text)?;
    ensure!(done.status.success(), "`{line}` failed: {}", done.status);
    let says = |text: &str| done.text.contains(text);
    ensure!(
        says("credentials from http://127.0.0.1:") && says(":assumed-role/dev/"),
        "{} did not get the role dev from the container door",
        stand_in::NAME
    );
    Ok(())
}

/// Shows a document, its secrets shortened.
fn show(screen: &Screen, document: &str) -> anyhow::Result<Credentials> {
    let credentials = Credentials::read(document).context("not credentials")?;
    screen.output(&credentials.hide(document))?;
    Ok(credentials)
}
