//! Sealed files over HTTP: who may do what, in which order, and what is refused.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod kit;

use keyfold_wire::file::UploadToken;
use keyfold_wire::limits::sealed_at_most;
use kit::Server;

/// A request, and the head of its answer in lower case.
struct Asked {
    head: String,
    body: String,
}

impl Asked {
    fn status(&self) -> u16 {
        self.head.split(' ').nth(1).unwrap().parse().unwrap()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .find_map(|line| line.strip_prefix(&format!("{name}: ")))
    }
}

struct Client<'a> {
    server: &'a Server,
    token: UploadToken,
}

impl<'a> Client<'a> {
    fn new(server: &'a Server, number: u8) -> Self {
        let token = UploadToken::new([number; 32]);
        Self { server, token }
    }

    async fn asks(&self, method: &str, headers: &[(&str, &str)], body: &str) -> Asked {
        let id = self.token.id();
        self.asks_at(method, &id.to_string(), headers, body).await
    }

    async fn asks_at(&self, method: &str, id: &str, headers: &[(&str, &str)], body: &str) -> Asked {
        let mut request =
            format!("{method} /v1/files/{id} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n");
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str(&format!("content-length: {}\r\n\r\n{body}", body.len()));
        let answer = self.server.http(&request).await;
        let (head, body) = answer.split_once("\r\n\r\n").expect(&answer);
        Asked {
            head: head.to_lowercase(),
            body: body.to_owned(),
        }
    }

    async fn begins(&self, length: u64) -> Asked {
        let token = self.token.to_header();
        let length = length.to_string();
        let headers = [
            ("authorization", token.as_str()),
            ("upload-length", &length),
        ];
        self.asks("PUT", &headers, "").await
    }

    async fn extends(&self, offset: u64, body: &str) -> Asked {
        let token = self.token.to_header();
        let offset = offset.to_string();
        let headers = [
            ("authorization", token.as_str()),
            ("upload-offset", &offset),
        ];
        self.asks("PATCH", &headers, body).await
    }

    async fn reads(&self, range: &str) -> Asked {
        self.asks("GET", &[("range", range)], "").await
    }

    async fn deletes(&self) -> Asked {
        let token = self.token.to_header();
        self.asks("DELETE", &[("authorization", &token)], "").await
    }
}

#[tokio::test]
async fn a_file_is_begun_brought_read_in_ranges_and_deleted() {
    let server = Server::start(&[]);
    let client = Client::new(&server, 1);
    let begun = client.begins(10).await;
    assert_eq!(begun.status(), 200, "{}", begun.head);
    assert_eq!(begun.header("upload-offset"), Some("0"));
    assert_eq!(begun.header("upload-complete"), Some("?0"));
    assert_eq!(
        client.reads("bytes=0-").await.status(),
        404,
        "it is not whole"
    );
    let brought = client.extends(0, "0123456789").await;
    assert_eq!(brought.status(), 200, "{}", brought.head);
    assert_eq!(brought.header("upload-complete"), Some("?1"));
    assert_eq!(client.begins(10).await.header("upload-offset"), Some("10"));

    let read = client.reads("bytes=3-5").await;
    assert_eq!((read.status(), read.body.as_str()), (206, "345"));
    assert_eq!(read.header("content-range"), Some("bytes 3-5/10"));
    let read = client.asks("GET", &[], "").await;
    assert_eq!((read.status(), read.body.as_str()), (200, "0123456789"));
    for nonsense in [
        "bytes=10-",
        "bytes=5-3",
        "bytes=-1",
        "lines=1-2",
        "bytes=0-1,3-4",
    ] {
        let read = client.reads(nonsense).await;
        assert_eq!(read.status(), 416, "{nonsense}");
        assert_eq!(read.header("content-range"), Some("bytes */10"));
    }
    assert_eq!(client.deletes().await.status(), 204);
    assert_eq!(client.reads("bytes=0-").await.status(), 404);
    assert_eq!(client.deletes().await.status(), 404);
    server.assert_well().await;
}

