//! Last words: once all is at rest, somebody says something in each conversation.
//!
//! What came apart has found together by then, so these texts are judged without the excuses of others. Where something was put back, some words
//! come before them: whoever is a member and does not know of it comes in when somebody speaks, and once more.

use std::collections::BTreeMap;

use keyfold_engine::view::Standing;
use keyfold_wire::ids::ConversationId;

use super::World;

/// Minutes that they have to come to everybody.
const TIME: u64 = 5 * 60_000;
/// Minutes between the words before.
const PAUSE: u64 = 3 * 60_000;
/// Beside one device in each conversation one in so many of the others speaks.
const OTHERS: usize = 3;

impl World {
    pub(super) fn says_last_words(&mut self) {
        if self.oracle.came_apart() {
            for round in 0..2 {
                for (number, (conversation, speakers)) in self.speakers().into_iter().enumerate() {
                    let text = format!("is everybody there? {number}, {round}");
                    self.says(speakers[0], conversation, &text, false);
                }
                let end = self.now() + PAUSE;
                self.happens_until(end);
            }
        }
        self.oracle.hears_last_words();
        let turn = usize::try_from(self.script.seed % 1_000).unwrap();
        for (number, (conversation, speakers)) in self.speakers().into_iter().enumerate() {
            let first = (turn + number) % speakers.len();
            for (place, device) in speakers.into_iter().enumerate() {
                let chosen = (turn + number + device).is_multiple_of(OTHERS);
                if place == first || chosen {
                    let text = format!("last word {number} of device {device}");
                    self.says(device, conversation, &text, false);
                }
            }
        }
        let end = self.now() + TIME;
        self.happens_until(end);
        self.sees_through();
    }

    /// Who can say something, for each conversation.
    fn speakers(&self) -> BTreeMap<ConversationId, Vec<usize>> {
        let mut speakers: BTreeMap<ConversationId, Vec<usize>> = BTreeMap::new();
        for device in 0..self.devices.len() {
            if !self.is_ready(device) || self.oracle.is_turned_away(device) {
                continue;
            }
            let open = self.open_conversations(device).into_iter();
            for shown in open.filter(|shown| shown.standing == Standing::Active) {
                speakers.entry(shown.id).or_default().push(device);
            }
        }
        speakers
    }
}
