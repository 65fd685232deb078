//! `rolecall exec` where other credentials lie about: the command gets the role, and nothing else is
//! even asked.

use std::io::Read as _;
use std::net::{Ipv4Addr, TcpListener};
use std::process::Command;
use std::sync::{Arc, Mutex};

use rolecall_tests::harness::{World, profiles, run};

use crate::ways::{Client, arn, assert_is, assumed, exec};

/// A port that remembers what was sent to it and answers nothing.
pub(crate) struct Trap {
    pub(crate) port: u16,
    caught: Arc<Mutex<Vec<String>>>,
}

impl Trap {
    pub(crate) fn set() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let port = listener.local_addr().expect("it is bound").port();
        let caught = Arc::new(Mutex::new(Vec::new()));
        std::thread::spawn({
            let caught = Arc::clone(&caught);
            move || {
                for mut stream in listener.incoming().flatten() {
                    let mut start = [0; 200];
                    let length = stream.read(&mut start).unwrap_or_default();
                    let start = String::from_utf8_lossy(&start[..length]).into_owned();
                    caught.lock().expect("no panic holds it").push(start);
                }
            }
        });
        Self { port, caught }
    }

    pub(crate) fn caught(&self) -> Vec<String> {
        self.caught.lock().expect("no panic holds it").clone()
    }
}

/// Everything that an SDK would rather take than the container endpoint or IMDS, and proxies.
pub(crate) fn spoil(world: &World, command: &mut Command, trap: &Trap) {
    let url = format!("http://127.0.0.1:{}", trap.port);
    command
        .env("AWS_ACCESS_KEY_ID", "AKIAGARBAGEGARBAGE00")
        .env("AWS_SECRET_ACCESS_KEY", "garbage")
        .env("AWS_SESSION_TOKEN", "garbage")
        .env("AWS_SECURITY_TOKEN", "garbage")
        .env("AWS_CREDENTIAL_EXPIRATION", "2099-01-01T00:00:00Z")
        .env("AWS_ACCESS_KEY", "AKIAGARBAGEGARBAGE00")
        .env("AWS_SECRET_KEY", "garbage")
        .env("AWS_BEARER_TOKEN_BEDROCK", "garbage")
        .env("AWS_CREDENTIAL_FILE", world.path("home/.boto"))
        .env("BOTO_CONFIG", world.path("home/.boto"))
        .env("AWS_PROFILE", "nowhere")
        .env("AWS_DEFAULT_PROFILE", "nowhere")
        .env("AWS_ROLE_ARN", profiles::HUB)
        .env("AWS_ROLE_SESSION_NAME", "garbage")
        .env(
            "AWS_WEB_IDENTITY_TOKEN_FILE",
            world.path("home/.aws/credentials"),
        )
        .env("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/garbage")
        .env("AWS_CONTAINER_CREDENTIALS_FULL_URI", &url)
        .env("AWS_CONTAINER_AUTHORIZATION_TOKEN", "garbage")
        .env("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/nonexistent")
        .env_remove("AWS_EC2_METADATA_DISABLED")
        .env("AWS_EC2_METADATA_SERVICE_ENDPOINT", &url);
    for name in [
        "HTTP_PROXY",
        "http_proxy",
        "HTTPS_PROXY",
        "https_proxy",
        "ALL_PROXY",
        "all_proxy",
    ] {
        command.env(name, &url);
    }
    world.write(
        "home/.aws/config",
        &format!(
            "[default]\nregion = ap-south-1\ncredential_process = /bin/false\n\n\
             [DEFAULT]\naws_access_key_id = AKIAGARBAGEGARBAGE03\naws_secret_access_key = garbage\n\n\
             [profile \"default\"]\naws_access_key_id = AKIAGARBAGEGARBAGE04\naws_secret_access_key = garbage\n\n{}",
            profiles::config()
        ),
    );
    world.write(
        "home/.boto",
        "[Credentials]\naws_access_key_id = AKIAGARBAGEGARBAGE02\naws_secret_access_key = garbage\n",
    );
    world.write(
        "home/.aws/credentials",
        &format!(
            "[default]\naws_access_key_id = AKIAGARBAGEGARBAGE01\naws_secret_access_key = garbage\n\n{}",
            profiles::credentials()
        ),
    );
}

/// Client contract 101, 103.
#[test]
fn every_sdk_gets_the_role_and_asks_nobody_else() {
    if !rolecall_tests::harness::python_is_there() {
        return;
    }
    let mut world = World::new();
    let trap = Trap::set();
    spoil(&world, &mut Command::new("true"), &trap);
    world.start();
    for client in Client::ALL {
        let mut command = client.command(&world);
        spoil(&world, &mut command, &trap);
        assert_is(&world, &mut exec(&world, "dev", &command), profiles::DEV);
        // The same with nothing but boto's own files in the way, in the places where it looks by itself.
        let mut command = client.command(&world);
        command.env_remove("BOTO_CONFIG");
        assert_is(&world, &mut exec(&world, "dev", &command), profiles::DEV);
    }
    assert_eq!(trap.caught(), [""; 0]);
}

/// What the test above relies on: without `exec` every SDK falls into one of the traps.
#[test]
fn without_exec_none_gets_the_role() {
    if !rolecall_tests::harness::python_is_there() {
        return;
    }
    let world = World::new();
    let trap = Trap::set();
    for client in Client::ALL {
        let mut command = client.command(&world);
        spoil(&world, &mut command, &trap);
        // The names of profiles would end it before it looks anywhere.
        command
            .env_remove("AWS_PROFILE")
            .env_remove("AWS_DEFAULT_PROFILE");
        let finished = run(&mut command);
        let is_dev =
            finished.status.success() && arn(&finished).starts_with(&assumed(profiles::DEV));
        assert!(!is_dev, "{finished:#?}");
    }
    assert_ne!(trap.caught(), [""; 0]);
}

/// Client contract 101.
#[test]
fn the_region_is_the_role_s_and_other_settings_stay() {
    let mut world = World::new();
    let trap = Trap::set();
    let mut show = world.command("sh");
    show.args(["-c", "echo $AWS_REGION $AWS_DEFAULT_REGION $HTTPS_PROXY $NO_PROXY; cat \"$AWS_CONFIG_FILE\" \"$AWS_SHARED_CREDENTIALS_FILE\""]);
    spoil(&world, &mut show, &trap);
    show.env("NO_PROXY", "example.org");
    world.start();
    let finished = run(&mut exec(&world, "dev", &show));
    let (first, files) = finished.ok().split_once('\n').expect("lines");
    assert_eq!(
        first,
        format!(
            "eu-west-1 eu-west-1 http://127.0.0.1:{} example.org,127.0.0.1,localhost",
            trap.port
        )
    );
    assert!(
        files.starts_with("[default]\nregion = eu-west-1\n"),
        "{files}"
    );
    assert!(
        !files.contains("GARBAGE") && !files.contains("/bin/false"),
        "{files}"
    );
    // Other profiles are there as they were.
    assert!(
        files.contains("[profile base]") && files.contains(profiles::ALICE_SECRET),
        "{files}"
    );
}
