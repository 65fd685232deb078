//! AWS's shared files: `~/.aws/config` and `~/.aws/credentials`.
//!
//! aws-runtime decides what they mean; the [`Index`] says where it stands. Nothing here formats
//! aws-runtime's types: their Debug prints keys.

use std::collections::BTreeSet;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use aws_runtime::env_config::file::{EnvConfigFileKind, EnvConfigFiles};
use aws_runtime::env_config::property::PropertiesKey;
use aws_runtime::env_config::section::EnvConfigSections;
use aws_runtime::env_config::source;
use aws_types::os_shim_internal::{Env, Fs};
use rolecall::api::ConfigProblem;
use zeroize::Zeroizing;

use super::environment::Environment;
use super::file::Reader;
use super::index::{Index, Kind, Line, Section};
use super::problem::{Fault, Place, warning};

/// One of the two files.
pub(super) struct SharedFile {
    pub(super) path: PathBuf,
    /// Byte for byte; empty if there is no file.
    pub(super) text: Zeroizing<String>,
    pub(super) index: Index,
    kind: Kind,
}

/// Both files, and what they mean together.
pub(super) struct Shared {
    pub(super) config: SharedFile,
    pub(super) credentials: SharedFile,
    sections: EnvConfigSections,
}

impl Shared {
    /// Reads both files from where the environment says. Whatever is wrong is a fault, and what is
    /// returned then is incomplete.
    pub(super) fn read(
        environment: &Environment<'_>,
        reader: &mut Reader,
        faults: &mut Vec<Fault>,
    ) -> Self {
        let mut read = |variable: &str, name: &str, kind: Kind| {
            let (path, explicit) = environment.shared_file(variable, name);
            let text = match kind {
                Kind::Config => reader.read(&path),
                Kind::Credentials => reader.read_keys(&path),
            };
            let text = text.unwrap_or_else(|fault| {
                faults.push(fault);
                None
            });
            if text.is_none() && explicit && faults.is_empty() {
                reader.warnings.push(warning(
                    &Place::new(&path, None, ""),
                    &format!("{variable} names this file, but there is none"),
                    None,
                ));
            }
            SharedFile::new(path, text, kind)
        };
        let config = read("AWS_CONFIG_FILE", "config", Kind::Config);
        let credentials = read(
            "AWS_SHARED_CREDENTIALS_FILE",
            "credentials",
            Kind::Credentials,
        );
        let sections = parse(&config, &credentials, faults).unwrap_or_default();
        Self {
            config,
            credentials,
            sections,
        }
    }

    /// The same with another text for the config file.
    pub(super) fn with_config(&self, text: &str, faults: &mut Vec<Fault>) -> Self {
        let config = SharedFile::new(
            self.config.path.clone(),
            Some(Zeroizing::new(text.to_owned())),
            Kind::Config,
        );
        let credentials = SharedFile::new(
            self.credentials.path.clone(),
            Some(self.credentials.text.clone()),
            Kind::Credentials,
        );
        let sections = parse(&config, &credentials, faults).unwrap_or_default();
        Self {
            config,
            credentials,
            sections,
        }
    }

    /// Of two texts that were read before.
    pub(super) fn of_texts(config: Zeroizing<String>, credentials: Zeroizing<String>) -> Self {
        let config = SharedFile::new(PathBuf::new(), Some(config), Kind::Config);
        let credentials = SharedFile::new(PathBuf::new(), Some(credentials), Kind::Credentials);
        let sections = parse(&config, &credentials, &mut Vec::new()).unwrap_or_default();
        Self {
            config,
            credentials,
            sections,
        }
    }

    /// Every profile's name, sorted.
    pub(super) fn profiles(&self) -> BTreeSet<&str> {
        self.sections
            .profiles()
            .filter(|name| !name.is_empty())
            .collect()
    }

    /// Whether either file has the profile.
    pub(super) fn has(&self, profile: &str) -> bool {
        self.sections.get_profile(profile).is_some()
    }

    /// A profile's key, as AWS means it: the credentials file wins. None also if it is empty.
    pub(super) fn get(&self, profile: &str, key: &str) -> Option<&str> {
        self.sections
            .get_profile(profile)?
            .get(key)
            .filter(|value| !value.is_empty())
    }

    /// Where [`Self::get`]'s value stands.
    pub(super) fn place(&self, profile: &str, key: &str) -> Place {
        for file in [&self.credentials, &self.config] {
            if let Some(line) = file.index.key(profile, key) {
                return Place::new(&file.path, Some(line), file.dotted(profile, key));
            }
        }
        self.profile_place(profile)
    }

    /// Where a profile stands.
    pub(super) fn profile_place(&self, profile: &str) -> Place {
        for file in [&self.config, &self.credentials] {
            if let Some(line) = file.index.profile(profile) {
                return Place::new(&file.path, Some(line), file.header(profile));
            }
        }
        Place::new(&self.config.path, None, self.config.header(profile))
    }

    /// Whether there is a section `[services NAME]`.
    pub(super) fn has_services(&self, name: &str) -> bool {
        let section = Section::Services(name.to_owned());
        let mut sections = self.config.index.sections.iter();
        sections.any(|(found, _)| *found == section)
    }

