//! Why a command failed: a sentence for people, a kind for scripts, a number for the shell.

use keyfold_client::profile::ProfileError;
use keyfold_client::{AddressError, ClientError, SocketEnd, TlsError};
use keyfold_engine::outcome::Failure as Refusal;
use keyfold_engine::{Complaint, Fault};
use serde::Serialize;

/// What kind of failure it is. Names and exit codes are stable: `docs/cli.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// This side broke: disk, database, system.
    Fault,
    /// There is no room on this side's disk.
    DiskFull,
    /// The command line makes no sense.
    Usage,
    /// It may not or can't be done.
    Refused,
    /// Not reached, or not answered in time; what was asked for waits.
    Offline,
    /// A passphrase is needed, or is wrong.
    Passphrase,
    /// The system keychain can't be used.
    Keychain,
    /// Another process has the profile.
    InUse,
    /// There is no profile.
    NoProfile,
    /// No such conversation, person or device.
    NotFound,
    /// Several conversations fit.
    Ambiguous,
    /// A file of the profile is damaged.
    Damaged,
    /// None: nobody reads the output any more (`keyfold read x | head`). The command ends in an orderly way, and says nothing.
    Enough,
}

impl Kind {
    /// The process's exit code.
    pub(crate) fn exit_code(self) -> u8 {
        match self {
            Self::Fault | Self::DiskFull => 1,
            Self::Usage => 2,
            Self::Refused => 3,
            Self::Offline => 4,
            Self::Passphrase | Self::Keychain => 5,
            Self::InUse => 6,
            Self::NoProfile | Self::NotFound | Self::Ambiguous => 7,
            Self::Damaged => 8,
            Self::Enough => 0,
        }
    }
}

/// Why a command failed.
#[derive(Debug, Serialize)]
pub(crate) struct Failure {
    /// One sentence.
    pub(crate) error: String,
    pub(crate) kind: Kind,
    /// For [`Kind::Ambiguous`]: what fits.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) candidates: Vec<Candidate>,
}

/// A conversation that a word may mean.
#[derive(Debug, Serialize)]
pub(crate) struct Candidate {
    pub(crate) id: String,
    pub(crate) name: String,
}

impl Failure {
    pub(crate) fn new(kind: Kind, error: impl Into<String>) -> Self {
        Self {
            error: error.into(),
            kind,
            candidates: Vec::new(),
        }
    }

    pub(crate) fn refused(why: &Refusal) -> Self {
        let kind = match why {
            Refusal::NobodyCalled(_) => Kind::NotFound,
            _ => Kind::Refused,
        };
        Self::new(kind, why.to_string())
    }

    /// The server can't be reached or used; `after` says what becomes of what was asked for.
    pub(crate) fn offline(end: &SocketEnd, after: &str) -> Self {
        Self::new(Kind::Offline, format!("{end}{after}"))
    }
}

impl From<ProfileError> for Failure {
    fn from(error: ProfileError) -> Self {
        let kind = match &error {
            ProfileError::Missing(_) => Kind::NoProfile,
            ProfileError::InUse(_) => Kind::InUse,
            ProfileError::NotEmpty(_) => Kind::Usage,
            ProfileError::PassphraseNeeded
            | ProfileError::WrongPassphrase
            | ProfileError::PassphraseSize => Kind::Passphrase,
            ProfileError::Keychain(_) | ProfileError::KeychainEntryGone => Kind::Keychain,
            ProfileError::Damaged { .. } | ProfileError::Corrupt { .. } => Kind::Damaged,
            ProfileError::Full(_) => Kind::DiskFull,
            ProfileError::Database { .. } | ProfileError::Disk { .. } => Kind::Fault,
        };
        Self::new(kind, error.to_string())
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        let kind = match fault {
            Fault::WrongKey | Fault::NotEncrypted | Fault::Corrupt(_) => Kind::Damaged,
            Fault::DiskFull => Kind::DiskFull,
            _ => Kind::Fault,
        };
        Self::new(kind, fault.to_string())
    }
}

impl From<Complaint> for Failure {
    fn from(complaint: Complaint) -> Self {
        let kind = match complaint {
            Complaint::NoSuchConversation | Complaint::NotThere(_) => Kind::NotFound,
            _ => Kind::Refused,
        };
        Self::new(kind, complaint.to_string())
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Complaint(complaint) => complaint.into(),
            ClientError::Fault(fault) => fault.into(),
            other => Self::new(Kind::Fault, other.to_string()),
        }
    }
}

impl From<AddressError> for Failure {
    fn from(error: AddressError) -> Self {
        Self::new(Kind::Usage, error.to_string())
    }
}

impl From<TlsError> for Failure {
    fn from(error: TlsError) -> Self {
        Self::new(Kind::Usage, error.to_string())
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        if keyfold_client::profile::is_full(&error) {
            return Fault::DiskFull.into();
        }
        Self::new(Kind::Fault, error.to_string())
    }
}
