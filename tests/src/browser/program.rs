//! Headless Chromium, as the user whom the daemon serves.

use std::fs::File;
use std::process::{Child, Command, Stdio};

use super::Dns;
use crate::harness::World;

/// Where Chromium may be.
const PROGRAMS: [&str; 5] = [
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "headless_shell",
];

/// Headless, alive until it is ended, and silent towards its maker. Its own sandbox needs privileges that a
/// user in a bare namespace has not.
const FLAGS: [&str; 8] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--remote-debugging-port=0",
];

/// The program, if one is installed. Where none is, a test that needs it says so and is done: `tests/prepare`
/// installs it on Debian. Under `ROLECALL_TEST_COMPLETE`, root with `apt-get` must have it.
///
/// # Panics
/// When it is missing where it must not be.
#[expect(clippy::print_stderr, reason = "the tests' own output")]
pub fn browser_is_there() -> Option<&'static str> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let is_there = |program: &str| std::env::split_paths(&path).any(|it| it.join(program).exists());
    let found = PROGRAMS.into_iter().find(|program| is_there(program));
    let complete = std::env::var_os("ROLECALL_TEST_COMPLETE").is_some();
    let can_install = crate::harness::is_root() && is_there("apt-get");
    assert!(
        found.is_some() || !(complete && can_install),
        "there is no Chromium; `make prepare` installs it"
    );
    if found.is_none() {
        eprintln!("skipped: needs Chromium (Debian: chromium-headless-shell)");
    }
    found
}

/// A running browser. It is ended when dropped.
#[derive(Debug)]
pub struct Browser {
    child: Child,
}

impl Browser {
    /// Opens `url` as the user of `world`, who asks `dns` for names: `/etc/resolv.conf` is another file for
    /// the browser, which only root can see to. `flags` are Chromium's. What it says goes to
    /// `browser.log` in `world`.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn open(program: &str, world: &World, dns: &Dns, flags: &[&str], url: &str) -> Self {
        world.write("resolv.conf", &dns.resolv_conf());
        let (user, home) = (world.user(), world.path("tmp"));
        let log = File::create(world.path("browser.log")).expect("a log");
        let child = Command::new("setpriv")
            // Not left behind either when the tests are killed.
            .args(["--pdeathsig=KILL", "unshare"])
            // A process namespace, so that the browser's many processes end with the first.
            .args(["--mount", "--pid", "--fork", "--kill-child", "--mount-proc"])
            .args([
                "sh",
                "-c",
                "mount --bind \"$1\" /etc/resolv.conf && shift && exec \"$@\"",
                "sh",
            ])
            .arg(world.path("resolv.conf"))
            // The kernel forgets whose death ends a process when that becomes another user: said once more.
            .args(["setpriv", "--clear-groups", "--pdeathsig=KILL"])
            .arg(format!("--reuid={}", user.uid))
            .arg(format!("--regid={}", user.gid))
            .arg("--")
            .arg(program)
            .args(FLAGS)
            .arg(format!(
                "--user-data-dir={}",
                home.join("browser").display()
            ))
            .args(flags)
            .arg(url)
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin")
            .env("LANG", "C.UTF-8")
            .envs(["HOME", "TMPDIR", "XDG_RUNTIME_DIR"].map(|name| (name, &home)))
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log)
            .spawn()
            .expect("setpriv can be started");
        Self { child }
    }

    /// Whether it still runs.
    ///
    /// # Panics
    /// When the kernel does not say.
    pub fn is_running(&mut self) -> bool {
        self.child
            .try_wait()
            .expect("it can be waited for")
            .is_none()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It may just have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
