//! What happens to a device that is followed, in words: for whoever looks for the cause of a violation.

use keyfold_engine::view::What;
use keyfold_engine::{Command, Engine, Input};
use keyfold_wire::v1;
use keyfold_wire::v1::client_frame::Request as Body;
use keyfold_wire::v1::server_frame::Content;

/// The first bytes are enough to tell one from another.
fn id(bytes: &[u8]) -> String {
    let number = bytes
        .iter()
        .take(3)
        .fold(0_u32, |all, byte| all << 8 | u32::from(*byte));
    format!("{number:06x}")
}

/// An input of its engine.
pub(crate) fn words(input: &Input) -> String {
    match input {
        Input::Command(Command::Send { text, .. }) => {
            format!("says {:?}", text.chars().take(30).collect::<String>())
        }
        Input::Command(Command::Leave { .. }) => "leaves".to_owned(),
        Input::Command(_) => "commands".to_owned(),
        Input::Connected(_) => "is connected".to_owned(),
        Input::TurnedAway(refused) => format!("is turned away ({})", refused.code),
        Input::Delivered(deliveries) => {
            let items: Vec<String> = deliveries.items.iter().map(item).collect();
            format!("gets [{}]", items.join(", "))
        }
        Input::Signals(signals) => format!("hears {} signals", signals.signals.len()),
        Input::Supply(_) => "hears of its supply".to_owned(),
        Input::Reply(_, Content::Accepted(_)) => "hears: accepted".to_owned(),
        Input::Reply(_, Content::Refused(refused)) => {
            format!("hears: refused ({}, epoch {})", refused.code, refused.epoch)
        }
        Input::Reply(..) => "hears an answer".to_owned(),
        Input::Lost(_) => "has lost a request".to_owned(),
        Input::Tick => "ticks".to_owned(),
    }
}

fn item(item: &v1::Item) -> String {
    match &item.content {
        Some(v1::item::Content::Message(message)) => {
            let kind = if message.commit.is_some() {
                "commit"
            } else {
                "message"
            };
            format!(
                "{} {kind} {} of epoch {}",
                item.sequence,
                id(&message.message_id),
                message.epoch
            )
        }
        _ => format!("{} welcome for {}", item.sequence, item.serial),
    }
}

/// A request that it puts on the wire.
pub(crate) fn asked(body: &Body) -> String {
    match body {
        Body::Send(send) => format!(
            "sends {} in epoch {} of {}",
            id(&send.message_id),
            send.epoch,
            id(&send.handle)
        ),
        Body::Commit(commit) => {
            format!(
                "commits {} in epoch {} of {}",
                id(&commit.message_id),
                commit.epoch,
                id(&commit.handle)
            )
        }
        Body::Create(create) => format!("creates {}", id(&create.handle)),
        Body::FetchKeyPackages(_) => "asks for key packages".to_owned(),
        Body::Lookup(_) => "looks somebody up".to_owned(),
        Body::TakeAddresses(_) => "takes addresses".to_owned(),
        Body::RevokeAddresses(revoke) => format!("revokes {:?}", revoke.serials),
        Body::PublishKeyPackages(publish) => {
            let count = publish.key_packages.len();
            let all = if publish.replace {
                "all of them"
            } else {
                "more"
            };
            format!("publishes {count} key packages, {all}")
        }
        Body::Probe(probe) => format!("probes epoch {} of {}", probe.epoch, id(&probe.handle)),
        Body::Signal(signal) => format!(
            "signals in epoch {} of {}",
            signal.epoch,
            id(&signal.handle)
        ),
        Body::Report(_) => "reports something".to_owned(),
        Body::ReplaceToken(_) => "replaces its token".to_owned(),
        _ => "asks for something of its own".to_owned(),
    }
}

/// What its conversations show: who is in them, and what they say of themselves.
pub(crate) fn screen_words(engine: &Engine) -> Vec<String> {
    let mut lines = Vec::new();
    for conversation in engine.conversations().unwrap_or_default() {
        let name = format!("{:?} {:?}", conversation.id, conversation.name);
        let members: Vec<String> = (conversation.members.iter())
            .map(|one| format!("{} {:?} {}", one.contact.handle, one.role, one.devices))
            .collect();
        lines.push(format!(
            "    {name} is {:?} at {} with {members:?}",
            conversation.standing, conversation.epoch.0
        ));
        let entries = engine.timeline(conversation.id, None, usize::MAX);
        for entry in entries.unwrap_or_default() {
            if !matches!(entry.what, What::Text(_)) {
                let from = entry.from.map(|from| from.handle);
                lines.push(format!(
                    "    {name} {}: {from:?} {:?}",
                    entry.position, entry.what
                ));
            }
        }
    }
    lines
}
