//! Stories of programs that speak JSON-RPC with `keyfold rpc`: real server, real TLS, real processes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod kit;

use std::io::Write as _;
use std::process::Stdio;

use keyfold_edge::limits::{MAX_LINE, MAX_SETTLING};
use kit::rpc::Rpc;
use kit::{Person, Server, text};
use serde_json::{Value, json};

#[test]
fn a_program_talks_and_is_told_what_comes() {
    let server = Server::start();
    let [ada, bo] = server.people(["ada", "bo"]);
    let mut program = Rpc::start(&ada, &[]);
    assert_eq!(program.ok("me", &json!({}))["handle"], "ada");
    let begun = program.ok("create", &json!({ "people": ["bo"] }));
    let talk = text(&begun, "conversation");
    assert_eq!(program.event("ready")["conversation"], talk.as_str());
    let said = program.ok("send", &json!({ "conversation": talk, "text": "hello" }));
    assert_eq!(program.event("sent")["message"], said["message"]);

    bo.syncs();
    assert_eq!(bo.reads(&talk), ["hello"]);
    bo.says("ada", "hello yourself");
    let arrived = program.event("arrived");
    assert_eq!(arrived["conversation"], talk.as_str());
    let one = json!({ "conversation": talk, "message": arrived["message"] });
    let entry = program.ok("message", &one);
    assert_eq!(
        entry["what"],
        json!({ "type": "text", "text": "hello yourself" })
    );
    assert_eq!(entry["from"]["handle"], "bo");
    assert_eq!(program.ok("conversations", &json!({}))[0]["unread"], 1);
    program.ok("mark_read", &json!({ "conversation": talk }));
    assert_eq!(program.ok("conversations", &json!({}))[0]["unread"], 0);
    program.ends();
}

#[test]
fn what_is_asked_in_a_row_is_done_in_that_order() {
    let server = Server::start();
    let [ada, bo] = server.people(["ada", "bo"]);
    let talk = ada.begins(&["bo"]);
    bo.syncs();
    let mut program = Rpc::start(&ada, &[]);
    let texts: Vec<_> = (0..50).map(|number| format!("number {number}")).collect();
    let asked: Vec<_> = texts
        .iter()
        .map(|text| program.ask("send", &json!({ "conversation": talk, "text": text })))
        .collect();
    let settling = program.ask("settle", &json!({ "patience": 60_000 }));
    let read = program.ask(
        "timeline_last",
        &json!({ "conversation": talk, "limit": 50 }),
    );
    for id in asked {
        assert_eq!(program.answer()["id"], id);
    }
    // The read overtakes what only waits, or not, and sees all that was asked before it.
    let answers = [program.answer(), program.answer()];
    let of = |id: u64| answers.iter().find(|answer| answer["id"] == id).unwrap();
    let entries = of(read)["result"].as_array().unwrap().clone();
    let shown: Vec<_> = entries
        .iter()
        .map(|entry| text(&entry["what"], "text"))
        .collect();
    assert_eq!(shown, texts);
    assert_eq!(of(settling)["result"]["settled"], true);
    program.ends();
    bo.syncs();
    assert_eq!(bo.reads(&talk), texts);
}

#[test]
fn at_the_end_of_the_input_what_is_under_way_is_answered() {
    let server = Server::start();
    let [ada, bo] = server.people(["ada", "bo"]);
    let talk = ada.begins(&["bo"]);
    bo.syncs();
    let mut program = Rpc::start(&ada, &["--no-events"]);
    let said = program.ask("send", &json!({ "conversation": talk, "text": "goodbye" }));
    let settling = program.ask("settle", &json!({}));
    let told = program.ends().objects();
    let ids: Vec<_> = told.iter().map(|answer| answer["id"].clone()).collect();
    assert_eq!(ids, [said, settling], "nothing else is told: {told:?}");
    assert_eq!(told[1]["result"]["settled"], true);
    bo.syncs();
    assert_eq!(bo.reads(&talk), ["goodbye"]);
}

