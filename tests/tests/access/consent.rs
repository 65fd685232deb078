//! `confirm`: a person is asked, once, and answers from elsewhere.

use rolecall_tests::harness::{Running, World, eventually, free_port, python_is_there, run};
use rolecall_tests::terminal;
use serde_json::Value;

use crate::place::{
    apart, events, in_another_terminal, in_terminal, profiles, question, role, script,
};

/// A world with one role that asks.
fn world(confirm: &str) -> World {
    let mut world = World::new();
    world.configure(&role("prod", &format!("confirm = \"{confirm}\"")));
    profiles(&world, &["prod"]);
    world.start();
    world
}

/// A script that asks so many times, waiting up to a minute, and prints how it went.
fn asking(world: &World, times: usize) -> Running {
    let line = "rolecall process prod --wait=50 >/dev/null; echo $?\n";
    Running::start(&mut apart(
        world,
        &script(world, "ask.sh", &line.repeat(times)),
    ))
}

#[test]
fn a_first_use_is_asked_once_and_every_other_program_by_itself() {
    let world = world("first-use");
    let running = asking(&world, 2);
    let asked = question(&world, 1);
    assert_eq!(asked["kind"], "consent");
    assert_eq!(asked["asker"]["name"], "ask.sh");
    assert_eq!(asked["asker"]["uid"], world.user().uid);
    assert!(asked["asker"]["terminal"].is_null() && asked["asker"]["cwd"].is_string());

    let id = asked["id"].as_str().unwrap();
    let status = world.rolecall(&["status"]);
    assert!(
        status.ok().contains(&format!("rolecall approve {id}")),
        "{status:#?}"
    );
    let json: Value = world.rolecall(&["status", "--json"]).json();
    assert_eq!(json["challenges"][0]["id"], id);
    let check = world.rolecall(&["status", "--check"]);
    assert_eq!(check.code(), Some(4), "{check:#?}");
    assert!(
        world
            .rolecall(&["status", "--metrics"])
            .ok()
            .contains("rolecall_challenges 1")
    );

    let shown = in_another_terminal(&world, &["approve"]);
    assert!(shown.status.success(), "{shown:#?}");
    assert!(
        shown.text.starts_with("approved: role prod for ask.sh ("),
        "{shown:#?}"
    );
    assert_eq!(running.finish().ok(), "0\n0");
    let [asked] = events(&world, "asked");
    let [approved] = events(&world, "approved");
    assert_eq!(approved["challenge"], id);
    assert_eq!(approved["role"], "prod");
    assert_eq!(approved["consumer"], asked["consumer"]);
    assert!(
        approved["peer"]["process"]["tty"].is_string(),
        "{approved:#}"
    );

    // The consent was that script's process's.
    let other = script(
        &world,
        "other.sh",
        "rolecall process prod --wait=0; echo $?\n",
    );
    let finished = run(&mut apart(&world, &other));
    assert_eq!(finished.ok(), "4\n");
    assert!(
        finished.stderr.contains("rolecall approve "),
        "{finished:#?}"
    );
    assert_eq!(finished.stderr.matches('\n').count(), 1, "{finished:#?}");
    let _both: [Value; 2] = events(&world, "asked");
}

#[test]
fn a_no_is_a_no_for_a_minute() {
    let world = world("first-use");
    let running = asking(&world, 2);
    let id = question(&world, 1)["id"].as_str().unwrap().to_owned();
    let shown = in_another_terminal(&world, &["deny", &id]);
    assert!(
        shown.status.success() && shown.text.starts_with("denied: "),
        "{shown:#?}"
    );
    let finished = running.finish();
    assert_eq!(finished.ok(), "5\n5");
    assert!(
        finished.stderr.contains("a person has denied role prod"),
        "{finished:#?}"
    );
    let [_denied] = events(&world, "denied");
    let [_asked] = events(&world, "asked");
    let [refused] = events(&world, "refused");
    assert_eq!(refused["rule"], "confirm", "{refused:#}");
    let [] = events(&world, "serve");
    let nothing = in_another_terminal(&world, &["approve"]);
    assert_eq!(nothing.status.code(), Some(3), "{nothing:#?}");
    let gone = in_another_terminal(&world, &["approve", &id]);
    assert_eq!(gone.status.code(), Some(3), "{gone:#?}");
}

#[test]
fn always_asks_for_each_read() {
    let world = world("always");
    let running = asking(&world, 2);
    for _ in 0..2 {
        let id = question(&world, 1)["id"].as_str().unwrap().to_owned();
        let shown = in_another_terminal(&world, &["approve", &id]);
        assert!(shown.status.success(), "{shown:#?}");
    }
    assert_eq!(running.finish().ok(), "0\n0");
    let _both: [Value; 2] = events(&world, "approved");
}

