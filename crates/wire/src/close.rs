//! Why a server closes a WebSocket: close codes (RFC 6455 section 7.4).
//!
//! Codes from 4000 on are Keyfold's own. A device reconnects after all of them but [`REPLACED`] and
//! [`UNAUTHENTICATED`]; after [`MALFORMED`] and [`TOO_LARGE`] it must not send the same bytes again.

/// The server is going down or restarts: come back in a moment.
pub const GOING_AWAY: u16 = 1001;
/// A text frame came; only binary ones are spoken.
pub const NOT_BINARY: u16 = 1003;
/// The frame was over [`crate::limits::MAX_FRAME`], or over what this socket can need.
pub const TOO_LARGE: u16 = 1009;
/// The server's store failed: try again later.
pub const SERVER_FAULT: u16 = 1011;
/// The first frame did not come in time.
pub const NO_HELLO: u16 = 4000;
/// The same device opened its mailbox on another socket. Do not reconnect: two would throw each other out for ever.
pub const REPLACED: u16 = 4001;
/// The token is unknown or was revoked; the `Refused` before it says so too.
pub const UNAUTHENTICATED: u16 = 4002;
/// The frame was not a protobuf `ClientFrame`.
pub const MALFORMED: u16 = 4003;
/// Nothing was asked on an anonymous socket for a while.
pub const IDLE: u16 = 4004;
/// The other side did not read what it was sent, or did not answer a ping.
pub const UNRESPONSIVE: u16 = 4005;
/// The first frame was refused; the `Refused` before it says why.
pub const REFUSED: u16 = 4006;
