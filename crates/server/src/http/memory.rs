//! Memory for frames that have not come in whole.
//!
//! A frame may be large, and the socket's library keeps what has come of it. Many sockets with nearly whole frames
//! would be the cheapest way to fill a server's memory, so all of them together have one bound.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What a socket may hold of an unfinished frame without being counted: a message with room.
const FREE: usize = 64 * 1024;

/// All unfinished frames together: sixteen of the largest at once.
const TOTAL: usize = 16 * keyfold_wire::limits::MAX_FRAME;

/// The common bound.
pub struct FrameMemory {
    held: AtomicUsize,
}

/// One socket's part of it.
pub(super) struct Unfinished {
    memory: Arc<FrameMemory>,
    bytes: usize,
}

impl FrameMemory {
    /// Nothing held.
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            held: AtomicUsize::new(0),
        })
    }
}

impl Unfinished {
    /// A socket that holds nothing.
    pub(super) fn new(memory: Arc<FrameMemory>) -> Self {
        Self { memory, bytes: 0 }
    }

    /// So many bytes more have come. Whether there is room for them.
    pub(super) fn grow(&mut self, bytes: usize) -> bool {
        let before = self.counted();
        self.bytes = self.bytes.saturating_add(bytes);
        let more = self.counted() - before;
        more == 0
            || self
                .memory
                .held
                .fetch_add(more, Ordering::Relaxed)
                .saturating_add(more)
                <= TOTAL
    }

    /// A frame is whole.
    pub(super) fn finished(&mut self) {
        let counted = self.counted();
        if counted > 0 {
            self.memory.held.fetch_sub(counted, Ordering::Relaxed);
        }
        self.bytes = 0;
    }

    fn counted(&self) -> usize {
        self.bytes.saturating_sub(FREE)
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        self.finished();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_frames_are_free_and_large_ones_share() {
        let memory = FrameMemory::new();
        let mut small = Unfinished::new(Arc::clone(&memory));
        let mut large = Unfinished::new(Arc::clone(&memory));
        assert!(large.grow(FREE + TOTAL));
        assert!(small.grow(FREE), "a message always has room");
        assert!(!small.grow(1));
        large.finished();
        assert!(small.grow(1));
        drop((small, large));
        assert_eq!(memory.held.load(Ordering::Relaxed), 0);
    }
}
