//! What a stolen state opens of what the server carried.

use keyfold_protocol::content;
use keyfold_protocol::envelope::{self, EnvelopeKey};
use keyfold_protocol::group::{Processed, join};
use keyfold_protocol::welcome;
use keyfold_wire::ids::{Epoch, MessageId};
use keyfold_wire::v1;

use super::{Copied, Held};

/// What the server carried, as somebody recorded it who saw everything.
#[derive(Default)]
pub(crate) struct Loot {
    /// Each message once, in the server's order.
    pub(crate) messages: Vec<v1::Message>,
    /// Welcomes, with the device that they are for.
    pub(crate) welcomes: Vec<(usize, v1::Welcome)>,
}

/// Something that a thief has opened.
pub(crate) enum Opened {
    /// A text, by the message that carried it.
    Text(Vec<u8>, String),
    /// A commit, which leads to the next epoch.
    Commit,
}

impl Copied {
    /// All that this state opens, following whatever commits and welcomes it can.
    pub(crate) fn opens(&mut self, loot: &Loot, owner: usize) -> Vec<Opened> {
        let mut holds = self.holds();
        let mut opened = Vec::new();
        let mut done = vec![false; loot.messages.len()];
        let welcomes = loot.welcomes.iter().filter(|(device, _)| *device == owner);
        let mut welcomes: Vec<&v1::Welcome> = welcomes.map(|(_, welcome)| welcome).collect();
        // Whatever opens in the present epochs first, then on through the commits, until nothing more opens.
        loop {
            for (message, done) in loot.messages.iter().zip(&mut done) {
                if !*done && message.commit.is_none() {
                    *done = holds
                        .iter_mut()
                        .any(|held| held.opens_text(self, message, &mut opened));
                }
            }
            let mut moved = false;
            for (message, done) in loot.messages.iter().zip(&mut done) {
                if !*done && message.commit.is_some() {
                    *done = holds.iter_mut().any(|held| held.follows(self, message));
                    if *done {
                        opened.push(Opened::Commit);
                        moved = true;
                        break;
                    }
                }
            }
            if !moved {
                let before = holds.len();
                welcomes.retain(|welcome| {
                    let joined = self.joins(welcome);
                    let came = joined.is_some();
                    holds.extend(joined);
                    !came
                });
                moved = holds.len() > before;
            }
            if !moved {
                return opened;
            }
        }
    }

    fn joins(&mut self, item: &v1::Welcome) -> Option<Held> {
        let message = welcome::rebuild(&item.secrets, &item.group_info).ok()?;
        self.database.execute_batch("SAVEPOINT try").unwrap();
        let joined = self.with(|mls, _| join(mls, &message).ok());
        let end = if joined.is_some() {
            "RELEASE try"
        } else {
            "ROLLBACK TO try; RELEASE try"
        };
        self.database.execute_batch(end).unwrap();
        let group = joined?.group;
        Some(Held {
            handle: group.state().handle.as_bytes().to_vec(),
            group,
            past: None,
        })
    }
}

impl Held {
    fn unseals(&self, thief: &mut Copied, message: &v1::Message) -> Option<Vec<u8>> {
        let id = MessageId::try_from(&*message.message_id).ok()?;
        let epoch = Epoch(message.epoch);
        let now = self.group.epoch();
        if epoch == now {
            let key = thief.envelope_key(&self.group)?;
            envelope::open(&key, epoch, id, &message.body).ok()
        } else if epoch.0 + 1 == now.0 {
            envelope::open(self.past.as_ref()?, epoch, id, &message.body).ok()
        } else {
            None
        }
    }

    fn opens_text(
        &mut self,
        thief: &mut Copied,
        message: &v1::Message,
        opened: &mut Vec<Opened>,
    ) -> bool {
        let Some(sealed) = self.unseals(thief, message) else {
            return false;
        };
        match thief.with(|mls, _| self.group.process(mls, &sealed)) {
            Ok(Processed::Application(said)) => {
                let text = content::text_of(&said.content).ok().flatten();
                let id = message.message_id.to_vec();
                opened.extend(text.map(|text| Opened::Text(id, text.text)));
                true
            }
            _ => false,
        }
    }

    fn follows(&mut self, thief: &mut Copied, message: &v1::Message) -> bool {
        if Epoch(message.epoch) != self.group.epoch() {
            return false;
        }
        let Some(sealed) = self.unseals(thief, message) else {
            return false;
        };
        let past = thief.envelope_key(&self.group);
        let Ok(Processed::Commit(change)) = thief.with(|mls, _| self.group.process(mls, &sealed))
        else {
            return false;
        };
        if change.removes_me() {
            return false;
        }
        if thief.with(|mls, _| self.group.merge(mls, *change)).is_err() {
            return false;
        }
        self.past = past.map(|key| EnvelopeKey::new(*key.to_secret_bytes()));
        true
    }
}
