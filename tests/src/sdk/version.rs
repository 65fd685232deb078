//! Which version of each SDK is tested: what its lock file says.

use anyhow::{Context as _, bail};
use serde_json::Value;

use super::Sdk;
use crate::generated::root;

impl Sdk {
    /// The package and its version, from the lock file.
    ///
    /// # Errors
    /// When the lock file cannot be read, or does not have it.
    pub fn version(self) -> anyhow::Result<String> {
        let (file, package) = match self {
            Self::Boto3 => ("tests/sdk/python/requirements.txt", "boto3"),
            Self::AwsCli => ("tests/sdk/python/requirements.txt", "awscli"),
            Self::JavaScript => (
                "tests/sdk/javascript/package-lock.json",
                "@aws-sdk/client-sts",
            ),
            Self::GoV2 => (
                "tests/sdk/go-v2/go.mod",
                "github.com/aws/aws-sdk-go-v2/config",
            ),
            Self::GoV1 => ("tests/sdk/go-v1/go.mod", "github.com/aws/aws-sdk-go"),
            Self::Java => ("tests/sdk/java/pom.xml", "software.amazon.awssdk"),
            Self::Rust => ("Cargo.lock", "aws-config"),
            Self::Crt => ("tests/sdk/crt/requirements.txt", "awscrt"),
        };
        let text = std::fs::read_to_string(root().join(file)).with_context(|| file.to_owned())?;
        let Some(version) = find(file, &text, package) else {
            bail!("{file} does not name a version of {package}");
        };
        Ok(format!(
            "{} {version}",
            package.rsplit("com/aws/").next().unwrap_or(package)
        ))
    }
}

/// The version of `package` in the text of a lock file.
fn find(file: &str, text: &str, package: &str) -> Option<String> {
    let name = file.rsplit('/').next().unwrap_or(file);
    match name {
        "requirements.txt" => text
            .lines()
            .find_map(|line| line.strip_prefix(package)?.strip_prefix("=="))
            .map(ToOwned::to_owned),
        "package-lock.json" => {
            let lock: Value = serde_json::from_str(text).ok()?;
            let entry = &lock["packages"][format!("node_modules/{package}")];
            entry["version"].as_str().map(ToOwned::to_owned)
        }
        "go.mod" => text
            .lines()
            .map(|line| line.trim_start().trim_start_matches("require "))
            .find_map(|line| line.strip_prefix(package)?.strip_prefix(" v"))
            .map(ToOwned::to_owned),
        "pom.xml" => {
            let (_, rest) = text.split_once(&format!("<groupId>{package}</groupId>"))?;
            let (_, rest) = rest.split_once("<version>")?;
            Some(rest.split_once('<')?.0.to_owned())
        }
        _ => {
            let (_, rest) = text.split_once(&format!("name = \"{package}\"\nversion = \""))?;
            Some(rest.split_once('"')?.0.to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_lock_file_names_its_version() {
        for sdk in Sdk::ALL {
            let version = sdk.version().unwrap();
            let number = version.rsplit(' ').next().unwrap();
            assert!(number.split('.').count() >= 3, "{version}");
            assert!(
                number.chars().all(|it| it == '.' || it.is_ascii_digit()),
                "{version}"
            );
        }
    }

    #[test]
    fn versions_are_of_the_package_itself() {
        let found = |file, text, package| find(file, text, package);
        let requirements = "boto3-stubs==1\nboto3==2.3.4\n";
        assert_eq!(
            found("requirements.txt", requirements, "boto3").as_deref(),
            Some("2.3.4")
        );
        let go = "require (\n\tx/y/z v1.0.0\n\tx/y v2.0.0\n)\n";
        assert_eq!(found("a/go.mod", go, "x/y").as_deref(), Some("2.0.0"));
        assert_eq!(
            found("go.mod", "require x/y v3.0.0\n", "x/y").as_deref(),
            Some("3.0.0")
        );
        assert_eq!(found("go.mod", go, "x"), None);
    }
}
