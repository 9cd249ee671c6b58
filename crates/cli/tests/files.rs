//! Files from one person's disk to another's: whole, in parts, interrupted on either side, changed on the way, and by names that mislead.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod kit;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use keyfold_client::profile::Locked;
use keyfold_client::profile::key::Passphrase;
use keyfold_client::{Client, FileFailure, Notice, Sending, Transfer};
use keyfold_engine::Event;
use kit::{PATIENCE, Person, Server, text};
use tempfile::TempDir;

/// Bytes of a file that are stored and asked for together.
const PART: usize = 4 * 1024 * 1024;

/// Requests for parts that a server with [`FEW`] takes, for all time.
const TAKEN: usize = 5;
/// A server that takes so few.
const FEW: [&str; 2] = ["--limit", "part=5:0.000001"];

/// A folder with a file of this name whose bytes repeat nowhere.
fn file(name: &str, size: usize) -> (TempDir, PathBuf, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    let mut state = 0x9e37_79b9_u64 | size as u64;
    let content: Vec<u8> = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    })
    .flatten()
    .take(size)
    .collect();
    let path = folder.path().join(name);
    std::fs::write(&path, &content).unwrap();
    (folder, path, content)
}

fn sends(person: &Person, talk: &str, path: &Path) -> String {
    let path = path.display().to_string();
    text(&person.ok(&["send-file", talk, &path])[0], "id")
}

/// Fetches what waits, saves the newest message's file and gives what is in it.
fn saves(person: &Person, talk: &str, to: &Path) -> Vec<u8> {
    person.syncs();
    let to = to.display().to_string();
    let saved = person.ok(&["save", talk, "last", "--to", &to]).remove(0);
    std::fs::read(text(&saved, "path")).unwrap()
}

/// Files below a folder, deepest names last.
fn below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => found.extend(below(&entry.path())),
            Ok(kind) if kind.is_file() => found.push(entry.path()),
            _ => {}
        }
    }
    found.sort();
    found
}

/// The parts that lie at the server, in their order.
fn parts(server: &Server) -> Vec<PathBuf> {
    let mut parts = below(&server.home.path().join("data/files"));
    parts.retain(|part| number(part).is_some());
    parts.sort_by_key(|part| number(part));
    parts
}

fn number(part: &Path) -> Option<u32> {
    part.file_name()?.to_str()?.parse().ok()
}

/// Waits until this is so.
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < end, "{what}");
        std::thread::park_timeout(Duration::from_millis(2));
    }
}

/// A one-to-one conversation of two people.
fn pair(server: &Server) -> ([Person; 2], String) {
    let people = server.people(["ada", "bo"]);
    let talk = people[0].begins(&["bo"]);
    people[1].syncs();
    (people, talk)
}

#[test]
fn a_file_arrives_with_its_name_and_what_is_said_about_it() {
    let server = Server::start();
    let ([ada, bo], talk) = pair(&server);
    let (_folder, path, content) = file("summit at six.jpg", 300_000);
    let path = path.display().to_string();
    let sent = ada.ok(&["send-file", &talk, &path, "--caption", "what a day"]);
    let id = text(&sent[0], "id");
    bo.says("ada", "lovely");
    ada.syncs();

    for (person, talk) in [(&bo, "ada"), (&ada, talk.as_str())] {
        let entries = person.ok(&["read", talk]);
        let entry = entries.iter().find(|entry| entry["kind"] == "file");
        let entry = entry.expect(&person.handle);
        assert_eq!(entry["id"], id.as_str());
        assert_eq!(entry["text"], "what a day");
        assert_eq!(entry["file"]["name"], "summit at six.jpg");
        assert_eq!(entry["file"]["media_type"], "image/jpeg");
        assert_eq!(entry["file"]["size"], 300_000);
        assert_eq!(entry["file"]["state"], "at_server");
        assert_eq!(person.reads(talk), ["lovely"], "nothing is missing");
    }
    let seen = bo.sees(&["read", "ada"]);
    assert!(seen.contains("[summit at six.jpg, 300.0 kB]"), "{seen}");
    assert!(seen.contains("what a day"), "{seen}");

    let target = tempfile::tempdir().unwrap();
    let to = target.path().display().to_string();
    let saved = bo.ok(&["save", "ada", &id[..8], "--to", &to]);
    assert!(text(&saved[0], "path").ends_with("/summit at six.jpg"));
    assert_eq!(
        std::fs::read(target.path().join("summit at six.jpg")).unwrap(),
        content
    );
    let (code, failure) = bo.fails(&["save", "ada", &id[..8], "--to", &to]);
    assert_eq!(
        (code, &failure["kind"]),
        (2, &"usage".into()),
        "nothing is overwritten"
    );
    // Its sender needs it no more on the device that sent it.
    let copies = below(&ada.profile().join("outgoing"));
    assert!(copies.is_empty(), "{copies:?}");
    assert_eq!(below(&bo.profile().join("incoming")), Vec::<PathBuf>::new());
    let own = target.path().join("own.jpg").display().to_string();
    ada.ok(&["save", &talk, &id[..8], "--to", &own]);
    assert_eq!(std::fs::read(&own).unwrap(), content);
}

