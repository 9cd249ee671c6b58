//! What lies ahead of a device: its own randomness of the network, and the mishaps that will befall it.

use std::path::PathBuf;

use keyfold_engine::RequestId;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use super::World;
use crate::script::{Mishap, Occasion};

/// Beside a device, for the world's eyes.
pub(super) struct Fate {
    /// How long its frames take, and when its shell notices what. Its own, so that what others do does not change it.
    pub(super) rng: StdRng,
    /// How it dies, whenever it does.
    pub(super) deaths: StdRng,
    /// What will befall it, after so many occasions.
    mishaps: Vec<(Mishap, u32)>,
    /// Requests whose loss could not be noted yet.
    pub(super) owed: Vec<RequestId>,
    /// When its connection was greeted last.
    pub(super) greeted: Option<u64>,
    /// Its clock was set back: what is to be erased after a while is erased as much later.
    pub(super) set_back: bool,
    /// The copy of its state that was kept last, and when.
    pub(super) backup: Option<(PathBuf, u64)>,
}

impl Fate {
    pub(super) fn new(seed: u64, device: usize) -> Self {
        Self {
            rng: nature(seed, device, 0),
            deaths: nature(seed, device, 2),
            mishaps: Vec::new(),
            owed: Vec::new(),
            greeted: None,
            set_back: false,
            backup: None,
        }
    }

    pub(super) fn awaits(&mut self, what: Mishap, after: u32) {
        self.mishaps.push((what, after));
    }

    pub(super) fn is_spared(&mut self) {
        self.mishaps.clear();
    }

    fn meets(&mut self, occasion: Occasion) -> Option<Mishap> {
        let mut met = None;
        self.mishaps.retain_mut(|(what, after)| {
            if what.occasion() != occasion {
                return true;
            }
            if *after == 0 && met.is_none() {
                met = Some(*what);
                return false;
            }
            *after = after.saturating_sub(1);
            true
        });
        met
    }
}

/// Randomness of a device's own, for one purpose.
pub(super) fn nature(seed: u64, device: usize, purpose: u8) -> StdRng {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_be_bytes());
    bytes[8..16].copy_from_slice(&(device as u64).to_be_bytes());
    bytes[16] = purpose;
    StdRng::from_seed(bytes)
}

impl World {
    /// What befalls a device at this occasion.
    pub(super) fn meets(&mut self, device: usize, occasion: Occasion) -> Option<Mishap> {
        self.fates[device].meets(occasion)
    }
}
