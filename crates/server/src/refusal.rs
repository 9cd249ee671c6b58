//! Why a request is not carried out. Whatever is refused has changed nothing.

use std::time::Duration;

use keyfold_wire::ids::Epoch;
use keyfold_wire::v1::{self, RefusalCode};

/// A request that is not carried out, and what to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The bytes are not such a request.
    #[error("the request is malformed: this device's software does not speak the protocol")]
    Malformed,
    /// A request that this server does not know.
    #[error("this server does not know the request: update the server")]
    UnknownRequest,
    /// Over a limit.
    #[error("the request is over a limit: send less at once")]
    TooLarge,
    /// Unknown or revoked token, or a device that has been removed.
    #[error("the device is not known here: link or register it again")]
    Unauthenticated,
    /// The roster key does not open the roster, or the thing is not the asker's.
    #[error("the request is not permitted to this device")]
    Forbidden,
    /// No such account, device or conversation.
    #[error("there is no such account or conversation")]
    NotFound,
    /// The conversation has moved on.
    #[error(
        "the conversation has moved on to epoch {current}: fetch what you missed and try again"
    )]
    Stale {
        /// Its epoch at the server.
        current: Epoch,
    },
    /// The server has fallen back behind the group.
    #[error("the server knows the conversation only up to epoch {current}: create it anew")]
    Ahead {
        /// Its epoch at the server.
        current: Epoch,
    },
    /// The message id was used for other bytes, or another connection of the device has taken over.
    #[error("the message id was used for another message: draw a new one")]
    Conflict,
    /// A full queue or a rate limit.
    #[error("the server is busy: try again in {retry_after:?}")]
    Busy {
        /// How long to wait.
        retry_after: Duration,
    },
    /// Not a permitted handle.
    #[error(
        "this is not a permitted handle: 2 to 32 letters or digits of one script, and . _ - between them"
    )]
    HandleInvalid,
    /// Taken, or too alike one that is.
    #[error("the handle, or one that looks like it, is taken: choose another")]
    HandleTaken,
    /// Nobody can register.
    #[error("this server takes no new accounts")]
    RegistrationClosed,
    /// Missing, unknown or used.
    #[error("the invitation is missing, unknown or used: ask the server's operator for another")]
    InvitationInvalid,
    /// A certificate or signature does not verify.
    #[error("a certificate or signature does not verify")]
    CertificateInvalid,
    /// A delivery address of the request was not made by this server.
    #[error("a delivery address of the request is not this server's")]
    AddressInvalid,
    /// A conversation with this handle exists.
    #[error("a conversation with this handle exists")]
    Exists,
    /// The server cannot store anything now.
    #[error("the server cannot store anything now: its operator must look at its disk")]
    Unavailable,
    /// The account has as many devices as it may.
    #[error("the account has as many devices as it may: remove one first")]
    TooManyDevices,
    /// The request belongs on the other socket.
    #[error("the request belongs on the other socket")]
    WrongSocket,
}

impl Refusal {
    /// The code that travels.
    pub const fn code(self) -> RefusalCode {
        match self {
            Self::Malformed => RefusalCode::Malformed,
            Self::UnknownRequest => RefusalCode::UnknownRequest,
            Self::TooLarge => RefusalCode::TooLarge,
            Self::Unauthenticated => RefusalCode::Unauthenticated,
            Self::Forbidden => RefusalCode::Forbidden,
            Self::NotFound => RefusalCode::NotFound,
            Self::Stale { .. } => RefusalCode::Stale,
            Self::Ahead { .. } => RefusalCode::Ahead,
            Self::Conflict => RefusalCode::Conflict,
            Self::Busy { .. } => RefusalCode::Busy,
            Self::HandleInvalid => RefusalCode::HandleInvalid,
            Self::HandleTaken => RefusalCode::HandleTaken,
            Self::RegistrationClosed => RefusalCode::RegistrationClosed,
            Self::InvitationInvalid => RefusalCode::InvitationInvalid,
            Self::CertificateInvalid => RefusalCode::CertificateInvalid,
            Self::AddressInvalid => RefusalCode::AddressInvalid,
            Self::Exists => RefusalCode::Exists,
            Self::Unavailable => RefusalCode::Unavailable,
            Self::TooManyDevices => RefusalCode::TooManyDevices,
            Self::WrongSocket => RefusalCode::WrongSocket,
        }
    }
}

impl From<Refusal> for v1::Refused {
    fn from(refusal: Refusal) -> Self {
        let epoch = match refusal {
            Refusal::Stale { current } | Refusal::Ahead { current } => current.0,
            _ => 0,
        };
        let retry_after_ms = match refusal {
            Refusal::Busy { retry_after } => {
                u32::try_from(retry_after.as_millis()).unwrap_or(u32::MAX)
            }
            _ => 0,
        };
        Self {
            code: refusal.code().into(),
            epoch,
            retry_after_ms,
        }
    }
}
