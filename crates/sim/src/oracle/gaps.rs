//! Lines that say that something is missing: each must be right.

use super::screen::{Gap, Screen};
use super::{Oracle, Said};
use crate::device::Device;

impl Oracle {
    /// A gap is right where an earlier text of the same device is not shown, and that is excused.
    pub(super) fn judge_gaps(
        &self,
        screen: &Screen,
        device: &Device,
        devices: &[Device],
    ) -> Vec<String> {
        let right = |gap: &&Gap| {
            let Some(after) = gap.before.and_then(|id| self.said.get(&id)) else {
                return false;
            };
            self.said.values().any(|said| {
                said.device == after.device
                    && said.conversation == after.conversation
                    && said.number < after.number
                    && screen.count(&said.text) == 0
                    && self.is_missing_rightly(said, device, devices)
            })
        };
        let wrong = screen.gaps.iter().filter(|gap| !right(gap));
        wrong
            .map(|gap| format!("device {} shows {}", screen.device, gap.words))
            .collect()
    }

    fn is_missing_rightly(&self, said: &Said, device: &Device, devices: &[Device]) -> bool {
        let placed = said.message.as_ref().and_then(|id| self.placed.get(id));
        match placed {
            Some(placed) => self.excuse(said, placed, device, devices).is_some(),
            None => self.excuse_unsent(said, devices).is_some(),
        }
    }
}
