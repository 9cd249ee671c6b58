//! What must never be seen by those who carry the frames: looked for in every frame, and in what the server keeps.

mod frames;

use keyfold_wire::v1::client_frame::Request as Body;

use crate::device::Device;
use crate::oracle::Violation;

/// Looks at every frame.
#[derive(Default)]
pub(crate) struct Watch {
    found: Vec<Violation>,
    /// What people typed, and what groups are called.
    secrets: frames::Secrets,
}

impl Watch {
    /// Somebody typed this: a text, or the name of a group.
    pub(crate) fn names(&mut self, secret: &str) {
        self.secrets.add(secret);
    }

    /// A device has put a request on the wire.
    pub(crate) fn asks(&mut self, _device: &Device, _body: &Body) {}

    /// What it found.
    pub(crate) fn found(&mut self) -> Vec<Violation> {
        std::mem::take(&mut self.found)
    }
}
