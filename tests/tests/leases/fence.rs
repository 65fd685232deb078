//! Confinement: a script inside a fence tries each way round it.

use rolecall_tests::harness::{Running, World, eventually, free_port, run};
use serde_json::Value;

use crate::{curl_is_there, key, lease, lines, serving, shell};

/// A daemon with a listener for each of two roles, and a lease of either that somebody has left lying about.
struct Place {
    world: World,
    /// What stands before every way: how the script names things.
    names: String,
}

impl Place {
    fn new() -> Self {
        let mut world = World::new();
        let (dev, hub) = (free_port(), free_port());
        world.configure(&format!(
            "[[imds]]\nlisten = \"127.0.0.1:{dev}\"\nrole = \"dev\"\n\
             [[imds]]\nlisten = \"127.0.0.1:{hub}\"\nrole = \"hub\"\n"
        ));
        world.start();
        for role in ["dev", "hub"] {
            world.rolecall(&["process", role]).ok();
        }
        let (own, other) = (world.lease("dev"), world.lease("hub"));
        let names = format!(
            "SOCKET={socket}; DEV={dev}; HUB={hub}; STOLEN_DEV={own}; STOLEN_HUB={other}; \
             api() {{ curl -s -o /dev/null -w '%{{http_code}}' --unix-socket $SOCKET -X $1 \
                     -H 'Content-Type: application/json' -d \"${{3:-{{\\}}}}\" http://localhost$2; }}; \
             see() {{ curl -s --unix-socket $SOCKET http://localhost$1; }}; \
             imds() {{ T=$(curl -s -X PUT -H 'x-aws-ec2-metadata-token-ttl-seconds: 60' \
                          http://127.0.0.1:$1/latest/api/token); \
                      curl -s $3 -H \"x-aws-ec2-metadata-token: $T\" \
                          http://127.0.0.1:$1/latest/meta-data/iam/security-credentials/$2; }}; \
             container() {{ curl -s $3 -H \"Authorization: $1\" \
                          ${{AWS_CONTAINER_CREDENTIALS_FULL_URI%/*}}/$2; }}; ",
            socket = world.socket_path().display(),
            own = own.token,
            other = other.token,
        );
        Self { world, names }
    }

    /// Runs each way inside one fence; what it printed and its exit code, by the way.
    fn run(&self, words: &str, ways: &[&str]) -> Vec<(i32, String)> {
        let script: String = std::iter::once(self.names.clone())
            .chain(ways.iter().map(|way| {
                format!("OUT=$({way}); CODE=$?; printf '%s %s\\n' $CODE \"$(echo \"$OUT\" | tr -d '\\n')\"; ")
            }))
            .collect();
        let finished = run(&mut shell(&self.world, words, &script));
        let lines = finished.ok().lines().map(|line| {
            let (code, text) = line.split_once(' ').expect("a code first");
            (code.parse().expect("a number"), text.to_owned())
        });
        let lines: Vec<_> = lines.collect();
        assert_eq!(lines.len(), ways.len(), "{finished:#?}");
        lines
    }
}

/// Prints only the status of an answer.
const STATUS: &str = "'-o /dev/null -w %{http_code}'";

/// Ways to what is not the fence's: what they print, or the code of `rolecall`.
const CLOSED: &[(&str, &str)] = &[
    ("rolecall process hub", "5"),
    ("sh -c 'rolecall process hub'", "5"),
    ("setsid -w rolecall process hub", "5"),
    ("rolecall exec hub -- true", "125"),
    ("rolecall exec dev -- true", "125"),
    ("rolecall exec dev --only -- true", "125"),
    ("rolecall env hub", "5"),
    ("rolecall env dev", "5"),
    ("rolecall env --keys hub", "5"),
    ("rolecall lease create --role hub --shared --ttl 1h", "5"),
    ("rolecall lease revoke --all", "5"),
    ("rolecall reload", "5"),
    ("rolecall ledger tail", "5"),
    ("rolecall config check", "5"),
    ("rolecall setup --yes", "5"),
    ("rolecall whoami hub", "5"),
    ("rolecall status --metrics", "5"),
    ("api GET /v1/credentials/hub", "403"),
    ("api GET /v1/credentials/no-such-role", "403"),
    ("api GET /v1/events", "403"),
    ("api GET /v1/ledger", "403"),
    ("api GET /v1/metrics", "403"),
    ("api POST /v1/reload", "403"),
    ("api POST /v1/config/check", "403"),
    ("api POST /v1/config/setup", "403"),
    (
        "api POST /v1/leases '{\"role\":\"hub\",\"scope\":{\"kind\":\"shared\"},\"ttl\":60}'",
        "403",
    ),
    ("api DELETE /v1/leases/0000000000000000", "403"),
    ("imds $HUB '' '-o /dev/null -w %{http_code}'", "404"),
    ("imds $HUB hub '-o /dev/null -w %{http_code}'", "404"),
    (
        "container $STOLEN_HUB hub '-o /dev/null -w %{http_code}'",
        "403",
    ),
    (
        "container $STOLEN_DEV dev '-o /dev/null -w %{http_code}'",
        "403",
    ),
];

