//! The steps, in order. Each shows what it does and checks what came of it.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use rolecall::api::{RoleState, RoleStatus, Status};

use super::backstage::{self, Backstage, LIFETIME};
use super::doors;
use super::interrupt::{Interrupt, Interrupted};
use super::screen::Screen;
use super::wait::{self, Stopwatch};
use crate::harness::{Endpoint, Request};

/// A renewal of a session of [`LIFETIME`] is tried at 11 s of its age at the latest (DESIGN rule 4).
const RENEWAL_IS_TRIED: Duration = Duration::from_secs(20);

/// The pause before another attempt, after the few that can have failed by then.
const RENEWAL_SUCCEEDS: Duration = Duration::from_secs(25);

/// The whole tour, in `directory`.
pub(super) fn run(interrupt: &Interrupt, directory: &Path, fast: bool) -> anyhow::Result<()> {
    let screen = Screen::new(fast, interrupt);
    let stage = Backstage::new(directory, interrupt, &screen)?;
    let mut tour = Tour {
        screen,
        stage,
        interrupt: interrupt.clone(),
    };
    tour.steps().map_err(|error| {
        let words = tour.stage.last_words();
        if error.is::<Interrupted>() || words.is_empty() {
            error
        } else {
            error.context(format!(
                "not as it should be; the daemon's log ends:\n{words}\n"
            ))
        }
    })
}

struct Tour {
    screen: Screen,
    stage: Backstage,
    interrupt: Interrupt,
}

impl Tour {
    fn steps(&mut self) -> anyhow::Result<()> {
        let watch = Stopwatch::start();
        self.screen.say(&format!(
            "A fake AWS, rolecalld and a home with profiles, all in {}; none of it stays.",
            self.stage.path("").display()
        ))?;
        let before = self.stage.read("home/.aws/config")?;
        self.profiles()?;
        self.daemon()?;
        self.setup()?;
        self.doors()?;
        self.overview()?;
        self.aws_goes()?;
        self.aws_returns()?;
        self.ledger()?;
        self.undo(&before)?;
        self.end()?;
        self.screen.say(&format!(
            "\nThat was rolecall, in {} s. Next: README.md, `make install`.",
            watch.passed().as_secs()
        ))
    }

    /// Runs a line, shows it and what it says; an error if it fails.
    fn shell(&self, line: &str) -> anyhow::Result<String> {
        self.answer(line, "")
    }

    fn answer(&self, line: &str, answer: &str) -> anyhow::Result<String> {
        self.screen.command(line)?;
        let done = self.stage.shell(line, answer)?;
        self.screen.output(&done.text)?;
        ensure!(done.status.success(), "`{line}` failed: {}", done.status);
        Ok(done.text)
    }

    fn status(&self) -> anyhow::Result<Status> {
        let socket = Endpoint::Unix(self.stage.socket());
        let body = backstage::body(&socket.send(&Request::get("/v1/status"))?)?;
        serde_json::from_str(&body).context("/v1/status")
    }

    /// What the daemon says of `dev`.
    fn dev(&self) -> anyhow::Result<RoleStatus> {
        let dev = self
            .status()?
            .roles
            .into_iter()
            .find(|role| role.name == "dev");
        dev.context("the daemon knows no role dev")
    }

    fn profiles(&mut self) -> anyhow::Result<()> {
        self.screen
            .headline("You have profiles that assume roles")?;
        self.shell("cat ~/.aws/config")?;
        Ok(())
    }

    fn daemon(&mut self) -> anyhow::Result<()> {
        self.screen.headline("The daemon reads them")?;
        self.screen.command("rolecalld &")?;
        self.stage.start_daemon()?;
        self.screen
            .say(&format!("(pid {})", self.stage.daemon_pid()))?;
        let roles = self.shell("rolecall roles")?;
        for door in self.status()?.doors {
            if let Some(error) = door.error {
                bail!("{} is not open: {error}", door.address);
            }
        }
        ensure!(
            roles.contains("123456789012") && roles.contains("audit"),
            "`rolecall roles` does not show both roles"
        );
        Ok(())
    }

    fn setup(&mut self) -> anyhow::Result<()> {
        self.screen
            .headline("Put them behind rolecall: it shows the change, and asks")?;
        self.answer("rolecall setup", "y\n")?;
        let shared = self.stage.read("home/.aws/config")?;
        ensure!(
            shared.contains("credential_process = ") && !shared.contains("role_arn"),
            "setup did not put the profiles behind rolecall:\n{shared}"
        );
        ensure!(
            shared.contains("# the role I work with") && shared.contains("output = json"),
            "setup lost lines that are not its own:\n{shared}"
        );
        let own = self.stage.read("home/.config/rolecall/config.toml")?;
        ensure!(
            own.contains("[roles.dev]") && own.contains("[[imds]]"),
            "setup did not move the definition:\n{own}"
        );
        Ok(())
    }

