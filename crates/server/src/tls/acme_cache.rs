//! What came from a certificate authority, kept between runs: the account's key, and certificates with their keys.
//!
//! rustls-acme brings a folder cache of its own. This one keeps its files from everybody but their owner, and writes
//! each as a whole: an account key of which a crash left a half would never be replaced.

use std::fmt::Write as _;
use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::PathBuf;

use async_trait::async_trait;
use rustls_acme::{AccountCache, CertCache};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::private_file;

/// A folder for its owner alone.
pub(super) struct AcmeCache {
    folder: PathBuf,
}

impl AcmeCache {
    /// Makes the folder when it is missing, and closes it to others when it is open.
    pub(super) fn open(folder: PathBuf) -> io::Result<Self> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder)?;
        fs::set_permissions(&folder, Permissions::from_mode(0o700))?;
        Ok(Self { folder })
    }

    async fn load(&self, name: String) -> io::Result<Option<Vec<u8>>> {
        let path = self.folder.join(name);
        on_the_disk(move || match fs::read(path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        })
        .await
    }

    async fn store(&self, name: String, bytes: &[u8]) -> io::Result<()> {
        let (path, bytes) = (self.folder.join(name), Zeroizing::new(bytes.to_vec()));
        on_the_disk(move || private_file::replace(&path, &bytes)).await
    }
}

async fn on_the_disk<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|broken| Err(broken.into()))
}

/// The name of a file: one for each authority and whom it knows, or what it certified.
fn name(kind: &str, parts: &[String], directory: &str) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
        hash.update([0]);
    }
    hash.update(directory);
    let mut name = format!("{kind}-");
    for byte in hash.finalize().iter().take(16) {
        let _ = write!(name, "{byte:02x}");
    }
    name
}

#[async_trait]
impl CertCache for AcmeCache {
    type EC = io::Error;

    async fn load_cert(&self, domains: &[String], directory: &str) -> io::Result<Option<Vec<u8>>> {
        self.load(name("certificate", domains, directory)).await
    }

    async fn store_cert(&self, domains: &[String], directory: &str, pem: &[u8]) -> io::Result<()> {
        self.store(name("certificate", domains, directory), pem)
            .await
    }
}

#[async_trait]
impl AccountCache for AcmeCache {
    type EA = io::Error;

    async fn load_account(
        &self,
        contact: &[String],
        directory: &str,
    ) -> io::Result<Option<Vec<u8>>> {
        self.load(name("account", contact, directory)).await
    }

    async fn store_account(
        &self,
        contact: &[String],
        directory: &str,
        key: &[u8],
    ) -> io::Result<()> {
        self.store(name("account", contact, directory), key).await
    }
}
