//! What lies at the server: no plaintext, no roster key, and no handle of a conversation.

use keyfold_wire::v1::client_frame::Request as Body;

use super::Watch;
use crate::oracle::{Check, Violation};
use crate::server::Server;

impl Watch {
    /// Remembers what the server is told and must forget.
    pub(super) fn passes(&mut self, body: &Body) {
        let (handle, keys) = match body {
            Body::Create(create) => (&create.handle, vec![&create.roster_key]),
            Body::Send(send) => (&send.handle, vec![&send.roster_key]),
            Body::Commit(commit) => (
                &commit.handle,
                vec![&commit.roster_key, &commit.next_roster_key],
            ),
            _ => return,
        };
        self.in_passing.insert(handle);
        for key in keys {
            self.in_passing.insert(key);
        }
    }

    /// Looks through all that the server keeps.
    pub(crate) fn looks_through(&mut self, server: &Server) {
        for bytes in server.everything() {
            let words = if let Some(secret) = self.secrets.find_in(&bytes) {
                let secret = &secret[..secret.len().min(40)];
                format!("the server keeps {:?}", String::from_utf8_lossy(secret))
            } else if self.in_passing.find_in(&bytes).is_some() {
                "the server keeps a roster key, or the handle of a conversation".to_owned()
            } else {
                continue;
            };
            self.found.push(Violation {
                check: Check::AtRest,
                words,
            });
            return;
        }
    }
}
