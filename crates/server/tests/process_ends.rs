//! How a server ends: by request, politely; or killed, at any moment.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod kit;

use std::collections::HashMap;

use keyfold_wire::close;
use keyfold_wire::v1::server_frame::Content;
use kit::{Closed, Conversation, Person, Server, acknowledge, deliveries, random, text};
use rustix::process::Signal;

#[tokio::test]
async fn asked_to_stop_it_answers_what_is_in_flight_and_says_goodbye() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut server = Server::start(&[]);
        let person = Person::new("ada");
        let mut ada = person.registers(&server).await;
        let mut anybody = server.anonymous().await;
        let talk = Conversation::of(&mut anybody, &mut [&mut ada]).await;
        for n in 0..50 {
            anybody.send(talk.message(&n.to_string())).await;
        }
        // The first answer: the others are in flight.
        assert!(matches!(
            anybody.next().await.content,
            Some(Content::Accepted(_))
        ));
        server.signal(signal);
        let mut accepted = 1;
        let closed = loop {
            match anybody.next_or_end().await {
                Ok(frame) => {
                    assert!(matches!(frame.content, Some(Content::Accepted(_))));
                    accepted += 1;
                }
                Err(closed) => break closed,
            }
        };
        assert_eq!(closed, Closed(Some(close::GOING_AWAY)));
        assert_eq!(ada.closed().await, Closed(Some(close::GOING_AWAY)));
        assert!(server.ended(), "it ends well");

        let server = server.killed_and_restarted();
        let (mut ada, _) = person.returns(&server, 0).await;
        let mut seen = 0;
        while seen < accepted {
            let push = deliveries(&mut ada).await;
            assert!(
                push.items
                    .iter()
                    .enumerate()
                    .all(|(n, item)| text(item) == (seen + n).to_string())
            );
            seen += push.items.len();
        }
    }
}

#[tokio::test]
async fn the_log_of_a_busy_server_names_nobody() {
    let mut server = Server::start(&["--log", "trace"]);
    let mut ada = Person::new("adalovelace").registers(&server).await;
    let mut anybody = server.anonymous().await;
    let talk = Conversation::of(&mut anybody, &mut [&mut ada]).await;
    anybody.ask(talk.message("markedword")).await;
    anybody.send_bytes(b"nonsense").await;
    anybody.closed().await;
    server.signal(Signal::TERM);
    assert!(server.ended());
    let log = server.rest_of_log();
    assert!(
        log.iter().any(|line| line.contains("stopped")),
        "the log is read at all: {log:?}"
    );
    for word in ["adalovelace", "markedword", "127.0.0.1"] {
        assert!(
            !log.iter().any(|line| line.contains(word)),
            "{word} is in {log:?}"
        );
    }
}

#[tokio::test]
async fn killed_while_it_acknowledges_it_delivers_every_accepted_message_exactly_once() {
    let mut server = Server::start(&["--no-network-limits"]);
    let person = Person::new("ada");
    let mut mailbox = person.registers(&server).await;
    let mut anybody = server.anonymous().await;
    let talk = Conversation::of(&mut anybody, &mut [&mut mailbox]).await;
    let mut sender = Sender {
        talk,
        unanswered: HashMap::new(),
        accepted: Vec::new(),
        next: 0,
    };
    let mut seen = Vec::new();
    let mut after = 0;

    for round in 0..6 {
        let stop_at = sender.accepted.len() + 40 + 37 * round;
        sender.resend(&mut anybody).await;
        while sender.accepted.len() < stop_at {
            sender.fill(&mut anybody).await;
            sender.take(&mut anybody).await;
            // Every other round the reader reads and acknowledges while the server is killed.
            if round % 2 == 0
                && sender.accepted.len().is_multiple_of(16)
                && seen.len() + 32 < sender.accepted.len()
            {
                read(&mut mailbox, &mut seen, &mut after).await;
            }
        }
        server = server.killed_and_restarted();
        anybody = server.anonymous().await;
        mailbox = person.returns(&server, after).await.0;
    }
    sender.resend(&mut anybody).await;
    while !sender.unanswered.is_empty() {
        sender.take(&mut anybody).await;
    }
    while seen.len() < sender.accepted.len() {
        read(&mut mailbox, &mut seen, &mut after).await;
    }
    let mut once = seen.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(once.len(), seen.len(), "something came twice");
    let mut accepted = sender.accepted;
    accepted.sort_unstable();
    assert_eq!(once, accepted);
}

/// Keeps a number of messages in flight, and sends again, byte for byte, what was not answered.
struct Sender {
    talk: Conversation,
    unanswered: HashMap<u64, (usize, [u8; 16])>,
    accepted: Vec<usize>,
    next: usize,
}

impl Sender {
    async fn fill(&mut self, socket: &mut kit::Socket) {
        while self.unanswered.len() < 32 {
            let message = (self.next, random());
            self.next += 1;
            self.send(socket, message).await;
        }
    }

    async fn resend(&mut self, socket: &mut kit::Socket) {
        let mut again: Vec<_> = std::mem::take(&mut self.unanswered).into_values().collect();
        again.sort_unstable();
        for message in again {
            self.send(socket, message).await;
        }
    }

    async fn send(&mut self, socket: &mut kit::Socket, (number, id): (usize, [u8; 16])) {
        let request = self.talk.message_with_id(&number.to_string(), id);
        let id_of_request = socket.send(request).await;
        self.unanswered.insert(id_of_request, (number, id));
    }

    async fn take(&mut self, socket: &mut kit::Socket) {
        let frame = socket.next().await;
        assert!(matches!(frame.content, Some(Content::Accepted(_))));
        self.accepted
            .push(self.unanswered.remove(&frame.id).unwrap().0);
    }
}

async fn read(mailbox: &mut kit::Socket, seen: &mut Vec<usize>, after: &mut u64) {
    for item in deliveries(mailbox).await.items {
        assert!(item.sequence > *after, "out of order, or again");
        *after = item.sequence;
        seen.push(text(&item).parse().unwrap());
    }
    acknowledge(mailbox, *after).await;
}
