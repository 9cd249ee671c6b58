//! Each text on each device that it is for, exactly once, and nowhere else.

use keyfold_engine::view::State;
use keyfold_protocol::content::ContentId;

use super::screen::Screen;
use super::{Check, Oracle, Said};
use crate::device::Device;

impl Oracle {
    pub(super) fn judge_text(
        &self,
        id: ContentId,
        devices: &[Device],
        screens: &[Screen],
    ) -> (Check, Vec<String>) {
        let said = &self.said[&id];
        let sender = &screens[said.device];
        let state = sender.states.get(&id);
        let Some(placed) = said
            .message
            .as_ref()
            .and_then(|message| self.placed.get(message))
        else {
            let words = self.judge_unsent(said, state.copied(), devices, screens);
            return (Check::Unsent, words);
        };
        let mut found = Vec::new();
        let roster = self.rosters.get(&(placed.handle.clone(), placed.epoch));
        let person = devices[said.device].person;
        let mut own = devices.iter().filter(|device| device.person == person);
        // Said on one device after another had said that the person leaves.
        let void = own.any(|device| self.has_left(device, placed));
        for (device, screen) in devices.iter().zip(screens) {
            let member = device
                .box_id
                .is_some_and(|mailbox| roster.is_some_and(|roster| roster.contains(&mailbox)));
            let shown = screen.count(&said.text);
            let wanted = usize::from(member);
            let excused =
                shown < wanted && (void || device.unlinked || self.has_left(device, placed));
            if shown != wanted && !excused {
                found.push(format!(
                    "{:?} of epoch {} is shown {shown} times instead of {wanted} on device {} (sent by device {})",
                    said.text, placed.epoch, screen.device, said.device
                ));
            }
        }
        (Check::Shown, found)
    }

    /// A text that the server never placed, as far as its sender has learned.
    pub(super) fn judge_unsent(
        &self,
        said: &Said,
        state: Option<State>,
        devices: &[Device],
        screens: &[Screen],
    ) -> Vec<String> {
        let elsewhere: usize = screens
            .iter()
            .filter(|screen| screen.device != said.device)
            .map(|screen| screen.count(&said.text))
            .sum();
        let gone = devices[said.device].unlinked;
        let home = (said.device, said.conversation.as_ref().to_vec());
        let active =
            screens[said.device].is_active(said.conversation) && !self.parted.contains(&home);
        match state {
            Some(State::Failed) if elsewhere > 0 => {
                vec![format!("{:?} failed, and is shown to others", said.text)]
            }
            Some(State::Failed) if active && !gone => {
                vec![format!(
                    "{:?} failed though its sender is a member",
                    said.text
                )]
            }
            Some(State::Waiting) if !gone => {
                vec![format!(
                    "{:?} waits for ever on device {}",
                    said.text, said.device
                )]
            }
            None => vec![format!("{:?} is gone", said.text)],
            _ => Vec::new(),
        }
    }
}