    fn doors(&mut self) -> anyhow::Result<()> {
        let Self { screen, stage, .. } = self;
        screen.headline("credential_process: what every SDK runs for the profile now")?;
        let first = doors::process(screen, stage)?;
        screen.headline("socket: the daemon's own API")?;
        let second = doors::socket(screen, stage)?;
        screen.headline("imds: for what insists on an EC2 instance")?;
        let (third, _open) = doors::imds(screen, stage)?;
        screen.headline("container: for what takes no profile, for as long as it runs")?;
        doors::container(screen, stage)?;
        let calls = stage.calls()?;
        let issued: Vec<_> = calls
            .iter()
            .filter_map(|call| call.issued.as_ref())
            .collect();
        for found in [&first, &second, &third] {
            ensure!(
                issued.contains(&&found.access_key_id),
                "{} is no session of AWS's",
                found.access_key_id
            );
        }
        // With time to read, a renewal may have come between.
        if issued.len() == 1 {
            screen.say("Four doors, one session, and AWS was asked once.")?;
        }
        Ok(())
    }

    fn overview(&mut self) -> anyhow::Result<()> {
        self.screen
            .headline("What is there, how long, and for whom")?;
        let status = self.shell("rolecall status")?;
        ensure!(
            status.contains("dev") && status.contains("ready"),
            "`rolecall status` does not show dev as ready"
        );
        Ok(())
    }

    fn aws_goes(&mut self) -> anyhow::Result<()> {
        self.screen.headline("AWS goes away; reads go on")?;
        self.screen
            .command(&format!("kill {}    # the fake AWS", self.stage.aws_pid()))?;
        self.stage.stop_aws()?;
        self.screen.say(&format!(
            "Sessions last {LIFETIME} s here, so a renewal is due within seconds. It will fail …"
        ))?;
        let failed = "a renewal fails while AWS is away";
        let dev = wait::until(&self.interrupt, RENEWAL_IS_TRIED, failed, || {
            let dev = self.dev()?;
            Ok((dev.state == RoleState::Degraded).then_some(dev))
        })?;
        let failure = dev.failure.context("a degraded role without a failure")?;
        self.screen
            .say(&format!("… it failed: {}", failure.message))?;
        let session = dev.session.context("a degraded role without a session")?;
        let read = doors::process(&self.screen, &self.stage)?;
        ensure!(
            read.access_key_id == session.access_key_id,
            "the session changed although AWS is away"
        );
        self.screen.say("Still good, and handed out until its end.")
    }

    /// The access key ids AWS gave so far.
    fn issued(&self) -> anyhow::Result<Vec<String>> {
        let calls = self.stage.calls()?;
        Ok(calls.into_iter().filter_map(|call| call.issued).collect())
    }

    fn aws_returns(&mut self) -> anyhow::Result<()> {
        self.screen
            .headline("AWS is back; the renewal comes by itself")?;
        let old = self.dev()?.session.context("no session to renew")?;
        self.screen.command("fake-aws &")?;
        let watch = Stopwatch::start();
        self.stage.start_aws()?;
        let renewed = "dev is renewed after AWS came back";
        wait::until(&self.interrupt, RENEWAL_SUCCEEDS, renewed, || {
            let dev = self.dev()?;
            let new = dev.session.context("the session is gone")?;
            Ok((new.access_key_id != old.access_key_id).then_some(()))
        })?;
        self.screen.say(&format!(
            "(pid {}; renewed {:.1} s later)",
            self.stage.aws_pid(),
            watch.passed().as_secs_f32()
        ))?;
        let read = doors::process(&self.screen, &self.stage)?;
        ensure!(
            self.issued()?.contains(&read.access_key_id),
            "{} is no session of AWS's",
            read.access_key_id
        );
        self.screen
            .say("And AWS takes the sessions, those of a role behind a role too:")?;
        let whoami = self.shell("rolecall whoami audit")?;
        ensure!(
            whoami.contains(":assumed-role/audit/"),
            "`rolecall whoami audit` does not show the role"
        );
        Ok(())
    }

    fn ledger(&mut self) -> anyhow::Result<()> {
        self.screen
            .headline("Who got what, when, through which door")?;
        let tail = self.shell("rolecall ledger tail -n 100")?;
        let has = |words: &[&str]| {
            tail.lines()
                .any(|line| words.iter().all(|word| line.contains(word)))
        };
        for words in [
            ["attempt", "dev", ""],
            ["issued", "dev", "ASIA"],
            ["failed", "dev", ""],
            ["serve", "socket", "demo"],
            ["serve", "imds", "ASIA"],
            ["serve", "container", "deploy-tool"],
        ] {
            ensure!(has(&words), "the ledger has no line with {words:?}");
        }
        Ok(())
    }

    fn undo(&mut self, before: &str) -> anyhow::Result<()> {
        self.screen.headline("And back again")?;
        self.answer("rolecall setup --undo", "y\n")?;
        let shared = self.stage.read("home/.aws/config")?;
        ensure!(
            shared == before,
            "~/.aws/config is not as it was:\n{shared}"
        );
        self.screen
            .say("~/.aws/config is what it was, byte for byte.")
    }

    fn end(&mut self) -> anyhow::Result<()> {
        self.screen.headline("It ends when told")?;
        self.screen
            .command(&format!("kill {}    # rolecalld", self.stage.daemon_pid()))?;
        let status = self.stage.stop_daemon()?;
        if !status.success() {
            bail!("rolecalld ended with {status}");
        }
        Ok(())
    }
}
