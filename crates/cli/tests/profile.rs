//! Profiles: one process at a time, under a passphrase, whole or not at all, and never overwritten.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod kit;

use std::time::Duration;

use kit::{Person, Server, text};

#[test]
fn two_processes_on_one_profile_get_a_clear_refusal() {
    let server = Server::start();
    let [ada, bo] = server.people(["ada", "bo"]);
    let talk = ada.begins(&["bo"]);
    let following = ada.start(&["read", &talk, "--follow"]);
    following.object();
    for command in [
        &["list"][..],
        &["whoami"],
        &["send", &talk, "hi"],
        &["sync"],
        &["read", &talk],
    ] {
        let (code, failure) = ada.fails(command);
        assert_eq!(
            (code, &failure["kind"]),
            (6, &"in_use".into()),
            "{command:?}: {failure}"
        );
    }
    let (code, _) = ada.fails(&server.registration("ada"));
    assert_eq!(code, 6);
    drop(following);
    assert_eq!(ada.ok(&["list"]).len(), 1);
    drop(bo);
}

#[test]
fn a_wrong_passphrase_opens_nothing_and_changes_nothing() {
    let server = Server::start();
    let ada = server.person("ada");
    let before = ada.files();
    std::fs::write(ada.home.path().join("passphrase"), "ada likes short walks").unwrap();
    for command in [&["whoami"][..], &["list"], &["sync"], &["send", "bo", "hi"]] {
        let (code, failure) = ada.fails(command);
        assert_eq!(
            (code, &failure["kind"]),
            (5, &"passphrase".into()),
            "{failure}"
        );
        assert_eq!(failure["error"], "wrong passphrase");
    }
    let (code, _) = ada.fails(&server.registration("ada"));
    assert_eq!(code, 5);
    assert_eq!(ada.files(), before);
    std::fs::write(ada.home.path().join("passphrase"), "ada likes long walks").unwrap();
    assert_eq!(ada.ok(&["whoami"])[0]["handle"], "ada");
}

#[test]
fn a_damaged_database_is_refused_with_advice_and_left_as_it_is() {
    let server = Server::start();
    let ada = server.person("ada");
    let database = ada.profile().join("database");
    let whole = std::fs::read(&database).unwrap();
    assert!(
        !whole.windows(6).any(|window| window == b"SQLite"),
        "it is encrypted"
    );
    let overwritten = |from: usize, to: usize| {
        let mut bytes = whole.clone();
        bytes[from..to].fill(0xA5);
        bytes
    };
    for (how, bytes) in [
        ("its first page", overwritten(0, 64)),
        ("all but its first page", overwritten(4_096, whole.len())),
        ("cut in half", whole[..whole.len() / 2].to_vec()),
        (
            "something else",
            b"SQLite format 3\0 and nothing more".repeat(200),
        ),
    ] {
        std::fs::write(&database, &bytes).unwrap();
        let damaged = ada.files();
        let (code, failure) = ada.fails(&["list"]);
        assert_eq!(
            (code, &failure["kind"]),
            (8, &"damaged".into()),
            "{how}: {failure}"
        );
        let advice = text(&failure, "error");
        assert!(
            advice.contains("restore") && advice.contains("copy"),
            "{advice}"
        );
        assert_eq!(ada.fails(&server.registration("ada")).0, 8);
        assert_eq!(ada.files(), damaged, "{how}");
        std::fs::write(&database, &whole).unwrap();
    }
    assert_eq!(ada.ok(&["whoami"])[0]["handle"], "ada");
}

#[test]
fn registering_can_be_done_again_after_it_was_killed_anywhere() {
    let server = Server::start();
    let handles = ["ada", "bea", "cat", "dot", "eli"];
    for (number, handle) in handles.into_iter().enumerate() {
        let person = Person::new(handle);
        // The profile's files appear one after another: settings, key, database. Each time it is killed at the next.
        let wanted = ["lock", "settings", "key", "database", "database-wal"][number];
        let mut running = person.start(&server.registration(handle));
        while running.is_alive() && !person.profile().join(wanted).exists() {
            std::thread::yield_now();
        }
        running.kill();
        let shown = running.line_within(Duration::ZERO);
        let again = person.start(&server.registration(handle)).finish();
        if let Some(shown) = shown {
            // It was quicker than this test: the key was shown, so it need not be shown again.
            assert!(shown.contains("recovery_key"));
        } else {
            let registered = &again.objects()[0];
            assert_eq!(
                registered["handle"], handle,
                "killed at {wanted}: {:?}",
                again.err
            );
            let digits = text(registered, "recovery_key")
                .chars()
                .filter(char::is_ascii_digit)
                .count();
            assert_eq!(digits, 64);
        }
        assert_eq!(person.ok(&["whoami"])[0]["registered"], true);
        assert_eq!(
            person.fails(&server.registration(handle)).1["kind"],
            "refused",
            "the key is shown once"
        );
    }
}

