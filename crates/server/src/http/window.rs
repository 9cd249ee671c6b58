//! How much is out at a device and not acknowledged.

use std::collections::VecDeque;

use keyfold_wire::ids::Sequence;
use keyfold_wire::limits::{MAX_ITEMS_PER_PUSH, MAX_UNACKNOWLEDGED};
use keyfold_wire::v1::Deliveries;

/// The pushes that are out. Empty, it owns no memory beside itself.
pub(super) struct Window {
    acknowledged: Sequence,
    newest: Sequence,
    pushes: VecDeque<(Sequence, usize)>,
    items: usize,
}

impl Window {
    /// Nothing is out; the device has everything up to `after`.
    pub(super) fn after(after: Sequence) -> Self {
        Self {
            acknowledged: after,
            newest: after,
            pushes: VecDeque::new(),
            items: 0,
        }
    }

    /// Whether one more push may go out.
    pub(super) fn has_room(&self) -> bool {
        self.items + MAX_ITEMS_PER_PUSH <= MAX_UNACKNOWLEDGED
    }

    /// A push goes out.
    pub(super) fn pushed(&mut self, deliveries: &Deliveries) {
        if let Some(last) = deliveries.items.last() {
            self.newest = Sequence(last.sequence);
            self.items += deliveries.items.len();
            self.pushes.push_back((self.newest, deliveries.items.len()));
        }
    }

    /// The device acknowledges. What to hand on: nothing new, or nothing that went out, is not news.
    pub(super) fn acknowledged(&mut self, sequence: Sequence) -> Option<Sequence> {
        let sequence = sequence.min(self.newest);
        if sequence <= self.acknowledged {
            return None;
        }
        self.acknowledged = sequence;
        while let Some((last, items)) = self.pushes.front().copied()
            && last <= sequence
        {
            self.items -= items;
            self.pushes.pop_front();
        }
        if self.pushes.is_empty() {
            self.pushes = VecDeque::new();
        }
        Some(sequence)
    }
}

#[cfg(test)]
mod tests {
    use keyfold_wire::v1::Item;

    use super::*;

    fn push(window: &mut Window, sequences: std::ops::Range<u64>) {
        let items = sequences
            .map(|sequence| Item {
                sequence,
                ..Item::default()
            })
            .collect();
        window.pushed(&Deliveries {
            items,
            caught_up: false,
        });
    }

    #[test]
    fn it_fills_up_to_the_limit_and_empties_by_acknowledgement() {
        let mut window = Window::after(Sequence(0));
        let whole = MAX_ITEMS_PER_PUSH as u64;
        for n in 0..(MAX_UNACKNOWLEDGED / MAX_ITEMS_PER_PUSH) as u64 {
            assert!(window.has_room());
            push(&mut window, n * whole + 1..(n + 1) * whole + 1);
        }
        assert!(!window.has_room());
        assert_eq!(
            window.acknowledged(Sequence(whole - 1)),
            Some(Sequence(whole - 1))
        );
        assert!(!window.has_room(), "the first push is not all there yet");
        assert_eq!(window.acknowledged(Sequence(whole)), Some(Sequence(whole)));
        assert!(window.has_room());
    }

    #[test]
    fn only_news_is_handed_on() {
        let mut window = Window::after(Sequence(5));
        assert_eq!(
            window.acknowledged(Sequence(9)),
            None,
            "nothing went out yet"
        );
        push(&mut window, 7..9);
        assert_eq!(window.acknowledged(Sequence(5)), None);
        assert_eq!(window.acknowledged(Sequence(u64::MAX)), Some(Sequence(8)));
        assert_eq!(window.acknowledged(Sequence(8)), None);
        assert_eq!(window.items, 0);
    }
}
