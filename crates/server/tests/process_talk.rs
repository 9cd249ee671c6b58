//! People talk through a real server process over real TLS.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod kit;

use keyfold_wire::close;
use keyfold_wire::limits::{MAX_ITEMS_PER_PUSH, MAX_PIPELINED, MAX_UNACKNOWLEDGED};
use keyfold_wire::v1::client_frame::Request;
use keyfold_wire::v1::server_frame::Content;
use keyfold_wire::v1::{self, RefusalCode};
use kit::{Closed, Conversation, Person, Server, acknowledge, deliveries, items, random, text};
use sha2::{Digest as _, Sha256};

#[tokio::test]
async fn two_people_hear_each_other_in_one_order() {
    let server = Server::start(&[]);
    let mut ada = Person::new("ada").registers(&server).await;
    let mut bo = Person::new("bob").registers(&server).await;
    let mut anybody = server.anonymous().await;
    let talk = Conversation::of(&mut anybody, &mut [&mut ada, &mut bo]).await;

    for body in ["meet at six", "new place, same time"] {
        let answer = anybody.ask(talk.message(body)).await;
        assert!(matches!(answer, Content::Accepted(accepted) if accepted.received_ms > 0));
    }
    for (reader, serial) in [(&mut ada, 0), (&mut bo, 1)] {
        let got = items(reader, 2).await;
        assert_eq!(
            got.iter().map(text).collect::<Vec<_>>(),
            ["meet at six", "new place, same time"]
        );
        assert!(
            got.iter()
                .all(|item| item.serial == talk.roster[serial].serial)
        );
    }
}

#[tokio::test]
async fn who_comes_back_gets_what_was_not_acknowledged_and_nothing_else() {
    let server = Server::start(&[]);
    let ada = Person::new("ada");
    let mut mailbox = ada.registers(&server).await;
    let mut anybody = server.anonymous().await;
    let talk = Conversation::of(&mut anybody, &mut [&mut mailbox]).await;
    for n in 0..5 {
        anybody.ask(talk.message(&n.to_string())).await;
    }
    let got = items(&mut mailbox, 5).await;
    acknowledge(&mut mailbox, got[2].sequence).await;
    // An answer behind it says that it was taken.
    mailbox
        .ask(Request::TakeAddresses(v1::TakeAddresses { count: 1 }))
        .await;
    mailbox.close().await;
    mailbox.closed().await;

    let (mut again, greeting) = ada.returns(&server, got[2].sequence).await;
    assert_eq!(
        (greeting.acknowledged, greeting.known),
        (got[2].sequence, got[2].sequence)
    );
    let rest = items(&mut again, 2).await;
    assert_eq!(rest.iter().map(text).collect::<Vec<_>>(), ["3", "4"]);

    // Ahead of its acknowledgement, with what came in the meantime: `after` counts.
    again.close().await;
    again.closed().await;
    anybody.ask(talk.message("5")).await;
    let (mut ahead, _) = ada.returns(&server, got[3].sequence).await;
    assert_eq!(
        items(&mut ahead, 2)
            .await
            .iter()
            .map(text)
            .collect::<Vec<_>>(),
        ["4", "5"]
    );
}

#[tokio::test]
async fn a_long_absence_is_caught_up_in_pushes_and_waits_for_acknowledgements() {
    let server = Server::start(&["--no-network-limits"]);
    let ada = Person::new("ada");
    let mut mailbox = ada.registers(&server).await;
    let mut anybody = server.anonymous().await;
    let talk = Conversation::of(&mut anybody, &mut [&mut mailbox]).await;
    mailbox.close().await;
    mailbox.closed().await;
    let count = MAX_UNACKNOWLEDGED + 100;
    pipeline(&mut anybody, &talk, count).await;

    let (mut mailbox, _) = ada.returns(&server, 0).await;
    let (mut seen, mut last) = (0, 0);
    while seen < MAX_UNACKNOWLEDGED {
        let push = deliveries(&mut mailbox).await;
        assert!(push.items.len() <= MAX_ITEMS_PER_PUSH && !push.caught_up);
        for item in &push.items {
            assert!(item.sequence > last);
            assert_eq!(text(item), seen.to_string());
            (last, seen) = (item.sequence, seen + 1);
        }
    }
    // The window is full: an answer comes before any further item does.
    let content = mailbox
        .ask_next(Request::TakeAddresses(v1::TakeAddresses { count: 1 }))
        .await;
    assert!(
        matches!(content, Content::Addresses(_)),
        "items came past the window"
    );
    acknowledge(&mut mailbox, last).await;
    let rest = deliveries(&mut mailbox).await;
    assert_eq!(rest.items.len(), 100);
    assert!(rest.caught_up);
}

