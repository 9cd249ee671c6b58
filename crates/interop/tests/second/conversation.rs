//! A conversation as the second client has it: what comes in, and what it makes.

use std::collections::HashMap;

use keyfold_protocol::content::{self, Author, Body, Unverified};
use keyfold_protocol::envelope;
use keyfold_protocol::identity::DeviceKeys;
use keyfold_protocol::leave::LeaveProof;
use keyfold_protocol::rules::LeafView;
use keyfold_protocol::welcome;
use keyfold_wire::ids::{AccountId, ConversationId, DeviceId, MessageId};
use keyfold_wire::v1;
use mls_rs::MlsMessage;
use mls_rs::group::{CommitEffect, CommitOutput, CommitSecrets, ReceivedMessage};

use super::epoch::Epoch;
use super::mls::{self, MlsClient, MlsGroup};

/// What is said: as the timeline shows it, and as encoded.
pub type Content = (String, Vec<u8>);

/// A commit of its own that waits for its place.
struct Pending {
    id: MessageId,
    secrets: CommitSecrets,
    next: Epoch,
}

pub struct Conversation {
    group: MlsGroup,
    pub now: Epoch,
    before: Option<Epoch>,
    pending: Option<Pending>,
    /// Texts of its own that have not come back.
    waiting: HashMap<MessageId, String>,
    said: u64,
    heard: HashMap<(AccountId, DeviceId), u64>,
    /// Who said what, in the order of all.
    pub timeline: Vec<String>,
    /// Proofs of those that leave and whom nobody has removed yet.
    pub leavers: Vec<LeaveProof>,
    /// It is a member no more.
    pub out: bool,
}

impl Conversation {
    pub fn new(mut group: MlsGroup) -> Self {
        group.write_to_storage().unwrap();
        Self {
            now: Epoch::of(&group),
            group,
            before: None,
            pending: None,
            waiting: HashMap::new(),
            said: 0,
            heard: HashMap::new(),
            timeline: Vec::new(),
            leavers: Vec::new(),
            out: false,
        }
    }

    pub fn id(&self) -> ConversationId {
        self.now.view.state.id
    }

    pub fn group(&mut self) -> &mut MlsGroup {
        &mut self.group
    }

    fn own_leaf(&self) -> &LeafView {
        let own = self.group.current_member_index();
        self.now
            .view
            .leaves
            .iter()
            .find(|leaf| leaf.index.0 == own)
            .unwrap()
    }

    /// A text, counted.
    pub fn text(&mut self, text: &str) -> Content {
        self.said += 1;
        let author = Author::new(self.own_leaf(), self.id());
        let made = content::text(&author, self.said, text, &mut rand::rng()).unwrap();
        (text.to_owned(), made.encoded)
    }

    /// Its account's word that it leaves, counted.
    pub fn leaving(&mut self, keys: &DeviceKeys) -> Content {
        self.said += 1;
        let author = Author::new(self.own_leaf(), self.id());
        let proof = LeaveProof::make(keys, &self.now.view.group_id, self.own_leaf());
        let made = content::leaving(&author, self.said, &proof, &mut rand::rng());
        ("(leaves)".to_owned(), made.encoded)
    }

    /// The request that says it, encrypted in the present epoch.
    pub fn says(&mut self, (shown, encoded): &Content) -> v1::Send {
        let id = MessageId::new(rand::random());
        self.waiting.insert(id, shown.clone());
        self.send(id, encoded)
    }

    fn send(&mut self, id: MessageId, content: &[u8]) -> v1::Send {
        let message = self
            .group
            .encrypt_application_message(content, Vec::new())
            .unwrap();
        self.group.write_to_storage().unwrap();
        v1::Send {
            handle: self.now.view.state.handle.to_wire(),
            epoch: self.now.number().0,
            roster_key: self.now.roster_key.as_bytes().to_vec().into(),
            message_id: id.to_wire(),
            body: self.seal(id, &message).into(),
        }
    }

    fn seal(&self, id: MessageId, message: &MlsMessage) -> Vec<u8> {
        let message = message.to_bytes().unwrap();
        let key = &self.now.envelope_key;
        envelope::seal(key, self.now.number(), id, &message, &mut rand::rng()).unwrap()
    }

