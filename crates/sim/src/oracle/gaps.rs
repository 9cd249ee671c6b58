//! Lines that say that something is missing: each must be right.

use super::screen::{Gap, Screen};
use super::{Oracle, Placed, Said};
use crate::device::Device;

impl Oracle {
    /// A gap is right where as many texts of the same person are not shown, and that is excused. One more may be missing
    /// that is no text: that the person leaves.
    pub(super) fn judge_gaps(
        &self,
        screen: &Screen,
        device: &Device,
        devices: &[Device],
    ) -> Vec<String> {
        let right = |gap: &&Gap| {
            let rightly = self.said.values().filter(|said| {
                Some(devices[said.device].person) == gap.from
                    && said.conversation == gap.conversation
                    && screen.count(&said.text) == 0
                    && self.is_missing_rightly(said, device, devices)
            });
            let rightly = rightly.count() as u64;
            let rogue = gap.from.is_some_and(|from| self.rogues.contains(&from));
            rogue || rightly > 0 && gap.missing <= rightly + 1
        };
        let wrong = screen.gaps.iter().filter(|gap| !right(gap));
        wrong
            .map(|gap| format!("device {} shows {}", screen.device, gap.words))
            .collect()
    }

    fn is_missing_rightly(&self, said: &Said, device: &Device, devices: &[Device]) -> bool {
        let placed = said.message.as_ref().and_then(|id| self.placed.get(id));
        match placed {
            Some(placed) => {
                self.was_out(said, placed, device)
                    || self.excuse(said, placed, device, devices).is_some()
            }
            // What a device that was taken out had not sent yet fails there.
            None => self.has_parted(said) || self.excuse_unsent(said, devices).is_some(),
        }
    }

    /// What was said after it had overtaken it, and this came in an epoch that the device was not in: it was out for a while.
    fn was_out(&self, said: &Said, placed: &Placed, device: &Device) -> bool {
        let home = (device.number, said.conversation.as_ref().to_vec());
        !self.was_in(device, &placed.handle, placed.epoch) && self.parted.contains(&home)
    }
}
