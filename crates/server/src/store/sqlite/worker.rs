//! A thread that owns one connection and does one job after another.

use std::io;
use std::sync::mpsc;
use std::thread::JoinHandle;

use tokio::sync::oneshot;

use crate::refusal::Refusal;

type Job<T> = Box<dyn FnOnce(&mut T) + Send>;

/// The owner of a `T`. Dropping it waits for the jobs that were given.
pub(super) struct Worker<T> {
    jobs: Option<mpsc::Sender<Job<T>>>,
    thread: Option<JoinHandle<()>>,
}

impl<T: Send + 'static> Worker<T> {
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
        Ok(Self {
            jobs: Some(jobs),
            thread: Some(thread),
        })
    }

    /// Does a job on the thread and waits for what it gives.
    pub(super) async fn call<R: Send + 'static>(
        &self,
        job: impl FnOnce(&mut T) -> R + Send + 'static,
    ) -> Result<R, Refusal> {
        let (answer, receiver) = oneshot::channel();
        let job: Job<T> = Box::new(move |owned| {
            // Whoever asked may have gone.
            let _ = answer.send(job(owned));
        });
        let jobs = self.jobs.as_ref().ok_or(Refusal::Unavailable)?;
        jobs.send(job).map_err(|_| Refusal::Unavailable)?;
        receiver.await.map_err(|_| Refusal::Unavailable)
    }
}

impl<T> Drop for Worker<T> {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
