//! Nothing waits for ever once everything has healed.

use keyfold_engine::view::Standing;

use super::screen::Screen;
use crate::device::Device;

/// Nothing is missing, held or waiting on a device that its account still has.
pub(super) fn at_rest(screen: &Screen, device: &Device, came_apart: bool) -> Vec<String> {
    if device.unlinked || !device.is_registered() {
        return Vec::new();
    }
    let number = device.number;
    let refused = screen.refused.iter().filter(|_| !came_apart);
    let mut found: Vec<String> = refused
        .map(|why| format!("device {number} has refused: {why}"))
        .collect();
    for shown in screen.conversations.values() {
        if let Standing::Held(why) | Standing::Rejoining(why) = &shown.standing {
            found.push(format!(
                "device {number} holds {:?} at epoch {}: {why}",
                shown.name, shown.epoch
            ));
        }
    }
    let waiting = device.engine.waiting().unwrap();
    if waiting > 0 {
        found.push(format!("{waiting} things wait for ever on device {number}"));
    }
    found
}
