//! What is read from a line, and what is answered: JSON-RPC 2.0, with Keyfold's limits.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

use keyfold_edge::error::Kind;
use keyfold_edge::limits::{MAX_BATCH, MAX_HITS, MAX_ID, MAX_NUMBER, MAX_PAGE, MAX_SETTLE};
use keyfold_edge::message::response;
use keyfold_edge::scalar::{Count, Cursor, Instant};
use keyfold_edge::{Call, Error, Id, Line, Method};
use keyfold_wire::ids::Timestamp;
use serde_json::{Value, json};

fn one(line: &str) -> Call {
    match Line::read(line.as_bytes()) {
        Ok(Line::One(call)) => call,
        Ok(Line::Batch(_)) => panic!("{line} is a batch"),
        Err(error) => panic!("{line}: {error:?}"),
    }
}

/// Under which id, and with what error it is answered.
fn refused(line: &str) -> (Option<Id>, Error) {
    let call = one(line);
    let Err(error) = call.method else {
        panic!("{line} was taken");
    };
    (call.id, error)
}

fn asks(method: &str, params: &Value) -> Result<Method, Error> {
    let line = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    one(&line.to_string()).method
}

fn kind(method: &str, params: &Value) -> Option<Kind> {
    asks(method, params).err().map(|error| error.kind())
}

