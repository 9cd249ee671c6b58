//! Lines that say that something is missing: each must be right.

use super::Oracle;
use super::screen::{Gap, Screen};

impl Oracle {
    /// A gap is right where an earlier text of the same device never got to the server, because the device was removed.
    pub(super) fn judge_gaps(&self, screen: &Screen) -> Vec<String> {
        let right = |gap: &&Gap| {
            let Some(after) = gap.before.and_then(|id| self.said.get(&id)) else {
                return false;
            };
            self.said.values().any(|said| {
                let placed = said.message.as_ref().and_then(|id| self.placed.get(id));
                said.device == after.device
                    && said.conversation == after.conversation
                    && said.number < after.number
                    && placed.is_none()
            })
        };
        let wrong = screen.gaps.iter().filter(|gap| !right(gap));
        wrong
            .map(|gap| format!("device {} shows {}", screen.device, gap.words))
            .collect()
    }
}
