//! A lease may have less than its role: another session, asked for with what it says.

use rolecall_tests::fake_aws::Call;
use rolecall_tests::harness::{World, eventually, run};

use crate::{key, lease, lines, serving, shell};

fn calls(world: &World) -> Vec<Call> {
    let calls = world.aws.calls().into_iter();
    calls.filter(|call| call.action == "AssumeRole").collect()
}

#[test]
fn a_narrower_policy_is_a_session_of_its_own() {
    let world = serving();
    let own = key(world.rolecall(&["process", "dev"]).ok());
    world.write(
        "home/narrow.json",
        "{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": []\n}\n",
    );
    let policy = format!(
        "exec dev --policy {}",
        world.path("home/narrow.json").display()
    );
    let words = "exec dev --read-only --duration 20m --tag Agent=claude --reason look";
    for (words, parameters) in [
        (
            words,
            &[
                (
                    "PolicyArns.member.1.arn",
                    "arn:aws:iam::aws:policy/ReadOnlyAccess",
                ),
                ("DurationSeconds", "1200"),
                ("Tags.member.1.Key", "Agent"),
                ("Tags.member.1.Value", "claude"),
            ][..],
        ),
        (
            "exec dev --policy-arn arn:aws:iam::123456789012:policy/mine",
            &[(
                "PolicyArns.member.1.arn",
                "arn:aws:iam::123456789012:policy/mine",
            )],
        ),
        (
            &policy,
            &[("Policy", "{\"Version\":\"2012-10-17\",\"Statement\":[]}")],
        ),
    ] {
        let running = rolecall_tests::harness::Running::start(&mut shell(
            &world,
            words,
            "rolecall process dev && rolecall process dev && exec cat",
        ));
        let keys: Vec<String> = lines(&running, 2).iter().map(|line| key(line)).collect();
        assert_ne!(keys[0], own, "{words}");
        assert_eq!(keys[0], keys[1], "{words}: one session");
        let call = calls(&world).pop().expect("a call");
        assert_eq!(call.issued.as_ref(), Some(&keys[0]));
        for (name, value) in parameters {
            let said = call.parameters.get(*name).map(String::as_str);
            assert_eq!(said, Some(*value), "{words}: {name}");
        }
        // Who looks from outside sees the role as it was, and the lease with its terms.
        assert_eq!(key(world.rolecall(&["process", "dev"]).ok()), own);
        let lease = lease(&world);
        assert!(
            lease["policy"].is_string() && lease["fence"] == true,
            "{lease:#}"
        );
        for event in ["attempt", "issued", "serve", "lease"] {
            world.wait_for_record(event, |record| {
                record["event"] == event && record["lease"] == lease["id"]
            });
        }
        running.finish().ok();
        eventually("its end", || crate::leases(&world).is_empty().then_some(()));
    }
    assert_eq!(calls(&world).len(), 4, "each asked once");
}

#[test]
fn a_narrowed_role_is_derived_anew_when_the_configuration_changes() {
    let world = serving();
    let script = "while read line; do rolecall process dev; echo \"exit $?\"; done";
    let mut running =
        rolecall_tests::harness::Running::start(&mut shell(&world, "exec dev --read-only", script));
    running.tell("");
    let first = key(&lines(&running, 2)[0]);

    world.configure("[roles.dev]\nexternal_id = \"x-1\"\n");
    world.rolecall(&["reload"]).ok();
    running.tell("");
    let second = key(&lines(&running, 4)[2]);
    assert_ne!(first, second);
    let call = calls(&world).pop().expect("a call");
    assert_eq!(call.parameters["ExternalId"], "x-1");
    assert_eq!(
        call.parameters["PolicyArns.member.1.arn"],
        "arn:aws:iam::aws:policy/ReadOnlyAccess"
    );

    // Where it cannot be narrowed any more it is not served at all.
    let own = "[roles.dev]\npolicy_arns = [\"arn:aws:iam::aws:policy/AdministratorAccess\"]\n";
    world.configure(own);
    world.rolecall(&["reload"]).ok();
    running.tell("");
    assert_eq!(lines(&running, 5)[4], "exit 1");
    let finished = running.finish();
    assert!(
        finished.stderr.contains("a lease's would widen it"),
        "{finished:#?}"
    );
}

#[test]
fn what_would_widen_is_refused_by_name() {
    let world = serving();
    world.configure(
        "[roles.dev]\npolicy_arns = [\"arn:aws:iam::aws:policy/AdministratorAccess\"]\n\
         [roles.hub]\nsession_tags = { Team = \"a\" }\n",
    );
    world.rolecall(&["reload"]).ok();
    world.write("home/empty.json", "{}");
    let empty = format!("--policy {}", world.path("home/empty.json").display());
    for (role, options, words) in [
        ("dev", "--read-only", "a lease's would widen it"),
        ("dev", "--duration 2h", "--duration"),
        ("dev", "--duration 14m", "--duration"),
        ("hub", "--tag team=b", "--tag"),
        ("hub", "--tag aws:x=b", "--tag"),
        ("hub", "--policy-arn ReadOnlyAccess", "--policy-arn"),
        ("hub", &empty, "--policy: the policy has no Statement"),
        ("hub", "--policy /nowhere", "--policy: cannot read /nowhere"),
        ("hub", "--ttl 31d", "--ttl"),
    ] {
        let finished = run(&mut shell(
            &world,
            &format!("exec {role} {options}"),
            "true",
        ));
        assert_eq!(finished.code(), Some(125), "{options}");
        assert!(
            finished.stderr.contains(words),
            "{options}: {}",
            finished.stderr
        );
    }
    for options in [
        "--shared",
        "--shared --ttl 1h --only",
        "--peer-uid 1 --shared --ttl 1h",
    ] {
        let words = format!("lease create --role dev {options}");
        let words: Vec<&str> = words.split(' ').collect();
        assert_ne!(world.rolecall(&words).code(), Some(0), "{options}");
    }
    assert_eq!(world.aws.count("AssumeRole"), 0);
    assert!(crate::leases(&world).is_empty());
}
