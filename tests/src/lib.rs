//! What rolecall is tested with: a fake AWS, real SDK clients, and a harness for whole scenarios.
//!
//! # Writing a scenario
//!
//! A scenario is a test in `tests/tests/`. It makes a [`harness::World`]: one user's home with the
//! profiles of [`harness::profiles`], below a temporary directory, and a [`fake_aws::FakeAws`] that
//! every program in it talks to. The daemon and its clients run as an unprivileged user (`nobody`
//! when the tests run as root) and see nothing of the environment the tests run in.
//!
//! ```no_run
//! use rolecall_tests::fake_aws::Fault;
//! use rolecall_tests::harness::{World, run};
//!
//! let mut world = World::new();
//! world.configure("[roles.dev]\nkeep_fresh = true\n");
//! world.start();
//!
//! // AWS fails from now on, and what is held is served all the same.
//! world.aws.fail(Fault::error(500, "InternalFailure"));
//! let credentials: serde_json::Value = world.rolecall(&["process", "dev"]).json();
//! assert_eq!(credentials["Version"], 1);
//!
//! // A real SDK, through a door.
//! let answer: serde_json::Value = run(world.python("identity.py").env("AWS_PROFILE", "dev")).json();
//! assert!(answer["arn"].is_string());
//! assert_eq!(world.aws.count("AssumeRole"), 1);
//! ```
//!
//! What there is to build on:
//!
//! - **The machine**: `write`, `read`, `configure`, `path`, `set_variable`. Files are the user's, 0600.
//! - **The daemon**: `start`, `try_start`, `stop`, `kill`, `restart`, `signal`, `wait_for_end`, `log`.
//!   `start` returns when the daemon answers.
//! - **Programs**: `rolecall`, `command`, `python`, `aws_cli`, `rust_sdk`, `moto`; run to their end
//!   with [`harness::run`], or beside the test as [`harness::Running`].
//! - **Requests by hand**: `get` and `ask` over the socket as the user; [`harness::Endpoint`] for
//!   everything else, byte by byte if need be ([`harness::Connection`]).
//! - **Other users**: `command_as`, and [`harness::User::act`] for a connection. Only root can; a test
//!   begins with `let Some(other) = User::other() else { return };`.
//! - **AWS**: `world.aws` counts and shows every call, fails as told ([`fake_aws::Fault`]), goes down
//!   and comes back, and has a clock of its own. Sessions of a minute come from
//!   [`fake_aws::Effect::Lifetime`].
//! - **A browser**: [`browser`] has Chromium, a name server and servers for pages, all in one namespace.
//! - **The ledger**: `ledger`, `wait_for_record`.
//!
//! Rules: wait for a condition ([`harness::eventually`], `world.aws.wait_until`), never for a time; no
//! test fails on how long something took, unless the time is the promise. A scenario leaves nothing
//! behind and can run beside any other. No program may have a way out of the machine: `tests/run` puts
//! all of it into a network namespace, and [`harness::World::command`] points every SDK at loopback.

#[cfg(target_os = "linux")]
pub mod bench;
#[cfg(target_os = "linux")]
pub mod browser;
pub mod demo;
pub mod fake_aws;
pub mod generated;
pub mod harness;
pub mod markdown;
pub mod sdk;
pub mod terminal;
