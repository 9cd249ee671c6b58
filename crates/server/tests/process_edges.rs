//! What an operator and the network see: addresses, TLS, proxies, origins, limits, metrics, health, invitations.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod kit;

use std::process::Stdio;

use keyfold_wire::close;
use keyfold_wire::v1::client_frame::Request;
use keyfold_wire::v1::server_frame::Content;
use keyfold_wire::v1::{self, RefusalCode};
use kit::{Closed, Conversation, Person, Server, items};
use rustix::process::Signal;
use tokio_tungstenite::tungstenite::Message;

fn refusal_to_start(args: &[&str]) -> String {
    let folder = tempfile::TempDir::new().unwrap();
    let output = Server::command(folder.path()).args(args).output().unwrap();
    assert!(!output.status.success() && output.stdout.is_empty());
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn away_from_loopback_it_does_not_listen_without_tls() {
    let said = refusal_to_start(&["--listen", "0.0.0.0:0"]);
    assert!(
        said.contains("refusing to listen on 0.0.0.0:0 without TLS"),
        "{said}"
    );
    for way_out in ["--tls-cert", "--acme", "--behind-proxy"] {
        assert!(said.contains(way_out), "{said}");
    }
    assert!(
        refusal_to_start(&["--listen", "0.0.0.0:0", "--dev-ca", "ca"])
            .contains("this machine alone")
    );
    assert!(refusal_to_start(&["--metrics", "0.0.0.0:0"]).contains("not a loopback address"));
    let said = refusal_to_start(&[
        "--tls-cert",
        "/nowhere/c.pem",
        "--tls-key",
        "/nowhere/k.pem",
    ]);
    assert!(said.contains("/nowhere/c.pem cannot be read"), "{said}");
}

#[tokio::test]
async fn a_data_folder_is_its_owners_alone_and_serves_one_server() {
    use std::os::unix::fs::PermissionsExt as _;
    let server = Server::start_plain(&[]);
    assert!(server.url().starts_with("http://127.0.0.1:"));
    let mode = server.data().metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    let second = Server::command(server.folder())
        .args(["--listen", "127.0.0.1:0"])
        .output()
        .unwrap();
    assert!(!second.status.success());
    assert!(
        String::from_utf8(second.stderr)
            .unwrap()
            .contains("in use by another keyfold-server")
    );
    server.assert_well().await;
}

#[tokio::test]
async fn pages_of_another_origin_are_turned_away() {
    let server = Server::start(&[]);
    let own = format!("https://{}", server.address());
    assert!(server.anonymous_with(&[("origin", &own)]).await.is_ok());
    for origin in ["https://evil.example", "null", "https://127.0.0.1"] {
        assert_eq!(
            server.anonymous_with(&[("origin", origin)]).await.err(),
            Some(403),
            "{origin}"
        );
    }
    let answer = server
        .http("GET /healthz HTTP/1.1\r\nHost: x\r\nOrigin: https://y\r\nConnection: close\r\n\r\n")
        .await;
    assert!(answer.starts_with("HTTP/1.1 403"));
}

#[tokio::test]
async fn who_follows_an_invitation_link_with_a_browser_reads_what_to_do_with_it() {
    let server = Server::start(&[]);
    let answer = server
        .http("GET /i HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    for line in [
        "content-type: text/plain; charset=utf-8",
        "content-security-policy: default-src 'none'",
        "referrer-policy: no-referrer",
        "cache-control: no-store",
        "keyfold open LINK",
    ] {
        assert!(answer.contains(line), "{line}: {answer}");
    }
    let other = server
        .http("GET /i/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .await;
    assert!(other.starts_with("HTTP/1.1 404"), "{other}");
}

#[tokio::test]
async fn behind_a_proxy_the_last_hop_is_who_asks() {
    let server = Server::start_plain(&["--behind-proxy", "--limit", "connection=5:0.001"]);
    for _ in 0..5 {
        assert!(
            server
                .anonymous_with(&[("x-forwarded-for", "203.0.113.7, 192.0.2.1")])
                .await
                .is_ok()
        );
    }
    let invented = server
        .anonymous_with(&[("x-forwarded-for", "198.51.100.9, 192.0.2.1")])
        .await;
    assert_eq!(
        invented.err(),
        Some(429),
        "what stands before the last hop can be invented"
    );
    assert!(
        server
            .anonymous_with(&[("x-forwarded-for", "192.0.2.1, 192.0.2.2")])
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn without_a_proxy_nobody_is_believed_about_where_they_come_from() {
    let server = Server::start(&["--limit", "connection=5:0.001"]);
    for hop in 0..5 {
        assert!(
            server
                .anonymous_with(&[("x-forwarded-for", &format!("192.0.2.{hop}"))])
                .await
                .is_ok()
        );
    }
    assert_eq!(
        server
            .anonymous_with(&[("x-forwarded-for", "192.0.2.99")])
            .await
            .err(),
        Some(429)
    );
}

#[tokio::test]
async fn a_network_that_asks_too_much_is_told_when_to_come_back() {
    let server = Server::start(&["--limit", "send=5:0.01", "--limit", "register=5:0.01"]);
    let mut ada = Person::new("ada").registers(&server).await;
    let mut anybody = server.anonymous().await;
    let talk = Conversation::of(&mut anybody, &mut [&mut ada]).await;
    for n in 0..5 {
        assert!(
            matches!(
                anybody.ask(talk.message(&n.to_string())).await,
                Content::Accepted(_)
            ),
            "{n}"
        );
    }
    let Content::Refused(refused) = anybody.ask(talk.message("one too many")).await else {
        panic!("accepted")
    };
    assert_eq!(
        refused.code().as_str_name(),
        RefusalCode::Busy.as_str_name()
    );
    assert!(
        (1..=100_000).contains(&refused.retry_after_ms),
        "{}",
        refused.retry_after_ms
    );
    assert_eq!(items(&mut ada, 5).await.len(), 5);

    for n in 1..5 {
        Person::new(&format!("person{n}")).registers(&server).await;
    }
    let mut sixth = server.mailbox().await;
    sixth
        .send(Request::Register(Person::new("sixth").registration("")))
        .await;
    assert_eq!(sixth.refused_with().await, RefusalCode::Busy.as_str_name());
    assert_eq!(sixth.closed().await, Closed(Some(close::REFUSED)));
}

#[tokio::test]
async fn metrics_count_and_name_nobody() {
    let mut server = Server::start_plain(&["--metrics", "127.0.0.1:0"]);
    let line = server.line();
    let url = line
        .strip_prefix("keyfold-server metrics on http://")
        .expect(&line)
        .to_owned();
    let mut ada = Person::new("adalovelace").registers(&server).await;
    let mut anybody = server.anonymous().await;
    let talk = Conversation::of(&mut anybody, &mut [&mut ada]).await;
    anybody.ask(talk.message("one")).await;
    items(&mut ada, 1).await;
    anybody.send_bytes(b"nonsense").await;
    anybody.closed().await;

    let text = page(url.strip_suffix("/metrics").unwrap()).await;
    for expected in [
        "keyfold_requests_total{kind=\"send\",outcome=\"done\"} 1",
        "keyfold_requests_total{kind=\"register\",outcome=\"done\"} 1",
        "keyfold_delivered_items_total 1",
        "keyfold_sockets{kind=\"mailbox\"} 1",
        "keyfold_sockets_closed_total{code=\"4003\"} 1",
        "keyfold_accepted 2",
        "keyfold_store_batches",
        "keyfold_request_seconds_count",
        "keyfold_push_items_count",
    ] {
        assert!(text.contains(expected), "{expected} is not in\n{text}");
    }
    // The account, an address, the conversation, the message: each waited for the one before.
    let commits: u64 = value(&text, "keyfold_store_commit_seconds_count");
    assert!(commits >= 4, "{commits} in\n{text}");
    let seconds: f64 = value(&text, "keyfold_store_commit_seconds_sum");
    assert!(seconds > 0.0, "{text}");
    for secret in ["adalovelace", "127.0.0.1"] {
        assert!(!text.contains(secret), "{secret} is in\n{text}");
    }
}

fn value<T: std::str::FromStr>(text: &str, name: &str) -> T {
    let mut values = text.lines().filter_map(|line| line.strip_prefix(name));
    let value = values.next().and_then(|value| value.trim().parse().ok());
    value.unwrap_or_else(|| panic!("{name} is not in\n{text}"))
}

async fn page(address: &str) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut tcp = tokio::net::TcpStream::connect(address).await.unwrap();
    tcp.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut text = String::new();
    kit::soon(tcp.read_to_string(&mut text)).await.unwrap();
    text
}

#[tokio::test]
async fn invitations_are_made_while_the_server_runs_and_are_good_once() {
    let server = Server::start(&["--registration", "invite"]);
    let mut uninvited = server.mailbox().await;
    uninvited
        .send(Request::Register(Person::new("ada").registration("")))
        .await;
    assert_eq!(
        uninvited.refused_with().await,
        RefusalCode::InvitationInvalid.as_str_name()
    );

    let codes = invite(&server, "2");
    assert_eq!(codes.len(), 2);
    for (handle, code) in ["ada", "bob"].into_iter().zip(&codes) {
        let mut socket = server.mailbox().await;
        let answer = socket
            .ask(Request::Register(Person::new(handle).registration(code)))
            .await;
        assert!(matches!(answer, Content::Greeting(_)));
    }
    let mut again = server.mailbox().await;
    again
        .send(Request::Register(
            Person::new("cyd").registration(&codes[0]),
        ))
        .await;
    assert_eq!(
        again.refused_with().await,
        RefusalCode::InvitationInvalid.as_str_name()
    );
    server.assert_well().await;
}

fn invite(server: &Server, count: &str) -> Vec<String> {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_keyfold-server"))
        .args(["invite", "--count", count, "--data"])
        .arg(server.data())
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect()
}

#[tokio::test]
async fn a_closed_server_takes_nobody() {
    let server = Server::start(&["--registration", "closed"]);
    let mut socket = server.mailbox().await;
    socket
        .send(Request::Register(Person::new("ada").registration("")))
        .await;
    assert_eq!(
        socket.refused_with().await,
        RefusalCode::RegistrationClosed.as_str_name()
    );
}

#[tokio::test]
async fn a_new_certificate_is_taken_up_and_a_broken_one_is_not() {
    let mut server = Server::start(&[]);
    let (certificate, key) = (
        server.folder().join("ca/server.pem"),
        server.folder().join("ca/server-key.pem"),
    );
    std::fs::write(&certificate, "not a certificate").unwrap();
    server.signal(Signal::HUP);
    server.logs("the former TLS certificate stays in use");
    server.assert_well().await;

    // A second server's development CA stands in for a renewal.
    let other = Server::start(&[]);
    std::fs::copy(other.folder().join("ca/server.pem"), &certificate).unwrap();
    std::fs::copy(other.folder().join("ca/server-key.pem"), &key).unwrap();
    std::fs::copy(
        other.folder().join("ca/ca.pem"),
        server.folder().join("ca/ca.pem"),
    )
    .unwrap();
    server.signal(Signal::HUP);
    server.logs("the TLS certificate was read again");
    server.assert_well().await;
}

#[tokio::test]
async fn a_silent_socket_is_pinged_and_given_up_when_it_stays_silent() {
    let server = Server::start(&["--keepalive", "1"]);
    let mut ada = Person::new("ada").registers(&server).await;
    // This client answers pings as long as it reads.
    for _ in 0..3 {
        while !matches!(ada.next_message().await, Some(Message::Ping(_))) {}
    }
    let answer = ada.ask(take()).await;
    assert!(matches!(answer, Content::Addresses(_)));
    // Now it does not read, until somebody else has heard four pings.
    let mut bo = Person::new("bob").registers(&server).await;
    for _ in 0..4 {
        while !matches!(bo.next_message().await, Some(Message::Ping(_))) {}
    }
    assert_eq!(ada.closed().await, Closed(Some(close::UNRESPONSIVE)));
}

#[tokio::test]
async fn an_anonymous_socket_that_asks_nothing_is_closed() {
    let server = Server::start(&["--idle", "1"]);
    let mut idle = server.anonymous().await;
    assert_eq!(idle.closed().await, Closed(Some(close::IDLE)));
}

fn take() -> Request {
    Request::TakeAddresses(v1::TakeAddresses { count: 1 })
}
