//! Somebody with Keyfold's own client, as the product runs it: profile, engine on SQLCipher, sockets.

use keyfold_client::Client;
use keyfold_client::profile::key::Passphrase;
use keyfold_client::profile::settings::Settings;
use keyfold_client::profile::{Keep, Locked};
use keyfold_engine::view::{Conversation, Entry, Standing, State, What};
use keyfold_engine::{Answer, Command};
use keyfold_protocol::state::Role;
use keyfold_protocol::suite::Suite;
use keyfold_wire::ids::{AccountId, ConversationId};
use tempfile::TempDir;

use super::server::Server;
use super::soon;

pub struct Person {
    pub handle: &'static str,
    client: Client,
    _folder: TempDir,
}

impl Person {
    /// Registers with a device that speaks both suites.
    pub async fn registers(server: &Server, handle: &'static str) -> Self {
        let folder = TempDir::new().unwrap();
        let locked = Locked::take_or_make(&folder.path().join("profile")).unwrap();
        let settings = Settings {
            server: format!("http://{}", server.address()).parse().unwrap(),
            ca: None,
        };
        locked.settle(&settings).unwrap();
        let passphrase = || Passphrase::new("sesame".to_owned().into()).unwrap();
        locked.protect(&Keep::Passphrase(passphrase())).unwrap();
        let client = Client::start(locked.open(Some(&passphrase())).unwrap()).unwrap();
        let person = Self {
            handle,
            client,
            _folder: folder,
        };
        let register = Command::Register {
            handle: handle.to_owned(),
            invitation: String::new(),
            suites: Suite::ALL.to_vec(),
        };
        // Whoever writes is let in.
        person.does(Command::AskFirst { wanted: false }).await;
        person.does(register).await;
        person.settles().await;
        person
    }

    pub async fn does(&self, command: Command) -> Answer {
        self.client.command(command).await.unwrap()
    }

    /// Everything fetched, sent and answered.
    pub async fn settles(&self) {
        soon("settling", self.client.settled()).await.unwrap();
    }

    pub async fn creates(&self, name: Option<&str>, people: &[&str]) -> ConversationId {
        let create = Command::Create {
            people: people.iter().map(|&handle| handle.to_owned()).collect(),
            name: name.map(str::to_owned),
            suite: None,
        };
        let Answer::Conversation(id) = self.does(create).await else {
            panic!("no conversation");
        };
        self.settles().await;
        id
    }

    pub async fn says(&self, conversation: ConversationId, text: &str) {
        let text = text.to_owned();
        self.does(Command::Send { conversation, text }).await;
        self.settles().await;
    }

    pub async fn adds(&self, conversation: ConversationId, handle: &str) {
        let people = vec![handle.to_owned()];
        self.does(Command::Add {
            conversation,
            people,
        })
        .await;
        self.settles().await;
    }

    pub async fn removes(&self, conversation: ConversationId, handle: &str) {
        let people = vec![handle.to_owned()];
        self.does(Command::Remove {
            conversation,
            people,
        })
        .await;
        self.settles().await;
    }

    pub async fn gives_role(&self, conversation: ConversationId, account: AccountId, role: Role) {
        self.does(Command::ChangeRole {
            conversation,
            account,
            role,
        })
        .await;
        self.settles().await;
    }

    pub async fn account(&self) -> AccountId {
        let me = self.client.read(keyfold_engine::Engine::me).await.unwrap();
        me.unwrap().account
    }

    pub async fn shows(&self, conversation: ConversationId) -> Option<Conversation> {
        let read = self
            .client
            .read(move |engine| engine.conversation(conversation));
        read.await.unwrap()
    }

    pub async fn timeline(&self, conversation: ConversationId) -> Vec<Entry> {
        let read =
            move |engine: &keyfold_engine::Engine| engine.timeline(conversation, None, usize::MAX);
        self.client.read(read).await.unwrap()
    }

    /// Texts that are at the server, with who said them.
    pub async fn reads(&self, conversation: ConversationId) -> Vec<String> {
        let entries = self.timeline(conversation).await;
        entries
            .into_iter()
            .filter(|entry| matches!(entry.state, State::Sent | State::Received))
            .filter_map(|entry| match (entry.what, entry.from) {
                (What::Text(text), Some(from)) => Some(format!("{}: {text}", from.handle)),
                _ => None,
            })
            .collect()
    }

    /// Waits until the timeline reads so.
    pub async fn comes_to_read(&self, conversation: ConversationId, expected: &[&str]) {
        let mut notices = self.client.subscribe();
        let reading = async {
            while self.reads(conversation).await != expected {
                notices.next().await.expect("the client runs");
            }
        };
        let what = format!("{} reads {expected:?}", self.handle);
        if tokio::time::timeout(super::DEADLINE, reading)
            .await
            .is_err()
        {
            panic!("{what}, but: {:#?}", self.timeline(conversation).await);
        }
    }

    /// Waits until the conversation is as `judge` wants it.
    pub async fn comes_to_show(
        &self,
        conversation: ConversationId,
        what: &str,
        judge: impl Fn(&Conversation) -> bool,
    ) -> Conversation {
        let mut notices = self.client.subscribe();
        let showing = async {
            loop {
                match self.shows(conversation).await {
                    Some(shown) if judge(&shown) => return shown,
                    _ => notices.next().await.expect("the client runs"),
                };
            }
        };
        if let Ok(shown) = tokio::time::timeout(super::DEADLINE, showing).await {
            return shown;
        }
        let (shown, timeline) = (
            self.shows(conversation).await,
            self.timeline(conversation).await,
        );
        panic!(
            "{} should see: {what}; but: {shown:#?}, {timeline:#?}",
            self.handle
        )
    }

    /// Waits until these are the members, and the group stands.
    pub async fn comes_to_see(&self, conversation: ConversationId, members: &[&str]) {
        let judge = |shown: &Conversation| {
            let mut handles: Vec<&str> = shown
                .members
                .iter()
                .map(|member| member.contact.handle.as_str())
                .collect();
            handles.sort_unstable();
            shown.standing == Standing::Active && handles == members
        };
        self.comes_to_show(conversation, &format!("{members:?}"), judge)
            .await;
    }
}
