//! One order on all screens: the server's.

use std::collections::HashMap;

use keyfold_wire::ids::ConversationId;

use super::screen::Screen;
use super::{Oracle, Placed};
use crate::device::Device;

impl Oracle {
    /// What is shown of one conversation has the server's order, wherever it was said.
    pub(super) fn judge_order(&self, screen: &Screen, device: &Device) -> Vec<String> {
        let mut last: HashMap<ConversationId, (u64, &str)> = HashMap::new();
        let mut found = Vec::new();
        for (id, text) in &screen.shown {
            let Some(said) = self.said.get(id) else {
                continue;
            };
            let places: Vec<&Placed> = self.places_of(said).collect();
            // What a device says again after it has lost its place stands where each first heard it.
            let [placed] = places.as_slice() else {
                continue;
            };
            let talk = said.conversation;
            let again = self
                .excuse_of_sender(said.device, placed.at)
                .or_else(|| self.excuse_of_device(screen.device, talk, placed.at))
                .or_else(|| self.excuse_of_server([screen.device, said.device], talk, placed));
            if again.is_some() {
                continue;
            }
            let before = last.insert(talk, (placed.order, text));
            if let Some((_, before)) = before.filter(|(before, _)| *before > placed.order) {
                found.push(format!(
                    "{text:?} is out of order on device {}: behind {before:?}{}",
                    screen.device,
                    self.history(said, &places, device)
                ));
            }
        }
        found
    }
}