#[cfg(unix)]
#[test]
fn the_folder_is_its_owners_and_the_recovery_key_goes_to_a_private_file() {
    use std::os::unix::fs::PermissionsExt as _;
    let server = Server::start();
    let ada = kit::Person::new("ada");
    let file = ada.home.path().join("recovery");
    let mut registration = server.registration("ada");
    registration.extend(["--recovery-file".to_owned(), file.display().to_string()]);
    let registered = ada.ok(&registration);
    assert!(registered[0].get("recovery_key").is_none());
    let mode =
        |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&ada.profile()), 0o700);
    assert_eq!(mode(&file), 0o600);
    let key = std::fs::read_to_string(&file).unwrap();
    assert_eq!(key.chars().filter(char::is_ascii_digit).count(), 64);
    let bo = kit::Person::new("bo");
    let mut again = server.registration("bo");
    again.extend(["--recovery-file".to_owned(), file.display().to_string()]);
    assert_eq!(
        bo.fails(&again).0,
        2,
        "an existing file is never overwritten"
    );
    assert!(!bo.profile().exists());
}

#[test]
fn failures_say_what_to_do_and_have_a_kind_and_a_code() {
    let server = Server::start();
    let ada = server.person("ada");
    let nobody = Person::new("nobody");
    for (person, command, code, kind) in [
        (&nobody, &["list"][..], 7, "no_profile"),
        (&ada, &["send", "nobody", "hi"], 7, "not_found"),
        (&ada, &["read", "nobody"], 7, "not_found"),
        (&ada, &["verify", "nobody.at.all"], 7, "not_found"),
        (&ada, &["new", "nobody.at.all"], 7, "not_found"),
        (&ada, &["no-such-command"], 2, "usage"),
        (&ada, &["chat", "nobody"], 2, "usage"),
        (
            &ada,
            &["register", "ada2", "--server", "http://example.org"],
            2,
            "usage",
        ),
        (
            &nobody,
            &["register", "ada2", "--server", "example.org"],
            2,
            "usage",
        ),
    ] {
        let (actual, failure) = person.fails(command);
        assert_eq!(
            (actual, &failure["kind"]),
            (code, &kind.into()),
            "{command:?}: {failure}"
        );
        assert!(!text(&failure, "error").is_empty());
    }
    let taken = kit::Person::new("ada");
    let (code, failure) = taken.fails(&server.registration("ada"));
    assert_eq!(
        (code, &failure["kind"]),
        (3, &"refused".into()),
        "{failure}"
    );
    // The refused handle leaves a profile that another handle can use.
    assert_eq!(taken.ok(&server.registration("ida"))[0]["handle"], "ida");
}

#[test]
fn a_server_that_is_not_trusted_or_not_there_is_told_at_once() {
    let mut server = Server::start();
    let ada = kit::Person::new("ada");
    let (code, failure) = ada.fails(&["register", "ada", "--server", &server.url]);
    assert_eq!(
        (code, &failure["kind"]),
        (4, &"offline".into()),
        "{failure}"
    );
    assert!(text(&failure, "error").contains("identity"), "{failure}");
    server.kill();
    let bo = kit::Person::new("bo");
    let (code, failure) = bo.fails(&server.registration("bo"));
    assert_eq!(
        (code, &failure["kind"]),
        (4, &"offline".into()),
        "{failure}"
    );
}

#[test]
fn several_conversations_of_one_name_are_listed_to_choose_from() {
    let server = Server::start();
    let [ada, bo] = server.people(["ada", "bo"]);
    let first = ada.begins(&["bo", "--name", "climbing"]);
    let second = ada.begins(&["bo", "--name", "climbing"]);
    drop(bo);
    let (code, failure) = ada.fails(&["send", "climbing", "which?"]);
    assert_eq!((code, &failure["kind"]), (7, &"ambiguous".into()));
    let mut listed: Vec<_> = failure["candidates"]
        .as_array()
        .unwrap()
        .iter()
        .map(|candidate| text(candidate, "id"))
        .collect();
    listed.sort();
    let mut both = vec![first.clone(), second];
    both.sort();
    assert_eq!(listed, both);
    assert_eq!(
        ada.ok(&["send", &first[..12], "this one"])[0]["conversation"],
        first
    );
}

#[test]
fn a_locked_profile_holds_nothing_readable() {
    let server = Server::start();
    let [ada, bo] = server.people(["ada", "bo.xylophone"]);
    let group = ada.begins(&["bo.xylophone", "--name", "zeppelin-club"]);
    ada.says(&group, "the quokka sleeps at noon");
    // Killed, so that the write-ahead log stays as it is.
    let mut following = ada.start(&["read", &group, "--follow"]);
    while following.object()["kind"] != "text" {}
    following.kill();
    drop(bo);
    let holds = |word: &str| {
        let found = |(_, bytes): &(_, Vec<u8>)| {
            bytes
                .windows(word.len())
                .any(|part| part == word.as_bytes())
        };
        ada.files().iter().any(found)
    };
    std::fs::write(ada.profile().join("planted"), "here lies a walrus").unwrap();
    assert!(holds("walrus"), "the search finds what is there");
    let names: Vec<_> = ada.files().into_iter().map(|(path, _)| path).collect();
    assert!(
        names.iter().any(|path| path.ends_with("database-wal")),
        "{names:?}"
    );
    for word in [
        "quokka",
        "zeppelin",
        "xylophone",
        "SQLite",
        "ada likes long walks",
    ] {
        assert!(!holds(word), "{word}");
    }
}