/// Ways to what is.
const OPEN: &[&str] = &[
    "rolecall process dev",
    "see /v1/credentials/dev",
    "imds $DEV dev",
    "container $AWS_CONTAINER_AUTHORIZATION_TOKEN dev",
    "setsid -w rolecall process dev",
];

#[test]
fn a_script_inside_tries_each_way_round() {
    if !curl_is_there() {
        return;
    }
    let place = Place::new();
    let own = key(place.world.rolecall(&["process", "dev"]).ok());
    let ways: Vec<&str> = CLOSED
        .iter()
        .map(|(way, _)| *way)
        .chain(OPEN.iter().copied())
        .collect();
    let results = place.run("exec dev --read-only", &ways);
    let (closed, open) = results.split_at(CLOSED.len());
    for ((way, expected), (code, text)) in CLOSED.iter().zip(closed) {
        let found = if way.contains("rolecall") {
            code.to_string()
        } else {
            text.clone()
        };
        assert_eq!(found, *expected, "{way}: {text}");
        assert!(!text.contains("AccessKeyId"), "{way}");
    }
    let keys: Vec<String> = open.iter().map(|(_, text)| key(text)).collect();
    assert!(
        keys.iter().all(|key| *key == keys[0] && *key != own),
        "{own} {open:#?}"
    );
    let narrowed = place
        .world
        .aws
        .calls()
        .into_iter()
        .find(|call| call.issued.as_ref() == Some(&keys[0]));
    let narrowed = narrowed.expect("the fake AWS issued it");
    assert_eq!(
        narrowed.parameters["PolicyArns.member.1.arn"],
        "arn:aws:iam::aws:policy/ReadOnlyAccess"
    );
    for door in ["socket", "imds", "container"] {
        place.world.wait_for_record("a refusal", |record| {
            record["event"] == "refused" && record["rule"] == "fence" && record["door"] == door
        });
    }
}

#[test]
fn only_fences_without_a_policy() {
    if !curl_is_there() {
        return;
    }
    let place = Place::new();
    let own = key(place.world.rolecall(&["process", "dev"]).ok());
    let status = format!("imds $HUB hub {STATUS}");
    let ways = [
        "rolecall process dev",
        "rolecall process hub",
        &status,
        "rolecall reload",
    ];
    let results = place.run("exec dev --only", &ways);
    assert_eq!(key(&results[0].1), own, "the role as it is");
    assert_eq!(
        (results[1].0, results[2].1.as_str(), results[3].0),
        (5, "404", 5)
    );
}

#[test]
fn a_plain_exec_is_no_fence() {
    let world = serving();
    let script = "rolecall process hub && rolecall whoami hub >&2 && rolecall exec hub -- true";
    let finished = run(&mut shell(&world, "exec dev", script));
    assert!(key(finished.ok()).starts_with("ASIA"));
    // Another fence that is live is none of its business.
    let fenced = Running::start(&mut shell(&world, "exec dev --only", "echo; exec cat"));
    lines(&fenced, 1);
    run(&mut shell(&world, "exec dev", script)).ok();
    world.rolecall(&["process", "hub"]).ok();
    fenced.finish().ok();
}