#[test]
fn files_of_all_lengths_come_whole_and_the_server_has_nothing_of_them() {
    let server = Server::start();
    let ([ada, bo], talk) = pair(&server);
    let target = tempfile::tempdir().unwrap();
    for size in [0, 1, 65_536, PART, PART + 1] {
        let (_folder, path, content) = file("file.bin", size);
        sends(&ada, &talk, &path);
        let to = target.path().join(size.to_string());
        assert!(saves(&bo, "ada", &to) == content, "{size}");
        if size > 32 {
            let part = &content[..32];
            for at_rest in below(&server.home.path().join("data")) {
                let bytes = std::fs::read(&at_rest).unwrap();
                assert!(memchr::memmem::find(&bytes, part).is_none(), "{at_rest:?}");
                assert!(memchr::memmem::find(&bytes, b"file.bin").is_none());
            }
        }
    }
}

#[test]
fn an_upload_goes_on_where_it_stopped_when_both_sides_were_killed() {
    let mut server = Server::start_with(&FEW);
    let ([ada, bo], talk) = pair(&server);
    let (folder, path, content) = file("film.mp4", 8 * PART);
    let path = path.display().to_string();
    let mut sending = ada.start(&["send-file", &talk, &path]);
    until("five parts come", || parts(&server).len() == TAKEN);
    sending.kill();
    server.kill();
    // What was said about it is kept, what lies at the server stays, and the file itself is not needed any more.
    drop(folder);
    let first = std::fs::metadata(&parts(&server)[0]).unwrap().modified();
    server.restart_with(&[]);
    let entries = ada.ok(&["read", &talk]);
    let waiting = entries
        .iter()
        .find(|entry| entry["kind"] == "file")
        .unwrap();
    assert_eq!(waiting["file"]["state"], "uploading");
    assert_eq!(waiting["state"], "waiting");
    ada.says(&talk, "a film comes soon");
    ada.syncs();

    let again = std::fs::metadata(&parts(&server)[0]).unwrap().modified();
    assert_eq!(
        first.unwrap(),
        again.unwrap(),
        "the first part was not brought again"
    );
    let target = tempfile::tempdir().unwrap();
    assert!(saves(&bo, "ada", &target.path().join("film")) == content);
    let kinds: Vec<_> = bo
        .ok(&["read", "ada"])
        .iter()
        .map(|entry| text(entry, "kind"))
        .collect();
    assert!(!kinds.contains(&"gap".to_owned()), "{kinds:?}");
    assert_eq!(bo.reads("ada"), ["a film comes soon"]);
}

#[test]
fn a_server_that_is_killed_in_the_middle_costs_the_sender_nothing() {
    let mut server = Server::start();
    let ([ada, bo], talk) = pair(&server);
    let (_folder, path, content) = file("film.mp4", 12 * PART);
    let path = path.display().to_string();
    let sending = ada.start(&["send-file", &talk, &path]);
    until("two parts come", || parts(&server).len() >= 2);
    server.kill();
    server.restart();
    let sent = sending.finish();
    assert_eq!(sent.code, Some(0), "{:?}", sent.err);
    let target = tempfile::tempdir().unwrap();
    assert!(saves(&bo, "ada", &target.path().join("film")) == content);
}

#[test]
fn a_download_goes_on_where_it_stopped() {
    let mut server = Server::start();
    let ([ada, bo], talk) = pair(&server);
    let (_folder, path, content) = file("film.mp4", 8 * PART);
    sends(&ada, &talk, &path);
    bo.syncs();
    server.kill();
    server.restart_with(&FEW);
    let target = tempfile::tempdir().unwrap();
    let to = target.path().join("film").display().to_string();
    let mut saving = bo.start(&["save", "ada", "last", "--to", &to]);
    let come = || {
        below(&bo.profile().join("incoming"))
            .first()
            .map_or(0, |kept| {
                std::fs::metadata(kept).map_or(0, |kept| kept.len())
            })
    };
    // Whole segments are asked for: 63 of 65,552 bytes fit into a part.
    until("five parts come", || come() == (TAKEN * 63 * 65_552) as u64);
    saving.kill();
    assert!(!Path::new(&to).exists());
    server.kill();
    // What has come is not asked for again.
    for part in &parts(&server)[..TAKEN - 1] {
        std::fs::remove_file(part).unwrap();
    }
    server.restart_with(&[]);
    assert!(saves(&bo, "ada", Path::new(&to)) == content);
}

