//! A profile's settings: which server, and the CA that vouches for it.

use serde::{Deserialize, Serialize};

use super::ProfileError;
use super::folder::Folder;
use crate::address::ServerUrl;

const FILE: &str = "settings";

/// Where the profile's server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The server.
    pub server: ServerUrl,
    /// Certificates (PEM) that are trusted beside the system's, copied in so that their file may go away.
    pub ca: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    version: u32,
    server: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ca: Option<String>,
}

impl Settings {
    pub(super) fn read(folder: &Folder) -> Result<Option<Self>, ProfileError> {
        let Some(bytes) = folder.read(FILE)? else {
            return Ok(None);
        };
        let damaged = |why: String| ProfileError::Damaged {
            path: folder.file(FILE),
            why,
        };
        let stored: Stored =
            serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?;
        if stored.version != 1 {
            return Err(damaged(format!(
                "version {}, made by a newer Keyfold",
                stored.version
            )));
        }
        let server = stored
            .server
            .parse()
            .map_err(|error| damaged(format!("{error}")))?;
        Ok(Some(Self {
            server,
            ca: stored.ca,
        }))
    }

    pub(super) fn write(&self, folder: &Folder) -> Result<(), ProfileError> {
        let stored = Stored {
            version: 1,
            server: self.server.to_string(),
            ca: self.ca.clone(),
        };
        let text = serde_json::to_vec_pretty(&stored).map_err(|error| ProfileError::Disk {
            path: folder.file(FILE),
            error: error.into(),
        })?;
        folder.write(FILE, &text)
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic
    )]

    use super::*;

    #[test]
    fn settings_read_back() {
        let home = tempfile::tempdir().unwrap();
        let folder = Folder::lock(home.path()).unwrap();
        assert!(Settings::read(&folder).unwrap().is_none());
        for ca in [None, Some("-----BEGIN CERTIFICATE-----".to_owned())] {
            let settings = Settings {
                server: "https://localhost:4000".parse().unwrap(),
                ca,
            };
            settings.write(&folder).unwrap();
            assert_eq!(Settings::read(&folder).unwrap().unwrap(), settings);
        }
    }

    #[test]
    fn damaged_settings_are_told_and_left() {
        let home = tempfile::tempdir().unwrap();
        let folder = Folder::lock(home.path()).unwrap();
        for text in [
            "",
            "{}",
            r#"{"version":2,"server":"https://a"}"#,
            r#"{"version":1,"server":"a"}"#,
        ] {
            folder.write(FILE, text.as_bytes()).unwrap();
            assert!(
                matches!(Settings::read(&folder), Err(ProfileError::Damaged { .. })),
                "{text}"
            );
            assert_eq!(folder.read(FILE).unwrap().unwrap(), text.as_bytes());
        }
    }
}
