//! What goes wrong tells no secret: refusals by AWS that quote the request, wrong signatures, answers that
//! make no sense, broken configuration with a key in the very line that is broken, forged tokens.
//!
//! What goes well is `clients/secrets.rs`.

use std::fs;
use std::path::Path;

use rolecall_tests::fake_aws::{Effect, Fault, Role};
use rolecall_tests::harness::{
    Canaries, Endpoint, Finished, Request, Signal, World, eventually, free_port, profiles,
};
use serde_json::Value;

const EXTERNAL: &str = "arn:aws:iam::123456789012:role/external";
const WRONG: &str = "arn:aws:iam::123456789012:role/wrong";
const EXTERNAL_ID: &str = "canaryExternal-8417266530/tail";

/// Long-term secrets that are never any use: they stand where something is wrong.
const WRONG_KEY: &str = "canaryWrongSignature7265501923846570";

struct Run {
    world: World,
    canaries: Canaries,
    port: u16,
    /// What commands have said.
    said: String,
}

impl Run {
    fn new() -> Self {
        let port = free_port();
        let mut world = World::with(
            &profiles::aws()
                .role(Role::new(WRONG).trusting("111122223333"))
                .role(
                    Role::new(EXTERNAL)
                        .trusting("111122223333")
                        .with_external_id(EXTERNAL_ID),
                ),
        );
        world.set_variable("RUST_LOG", "trace");
        world.set_variable("LOG_SENSITIVE_BODIES", "true");
        let mut run = Self {
            world,
            canaries: Canaries::default(),
            port,
            said: String::new(),
        };
        run.canaries
            .add("the long-term secret", profiles::ALICE_SECRET);
        run.canaries.add("the external id", EXTERNAL_ID);
        run.canaries.add("the key that is wrong", WRONG_KEY);
        run.canaries
            .add("a proxy's password", "canaryProxyPassword5566778");
        run.configure("");
        run.world.write(
            "home/.aws/config",
            &format!(
                "{}\n[profile external]\nsource_profile = base\nrole_arn = {EXTERNAL}\n\
                 external_id = {EXTERNAL_ID}\n\n[profile wrong]\nsource_profile = other\nrole_arn = {WRONG}\n",
                profiles::config(),
            ),
        );
        run.world.write(
            "home/.aws/credentials",
            &format!(
                "{}\n[other]\naws_access_key_id = {}\naws_secret_access_key = {WRONG_KEY}\n",
                profiles::credentials(),
                profiles::ALICE_KEY,
            ),
        );
        run
    }

    /// `config.toml` with this at its end.
    fn configure(&self, more: &str) {
        self.world.configure(&format!(
            "log = \"trace\"\n[environment]\nHTTPS_PROXY = \"http://me:canaryProxyPassword5566778@127.0.0.1:9\"\n\
             [[imds]]\nlisten = \"127.0.0.1:{}\"\nrole = \"hub\"\n{more}\n",
            self.port
        ));
    }

    /// Runs a command, and takes note of what it says; its output too, unless that is a secret by design.
    fn rolecall(&mut self, arguments: &[&str]) -> Finished {
        let finished = self.world.rolecall(arguments);
        self.said += &finished.stderr;
        if arguments[0] != "process" || finished.code() != Some(0) {
            self.said += &finished.stdout;
        }
        finished
    }

    /// A session that is looked for from now on.
    fn session(&mut self, role: &str) -> (String, String) {
        let session: Value = self.rolecall(&["process", role]).json();
        let text = |field: &str| session[field].as_str().expect("a text").to_owned();
        let (secret, token) = (text("SecretAccessKey"), text("SessionToken"));
        self.canaries.add(&format!("the secret of {role}"), &secret);
        self.canaries.add(&format!("the token of {role}"), &token);
        (secret, token)
    }

    fn fails(&mut self, role: &str) {
        let finished = self.rolecall(&["process", role]);
        assert_ne!(finished.code(), Some(0), "{role}: {finished:?}");
    }

    /// Everything that shows what is wrong with a configuration.
    fn look(&mut self) {
        self.world.signal(Signal::HUP);
        for arguments in [
            &["reload"][..],
            &["config", "check", "--json"],
            &["setup"],
            &["status", "--json"],
            &["process", "dev"],
        ] {
            let mut finished = self.world.rolecall(arguments);
            if arguments[0] == "process" {
                finished.stdout.clear();
            }
            self.said += &(finished.stdout + &finished.stderr);
        }
    }

