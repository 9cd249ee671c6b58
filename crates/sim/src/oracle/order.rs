//! One order on all screens: the server's.

use std::collections::BTreeMap;

use super::screen::Screen;
use super::{Handle, Oracle, Placed};

impl Oracle {
    /// What is shown of one conversation has the server's order.
    pub(super) fn judge_order(&self, screen: &Screen) -> Vec<String> {
        let mut last: BTreeMap<&Handle, u64> = BTreeMap::new();
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
            let device = screen.device;
            let talk = said.conversation;
            let again = self
                .excuse_of_sender(said.device, placed.at)
                .or_else(|| self.excuse_of_device(device, talk, placed.at))
                .or_else(|| self.excuse_of_server([device, said.device], talk, placed));
            if again.is_some() {
                continue;
            }
            let before = last.insert(&placed.handle, placed.order);
            if before.is_some_and(|before| before > placed.order) {
                found.push(format!(
                    "{text:?} is out of order on device {}",
                    screen.device
                ));
            }
        }
        found
    }
}
