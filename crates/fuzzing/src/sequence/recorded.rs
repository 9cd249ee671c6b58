//! What was recorded in a town of real engines: one device's database at a moment, and all that came for it afterwards.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use keyfold_engine::Command;
use keyfold_protocol::content::{self, Author};
use keyfold_protocol::envelope;
use keyfold_server::seal::AddressKey;
use keyfold_wire::ids::{
    AccountId, ConversationId, DeviceId, Epoch, MailboxId, MessageId, Timestamp,
};
use keyfold_wire::v1;
use keyfold_wire::v1::client_frame::Request as Body;
use keyfold_wire::v1::server_frame::Content;
use tempfile::TempDir;

use crate::town::copied::Copied;
use crate::town::person::copy_database;
use crate::town::{Town, Who};

/// What ada says in the conversation that nobody has touched.
pub(super) const AFTERWARDS: &str = "still here";

/// A town's records, from bo's side.
pub(super) struct Recorded {
    folder: TempDir,
    runs: RefCell<u64>,
    base: PathBuf,
    /// When the database was copied.
    pub(super) now: Timestamp,
    /// The last sequence that it has.
    pub(super) applied: u64,
    /// Its conversations.
    pub(super) conversations: Vec<ConversationId>,
    /// What came for bo before and, from `begin`, after that moment, in order.
    pub(super) own: Vec<v1::Item>,
    /// Where in `own` the moment is.
    pub(super) begin: usize,
    /// What came for others.
    pub(super) foreign: Vec<v1::Item>,
    /// A welcome to another conversation and what was said in it. No script has these.
    pub(super) afterwards: Vec<v1::Item>,
    /// Whoever there is.
    pub(super) people: Vec<(String, AccountId)>,
    /// What the directory says of them.
    pub(super) accounts: Vec<v1::Account>,
    /// A key package of each, by suite.
    pub(super) packages: Vec<(u32, AccountId, v1::KeyPackages)>,
    /// Bo's own device.
    pub(super) device: DeviceId,
    /// Cy's device with a modified client, as it was at that moment.
    pub(super) traitor: RefCell<Copied>,
    /// The group that the traitor is in with bo.
    pub(super) club: ConversationId,
    /// MLS messages of that group at that moment, out of their envelopes.
    pub(super) inner: Vec<Vec<u8>>,
    /// A message of the traitor, before encryption.
    pub(super) contents: Vec<Vec<u8>>,
    /// What was said, by whomever.
    pub(super) texts: BTreeSet<String>,
    /// Bo's mailbox at the server.
    pub(super) mailbox: MailboxId,
    /// Which of bo's addresses each conversation has at the server, by its handle.
    pub(super) serials: BTreeMap<Bytes, u64>,
    /// The conversation that nobody has touched.
    pub(super) afterwards_id: ConversationId,
}

/// The key that the town's server seals addresses under.
pub(super) fn address_key() -> AddressKey {
    AddressKey::new(1, &[7; 32])
}

struct Cast {
    ada: Who,
    bo: Who,
    cy: Who,
    dee: Who,
    club: ConversationId,
    talk: ConversationId,
}

/// What happens while bo is away.
struct Later {
    second: ConversationId,
    afterwards: ConversationId,
    /// When `afterwards` begins.
    at: Timestamp,
}

impl Cast {
    const fn everybody(&self) -> [Who; 4] {
        [self.ada, self.bo, self.cy, self.dee]
    }
}