    /// A request by the user with something secret in it, answered by anything but 200.
    fn forged(&mut self, endpoint: &Endpoint, request: &Request) {
        let answer = self
            .world
            .user()
            .act(|| endpoint.send(request))
            .expect("an answer");
        assert_ne!(answer.status, 200);
        self.said += &answer.text();
    }

    /// Fails if any canary is where it must not be.
    fn search(&self) {
        let Self {
            world, canaries, ..
        } = self;
        canaries.are_not_in("what commands said", &self.said);
        let log = world.log();
        assert!(log.contains("TRACE") || log.contains("DEBUG"), "{log}");
        canaries.are_not_in("the log", log);
        let state = canaries.are_not_below(&world.state_directory(), |_| false);
        assert!(state > 2, "{state} files");
        canaries.are_not_below(&world.path("tmp"), |_| false);
        canaries.are_not_below(&world.path("home"), |path| {
            path.starts_with(world.path("home/.aws")) || path.ends_with("config.toml")
        });
        canaries.are_not_below(Path::new("/dev/shm"), |_| false);
    }

    /// The same of what is there only while the daemon runs: its runtime directory, what `/proc` tells of
    /// it, and what everybody can see of every process.
    fn search_running(&self) {
        // A lease's token is there to be read by its command; so are the user's own files beside it, whose
        // keys stand in them.
        let of_lease = |path: &Path| {
            ["token", "credentials", "config"]
                .iter()
                .any(|it| path.ends_with(it))
        };
        let run = self.world.path("run");
        assert!(self.canaries.are_not_below(&run, of_lease) > 1);
        let own = format!("/proc/{}", self.world.pid());
        for entry in fs::read_dir(&own).expect("root may").flatten() {
            let name = entry.file_name();
            // The memory itself, as root sees it: `memory.rs`. The others' contents are not text of ours.
            if name == "mem" || name == "pagemap" || name == "kcore" || !entry.path().is_file() {
                continue;
            }
            if let Ok(bytes) = fs::read(entry.path()) {
                self.canaries
                    .are_not_in(&entry.path().display().to_string(), bytes);
            }
        }
        self.canaries
            .are_not_below(Path::new(&format!("{own}/fdinfo")), |_| false);
        for entry in fs::read_dir("/proc").expect("/proc").flatten() {
            if let Ok(line) = fs::read(entry.path().join("cmdline")) {
                self.canaries.are_not_in("a command line", line);
            }
        }
    }
}

#[test]
fn failures_tell_no_secret() {
    let mut run = Run::new();
    run.world.start();
    let (hub_secret, hub_token) = run.session("hub");
    let token = run.world.imds(run.port).token;
    run.canaries.add("an IMDS token", &token);

    // AWS quotes the request, in one line and in many.
    let own = format!("User alice, {EXTERNAL_ID} {}", profiles::ALICE_SECRET);
    let parent = format!("{hub_secret} {hub_token}");
    let canonical = format!("It does not match.\n\nx-amz-security-token:{hub_token}\n{parent}");
    for (role, code, message) in [
        ("external", "AccessDenied", own.clone()),
        ("spoke", "AccessDenied", parent.clone()),
        ("spoke", "SignatureDoesNotMatch", canonical),
        ("external", &*own, "no message".to_owned()),
        (
            "spoke",
            "ValidationError",
            format!("1 error: {}", parent.replace(' ', "\u{1}")),
        ),
    ] {
        let effect = Effect::Error {
            status: 403,
            code: code.to_owned(),
            message,
        };
        run.world.aws.fail(Fault::new(effect).for_role(role).once());
        run.fails(role);
        // Denied is kept for a while: another way of asking again.
        run.rolecall(&["reload"]);
    }
    run.fails("wrong");
    for effect in [
        Effect::BrokenXml,
        Effect::EntityXml,
        Effect::DeepXml { depth: 4000 },
        Effect::LongTermKey,
        Effect::CloseMidBody,
        Effect::WrongArn {
            arn: format!("arn:aws:sts::1:assumed-role/{EXTERNAL_ID}/{hub_token}"),
        },
        Effect::Lifetime { seconds: -5 },
    ] {
        run.world.aws.fail(
            Fault::new(effect)
                .on("AssumeRole")
                .for_role("external")
                .once(),
        );
        run.rolecall(&["process", "external"]);
    }
    run.world.aws.heal();
    eventually("AWS is asked again", || {
        (run.world.rolecall(&["process", "external"]).code() == Some(0)).then_some(())
    });
    run.session("external");

    // Tokens of nobody, and a good one where it does not belong.
    let lease = run.world.lease("dev");
    run.canaries.add("a lease's token", &lease.token);
    let imds = Endpoint::Tcp(([127, 0, 0, 1], run.port).into());
    run.canaries
        .add("a forged token", "canaryForged99817263554");
    let get = |path: &str| Request::get(path);
    run.forged(
        &lease.endpoint,
        &get("/role/dev").header("authorization", "canaryForged99817263554"),
    );
    run.forged(
        &lease.endpoint,
        &get("/role/hub").header("authorization", &lease.token),
    );
    let forged =
        get("/latest/meta-data/").header("x-aws-ec2-metadata-token", "canaryForged99817263554");
    run.forged(&imds, &forged);
    let forwarded = lease
        .request()
        .header("x-forwarded-for", "canaryForged99817263554");
    run.forged(&lease.endpoint, &forwarded);

    run.world.signal(Signal::USR1);
    run.world.signal(Signal::USR2);
    run.look();
    run.search_running();
    drop(lease);
    run.world.stop();
    run.search();
}

