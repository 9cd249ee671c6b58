//! Invitation links, and the sealed requests of those who open them. `docs/protocol/invitations.md`.

mod link;
mod request;

pub use link::{Invitation, LinkError, LinkSecret};
pub use request::{JoinRequest, JoinRequestId, RequestError, Salt, SealedRequest};