/// Sends numbered messages, as many at once as are permitted, and checks that all are accepted.
async fn pipeline(socket: &mut kit::Socket, talk: &Conversation, count: usize) {
    let mut waiting = std::collections::HashSet::new();
    for n in 0..count {
        if waiting.len() == MAX_PIPELINED {
            answered(socket, &mut waiting).await;
        }
        waiting.insert(socket.send(talk.message(&n.to_string())).await);
    }
    while !waiting.is_empty() {
        answered(socket, &mut waiting).await;
    }
}

async fn answered(socket: &mut kit::Socket, waiting: &mut std::collections::HashSet<u64>) {
    let frame = socket.next().await;
    assert!(matches!(frame.content, Some(Content::Accepted(_))));
    assert!(waiting.remove(&frame.id), "answered twice");
}

#[tokio::test]
async fn more_than_the_pipeline_holds_waits_and_keeps_its_order() {
    let server = Server::start(&["--no-network-limits"]);
    let person = Person::new("ada");
    let mut ada = person.registers(&server).await;
    let mut anybody = server.anonymous().await;
    let talk = Conversation::of(&mut anybody, &mut [&mut ada]).await;
    // A fresh server knows nothing of the conversation: the first of them has to be looked up.
    let server = server.killed_and_restarted();
    let (mut ada, _) = person.returns(&server, 0).await;
    let mut anybody = server.anonymous().await;
    let count = 3 * MAX_PIPELINED;
    for n in 0..count {
        anybody.send(talk.message(&n.to_string())).await;
    }
    let mut ids: Vec<_> = Vec::new();
    for _ in 0..count {
        let frame = anybody.next().await;
        assert!(matches!(frame.content, Some(Content::Accepted(_))));
        ids.push(frame.id);
    }
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count, "each is answered once");
    let got: Vec<_> = items(&mut ada, count).await.iter().map(text).collect();
    let sent: Vec<_> = (0..count).map(|n| n.to_string()).collect();
    assert_eq!(got, sent);
}

#[tokio::test]
async fn the_second_socket_of_a_device_replaces_the_first() {
    let server = Server::start(&[]);
    let ada = Person::new("ada");
    let mut first = ada.registers(&server).await;
    let (mut second, _) = ada.returns(&server, 0).await;
    assert_eq!(first.closed().await, Closed(Some(close::REPLACED)));
    assert!(deliveries(&mut second).await.caught_up);
    let mut anybody = server.anonymous().await;
    let talk = Conversation::of(&mut anybody, &mut [&mut second]).await;
    anybody.ask(talk.message("here")).await;
    assert_eq!(text(&items(&mut second, 1).await[0]), "here");
}

#[tokio::test]
async fn a_repeated_send_is_accepted_once() {
    let server = Server::start(&[]);
    let mut ada = Person::new("ada").registers(&server).await;
    let mut anybody = server.anonymous().await;
    let talk = Conversation::of(&mut anybody, &mut [&mut ada]).await;
    let id = random();
    let Content::Accepted(first) = anybody.ask(talk.message_with_id("once", id)).await else {
        panic!("not accepted")
    };
    let Content::Accepted(again) = anybody.ask(talk.message_with_id("once", id)).await else {
        panic!("not accepted")
    };
    assert_eq!(first.received_ms, again.received_ms);
    anybody.ask(talk.message("next")).await;
    assert_eq!(
        items(&mut ada, 2)
            .await
            .iter()
            .map(text)
            .collect::<Vec<_>>(),
        ["once", "next"]
    );
}

#[tokio::test]
async fn a_repeated_registration_gets_the_same_mailbox() {
    let server = Server::start(&[]);
    let ada = Person::new("ada");
    let registration = Request::Register(ada.registration(""));
    let mut first = server.mailbox().await;
    assert!(matches!(
        first.ask(registration.clone()).await,
        Content::Greeting(_)
    ));
    let mut again = server.mailbox().await;
    assert!(matches!(
        again.ask(registration).await,
        Content::Greeting(_)
    ));
    assert_eq!(first.closed().await, Closed(Some(close::REPLACED)));
    let mut other = server.mailbox().await;
    other
        .send(Request::Register(Person::new("ada").registration("")))
        .await;
    assert_eq!(
        other.refused_with().await,
        RefusalCode::HandleTaken.as_str_name()
    );
    assert_eq!(other.closed().await, Closed(Some(close::REFUSED)));
}