    /// The request for a commit that was built detached, and what it leads to. It stays pending.
    pub fn commits(
        &mut self,
        mls: &MlsClient,
        packages: &[MlsMessage],
        built: (CommitOutput, CommitSecrets),
    ) -> v1::Commit {
        let (output, secrets) = built;
        let next = self.after(mls, &secrets);
        let id = MessageId::new(rand::random());
        let (welcomes, group_info) = welcomes(&output, packages, &next);
        let stay = |leaf: &LeafView| next.view.leaves.iter().any(|other| same(other, leaf));
        let request = v1::Commit {
            handle: self.now.view.state.handle.to_wire(),
            epoch: self.now.number().0,
            roster_key: self.now.roster_key.as_bytes().to_vec().into(),
            message_id: id.to_wire(),
            body: self.seal(id, output.commit_message()).into(),
            next_roster: next.addresses(),
            next_roster_key: next.roster_key.as_bytes().to_vec().into(),
            welcomes,
            group_info: group_info.into(),
            removes: !self.now.view.leaves.iter().all(stay),
        };
        self.pending = Some(Pending { id, secrets, next });
        request
    }

    /// The request that begins the conversation with those whom this commit adds. It is merged at once.
    pub fn begins(
        &mut self,
        mls: &MlsClient,
        packages: &[MlsMessage],
        built: (CommitOutput, CommitSecrets),
    ) -> v1::Create {
        let (output, secrets) = built;
        let next = self.after(mls, &secrets);
        let (welcomes, group_info) = welcomes(&output, packages, &next);
        self.group.apply_detached_commit(secrets).unwrap();
        self.enter(next);
        v1::Create {
            handle: self.now.view.state.handle.to_wire(),
            epoch: self.now.number().0,
            roster: self.now.addresses(),
            roster_key: self.now.roster_key.as_bytes().to_vec().into(),
            message_id: MessageId::new(rand::random()).to_wire(),
            welcomes,
            group_info: group_info.into(),
        }
    }

    /// The epoch that a commit leads to. `mls-rs` exports from a group's present epoch only: so from a copy that goes on.
    fn after(&mut self, mls: &MlsClient, secrets: &CommitSecrets) -> Epoch {
        let mut copy = self.copy(mls);
        copy.apply_detached_commit(secrets.clone()).unwrap();
        Epoch::of(&copy)
    }

    fn copy(&mut self, mls: &MlsClient) -> MlsGroup {
        self.group.write_to_storage().unwrap();
        mls.load_group(self.group.group_id()).unwrap()
    }

    /// The server says that another commit was first.
    pub fn lost(&mut self) {
        self.pending = None;
        self.waiting.clear();
    }

    pub fn is_pending(&self) -> bool {
        self.pending.is_some()
    }

    /// What the server delivers.
    pub fn takes(&mut self, mls: &MlsClient, message: &v1::Message) {
        let id = MessageId::try_from(message.message_id.as_ref()).unwrap();
        if let Some(text) = self.waiting.remove(&id) {
            let own = self.own_leaf().certificate.handle.clone();
            self.timeline.push(format!("{own}: {text}"));
            return;
        }
        if self
            .pending
            .as_ref()
            .is_some_and(|pending| pending.id == id)
        {
            let pending = self.pending.take().unwrap();
            let (roster, key) = (&pending.next.roster, &pending.next.roster_key);
            roster.check(key, message.commit.as_ref()).unwrap();
            self.group.apply_detached_commit(pending.secrets).unwrap();
            self.enter(pending.next);
            return;
        }
        self.opens(mls, id, message);
    }

