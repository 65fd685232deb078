//! `rolecall setup` on real files.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Output;

use rolecall::api::{FileEdit, Hunk, SetupPlan, SkippedProfile};

use crate::server::{Reply, Server, stderr, stdout, write};

const CONFIG: &str = "\
# mine
[profile dev]
role_arn = arn:aws:iam::123456789012:role/dev
source_profile = base
region = eu-central-1

[profile base]
aws_access_key_id = AKIABASE
aws_secret_access_key = hunter2
";

const MOVED: &str = "\
# mine
[profile dev]
credential_process = /usr/bin/rolecall process dev
region = eu-central-1

[profile base]
aws_access_key_id = AKIABASE
aws_secret_access_key = hunter2
";

const TABLE: &str =
    "[roles.dev]\nrole_arn = \"arn:aws:iam::123456789012:role/dev\"\nsource_profile = \"base\"\n";

const RELOADED: &str = r#"{"applied":true,"problems":[],"changes":["dev came"]}"#;

struct Home {
    server: Server,
    config: PathBuf,
    toml: PathBuf,
}

impl Home {
    /// A server that plans to move `dev`, and the files it is about.
    fn new() -> Self {
        let server = Server::absent();
        let config = server.directory().join("aws-config");
        let toml = server.directory().join("rolecall/config.toml");
        write(&config, CONFIG);
        std::fs::set_permissions(&config, PermissionsExt::from_mode(0o644)).unwrap();
        let home = Self {
            server,
            config,
            toml,
        };
        home.listen(&home.plan());
        home
    }

    fn plan(&self) -> SetupPlan {
        let edit = |path: &Path, line, remove, insert: &str| FileEdit {
            path: path.to_str().unwrap().to_owned(),
            sha256: None,
            hunks: vec![Hunk {
                line,
                remove,
                insert: insert.to_owned(),
            }],
        };
        let process = "credential_process = /usr/bin/rolecall process dev\n";
        SetupPlan {
            edits: vec![
                edit(&self.toml, 1, 0, TABLE),
                FileEdit {
                    sha256: Some(
                        "66545383c90686eb01d7c95856d8d778c0c4ed4eac5482ea319a4c82822027b1"
                            .to_owned(),
                    ),
                    ..edit(&self.config, 3, 2, process)
                },
            ],
            moved: vec!["dev".to_owned()],
            skipped: vec![SkippedProfile {
                profile: "sso".to_owned(),
                reason: "it signs in with sso_session".to_owned(),
            }],
        }
    }

    fn listen(&self, plan: &SetupPlan) {
        let listener = std::os::unix::net::UnixListener::bind(self.server.socket()).unwrap();
        let plan = serde_json::to_string(plan).unwrap();
        self.server.serve_by_path(
            listener,
            [
                ("POST /v1/config/setup ", Reply::Json(200, plan)),
                ("POST /v1/reload ", Reply::Json(200, RELOADED.to_owned())),
            ],
        );
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.server
            .command(&[&["setup"], arguments].concat())
            .env("ROLECALL_STATE_DIR", self.server.directory().join("state"))
            .output()
            .unwrap()
    }

    fn contents(&self) -> (String, Option<String>) {
        (
            std::fs::read_to_string(&self.config).unwrap(),
            std::fs::read_to_string(&self.toml).ok(),
        )
    }

    #[track_caller]
    fn assert_untouched(&self) {
        assert_eq!(self.contents(), (CONFIG.to_owned(), None));
        assert!(!self.server.directory().join("state").exists());
    }

    /// The request for a plan. (The probe before it is another connection, seen sooner or later.)
    fn planned(&self) -> String {
        let requests = self.server.requests();
        let mut plans = requests
            .into_iter()
            .filter(|request| request.starts_with("POST /v1/config/setup "));
        plans.next().unwrap()
    }

    fn asked(&self, what: &str) -> usize {
        let requests = self.server.requests();
        requests
            .iter()
            .filter(|request| request.starts_with(what))
            .count()
    }
}

#[test]
fn moves_shows_remembers_and_reloads() {
    let home = Home::new();
    let output = home.run(&["dev", "--yes"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let text = stdout(&output);
    assert!(
        text.starts_with("sso is left alone: it signs in with sso_session\n"),
        "{text}"
    );
    assert!(text.contains("+credential_process = /usr/bin/rolecall process dev\n"));
    assert!(text.contains("-source_profile = base\n"));
    assert!(text.contains("moved dev\n") && text.contains("dev came\n"));
    assert_eq!(home.contents(), (MOVED.to_owned(), Some(TABLE.to_owned())));
    assert_eq!(home.asked("POST /v1/reload "), 1);

    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&home.config), mode(&home.toml)), (0o644, 0o600));
    assert_eq!(mode(home.toml.parent().unwrap()), 0o700);
    let journal = home.server.directory().join("state/setup.json");
    assert_eq!(mode(&journal), 0o600);
    assert!(
        !std::fs::read_to_string(&journal)
            .unwrap()
            .contains("hunter2")
    );
    let copies: Vec<_> = std::fs::read_dir(home.server.directory())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.to_string_lossy()
                .contains("aws-config.before-rolecall-")
        })
        .collect();
    assert_eq!(copies.len(), 1);
    assert_eq!(
        (
            std::fs::read_to_string(&copies[0]).unwrap().as_str(),
            mode(&copies[0])
        ),
        (CONFIG, 0o644)
    );

    let undone = home.run(&["--undo", "--yes"]);
    assert_eq!(undone.status.code(), Some(0), "{}", stderr(&undone));
    assert_eq!(home.contents(), (CONFIG.to_owned(), None));
    assert_eq!(home.asked("POST /v1/reload "), 2);
    assert_eq!(stdout(&home.run(&["--undo"])), "nothing to undo\n");
}

