//! The `credential_process` line of a profile that was set up, as each SDK takes it apart.

use std::fs::{File, Permissions};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use rolecall_tests::harness::{World, python_is_there, run};
use rolecall_tests::sdk::Sdk;
use rolecall_tests::terminal;
use serde_json::Value;

use crate::ways::set_up;

/// A role whose name has characters that a line may not have.
const ODD: &str = "team/dev@1";

const HELLO: &str = "left for others";

/// Every `credential_process` line of the user's configuration.
fn lines(world: &World) -> Vec<String> {
    let config = world.read("home/.aws/config");
    let lines = config.lines();
    let lines = lines.filter_map(|line| line.strip_prefix("credential_process = "));
    lines.map(ToOwned::to_owned).collect()
}

/// A set up world, with a role of an odd name in it.
fn odd() -> World {
    let mut world = World::new();
    let config = world
        .read("home/.aws/config")
        .replace("profile hub", &format!("profile {ODD}"));
    let config = config.replace("source_profile = hub", &format!("source_profile = {ODD}"));
    world.write("home/.aws/config", &config);
    world.start();
    set_up(&world);
    world
}

/// `^/[A-Za-z0-9/._-]+( [A-Za-z0-9/._-]+)*$`
fn is_plain(line: &str) -> bool {
    let word = |word: &str| {
        !word.is_empty()
            && word
                .bytes()
                .all(|it| it.is_ascii_alphanumeric() || b"/._-".contains(&it))
    };
    line.starts_with('/') && line.split(' ').all(word)
}

/// Client contract 97.
#[test]
fn no_sdk_finds_a_character_in_it_to_mangle() {
    let world = odd();
    let lines = lines(&world);
    assert_eq!(lines.len(), 4, "{lines:?}");
    for line in &lines {
        assert!(is_plain(line), "{line}");
    }
    assert!(!is_plain("/a b/rolecall  process") && !is_plain("rolecall process"));
    let odd = lines.iter().find(|line| line.contains("process x_"));
    let words: Vec<_> = odd.expect("the odd one").split(' ').collect();
    world.rolecall(&words[1..]).ok();
}

/// A program that prints its arguments, as JSON.
fn argument_printer(path: &Path) {
    let script = "#!/usr/bin/env python3\nimport json, sys\nprint(json.dumps(sys.argv))\n";
    let mut file = File::create(path).expect("a new file");
    file.write_all(script.as_bytes()).expect("space for it");
    let mode = Permissions::from_mode(0o755);
    file.set_permissions(mode).expect("it is ours");
}

/// botocore splits by itself, Go, Rust, Java and the C runtime give it to `sh`, JavaScript to its own `exec`.
///
/// Client contract 98.
#[test]
fn it_is_the_same_arguments_for_every_sdk() {
    if !python_is_there() {
        return;
    }
    let world = odd();
    let program = world.path("bin/arguments");
    argument_printer(&program);
    let ours = world.path("bin/rolecall");
    for line in lines(&world) {
        let line = line.replace(&ours.display().to_string(), &program.display().to_string());
        let words: Vec<_> = line.split(' ').map(Value::from).collect();
        let botocore =
            "import shlex, subprocess, sys; subprocess.run(shlex.split(sys.argv[1]), check=True)";
        let node = "require('child_process').exec(process.argv[1], (error, out) => process.stdout.write(out))";
        let mut runners = vec![("python3", vec!["-c", botocore]), ("sh", vec!["-c"])];
        if Sdk::JavaScript.is_there() {
            runners.push(("node", vec!["-e", node]));
        }
        for (runner, arguments) in runners {
            let mut command = world.command(runner);
            let found: Value = run(command.args(arguments).arg(&line)).json();
            assert_eq!(found, Value::from(words.clone()), "{runner}: {line}");
        }
    }
}

/// Go and the C runtime let it have theirs: nothing of that is taken.
///
/// Client contract 94.
#[test]
fn standard_input_is_left_to_others() {
    let mut world = World::new();
    world.start();
    let script = format!("echo '{HELLO}' | {{ rolecall process dev >/dev/null; cat; }}");
    let finished = run(world.command("sh").args(["-c", &script]));
    assert_eq!(
        (finished.ok(), finished.stderr.as_str()),
        (&*format!("{HELLO}\n"), "")
    );

    let mut command = world.command("rolecall");
    command.args(["process", "dev"]);
    let shown = terminal::run(command, "", || Ok(())).expect("a terminal");
    assert!(shown.status.success(), "{}", shown.text);
    let object: Value = serde_json::from_str(&shown.text.replace(['\r', '\n'], "")).expect("JSON");
    assert_eq!(object["Version"], 1);
}