#[test]
fn what_is_inside_sees_its_lease_alone() {
    let world = serving();
    world.rolecall(&["process", "hub"]).ok();
    let script = "rolecall status --json; rolecall roles --json; rolecall lease list --json";
    let finished = run(&mut shell(&world, "exec dev --read-only", script));
    let mut parts = serde_json::Deserializer::from_str(finished.ok()).into_iter::<Value>();
    let mut next = || parts.next().expect("a part").expect("JSON");
    let (status, roles, leases) = (next(), next(), next());
    for roles in [&status["roles"], &roles] {
        let names: Vec<_> = roles
            .as_array()
            .expect("a list")
            .iter()
            .map(|role| &role["name"])
            .collect();
        assert_eq!(names, ["dev"]);
    }
    assert_eq!(status["leases"], leases);
    assert_eq!(leases[0]["policy"], "read-only");
    assert!(status["doors"] == Value::Array(Vec::new()));
    assert!(!finished.stdout.contains("hub"), "{}", finished.stdout);
}

#[test]
fn orphans_of_a_fenced_command_stay_inside() {
    let world = serving();
    let out = world.path("tmp/out");
    // A child of a child, in a session of its own, whose parents have gone; it asks once told to.
    let script = format!(
        "(setsid sh -c 'while ! [ -e {out}.go ]; do sleep 0.05; done; rolecall process hub 2>{out}.err; \
         echo $? > {out}.new; mv {out}.new {out}' &); echo begun; exec cat",
        out = out.display()
    );
    let running = Running::start(&mut shell(&world, "exec dev --only", &script));
    lines(&running, 1);
    world.write("tmp/out.go", "");
    let code = eventually("the orphan's answer", || std::fs::read_to_string(&out).ok());
    assert_eq!(code.trim(), "5", "{}", world.read("tmp/out.err"));
    running.finish().ok();
}

#[test]
fn a_connection_that_was_handed_on_by_who_is_gone_gets_nothing_while_a_fence_is_live() {
    let Some(_) = which("perl") else {
        crate::skipped("there is no perl");
        return;
    };
    let world = serving();
    world.rolecall(&["process", "hub"]).ok();
    let fenced = Running::start(&mut shell(&world, "exec dev --only", "echo; exec cat"));
    lines(&fenced, 1);
    // The child connects and ends; its parent asks on the connection.
    let script = r#"
        use Socket; socket(my $s, PF_UNIX, SOCK_STREAM, 0) or die;
        if (!fork) { connect($s, pack_sockaddr_un($ARGV[0])) or die; exit 0 }
        wait; syswrite $s, "GET /v1/credentials/hub HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        print while <$s>;
    "#;
    let mut perl = world.command("perl");
    perl.args(["-e", script]).arg(world.socket_path());
    let answer = run(&mut perl);
    assert!(answer.ok().starts_with("HTTP/1.1 403"), "{answer:#?}");
    fenced.finish().ok();
    eventually("the end of the fence", || {
        crate::leases(&world).is_empty().then_some(())
    });
    assert!(run(&mut perl).ok().starts_with("HTTP/1.1 200"));
}

fn which(program: &str) -> Option<std::path::PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|directory| directory.join(program))
        .find(|file| file.exists())
}

#[test]
fn a_fence_outlives_its_lease_and_the_daemon() {
    let mut world = serving();
    let script = "while read role; do rolecall process $role >/dev/null 2>&1; echo $?; done";
    let mut running = Running::start(&mut shell(&world, "exec dev --read-only", script));
    let ask = |running: &mut Running, role: &str, so_far: usize| {
        running.tell(role);
        lines(running, so_far + 1)[so_far].clone()
    };
    assert_eq!(ask(&mut running, "dev", 0), "0");
    world.restart();
    assert_eq!(ask(&mut running, "dev", 1), "0");
    assert_eq!(ask(&mut running, "hub", 2), "5");
    let id = lease(&world)["id"].as_str().expect("an id").to_owned();
    world.rolecall(&["lease", "revoke", &id]).ok();
    for restarted in [false, true] {
        if restarted {
            world.restart();
        }
        let so_far = running.lines().len();
        assert_eq!(ask(&mut running, "dev", so_far), "5");
        assert_eq!(ask(&mut running, "hub", so_far + 1), "5");
        assert_eq!(lease(&world)["ended"], true);
        assert_eq!(world.rolecall(&["lease", "revoke", &id]).code(), Some(3));
    }
    running.finish();
    eventually("the end of the fence", || {
        crate::leases(&world).is_empty().then_some(())
    });
}
