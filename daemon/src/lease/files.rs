//! The files of a lease: what its command's `AWS_CONFIG_FILE`, `AWS_SHARED_CREDENTIALS_FILE` and
//! `AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE` point at.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::private;
use crate::config::ExecFiles;

/// `<runtime directory>/leases`.
#[derive(Clone, Debug)]
pub struct Files(PathBuf);

impl Files {
    /// Makes the directory, if need be.
    pub fn open(runtime_directory: &Path) -> io::Result<Self> {
        private::directory(runtime_directory)?;
        let directory = runtime_directory.join("leases");
        private::directory(&directory)?;
        Ok(Self(directory))
    }

    /// The shared config of lease `id`.
    pub fn config(&self, id: &str) -> PathBuf {
        self.0.join(id).join("config")
    }

    /// The shared credentials file of lease `id`.
    pub fn credentials(&self, id: &str) -> PathBuf {
        self.0.join(id).join("credentials")
    }

    /// The token file of lease `id`.
    pub fn token(&self, id: &str) -> PathBuf {
        self.0.join(id).join("token")
    }

    /// Writes the files of lease `id`, all or none. The token has no newline: botocore refuses one (client
    /// contract 78).
    pub(super) fn write(&self, id: &str, files: &ExecFiles, token: &str) -> io::Result<()> {
        private::directory(&self.0.join(id))?;
        let written = private::create(&self.config(id), files.config.as_bytes())
            .and_then(|()| private::create(&self.credentials(id), files.credentials.as_bytes()))
            .and_then(|()| private::create(&self.token(id), token.as_bytes()));
        written.inspect_err(|_| {
            // A full disk must not fill up with copies of keys. Best effort: the first error matters.
            let _ = self.remove(id);
        })
    }

    /// Removes the files of lease `id`.
    pub(super) fn remove(&self, id: &str) -> io::Result<()> {
        match fs::remove_dir_all(self.0.join(id)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Removes what leases that are no more have left. What is no directory is none of ours and stays.
    pub(super) fn keep_only(&self, live: impl Fn(&str) -> bool) -> io::Result<()> {
        for entry in fs::read_dir(&self.0)? {
            let entry = entry?;
            let name = entry.file_name();
            match name.to_str() {
                Some(id) if live(id) => {}
                _ if entry.file_type()?.is_dir() => fs::remove_dir_all(self.0.join(&name))?,
                _ => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_cannot_all_be_written_leave_nothing_and_strangers_are_left_alone() {
        let place = tempfile::tempdir().unwrap();
        let files = Files::open(&place.path().join("run")).unwrap();
        let copies = ExecFiles {
            config: String::new().into(),
            credentials: String::new().into(),
        };
        let (full, live) = ("0000000000000001", "0000000000000002");
        fs::create_dir_all(files.token(full)).unwrap();
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        fs::set_permissions(files.0.join(full), private).unwrap();
        assert!(files.write(full, &copies, "t").is_err());
        assert!(!files.0.join(full).exists());

        files.write(live, &copies, "t").unwrap();
        files.write(full, &copies, "t").unwrap();
        private::create(&files.0.join("stray"), b"").unwrap();
        files.keep_only(|id| id == live).unwrap();
        assert!(files.token(live).exists() && files.0.join("stray").exists());
        assert!(!files.0.join(full).exists());
    }
}
