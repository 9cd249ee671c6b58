//! Where something is missing for a good reason, its device says that something may be missing.

use super::screen::Screen;
use super::{Excuse, Oracle, Placed, Said};
use crate::device::Device;

/// What is missing rightly, by why; and of that, what is missing without a word.
#[derive(Default)]
pub(super) struct Missing {
    pub(super) by: Vec<Excuse>,
    pub(super) untold: Vec<String>,
}

impl Oracle {
    /// Whether the conversation that this is missing in has a line that says so, or the device is not in it, or says that it came in later.
    pub(super) fn is_told(
        &self,
        said: &Said,
        placed: &Placed,
        device: &Device,
        screen: &Screen,
        excuse: Excuse,
    ) -> bool {
        match excuse {
            Excuse::RetentionPassed
            | Excuse::DeviceRestored
            | Excuse::DeviceCloned
            | Excuse::PlaceLost
            | Excuse::ServerRestored => {
                let began = screen.began.get(&said.conversation);
                device.unlinked
                    || self.is_turned_away(device.number)
                    || !screen.is_active(said.conversation)
                    || screen.says_why.contains(&said.conversation)
                    || self.was_said_astray(said, placed, device.number)
                    || began.is_some_and(|at| *at >= placed.at)
                    || self.is_unknowable(said, placed, device)
                    || self.was_of_the_other(said, placed, device.number)
            }
            // Its person has left, or is told what its sender was told; a lie of the server is looked at elsewhere.
            _ => true,
        }
    }

    /// A device that had got nothing which a server that was put back has lost cannot know of it: it sees a gap, once the sender says something again.
    fn is_unknowable(&self, said: &Said, placed: &Placed, device: &Device) -> bool {
        let parties = [device.number, said.device];
        let of_server = self.excuse_of_server(parties, said.conversation, placed);
        let noticed = self.noticed_server.get(&device.number);
        of_server.is_some() && noticed.is_none_or(|at| *at < placed.at)
    }

    /// What the other copy of a device has said does not open on this one, which has come in since by what waited for both: it never lost its place.
    fn was_of_the_other(&self, said: &Said, placed: &Placed, device: usize) -> bool {
        let mut clones = self.clones_of(device);
        device != said.device
            && clones.any(|one| one.pair.contains(&said.device))
            && self.came_in(device, said.conversation, placed.at..)
    }
}
