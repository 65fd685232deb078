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

    /// Writes the files of lease `id`. The token has no newline: botocore refuses one (client
    /// contract 78).
    pub(super) fn write(&self, id: &str, files: &ExecFiles, token: &str) -> io::Result<()> {
        private::directory(&self.0.join(id))?;
        private::create(&self.config(id), files.config.as_bytes())?;
        private::create(&self.credentials(id), files.credentials.as_bytes())?;
        private::create(&self.token(id), token.as_bytes())
    }

    /// Removes the files of lease `id`.
    pub(super) fn remove(&self, id: &str) -> io::Result<()> {
        match fs::remove_dir_all(self.0.join(id)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Removes what leases that are no more have left.
    pub(super) fn keep_only(&self, live: impl Fn(&str) -> bool) -> io::Result<()> {
        for entry in fs::read_dir(&self.0)? {
            let name = entry?.file_name();
            match name.to_str() {
                Some(id) if live(id) => {}
                _ => fs::remove_dir_all(self.0.join(&name))?,
            }
        }
        Ok(())
    }
}
