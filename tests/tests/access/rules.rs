//! `allow`, `doors`, `uid` and `unit` on every door, with boto3 as the consumer.

use std::path::PathBuf;
use std::time::Duration;

use rolecall_tests::harness::{World, free_port, python_is_there, run, run_within};
use rolecall_tests::terminal;

use crate::place::{apart, in_terminal, profiles, role, script};

/// How boto3 comes by a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Door {
    Socket,
    Container,
    Imds(u16),
}

impl Door {
    fn name(self) -> &'static str {
        match self {
            Self::Socket => "socket",
            Self::Container => "container",
            Self::Imds(_) => "imds",
        }
    }

    /// The command of boto3 with `role` through this door, as words of a shell.
    fn line(self, world: &World, role: &str) -> String {
        let python = world.python("identity.py");
        let words: Vec<String> = std::iter::once(python.get_program())
            .chain(python.get_args())
            .map(|word| word.to_str().expect("plain paths").to_owned())
            .collect();
        let python = words.join(" ");
        match self {
            Self::Socket => format!("AWS_PROFILE={role} {python}"),
            Self::Container => format!("rolecall exec {role} -- {python}"),
            Self::Imds(port) => format!(
                "AWS_EC2_METADATA_DISABLED=false AWS_EC2_METADATA_SERVICE_ENDPOINT=http://127.0.0.1:{port} {python}"
            ),
        }
    }
}

/// The executable of boto3's process.
fn python(world: &World) -> PathBuf {
    let program = world.python("identity.py").get_program().to_owned();
    PathBuf::from(program).canonicalize().expect("it is there")
}

/// A door's worth of boto3's starts, on a machine with more to do.
const A_DOOR: Duration = Duration::from_mins(3);

/// A role with one rule: its name, its keys, and whether it lets boto3 in, which has no terminal.
struct Case {
    name: &'static str,
    keys: String,
    rule: &'static str,
    let_in: bool,
}

fn cases(world: &World) -> Vec<Case> {
    let (python, uid) = (python(world), world.user().uid);
    let (python, link) = (python.display(), world.path("bin/linked-python"));
    std::os::unix::fs::symlink(self::python(world), &link).expect("a new link");
    let case = |name, rule, keys: String, let_in| Case {
        name,
        keys,
        rule,
        let_in,
    };
    vec![
        case(
            "exe",
            "allow",
            format!("allow = [{{ exe = \"{python}\" }}]"),
            true,
        ),
        case(
            "link",
            "allow",
            format!("allow = [{{ exe = \"{}\" }}]", link.display()),
            true,
        ),
        case(
            "noexe",
            "allow",
            "allow = [{ exe = \"/bin/sh\" }]".to_owned(),
            false,
        ),
        case(
            "parent",
            "allow",
            "allow = [{ parent = \"/bin/sh\" }]".to_owned(),
            true,
        ),
        case(
            "noparent",
            "allow",
            format!("allow = [{{ parent = \"{python}\" }}]"),
            false,
        ),
        case("uid", "uid", format!("uid = {uid}"), true),
        case("nouid", "uid", "uid = 4242".to_owned(), false),
        case(
            "nounit",
            "unit",
            "unit = \"deploy.service\"".to_owned(),
            false,
        ),
        case(
            "nocgroup",
            "allow",
            "allow = [{ cgroup = \"/deploy\" }]".to_owned(),
            false,
        ),
        case(
            "any",
            "allow",
            format!("allow = [{{ exe = \"/bin/sh\" }}, {{ exe = \"{python}\", uid = {uid} }}]"),
            true,
        ),
        case(
            "all",
            "allow",
            format!("allow = [{{ exe = \"{python}\", uid = 4242 }}]"),
            false,
        ),
        case("tty", "allow", "allow = [{ tty = true }]".to_owned(), false),
        case(
            "notty",
            "allow",
            "allow = [{ tty = false }]".to_owned(),
            true,
        ),
    ]
}