#[test]
fn nonsense_is_answered_with_what_is_wrong_and_the_next_call_is_carried_out() {
    let server = Server::start();
    let ada = server.person("ada");
    let mut program = Rpc::start(&ada, &["--no-events"]);
    let mut told = |line: &[u8]| {
        program.running.write_bytes(line);
        program.running.write("\n");
        program.answer()
    };
    assert_eq!(told(b"hello")["error"]["code"], -32700);
    assert_eq!(
        told(b"\xff\xfe\x00")["error"]["message"],
        "this line is no UTF-8"
    );
    assert_eq!(told(&b"[".repeat(100_000))["error"]["code"], -32700);
    assert_eq!(told(&b"9".repeat(MAX_LINE))["error"]["code"], -32700);
    let long = told(&b"9".repeat(MAX_LINE + 1));
    assert_eq!(long["id"], Value::Null);
    assert_eq!(long["error"]["data"]["limit"], MAX_LINE);
    assert_eq!(told(b"[]")["error"]["code"], -32600);
    assert_eq!(
        told(br#"{"jsonrpc":"2.0","id":1,"method":"fly"}"#)["error"]["data"]["name"],
        "method_not_found"
    );
    let batch = told(
        br#"[{"jsonrpc":"2.0","id":1,"method":"me"},{"jsonrpc":"2.0","method":"me"},3,{"jsonrpc":"2.0","id":2,"method":"waiting"}]"#,
    );
    let ids: Vec<_> = batch
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["id"].clone())
        .collect();
    assert_eq!(ids, [json!(1), Value::Null, json!(2)]);

    let nowhere = json!({ "conversation": "0a".repeat(16), "text": "hello" });
    let error = program.fails("send", &nowhere);
    assert_eq!(
        (&error["code"], &error["data"]["name"]),
        (&json!(3), &json!("no_such_conversation"))
    );
    let nowhere = json!({ "conversation": "0a".repeat(16) });
    for method in ["conversation", "timeline", "timeline_last"] {
        assert_eq!(program.fails(method, &nowhere)["code"], 3, "{method}");
    }
    let long = json!({ "conversation": "0a".repeat(16), "message": "01".repeat(32) });
    assert_eq!(
        program.fails("message", &long)["data"]["name"],
        "no_such_message"
    );
    assert_eq!(program.ok("me", &json!({}))["handle"], "ada");
    program.ends();
}

#[test]
fn as_many_may_settle_at_once_as_there_is_a_limit_and_not_one_more() {
    let server = Server::start();
    let [ada, bo] = server.people(["ada", "bo"]);
    let talk = ada.begins(&["bo"]);
    // Nobody answers: what is sent does not settle.
    drop(server);
    let mut program = Rpc::start(&ada, &["--no-events"]);
    program.ok(
        "send",
        &json!({ "conversation": talk, "text": "into the void" }),
    );
    for _ in 0..MAX_SETTLING {
        program.ask("settle", &json!({ "patience": 60_000 }));
    }
    let error = program.fails("settle", &json!({}));
    assert_eq!(error["data"]["name"], "too_many_calls");
    assert_eq!(program.ok("waiting", &json!({}))["waiting"], 1);
    program.running.kill();
    drop(bo);
}

#[test]
fn when_nobody_reads_any_more_it_ends_in_an_orderly_way_and_leaves_the_profile_free() {
    let server = Server::start();
    let ada = server.person("ada");
    let mut keyfold = ada.keyfold();
    keyfold.args(["rpc", "--no-events"]);
    keyfold.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = keyfold.spawn().unwrap();
    drop(child.stdout.take());
    let mut input = child.stdin.take().unwrap();
    input
        .write_all(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"me\"}\n")
        .unwrap();
    assert!(child.wait().unwrap().success());
    drop(input);
    assert_eq!(ada.ok(&["whoami"])[0]["handle"], "ada");
}

#[test]
fn a_program_makes_an_account_of_its_own_and_links_a_second_device() {
    let server = Server::start();
    let ca = server.ca().display().to_string();
    let options = ["--server", &server.url, "--ca", &ca];
    let bot = Person::new("helpful.bot");
    let mut first = Rpc::start(&bot, &options);
    assert_eq!(first.ok("me", &json!({})), Value::Null);
    let error = first.fails("create", &json!({ "people": ["bo"] }));
    assert_eq!(error["data"]["name"], "not_registered");
    first.ok("register", &json!({ "handle": "helpful.bot" }));
    first.event("registered");
    let key = first.ok("recovery_key", &json!({}));
    let digits = text(&key, "recovery_key");
    assert_eq!(digits.chars().filter(char::is_ascii_digit).count(), 64);
    first.ok("recovery_key_kept", &json!({}));
    assert_eq!(
        first.ok("recovery_key", &json!({}))["recovery_key"],
        Value::Null
    );
    first.settles();

    let other = Person::new("second");
    let mut second = Rpc::start(&other, &options);
    let request = second.ok("request_link", &json!({}));
    let certificate = first.ok("add_device", &request);
    let added = first.event("device_added");
    second.ok("accept_link", &certificate);
    second.settles();
    let me = second.ok("me", &json!({}));
    assert_eq!(me["handle"], "helpful.bot");
    assert_eq!(me["device"], added["device"]);
    assert_eq!(me["primary"], false);
    first.ok("remove_device", &json!({ "device": added["device"] }));
    second.event("device_removed");
    first.ends();
    second.ends();
}

