//! Shutting down: one word that everybody hears, and a wait for everybody to finish.

use std::io;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

/// Hears when the server is to stop, and is waited for until its tasks are done.
#[derive(Clone)]
pub struct Stop {
    heard: watch::Receiver<bool>,
    tasks: TaskTracker,
}

/// Says when.
pub struct Stopper {
    say: watch::Sender<bool>,
    tasks: TaskTracker,
}

/// Whether everything ended by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It did.
    InTime,
    /// So many tasks were still busy.
    StillBusy(usize),
}

/// A stopper and what hears it.
pub fn stop() -> (Stopper, Stop) {
    let (say, heard) = watch::channel(false);
    let tasks = TaskTracker::new();
    (
        Stopper {
            say,
            tasks: tasks.clone(),
        },
        Stop { heard, tasks },
    )
}

impl Stop {
    /// Returns once the server is to stop.
    pub async fn wait(&self) {
        let mut heard = self.heard.clone();
        // An error means that the stopper is gone: nothing runs on without it.
        let _ = heard.wait_for(|stop| *stop).await;
    }

    /// Whether the server is to stop.
    pub fn is_said(&self) -> bool {
        *self.heard.borrow()
    }

    /// Starts a task that a shutdown waits for.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(task);
    }
}

impl Stopper {
    /// Says stop and waits for all tasks, at most this long.
    pub async fn stop(self, patience: Duration) -> Ended {
        self.say.send_replace(true);
        self.tasks.close();
        match tokio::time::timeout(patience, self.tasks.wait()).await {
            Ok(()) => Ended::InTime,
            Err(_) => Ended::StillBusy(self.tasks.len()),
        }
    }
}

/// The signals by which an operator stops a server.
pub struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    /// Listens to SIGTERM and SIGINT from now on.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Returns at the first of them.
    pub async fn wait(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => (),
            _ = self.interrupt.recv() => (),
        }
    }
}
