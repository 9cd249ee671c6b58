//! A real server on this machine, which only these tests reach.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

use std::io::Cursor as Bytes;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use image::{ImageFormat, Rgb, RgbImage};
use keyfold_protocol::limits::MAX_PREVIEW_PICTURE;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;
use crate::limits::MAX_PREVIEW_MOVES;

/// Answers each request with what `answer` says of its path, and keeps what was asked.
async fn serves(answer: fn(&str) -> Vec<u8>) -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let place = listener.local_addr().unwrap();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&asked);
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                request.push(stream.read_u8().await.unwrap());
            }
            let request = String::from_utf8(request).unwrap();
            let path = request.split(' ').nth(1).unwrap().to_owned();
            kept.lock().unwrap().push(request);
            // Whoever has read enough hangs up.
            let _ = stream.write_all(&answer(&path)).await;
        }
    });
    (place, asked)
}

fn says(media_type: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {media_type}\r\nContent-Length: {}\r\nSet-Cookie: a=b\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

fn moves(to: &str) -> Vec<u8> {
    format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n").into_bytes()
}

fn photograph() -> Vec<u8> {
    let picture = RgbImage::from_fn(1_600, 900, |x, _| {
        Rgb([u8::try_from(x % 251).unwrap(), 7, 9])
    });
    let mut png = Bytes::new(Vec::new());
    picture.write_to(&mut png, ImageFormat::Png).unwrap();
    png.into_inner()
}

async fn looks(place: SocketAddr, path: &str) -> Result<LinkPreview, PreviewFailure> {
    let fetcher = Fetcher::new(Reach::Test(place)).unwrap();
    look(&fetcher, &format!("http://{place}{path}")).await
}

#[tokio::test]
async fn a_page_is_looked_at_with_its_picture_and_told_nothing() {
    let (place, asked) = serves(|path| match path {
        "/rock" => moves("/there?a=b"),
        "/there?a=b" => says(
            "text/html; charset=utf-8",
            b"<title>The rock</title><meta name=description content='all of it'>
              <meta property=og:image content=/photo.png><p>",
        ),
        "/photo.png" => says("image/png", &photograph()),
        other => panic!("{other}"),
    })
    .await;
    let made = looks(place, "/rock").await.unwrap();
    assert_eq!(
        made.url,
        format!("http://{place}/rock"),
        "as the text has it"
    );
    assert_eq!(
        (made.title.as_str(), made.description.as_str()),
        ("The rock", "all of it")
    );
    let picture = made.picture.unwrap();
    assert!(picture.len() <= MAX_PREVIEW_PICTURE);
    let picture = image::load_from_memory(&picture).unwrap();
    assert!(picture.width() > picture.height(), "in its form");
    for request in asked.lock().unwrap().iter() {
        let lower = request.to_lowercase();
        assert!(
            !lower.contains("cookie") && !lower.contains("referer"),
            "{request}"
        );
        assert!(request.contains("Mozilla/5.0 (compatible; Keyfold)"));
    }
}

#[tokio::test]
async fn what_does_not_end_moves_on_and_on_or_is_no_page_is_left() {
    let (place, asked) = serves(|path| match path {
        "/round" => moves("/round"),
        "/long" => {
            let mut page = b"<title>Long</title>".to_vec();
            page.resize(MAX_PAGE * 4, b' ');
            says("text/html", &page)
        }
        "/late" => {
            let mut page = vec![b' '; MAX_PAGE];
            page.extend_from_slice(b"<title>Late</title>");
            says("text/html", &page)
        }
        "/file" => says("application/pdf", b"<title>No</title>"),
        "/nothing" => says("text/html", b"<p>nothing"),
        "/bomb" => says(
            "text/html",
            b"<title>B</title><meta property=og:image content=/huge>",
        ),
        "/huge" => says("image/png", b"\x89PNG\r\n\x1a\nno picture"),
        "/gone" => b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_vec(),
        _ => b"no http".to_vec(),
    })
    .await;
    assert!(matches!(
        looks(place, "/round").await,
        Err(PreviewFailure::Moved)
    ));
    assert_eq!(asked.lock().unwrap().len(), MAX_PREVIEW_MOVES + 1);
    assert_eq!(looks(place, "/long").await.unwrap().title, "Long");
    for path in ["/late", "/file", "/nothing"] {
        let failed = looks(place, path).await;
        assert!(matches!(failed, Err(PreviewFailure::Untitled)), "{path}");
    }
    let made = looks(place, "/bomb").await.unwrap();
    assert_eq!((made.title.as_str(), made.picture), ("B", None));
    for path in ["/gone", "/other"] {
        let failed = looks(place, path).await;
        assert!(matches!(failed, Err(PreviewFailure::NotLoaded)), "{path}");
    }
}

#[tokio::test]
async fn nothing_leads_into_somebodys_own_network() {
    let (place, asked) = serves(|_| moves("http://127.0.0.1:22/")).await;
    // Where one page may be asked, no other place on this machine may.
    assert!(matches!(
        looks(place, "/").await,
        Err(PreviewFailure::NotPublic)
    ));
    assert_eq!(asked.lock().unwrap().len(), 1);
    let fetcher = Fetcher::new(Reach::Public).unwrap();
    for link in [
        "http://127.0.0.1/",
        "http://localhost/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://192.168.0.1/",
        "http://93.184.215.14:22/",
        "http://ada:secret@93.184.215.14/",
        "ftp://93.184.215.14/",
        "file:///etc/passwd",
    ] {
        let failed = look(&fetcher, link).await;
        assert!(matches!(failed, Err(PreviewFailure::NotPublic)), "{link}");
    }
    assert_eq!(asked.lock().unwrap().len(), 1);
    assert!(make("no link here").await.unwrap().is_none());
    let own = make(&format!("http://{place}/")).await;
    assert!(matches!(own, Err(PreviewFailure::NotPublic)));
}