#[test]
fn broken_configuration_tells_no_secret() {
    let mut run = Run::new();
    run.canaries
        .add("a key in a broken line", "canaryBrokenLine44556677");
    run.world.start();
    run.session("dev");
    let key = "canaryBrokenLine44556677";
    for broken in [
        format!("[roles.x]\naws_secret_access_key = \"{key}\"\n"),
        format!("[roles.x]\nexternal_id = \"{key}\n"),
        format!("[roles.x]\nexternal_id = {key}\n"),
        format!(
            "[roles.x]\nexternal_id = \"{key} with blanks\"\nrole_arn = \"{EXTERNAL}\"\nsource_profile = \"base\"\n"
        ),
        format!(
            "[roles.x]\nexternal_id = [\"{key}\"]\nrole_arn = \"{EXTERNAL}\"\nsource_profile = \"base\"\n"
        ),
        format!("[roles.x]\nexternal_id = \"a\"\nexternal_id = \"{key}\"\n"),
        format!(
            "[roles.x]\nsession_tags = {{ Secret = \"{key}\\u0000\" }}\nrole_arn = \"{EXTERNAL}\"\nsource_profile = \"base\"\n"
        ),
        format!("[environment]\nAWS_SECRET_ACCESS_KEY = \"{key}\"\n"),
        format!("[roles.x]\nmfa_process = 7\nexternal_id = '''{key}\n"),
    ] {
        let whole = if broken.starts_with("[environment]") {
            &broken
        } else {
            ""
        };
        if whole.is_empty() {
            run.configure(&broken);
        } else {
            run.world.configure(whole);
        }
        run.look();
    }
    run.configure("");
    let credentials = profiles::credentials();
    for broken in [
        format!("{credentials}aws_secret_access_key {key}\n"),
        format!("{credentials}aws_secret_access_key: {key}\n"),
        format!("{credentials}[broken\naws_secret_access_key = {key}\n"),
        format!("aws_secret_access_key = {key}\n{credentials}"),
        format!("{credentials}  {key}\n"),
        format!("{credentials}aws_session_token =\n  {key} = {key}\n"),
        format!("[profile base]\naws_secret_access_key = {key}\n"),
        format!("[base]\naws_secret_access_key = {key}\n"),
        format!(
            "[base]\naws_secret_access_key = {key}\naws_secret_access_key = {key}\naws_access_key_id = AKIA\u{e9}\n"
        ),
    ] {
        run.world.write("home/.aws/credentials", &broken);
        run.look();
    }
    // Not UTF-8, in the line itself.
    let path = run.world.path("home/.aws/credentials");
    let mut bytes = format!("[base]\naws_secret_access_key = {key}").into_bytes();
    bytes.extend(b"\xff\n");
    run.world.write("home/.aws/credentials", "");
    let mut file = fs::File::create(&path).expect("root may");
    std::io::Write::write_all(&mut file, &bytes).expect("room");
    run.look();
    run.world.write("home/.aws/credentials", &credentials);
    run.world.write(
        "home/.aws/config",
        &format!(
            "{}\n[profile odd\nexternal_id = {key}\n",
            profiles::config()
        ),
    );
    run.look();
    run.search_running();
    run.world.stop();
    assert!(run.said.contains("hint"), "{}", run.said);
    run.search();
}