#[test]
fn a_call_is_answered_under_its_id_and_a_notification_not_at_all() {
    let number = one(r#"{"jsonrpc":"2.0","id":7,"method":"me"}"#);
    assert_eq!(number.id, Some(Id::Number(7.into())));
    assert!(number.method.is_ok());
    let text = one(r#"{"jsonrpc":"2.0","id":"seven","method":"me","params":{}}"#);
    assert_eq!(text.id, Some(Id::Text("seven".to_owned())));
    let silent = one(r#"{"jsonrpc":"2.0","method":"me"}"#);
    assert_eq!(silent.id, None);
    let answer = response(&Id::Number(7.into()), &Ok(json!({"b": 1})));
    assert_eq!(answer, r#"{"jsonrpc":"2.0","id":7,"result":{"b":1}}"#);
    let answer = response(&Id::Null, &Err(Error::new(Kind::ParseError, "no")));
    assert_eq!(
        answer,
        r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"no","data":{"name":"parse_error"}}}"#
    );
}

#[test]
fn what_is_no_json_or_no_call_is_told_so() {
    for line in ["", " ", "{", "nonsense", "\u{feff}{}", &"[".repeat(10_000)] {
        let error = Line::read(line.as_bytes()).err().unwrap();
        assert_eq!(
            (error.code, error.kind()),
            (-32700, Kind::ParseError),
            "{line}"
        );
    }
    let error = Line::read(b"{\"jsonrpc\": \"\xff\"}").err().unwrap();
    assert_eq!(error.message, "this line is no UTF-8");
    for line in [
        "1",
        "null",
        "\"me\"",
        "{}",
        r#"{"jsonrpc":"1.0","method":"me"}"#,
        r#"{"method":"me","id":null}"#,
        r#"{"jsonrpc":"2.0","method":1}"#,
        r#"{"jsonrpc":"2.0","method":"me","id":null}"#,
        r#"{"jsonrpc":"2.0","method":"me","id":1.5}"#,
        r#"{"jsonrpc":"2.0","method":"me","id":[]}"#,
    ] {
        let (id, error) = refused(line);
        assert_eq!(error.kind(), Kind::InvalidRequest, "{line}");
        assert_eq!(id, Some(Id::Null), "{line}");
    }
    let (id, error) = refused(r#"{"jsonrpc":"2.0","id":1,"method":"me","extra":1}"#);
    assert_eq!(id, Some(Id::Number(1.into())));
    assert!(error.message.contains("unknown field `extra`"), "{error:?}");
}

#[test]
fn an_id_has_a_greatest_length() {
    let line =
        |length| json!({ "jsonrpc": "2.0", "id": "i".repeat(length), "method": "me" }).to_string();
    assert!(one(&line(MAX_ID)).method.is_ok());
    assert_eq!(refused(&line(MAX_ID + 1)).1.kind(), Kind::InvalidRequest);
}

#[test]
fn a_batch_has_between_one_and_its_greatest_number_of_calls() {
    let batch = |calls| Line::read(json!(vec![json!({}); calls]).to_string().as_bytes());
    assert_eq!(batch(0).err().unwrap().kind(), Kind::InvalidRequest);
    assert!(matches!(batch(1), Ok(Line::Batch(calls)) if calls.len() == 1));
    assert!(matches!(batch(MAX_BATCH), Ok(Line::Batch(calls)) if calls.len() == MAX_BATCH));
    let error = batch(MAX_BATCH + 1).err().unwrap();
    assert_eq!(error.data.limit, Some(MAX_BATCH));
    assert_eq!(error.data.actual, Some(MAX_BATCH + 1));
}

#[test]
fn methods_and_parameters_that_are_not_known_are_refused() {
    assert_eq!(kind("nonsense", &json!({})), Some(Kind::MethodNotFound));
    assert_eq!(
        kind("me", &json!({ "extra": 1 })),
        Some(Kind::InvalidParams)
    );
    assert_eq!(kind("me", &json!([])), Some(Kind::InvalidParams));
    let error = asks("look_up", &json!({ "handel": "bo" })).err().unwrap();
    assert!(
        error.message.contains("unknown field `handel`"),
        "{error:?}"
    );
    let error = asks("look_up", &json!({})).err().unwrap();
    assert!(
        error.message.contains("missing field `handle`"),
        "{error:?}"
    );
}

#[test]
fn ids_and_bytes_are_hexadecimal_of_their_length() {
    let mark = |conversation: &str| kind("mark_read", &json!({ "conversation": conversation }));
    assert_eq!(mark(&"0a".repeat(16)), None);
    for wrong in ["", "0a", &"0a".repeat(17), &"xy".repeat(16), "+1"] {
        assert_eq!(mark(wrong), Some(Kind::InvalidParams), "{wrong}");
    }
    let add = |bytes: &str| kind("add_device", &json!({ "link_request": bytes }));
    assert_eq!(add("00ff"), None);
    assert_eq!(add("00f"), Some(Kind::InvalidParams));
    // Message ids begin with the number of their hash algorithm.
    let message = |id: &str| {
        let params = json!({ "conversation": "0a".repeat(16), "message": id });
        kind("message", &params)
    };
    assert_eq!(message(&"01".repeat(32)), None);
    assert_eq!(message(&"02".repeat(32)), Some(Kind::InvalidParams));
}

#[test]
fn a_mark_says_what_it_is_and_has_nothing_else() {
    let mark = |mark: Value| {
        let params = json!({ "conversation": "0a".repeat(16), "mark": mark });
        kind("mark", &params)
    };
    for taken in [
        json!({ "type": "archived" }),
        json!({ "type": "pinned" }),
        json!({ "type": "pinned", "turn": 0 }),
        json!({ "type": "draft", "text": "" }),
        json!({ "type": "muted", "mute": { "type": "but_mentions" } }),
        json!({ "type": "muted", "mute": { "type": "until", "at": MAX_NUMBER } }),
    ] {
        assert_eq!(mark(taken.clone()), None, "{taken}");
    }
    for wrong in [
        json!("archived"),
        json!({}),
        json!({ "type": "archived", "turn": 1 }),
        json!({ "type": "pinned", "turn": -1 }),
        json!({ "type": "muted" }),
        json!({ "type": "muted", "mute": { "type": "always", "at": 1 } }),
        json!({ "type": "muted", "mute": { "type": "until", "at": MAX_NUMBER + 1 } }),
    ] {
        assert_eq!(mark(wrong.clone()), Some(Kind::InvalidParams), "{wrong}");
    }
    let star = |starred: Value| {
        let messages = ["01".repeat(32)];
        let params =
            json!({ "conversation": "0a".repeat(16), "messages": messages, "starred": starred });
        kind("star", &params)
    };
    assert_eq!(star(json!(true)), None);
    assert_eq!(star(json!("yes")), Some(Kind::InvalidParams));
}

#[test]
fn a_page_goes_on_where_the_one_before_ended() {
    let after = |after: Value| kind("search", &json!({ "words": "tea", "after": after }));
    assert_eq!(after(Value::Null), None);
    let cursor = json!("00000000000000ff8000000000000001");
    assert_eq!(after(cursor.clone()), None);
    let read: Cursor = serde_json::from_value(cursor.clone()).unwrap();
    assert_eq!(read.0.to_parts(), [255, i64::MIN + 1]);
    assert_eq!(serde_json::to_value(read).unwrap(), cursor);
    for wrong in ["", "next", &"0a".repeat(15), &"0a".repeat(17)] {
        assert_eq!(after(json!(wrong)), Some(Kind::InvalidParams), "{wrong}");
    }
    let limit = |limit: u16| kind("starred", &json!({ "limit": limit }));
    assert_eq!(limit(MAX_HITS), None);
    assert_eq!(limit(MAX_HITS + 1), Some(Kind::InvalidParams));
}

#[test]
fn numbers_have_their_bounds() {
    let page = |limit: Value| {
        let params = json!({ "conversation": "0a".repeat(16), "limit": limit });
        kind("timeline", &params)
    };
    assert_eq!(page(json!(1)), None);
    assert_eq!(page(json!(MAX_PAGE)), None);
    for wrong in [
        json!(0),
        json!(MAX_PAGE + 1),
        json!(-1),
        json!(1e30),
        json!("1"),
    ] {
        assert_eq!(page(wrong.clone()), Some(Kind::InvalidParams), "{wrong}");
    }
    let settle = |patience: u64| kind("settle", &json!({ "patience": patience }));
    let most = u64::try_from(MAX_SETTLE.as_millis()).unwrap();
    assert_eq!(settle(0), None);
    assert_eq!(settle(most), None);
    assert_eq!(settle(most + 1), Some(Kind::InvalidParams));
    let suites = |suites: Value| kind("request_link", &json!({ "suites": suites }));
    assert_eq!(suites(json!(["classic"])), None);
    assert_eq!(suites(json!([])), Some(Kind::InvalidParams));
    assert_eq!(suites(json!(["rot13"])), Some(Kind::InvalidParams));
}

#[test]
fn numbers_are_written_as_javascript_can_hold_them() {
    for (number, written) in [
        (MAX_NUMBER, MAX_NUMBER),
        (MAX_NUMBER + 1, MAX_NUMBER),
        (u64::MAX, MAX_NUMBER),
    ] {
        assert_eq!(serde_json::to_value(Count(number)).unwrap(), written);
        assert_eq!(
            serde_json::to_value(Instant(Timestamp(number))).unwrap(),
            written
        );
    }
}
