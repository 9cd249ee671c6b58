//! The real server core over its real stores: what they hold survives a restart, its connections do not.

use std::cell::Cell;
use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use keyfold_engine::Channel;
use keyfold_server::clock::{Clock as _, ManualClock};
use keyfold_server::core::Lane as Order;
use keyfold_server::delivery::Feed;
use keyfold_server::request::{AnonymousRequest, DeviceRequest};
use keyfold_server::seal::{AddressKey, Target};
use keyfold_server::store::memory::MemoryStore;
use keyfold_server::store::operation::{Append, NewConversation, Welcomes};
use keyfold_server::store::sqlite::OpenError;
use keyfold_server::store::{ConversationKey, OnceKey, Operation, Store as _};
use keyfold_server::{Core, Device, Refusal, Settings};
use keyfold_wire::ids::{ConversationHandle, Epoch, MailboxId, MessageId, Sequence, Serial};
use keyfold_wire::v1;
use keyfold_wire::v1::client_frame::Request as Body;
use keyfold_wire::v1::server_frame::Content;
use tokio::runtime::Runtime;

use crate::disk::{Disk, Loss, Moment};
use crate::store::{AnyStore, Home, Kept};

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
    /// Messages that it made up.
    slipped: Cell<u64>,
    /// It dies within the request that comes.
    doomed: bool,
    /// It died within the last one.
    fallen: bool,
}

fn key() -> AddressKey {
    AddressKey::new(1, &[7; 32])
}

impl Server {
    /// The server of a world, with its database on a disk if it is to have one.
    pub(crate) fn of(seed: u64, on_disk: bool, clock: ManualClock) -> Self {
        if on_disk {
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
            slipped: Cell::new(0),
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
    pub(crate) fn is_through(&mut self) -> bool {
        if !std::mem::replace(&mut self.doomed, false) {
            return true;
        }
        self.fallen = true;
        self.disk().is_none_or(Disk::passes)
    }

    /// Whether it died within the last request.
    pub(crate) fn has_fallen(&mut self) -> bool {
        self.is_through();
        std::mem::replace(&mut self.fallen, false)
    }

    /// A server of its own over a copy of what this one holds.
    pub(crate) fn copied(&self) -> Self {
        Self::over(self.home.copied(), self.clock.clone()).expect("a copy opens")
    }

    /// Holds what the other one holds, as if it had come back from a copy of it. Its connections are over.
    pub(crate) fn becomes(&mut self, other: &Self) {
        self.home.becomes(&other.home);
        self.restarts().expect("a copy opens");
    }

    /// The first frame of a mailbox connection.
    pub(crate) fn greets(&self, body: Body) -> Result<(Session, v1::Greeting), Refusal> {
        let core = &self.core;
        self.runtime.block_on(async {
            let (device, greeting) = match body {
                Body::Hello(hello) => core.hello(hello).await?,
                Body::Register(register) => core.register(register).await?,
                _ => return Err(Refusal::WrongSocket),
            };
            let feed = core.subscribe(&device, Sequence(greeting.known));
            Ok((Session { device, feed }, greeting))
        })
    }

    /// Any other request, by itself.
    pub(crate) fn answers(
        &self,
        channel: Channel,
        session: Option<&Session>,
        body: Body,
    ) -> Result<Content, Refusal> {
        self.answers_in(&Order::default(), channel, session, body)
    }

    /// One of many requests of a connection.
    pub(crate) fn answers_in(
        &self,
        order: &Order,
        channel: Channel,
        session: Option<&Session>,
        body: Body,
    ) -> Result<Content, Refusal> {
        let core = &self.core;
        self.runtime.block_on(async {
            match (channel, session) {
                (Channel::Anonymous, _) => {
                    let request = AnonymousRequest::parse(body)?;
                    core.anonymous_in(order, request).await
                }
                (Channel::Mailbox, Some(session)) => {
                    let request = DeviceRequest::parse(body)?;
                    core.device_request(&session.device, request).await
                }
                (Channel::Mailbox, None) => Err(Refusal::Unauthenticated),
            }
        })
    }

    /// One of many requests of a connection, for which there is no time now.
    pub(crate) fn puts_off(&self, order: &Order, body: Body, retry_after: Duration) -> Refusal {
        let busy = Refusal::Busy { retry_after };
        AnonymousRequest::parse(body).map_or(busy, |request| {
            let answer = self.core.refused_in(order, &request, busy);
            self.runtime.block_on(answer)
        })
    }

    pub(crate) fn acknowledged(&self, session: &Session, sequence: u64) {
        self.core.acknowledge(&session.device, Sequence(sequence));
        self.runtime.block_on(drained());
    }

    pub(crate) fn acknowledged_signals(&self, session: &Session, number: u64) {
        self.core.acknowledge_signals(&session.device, number);
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

    /// How much it keeps.
    pub(crate) fn kept(&self) -> Kept {
        self.home.kept()
    }

    /// All bytes that it keeps.
    pub(crate) fn everything(&self) -> Vec<Vec<u8>> {
        match &self.home {
            Home::Memory(store) => store.everything(),
            Home::Disk(disk) => vec![disk.snapshot().bytes()],
        }
    }

    /// What a sabotage and a hostile server write to. Their worlds keep everything in memory.
    fn memory(&self) -> &MemoryStore {
        match &self.home {
            Home::Memory(store) => store,
            Home::Disk(_) => panic!("a server on a disk keeps to the rules"),
        }
    }

    /// Keeps some bytes that nobody asked it to keep.
    pub(crate) fn keeps(&self, bytes: &[u8]) {
        let handle = ConversationHandle::new([7; 32]);
        let new = NewConversation {
            key: ConversationKey::of(&handle),
            once: OnceKey::new(&handle, &MessageId::new([7; 16]), [7; 32]),
            epoch: Epoch(1),
            roster: bytes.to_vec().into(),
            welcomes: Welcomes::default(),
        };
        let batch = vec![Operation::Create(Box::new(new))];
        let now = self.clock.now();
        self.runtime.block_on(self.memory().transact(now, batch));
    }

    /// Puts a message into a mailbox that nobody sent there.
    pub(crate) fn slips_in(&self, mailbox: MailboxId, serial: u64, message: &v1::Message) {
        let number = self.slipped.get() + 1;
        self.slipped.set(number);
        let mut name = [9; 32];
        name[..8].copy_from_slice(&number.to_be_bytes());
        let handle = ConversationHandle::new(name);
        let once = |kind| OnceKey::new(&handle, &MessageId::new([kind; 16]), [kind; 32]);
        let key = ConversationKey::of(&handle);
        let now = self.clock.now();
        let epoch = Epoch(message.epoch);
        let new = NewConversation {
            key,
            once: once(1),
            epoch,
            roster: vec![1].into(),
            welcomes: Welcomes::default(),
        };
        let create = vec![Operation::Create(Box::new(new))];
        self.runtime.block_on(self.memory().transact(now, create));
        let conversation = self.runtime.block_on(self.memory().conversation(key));
        let Ok(Some(conversation)) = conversation else {
            return;
        };
        let Ok(message_id) = MessageId::try_from(message.message_id.as_ref()) else {
            return;
        };
        let append = Append {
            key,
            conversation: conversation.id,
            once: once(2),
            epoch,
            message_id,
            body: message.body.clone(),
            targets: vec![Target {
                mailbox,
                serial: Serial(serial),
            }],
        };
        let send = vec![Operation::Send(Box::new(append))];
        self.runtime.block_on(self.memory().transact(now, send));
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