#[tokio::test]
async fn a_replaced_token_shuts_out_whoever_copied_it() {
    let server = Server::start(&[]);
    let mut ada = Person::new("ada");
    let registration = Request::Register(ada.registration(""));
    let mut mailbox = server.mailbox().await;
    mailbox.ask(registration.clone()).await;
    let mut anybody = server.anonymous().await;
    let talk = Conversation::of(&mut anybody, &mut [&mut mailbox]).await;

    let fresh: [u8; 32] = random();
    let replace = |token_hash: &[u8]| {
        Request::ReplaceToken(v1::ReplaceToken {
            token_hash: token_hash.to_vec().into(),
        })
    };
    let fresh_hash = Sha256::digest(fresh);
    let Content::Refused(refused) = mailbox.ask(replace(&fresh_hash[1..])).await else {
        panic!("31 bytes are no hash")
    };
    assert!(refused.code() == RefusalCode::Malformed);
    for _ in 0..2 {
        let answer = mailbox.ask(replace(&fresh_hash)).await;
        assert!(matches!(answer, Content::Done(done) if done.now_ms > 0));
    }

    for copied in [ada.hello(0), registration] {
        let mut socket = server.mailbox().await;
        socket.send(copied).await;
        assert_eq!(
            socket.refused_with().await,
            RefusalCode::Unauthenticated.as_str_name()
        );
        assert_eq!(socket.closed().await, Closed(Some(close::UNAUTHENTICATED)));
    }
    anybody.ask(talk.message("still here")).await;
    assert_eq!(text(&items(&mut mailbox, 1).await[0]), "still here");
    ada.token = fresh;
    let server = server.killed_and_restarted();
    let (mut again, _) = ada.returns(&server, 0).await;
    assert_eq!(text(&items(&mut again, 1).await[0]), "still here");
}

#[tokio::test]
async fn a_replaced_socket_ends_although_it_takes_nothing_more() {
    let server = Server::start(&["--no-network-limits"]);
    let ada = Person::new("ada");
    let mut copied = ada.registers(&server).await;
    let mut anybody = server.anonymous().await;
    let talk = Conversation::of(&mut anybody, &mut [&mut copied]).await;
    pipeline(&mut anybody, &talk, MAX_UNACKNOWLEDGED).await;
    let mut seen = 0;
    while seen + MAX_ITEMS_PER_PUSH <= MAX_UNACKNOWLEDGED {
        seen += deliveries(&mut copied).await.items.len();
    }
    let (_newer, _) = ada.returns(&server, 0).await;
    copied
        .send(Request::TakeAddresses(v1::TakeAddresses { count: 1 }))
        .await;
    assert_eq!(copied.closed().await, Closed(Some(close::REPLACED)));
}

#[tokio::test]
async fn an_unknown_token_is_told_so() {
    let server = Server::start(&[]);
    let mut socket = server.mailbox().await;
    socket.send(Person::new("nobody").hello(0)).await;
    assert_eq!(
        socket.refused_with().await,
        RefusalCode::Unauthenticated.as_str_name()
    );
    assert_eq!(socket.closed().await, Closed(Some(close::UNAUTHENTICATED)));
}

#[tokio::test]
async fn a_large_push_arrives_whole() {
    let server = Server::start(&[]);
    let mut ada = Person::new("ada").registers(&server).await;
    let mut anybody = server.anonymous().await;
    let talk = Conversation::of(&mut anybody, &mut [&mut ada]).await;
    let body = "keyfold ".repeat(keyfold_wire::limits::MAX_SEND_BODY / 8);
    for _ in 0..3 {
        anybody.ask(talk.message(&body)).await;
    }
    assert!(
        items(&mut ada, 3)
            .await
            .iter()
            .all(|item| text(item) == body)
    );
    let too_long = body + "!";
    let Content::Refused(refused) = anybody.ask(talk.message(&too_long)).await else {
        panic!("accepted")
    };
    assert_eq!(
        refused.code().as_str_name(),
        RefusalCode::TooLarge.as_str_name()
    );
}
