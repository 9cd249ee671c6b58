//! Where something is missing for a good reason, its device says that something may be missing, and why.

use keyfold_engine::view::What;

use super::excuse::{DELAY, PutBack};
use super::screen::Screen;
use super::{Excuse, Oracle, Placed, Said};
use crate::device::Device;

/// What is missing rightly, by why; and of that, what is missing without a word.
#[derive(Default)]
pub(super) struct Missing {
    pub(super) by: Vec<Excuse>,
    pub(super) untold: Vec<String>,
}

/// What a line of a timeline names as the reason, as the last table of `docs/protocol/recovery.md` has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// A number of messages is missing; no more is known.
    Gap,
    /// The device was away for longer than the server keeps messages.
    NotKept,
    /// The server was put back.
    ServerPutBack,
    /// The device had lost its place and is back: it was put back itself.
    DevicePutBack,
    /// The device had lost its place and is back, for any other reason.
    PlaceLost,
}

impl Reason {
    /// `None`: the line says nothing of anything missing, or in words that are none of those.
    pub(super) fn of(what: &What) -> Option<Self> {
        match what {
            What::Gap(missing) if *missing > 0 => Some(Self::Gap),
            What::MayBeMissing(why) if why.contains("this device was away") => Some(Self::NotKept),
            What::MayBeMissing(why) if why.contains("the server was put back") => {
                Some(Self::ServerPutBack)
            }
            What::Back(why) if why.contains("this device was put back") => {
                Some(Self::DevicePutBack)
            }
            What::Back(why) if !why.is_empty() => Some(Self::PlaceLost),
            _ => None,
        }
    }

    /// Whether it is the right one.
    const fn explains(self, excuse: Excuse) -> bool {
        match self {
            // A device that has lost its place is told of that, whatever else befell it.
            Self::PlaceLost => true,
            Self::Gap => matches!(excuse, Excuse::ServerRestored | Excuse::PlaceLost),
            Self::NotKept => matches!(excuse, Excuse::RetentionPassed),
            // What was accepted from then on at a place that others had left, too.
            Self::ServerPutBack => matches!(excuse, Excuse::ServerRestored | Excuse::PlaceLost),
            Self::DevicePutBack => matches!(
                excuse,
                Excuse::DeviceRestored | Excuse::DeviceCloned | Excuse::PlaceLost
            ),
        }
    }
}

impl Oracle {
    /// Whether the conversation that this is missing in has a line that says so for the right reason, from then or since the server was put
    /// back, or the device is not in it, or says that it came in later.
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
                    || self.is_explained(said, placed, device, screen, excuse)
                    || self.was_said_astray(said, placed, device.number)
                    || began.is_some_and(|at| *at >= placed.at)
                    || self.is_unknowable(said, placed, device)
                    || self.was_of_the_other(said, placed, device.number)
            }
            // Its person has left, or is told what its sender was told; a lie of the server is looked at elsewhere.
            _ => true,
        }
    }

    /// No line names what has not befallen its device, or the server, by then. A server that cheats may have its devices think anything.
    pub(super) fn judge_reasons(&self, screen: &Screen) -> Vec<String> {
        if self.is_hostile() {
            return Vec::new();
        }
        let device = screen.device;
        let any = |spans: Option<&Vec<PutBack>>, by| {
            spans.is_some_and(|spans| spans.iter().any(|one| one.at <= by))
        };
        let is_true = |reason, by| match reason {
            Reason::NotKept => self.was_ever_away(device, by),
            Reason::ServerPutBack => any(Some(&self.server_restored), by),
            Reason::DevicePutBack => any(self.restored.get(&device), by) || self.is_copied(device),
            Reason::Gap | Reason::PlaceLost => true,
        };
        let lines = screen.reasons.values().flatten();
        lines
            .filter(|(at, reason)| !is_true(*reason, at.saturating_add(DELAY)))
            .map(|(at, reason)| {
                format!("device {device} names {reason:?} at {at}, which has not been")
            })
            .collect()
    }

    /// Something may be missing for several reasons: any that holds will do.
    fn is_explained(
        &self,
        said: &Said,
        placed: &Placed,
        device: &Device,
        screen: &Screen,
        excuse: Excuse,
    ) -> bool {
        let reasons = screen.reasons.get(&said.conversation);
        let mut reasons = reasons.into_iter().flatten();
        let parties = [device.number, said.device];
        let away = self.was_away(device.number, placed.at);
        let all = [
            Some(excuse),
            away.then_some(Excuse::RetentionPassed),
            self.excuse_of_device(device.number, said.conversation, placed.at),
            self.excuse_of_server(parties, said.conversation, placed),
        ];
        // Whoever has left a place does not hear what is said there from then on.
        let restored = self.server_restored.iter().map(|one| one.at);
        let restored = restored.filter(|at| *at <= placed.at).max();
        reasons.any(|(at, reason)| {
            let since = match reason {
                Reason::ServerPutBack => restored.unwrap_or(placed.at),
                _ => placed.at,
            };
            at.saturating_add(DELAY) >= since
                && all.into_iter().flatten().any(|one| reason.explains(one))
        })
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
