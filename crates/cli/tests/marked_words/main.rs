//! Nothing readable where it should not be: marked words go through the real programs and over real TLS, and are then
//! looked for in the server's data folder, memory and log, in every frame inside TLS, and in locked profiles.
//!
//! No search counts before it has found a word that was planted where it looks. A careless device plants them, one that
//! sends what it has to say as it is; where nothing can be sent to, the word is written into the very file.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod careless;
mod frames;
#[path = "../kit/mod.rs"]
mod kit;
mod observed;
mod recorder;
mod search;

use std::path::Path;

use careless::Careless;
use keyfold_protocol::invitation::Invitation;
use kit::{Person, Server, text};
use observed::Observed;
use recorder::Recorder;
use search::{Words, files, planted_and_found, tables_with};

/// Names of groups and people, texts, files and drafts: for the members alone.
const WORDS: [&str; 14] = [
    "Quillmarsh-Expedition",
    "Velvet-Thunderhill",
    "Osprey-Lanternfold",
    "grobnick waltzes at midnight",
    "pomfrey counts seventeen herons",
    "tindersnap owes nobody a kettle",
    "sablewick never arrived",
    "fennimore hums in the cellar",
    "Brambleworth Mudlark",
    "keeps bees near Tolvaddon",
    "ostrander-ledger.txt",
    "the kiln of Pellabrook was never cold",
    "marrowgate by lamplight",
    "hobbinshaw owes a letter",
];
const EXPEDITION: &str = WORDS[0];
const THUNDERHILL: &str = WORDS[1];
const LANTERNFOLD: &str = WORDS[2];

/// What a member hands to the operator: a text, and what they say about it. On the disk it is sealed.
const REPORTED: [&str; 2] = [
    "cravenshaw sells you shares",
    "ludgrove says so each Monday",
];

/// Handles: in the directory only.
const HANDLES: [&str; 3] = ["zorblaxa", "quimbelle", "wexforth"];

/// The tables that are the directory. Key packages and certificates name the account that they are of.
const DIRECTORY: [&str; 3] = ["accounts", "devices", "key_packages"];

#[test]
fn nothing_of_a_conversation_is_readable_at_the_server() {
    let mut server = Observed::start();
    let recorder = Recorder::before(&server);
    let people = register(&server, &recorder);
    let [ada, bo, cy] = &people;
    let mut careless = Careless::before(&recorder, &server);

    let group = ada.begins(&[&bo.handle, &cy.handle, "--name", EXPEDITION]);
    bo.syncs();
    let following = bo.start(&["read", &group, "--follow"]);
    following.object();
    ada.says(&group, WORDS[3]);
    while !following.line().contains(WORDS[3]) {}
    search_memory(&server, &mut careless);
    following.interrupt();

    shows_and_sends(ada, bo, &group);
    ada.ok(&["rename", &group, LANTERNFOLD]);
    cy.syncs();
    cy.says(&group, WORDS[4]);
    let other = ada.begins(&[&bo.handle, "--name", THUNDERHILL]);
    ada.says(&other, WORDS[5]);
    let talk = bo.begins(&[&cy.handle]);
    bo.says(&talk, WORDS[6]);
    bo.ok(&["leave", &other]);
    ada.syncs();
    ada.ok(&["remove", &group, &cy.handle]);
    bo.syncs();
    ada.says(&group, REPORTED[0]);
    bo.syncs();
    let report = ["report", group.as_str(), "last", "--about", REPORTED[1]];
    assert_eq!(bo.ok(&report)[0]["done"], true);
    // These wait at the server for somebody who is away.
    bo.says(&group, WORDS[7]);
    bo.says(&talk, WORDS[7]);
    let planted = search_memory(&server, &mut careless);
    search_disk(&server, &planted);

    // What was planted in their mailboxes is delivered, too, and harms nobody.
    for person in &people {
        person.syncs();
    }
    assert!(ada.reads(&group).contains(&WORDS[7].to_owned()));
    search_log(&server);
    let planted = careless.says_it_plainly();
    server.kill();
    for path in files(&server.data()) {
        planted_and_found(&path);
    }
    search_disk(&server, &planted);
    frames::search(&recorder, &planted);
}

/// People who are registered with the server, through the recorder.
fn register(server: &Observed, recorder: &Recorder) -> [Person; 3] {
    let people = HANDLES.map(Person::new);
    for person in &people {
        let ca = server.ca();
        let ca = ca.to_str().unwrap();
        person.ok(&[
            "register",
            &person.handle,
            "--server",
            recorder.url(),
            "--ca",
            ca,
        ]);
    }
    people
}

#[test]
fn nothing_of_an_invitation_link_is_readable_at_the_server() {
    let server = Observed::start();
    let recorder = Recorder::before(&server);
    let [ada, bo, cy] = &register(&server, &recorder);
    let mut careless = Careless::before(&recorder, &server);
    let group = ada.begins(&[&bo.handle, "--name", EXPEDITION]);
    let link = text(&ada.ok(&["invite", &group])[0], "link");
    let (_, fragment) = link.split_once('#').unwrap();
    let secret = Invitation::read(fragment).unwrap().secret;
    let raw = Words::of_bytes("the secret", secret.to_secret_bytes().as_slice());
    // Behind the version and the secret, which are its beginning in any form.
    let written = Words::new(&[&fragment[..40], EXPEDITION]);

    // One request waits at the server, then is taken and answered.
    assert_eq!(cy.ok(&["open", &link])[0]["state"], "waiting");
    for answered in [false, true] {
        if answered {
            ada.syncs();
            cy.syncs();
            cy.says(EXPEDITION, "in");
        }
        let planted = careless.says_it_plainly();
        let planted = Words::new(&[&planted]);
        if let Some(memory) = server.memory() {
            assert!(planted.first_in(&memory).is_some(), "it was planted there");
            raw.are_not_in(&memory, "the server's memory");
            written.are_not_in(&memory, "the server's memory");
        }
        let files = files(&server.data());
        assert!(files.iter().any(|path| planted.in_file(path)), "and there");
        for path in files {
            raw.are_not_in_file(&path);
            written.are_not_in_file(&path);
        }
        assert!(frames::hold(&recorder, &planted), "and there");
        assert!(!frames::hold(&recorder, &raw) && !frames::hold(&recorder, &written));
    }
    let log = server.log_with_a_planted_word();
    raw.are_not_in(&log, "the log");
    written.are_not_in(&log, "the log");
}