/// The account of somebody who is known here.
fn account(program: &mut Rpc, handle: &str) -> String {
    let contact = program.ok("contact", &json!({ "handle": handle }));
    text(&contact, "account")
}

#[test]
fn every_kind_of_change_of_a_group_is_asked_and_told() {
    let server = Server::start();
    let [ada, _bo, _cy] = server.people(["ada", "bo", "cy"]);
    let mut program = Rpc::start(&ada, &[]);
    let wanted = json!({ "people": ["bo"], "name": "climbing", "suite": "hybrid" });
    let group = text(&program.ok("create", &wanted), "conversation");
    program.event("ready");
    let add = |people: &str| json!({ "conversation": group, "people": [people] });
    program.ok("add", &add("cy"));
    program.event("change_done");
    let name = json!({ "conversation": group, "name": "bouldering" });
    program.ok("rename", &name);
    program.event("change_done");
    let cy = account(&mut program, "cy");
    let role = json!({ "conversation": group, "account": cy, "role": "admin" });
    program.ok("change_role", &role);
    program.event("change_done");
    program.ok("remove", &add("bo"));
    program.event("change_done");
    program.ok("add", &add("nobody"));
    let failure = program.event("change_failed")["failure"].take();
    assert_eq!(failure["name"], "nobody_called");
    assert_eq!(failure["handle"], "nobody");

    let here = json!({ "conversation": group });
    let shown = program.ok("conversation", &here);
    assert_eq!(shown["name"], "bouldering");
    assert_eq!(shown["standing"], json!({ "type": "active" }));
    let members = shown["members"].as_array().unwrap().iter();
    let roles: Vec<_> = members
        .map(|one| (text(&one["contact"], "handle"), text(one, "role")))
        .collect();
    let expected = [("ada", "owner"), ("cy", "admin")];
    assert_eq!(
        roles,
        expected.map(|(who, role)| (who.to_owned(), role.to_owned()))
    );
    let entries = program.ok("timeline", &here);
    let entries = entries.as_array().unwrap().iter();
    let kinds: Vec<_> = entries.map(|entry| text(&entry["what"], "type")).collect();
    assert_eq!(
        kinds,
        ["began", "added", "renamed", "roles_changed", "removed"]
    );
    program.ok("update", &here);
    program.settles();
    let link = program.ok("link", &json!({}));
    assert_eq!(link, json!({ "type": "online", "caught_up": true }));
    program.ends();
}

#[test]
fn people_are_looked_up_and_compared() {
    let server = Server::start();
    let [ada, bo] = server.people(["ada", "bo"]);
    let mut program = Rpc::start(&ada, &[]);
    let handle = |handle: &str| json!({ "handle": handle });
    program.ok("look_up", &handle("nobody"));
    assert_eq!(program.event("not_found")["handle"], "nobody");
    assert_eq!(program.ok("contact", &handle("bo")), Value::Null);
    assert_eq!(program.ok("safety_number", &handle("bo")), Value::Null);
    program.ok("look_up", &handle("bo"));
    let found = text(&program.event("found"), "account");
    assert_eq!(account(&mut program, "bo"), found);

    program.ok("create", &json!({ "people": ["bo"] }));
    program.settles();
    bo.syncs();
    let number = program.ok("safety_number", &handle("bo"));
    let theirs = bo.ok(&["verify", "ada"]).remove(0);
    assert_eq!(number["safety_number"], theirs["safety_number"]);
    assert_eq!(number["contact"]["verified"], false);
    program.ok("mark_verified", &json!({ "account": found }));
    assert_eq!(program.ok("contact", &handle("bo"))["verified"], true);
    program.ends();
}

