//! Signs of life: a silent socket is pinged, and one that stays silent is given up.
//!
//! Jittered, so that ten thousand devices that reconnected together do not stay in step.

use std::pin::Pin;
use std::time::Duration;

use rand::Rng as _;
use tokio::time::{Instant, Sleep};

use super::socket::{Ending, Socket};
use keyfold_wire::close;

/// The rhythm of one socket.
pub(super) struct Beat {
    every: Duration,
    next: Pin<Box<Sleep>>,
    asked: bool,
}

impl Beat {
    /// A rhythm of about this much.
    pub(super) fn every(every: Duration) -> Self {
        Self {
            every,
            next: Box::pin(tokio::time::sleep(jittered(every))),
            asked: false,
        }
    }

    /// Returns when it is time to look. Cancel safe.
    pub(super) async fn wait(&mut self) {
        self.next.as_mut().await;
    }

    /// Looks after the socket: pings a silent one.
    pub(super) async fn look_after(&mut self, socket: &mut Socket) -> Result<(), Ending> {
        self.next
            .as_mut()
            .reset(Instant::now() + jittered(self.every));
        if socket.take_heard() {
            self.asked = false;
            return Ok(());
        }
        if self.asked {
            return Err(Ending::Close(
                close::UNRESPONSIVE,
                "a ping was not answered",
            ));
        }
        self.asked = true;
        socket.ping().await
    }
}

/// Four to six fifths.
fn jittered(every: Duration) -> Duration {
    every.mul_f64(rand::rng().random_range(0.8..1.2))
}