#[test]
fn asks_the_daemon_for_this_very_program() {
    let home = Home::new();
    home.run(&["dev", "other", "--dry-run"]);
    let request = home.planned();
    let client = format!(r#""client":"{}""#, env!("CARGO_BIN_EXE_rolecall"));
    assert!(request.contains(&client), "{request}");
    assert!(request.contains(r#""profiles":["dev","other"]"#));
}

#[test]
fn a_link_in_path_is_named_instead() {
    let home = Home::new();
    let link = home.server.directory().join("rolecall-link");
    std::fs::create_dir(&link).unwrap();
    let link = link.join("rolecall");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_rolecall"), &link).unwrap();
    let path = format!("/nowhere:{}:/usr/bin", link.parent().unwrap().display());
    let mut command = home.server.command(&["setup", "--dry-run"]);
    command.env("PATH", path).output().unwrap();
    let client = format!(r#""client":"{}""#, link.display());
    assert!(home.planned().contains(&client));
}

#[test]
fn writes_nothing_unless_told() {
    let home = Home::new();
    let dry = home.run(&["--dry-run"]);
    assert_eq!(dry.status.code(), Some(0));
    assert!(stdout(&dry).contains("+[roles.dev]\n"));
    home.assert_untouched();
    let unasked = home.run(&[]);
    assert_eq!(unasked.status.code(), Some(4));
    assert!(stdout(&unasked).contains("+[roles.dev]\n"));
    assert!(stderr(&unasked).contains("hint: ") && stderr(&unasked).contains("--yes"));
    home.assert_untouched();
}

#[test]
fn a_file_that_changed_under_the_plan_is_left_alone() {
    let home = Home::new();
    write(&home.config, &format!("{CONFIG}\n"));
    let output = home.run(&["--yes"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("aws-config was changed meanwhile"));
    assert_eq!(home.contents().1, None);
}

#[test]
fn undoing_keeps_what_was_done_since() {
    let home = Home::new();
    home.run(&["--yes"]);
    write(&home.config, &format!("{MOVED}[profile new]\n"));
    write(&home.toml, &TABLE.replace("base", "other"));
    let output = home.run(&["--undo", "--yes"]);
    assert_eq!(output.status.code(), Some(1), "what is left makes it fail");
    assert!(stdout(&output).contains("rolecall/config.toml was changed since"));
    let (config, toml) = home.contents();
    assert_eq!(config, format!("{CONFIG}[profile new]\n"));
    assert_eq!(toml, Some(TABLE.replace("base", "other")));
    write(&home.toml, TABLE);
    assert_eq!(home.run(&["--undo", "--yes"]).status.code(), Some(0));
    assert_eq!(home.contents().1, None);
}

#[test]
fn a_role_stays_while_its_profile_points_to_it() {
    let home = Home::new();
    home.run(&["--yes"]);
    let moved = MOVED.replace("/usr/bin/rolecall", "/opt/rolecall");
    write(&home.config, &moved);
    let output = home.run(&["--undo", "--yes"]);
    assert_eq!(output.status.code(), Some(1));
    let text = stdout(&output);
    assert!(
        text.contains("aws-config was changed since") && text.contains("keeps the roles"),
        "{text}"
    );
    assert_eq!(home.contents(), (moved, Some(TABLE.to_owned())));
    write(&home.config, MOVED);
    assert_eq!(home.run(&["--undo", "--yes"]).status.code(), Some(0));
    assert_eq!(home.contents(), (CONFIG.to_owned(), None));
}

#[test]
fn a_failure_half_way_leaves_everything_as_it_was() {
    let home = Home::new();
    // The second file cannot be written where a directory has the name of its copy's place.
    let mut plan = home.plan();
    plan.edits[1].path = home
        .server
        .directory()
        .join("gone/aws-config")
        .to_string_lossy()
        .into_owned();
    plan.edits[1].sha256 = None;
    plan.edits[1].hunks = vec![Hunk {
        line: 1,
        remove: 0,
        insert: "x\n".to_owned(),
    }];
    write(
        &home.server.directory().join("gone"),
        "a file, not a directory",
    );
    std::fs::remove_file(home.server.socket()).unwrap();
    home.listen(&plan);
    let output = home.run(&["--yes"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(home.contents(), (CONFIG.to_owned(), None));
}

#[test]
fn nothing_to_change() {
    let home = Home::new();
    std::fs::remove_file(home.server.socket()).unwrap();
    home.listen(&SetupPlan {
        edits: vec![],
        moved: vec![],
        ..home.plan()
    });
    let all = home.run(&[]);
    assert_eq!(all.status.code(), Some(0));
    assert!(stdout(&all).ends_with("nothing to change\n"));
    assert_eq!(
        home.run(&["sso"]).status.code(),
        Some(1),
        "what was asked for was not done"
    );
}
