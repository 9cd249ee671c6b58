//! A client that shares no MLS with Keyfold's: `mls-rs` for all of it. It keeps to `docs/protocol` and takes from Keyfold what is not
//! MLS: frames, certificates, envelopes, padding, content, rosters.

mod conversation;
mod epoch;
mod mls;
mod socket;

use std::collections::{BTreeMap, HashMap};

use keyfold_protocol::identity::{
    AccountKey, CertificateRequest, DeviceKeys, DeviceToken, RecoveryKey, Registration,
};
use keyfold_protocol::leave::LeaveProof;
use keyfold_protocol::rules::LeafIndex;
use keyfold_protocol::state::{ConversationState, Name, Role};
use keyfold_protocol::suite::Suite;
use keyfold_protocol::welcome;
use keyfold_wire::frame::{ANONYMOUS_PATH, MAILBOX_PATH};
use keyfold_wire::ids::{AccountId, ConversationHandle, ConversationId};
use keyfold_wire::v1::client_frame::Request;
use keyfold_wire::v1::server_frame::Content;
use keyfold_wire::v1::{self, item};
use mls_rs::MlsMessage;
use mls_rs::group::CommitBuilder;

use crate::kit::server::Server;
use conversation::Conversation;
use mls::MlsClient;
use socket::Socket;

/// How long its certificate lasts.
const CERTIFIED: std::time::Duration = std::time::Duration::from_hours(400 * 24);

type Builder<'a> = CommitBuilder<'a, mls::Given>;

/// Somebody with such a client.
pub struct Second {
    account: AccountKey,
    keys: DeviceKeys,
    mls: MlsClient,
    mailbox: Socket,
    anonymous: Socket,
    /// Which conversation an address is for; none yet: it is in a key package.
    serials: HashMap<u64, Option<ConversationId>>,
    conversations: BTreeMap<ConversationId, Conversation>,
}

impl Second {
    /// Registers a device that speaks the classic suite, and publishes key packages.
    pub async fn registers(server: &Server, handle: &str) -> Self {
        let rng = &mut rand::rng();
        let (account, keys) = (AccountKey::generate(rng), DeviceKeys::generate(rng));
        let created = keyfold_client::now();
        let request = CertificateRequest {
            handle: handle.to_owned(),
            device: keys.device(),
            signature_key: keys.public(),
            suites: vec![Suite::Classic],
            created,
            expires: created.after(CERTIFIED),
        };
        let register = account
            .register(&Registration {
                certificate: &request,
                recovery: &RecoveryKey::generate(rng),
                token: &DeviceToken::generate(rng),
                invitation: "",
            })
            .unwrap();
        let mls = mls::client(&keys, &register.device_certificate);
        let mut mailbox = Socket::open(server.address(), MAILBOX_PATH).await;
        let greeted = mailbox.ask(Request::Register(register)).await;
        assert!(
            matches!(greeted, Content::Greeting(_)),
            "{}",
            said(&greeted)
        );
        let mut second = Self {
            account,
            keys,
            mls,
            mailbox,
            anonymous: Socket::open(server.address(), ANONYMOUS_PATH).await,
            serials: HashMap::new(),
            conversations: BTreeMap::new(),
        };
        second.publishes().await;
        second
    }

    async fn publishes(&mut self) {
        let suite = u32::from(Suite::Classic.number());
        let mut key_packages = Vec::new();
        for number in 0..3 {
            let address = self.address(None).await;
            let last_resort = number == 0;
            let extensions = if last_resort {
                mls::last_resort()
            } else {
                mls_rs::ExtensionList::new()
            };
            key_packages.push(v1::KeyPackage {
                suite,
                data: mls::key_package(&self.mls, &address, extensions).into(),
                last_resort,
            });
        }
        let publish = v1::PublishKeyPackages {
            key_packages,
            replace: true,
        };
        let done = self.mailbox.ask(Request::PublishKeyPackages(publish)).await;
        assert!(matches!(done, Content::Done(_)), "{}", said(&done));
    }

    async fn address(&mut self, conversation: Option<ConversationId>) -> Vec<u8> {
        let take = v1::TakeAddresses { count: 1 };
        let Content::Addresses(taken) = self.mailbox.ask(Request::TakeAddresses(take)).await else {
            panic!("no address");
        };
        let [address] = taken.addresses.as_slice() else {
            panic!("one was asked for");
        };
        self.serials.insert(address.serial, conversation);
        address.address.to_vec()
    }

    pub fn account(&self) -> AccountId {
        self.account.account()
    }

    /// Whether it has joined.
    pub fn knows(&self, conversation: ConversationId) -> bool {
        self.conversations.contains_key(&conversation)
    }

