//! What the oracle knows of a device and a text that is not where it must be: for whoever looks into it.

use std::fmt::Write as _;

use super::excuse::{PutBack, Span};
use super::turned_away::Clones;
use super::{Oracle, Placed, Said};
use crate::device::Device;

impl Oracle {
    /// When and where a text was said, and what befell this device and its sender, in milliseconds of the world.
    pub(super) fn history(&self, said: &Said, places: &[&Placed], device: &Device) -> String {
        let mut told = format!("\n        {:?} typed {}", said.conversation, said.at);
        for placed in places {
            let Placed {
                handle, epoch, at, ..
            } = placed;
            let handle = handle.iter().take(3).fold(String::new(), |mut hex, byte| {
                let _ = write!(hex, "{byte:02x}");
                hex
            });
            let was_in = self.was_in(device, placed);
            let _ = write!(
                told,
                ", at {at} in epoch {epoch} of {handle} (in it: {was_in})"
            );
        }
        for (who, number) in [("receiver", device.number), ("sender", said.device)] {
            let key = (number, said.conversation);
            let _ = write!(told, "\n        {who} {number}:");
            told.push_str(&self.life_of(number));
            if let Some(restored) = self.restored.get(&number) {
                let _ = write!(told, " put back {}", list(restored));
            }
            if let Some(places) = self.places_lost.get(&key) {
                let _ = write!(told, " place lost {}", list(places));
            }
            if let Some(entered) = self.entered.get(&key) {
                let _ = write!(told, " came in {entered:?}");
            }
            if let Some(outs) = self.outs.get(&key) {
                let _ = write!(told, " out {outs:?}");
            }
            if let Some(touch) = self.out_of_touch.get(&number) {
                let long: Vec<Span> = (touch.iter().copied())
                    .filter(|span| span.length() > super::excuse::DELAY)
                    .collect();
                let _ = write!(told, " out of touch {}", list(&long));
            }
        }
        if !self.server_restored.is_empty() {
            let _ = write!(
                told,
                "\n        server put back {}",
                list(&self.server_restored)
            );
        }
        told
    }

    fn life_of(&self, device: usize) -> String {
        let mut told = String::new();
        for clones in self.clones_of(device) {
            let Clones { pair, from, until } = clones;
            let _ = write!(told, " copies {pair:?} {}", (*from, *until).told());
        }
        if let Some(at) = self.first_greeted.get(&device) {
            let _ = write!(told, " first greeted {at}");
        }
        if let Some(at) = self.turned_away.get(&device) {
            let _ = write!(told, " turned away {at}");
        }
        told
    }
}

fn list<T: Told>(items: &[T]) -> String {
    let told: Vec<String> = items.iter().map(Told::told).collect();
    format!("[{}]", told.join(", "))
}

trait Told {
    fn told(&self) -> String;
}

impl Told for (u64, u64) {
    fn told(&self) -> String {
        match self.1 {
            u64::MAX => format!("{}-", self.0),
            to => format!("{}-{to}", self.0),
        }
    }
}

impl Told for Span {
    fn told(&self) -> String {
        (self.from, self.to).told()
    }
}

impl Told for PutBack {
    fn told(&self) -> String {
        let noticed = match self.noticed {
            u64::MAX => "never".to_owned(),
            noticed => noticed.to_string(),
        };
        format!("to {} at {} noticed {noticed}", self.copied, self.at)
    }
}
