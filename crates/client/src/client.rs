//! The client as a program sees it: commands in, answers and notices out.

use std::path::Path;
use std::thread::JoinHandle;
use std::time::Duration;

use keyfold_engine::{Answer, Command, Engine, Event, Fault};
use tokio::sync::{broadcast, mpsc, oneshot, watch};

use crate::driver::{Call, Driver, Ends};
use crate::error::ClientError;
use crate::files::{Files, Progress};
use crate::limits::{EVENT_BACKLOG, WAITING_CALLS};
use crate::profile::Profile;
use crate::socket::{Route, SocketEnd};
use crate::tls;

/// How the device stands towards its server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Link {
    /// For the first time since the start.
    Connecting,
    /// Connected.
    Online {
        /// Everything that waited has been applied.
        caught_up: bool,
    },
    /// Not connected; it tries again by itself where that makes sense.
    Offline {
        /// What ended the last connection, or kept it from coming about.
        why: SocketEnd,
    },
    /// The device itself failed, e.g. its disk is full. It tries again by itself.
    Broken {
        /// What failed.
        why: Fault,
    },
}

/// What a subscriber is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Something happened in the engine.
    Event(Event),
    /// The connection changed.
    Link(Link),
    /// A file has come on its way.
    File(Progress),
    /// The subscriber was too slow and has missed some: read again what is shown.
    Missed,
}

/// Notices from the moment of subscribing on.
pub struct Notices {
    receiver: broadcast::Receiver<Notice>,
}

impl Notices {
    /// Those that come over a channel: for shells that tell of something else beside a client.
    pub const fn of(receiver: broadcast::Receiver<Notice>) -> Self {
        Self { receiver }
    }

    /// The next one; `None` once the client has stopped.
    pub async fn next(&mut self) -> Option<Notice> {
        match self.receiver.recv().await {
            Ok(notice) => Some(notice),
            Err(broadcast::error::RecvError::Lagged(_)) => Some(Notice::Missed),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }

    /// One that has come already, if there is one.
    pub fn ready(&mut self) -> Option<Notice> {
        use broadcast::error::TryRecvError;
        match self.receiver.try_recv() {
            Ok(notice) => Some(notice),
            Err(TryRecvError::Lagged(_)) => Some(Notice::Missed),
            Err(TryRecvError::Empty | TryRecvError::Closed) => None,
        }
    }

    /// The first answer that `judge` gives to a notice; `None` once the client has stopped.
    pub async fn until<T>(&mut self, mut judge: impl FnMut(&Notice) -> Option<T>) -> Option<T> {
        loop {
            if let Some(found) = judge(&self.next().await?) {
                return Some(found);
            }
        }
    }
}

/// A running client. Dropping it waits for the step at hand, and leaves the profile free; the connection is cut.
/// [`Client::shutdown`] ends that in an orderly way first.
pub struct Client {
    calls: mpsc::Sender<Call>,
    notices: broadcast::Sender<Notice>,
    link: watch::Receiver<Link>,
    stopped: oneshot::Receiver<()>,
    folder: std::path::PathBuf,
    pub(crate) files: Files,
    /// Dropped after `calls`, without which the driver ends.
    _driver: DriverThread,
}

/// The driver's thread, which is waited for. A program that ends, and lets it run, tears down the database's cryptography
/// (`OpenSSL` does so when a process exits) while the driver uses it: it would crash, or never end.
struct DriverThread(Option<JoinHandle<()>>);

impl Drop for DriverThread {
    fn drop(&mut self) {
        if let Some(thread) = self.0.take() {
            let _ = thread.join();
        }
    }
}

impl Client {
    /// Starts a client on an open profile. It connects by itself as soon as the device has an account. The sockets run
    /// on the runtime that this is called in.
    ///
    /// # Errors
    /// [`ClientError`] when TLS can't be set up or no thread can be had.
    pub fn start(profile: Profile) -> Result<Self, ClientError> {
        let folder = profile.folder.path().to_owned();
        let tls = tls::config(profile.settings.ca.as_deref())?;
        let route = Route {
            server: profile.settings.server.clone(),
            tls,
        };
        let (calls, calls_out) = mpsc::channel(WAITING_CALLS);
        let (notices, _) = broadcast::channel(EVENT_BACKLOG);
        let waiting = profile.engine.uploads().map_err(ClientError::Fault)?;
        let files = Files::start(route.clone(), &folder, &waiting, &calls, notices.clone());
        let (link_in, link) = watch::channel(Link::Connecting);
        let (stop, stopped) = oneshot::channel();
        let ends = Ends {
            calls: calls_out,
            notices: notices.clone(),
            link: link_in,
        };
        let driver = Driver::new(profile, route, tokio::runtime::Handle::current(), ends)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .map_err(ClientError::Thread)?;
        let thread = std::thread::Builder::new()
            .name("keyfold-engine".to_owned())
            .spawn(move || {
                runtime.block_on(driver.run());
                let _ = stop.send(());
            })
            .map_err(ClientError::Thread)?;
        Ok(Self {
            calls,
            notices,
            link,
            stopped,
            folder,
            files,
            _driver: DriverThread(Some(thread)),
        })
    }