#[test]
fn several_questions_are_listed() {
    let mut world = World::new();
    let confirm = "confirm = \"first-use\"";
    world.configure(&(role("one", confirm) + &role("two", confirm)));
    world.start();
    let text = "rolecall process one --wait=0; rolecall process two --wait=0\n";
    run(&mut apart(&world, &script(&world, "ask.sh", text)));
    let shown = in_another_terminal(&world, &["approve"]);
    assert_eq!(shown.status.code(), Some(2), "{shown:#?}");
    assert!(shown.text.contains("role one for ask.sh"), "{shown:#?}");
    assert!(shown.text.contains("role two for ask.sh"), "{shown:#?}");
    let [] = events(&world, "approved");
}

#[test]
fn who_can_prompt_gets_the_question_at_once() {
    let world = world("first-use");
    let path = "/v1/credentials/prod?wait=50&can_prompt=true";
    let url = format!("http://localhost{path}");
    let mut curl = world.command("curl");
    curl.args(["-s", "-w", "\n%{http_code}", "--unix-socket"])
        .arg(world.socket_path())
        .arg(url);
    let finished = run(&mut apart(&world, &curl));
    let (body, status) = finished.ok().rsplit_once('\n').expect("two lines");
    assert_eq!(status, "202");
    let body: Value = serde_json::from_str(body).expect("JSON");
    assert_eq!(body["kind"], "consent");
    assert!(body["hint"].as_str().unwrap().contains("rolecall approve "));
    assert_eq!(body["asker"]["name"], "curl");
}

#[test]
fn a_process_in_a_terminal_tells_the_person_where_to_answer() {
    let world = world("first-use");
    let ask = script(
        &world,
        "ask.sh",
        "rolecall process prod --wait=50 2>/dev/null >/dev/null; echo $?\n",
    );
    let shown = std::thread::scope(|scope| {
        // Its stderr is none; the terminal is told.
        let asking = scope.spawn(|| terminal::run(in_terminal(&world, &ask), "", || Ok(())));
        question(&world, 1);
        assert!(in_another_terminal(&world, &["approve"]).status.success());
        asking.join().unwrap().unwrap()
    });
    assert!(
        shown
            .text
            .contains("(hint: in another terminal: rolecall approve "),
        "{shown:#?}"
    );
    assert_eq!(shown.text.matches('\n').count(), 2, "{shown:#?}");
    assert!(shown.text.ends_with("0\n"), "{shown:#?}");
}

#[test]
fn boto3_gets_its_role_on_the_socket_and_with_exec_after_the_answer() {
    if !python_is_there() {
        return;
    }
    let world = world("first-use");
    let mut process = world.python("identity.py");
    process.env("AWS_PROFILE", "prod");
    let python = world.python("identity.py");
    let mut exec = world.command("rolecall");
    exec.args(["exec", "prod", "--"])
        .arg(python.get_program())
        .args(python.get_args());
    for (command, method) in [(&process, "custom-process"), (&exec, "container-role")] {
        // Through a script, so that `exec` has a consumer of the user's.
        let words: Vec<String> = std::iter::once(command.get_program())
            .chain(command.get_args())
            .map(|word| word.to_string_lossy().into_owned())
            .collect();
        let text = format!(
            "AWS_PROFILE={} {}\n",
            if method == "custom-process" {
                "prod"
            } else {
                ""
            },
            words.join(" ")
        );
        let script = script(&world, &format!("{method}.sh"), &text);
        let running = Running::start(&mut apart(&world, &script));
        question(&world, 1);
        assert!(in_another_terminal(&world, &["approve"]).status.success());
        let finished = running.finish();
        let answer: Value = finished.json();
        assert_eq!(answer["method"], method, "{finished:#?}");
    }
}

#[test]
fn an_sdk_on_imds_is_told_to_come_back_and_gets_it_then() {
    if !python_is_there() {
        return;
    }
    let mut world = World::new();
    let port = free_port();
    world.configure(&format!(
        "{}[[imds]]\nlisten = \"127.0.0.1:{port}\"\nrole = \"prod\"\n",
        role("prod", "confirm = \"first-use\"")
    ));
    world.start();
    let python = world.python("identity.py");
    let python: Vec<_> = std::iter::once(python.get_program())
        .chain(python.get_args())
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let python = python.join(" ");
    let text = format!(
        "export AWS_EC2_METADATA_DISABLED=false AWS_EC2_METADATA_SERVICE_ENDPOINT=http://127.0.0.1:{port}\n\
         {python} >/dev/null 2>&1; echo first $?\n\
         until [ -e tmp/approved ]; do sleep 0.05; done\n\
         {python}\n"
    );
    let asking = script(&world, "ask.sh", &text);
    let shown = std::thread::scope(|scope| {
        let asking = scope.spawn(|| terminal::run(in_terminal(&world, &asking), "", || Ok(())));
        let asked = question(&world, 0);
        assert_eq!(asked["asker"]["name"], "identity.py");
        eventually("boto3 gives up", || {
            // It waits no more once its last request is answered.
            (question(&world, 0)["waiting"] == 0).then_some(())
        });
        assert!(in_another_terminal(&world, &["approve"]).status.success());
        world.write("tmp/approved", "");
        asking.join().unwrap().unwrap()
    });
    assert!(
        shown.text.contains("\"method\": \"iam-role\""),
        "{shown:#?}"
    );
}