#[test]
fn a_byte_that_was_changed_at_the_server_keeps_the_whole_file_from_being_handed_out() {
    let server = Server::start();
    let ([ada, bo], talk) = pair(&server);
    let target = tempfile::tempdir().unwrap();
    let (_folder, path, content) = file("contract.pdf", 2 * PART);
    sends(&ada, &talk, &path);
    bo.syncs();
    let to = target.path().join("contract.pdf");
    let words = to.display().to_string();
    let all = parts(&server);
    // In the first segment, in the middle of a later part, and in the padding at the very end.
    let end = std::fs::metadata(all.last().unwrap()).unwrap().len() - 1;
    for (part, place) in [
        (&all[0], 0),
        (&all[1], 1_000_000),
        (all.last().unwrap(), end),
    ] {
        let good = std::fs::read(part).unwrap();
        let mut bad = good.clone();
        bad[usize::try_from(place).unwrap()] ^= 1;
        std::fs::write(part, bad).unwrap();
        let (code, failure) = bo.fails(&["save", "ada", "last", "--to", &words]);
        assert_eq!((code, &failure["kind"]), (3, &"refused".into()));
        assert!(text(&failure, "error").contains("was changed"), "{failure}");
        assert!(below(target.path()).is_empty(), "nothing is handed out");
        std::fs::write(part, good).unwrap();
    }
    // Two segments that change places are a change as well.
    let good = std::fs::read(&all[0]).unwrap();
    let mut bad = good.clone();
    let (one, rest) = bad.split_at_mut(65_552);
    one.swap_with_slice(&mut rest[..65_552]);
    std::fs::write(&all[0], bad).unwrap();
    bo.fails(&["save", "ada", "last", "--to", &words]);
    std::fs::write(&all[0], good).unwrap();
    assert!(saves(&bo, "ada", &to) == content);
}

#[test]
fn a_file_that_is_too_large_for_the_server_is_refused_and_nothing_is_left_of_it() {
    let server = Server::start_with(&["--max-file-size", "1000000"]);
    let ([ada, bo], talk) = pair(&server);
    let (_fits, path, content) = file("fits.bin", 1_000_000);
    sends(&ada, &talk, &path);
    let target = tempfile::tempdir().unwrap();
    assert!(saves(&bo, "ada", &target.path().join("fits")) == content);
    let (_large, path, _) = file("large.bin", 1_300_000);
    let path = path.display().to_string();
    let (code, failure) = ada.fails(&["send-file", &talk, &path]);
    assert_eq!((code, &failure["kind"]), (3, &"refused".into()));
    assert!(text(&failure, "error").contains("too large"), "{failure}");
    ada.syncs();
    let files = |person: &Person, talk: &str| {
        let entries = person.ok(&["read", talk]);
        entries
            .iter()
            .filter(|entry| entry["kind"] == "file")
            .count()
    };
    assert_eq!((files(&ada, &talk), files(&bo, "ada")), (1, 1));
    assert!(below(&ada.profile().join("outgoing")).is_empty());
}

#[test]
fn a_name_that_misleads_is_sent_and_saved_as_one_that_does_not() {
    let server = Server::start();
    let ([ada, bo], talk) = pair(&server);
    let target = tempfile::tempdir().unwrap();
    let to = target.path().display().to_string();
    let cases = [
        (
            "invoice\u{202e}fdp.exe",
            "invoice_fdp.exe",
            "invoice_fdp.exe",
        ),
        ("two\nlines", "two_lines", "two_lines"),
        (".profile", ".profile", "_.profile"),
        ("back\\slash", "back_slash", "back_slash"),
    ];
    for (name, shown, saved) in cases {
        let (_folder, path, _) = file(name, 10);
        let id = sends(&ada, &talk, &path);
        bo.syncs();
        let entries = bo.ok(&["read", "ada"]);
        assert_eq!(entries.last().unwrap()["file"]["name"], shown);
        bo.ok(&["save", "ada", &id[..12], "--to", &to]);
        assert!(target.path().join(saved).exists(), "{saved}");
    }
    let names: Vec<_> = below(target.path());
    assert_eq!(names.len(), cases.len(), "{names:?}");
}

