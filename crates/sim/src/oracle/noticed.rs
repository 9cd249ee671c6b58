//! What a malicious server did, and whether those whom it concerned were told.

use super::screen::Screen;
use super::{Oracle, Said};
use crate::device::Device;

impl Oracle {
    /// Whether a message is this device's own.
    pub(crate) fn is_of(&self, message: &[u8], device: usize) -> bool {
        self.asked.get(message) == Some(&device)
    }

    /// The server does not deliver this to a device.
    pub(crate) fn withholds(&mut self, device: usize, message: &[u8]) {
        self.withheld.insert((device, message.to_vec()));
    }

    /// The server delivers what nobody sent.
    pub(crate) fn slips_in(&mut self) {
        self.slipped_in += 1;
    }

    /// Somebody uses a client of their own making: what it counts is not to be relied on.
    pub(crate) fn turns(&mut self, person: usize) {
        self.rogues.insert(person);
    }

    pub(super) fn is_withheld(&self, device: usize, said: &Said) -> bool {
        let mut messages = said.messages.iter();
        messages.any(|id| self.withheld.contains(&(device, id.clone())))
    }

    /// What was withheld is a gap as soon as something has come that the same device said after it in that epoch, if something that it had
    /// said before had come by then: a first message may as well be the one after many that came before the receiver did.
    pub(super) fn judge_withheld(&self, screen: &Screen, devices: &[Device]) -> Vec<String> {
        let withheld = self.said.values();
        // What was pushed again over another connection has come after all.
        let withheld = withheld
            .filter(|said| self.is_withheld(screen.device, said) && screen.count(&said.text) == 0);
        let unnoticed = withheld.filter(|said| {
            let person = Some(devices[said.device].person);
            let told = screen
                .gaps
                .iter()
                .any(|gap| gap.from == person && gap.conversation == said.conversation);
            self.leaves_a_gap(said, screen) && !told
        });
        unnoticed
            .map(|said| {
                let number = screen.device;
                let text = said.short();
                format!("device {number} says nothing of {text:?}, which was withheld")
            })
            .collect()
    }

    /// Whether something of before had come when the first came that was said after it.
    fn leaves_a_gap(&self, withheld: &Said, screen: &Screen) -> bool {
        let came = self.said.values().filter(|other| {
            other.device == withheld.device
                && other.conversation == withheld.conversation
                && self.epoch_of(other) == self.epoch_of(withheld)
                && screen.count(&other.text) > 0
        });
        let (before, behind): (Vec<&Said>, Vec<&Said>) =
            came.partition(|other| other.number < withheld.number);
        let first = |said: Vec<&Said>| said.into_iter().filter_map(|one| self.order_of(one)).min();
        matches!((first(before), first(behind)), (Some(before), Some(behind)) if before < behind)
    }

    fn order_of(&self, said: &Said) -> Option<u64> {
        let placed = self.places_of(said).last()?;
        Some(placed.order)
    }

    fn epoch_of(&self, said: &Said) -> Option<u64> {
        let placed = self.places_of(said).last()?;
        Some(placed.epoch)
    }
}