#[test]
fn messages_are_found_edited_taken_back_and_reacted_to() {
    let server = Server::start();
    let [ada, bo] = server.people(["ada", "bo"]);
    let talk = ada.begins(&["bo"]);
    bo.syncs();
    let mut program = Rpc::start(&ada, &[]);
    assert_eq!(program.ok("find", &json!({ "words": "bo" })), json!([talk]));
    let said = program.ok(
        "send",
        &json!({ "conversation": talk, "text": "meet at six" }),
    );
    let at = |more: Value| {
        let mut params = json!({ "conversation": talk, "message": said["message"] });
        params
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        params
    };
    program.ok("edit", &at(json!({ "text": "meet at seven" })));
    program.settles();
    bo.syncs();
    bo.ok(&["react", "ada", "last", "👍"]);
    program.event("amended");
    let entry = program.ok("message", &at(json!({})));
    assert_eq!(entry["what"]["text"], "meet at seven");
    assert_eq!(entry["edited"], true);
    assert_eq!(entry["reactions"][0]["emoji"], "👍");
    let last = json!({ "conversation": talk, "words": "last" });
    let found = program.ok("find_messages", &last);
    assert_eq!(
        found,
        json!([{ "message": said["message"], "text": "meet at seven" }])
    );
    let mine = program.ok("react", &at(json!({ "emoji": "❤️" })));
    // It is a message of its own, and no entry.
    let params = json!({ "conversation": talk, "message": mine["message"] });
    assert_eq!(
        program.fails("message", &params)["data"]["name"],
        "no_such_message"
    );
    assert_eq!(
        program.ok("react", &at(json!({ "emoji": "❤️" })))["message"],
        Value::Null,
        "it was so already"
    );
    program.ok("take_back", &at(json!({})));
    program.settles();
    let entry = program.ok("message", &at(json!({})));
    assert_eq!(entry["what"]["type"], "taken_back");
    assert_eq!(entry["what"]["mine"], true);
    program.ends();
    bo.syncs();
    assert_eq!(bo.reads(&talk), Vec::<String>::new());
}

#[test]
fn files_are_sent_saved_and_given_up() {
    let server = Server::start();
    let [ada, bo] = server.people(["ada", "bo"]);
    let talk = ada.begins(&["bo"]);
    bo.syncs();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hut.txt");
    std::fs::write(&path, "we are here").unwrap();
    let at = path.display().to_string();
    let mut program = Rpc::start(&ada, &[]);
    let mut sending = json!({ "conversation": talk, "path": at, "caption": "at last" });
    let sent = program.ok("send_file", &sending);
    let uploaded = program.event("uploaded");
    assert_eq!(uploaded["upload"], sent["upload"]);
    assert_eq!(program.event("sent")["message"], uploaded["message"]);
    assert_eq!(program.ok("uploads", &json!({})), json!([]));
    let gone = program.fails("cancel_file", &json!({ "upload": sent["upload"] }));
    assert_eq!(gone["data"]["name"], "no_such_upload");
    sending["path"] = json!(folder.path().display().to_string());
    assert_eq!(program.fails("send_file", &sending)["data"]["name"], "path");
    program.ends();

    bo.syncs();
    let mut program = Rpc::start(&bo, &[]);
    let one = json!({ "conversation": talk, "message": uploaded["message"] });
    let what = program.ok("message", &one)["what"].clone();
    let file = &what["file"];
    assert_eq!(
        (&what["type"], &file["name"]),
        (&json!("file"), &json!("hut.txt"))
    );
    assert_eq!(file["media_type"], "text/plain");
    assert_eq!(
        (&file["size"], &file["caption"]),
        (&json!(11), &json!("at last"))
    );
    assert_eq!(file["state"], json!({ "type": "at_server" }));
    let mut saving = one.clone();
    saving["path"] = json!(at);
    let taken = program.fails("save_file", &saving);
    assert_eq!(taken["data"]["name"], "path", "it is there already");
    let place = folder.path().join("mine");
    std::fs::create_dir(&place).unwrap();
    saving["path"] = json!(place.display().to_string());
    let saved = program.ok("save_file", &saving);
    let content = std::fs::read_to_string(saved["path"].as_str().unwrap()).unwrap();
    assert_eq!(content, "we are here");
    let said = program.ok("send", &json!({ "conversation": talk, "text": "hello" }));
    saving["message"] = said["message"].clone();
    assert_eq!(
        program.fails("save_file", &saving)["data"]["name"],
        "no_file"
    );
    program.ends();
}

#[test]
fn the_schema_in_the_documentation_is_what_the_types_give() {
    let printed = Person::new("nobody").sees(&["rpc", "--schema"]) + "\n";
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/rpc.schema.json");
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        kept == printed,
        "write it anew: keyfold rpc --schema > docs/rpc.schema.json"
    );
    // Whatever it refers to is there.
    let schema: Value = serde_json::from_str(&printed).unwrap();
    let references = printed
        .lines()
        .filter_map(|line| line.trim().strip_prefix("\"$ref\": \"#"));
    let mut count = 0;
    for reference in references {
        let reference = reference.trim_end_matches([',', '"']);
        assert!(
            schema.pointer(reference).is_some(),
            "{reference} is not there"
        );
        count += 1;
    }
    assert!(count > 50, "{count} references");
}