/// The cases that are tried on all doors: one of each key.
const ON_EVERY_DOOR: [&str; 7] = [
    "exe", "noexe", "parent", "noparent", "nouid", "nounit", "notty",
];

/// A line of script that runs boto3 and says how it ended.
fn step(world: &World, door: Door, role: &str) -> String {
    let line = door.line(world, role);
    format!("{line} >/dev/null 2>&1 && echo {role} yes || echo {role} no\n")
}

#[test]
fn each_rule_holds_on_each_door() {
    if !python_is_there() {
        return;
    }
    let mut world = World::new();
    let cases = cases(&world);
    let ports: Vec<u16> = cases.iter().map(|_| free_port()).collect();
    let config = cases.iter().zip(&ports).map(|(case, port)| {
        let listener = format!(
            "[[imds]]\nlisten = \"127.0.0.1:{port}\"\nrole = \"{}\"\n",
            case.name
        );
        role(case.name, &case.keys) + &listener
    });
    world.configure(&config.collect::<String>());
    let names: Vec<&str> = cases.iter().map(|case| case.name).collect();
    profiles(&world, &names);
    world.start();

    let doors = |port| [Door::Socket, Door::Container, Door::Imds(port)];
    for number in 0..3 {
        // What differs between doors is how a process is found, not how it is judged.
        let here = || {
            let all = cases.iter().zip(&ports);
            all.filter(move |(case, _)| number == 0 || ON_EVERY_DOOR.contains(&case.name))
        };
        let text: String = here()
            .map(|(case, port)| step(&world, doors(*port)[number], case.name))
            .collect();
        let lines = here()
            .map(|(case, _)| format!("{} {}\n", case.name, if case.let_in { "yes" } else { "no" }));
        let expected: String = lines.collect();
        let door = doors(0)[number].name();
        let all = script(&world, "all.sh", &text);
        let finished = run_within(&mut apart(&world, &all), A_DOOR);
        assert_eq!(finished.ok(), expected, "{door}\n{}", world.log());
        for (case, _) in here().filter(|(case, _)| !case.let_in) {
            world.wait_for_record(&format!("{} on {door}", case.name), |record| {
                record["event"] == "refused"
                    && record["role"] == case.name
                    && record["door"] == door
                    && record["rule"] == case.rule
                    && record["consumer"]["process"]["exe"]
                        .as_str()
                        .is_some_and(|exe| exe.contains("python"))
            });
        }
    }
    for case in cases.iter().filter(|case| !case.let_in) {
        let served = world
            .ledger()
            .into_iter()
            .any(|record| record["event"] == "serve" && record["role"] == case.name);
        assert!(!served, "{}", case.name);
    }
}

#[test]
fn a_terminal_is_seen_on_the_socket_and_on_the_container_door() {
    let mut world = World::new();
    world.configure(
        &(role("tty", "allow = [{ tty = true }]") + &role("notty", "allow = [{ tty = false }]")),
    );
    world.start();
    let curl = "curl -s -o /dev/null -w \"%{http_code} \" -H \"Authorization: $AWS_CONTAINER_AUTHORIZATION_TOKEN\" \
                $AWS_CONTAINER_CREDENTIALS_FULL_URI";
    script(&world, "read.sh", curl);
    let step = |role| {
        format!(
            "rolecall process {role} >/dev/null 2>&1; printf '{role} %s ' $?; rolecall exec {role} -- sh tmp/read.sh\n"
        )
    };
    let ask = script(&world, "ask.sh", &(step("tty") + &step("notty")));
    let finished = run(&mut apart(&world, &ask));
    assert_eq!(finished.ok(), "tty 5 403 notty 0 200 ");
    let shown = terminal::run(in_terminal(&world, &ask), "", || Ok(())).unwrap();
    assert_eq!(shown.text, "tty 0 200 notty 5 403 ");
}

