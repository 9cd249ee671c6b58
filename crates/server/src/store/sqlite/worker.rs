//! Somebody who owns one connection and does one job after another: a thread, or in a simulation whoever asks.

use std::io;
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;

use tokio::sync::oneshot;

use crate::refusal::Refusal;

type Job<T> = Box<dyn FnOnce(&mut T) + Send>;

/// The owner of a `T`.
pub(super) enum Worker<T> {
    /// Dropping it waits for the jobs that were given.
    Thread(Thread<T>),
    /// Does each job at once, before the call returns for the first time.
    Inline(Mutex<T>),
}

/// A thread, and the way to it.
pub(super) struct Thread<T> {
    jobs: Option<mpsc::Sender<Job<T>>>,
    thread: Option<JoinHandle<()>>,
}

impl<T: Send + 'static> Worker<T> {
    /// Without a thread: what happens and when then depends on the callers alone.
    pub(super) fn inline(owned: T) -> Self {
        Self::Inline(Mutex::new(owned))
    }

    pub(super) fn start(name: &str, mut owned: T) -> io::Result<Self> {
        let (jobs, queue) = mpsc::channel::<Job<T>>();
        let work = move || {
            for job in queue {
                job(&mut owned);
            }
        };
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(work)?;
        Ok(Self::Thread(Thread {
            jobs: Some(jobs),
            thread: Some(thread),
        }))
    }

    /// Has a job done and waits for what it gives.
    pub(super) async fn call<R: Send + 'static>(
        &self,
        job: impl FnOnce(&mut T) -> R + Send + 'static,
    ) -> Result<R, Refusal> {
        let thread = match self {
            Self::Thread(thread) => thread,
            Self::Inline(owned) => {
                let mut owned = owned.lock().unwrap_or_else(PoisonError::into_inner);
                return Ok(job(&mut owned));
            }
        };
        let (answer, receiver) = oneshot::channel();
        let job: Job<T> = Box::new(move |owned| {
            // Whoever asked may have gone.
            let _ = answer.send(job(owned));
        });
        let jobs = thread.jobs.as_ref().ok_or(Refusal::Unavailable)?;
        jobs.send(job).map_err(|_| Refusal::Unavailable)?;
        receiver.await.map_err(|_| Refusal::Unavailable)
    }
}

impl<T> Drop for Thread<T> {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
