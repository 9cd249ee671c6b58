//! Any line is answered, or is a notification; none stops the edge or the engine behind it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

use keyfold_edge::message::response;
use keyfold_edge::{Error, Id, Line, Method, Work};
use keyfold_engine::store::{Durability, Place};
use keyfold_engine::{Engine, Input};
use keyfold_wire::ids::Timestamp;
use proptest::prelude::*;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use serde_json::{Value, json};

/// Carries out what a line asks, as a shell does; returns the answers.
fn answers(engine: &mut Engine, line: &[u8]) -> Vec<String> {
    let calls = match Line::read(line) {
        Err(error) => return vec![response(&Id::Null, &Err(error))],
        Ok(Line::One(call)) => vec![call],
        Ok(Line::Batch(calls)) => calls,
    };
    let mut answers = Vec::new();
    for call in calls {
        let outcome = call.method.and_then(|method| carry_out(engine, method));
        answers.extend(call.id.map(|id| response(&id, &outcome)));
    }
    answers
}

fn carry_out(engine: &mut Engine, method: Method) -> Result<Value, Error> {
    match method.work() {
        Work::Command(command, answered) => {
            let mut rng = StdRng::seed_from_u64(1);
            let outcome = engine.apply(Input::Command(command), Timestamp(1_000_000), &mut rng)?;
            answered(outcome.answer?)
        }
        Work::Read(read) => read(engine)?,
        Work::Shell(_) => Ok(Value::Null),
    }
}

/// Values of all kinds, and such as parameters have.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        Just(json!("0a".repeat(16))),
        Just(json!("01".repeat(32))),
        Just(json!(["hybrid"])),
        Just(json!("bo")),
        Just(json!(["01".repeat(32)])),
        Just(json!({ "type": "muted", "mute": { "type": "until", "at": 1 } })),
        Just(json!("everyone")),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..4).prop_map(|map| json!(map)),
        ]
    })
}

fn method() -> impl Strategy<Value = String> {
    let all = [Method::COMMANDS, Method::READS, Method::SHELL].concat();
    prop_oneof![9 => prop::sample::select(all).prop_map(str::to_owned), 1 => any::<String>()]
}

/// A call of a method that there is, with parameters by the names that there are.
fn call() -> impl Strategy<Value = Value> {
    let names = [
        "conversation",
        "message",
        "to",
        "text",
        "people",
        "name",
        "handle",
        "words",
        "limit",
        "after",
        "suites",
        "account",
        "device",
        "emoji",
        "role",
        "link_request",
        "certificate",
        "placed",
        "patience",
        "pinned",
        "description",
        "seconds",
        "deed",
        "policy",
        "messages",
        "starred",
        "mark",
        "filter",
    ];
    let params = prop::collection::btree_map(prop::sample::select(names.to_vec()), value(), 0..4);
    (method(), params, value()).prop_map(|(method, params, id)| {
        json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })
    })
}

fn line() -> impl Strategy<Value = Vec<u8>> {
    let bytes = |value: Value| value.to_string().into_bytes();
    let cut =
        (call(), any::<prop::sample::Index>(), any::<u8>()).prop_map(move |(call, at, byte)| {
            let mut line = bytes(call);
            let at = at.index(line.len());
            line[at] = byte;
            line
        });
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..64),
        value().prop_map(bytes),
        call().prop_map(bytes),
        prop::collection::vec(call(), 0..4).prop_map(move |calls| bytes(json!(calls))),
        cut,
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_line_is_answered_with_lines_that_can_be_read(lines in prop::collection::vec(line(), 1..8)) {
        let mut engine = Engine::open(Place::Memory, None, Durability::Off).unwrap();
        for line in lines {
            for answer in answers(&mut engine, &line) {
                prop_assert!(!answer.contains('\n'));
                let answer: Value = serde_json::from_str(&answer).unwrap();
                prop_assert_eq!(&answer["jsonrpc"], "2.0");
                let ends = ["result", "error"].map(|end| answer.get(end).is_some());
                prop_assert!(ends[0] != ends[1], "{}", answer);
            }
        }
    }
}
