//! What the engine must stand: bytes of anybody, members with modified clients, a server that lies, a machine that fails, and
//! its own limits. It never panics; what is not acceptable changes nothing and says so; the conversation goes on.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

#[path = "hostile/bytes.rs"]
mod any_bytes;
#[path = "hostile/forged.rs"]
mod forged;
#[path = "hostile/limits.rs"]
mod limits;
#[path = "hostile/machine.rs"]
mod machine;
#[path = "hostile/members.rs"]
mod members;
#[path = "hostile/moves.rs"]
mod moves;
#[path = "hostile/server.rs"]
mod server;
mod town;
#[path = "hostile/ways_back.rs"]
mod ways_back;

use keyfold_engine::view::{Conversation, Entry, Standing};
use keyfold_protocol::group::CheckedKeyPackage;
use keyfold_wire::ids::ConversationId;
use keyfold_wire::v1;
use keyfold_wire::v1::client_frame::Request as Body;
use keyfold_wire::v1::server_frame::Content;
use town::copied::Copied;
use town::{Town, Who};

/// What a person sees of a conversation, to compare.
#[derive(Debug, PartialEq)]
struct Seen {
    entries: Vec<Entry>,
    shown: Conversation,
}

fn sees(town: &Town, who: Who, conversation: ConversationId) -> Seen {
    Seen {
        entries: town.timeline(who, conversation),
        shown: town.shows(who, conversation),
    }
}

/// A key package of each device of these people, from the directory.
fn packages(town: &mut Town, by: &Copied, people: &[Who]) -> Vec<CheckedKeyPackage> {
    let now = town.now();
    let mut packages = Vec::new();
    for who in people {
        let asked = v1::FetchKeyPackages {
            account: town.me(*who).account.to_wire(),
            suite: 0x4F,
        };
        let Ok(Content::KeyPackages(found)) = town.asks(Body::FetchKeyPackages(asked)) else {
            panic!("no key packages");
        };
        let devices = found.devices.iter();
        packages.extend(devices.map(|device| by.checks(&device.key_package, now)));
    }
    packages
}

fn held(town: &Town, who: Who, conversation: ConversationId) -> Option<String> {
    match town.shows(who, conversation).standing {
        Standing::Held(why) => Some(why),
        _ => None,
    }
}

/// Everybody can still talk to everybody.
#[track_caller]
fn goes_on(town: &mut Town, everybody: &[Who], conversation: ConversationId) {
    for who in everybody {
        town.says(*who, conversation, &format!("{} goes on", who.0));
        town.settles();
    }
    for who in everybody {
        let read = town.reads(*who, conversation);
        for sender in everybody {
            let text = format!("{} goes on", sender.0);
            let times = read.iter().filter(|one| **one == text).count();
            assert_eq!(times, 1, "{who:?} reads {sender:?}");
        }
    }
}