    fn opens(&mut self, mls: &MlsClient, id: MessageId, message: &v1::Message) {
        let epoch = if message.epoch == self.now.number().0 {
            &self.now
        } else {
            self.before.as_ref().unwrap()
        };
        assert_eq!(epoch.number().0, message.epoch);
        let opened =
            envelope::open(&epoch.envelope_key, epoch.number(), id, &message.body).unwrap();
        let opened = MlsMessage::from_bytes(&opened).unwrap();
        if message.commit.is_some() {
            self.follows(mls, opened, message.commit.as_ref());
            return;
        }
        let leaves = epoch.view.leaves.clone();
        let received = self.group.process_incoming_message(opened).unwrap();
        let ReceivedMessage::ApplicationMessage(application) = received else {
            panic!("not a message");
        };
        self.group.write_to_storage().unwrap();
        let leaf = leaves
            .iter()
            .find(|leaf| leaf.index.0 == application.sender_index)
            .unwrap();
        self.hears(leaf, application.data().to_vec());
    }

    fn hears(&mut self, leaf: &LeafView, content: Vec<u8>) {
        let content = Unverified::new(content)
            .verify(self.id(), &self.now.view.group_id, leaf)
            .unwrap();
        let counted = self.heard.entry((leaf.account(), leaf.device()));
        let last = counted.or_insert(content.counter - 1);
        assert_eq!(content.counter, *last + 1, "a message is missing");
        *last = content.counter;
        let handle = &leaf.certificate.handle;
        match content.body {
            Body::Text(text) => self.timeline.push(format!("{handle}: {}", text.text)),
            Body::Leaving(proof) => self.leavers.push(proof),
            Body::Edit { .. }
            | Body::Deletion(_)
            | Body::Reaction(_)
            | Body::File(_)
            | Body::Pin { .. }
            | Body::Profile(_)
            | Body::Poll(_)
            | Body::Vote(_)
            | Body::PollEnd(_)
            | Body::Location(_)
            | Body::Card(_)
            | Body::Once(_)
            | Body::Unsupported => {
                panic!("nobody here says such")
            }
        }
    }

    /// A commit of another member. It is tried on a copy, which takes the group's place once the roster is checked.
    fn follows(&mut self, mls: &MlsClient, commit: MlsMessage, check: Option<&v1::CommitCheck>) {
        let mut copy = self.copy(mls);
        let ReceivedMessage::Commit(commit) = copy.process_incoming_message(commit).unwrap() else {
            panic!("not a commit");
        };
        let proofs = LeaveProof::decode_list(&commit.authenticated_data).unwrap();
        for proof in &proofs {
            let mut leaves = self.now.view.leaves.iter();
            assert!(leaves.any(|leaf| proof.is_valid(&self.now.view.group_id, leaf)));
        }
        if let CommitEffect::Removed { .. } = commit.effect {
            self.out = true;
            return;
        }
        let next = Epoch::of(&copy);
        next.roster.check(&next.roster_key, check).unwrap();
        self.group = copy;
        self.enter(next);
    }

    fn enter(&mut self, next: Epoch) {
        self.group.write_to_storage().unwrap();
        let members = next.view.accounts();
        self.leavers
            .retain(|proof| members.contains(&proof.account));
        self.before = Some(std::mem::replace(&mut self.now, next));
    }
}

fn same(one: &LeafView, other: &LeafView) -> bool {
    (one.account(), one.device()) == (other.account(), other.device())
}

/// Everybody's part of the Welcome, for the address in the key package that it is for, and the part that they share.
fn welcomes(
    output: &CommitOutput,
    packages: &[MlsMessage],
    next: &Epoch,
) -> (Vec<v1::WelcomeItem>, Vec<u8>) {
    let [whole] = output.welcome_messages() else {
        assert!(output.welcome_messages().is_empty());
        return Default::default();
    };
    let taken = welcome::split(&whole.to_bytes().unwrap()).unwrap();
    assert_eq!(packages.len(), taken.joiners.len());
    let item = |joiner: welcome::Joiner| {
        let is_for = |package: &&MlsMessage| mls::reference(package) == joiner.key_package_ref;
        let joins = mls::device_of(packages.iter().find(is_for).unwrap());
        let mut leaves = next.view.leaves.iter();
        let leaf = leaves.find(|leaf| (leaf.account(), leaf.device()) == joins);
        v1::WelcomeItem {
            address: leaf.unwrap().address.clone().into(),
            secrets: joiner.secrets.into(),
        }
    };
    (
        taken.joiners.into_iter().map(item).collect(),
        taken.group_info,
    )
}
