//! Where a user owns control groups, a lease is bound to one: whatever its command starts is inside, and the lease
//! ends when nobody is in it any more.

use std::fs;
use std::path::{Path, PathBuf};

use rolecall_tests::harness::{Running, User, World, eventually};

use crate::{curl_is_there, lease, leases, lines, serving, shell};

/// A group that the user owns, as systemd gives them to services it delegates to; removed with this.
struct Delegated(PathBuf);

impl Delegated {
    /// None, with a word why, where only root could make it, or there is no cgroup v2 to write to.
    fn make(user: User) -> Option<Self> {
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let mount = mounts.lines().find_map(|line| {
            let (mount, kind) = line.split_once(" - ")?;
            kind.starts_with("cgroup2 ")
                .then(|| mount.split(' ').nth(4))?
        });
        let own = |mount: &str| {
            let random = tempfile::Builder::new()
                .prefix("rolecall-test-")
                .tempdir()
                .ok()?;
            let group = Path::new(mount).join(random.path().file_name()?);
            fs::create_dir(&group).ok()?;
            let group = Self(group);
            for name in [
                "",
                "cgroup.procs",
                "cgroup.subtree_control",
                "cgroup.threads",
            ] {
                let path = group.0.join(name);
                std::os::unix::fs::chown(path, Some(user.uid), Some(user.gid)).ok()?;
            }
            Some(group)
        };
        let made = mount.and_then(own);
        if made.is_none() {
            crate::skipped("no control group can be delegated here (not root, or no cgroup v2)");
        }
        made
    }

    /// Moves a process there.
    fn take(&self, pid: u32) {
        use std::io::Write as _;
        let mut procs = fs::OpenOptions::new()
            .write(true)
            .open(self.0.join("cgroup.procs"))
            .expect("it is there");
        procs
            .write_all(pid.to_string().as_bytes())
            .expect("root may");
    }

    fn children(&self) -> usize {
        let entries = fs::read_dir(&self.0).expect("it is there").flatten();
        entries.filter(|entry| entry.path().is_dir()).count()
    }
}

impl Drop for Delegated {
    fn drop(&mut self) {
        // Best effort: who is still in it keeps it.
        let _ = fs::remove_dir(&self.0);
    }
}

/// A command that begins in the group.
fn start_in(group: &Delegated, world: &World, words: &str, script: &str) -> Running {
    let inner = shell(world, words, script);
    let mut command = world.command("sh");
    command.args(["-c", "read go; exec \"$@\"", "sh"]);
    command.arg(inner.get_program()).args(inner.get_args());
    let mut running = Running::start(&mut command);
    group.take(running.pid());
    running.tell("");
    running
}

#[test]
fn whatever_a_command_leaves_behind_is_inside_until_the_last_one_ends() {
    let mut world = World::new();
    let Some(group) = Delegated::make(world.user()) else {
        return;
    };
    world.start();
    let out = world.path("tmp/out");
    // An orphan of an orphan in a session of its own, and in a group below: it goes on when the command has ended.
    let script = format!(
        "(setsid sh -c 'while ! [ -e {out}.go ]; do sleep 0.05; done; rolecall process hub; echo $? > {out}.new; \
         rolecall process dev >/dev/null; echo $? >> {out}.new; mv {out}.new {out}; \
         while ! [ -e {out}.end ]; do sleep 0.05; done' >/dev/null 2>&1 &); read end",
        out = out.display()
    );
    let mut running = start_in(&group, &world, "exec dev --read-only", &script);

    eventually("its lease", || (!leases(&world).is_empty()).then_some(()));
    assert_eq!(lease(&world)["binding"], "cgroup", "{}", world.log());
    assert_eq!(group.children(), 1);
    running.tell("");
    running.finish().ok();

    assert_eq!(lease(&world)["ended"], false, "somebody is in it yet");
    world.restart();
    assert_eq!(lease(&world)["ended"], false);
    world.write("tmp/out.go", "");
    let codes = eventually("the orphan's answers", || fs::read_to_string(&out).ok());
    assert_eq!(codes, "5\n0\n");
    world.write("tmp/out.end", "");
    eventually("its end", || leases(&world).is_empty().then_some(()));
    eventually("the group is removed", || {
        (group.children() == 0).then_some(())
    });
    world.wait_for_record("its end", |record| {
        record["event"] == "lease_end" && record["message"] == "the last of its processes ended"
    });
}

#[test]
fn a_token_is_told_by_the_group_of_who_asks() {
    let world = serving();
    let Some(group) = Delegated::make(world.user()) else {
        return;
    };
    if !curl_is_there() {
        return;
    }
    let ask = "curl -s -o /dev/null -w '%{http_code}\\n' -H \"Authorization: $T\" $U";
    // Its own orphans, in another session; and one that has moved out of the group.
    let script = format!(
        "T=$AWS_CONTAINER_AUTHORIZATION_TOKEN U=$AWS_CONTAINER_CREDENTIALS_FULL_URI; export T U; \
         (setsid -w sh -c '{ask}'); sh -c 'echo $$ > {procs}; {ask}'; exec cat",
        ask = ask.replace('\'', "'\"'\"'"),
        procs = group.0.join("cgroup.procs").display(),
    );
    let running = start_in(&group, &world, "exec dev", &script);
    assert_eq!(lines(&running, 2), ["200", "403"]);
    running.finish().ok();
    eventually("its end", || leases(&world).is_empty().then_some(()));
    eventually("the group is removed", || {
        (group.children() == 0).then_some(())
    });
}

#[test]
fn a_lease_may_be_for_a_group_that_somebody_else_made() {
    let world = serving();
    let Some(group) = Delegated::make(world.user()) else {
        return;
    };
    if !curl_is_there() {
        return;
    }
    let words = format!(
        "lease create --role dev --ttl 1h --format json --peer-cgroup {}",
        group.0.display()
    );
    let words: Vec<&str> = words.split(' ').collect();
    let variables: serde_json::Value = world.rolecall(&words).json();
    let ask = format!(
        "read go; curl -s -o /dev/null -w '%{{http_code}}\\n' -H 'Authorization: {}' {}",
        variables["set"]["AWS_CONTAINER_AUTHORIZATION_TOKEN"]
            .as_str()
            .expect("a token"),
        variables["set"]["AWS_CONTAINER_CREDENTIALS_FULL_URI"]
            .as_str()
            .expect("an address"),
    );
    for (inside, status) in [(true, "200"), (false, "403")] {
        let mut curl = world.command("sh");
        curl.args(["-c", &ask]);
        let mut running = Running::start(&mut curl);
        if inside {
            group.take(running.pid());
        }
        running.tell("");
        assert_eq!(lines(&running, 1), [status]);
        running.finish().ok();
    }
    let absent = world.rolecall(&[
        "lease",
        "create",
        "--role",
        "dev",
        "--ttl",
        "1h",
        "--peer-cgroup",
        "/none/such",
    ]);
    assert_eq!(absent.code(), Some(1));
    assert!(
        absent.stderr.contains("no control group"),
        "{}",
        absent.stderr
    );
}
