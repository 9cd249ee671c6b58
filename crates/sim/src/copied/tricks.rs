//! A member with a client of their own making: requests that no honest engine would make.

use bytes::Bytes;
use keyfold_protocol::content::{self, Author};
use keyfold_protocol::envelope;
use keyfold_protocol::group::{Change, Update};
use keyfold_protocol::state::Role;
use keyfold_wire::ids::{AccountId, DeviceId, MessageId};
use keyfold_wire::v1;
use keyfold_wire::v1::client_frame::Request as Body;
use rand::Rng as _;

use super::{Copied, Held};
use crate::script::Trick;

/// As many messages as a flood has: more than a device takes before it changes its address.
const FLOOD: usize = 150;

/// Somebody else, to be impersonated.
#[derive(Clone, Copy)]
pub(crate) struct Other {
    pub(crate) account: AccountId,
    pub(crate) device: DeviceId,
}

impl Copied {
    /// What this member asks the server for.
    pub(crate) fn plays_trick(&mut self, held: &mut Held, trick: Trick, other: Other) -> Vec<Body> {
        // Whatever its engine was about to commit is of no interest any more.
        let _ = self.with(|mls, _| held.group.clear_pending(mls));
        match trick {
            Trick::Noise => self.noise(held),
            Trick::Flood => (0..FLOOD)
                .map(|_| self.sends(held, b"no MLS message"))
                .collect(),
            Trick::Claims => {
                let author = Author {
                    account: other.account,
                    device: other.device,
                    conversation: held.group.state().id,
                };
                let said = content::text(&author, 2, "composed as another", &mut self.rng);
                let sealed = self.encrypts(held, &said.unwrap().encoded);
                vec![self.sends(held, &sealed)]
            }
            Trick::Tampers => {
                let mut sealed = self.encrypts(held, b"nothing");
                let last = sealed.len() - 1;
                sealed[last] ^= 1;
                vec![self.sends(held, &sealed)]
            }
            Trick::FalseRoster => {
                let mut commit = self.commits(held, Change::default());
                commit.next_roster.pop();
                vec![Body::Commit(commit)]
            }
            Trick::AgainstRoles => {
                let mut state = held.group.state().clone();
                let me = held.group.member(held.group.own_index()).unwrap().account();
                state.set_role(me, Role::Owner);
                let change = Change {
                    state: Some(state),
                    ..Change::default()
                };
                vec![Body::Commit(self.commits(held, change))]
            }
        }
    }

    fn noise(&mut self, held: &mut Held) -> Vec<Body> {
        let contents: [&[u8]; 4] = [b"no cbor", &[], &[0xFF; 400], &[0x80]];
        let sealed = contents.map(|content| self.encrypts(held, content));
        sealed.iter().map(|one| self.sends(held, one)).collect()
    }

    fn encrypts(&mut self, held: &mut Held, content: &[u8]) -> Vec<u8> {
        self.with(|mls, device| {
            let sealed = held.group.encrypt(mls, device, content).unwrap();
            held.group.flush(mls).unwrap();
            sealed
        })
    }

    fn seals(&mut self, held: &Held, inside: &[u8]) -> (MessageId, Vec<u8>) {
        let id = MessageId::new(self.rng.random());
        let key = self.envelope_key(&held.group).unwrap();
        let body = envelope::seal(&key, held.group.epoch(), id, inside, &mut self.rng);
        (id, body.unwrap())
    }

    fn roster_key(&mut self, held: &Held) -> Bytes {
        let key = self.with(|mls, _| held.group.roster_key(mls)).unwrap();
        Bytes::copy_from_slice(key.as_bytes())
    }

    fn sends(&mut self, held: &Held, inside: &[u8]) -> Body {
        let (id, body) = self.seals(held, inside);
        Body::Send(v1::Send {
            handle: held.handle.clone().into(),
            epoch: held.group.epoch().0,
            roster_key: self.roster_key(held),
            message_id: id.to_wire(),
            body: body.into(),
        })
    }

    /// A commit by which nobody comes in.
    fn commits(&mut self, held: &mut Held, change: Change) -> v1::Commit {
        let change = Change {
            update: Some(Update::default()),
            ..change
        };
        let staged = self
            .with(|mls, device| held.group.stage(mls, device, change))
            .unwrap();
        let (id, body) = self.seals(held, &staged.commit);
        let addresses = staged.next.roster.addresses();
        v1::Commit {
            handle: held.handle.clone().into(),
            epoch: held.group.epoch().0,
            roster_key: self.roster_key(held),
            message_id: id.to_wire(),
            body: body.into(),
            next_roster: addresses
                .iter()
                .map(|one| Bytes::copy_from_slice(one))
                .collect(),
            next_roster_key: Bytes::copy_from_slice(staged.next.roster_key.as_bytes()),
            welcomes: Vec::new(),
            group_info: Bytes::new(),
            removes: false,
        }
    }
}
