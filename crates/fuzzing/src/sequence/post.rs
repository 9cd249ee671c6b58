//! One server's core, to which frames of any kind come in any order; and what must be true all the while.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::time::Duration;

use arbitrary::Arbitrary;
use bytes::Bytes;
use keyfold_server::clock::ManualClock;
use keyfold_server::delivery::Feed;
use keyfold_server::request::{AnonymousRequest, DeviceRequest};
use keyfold_server::store::memory::MemoryStore;
use keyfold_wire::frame::decode_client;
use keyfold_wire::ids::Sequence;
use keyfold_wire::v1::client_frame::Request;
use keyfold_wire::v1::server_frame::Content;
use keyfold_wire::{limits, v1};

use crate::bend::Bends;
use crate::core_town::{Group, Person, Town, message_id, text};
use crate::draw::{self, Blob, Few};

/// Steps of one run.
const MOST_STEPS: usize = 48;

/// One thing that comes to the server.
#[derive(Debug, Arbitrary)]
enum Step {
    /// Bytes as a frame.
    Raw(u8, Blob),
    /// A request whose parts are right ones, or nearly so, in any place.
    Built(u8, Kind, Few<Part, 10>, u64, bool),
    /// A member says something.
    Says,
    /// The same bytes again.
    SaysAgain(u8),
    /// A member commits: the roster is the first so many.
    Commits(u8, bool),
    /// A device listens from here, and takes what comes.
    Listens(u8, u8),
    /// It says how far it has come.
    Acknowledges(u8, u64),
    /// So many times eight seconds pass: in all less than a silent conversation is kept.
    Passes(u16),
    Sweeps,
}

#[derive(Debug, Clone, Copy, Arbitrary)]
enum Kind {
    Hello,
    Register,
    Publish,
    Take,
    Revoke,
    AddDevice,
    RemoveDevice,
    Lookup,
    Fetch,
    Create,
    Send,
    Commit,
}

/// Some bytes of a request.
#[derive(Debug, Clone, Arbitrary)]
enum Part {
    Any(Blob),
    Handle,
    Key(u8),
    Address(u8, Bends),
    Account(u8),
    Device(u8),
    Token(u8),
    Certificate(u8, Bends),
    MessageId(u8),
}

type Somebody = Person<MemoryStore>;

struct Post {
    town: Town<MemoryStore>,
    /// Those whom scripts know.
    people: Vec<Somebody>,
    group: Group,
    said: Vec<String>,
    /// Two that no script knows.
    dee: Somebody,
    quiet: Group,
}

thread_local! {
    static RUNTIME: RefCell<tokio::runtime::Runtime> = RefCell::new(
        tokio::runtime::Builder::new_current_thread().build().unwrap(),
    );
}

/// Any sequence of frames to one core: it never breaks, numbers only rise, nothing that was said once comes twice, and those
/// who have nothing to do with it still talk.
pub fn server_sequence(data: &[u8]) {
    let script: Vec<Step> = draw::steps(data, MOST_STEPS);
    RUNTIME.with_borrow(|runtime| {
        runtime.block_on(async {
            let mut post = Post::opens().await;
            for step in &script {
                post.plays(step).await;
            }
            post.ends().await;
        });
    });
}

impl Post {
    async fn opens() -> Self {
        let town = Town::new(MemoryStore::new());
        let mut people = Vec::new();
        for name in ["ada", "bo", "cy"] {
            people.push(town.person(name).await);
        }
        let group = Group::of("climbing", &[&people[0], &people[1], &people[2]]).await;
        let (dee, eve) = (town.person("dee").await, town.person("eve").await);
        let quiet = Group::of("quiet", &[&dee, &eve]).await;
        Self {
            town,
            people,
            group,
            said: Vec::new(),
            dee,
            quiet,
        }
    }

    fn person(&self, which: u8) -> &Somebody {
        &self.people[usize::from(which) % self.people.len()]
    }

