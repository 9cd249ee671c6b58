//! Frames: one protobuf message in each binary WebSocket message.
//!
//! A frame with a request that this side does not know decodes with `request: None`; the server answers it with
//! `UNKNOWN_REQUEST`, so that a newer device and an older server get along.

use bytes::Bytes;

use crate::limits::MAX_FRAME;
use crate::v1;

/// The path of the mailbox socket.
pub const MAILBOX_PATH: &str = "/v1/mailbox";
/// The path of the anonymous socket.
pub const ANONYMOUS_PATH: &str = "/v1/anonymous";

/// Bytes that are not a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Over [`MAX_FRAME`].
    #[error("the frame is over {MAX_FRAME} bytes")]
    TooLarge,
    /// Not a protobuf message of that type.
    #[error("the frame is malformed")]
    Malformed,
}

/// Reads a frame from a device.
///
/// # Errors
/// [`FrameError`] when it is too large or malformed.
pub fn decode_client(bytes: Bytes) -> Result<v1::ClientFrame, FrameError> {
    decode(bytes)
}

/// Reads a frame from a server.
///
/// # Errors
/// [`FrameError`] when it is too large or malformed.
pub fn decode_server(bytes: Bytes) -> Result<v1::ServerFrame, FrameError> {
    decode(bytes)
}

fn decode<M: prost::Message + Default>(bytes: Bytes) -> Result<M, FrameError> {
    if bytes.len() > MAX_FRAME {
        return Err(FrameError::TooLarge);
    }
    M::decode(bytes).map_err(|_| FrameError::Malformed)
}

/// The bytes of a request frame.
pub fn encode_client(id: u64, request: v1::client_frame::Request) -> Bytes {
    encode(&v1::ClientFrame {
        id,
        request: Some(request),
    })
}

/// The bytes of a reply (`id` of its request) or of what is sent unasked (`id` zero).
pub fn encode_server(id: u64, content: v1::server_frame::Content) -> Bytes {
    encode(&v1::ServerFrame {
        id,
        content: Some(content),
    })
}

fn encode(message: &impl prost::Message) -> Bytes {
    message.encode_to_vec().into()
}
