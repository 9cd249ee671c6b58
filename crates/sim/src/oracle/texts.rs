//! Each text on each device that it is for, exactly once, and nowhere else.

use keyfold_engine::view::State;
use keyfold_protocol::content::ContentId;

use super::screen::Screen;
use super::told::Missing;
use super::{Check, Excuse, Oracle, Placed, Said};
use crate::device::Device;

impl Oracle {
    pub(super) fn judge_text(
        &self,
        id: ContentId,
        devices: &[Device],
        screens: &[Screen],
        missing: &mut Missing,
    ) -> (Check, Vec<String>) {
        let said = &self.said[&id];
        let sender = &screens[said.device];
        let state = sender.states.get(&id);
        let places: Vec<&Placed> = self.places_of(said).collect();
        let Some(placed) = places.first() else {
            let words = self.judge_unsent(said, state.copied(), devices, screens, missing);
            return (Check::Unsent, words);
        };
        let mut found = Vec::new();
        for (device, screen) in devices.iter().zip(screens) {
            let shown = screen.count(&said.text);
            let here: Vec<_> = (places.iter().copied())
                .filter(|placed| self.was_in(device, placed))
                .collect();
            let wanted = usize::from(!here.is_empty());
            if shown == wanted {
                continue;
            }
            // A copy of its device may have said it under keys that this device has used up.
            let doubled = || {
                let mut times = places.iter().map(|placed| placed.at).chain([said.at]);
                times.find_map(|at| self.excuse_of_sender(said.device, at))
            };
            let why = |placed: &&Placed| self.excuse(said, placed, device, devices);
            let words = |what: String| {
                format!(
                    "{:?} of epoch {} is {what} on device {} (sent by device {}){}",
                    said.short(),
                    placed.epoch,
                    screen.device,
                    said.device,
                    self.history(said, &places, device)
                )
            };
            let own = if shown < wanted {
                let all: Option<Vec<Excuse>> = here.iter().map(why).collect();
                all.and_then(|all| all.first().copied())
            } else {
                None
            };
            if let Some(excuse) = own {
                missing.by.push(excuse);
                if !self.is_told(said, placed, device, screen, excuse) {
                    let what = format!("missing without a word, for {excuse:?},");
                    missing.untold.push(words(what));
                }
            } else if let Some(excuse) = (shown < wanted).then(doubled).flatten() {
                missing.by.push(excuse);
            } else {
                let what = format!("shown {shown} times instead of {wanted}");
                found.push(words(what));
            }
        }
        (Check::Shown, found)
    }

    /// Nobody shows what nobody typed, nor under another's name, nor elsewhere.
    pub(super) fn judge_authors(&self, screen: &Screen, devices: &[Device]) -> Vec<String> {
        let is_shown_in = |said: &Said, conversation| {
            let direct = screen.conversations.get(&conversation);
            let direct = direct.is_some_and(|shown| shown.direct);
            said.conversation == conversation
                || direct && !screen.conversations.contains_key(&said.conversation)
        };
        let wrong = screen.under.iter().filter(|(id, conversation, from)| {
            let from_rogue = from.is_some_and(|from| self.rogues.contains(&from));
            match self.said.get(id) {
                Some(said) => {
                    *from != Some(devices[said.device].person) || !is_shown_in(said, *conversation)
                }
                None => !from_rogue,
            }
        });
        let words = wrong.map(|(id, conversation, from)| {
            let said = self.said.get(id).map(Said::short);
            let from = from.map(crate::script::handle);
            let device = screen.device;
            format!("device {device} shows {said:?} under {from:?} in {conversation:?}")
        });
        words.collect()
    }

    /// Whether the device that it was said on was out of the conversation after that.
    pub(super) fn has_parted(&self, said: &Said) -> bool {
        let outs = self.outs.get(&(said.device, said.conversation));
        let mut outs = outs.into_iter().flatten();
        outs.any(|(at, out)| *out && *at >= said.at)
    }

    /// A text that the server never placed, as far as its sender has learned.
    fn judge_unsent(
        &self,
        said: &Said,
        state: Option<State>,
        devices: &[Device],
        screens: &[Screen],
        missing: &mut Missing,
    ) -> Vec<String> {
        let elsewhere: usize = screens
            .iter()
            .filter(|screen| screen.device != said.device)
            .map(|screen| screen.count(&said.text))
            .sum();
        let active = screens[said.device].is_active(said.conversation) && !self.has_parted(said);
        let (wrong, words) = match state {
            Some(State::Failed) if elsewhere > 0 => (true, "failed, and is shown to others"),
            Some(State::Failed) => (active, "failed though its sender is a member"),
            Some(State::Waiting) => (true, "waits for ever"),
            Some(State::Sent | State::Received) => (true, "is sent, and the server never had it"),
            None => (true, "is gone"),
        };
        if !wrong {
            return Vec::new();
        }
        if let Some(excuse) = self.excuse_unsent(said, devices) {
            missing.by.push(excuse);
            return Vec::new();
        }
        vec![format!(
            "{:?} {words} on device {}",
            said.short(),
            said.device
        )]
    }
}

impl Said {
    /// Enough of it to find it again.
    pub(super) fn short(&self) -> String {
        self.text.chars().take(40).collect()
    }
}