    /// A way to the engine that does not keep the client running.
    pub(crate) fn calls(&self) -> mpsc::WeakSender<Call> {
        self.calls.downgrade()
    }

    /// Carries out a command and returns its answer, durable by then.
    ///
    /// # Errors
    /// [`ClientError::Complaint`] when it can't be done, [`ClientError::Fault`] when the device failed.
    pub async fn command(&self, command: Command) -> Result<Answer, ClientError> {
        let (reply, answer) = oneshot::channel();
        self.calls
            .send(Call::Command(command, reply))
            .await
            .map_err(|_| ClientError::Stopped)?;
        answer.await.map_err(|_| ClientError::Stopped)?
    }

    /// Reads from the engine between two steps.
    ///
    /// # Errors
    /// [`ClientError::Fault`] as the read says.
    pub async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Engine) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, ClientError> {
        let (reply, answer) = oneshot::channel();
        let call = Call::Read(Box::new(move |engine| {
            let _ = reply.send(read(engine));
        }));
        self.calls
            .send(call)
            .await
            .map_err(|_| ClientError::Stopped)?;
        answer
            .await
            .map_err(|_| ClientError::Stopped)?
            .map_err(ClientError::Fault)
    }

    /// Returns once nothing waits any more: connected, everything fetched, everything sent and answered.
    ///
    /// # Errors
    /// [`ClientError::Stopped`].
    pub async fn settled(&self) -> Result<(), ClientError> {
        let (reply, answer) = oneshot::channel();
        self.calls
            .send(Call::Settled(reply))
            .await
            .map_err(|_| ClientError::Stopped)?;
        answer.await.map_err(|_| ClientError::Stopped)
    }

    /// Everything that happens from now on. Subscribe before the command whose events matter.
    pub fn subscribe(&self) -> Notices {
        Notices::of(self.notices.subscribe())
    }

    /// How the device stands towards its server now.
    pub fn link(&self) -> Link {
        self.link.borrow().clone()
    }

    /// The profile's folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Waits until the connection stands as `wanted` says, at most this long.
    ///
    /// # Errors
    /// How it stood when the time was over.
    pub async fn wait_for_link(
        &self,
        wanted: impl FnMut(&Link) -> bool,
        patience: Duration,
    ) -> Result<Link, Link> {
        let mut link = self.link.clone();
        let outcome = match tokio::time::timeout(patience, link.wait_for(wanted)).await {
            Ok(Ok(link)) => Some(link.clone()),
            _ => None,
        };
        outcome.ok_or_else(|| self.link())
    }

    /// Ends: what was acknowledged or asked so far reaches the server, as far as it answers within a moment.
    pub async fn shutdown(mut self) {
        let _ = self.calls.send(Call::Goodbye).await;
        let _ = (&mut self.stopped).await;
    }
}