/// A profile, a draft, and a file with its name.
fn shows_and_sends(ada: &Person, bo: &Person, group: &str) {
    ada.ok(&["me", "--name", WORDS[8], "--about", WORDS[9]]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(WORDS[10]);
    std::fs::write(&path, WORDS[11].repeat(100)).unwrap();
    let path = path.display().to_string();
    ada.ok(&["send-file", group, &path, "--caption", WORDS[12]]);
    ada.ok(&["draft", group, WORDS[13]]);
    bo.syncs();
    assert_eq!(text(&bo.ok(&["person", &ada.handle])[0], "name"), WORDS[8]);
    let to = folder.path().join("copy").display().to_string();
    bo.ok(&["save", group, "last", "--to", &to]);
    let saved = std::fs::read_to_string(to).unwrap();
    assert!(saved.starts_with(WORDS[11]));
}

/// All of the server's memory, right after something was taken and delivered; returns the word that was planted.
fn search_memory(server: &Observed, careless: &mut Careless) -> String {
    let planted = careless.says_it_plainly();
    let Some(memory) = server.memory() else {
        return planted;
    };
    for control in [planted.as_str(), HANDLES[0]] {
        let seen = Words::new(&[control]);
        assert!(
            seen.first_in(&memory).is_some(),
            "{control} was planted there"
        );
    }
    Words::new(&WORDS).are_not_in(&memory, "the server's memory");
    planted
}

/// The data folder's files as they are, write-ahead log included, and what is in the rows of the database.
fn search_disk(server: &Observed, planted: &str) {
    let found = |word| {
        let words = Words::new(&[word]);
        files(&server.data()).iter().any(|path| words.in_file(path))
    };
    assert!(found(planted), "the plain message waits on the disk");
    assert!(found(HANDLES[0]), "the directory is on the disk");
    for path in files(&server.data()) {
        Words::new(&WORDS).are_not_in_file(&path);
        Words::new(&REPORTED).are_not_in_file(&path);
    }
    let plain = tables_with(&server.data(), &[planted]);
    assert_eq!(plain, ["bodies"], "the plain message waits in a mailbox");
    let tables = tables_with(&server.data(), &HANDLES);
    assert_eq!(tables, DIRECTORY, "handles are there and nowhere else");
}

/// The log at its most talkative.
fn search_log(server: &Observed) {
    let log = server.log_with_a_planted_word();
    Words::new(&WORDS).are_not_in(&log, "the log");
    Words::new(&REPORTED).are_not_in(&log, "the log");
    Words::new(&HANDLES).are_not_in(&log, "the log");
}

#[test]
fn a_locked_profile_shows_no_word_of_a_conversation_also_in_its_write_ahead_log() {
    let server = Server::start();
    let people = server.people(HANDLES);
    let [ada, bo, cy] = &people;
    let group = ada.begins(&[&bo.handle, &cy.handle, "--name", EXPEDITION]);
    cy.syncs();
    cy.says(&group, WORDS[3]);
    // Killed while they are open, so that their write-ahead logs stay. What was there at the start is emptied soon after
    // it; hence the second message.
    let mut following = bo.start(&["read", EXPEDITION, "--follow"]);
    let mut sending = ada.start(&["send", &group, "-", "--lines"]);
    for word in &WORDS[4..6] {
        sending.write(&format!("{word}\n"));
        sending.line();
        while !following.line().contains(word) {}
    }
    sending.kill();
    following.kill();

    for person in [ada, bo] {
        let log = person.profile().join("database-wal");
        assert!(
            log.metadata().unwrap().len() > 0,
            "{} left its log behind",
            person.handle
        );
    }
    for person in &people {
        search_profile(person);
    }
    // Unlocked, all of it is there.
    bo.syncs();
    let texts = bo.reads(EXPEDITION);
    assert_eq!(texts, [WORDS[3], WORDS[4], WORDS[5]]);
    assert_eq!(text(&ada.ok(&["list"])[0], "name"), EXPEDITION);
}

/// No word and nobody else's handle is in a profile.
fn search_profile(person: &Person) {
    let others: Vec<_> = HANDLES
        .into_iter()
        .filter(|handle| *handle != person.handle)
        .collect();
    let all = files(&person.profile());
    assert!(holds_the_database(&all), "{all:?}");
    for path in all {
        planted_and_found(&path);
        Words::new(&WORDS).are_not_in_file(&path);
        Words::new(&others).are_not_in_file(&path);
    }
}

fn holds_the_database(files: &[std::path::PathBuf]) -> bool {
    files
        .iter()
        .any(|path| path.file_name() == Path::new("database").file_name())
}
