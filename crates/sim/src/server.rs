//! The real server core over its real stores: what they hold survives a restart, its connections do not.

use std::future::ready;
use std::sync::Arc;

use keyfold_engine::Channel;
use keyfold_server::clock::ManualClock;
use keyfold_server::delivery::Feed;
use keyfold_server::request::{AnonymousRequest, DeviceRequest};
use keyfold_server::seal::AddressKey;
use keyfold_server::store::memory::MemoryStore;
use keyfold_server::store::sqlite::OpenError;
use keyfold_server::{Core, Device, Refusal, Settings};
use keyfold_wire::ids::{MailboxId, Sequence};
use keyfold_wire::v1;
use keyfold_wire::v1::client_frame::Request as Body;
use keyfold_wire::v1::server_frame::Content;
use tokio::runtime::Runtime;

use crate::disk::{Disk, Loss, Moment};
use crate::store::{AnyStore, Home};

type TheCore = Core<AnyStore, ManualClock>;

/// What the server knows of a device that has greeted it.
pub(crate) struct Session {
    pub(crate) device: Device,
    feed: Feed<AnyStore, ManualClock>,
}

pub(crate) struct Server {
    runtime: Runtime,
    clock: ManualClock,
    home: Home,
    core: Arc<TheCore>,
    key: AddressKey,
    /// It dies within the request that comes.
    doomed: bool,
    /// It died within the last one.
    fallen: bool,
}

fn key() -> AddressKey {
    AddressKey::new(1, &[7; 32])
}

impl Server {
    /// The server of a world: in every second one its database is on a disk.
    pub(crate) fn of(seed: u64, clock: ManualClock) -> Self {
        if seed.is_multiple_of(2) {
            Self::on(Disk::new(seed), clock).expect("an empty disk opens")
        } else {
            Self::new(clock)
        }
    }

    /// A server that keeps everything in memory.
    pub(crate) fn new(clock: ManualClock) -> Self {
        Self::over(Home::Memory(MemoryStore::new()), clock).expect("memory opens")
    }

    /// A server whose database is on this disk.
    pub(crate) fn on(disk: Disk, clock: ManualClock) -> Result<Self, OpenError> {
        Self::over(Home::Disk(disk), clock)
    }

    fn over(home: Home, clock: ManualClock) -> Result<Self, OpenError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let core = Self::launch(&runtime, home.open()?, &clock);
        Ok(Self {
            runtime,
            clock,
            home,
            core,
            key: key(),
            doomed: false,
            fallen: false,
        })
    }

    fn launch(runtime: &Runtime, store: AnyStore, clock: &ManualClock) -> Arc<TheCore> {
        let (core, committer) = Core::new(store, clock.clone(), key(), Settings::default());
        runtime.spawn(committer.run());
        core
    }

    /// Its disk, where it has one.
    pub(crate) const fn disk(&self) -> Option<&Disk> {
        match &self.home {
            Home::Disk(disk) => Some(disk),
            Home::Memory(_) => None,
        }
    }

    /// Started again over what its store holds. To be called once its disk, too, has started again.
    pub(crate) fn restarts(&mut self) -> Result<(), OpenError> {
        self.core.close();
        self.runtime.block_on(drained());
        self.core = Self::launch(&self.runtime, self.home.open()?, &self.clock);
        Ok(())
    }

    /// Killed and started again: what its store keeps is all that is left.
    pub(crate) fn dies(&mut self, loss: Loss) {
        if let Some(disk) = self.disk() {
            disk.restarts(loss);
        }
        self.restarts().expect("a database opens after a crash");
    }

    /// It dies at this moment of the request that comes, where its disk can tell moments apart.
    pub(crate) fn dooms(&mut self, moment: Moment, loss: Loss) {
        self.doomed = true;
        if let Some(disk) = self.disk() {
            disk.dooms(moment, loss);
        }
    }

    /// The end of a request: whether what it came to is durable.
    pub(crate) fn keeps(&mut self) -> bool {
        if !std::mem::replace(&mut self.doomed, false) {
            return true;
        }
        self.fallen = true;
        self.disk().is_none_or(Disk::passes)
    }

    /// Whether it died within the last request.
    pub(crate) fn has_fallen(&mut self) -> bool {
        self.keeps();
        std::mem::replace(&mut self.fallen, false)
    }

    /// The first frame of a mailbox connection.
    pub(crate) fn greets(&self, body: Body) -> Result<(Session, v1::Greeting), Refusal> {
        let core = &self.core;
        self.runtime.block_on(async {
            let (device, greeting, after) = match body {
                Body::Hello(hello) => {
                    let after = Sequence(hello.after);
                    let (device, greeting) = core.hello(hello).await?;
                    (device, greeting, after)
                }
                Body::Register(register) => {
                    let (device, greeting) = core.register(register).await?;
                    (device, greeting, Sequence(0))
                }
                _ => return Err(Refusal::WrongSocket),
            };
            let feed = core.subscribe(&device, after);
            Ok((Session { device, feed }, greeting))
        })
    }

    /// Any other request.
    pub(crate) fn answers(
        &self,
        channel: Channel,
        session: Option<&Session>,
        body: Body,
    ) -> Result<Content, Refusal> {
        let core = &self.core;
        self.runtime.block_on(async {
            match (channel, session) {
                (Channel::Anonymous, _) => core.anonymous(AnonymousRequest::parse(body)?).await,
                (Channel::Mailbox, Some(session)) => {
                    let request = DeviceRequest::parse(body)?;
                    core.device_request(&session.device, request).await
                }
                (Channel::Mailbox, None) => Err(Refusal::Unauthenticated),
            }
        })
    }

    pub(crate) fn acknowledged(&self, session: &Session, sequence: u64) {
        self.core.acknowledge(&session.device, Sequence(sequence));
        self.runtime.block_on(drained());
    }

    /// What the server pushes now. `None` at the end: the feed is over.
    pub(crate) fn pushes(&self, session: &mut Session) -> (Vec<Content>, bool) {
        let mut pushed = Vec::new();
        self.runtime.block_on(async {
            loop {
                let next = tokio::select! {
                    biased;
                    next = session.feed.next() => Some(next),
                    () = ready(()) => None,
                };
                match next {
                    Some(Ok(content)) => pushed.push(content),
                    Some(Err(_)) => return (pushed, true),
                    None => return (pushed, false),
                }
            }
        })
    }

    pub(crate) fn sweeps(&self) {
        let _ = self.runtime.block_on(self.core.sweep());
    }

    /// Whose mailbox an address leads to.
    pub(crate) fn mailbox_of(&self, address: &[u8]) -> Option<MailboxId> {
        self.key.open(address).map(|target| target.mailbox)
    }
}

/// Lets the committer do what waits.
async fn drained() {
    for _ in 0..16 {
        tokio::task::yield_now().await;
    }
}