    pub fn reads(&self, conversation: ConversationId) -> &[String] {
        self.conversations
            .get(&conversation)
            .map_or(&[], |one| &one.timeline)
    }

    pub fn members(&self, conversation: ConversationId) -> Vec<&str> {
        self.conversations[&conversation].now.handles()
    }

    pub fn state(&self, conversation: ConversationId) -> &ConversationState {
        &self.conversations[&conversation].now.view.state
    }

    pub fn epoch(&self, conversation: ConversationId) -> u64 {
        self.conversations[&conversation].now.number().0
    }

    pub fn is_out(&self, conversation: ConversationId) -> bool {
        self.conversations[&conversation].out
    }

    pub fn leavers(&self, conversation: ConversationId) -> usize {
        self.conversations[&conversation].leavers.len()
    }

    /// Takes in what is delivered, until it is so.
    pub async fn until(&mut self, mut so: impl FnMut(&Self) -> bool) {
        while !so(self) {
            let deliveries = self.mailbox.deliveries().await;
            for item in &deliveries.items {
                self.takes(item).await;
            }
        }
    }

    /// Waits until a conversation's timeline reads so.
    pub async fn comes_to_read(&mut self, conversation: ConversationId, expected: &[&str]) {
        self.until(|own| own.reads(conversation) == expected).await;
    }

    async fn takes(&mut self, item: &v1::Item) {
        match item.content.as_ref().unwrap() {
            item::Content::Welcome(invitation) => self.joins(item.serial, invitation),
            item::Content::Message(message) => {
                let id = self.serials[&item.serial].expect("a conversation's address");
                let conversation = self.conversations.get_mut(&id).unwrap();
                conversation.takes(&self.mls, message);
            }
        }
        let sequence = item.sequence;
        let acknowledge = Request::Acknowledge(v1::Acknowledge { sequence });
        self.mailbox.tell(acknowledge).await;
    }

    fn joins(&mut self, serial: u64, invitation: &v1::Welcome) {
        let whole = welcome::rebuild(&invitation.secrets, &invitation.group_info).unwrap();
        let whole = MlsMessage::from_bytes(&whole).unwrap();
        let (group, _) = self.mls.join_group(None, &whole, None).unwrap();
        let conversation = Conversation::new(group);
        let id = conversation.id();
        self.serials.insert(serial, Some(id));
        assert!(self.conversations.insert(id, conversation).is_none());
    }

    pub async fn says(&mut self, id: ConversationId, text: &str) {
        let content = self.conversation(id).text(text);
        self.sends(id, content).await;
    }

    pub async fn leaves(&mut self, id: ConversationId) {
        let keys = DeviceKeys::from_secret_bytes(self.keys.to_secret_bytes().as_slice()).unwrap();
        let content = self.conversation(id).leaving(&keys);
        self.sends(id, content).await;
    }

    fn conversation(&mut self, id: ConversationId) -> &mut Conversation {
        self.conversations.get_mut(&id).unwrap()
    }

    /// Encrypts anew for as long as the group has moved on meanwhile.
    async fn sends(&mut self, id: ConversationId, content: conversation::Content) {
        loop {
            let request = Request::Send(self.conversation(id).says(&content));
            if self.is_accepted(id, request).await {
                return;
            }
        }
    }

    /// Where it was not, because the group has moved on: follows it first.
    async fn is_accepted(&mut self, id: ConversationId, request: Request) -> bool {
        match self.anonymous.ask(request).await {
            Content::Accepted(_) => true,
            Content::Refused(refused) if refused.code() == v1::RefusalCode::Stale => {
                self.conversation(id).lost();
                self.until(|own| own.epoch(id) >= refused.epoch).await;
                false
            }
            answer => panic!("{}", said(&answer)),
        }
    }

    async fn accepted(&mut self, request: Request) {
        let answer = self.anonymous.ask(request).await;
        assert!(matches!(answer, Content::Accepted(_)), "{}", said(&answer));
    }