    async fn plays(&mut self, step: &Step) {
        match step {
            Step::Raw(who, bytes) => {
                let frame = decode_client(Bytes::copy_from_slice(&bytes.0));
                if let Ok(Some(request)) = frame.map(|frame| frame.request) {
                    self.takes(*who, request).await;
                }
            }
            Step::Built(who, kind, parts, number, flag) => {
                let request = self.built(*kind, &parts.0, *number, *flag);
                self.takes(*who, request).await;
            }
            Step::Says => {
                let text = format!("said {}", self.said.len());
                let _ = self.group.says(&self.town, &text).await;
                self.said.push(text);
            }
            Step::SaysAgain(which) if !self.said.is_empty() => {
                let text = &self.said[usize::from(*which) % self.said.len()];
                let _ = self.group.says(&self.town, text).await;
            }
            Step::Commits(count, removes) => self.commits(*count, *removes).await,
            Step::Listens(who, after) => {
                let feed = self.person(*who).listens(u64::from(*after));
                self.hears(feed).await;
            }
            Step::Acknowledges(who, sequence) => {
                let person = self.person(*who);
                let core = &self.town.core;
                core.acknowledge(&person.device, Sequence(*sequence));
            }
            Step::Passes(seconds) => {
                let time = 8 * Duration::from_secs((*seconds).into());
                self.town.clock.advance(time);
            }
            Step::Sweeps => {
                let _ = self.town.core.sweep().await;
            }
            Step::SaysAgain(_) => {}
        }
    }

    /// On whichever socket it belongs.
    async fn takes(&self, who: u8, request: Request) {
        let core = &self.town.core;
        if let Ok(anonymous) = AnonymousRequest::parse(request.clone()) {
            let _ = core.anonymous(anonymous).await;
            return;
        }
        match request {
            Request::Hello(hello) => drop(core.hello(hello).await),
            Request::Register(register) => drop(core.register(register).await),
            Request::Acknowledge(acknowledge) => {
                let device = &self.person(who).device;
                core.acknowledge(device, Sequence(acknowledge.sequence));
            }
            Request::AcknowledgeSignals(acknowledge) => {
                let device = &self.person(who).device;
                core.acknowledge_signals(device, acknowledge.number);
            }
            request => {
                if let Ok(request) = DeviceRequest::parse(request) {
                    let device = &self.person(who).device;
                    let _ = core.device_request(device, request).await;
                }
            }
        }
    }

    async fn commits(&mut self, count: u8, removes: bool) {
        let count = usize::from(count) % self.people.len() + 1;
        let people = self.people.iter().take(count);
        let roster: Vec<Bytes> = people.map(|person| person.address(0)).collect();
        let id = format!("commit {}", self.said.len());
        let mut commit = self.group.commit(&id, &roster);
        commit.removes = removes;
        let _ = self.group.commits(&self.town, commit).await;
        self.said.push(id);
    }

    /// Takes what a feed has now.
    async fn hears(&self, mut feed: Feed<MemoryStore, ManualClock>) {
        let mut last = 0;
        let mut heard = BTreeSet::new();
        loop {
            let content = tokio::select! {
                biased;
                content = feed.next() => content,
                () = drained() => return,
            };
            let Ok(Content::Deliveries(deliveries)) = content else {
                if content.is_err() {
                    return;
                }
                continue;
            };
            assert!(deliveries.items.len() <= limits::MAX_ITEMS_PER_PUSH);
            for item in &deliveries.items {
                assert!(item.sequence > last, "sequences only rise");
                last = item.sequence;
                let text = text(item);
                if self.said.contains(&text) {
                    assert!(heard.insert(text), "what was said once comes once");
                }
            }
            if deliveries.caught_up {
                return;
            }
        }
    }

    async fn ends(&self) {
        for person in &self.people {
            self.hears(person.listens(0)).await;
        }
        let said = self.quiet.says(&self.town, "still here").await;
        assert!(said.is_ok(), "the others still talk: {said:?}");
        assert_eq!(self.dee.reads().await, ["still here"]);
    }

    fn bytes(&self, part: &Part) -> Bytes {
        match part {
            Part::Any(bytes) => Bytes::copy_from_slice(&bytes.0),
            Part::Handle => self.group.handle.clone(),
            Part::Key(epoch) => self.group.key(u64::from(*epoch)),
            Part::Address(who, bends) => {
                let person = self.person(*who);
                let index = usize::from(*who) / self.people.len() % person.addresses.len();
                bends.bend(&person.address(index)).into()
            }
            Part::Account(who) => self.person(*who).device.account.to_wire(),
            Part::Device(who) => self.person(*who).device.id.to_wire(),
            Part::Token(who) => Bytes::copy_from_slice(&self.person(*who).papers.token),
            Part::Certificate(who, bends) => {
                let certificate = self.person(*who).papers.certificate(|_| ());
                bends.bend(&certificate).into()
            }
            Part::MessageId(which) => message_id(&format!("said {which}")),
        }
    }

