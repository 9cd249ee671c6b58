//! JSON-RPC 2.0: a line of text into calls, and answers and notifications into lines.
//!
//! Stricter than the specification where that lets a mistake be seen: members that are not known are refused, and so is an id of `null`,
//! with which nobody could find their answer.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Number, Value};

use crate::error::Kind;
use crate::event::{Missed, Notification};
use crate::limits::{MAX_BATCH, MAX_ID};
use crate::{Error, Method};

/// The version that every message names.
const VERSION: &str = "2.0";

/// What a line asks.
pub enum Line {
    /// One call.
    One(Call),
    /// Several, answered together.
    Batch(Vec<Call>),
}

/// Something that is asked.
pub struct Call {
    /// Under which id it is to be answered; `None`: not at all (a notification).
    pub id: Option<Id>,
    /// What is asked, or why that can't be told.
    pub method: Result<Method, Error>,
}

/// The id of a call, repeated in its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Id {
    /// What was asked had none that could be read.
    Null,
    /// A whole number.
    Number(Number),
    /// A text of at most [`MAX_ID`] bytes.
    Text(String),
}

/// A call as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    jsonrpc: String,
    method: String,
    #[serde(default)]
    params: Option<Value>,
    #[serde(default, deserialize_with = "there")]
    id: Option<Value>,
}

/// Tells `null` from what is not there.
fn there<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

impl Line {
    /// Reads a line, without its end.
    ///
    /// # Errors
    /// To be answered under [`Id::Null`]: it is no JSON, or an empty or too long batch. What is wrong with a single call stands in it.
    pub fn read(line: &[u8]) -> Result<Self, Error> {
        let value: Value = serde_json::from_slice(line).map_err(|error| {
            let words = match std::str::from_utf8(line) {
                Ok(_) => format!("this line is no JSON: {error}"),
                Err(_) => "this line is no UTF-8".to_owned(),
            };
            Error::new(Kind::ParseError, words)
        })?;
        let Value::Array(calls) = value else {
            return Ok(Self::One(Call::read(value)));
        };
        match calls.len() {
            0 => Err(Error::new(Kind::InvalidRequest, "this batch is empty")),
            1..=MAX_BATCH => Ok(Self::Batch(calls.into_iter().map(Call::read).collect())),
            more => Err(Error::batch_too_long(more)),
        }
    }
}

impl Call {
    fn read(value: Value) -> Self {
        let known = value.get("id").cloned().and_then(Id::read);
        let refused = |known: Option<Id>, error| Self {
            // Answered even where it has no id: what is no call is no notification either (JSON-RPC 2.0 section 5).
            id: Some(known.unwrap_or(Id::Null)),
            method: Err(error),
        };
        let written = match serde_json::from_value::<Written>(value) {
            Ok(written) if written.jsonrpc == VERSION => written,
            Ok(written) => return refused(known, wrong_version(&written)),
            Err(error) => {
                let words = format!("this is no call: {error}");
                return refused(known, Error::new(Kind::InvalidRequest, words));
            }
        };
        if written.id.is_some() && known.is_none() {
            return refused(None, wrong_id());
        }
        Self {
            id: known,
            method: Method::read(&written.method, written.params),
        }
    }
}

fn wrong_version(written: &Written) -> Error {
    let found: String = written.jsonrpc.chars().take(16).collect();
    Error::new(
        Kind::InvalidRequest,
        format!("this speaks JSON-RPC 2.0 (\"jsonrpc\": \"2.0\"), not {found:?}"),
    )
}

fn wrong_id() -> Error {
    let words = format!("an id is a whole number, or a text of at most {MAX_ID} bytes");
    Error::new(Kind::InvalidRequest, words)
}

impl Id {
    fn read(value: Value) -> Option<Self> {
        match value {
            Value::Number(number) if !number.is_f64() => Some(Self::Number(number)),
            Value::String(text) if text.len() <= MAX_ID => Some(Self::Text(text)),
            _ => None,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Ending<'a> {
    Result(&'a Value),
    Error(&'a Error),
}

#[derive(Serialize)]
struct Response<'a> {
    jsonrpc: &'static str,
    id: &'a Id,
    #[serde(flatten)]
    ending: Ending<'a>,
}

/// The answer to a call, without the end of the line.
pub fn response(id: &Id, outcome: &Result<Value, Error>) -> String {
    let response = Response {
        jsonrpc: VERSION,
        id,
        ending: match outcome {
            Ok(result) => Ending::Result(result),
            Err(error) => Ending::Error(error),
        },
    };
    written(&response)
}

/// A notification, without the end of the line.
pub fn notification(notification: &Notification) -> String {
    #[derive(Serialize)]
    struct Told<'a, T> {
        jsonrpc: &'static str,
        method: &'static str,
        params: &'a T,
    }
    fn told<T: Serialize>(method: &'static str, params: &T) -> String {
        written(&Told {
            jsonrpc: VERSION,
            method,
            params,
        })
    }
    let method = notification.method();
    match notification {
        Notification::Event(event) => told(method, event),
        Notification::Link(link) => told(method, link),
        Notification::Progress(progress) => told(method, progress),
        Notification::Missed => told(method, &Missed {}),
    }
}

/// A call, without the end of the line: for programs in Rust that ask another edge.
pub fn call(id: &Id, method: &Method) -> String {
    #[derive(Serialize)]
    struct Asked<'a> {
        jsonrpc: &'static str,
        id: &'a Id,
        method: &'static str,
        params: Value,
    }
    let (method, params) = method.written();
    written(&Asked {
        jsonrpc: VERSION,
        id,
        method,
        params,
    })
}

/// Nothing that is written here has a form that JSON does not know.
fn written<T: Serialize>(message: &T) -> String {
    serde_json::to_string(message).unwrap_or_default()
}