impl Recorded {
    pub(super) fn new() -> Self {
        let mut town = Town::on_disk(1);
        let cast = begins(&mut town);
        let Cast { bo, cy, club, .. } = cast;
        let (now, applied) = (town.now(), town.people[bo.0].applied());
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path().join("base.db");
        copy_database(town.people[bo.0].file.as_deref().unwrap(), &base);
        let mut traitor = Copied::of(&town.people[cy.0]);
        town.goes_offline(bo);
        let accounts = directory(&mut town, &cast.everybody());
        let packages = packages(&mut town, &accounts);
        let later = goes_on_without_bo(&mut town, &cast);
        town.comes_back(bo);
        let (own, afterwards): (Vec<_>, Vec<_>) = town.people[bo.0]
            .recorded
            .iter()
            .cloned()
            .partition(|item| item.received_ms < later.at.0);
        assert_eq!(afterwards.len(), 2, "a welcome and a message");
        let begin = own.iter().filter(|item| item.sequence <= applied).count();
        assert!(own.len() > begin + 10, "much has come");
        let me = |who: Who| town.people[who.0].engine.me().unwrap().unwrap();
        let inner = inner(&mut traitor, club, &own[begin..]);
        assert!(inner.len() > 3, "there is something to seal again");
        let (mailbox, serials) = serials(&town, &cast, &later);
        Self {
            runs: RefCell::new(0),
            base,
            folder,
            now,
            applied,
            conversations: vec![club, cast.talk],
            begin,
            afterwards,
            device: me(bo).device,
            people: cast
                .everybody()
                .map(|who| (me(who).handle, me(who).account))
                .to_vec(),
            accounts,
            packages,
            contents: contents(&mut traitor, club),
            traitor: RefCell::new(traitor),
            club,
            inner,
            texts: texts(&town, &cast, &later),
            mailbox,
            serials,
            afterwards_id: later.afterwards,
            foreign: [cast.ada, cy]
                .map(|who| town.people[who.0].recorded.clone())
                .concat(),
            own,
        }
    }

