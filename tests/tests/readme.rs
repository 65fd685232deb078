//! README.md, done word for word by a newcomer.
//!
//! Its `ini` block becomes `~/.aws/config`, its `toml` block is added to `config.toml`, and every command
//! of its `console` blocks is run, in order. A command this test does not know fails it.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::sync::mpsc;

use rolecall_tests::generated::root;
use rolecall_tests::harness::{World, free_port, profiles, run};
use rolecall_tests::{markdown, terminal};

/// The port of README's `[[imds]]` listener, which may be taken here.
const PORT: &str = "1690";

/// A bucket that the fake S3 lists.
const BUCKET: &str = "logs-of-last-summer";

/// A terminal that a newcomer types into.
struct Newcomer {
    world: World,
    port: String,
}

impl Newcomer {
    fn new() -> Self {
        let mut newcomer = Self {
            world: World::new(),
            port: free_port().to_string(),
        };
        // They ask once, and stay until the daemon has found who they are.
        let line = "sleep 0.5 | sdk-rust watch --every 60000";
        newcomer.script("bin/terraform", line);
        newcomer.script("legacy-app", line);
        newcomer
            .world
            .write("home/.aws/credentials", &profiles::credentials());
        newcomer.world.start();
        newcomer
    }

    /// A program of the newcomer's own.
    fn script(&self, path: &str, line: &str) {
        let path = self.world.path(path);
        let mut file = File::create(&path).unwrap();
        write!(file, "#!/bin/sh\n{line}\n").unwrap();
        file.set_permissions(PermissionsExt::from_mode(0o755))
            .unwrap();
    }

    /// The shell, about to run this line in a session of its own.
    fn shell(&self, line: &str) -> Command {
        let mut command = self.world.command("setsid");
        command.args(["--wait", "sh", "-c", line]);
        command
    }

    fn types(&mut self, line: &str) {
        match line {
            "rolecall setup" => {
                let shown = terminal::run(self.shell(line), "y\n", || Ok(())).unwrap();
                assert!(shown.status.success(), "{}", shown.text);
                let config = self.world.read("home/.aws/config");
                assert!(
                    config.contains("credential_process = ") && !config.contains("role_arn"),
                    "{config}"
                );
            }
            "aws s3 ls --profile dev" => self.lists_buckets(line),
            "rolecall status" => {
                let shown = run(&mut self.shell(line));
                let dev = shown.ok().lines().find(|line| line.starts_with("dev "));
                assert!(
                    dev.is_some_and(|dev| dev.contains("ready")),
                    "{}",
                    shown.ok()
                );
            }
            "rolecall exec dev -- terraform apply" => has_the_role(&mut self.shell(line)),
            r#"eval "$(rolecall env dev)""# => {
                has_the_role(&mut self.shell(&format!("{line}; terraform apply")));
            }
            "rolecall reload" => {
                run(&mut self.shell(line)).ok();
            }
            "AWS_EC2_METADATA_SERVICE_ENDPOINT=http://127.0.0.1:1690 ./legacy-app" => {
                let mut command = self.shell(&line.replace(PORT, &self.port));
                // A test's own precaution, which no newcomer takes.
                command.env_remove("AWS_EC2_METADATA_DISABLED");
                has_the_role(&mut command);
            }
            "rolecall ledger tail" => {
                let shown = run(&mut self.shell(line));
                for door in ["socket", "container", "imds"] {
                    let serve = |line: &str| line.contains("serve") && line.contains(door);
                    assert!(shown.ok().lines().any(serve), "no {door}:\n{}", shown.ok());
                }
            }
            _ => panic!("README.md has a command that no test knows: {line}"),
        }
    }

    /// The AWS CLI asks an S3 that knows one request.
    fn lists_buckets(&self, line: &str) {
        let s3 = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let endpoint = format!("http://{}", s3.local_addr().unwrap());
        let (signed, headers) = mpsc::channel();
        std::thread::spawn(move || {
            for stream in s3.incoming() {
                let mut stream = BufReader::new(stream.unwrap());
                let head = stream.by_ref().lines().map_while(Result::ok);
                let head: Vec<String> = head.take_while(|line| !line.is_empty()).collect();
                let body = format!(
                    "<ListAllMyBucketsResult><Buckets><Bucket><Name>{BUCKET}</Name>\
                     <CreationDate>2026-01-01T00:00:00Z</CreationDate></Bucket></Buckets>\
                     </ListAllMyBucketsResult>"
                );
                let answer = format!(
                    "HTTP/1.1 200 OK\r\nContent-Type: application/xml\r\nConnection: close\r\n\
                     Content-Length: {}\r\n\r\n{body}",
                    body.len()
                );
                stream.get_mut().write_all(answer.as_bytes()).unwrap();
                if signed.send(head).is_err() {
                    return;
                }
            }
        });
        let aws = self.world.aws_cli(&[]);
        let words: Vec<_> = std::iter::once(aws.get_program())
            .chain(aws.get_args())
            .collect();
        let words: Vec<_> = words.iter().map(|word| word.to_str().unwrap()).collect();
        self.script("bin/aws", &format!("exec {} \"$@\"", words.join(" ")));
        let mut command = self.shell(line);
        command.env("AWS_ENDPOINT_URL_S3", endpoint);
        let shown = run(&mut command);
        assert!(shown.ok().contains(BUCKET), "{}", shown.ok());

        let head = headers.recv().unwrap();
        let issued = |id: &String| {
            head.iter()
                .any(|line| line.contains(&format!("Credential={id}/")))
        };
        let calls = self.world.aws.calls();
        assert!(
            calls
                .iter()
                .filter_map(|call| call.issued.as_ref())
                .any(issued),
            "not signed with a session of AWS's: {head:#?}"
        );
    }
}

#[track_caller]
fn has_the_role(command: &mut Command) {
    let answer: serde_json::Value = run(command).json();
    let arn = answer["arn"].as_str().unwrap_or_default();
    assert!(
        arn.starts_with("arn:aws:sts::123456789012:assumed-role/dev/"),
        "{command:?}: {answer}"
    );
}

#[test]
fn a_newcomer_can_do_what_it_says() {
    if !rolecall_tests::harness::python_is_there() {
        return;
    }
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let mut newcomer = Newcomer::new();
    let mut commands = 0;
    for block in markdown::blocks(&readme) {
        let text = block.text.replace(PORT, &newcomer.port);
        match block.language.as_str() {
            "ini" => newcomer.world.write("home/.aws/config", &text),
            "toml" => {
                let own = newcomer.world.read("home/.config/rolecall/config.toml");
                newcomer.world.configure(&format!("{own}\n{text}"));
            }
            "console" => {
                for line in block.text.lines() {
                    let line = line.strip_prefix("$ ");
                    newcomer.types(line.expect("a console block holds commands"));
                    commands += 1;
                }
            }
            other => panic!("README.md:{}: a block of {other:?}", block.line),
        }
    }
    assert!(commands > 5, "only {commands} commands in README.md");
    // The last role's session is AWS's only word on it.
    assert_eq!(newcomer.world.aws.count("AssumeRole"), 1);
}
