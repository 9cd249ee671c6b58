//! A group in which one member's client is of their own making.

use std::time::Duration;

use keyfold_engine::Command;
use keyfold_engine::view::{Entry, What};
use keyfold_protocol::content::{self, Author, ContentId, Expires, Saying};
use keyfold_wire::ids::ConversationId;
use keyfold_wire::v1::client_frame::Request as Body;

use super::copied::Copied;
use super::{Town, Who};

/// Mallory is a member with a client of their own making.
pub struct Hostile {
    pub town: Town,
    pub people: [Who; 3],
    pub group: ConversationId,
    pub mallory: Copied,
    pub author: Author,
    counter: u64,
}

impl Hostile {
    pub fn new() -> Self {
        let mut town = Town::on_disk(9);
        let [ada, bo, mallory] = town.people(["ada", "bo", "mallory"]);
        let group = town.creates_group(ada, "club", &[bo, mallory]);
        town.says(ada, group, "ada's words");
        town.says(mallory, group, "hello");
        town.settles();
        let said = |entry: &Entry| entry.what == What::Text("ada's words".to_owned());
        let timeline = town.timeline(bo, group);
        let message = timeline.iter().find(|entry| said(entry)).unwrap();
        let react = Command::React {
            conversation: group,
            message: message.id.unwrap(),
            emoji: Some("👍".to_owned()),
        };
        town.does(bo, react).unwrap();
        town.settles();
        town.passes(Duration::from_mins(10));
        town.goes_offline(mallory);
        let author = Author {
            account: town.me(mallory).account,
            device: town.me(mallory).device,
            conversation: group,
        };
        Self {
            mallory: Copied::of(&town.people[mallory.0]),
            town,
            people: [ada, bo, mallory],
            group,
            author,
            counter: 1,
        }
    }

    pub fn says(&mut self, saying: Saying<'_>) -> ContentId {
        self.counter += 1;
        let mut rng = self.town.rng.clone();
        let said = content::write(&self.author, self.counter, saying, &mut rng).unwrap();
        self.town.rng = rng;
        self.sends(&said.encoded);
        said.id
    }

    pub fn says_expiring(&mut self, saying: Saying<'_>, expires: Expires) -> ContentId {
        self.counter += 1;
        let mut rng = self.town.rng.clone();
        let (author, counter) = (&self.author, self.counter);
        let said = content::write_expiring(author, counter, saying, Some(expires), &mut rng);
        let said = said.unwrap();
        self.town.rng = rng;
        self.sends(&said.encoded);
        said.id
    }

    pub fn sends(&mut self, encoded: &[u8]) {
        let sealed = self.mallory.encrypts(self.group, encoded);
        let send = self.mallory.sends(self.group, &sealed);
        self.town.asks(Body::Send(send)).unwrap();
        self.town.settles();
    }
}