    /// `endpoint_url` of STS in `[services NAME]`.
    pub(super) fn sts_endpoint_of_services(&self, name: &str) -> Option<&str> {
        let key = PropertiesKey::builder()
            .section_key("services")
            .section_name(name)
            .property_name("sts")
            .sub_property_name("endpoint_url")
            .build()
            .ok()?;
        let url = self.sections.other_sections().get(&key)?;
        Some(url.as_str()).filter(|url| !url.is_empty())
    }

    /// What works, but perhaps not as meant.
    pub(super) fn warnings(&self) -> Vec<ConfigProblem> {
        [&self.config, &self.credentials]
            .into_iter()
            .flat_map(SharedFile::warnings)
            .collect()
    }
}

impl SharedFile {
    fn new(path: PathBuf, text: Option<Zeroizing<String>>, kind: Kind) -> Self {
        let text = text.unwrap_or_default();
        Self {
            index: Index::of(&text, kind),
            path,
            text,
            kind,
        }
    }

    /// The section of a profile, for messages.
    fn header(&self, profile: &str) -> String {
        match self.kind {
            Kind::Config if profile != "default" => format!("profile {profile}"),
            Kind::Config | Kind::Credentials => profile.to_owned(),
        }
    }

    fn dotted(&self, profile: &str, key: &str) -> String {
        format!("{}.{key}", self.header(profile))
    }

    fn warnings(&self) -> Vec<ConfigProblem> {
        let at = |line: u32, key: String| Place::new(&self.path, Some(line), key);
        let mut found = Vec::new();
        if self.index.byte_order_mark {
            found.push(warning(
                &at(1, String::new()),
                "begins with a byte order mark, on which the AWS CLI stumbles",
                Some("save the file as UTF-8 without one"),
            ));
        }
        let mut headers = BTreeSet::new();
        for (section, line) in &self.index.sections {
            let reason = match section {
                Section::Profile(name) if !headers.insert(name) => {
                    "stands here for the second time: SDKs take both together, the AWS CLI refuses the file"
                }
                Section::Ignored(reason) => reason.as_str(),
                Section::Replaced => "AWS's SDKs pass over [default] because of [profile default]",
                _ => continue,
            };
            found.push(warning(&at(*line, String::new()), reason, None));
        }
        let mut seen = BTreeSet::new();
        for (number, line) in (1..).zip(&self.index.lines) {
            let Line::Key(section, key) = line else {
                continue;
            };
            let Some((Section::Profile(profile), _)) = self.index.sections.get(*section) else {
                continue;
            };
            if !seen.insert((profile, key)) {
                found.push(warning(
                    &at(number, self.dotted(profile, key)),
                    "stands here for the second time; this one counts",
                    Some("remove one of them: the AWS CLI refuses a file with a key given twice"),
                ));
            }
        }
        found
    }
}

/// Parses both files together; on failure says which one is wrong, and where.
fn parse(
    config: &SharedFile,
    credentials: &SharedFile,
    faults: &mut Vec<Fault>,
) -> Option<EnvConfigSections> {
    if let Ok(sections) = sections(&[config, credentials]) {
        return Some(sections);
    }
    for file in [config, credentials] {
        if let Err(error) = sections(&[file]) {
            faults.push(syntax_fault(&file.path, &error));
        }
    }
    None
}

/// aws-runtime tells the line only inside its message: `error parsing PATH on line 3:\n  …`. What
/// follows quotes nothing of the file.
fn syntax_fault(path: &Path, error: &str) -> Fault {
    let told = error
        .split_once(" on line ")
        .and_then(|(_, rest)| rest.split_once(':'));
    let (line, message) = match told {
        Some((line, message)) => (line.parse().ok(), message.trim()),
        None => (None, error),
    };
    let mut message = message.to_owned();
    if let Some(first) = message.get_mut(..1) {
        first.make_ascii_lowercase();
    }
    Fault::mistake(Place::new(path, line, ""), message)
}

fn sections(files: &[&SharedFile]) -> Result<EnvConfigSections, String> {
    let mut builder = EnvConfigFiles::builder();
    for file in files {
        let kind = match file.kind {
            Kind::Config => EnvConfigFileKind::Config,
            Kind::Credentials => EnvConfigFileKind::Credentials,
        };
        builder =
            builder.with_contents(kind, file.index.normalised(&file.text, file.kind).as_str());
    }
    // aws-runtime logs lines it cannot make sense of, and in a section with a mistyped header such a line
    // can be a key. The index gives these warnings without their values.
    tracing::dispatcher::with_default(&tracing::Dispatch::none(), || {
        let load = pin!(source_of(builder.build()));
        match load.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(result) => result,
            Poll::Pending => Err("reading texts in memory waits for nothing".into()),
        }
    })
}

async fn source_of(files: EnvConfigFiles) -> Result<EnvConfigSections, String> {
    let source = source::load(&Env::from_slice(&[]), &Fs::from_slice(&[]), &files)
        .await
        .map_err(|error| error.to_string())?;
    EnvConfigSections::parse(source).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests;