#[test]
fn a_refusal_says_which_rule_and_why() {
    let mut world = World::new();
    world.configure(&role(
        "prod",
        "allow = [{ exe = \"/bin/cat\" }, { tty = true }]",
    ));
    world.start();
    let ask = script(&world, "ask.sh", "rolecall process prod; echo $?\n");
    let finished = run(&mut apart(&world, &ask));
    assert_eq!(finished.ok(), "5\n");
    for words in [
        "role prod is not for ask.sh: ",
        "entry 1: exe must be /bin/cat, and is /",
        "entry 2: tty must be a terminal, and is none",
        "(hint: `allow` of [roles.prod] in config.toml says so)",
    ] {
        assert!(finished.stderr.contains(words), "{finished:#?}");
    }
    assert_eq!(finished.stderr.matches('\n').count(), 1, "{finished:#?}");
    let notes = world.role_status("prod")["notes"].to_string();
    assert!(
        notes.contains("allow: role prod is not for ask.sh"),
        "{notes}"
    );
}

#[test]
fn a_role_is_served_through_its_doors_only() {
    let mut world = World::new();
    let port = free_port();
    world.configure(&format!(
        "{}{}{}[[imds]]\nlisten = \"127.0.0.1:{port}\"\nrole = \"net\"\n",
        role("local", "doors = [\"socket\"]"),
        role("net", "doors = [\"container\", \"imds\"]"),
        role(
            "sealed",
            "doors = [\"container\"]\nallow = [{ exe = \"/bin/cat\" }]"
        ),
    ));
    world.start();
    world.rolecall(&["process", "local"]).ok();
    let refused = world.rolecall(&["process", "net"]);
    assert_eq!(refused.code(), Some(5), "{refused:#?}");
    assert!(
        refused.stderr.contains("only through: container, imds"),
        "{refused:#?}"
    );
    let exec = world.rolecall(&["exec", "local", "--", "true"]);
    assert_eq!(exec.code(), Some(125), "{exec:#?}");
    assert!(
        exec.stderr.contains("through the container door"),
        "{exec:#?}"
    );
    assert_eq!(world.imds(port).document("net").status, 200);
    assert_eq!(world.lease("net").read().status, 200);
    // `whoami` hands out nothing, and asks AWS with the role's session all the same.
    assert_eq!(world.rolecall(&["whoami", "net"]).code(), Some(5));
    let refused = world.lease("sealed").read();
    assert_eq!(refused.status, 403, "{}", refused.text());
    assert!(
        refused.text().contains("exe must be /bin/cat"),
        "{}",
        refused.text()
    );
    assert_eq!(world.rolecall(&["reload"]).code(), Some(0));
}

#[test]
fn a_copy_under_the_same_name_and_a_replaced_executable_are_others() {
    let mut world = World::new();
    let own = world.path("bin/own-sh");
    std::fs::copy("/bin/sh", &own).expect("a shell");
    world.configure(&role(
        "prod",
        &format!("allow = [{{ exe = \"{}\" }}]", own.display()),
    ));
    world.start();
    // The script asks, waits for its executable to be replaced, and asks again.
    let other = world.path("bin/other-sh");
    std::fs::copy("/bin/sh", &other).expect("a shell");
    let ask = "rolecall process prod >/dev/null 2>&1; echo $?; echo ready; read line; rolecall process prod 2>&1; echo $?\n";
    world.write("tmp/ask.sh", ask);
    let mut command = world.command(&own);
    command.arg(world.path("tmp/ask.sh"));
    let mut running = rolecall_tests::harness::Running::start(&mut command);
    rolecall_tests::harness::eventually("the first answer", || {
        running.lines().contains(&"ready".to_owned()).then_some(())
    });
    std::fs::rename(&other, &own).expect("the same directory");
    running.tell("");
    let finished = running.finish();
    let text = finished.ok();
    assert!(
        text.starts_with("0\nready\n") && text.ends_with("\n5"),
        "{text}"
    );
    assert!(text.contains("not the file that is there now"), "{text}");
}
