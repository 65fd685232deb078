//! What fuzzing throws at the configuration, and what must hold whatever it throws: `config.toml`, and
//! AWS's shared files through aws-runtime and our index of them.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use rolecall::api::{Code, ConfigProblem, SetupRequest};

use super::{Sources, exec_files, load, plan_setup};

/// In no message, whatever is wrong with the file it stands in. (libFuzzer sees it pass by and tries it as
/// a profile's name: such inputs prove nothing.)
const SECRET: &str = "fuzzwJalrXUtnFEMIK7MDENGbPxRfiCY";

const CONFIG: &str = "[profile base]\nregion = eu-central-1\n\n[profile dev]\nsource_profile = base\n\
    role_arn = arn:aws:iam::123456789012:role/dev\n\n[services s]\nsts =\n  endpoint_url = http://127.0.0.1:1\n";

const TOML: &str = "[roles.prod]\nsource_profile = \"dev\"\nrole_arn = \"arn:aws:iam::999999999999:role/prod\"\n\
    \n[[imds]]\nlisten = \"127.0.0.1:1690\"\nrole = \"prod\"\n";

thread_local! {
    static HOME: Home = Home::new();
}

/// A home directory whose files every input replaces.
struct Home {
    directory: tempfile::TempDir,
    sources: Sources,
    /// What its files hold.
    contents: RefCell<HashMap<&'static str, Vec<u8>>>,
}

impl Home {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        std::fs::create_dir(directory.path().join(".aws")).expect("an empty directory");
        let sources = Sources {
            config: directory.path().join("config.toml"),
            environment: [].into(),
            home: Some(directory.path().to_owned()),
            system: false,
        };
        Self {
            directory,
            sources,
            contents: RefCell::default(),
        }
    }

    fn put(&self, name: &'static str, bytes: &[u8]) {
        let last = self.contents.borrow_mut().insert(name, bytes.to_vec());
        if last.as_deref() == Some(bytes) {
            return;
        }
        let mut file = File::create(self.directory.path().join(name)).expect("a file of ours");
        file.write_all(bytes).expect("room for it");
    }
}

/// The bytes as `config.toml`, beside shared files with a profile to start from.
///
/// # Panics
///
/// When a message names a line that is not there or quotes a key, or `setup` plans what it then finds
/// to mean something else.
pub fn toml(data: &[u8]) {
    HOME.with(|home| {
        home.put("config.toml", data);
        home.put(".aws/config", CONFIG.as_bytes());
        home.put(".aws/credentials", credentials().as_bytes());
        if !says_the_secret(data) {
            check(home);
        }
    });
}

/// The bytes up to the first NUL as AWS's config file, the rest as the credentials file; all for the
/// first, with fixed credentials, if there is none.
///
/// # Panics
///
/// As [`toml`].
pub fn shared(data: &[u8]) {
    let (config, own) = match data.iter().position(|byte| *byte == 0) {
        Some(at) => (&data[..at], Some(&data[at + 1..])),
        None => (data, None),
    };
    HOME.with(|home| {
        home.put("config.toml", TOML.as_bytes());
        home.put(".aws/config", config);
        let fixed = credentials();
        home.put(".aws/credentials", own.unwrap_or(fixed.as_bytes()));
        if !says_the_secret(data) {
            check(home);
        }
    });
}

fn credentials() -> String {
    format!("[base]\naws_access_key_id = AKIAFUZZFUZZFUZZFUZZ\naws_secret_access_key = {SECRET}\n")
}

fn says_the_secret(data: &[u8]) -> bool {
    memchr::memmem::find(data, SECRET.as_bytes()).is_some()
}

fn check(home: &Home) {
    let loaded = load(&home.sources);
    for problem in &loaded.problems {
        says_what_is_so(problem);
    }
    assert!(loaded.config.is_some() || !loaded.problems.is_empty());
    for role in loaded.config.iter().flat_map(|config| &config.roles) {
        if let Err(why) = &role.recipe {
            assert!(!why.reason.contains(SECRET) && !why.reason.is_empty());
        }
    }
    // Every role's would be read anew from all files: one of them says enough.
    let role = loaded
        .config
        .as_ref()
        .and_then(|config| config.roles.last());
    if let Some(role) = role
        && let Ok(files) = exec_files(&home.sources, None, role.name.as_str())
    {
        assert!(files.config.starts_with("[default]\n"));
    }
    let request = SetupRequest {
        profiles: Vec::new(),
        client: "/usr/bin/rolecall".to_owned(),
    };
    match plan_setup(&home.sources, &request) {
        Ok(plan) => {
            let inserted = plan.edits.iter().flat_map(|edit| &edit.hunks);
            assert!(
                !inserted
                    .into_iter()
                    .any(|hunk| hunk.insert.contains(SECRET))
            );
        }
        Err(problem) => {
            assert_ne!(problem.code, Code::Internal, "{}", problem.message);
            assert!(!problem.message.contains(SECRET));
        }
    }
}

/// A problem's line is one of its file, and its words hold no key.
fn says_what_is_so(problem: &ConfigProblem) {
    let text = format!("{problem} {:?}", problem.hint);
    assert!(!text.contains(SECRET), "{text}");
    let (Some(file), Some(line)) = (&problem.file, problem.line) else {
        return;
    };
    let bytes = std::fs::read(Path::new(file)).expect("the file that was read");
    let lines = bytes.split(|byte| *byte == b'\n').count();
    assert!((1..=lines).contains(&(line as usize)), "{problem}");
}

#[cfg(test)]
mod tests {
    use crate::fuzz_seeds::replay;

    #[test]
    fn the_seeds_still_pass() {
        replay("config_toml", super::toml);
        replay("shared_config", super::shared);
    }
}