    fn built(&self, kind: Kind, parts: &[Part], number: u64, flag: bool) -> Request {
        let part = |index: usize| {
            parts
                .get(index)
                .map_or_else(Bytes::new, |part| self.bytes(part))
        };
        let list = || parts.iter().skip(6).take(6).map(|part| self.bytes(part));
        match kind {
            Kind::Hello => Request::Hello(v1::Hello {
                token: part(0),
                after: number,
            }),
            Kind::Register => Request::Register(v1::Register {
                handle: String::from_utf8_lossy(&part(0)).into(),
                account_key: part(1),
                recovery_key: part(2),
                device_certificate: part(3),
                token_hash: part(4),
                invitation: String::from_utf8_lossy(&part(6)).into(),
                signature: part(5),
            }),
            Kind::Publish => Request::PublishKeyPackages(v1::PublishKeyPackages {
                key_packages: list()
                    .map(|data| v1::KeyPackage {
                        suite: u32::try_from(number % 70_000).unwrap_or(0),
                        data,
                        last_resort: flag,
                    })
                    .collect(),
                replace: flag,
            }),
            Kind::Take => Request::TakeAddresses(v1::TakeAddresses {
                count: u32::try_from(number % 300).unwrap_or(0),
            }),
            Kind::Revoke => Request::RevokeAddresses(v1::RevokeAddresses {
                serials: vec![number, number % 16],
            }),
            Kind::AddDevice => Request::AddDevice(v1::AddDevice {
                device_certificate: part(0),
                token_hash: part(1),
            }),
            Kind::RemoveDevice => Request::RemoveDevice(v1::RemoveDevice {
                device: part(0),
                signature: part(1),
            }),
            Kind::Lookup => Request::Lookup(v1::Lookup {
                by: Some(if flag {
                    v1::lookup::By::Account(part(0))
                } else {
                    v1::lookup::By::Handle(String::from_utf8_lossy(&part(0)).into())
                }),
            }),
            Kind::Fetch => Request::FetchKeyPackages(v1::FetchKeyPackages {
                account: part(0),
                suite: u32::try_from(number % 3).unwrap_or(0),
            }),
            _ => self.in_a_conversation(kind, parts, number, flag),
        }
    }

    fn in_a_conversation(&self, kind: Kind, parts: &[Part], number: u64, flag: bool) -> Request {
        let part = |index: usize| {
            parts
                .get(index)
                .map_or_else(Bytes::new, |part| self.bytes(part))
        };
        let list: Vec<Bytes> = parts
            .iter()
            .skip(6)
            .take(6)
            .map(|part| self.bytes(part))
            .collect();
        let welcomes = list.iter().skip(1).map(|address| v1::WelcomeItem {
            address: address.clone(),
            secrets: part(5),
        });
        let epoch = if flag { self.group.epoch } else { number };
        match kind {
            Kind::Create => Request::Create(v1::Create {
                handle: part(0),
                epoch,
                roster: list.clone(),
                roster_key: part(1),
                message_id: part(2),
                welcomes: welcomes.collect(),
                group_info: part(3),
            }),
            Kind::Send => Request::Send(v1::Send {
                handle: part(0),
                epoch,
                roster_key: part(1),
                message_id: part(2),
                body: part(3),
            }),
            _ => Request::Commit(v1::Commit {
                handle: part(0),
                epoch,
                roster_key: part(1),
                message_id: part(2),
                body: part(3),
                next_roster: list.clone(),
                next_roster_key: part(4),
                welcomes: welcomes.collect(),
                group_info: part(5),
                removes: number.is_multiple_of(2),
            }),
        }
    }
}

/// Lets the committer do what waits.
async fn drained() {
    for _ in 0..32 {
        tokio::task::yield_now().await;
    }
}