#[test]
fn what_is_no_file_or_has_none_is_said() {
    let server = Server::start();
    let ([ada, bo], talk) = pair(&server);
    let folder = tempfile::tempdir().unwrap();
    let (code, failure) = ada.fails(&["send-file", &talk, folder.path().to_str().unwrap()]);
    assert_eq!((code, &failure["kind"]), (2, &"usage".into()), "{failure}");
    let gone = folder.path().join("gone");
    let (code, failure) = ada.fails(&["send-file", &talk, gone.to_str().unwrap()]);
    assert_eq!((code, &failure["kind"]), (2, &"usage".into()), "{failure}");
    let id = ada.says(&talk, "only words");
    bo.syncs();
    let (code, failure) = bo.fails(&["save", "ada", &id[..8]]);
    assert_eq!(
        (code, &failure["kind"]),
        (7, &"not_found".into()),
        "{failure}"
    );

    let (_folder, path, _) = file("secret.txt", 100);
    let id = sends(&ada, &talk, &path);
    bo.syncs();
    ada.ok(&["take-back", &talk, &id[..8]]);
    bo.syncs();
    let (code, failure) = bo.fails(&["save", "ada", &id[..8]]);
    assert_eq!(
        (code, &failure["kind"]),
        (7, &"not_found".into()),
        "{failure}"
    );
}

/// The client of a person's profile, as an app has it.
fn client(person: &Person) -> Client {
    let passphrase = Passphrase::from_file(&person.home.path().join("passphrase")).unwrap();
    let locked = Locked::take(&person.profile()).unwrap();
    Client::start(locked.open(Some(&passphrase)).unwrap()).unwrap()
}

#[tokio::test]
async fn a_film_is_played_from_its_middle_without_being_loaded() {
    let server = Server::start();
    let ([ada, bo], talk) = pair(&server);
    let (_folder, path, content) = file("film.mp4", 3 * PART);
    let id = sends(&ada, &talk, &path).parse().unwrap();
    bo.syncs();
    let talk = talk.parse().unwrap();
    let client = client(&bo);
    let size = content.len() as u64;
    for range in [
        0..1,
        65_535..65_537,
        7_000_000..7_200_000,
        size - 10..size,
        5..5,
    ] {
        let read = client.read_file(talk, id, range.clone()).await.unwrap();
        let [from, to] = [range.start, range.end].map(|at| usize::try_from(at).unwrap());
        assert!(read == content[from..to], "{range:?}");
    }
    let behind = client.read_file(talk, id, size - 1..size + 1).await;
    assert!(matches!(behind, Err(FileFailure::Range)), "{behind:?}");
    // What was changed is not played; what was not, is.
    let part = &parts(&server)[1];
    let mut bytes = std::fs::read(part).unwrap();
    bytes[100_000] ^= 1;
    std::fs::write(part, bytes).unwrap();
    let at = PART as u64 + 90_000;
    let changed = client.read_file(talk, id, at..at + 100).await;
    assert!(matches!(changed, Err(FileFailure::Changed)), "{changed:?}");
    let after = client.read_file(talk, id, at + 500_000..at + 500_100).await;
    assert!(after.is_ok());
    client.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_tells_how_far_it_is_and_one_that_is_cancelled_goes_from_both_sides() {
    let server = Server::start_with(&FEW);
    let ([ada, bo], talk) = pair(&server);
    let (_folder, path, _) = file("film.mp4", 8 * PART);
    let conversation = talk.parse().unwrap();
    let client = client(&ada);
    let mut notices = client.subscribe();
    let sending = Sending {
        path: &path,
        media_type: "video/mp4",
        caption: "",
        as_it_is: true,
        opens: keyfold_engine::command::Opens::Always,
    };
    let begun = client.send_file(conversation, sending).await.unwrap();
    let (upload, false) = (begun.upload, begun.says_more) else {
        panic!("it is as it is");
    };
    let five = (TAKEN * PART) as u64;
    let came = notices.until(|notice| match notice {
        Notice::File(progress) if progress.done == five => Some(*progress),
        _ => None,
    });
    let came = came.await.unwrap();
    assert_eq!(came.file, Transfer::Up(upload));
    assert!(came.of > 8 * PART as u64);
    assert_eq!(parts(&server).len(), TAKEN);

    client.cancel_file(upload).await.unwrap();
    let cancelled = notices.until(|notice| match notice {
        Notice::Event(Event::UploadCancelled(_, other)) => Some(*other),
        _ => None,
    });
    assert_eq!(cancelled.await, Some(upload));
    until("the server deletes it", || parts(&server).is_empty());
    assert!(below(&ada.profile().join("outgoing")).is_empty());
    assert!(client.cancel_file(upload).await.is_err());
    client.shutdown().await;
    bo.syncs();
    assert!(ada.reads(&talk).is_empty() && bo.reads("ada").is_empty());
}
