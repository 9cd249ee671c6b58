//! What people and scripts see: field names that stay, and received text that cannot command a terminal.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod kit;

use insta::{Settings, assert_json_snapshot, assert_snapshot};
use kit::{Server, text};

/// Escape sequences (C0 and C1), a title, a bidirectional override, an isolate, a tag character, a backspace.
const HOSTILE: &str =
    "a\x1b[2J\x1b]0;owned\x07b\u{9b}31mc\u{202e}txet\u{202c}\u{2066}d\x08\u{e0041}e\r\nf";

fn is_dangerous(c: char) -> bool {
    (c.is_control() && c != '\n')
        || matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{E0000}'..='\u{E007F}')
}

#[test]
fn received_text_cannot_command_the_terminal() {
    let server = Server::start();
    let [ada, bo] = server.people(["ada", "bo"]);
    let group = ada.begins(&["bo", "--name", "climbing"]);
    let mut sending = ada.start(&["send", &group, "-"]);
    sending.write(HOSTILE);
    assert_eq!(sending.finish().code, Some(0));
    bo.syncs();
    for command in [
        &["read", &group][..],
        &["list"],
        &["read", &group, "--last", "1"],
    ] {
        let seen = bo.sees(command);
        assert!(seen.contains("owned"), "{seen:?}");
        assert!(!seen.chars().any(is_dangerous), "{command:?}: {seen:?}");
        let mut json = bo.keyfold();
        let output = json.arg("--json").args(command).output().unwrap();
        let json = String::from_utf8(output.stdout).unwrap();
        assert!(!json.chars().any(is_dangerous), "{command:?}: {json:?}");
    }
    assert_eq!(bo.reads(&group), [HOSTILE], "JSON keeps every character");
}

/// Ids, keys, addresses and times differ each time; their form does not.
fn redactions() -> Settings {
    let mut settings = Settings::clone_current();
    for field in [
        "id",
        "account",
        "device",
        "conversation",
        "server",
        "profile",
        "sent_at",
        "fingerprint",
        "qr",
    ] {
        settings.add_redaction(&format!(".**.{field}"), insta::dynamic_redaction(form));
    }
    for field in ["safety_number", "recovery_key", "code"] {
        settings.add_redaction(&format!(".**.{field}"), insta::dynamic_redaction(form));
    }
    settings
}

fn form(
    value: insta::internals::Content,
    _: insta::internals::ContentPath<'_>,
) -> insta::internals::Content {
    let Some(text) = value.as_str() else {
        return value;
    };
    let form = if text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        format!("[{} hexadecimal digits]", text.len())
    } else if text.chars().all(|c| c.is_ascii_digit() || c == ' ') {
        format!(
            "[{} digits]",
            text.chars().filter(char::is_ascii_digit).count()
        )
    } else if text.ends_with('Z') && text.len() == "2026-11-23T22:55:04.120Z".len() {
        "[instant]".to_owned()
    } else {
        "[text]".to_owned()
    };
    form.into()
}

#[test]
fn the_fields_of_json_are_these() {
    let server = Server::start();
    let ada = kit::Person::new("ada");
    let registered = ada.ok(&server.registration("ada"));
    let [bo, cy] = server.people(["bo", "cy"]);
    let begun = ada.ok(&["new", "bo", "--name", "climbing"]);
    let group = text(&begun[0], "id");
    let sent = ada.ok(&["send", &group, "Hi! Friday at six?"]);
    let added = ada.ok(&["add", &group, "cy"]);
    let removed = ada.ok(&["remove", &group, "cy"]);
    let renamed = ada.ok(&["rename", &group, "bouldering"]);
    let synced = bo.syncs();
    let queued = bo.ok(&["send", &group, "Yes", "--queue"]);
    let listed = bo.ok(&["list"]);
    let read = bo.ok(&["read", &group]);
    let whoami = bo.ok(&["whoami"]);
    let verified = bo.ok(&["verify", "ada", "--mark"]);
    let failed = bo.fails(&["read", "nobody"]).1;
    drop(cy);
    redactions().bind(|| {
        assert_json_snapshot!("register", registered);
        assert_json_snapshot!("new", begun);
        assert_json_snapshot!("send", [sent, queued]);
        assert_json_snapshot!("add_remove_rename", [added, removed, renamed]);
        assert_json_snapshot!("sync", synced);
        assert_json_snapshot!("list", listed);
        assert_json_snapshot!("read", read);
        assert_json_snapshot!("whoami", whoami);
        assert_json_snapshot!("verify", verified);
        assert_json_snapshot!("failure", failed);
    });
}

#[test]
fn help_is_short_and_complete() {
    let nobody = kit::Person::new("nobody");
    assert_snapshot!("help", nobody.sees(&["--help"]));
    assert_snapshot!("help_register", nobody.sees(&["register", "--help"]));
}

/// `keyfold … | head`: whoever reads has enough, and that is no failure.
#[test]
fn a_command_whose_output_nobody_reads_ends_without_a_word() {
    let server = Server::start();
    let [ada, _bo] = server.people(["ada", "bo"]);
    let talk = ada.begins(&["bo"]);
    for (json, arguments) in [
        (true, &["sync"][..]),
        (true, &["read", &talk]),
        (false, &["list"]),
    ] {
        let mut command = ada.keyfold();
        if json {
            command.arg("--json");
        }
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let ended = command.args(arguments).stdout(writer).output().unwrap();
        assert_eq!(ended.status.code(), Some(0), "{arguments:?}: {ended:?}");
        assert!(ended.stderr.is_empty(), "{arguments:?}: {ended:?}");
    }
}
