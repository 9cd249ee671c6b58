//! One order on all screens: the server's.

use std::collections::BTreeMap;

use super::screen::Screen;
use super::{Handle, Oracle};

impl Oracle {
    /// What is shown of one conversation has the server's order.
    pub(super) fn judge_order(&self, screen: &Screen) -> Vec<String> {
        let mut last: BTreeMap<&Handle, u64> = BTreeMap::new();
        let mut found = Vec::new();
        for (id, text) in &screen.shown {
            let message = self.said.get(id).and_then(|said| said.message.as_ref());
            let Some(placed) = message.and_then(|message| self.placed.get(message)) else {
                continue;
            };
            // What a device says again after it has lost its place stands where each first heard it.
            let said = self.said.get(id).map_or(0, |said| said.device);
            let shown_by = self.excuse_of_restoring(screen.device, placed.at);
            if shown_by
                .or(self.excuse_of_restoring(said, placed.at))
                .is_some()
            {
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