    /// A copy of the database, for one run.
    pub(super) fn copy(&self) -> PathBuf {
        *self.runs.borrow_mut() += 1;
        let copy = self.path(&format!("{}.db", self.runs.borrow()));
        copy_database(&self.base, &copy);
        copy
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What is left of a run is deleted.
    pub(super) fn clear(path: &Path) {
        for ending in ["", "-wal", "-shm", "-journal"] {
            let _ = std::fs::remove_file(format!("{}{ending}", path.display()));
        }
    }
}

/// Two conversations, with something said in each, and everybody's keys renewed.
fn begins(town: &mut Town) -> Cast {
    let [ada, bo, cy, dee] = town.people(["ada", "bo", "cy", "dee"]);
    let club = town.creates_group(ada, "club", &[bo, cy]);
    let talk = town.meets(bo, ada);
    for (who, conversation, text) in [
        (ada, club, "hello"),
        (cy, club, "hello you"),
        (bo, club, "hello both"),
        (ada, talk, "between us"),
    ] {
        town.says(who, conversation, text);
        town.settles();
    }
    town.passes(Duration::from_mins(5));
    town.says(cy, club, "all set");
    town.settles();
    Cast {
        ada,
        bo,
        cy,
        dee,
        club,
        talk,
    }
}

/// What bo finds in the mailbox: messages, commits of every kind, an invitation; and at last what is kept from the
/// scripts.
fn goes_on_without_bo(town: &mut Town, cast: &Cast) -> Later {
    let Cast {
        ada,
        bo,
        cy,
        dee,
        club,
        talk,
    } = *cast;
    for text in ["one", "two", "three"] {
        town.says(ada, club, &format!("ada's {text}"));
        town.says(cy, club, &format!("cy's {text}"));
        town.says(ada, talk, &format!("between us, {text}"));
        town.settles();
    }
    town.does(ada, Command::Update { conversation: club })
        .unwrap();
    town.settles();
    town.says(cy, club, "after the update");
    town.settles();
    town.adds(ada, club, &[dee]);
    town.settles();
    town.says(dee, club, "dee is here");
    let rename = Command::Rename {
        conversation: club,
        name: "society".to_owned(),
    };
    town.does(ada, rename).unwrap();
    town.settles();
    let second = town.creates_group(cy, "second", &[bo, dee]);
    town.says(cy, second, "another group");
    town.settles();
    town.removes(ada, club, &[dee]);
    town.settles();
    town.says(ada, club, "the last word");
    town.settles();
    town.passes(Duration::from_mins(10));
    let at = town.now();
    let afterwards = town.creates_group(ada, "afterwards", &[bo]);
    town.says(ada, afterwards, AFTERWARDS);
    town.settles();
    Later {
        second,
        afterwards,
        at,
    }
}

fn texts(town: &Town, cast: &Cast, later: &Later) -> BTreeSet<String> {
    let (ada, cy) = (cast.ada, cast.cy);
    [
        town.reads(ada, cast.club),
        town.reads(ada, cast.talk),
        town.reads(cy, later.second),
        town.reads(ada, later.afterwards),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Bo's mailbox, and its address in each conversation.
fn serials(town: &Town, cast: &Cast, later: &Later) -> (MailboxId, BTreeMap<Bytes, u64>) {
    let key = address_key();
    let bos = town.people[cast.bo.0].engine.me().unwrap().unwrap().device;
    let mut found = BTreeMap::new();
    let mut mailbox = None;
    for (who, conversation) in [
        (cast.ada, cast.club),
        (cast.ada, cast.talk),
        (cast.cy, later.second),
        (cast.ada, later.afterwards),
    ] {
        let group = Copied::of(&town.people[who.0]).group(conversation);
        let mut leaves = group.view().leaves.iter();
        let leaf = leaves.find(|leaf| leaf.device() == bos).unwrap();
        let target = key.open(&leaf.address).unwrap();
        mailbox = Some(target.mailbox);
        found.insert(group.state().handle.to_wire(), target.serial.0);
    }
    (mailbox.unwrap(), found)
}

fn directory(town: &mut Town, people: &[Who]) -> Vec<v1::Account> {
    let look = |who: &Who| {
        let by = v1::lookup::By::Handle(town.handle(*who));
        let Ok(Content::Account(account)) = town.asks(Body::Lookup(v1::Lookup { by: Some(by) }))
        else {
            panic!("nobody there");
        };
        account
    };
    people.iter().map(look).collect()
}

fn packages(town: &mut Town, directory: &[v1::Account]) -> Vec<(u32, AccountId, v1::KeyPackages)> {
    let mut all = Vec::new();
    for account in directory {
        for suite in keyfold_protocol::suite::Suite::ALL {
            let suite = u32::from(suite.number());
            let fetch = v1::FetchKeyPackages {
                account: account.account.clone(),
                suite,
            };
            let Ok(Content::KeyPackages(found)) = town.asks(Body::FetchKeyPackages(fetch)) else {
                panic!("no key packages");
            };
            let account = AccountId::try_from(&*account.account).unwrap();
            all.push((suite, account, found));
        }
    }
    all
}

/// The MLS messages in these items that the traitor's state opens the envelopes of.
fn inner(traitor: &mut Copied, club: ConversationId, items: &[v1::Item]) -> Vec<Vec<u8>> {
    let group = traitor.group(club);
    let key = traitor.with(|mls, _| group.envelope_key(mls)).unwrap();
    let open = |item: &v1::Item| match &item.content {
        Some(v1::item::Content::Message(message)) => {
            let id = MessageId::try_from(&*message.message_id).unwrap();
            envelope::open(&key, Epoch(message.epoch), id, &message.body).ok()
        }
        _ => None,
    };
    items.iter().filter_map(open).collect()
}

fn contents(traitor: &mut Copied, club: ConversationId) -> Vec<Vec<u8>> {
    let group = traitor.group(club);
    let own = group.member(group.own_index()).unwrap();
    let author = Author::new(own, club);
    let text = |counter: u64| {
        let text = format!("said by a modified client, {counter}");
        content::text(&author, counter, &text, &mut traitor.rng)
            .unwrap()
            .encoded
    };
    // The next one, one that leaves a gap, and numbers that nobody counts to.
    [3, 4, 40, 0, i64::MAX as u64, u64::MAX].map(text).to_vec()
}
