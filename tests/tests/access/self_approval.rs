//! An agent must not consent for itself.

use rolecall_tests::harness::World;
use rolecall_tests::terminal;

use crate::place::{events, in_another_terminal, in_terminal, question, role, script};

#[test]
fn no_answer_comes_from_the_asker_its_terminal_or_one_that_it_opens() {
    let mut world = World::new();
    world.configure(&role("prod", "confirm = \"first-use\""));
    world.start();
    // The tool asks, and so does its own child answer; the agent that started it tries the rest.
    let tool = "rolecall process prod --wait=50 >/dev/null 2>&1 &\n\
                until rolecall status --json | grep -q '\"kind\": \"consent\"'; do sleep 0.05; done\n\
                rolecall approve 2>&1 | sed 's/^/child: /'\n\
                : >tmp/tried\n\
                wait $!; echo \"tool got $?\"\n";
    script(&world, "tool.sh", tool);
    let agent = "sh tmp/tool.sh &\n\
                 until [ -e tmp/tried ]; do sleep 0.05; done\n\
                 rolecall approve 2>&1 | sed 's/^/agent: /'\n\
                 script -qec 'rolecall approve' /dev/null | sed 's/^/opened: /'\n\
                 setsid -w rolecall approve </dev/null 2>&1 | sed 's/^/none: /'\n\
                 : >tmp/done\n\
                 wait $!\n";
    let agent = script(&world, "agent.sh", agent);
    let shown = std::thread::scope(|scope| {
        let agent = scope.spawn(|| terminal::run(in_terminal(&world, &agent), "", || Ok(())));
        rolecall_tests::harness::eventually("the agent has tried all", || {
            world.path("tmp/done").exists().then_some(())
        });
        let asked = question(&world, 1);
        assert_eq!(asked["asker"]["name"], "tool.sh");
        let [] = events(&world, "approved");
        // A person, elsewhere.
        let shown = in_another_terminal(&world, &["approve"]);
        assert!(shown.status.success(), "{shown:#?}");
        agent.join().unwrap().unwrap()
    });
    let lines = [
        "child: rolecall: the answer comes from the asking program itself",
        "agent: rolecall: the answer comes from the terminal of the asking program",
        "opened: rolecall: the answer comes from a terminal that was opened within the asking program's session",
        "none: rolecall: an answer needs a terminal, so that a person can have given it",
        "tool got 0",
    ];
    for line in lines {
        assert!(shown.text.contains(line), "{line}\n{}", shown.text);
    }
    // The first of them; the others within a minute are counted.
    let [refused] = events(&world, "refused");
    assert_eq!(refused["rule"], "answer", "{refused:#}");
}