    /// Commits, and waits until that has come back. How often another commit was first.
    async fn commits(
        &mut self,
        id: ConversationId,
        packages: &[MlsMessage],
        build: impl for<'a> Fn(Builder<'a>) -> Builder<'a>,
    ) -> usize {
        for losses in 0.. {
            let conversation = self.conversations.get_mut(&id).unwrap();
            let built = build(conversation.group().commit_builder()).build_detached();
            let request = conversation.commits(&self.mls, packages, built.unwrap());
            if self.is_accepted(id, Request::Commit(request)).await {
                self.until(|own| !own.conversations[&id].is_pending()).await;
                return losses;
            }
        }
        unreachable!("it is tried until it is accepted")
    }

    /// Replaces its keys; with a new address, too.
    pub async fn updates(&mut self, id: ConversationId) -> usize {
        let address = self.address(Some(id)).await;
        let leaf = mls::leaf(&address);
        self.commits(id, &[], |builder| {
            builder.set_leaf_node_extensions(leaf.clone())
        })
        .await
    }

    pub async fn adds(&mut self, id: ConversationId, handle: &str) -> usize {
        let account = self.looks_up(handle).await;
        let packages = self.key_packages(account).await;
        self.commits(id, &packages, |builder| adding(builder, &packages))
            .await
    }

    pub async fn removes(&mut self, id: ConversationId, account: AccountId) -> usize {
        self.takes_out(id, account, Vec::new()).await
    }

    /// Removes those who said that they leave, and shows their proofs.
    pub async fn lets_go(&mut self, id: ConversationId) -> usize {
        let [proof] = self.conversations[&id].leavers.as_slice() else {
            panic!("one of them leaves");
        };
        let proof = *proof;
        self.takes_out(id, proof.account, vec![proof]).await
    }

    async fn takes_out(
        &mut self,
        id: ConversationId,
        account: AccountId,
        proofs: Vec<LeaveProof>,
    ) -> usize {
        let view = &self.conversations[&id].now.view;
        let leaves = view.leaves.iter().filter(|leaf| leaf.account() == account);
        let leaves: Vec<LeafIndex> = leaves.map(|leaf| leaf.index).collect();
        let state = view.state_after(&leaves, &[]);
        self.commits(id, &[], |mut builder| {
            for leaf in &leaves {
                builder = builder.remove_member(leaf.0).unwrap();
            }
            if let Some(state) = &state {
                builder = builder.set_group_context_ext(mls::context(state)).unwrap();
            }
            builder.authenticated_data(LeaveProof::encode_list(&proofs))
        })
        .await
    }

    pub async fn gives_role(
        &mut self,
        id: ConversationId,
        account: AccountId,
        role: Role,
    ) -> usize {
        let mut state = self.state(id).clone();
        state.set_role(account, role);
        self.commits(id, &[], |builder| {
            builder.set_group_context_ext(mls::context(&state)).unwrap()
        })
        .await
    }

    /// A group with this name; without one, a direct conversation.
    pub async fn creates(&mut self, name: Option<&str>, people: &[&str]) -> ConversationId {
        let (id, handle) = (
            ConversationId::new(rand::random()),
            ConversationHandle::new(rand::random()),
        );
        let mut packages = Vec::new();
        let mut last = self.account();
        for person in people {
            last = self.looks_up(person).await;
            packages.extend(self.key_packages(last).await);
        }
        let own = self.account();
        let state = match name {
            Some(name) => ConversationState::group(id, handle, Name::new(name).unwrap(), own),
            None => ConversationState::direct(id, handle, own, last).unwrap(),
        };
        let address = self.address(Some(id)).await;
        let group_id: [u8; 32] = rand::random();
        let mut conversation =
            Conversation::new(mls::group(&self.mls, &group_id, &state, &address));
        let builder = conversation.group().commit_builder();
        let built = adding(builder, &packages).build_detached().unwrap();
        let create = conversation.begins(&self.mls, &packages, built);
        self.conversations.insert(id, conversation);
        self.accepted(Request::Create(create)).await;
        id
    }

    async fn looks_up(&mut self, handle: &str) -> AccountId {
        let by = Some(v1::lookup::By::Handle(handle.to_owned()));
        match self.anonymous.ask(Request::Lookup(v1::Lookup { by })).await {
            Content::Account(found) => AccountId::try_from(found.account.as_ref()).unwrap(),
            answer => panic!("{handle}: {}", said(&answer)),
        }
    }

    /// One for each of an account's devices.
    async fn key_packages(&mut self, account: AccountId) -> Vec<MlsMessage> {
        let fetch = v1::FetchKeyPackages {
            account: account.to_wire(),
            suite: Suite::Classic.number().into(),
        };
        match self.anonymous.ask(Request::FetchKeyPackages(fetch)).await {
            Content::KeyPackages(found) => found
                .devices
                .iter()
                .map(|device| MlsMessage::from_bytes(&device.key_package).unwrap())
                .collect(),
            answer => panic!("{}", said(&answer)),
        }
    }
}

fn adding<'a>(mut builder: Builder<'a>, packages: &[MlsMessage]) -> Builder<'a> {
    for package in packages {
        builder = builder.add_member(package.clone()).unwrap();
    }
    builder
}

/// What the server answered, for whoever reads why a story failed.
fn said(answer: &Content) -> &'static str {
    match answer {
        Content::Refused(refused) => refused.code().as_str_name(),
        _ => "another answer than was asked for",
    }
}
