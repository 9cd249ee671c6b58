//! Bytes that are not the protocol: each gets its clear error, changes nothing, and the server goes on.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod kit;

use keyfold_wire::close;
use keyfold_wire::frame::encode_client;
use keyfold_wire::limits::MAX_FRAME;
use keyfold_wire::v1::client_frame::Request;
use keyfold_wire::v1::server_frame::Content;
use keyfold_wire::v1::{self, RefusalCode};
use kit::{Closed, Conversation, Person, Server, items, random, text};
use rand::{Rng as _, RngCore as _, SeedableRng as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_tungstenite::tungstenite::Message;

const WELL_FORMED_PREFIX: usize = 12;

#[tokio::test]
async fn what_is_no_frame_is_refused_and_ends_the_socket() {
    let server = Server::start(&[]);
    let hello = encode_client(1, Person::new("ada").hello(0));
    let truncated = &hello[..hello.len() - 5];
    for path in ["mailbox", "anonymous"] {
        for garbage in [truncated, b"\xff\xff\xff\xff".as_slice(), b"hello"] {
            let mut socket = if path == "mailbox" {
                server.mailbox().await
            } else {
                server.anonymous().await
            };
            socket.send_bytes(garbage).await;
            let (id, refused) = socket.refused().await;
            assert_eq!(
                (id, refused.code().as_str_name()),
                (0, RefusalCode::Malformed.as_str_name()),
                "{path}"
            );
            assert_eq!(
                socket.closed().await,
                Closed(Some(close::MALFORMED)),
                "{path}"
            );
        }
    }
    server.assert_well().await;
}

#[tokio::test]
async fn text_is_not_spoken() {
    let server = Server::start(&[]);
    for mut socket in [server.mailbox().await, server.anonymous().await] {
        socket.send_message(Message::text("hello")).await;
        assert_eq!(socket.closed().await, Closed(Some(close::NOT_BINARY)));
    }
    server.assert_well().await;
}

#[tokio::test]
async fn a_frame_at_the_limit_is_read_and_one_byte_more_is_not() {
    let server = Server::start(&[]);
    let mut socket = server.anonymous().await;
    let frame = padded(MAX_FRAME);
    assert_eq!(frame.len(), MAX_FRAME);
    socket.send_bytes(&frame).await;
    assert_eq!(
        socket.refused_with().await,
        RefusalCode::UnknownRequest.as_str_name()
    );
    let _ = socket.try_send_bytes(&padded(MAX_FRAME + 1)).await;
    assert_eq!(socket.closed().await, Closed(Some(close::TOO_LARGE)));
    server.assert_well().await;
}

/// A frame with id 1, no request, and an unknown field that fills it up.
fn padded(length: usize) -> Vec<u8> {
    let mut frame = vec![0x08, 0x01, 0xfa, 0x3f];
    let mut rest = length - frame.len() - 4;
    for byte in 0..4 {
        frame.push(u8::try_from(rest & 0x7f).unwrap() | if byte < 3 { 0x80 } else { 0 });
        rest >>= 7;
    }
    frame.resize(length, 0);
    frame
}

#[tokio::test]
async fn requests_of_a_newer_protocol_are_refused_and_its_fields_are_passed_over() {
    let server = Server::start(&[]);
    let mut ada = Person::new("ada").registers(&server).await;
    let mut anybody = server.anonymous().await;
    // Request 99, unknown here: refused by id, and the socket goes on.
    let unknown = [0x08, 0x07, 0x9a, 0x06, 0x02, 0x08, 0x01];
    for socket in [&mut ada, &mut anybody] {
        socket.send_bytes(&unknown).await;
        let (id, refused) = socket.refused().await;
        assert_eq!(
            (id, refused.code().as_str_name()),
            (7, RefusalCode::UnknownRequest.as_str_name())
        );
    }
    let talk = Conversation::of(&mut anybody, &mut [&mut ada]).await;
    let mut newer = encode_client(50, talk.message("from the future")).to_vec();
    newer.extend([0xfa, 0x3f, 0x03, 1, 2, 3]);
    anybody.send_bytes(&newer).await;
    let frame = anybody.next().await;
    assert!(frame.id == 50 && matches!(frame.content, Some(Content::Accepted(_))));
    assert_eq!(text(&items(&mut ada, 1).await[0]), "from the future");
}

#[tokio::test]
async fn requests_on_the_wrong_socket_or_at_the_wrong_time_are_refused() {
    let server = Server::start(&[]);
    let person = Person::new("ada");
    let mut ada = person.registers(&server).await;
    let mut anybody = server.anonymous().await;
    let lookup = || {
        Request::Lookup(v1::Lookup {
            by: Some(v1::lookup::By::Handle("ada".into())),
        })
    };
    let take = || Request::TakeAddresses(v1::TakeAddresses { count: 1 });

    for request in [lookup(), person.hello(0)] {
        ada.send(request).await;
        assert_eq!(
            ada.refused_with().await,
            RefusalCode::WrongSocket.as_str_name()
        );
    }
    for request in [
        take(),
        person.hello(0),
        Request::Acknowledge(v1::Acknowledge { sequence: 1 }),
    ] {
        anybody.send(request).await;
        assert_eq!(
            anybody.refused_with().await,
            RefusalCode::WrongSocket.as_str_name()
        );
    }
    for (request, code, end) in [
        (
            take(),
            RefusalCode::Unauthenticated.as_str_name(),
            close::UNAUTHENTICATED,
        ),
        (
            lookup(),
            RefusalCode::WrongSocket.as_str_name(),
            close::REFUSED,
        ),
    ] {
        let mut early = server.mailbox().await;
        early.send(request).await;
        assert_eq!(early.refused_with().await, code);
        assert_eq!(early.closed().await, Closed(Some(end)));
    }
    anybody.send_bytes(&encode_client(0, lookup())).await;
    assert_eq!(
        anybody.refused_with().await,
        RefusalCode::Malformed.as_str_name(),
        "an id is not zero"
    );
    assert!(matches!(anybody.ask(lookup()).await, Content::Account(_)));
}

#[tokio::test]
async fn malformed_requests_are_refused_by_id_and_the_socket_goes_on() {
    let server = Server::start(&[]);
    let mut ada = Person::new("ada").registers(&server).await;
    let mut anybody = server.anonymous().await;
    let talk = Conversation::of(&mut anybody, &mut [&mut ada]).await;
    for n in 0..4 {
        let Request::Send(mut send) = talk.message("x") else {
            unreachable!()
        };
        match n {
            0 => send.handle = send.handle.slice(1..),
            1 => send.roster_key = bytes::Bytes::new(),
            2 => send.message_id = vec![0; 17].into(),
            _ => send.body = bytes::Bytes::new(),
        }
        let id = anybody.send(Request::Send(send)).await;
        let (refused_id, refused) = anybody.refused().await;
        assert_eq!(
            (refused_id, refused.code().as_str_name()),
            (id, RefusalCode::Malformed.as_str_name())
        );
    }
    let Request::Send(mut forged) = talk.message("x") else {
        unreachable!()
    };
    forged.roster_key = random::<32>().to_vec().into();
    anybody.send(Request::Send(forged)).await;
    assert_eq!(
        anybody.refused_with().await,
        RefusalCode::Forbidden.as_str_name()
    );
    anybody.ask(talk.message("real")).await;
    assert_eq!(
        text(&items(&mut ada, 1).await[0]),
        "real",
        "nothing refused was delivered"
    );
}

#[tokio::test]
async fn random_bytes_on_every_endpoint_harm_nobody() {
    let server = Server::start(&["--no-network-limits"]);
    let person = Person::new("ada");
    let mut ada = person.registers(&server).await;
    let mut rng = rand::rngs::StdRng::seed_from_u64(3);
    let models = [
        encode_client(1, person.hello(0)),
        encode_client(1, Request::Register(person.registration(""))),
        encode_client(
            1,
            Conversation {
                handle: random(),
                roster_key: random(),
                roster: Vec::new(),
            }
            .create(),
        ),
    ];
    for round in 0..60_usize {
        let mut bytes = vec![0; rng.random_range(0..600)];
        rng.fill_bytes(&mut bytes);
        if round % 2 == 0 {
            // Nearly right: a real frame with a few bytes changed.
            bytes = models[round / 2 % models.len()].to_vec();
            for _ in 0..3 {
                let place = rng.random_range(0..bytes.len());
                bytes[place] = rng.random();
            }
        }
        let mut socket = if round % 4 < 2 {
            server.mailbox().await
        } else {
            server.anonymous().await
        };
        socket.send_bytes(&bytes).await;
        if let Ok(frame) = socket.next_or_end().await {
            assert!(
                matches!(
                    frame.content,
                    Some(Content::Refused(_) | Content::Greeting(_))
                ),
                "round {round}"
            );
        }
    }
    raw_noise(&server, &mut rng).await;
    server.assert_well().await;
    let answer = ada
        .ask(Request::TakeAddresses(v1::TakeAddresses { count: 1 }))
        .await;
    assert!(matches!(answer, Content::Addresses(_)));
}

/// Noise where TLS, HTTP or WebSocket frames are expected.
async fn raw_noise(server: &Server, rng: &mut rand::rngs::StdRng) {
    for length in [1, WELL_FORMED_PREFIX, 3_000] {
        let mut noise = vec![0; length];
        rng.fill_bytes(&mut noise);
        let mut tcp = tokio::net::TcpStream::connect(server.address())
            .await
            .unwrap();
        tcp.write_all(&noise).await.unwrap();
        tcp.shutdown().await.unwrap();
        let _ = kit::soon(tcp.read_to_end(&mut Vec::new())).await;

        let mut inside = server.bytes().await;
        inside.write_all(&noise).await.unwrap();
        inside.shutdown().await.unwrap();
        let _ = kit::soon(inside.read_to_end(&mut Vec::new())).await;

        let mut upgraded = server.bytes().await;
        let request = "GET /v1/anonymous HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
                       Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        upgraded.write_all(request.as_bytes()).await.unwrap();
        upgraded.write_all(&noise).await.unwrap();
        upgraded.shutdown().await.unwrap();
        let _ = kit::soon(upgraded.read_to_end(&mut Vec::new())).await;
    }
}

#[tokio::test]
async fn http_nonsense_gets_http_answers() {
    let server = Server::start(&[]);
    let long = format!(
        "GET / HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n",
        "y".repeat(20_000)
    );
    for (request, status) in [
        (
            "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
            "404",
        ),
        (
            "POST /v1/mailbox HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
            "426",
        ),
        (
            "GET /v1/mailbox HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
            "426",
        ),
        (
            "GET /v1/mailbox HTTP/1.1\r\nHost: x\r\nConnection: upgrade, close\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 8\r\nSec-WebSocket-Key: x\r\n\r\nx",
            "426",
        ),
        (
            "DELETE /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
            "405",
        ),
        (
            "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
            "404",
        ),
        ("NONSENSE\r\n\r\n", "400"),
        (&long, "431"),
    ] {
        let answer = server.http(request).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")),
            "{request:.60} got {answer:.60}"
        );
    }
    server.assert_well().await;
}

#[tokio::test]
async fn who_says_nothing_is_not_waited_for() {
    let server = Server::start(&["--first-frame", "1"]);
    let mut silent = server.mailbox().await;
    assert_eq!(silent.closed().await, Closed(Some(close::NO_HELLO)));
    server.assert_well().await;
}