#[tokio::test]
async fn only_its_token_writes_to_a_file_and_only_at_its_end() {
    let server = Server::start(&[]);
    let client = Client::new(&server, 1);
    assert_eq!(client.begins(10).await.status(), 200);
    let stranger = UploadToken::new([2; 32]).to_header();
    let all = [("upload-length", "10"), ("upload-offset", "0")];
    for method in ["PUT", "PATCH", "DELETE"] {
        let asked = client.asks(method, &all, "").await;
        assert_eq!(asked.status(), 401, "{method} without a token");
        let mut headers = all.to_vec();
        headers.push(("authorization", &stranger));
        let asked = client.asks(method, &headers, "").await;
        assert_eq!(asked.status(), 401, "{method} with another's");
    }
    assert_eq!(client.begins(11).await.status(), 409, "another length");
    let elsewhere = client.extends(5, "01234").await;
    assert_eq!(
        (elsewhere.status(), elsewhere.header("upload-offset")),
        (409, Some("0"))
    );
    for part in ["", "012345678", "01234567890"] {
        assert_eq!(
            client.extends(0, part).await.status(),
            400,
            "not the whole part"
        );
    }
    assert_eq!(client.extends(0, "0123456789").await.status(), 200);
    let again = client.extends(0, "0123456789").await;
    assert_eq!(
        (again.status(), again.header("upload-offset")),
        (409, Some("10"))
    );
    assert_eq!(client.extends(10, "").await.status(), 400, "it is whole");

    let other = Client::new(&server, 3);
    assert_eq!(
        other.extends(0, "x").await.status(),
        404,
        "it was not begun"
    );
    assert_eq!(other.begins(0).await.status(), 400);
    for id in [
        "",
        "zz",
        "../../address.key",
        &"AB".repeat(32),
        &"a".repeat(63),
    ] {
        let asked = client
            .asks_at("GET", id, &[("range", "bytes=0-")], "")
            .await;
        assert_eq!(asked.status(), 404, "{id}");
    }
    server.assert_well().await;
}

#[tokio::test]
async fn a_file_at_the_limit_is_taken_and_one_past_it_is_not() {
    let server = Server::start(&["--max-file-size", "1000"]);
    let limit = sealed_at_most(1_000);
    assert_eq!(Client::new(&server, 1).begins(limit).await.status(), 200);
    let refused = Client::new(&server, 2).begins(limit + 1).await;
    assert_eq!(refused.status(), 413);
    let largest = format!("max-size={limit}");
    assert_eq!(refused.header("upload-limit"), Some(largest.as_str()));
}

#[tokio::test]
async fn a_network_begins_so_many_files_and_moves_so_many_parts() {
    let limits = ["--limit", "file=5:0.000001", "--limit", "part=6:0.000001"];
    let server = Server::start(&limits);
    for number in 0..5 {
        assert_eq!(Client::new(&server, number).begins(4).await.status(), 200);
    }
    let refused = Client::new(&server, 9).begins(4).await;
    assert_eq!(refused.status(), 429);
    assert!(refused.header("retry-after").is_some());
    for number in 0..5 {
        assert_eq!(
            Client::new(&server, number)
                .extends(0, "0123")
                .await
                .status(),
            200
        );
    }
    let first = Client::new(&server, 0);
    assert_eq!(first.reads("bytes=0-").await.status(), 206);
    assert_eq!(first.reads("bytes=0-").await.status(), 429);
}

#[tokio::test]
async fn a_file_outlives_its_server_and_the_log_names_none() {
    let server = Server::start(&["--log", "trace"]);
    let client = Client::new(&server, 1);
    client.begins(4).await;
    client.extends(0, "0123").await;
    let id = client.token.id().to_string();
    let mut server = server.killed_and_restarted();
    assert_eq!(Client::new(&server, 1).reads("bytes=1-2").await.body, "12");
    server.signal(rustix::process::Signal::TERM);
    let log = server.rest_of_log();
    assert!(!log.is_empty());
    assert!(!log.iter().any(|line| line.contains(&id)), "{log:?}");
}
