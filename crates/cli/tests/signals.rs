//! Presence, typing and receipts between real programs, over a real server and real TLS.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod kit;

use kit::rpc::Rpc;
use kit::{Person, Server, text};
use serde_json::{Value, json};

/// Asks again, with each event that tells of a signal, until the conversation is as wanted.
fn comes_to(program: &mut Rpc, talk: &str, is_wanted: impl Fn(&Value) -> bool) -> Value {
    let asked = json!({ "conversation": talk });
    loop {
        let shown = program.ok("conversation", &asked);
        if is_wanted(&shown) {
            return shown;
        }
        assert_eq!(program.event("signal")["conversation"], talk);
    }
}

fn receipts(person: &Person, talk: &str) -> Vec<Value> {
    let read = person.ok(&["read", talk]);
    let own = read.into_iter().filter(|entry| entry["mine"] == true);
    own.filter(|entry| entry["kind"] == "text")
        .map(|entry| entry["receipt"].clone())
        .collect()
}

#[test]
fn who_is_online_and_typing_is_seen_at_once() {
    let server = Server::start();
    let [ada, bo] = server.people(["ada", "bo"]);
    let talk = ada.begins(&["bo"]);
    ada.says(&talk, "hello");
    bo.says("ada", "hello yourself");
    let mut adas = Rpc::start(&ada, &[]);
    let mut bos = Rpc::start(&bo, &[]);
    let settle = json!({ "patience": 60_000 });
    for program in [&mut adas, &mut bos] {
        assert_eq!(program.ok("settle", &settle)["settled"], true);
    }
    let shown = bos.ok("conversation", &json!({ "conversation": talk }));
    assert_eq!(
        (&shown["last_active"], &shown["typing"]),
        (&Value::Null, &json!([]))
    );

    adas.ok("foreground", &json!({ "active": true }));
    comes_to(&mut bos, &talk, |shown| !shown["last_active"].is_null());
    let typing = |typing: bool| json!({ "conversation": talk, "typing": typing });
    adas.ok("typing", &typing(true));
    let shown = comes_to(&mut bos, &talk, |shown| shown["typing"] != json!([]));
    assert_eq!(shown["typing"][0]["handle"], "ada");
    adas.ok("typing", &typing(false));
    comes_to(&mut bos, &talk, |shown| shown["typing"] == json!([]));

    let hide = json!({ "presence": { "type": "nobody" }, "receipts": true, "typing": true });
    adas.ok("set_privacy", &hide);
    comes_to(&mut bos, &talk, |shown| shown["last_active"].is_null());
    assert_eq!(adas.ok("privacy", &json!({})), hide);
    adas.ends();
    bos.ends();
}

/// Reads again, with each event that tells of a signal, until own texts have come so far.
fn own_come_to(program: &mut Rpc, talk: &str, wanted: &[&str]) {
    let asked = json!({ "conversation": talk, "limit": 10 });
    loop {
        let entries = program.ok("timeline_last", &asked);
        let entries = entries.as_array().unwrap().iter();
        let own = entries.filter(|one| one["mine"] == true && one["what"]["type"] == "text");
        let receipts: Vec<_> = own.map(|one| one["receipt"].as_str().unwrap()).collect();
        if receipts == wanted {
            return;
        }
        program.event("signal");
    }
}

#[test]
fn what_has_come_and_was_read_is_told_by_the_next_program_that_connects() {
    let server = Server::start();
    let [ada, bo] = server.people(["ada", "bo"]);
    let talk = ada.begins(&["bo"]);
    ada.says(&talk, "one");
    bo.says("ada", "hello");
    ada.says(&talk, "two");
    let mut adas = Rpc::start(&ada, &[]);
    let mut bos = Rpc::start(&bo, &[]);
    own_come_to(&mut adas, &talk, &["delivered", "delivered"]);
    bos.ends();
    // Read without a connection.
    bo.reads("ada");
    bos = Rpc::start(&bo, &[]);
    own_come_to(&mut adas, &talk, &["read", "read"]);
    bos.ends();
    adas.ends();
    assert_eq!(receipts(&ada, &talk), [json!("read"), json!("read")]);
    assert!(ada.sees(&["read", &talk]).contains("read"));

    let off = ada.ok(&["privacy", "--receipts", "off"]).remove(0);
    assert_eq!(
        (&off["receipts"], &off["typing"]),
        (&json!(false), &json!(true))
    );
    assert_eq!(receipts(&ada, &talk), [Value::Null, Value::Null]);
    let chosen = ada
        .ok(&["privacy", "--presence", "chosen", "--to", "bo"])
        .remove(0);
    assert_eq!(
        (&chosen["presence"], &chosen["to"]),
        (&json!("chosen"), &json!(["bo"]))
    );
    assert_eq!(
        ada.fails(&["privacy", "--presence", "chosen", "--to", "nobody"])
            .0,
        7
    );
    assert_eq!(
        ada.fails(&["privacy", "--presence", "everyone", "--to", "bo"])
            .0,
        2
    );
    assert!(ada.sees(&["privacy"]).contains("seen by bo"));
}

#[test]
fn a_group_is_asked_who_has_read_a_message() {
    let server = Server::start();
    let [ada, bo, cy] = server.people(["ada", "bo", "cy"]);
    let group = ada.begins(&["bo", "cy", "--name", "climbing"]);
    for person in [&bo, &cy] {
        person.syncs();
        person.says(&group, "when?");
    }
    let message = ada.says(&group, "six o'clock");
    bo.syncs();
    bo.reads(&group);
    let programs = [&bo, &cy].map(|person| {
        let mut program = Rpc::start(person, &[]);
        program.settles();
        program
    });
    let mut adas = Rpc::start(&ada, &[]);
    adas.settles();
    let asked = json!({ "conversation": group, "message": message });
    adas.ok("ask_read_by", &asked);
    while adas.ok("read_by", &asked).as_array().unwrap().len() < 2 {
        adas.event("signal");
    }
    adas.ends();
    for program in programs {
        program.ends();
    }
    let told = ada.ok(&["read-by", &group, "last", "--wait", "0"]);
    let told: Vec<_> = told
        .iter()
        .map(|one| (text(one, "handle"), text(one, "receipt")))
        .collect();
    let pair = |handle: &str, receipt: &str| (handle.to_owned(), receipt.to_owned());
    assert_eq!(told, [pair("bo", "read"), pair("cy", "delivered")]);
}
