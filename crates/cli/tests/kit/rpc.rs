//! A program that speaks to `keyfold rpc`.

use std::collections::VecDeque;
use std::time::Instant;

use serde_json::{Value, json};

use super::{Finished, PATIENCE, Person, Running};

/// `keyfold rpc` of one person, and what it has told so far.
pub struct Rpc {
    pub running: Running,
    /// Notifications that nobody has looked at yet.
    pub told: VecDeque<Value>,
    last: u64,
}

impl Rpc {
    pub fn start(person: &Person, options: &[&str]) -> Self {
        let arguments: Vec<_> = std::iter::once(&"rpc").chain(options).collect();
        Self {
            running: person.start(&arguments),
            told: VecDeque::new(),
            last: 0,
        }
    }

    /// Asks without waiting for the answer; returns the call's id.
    pub fn ask(&mut self, method: &str, params: &Value) -> u64 {
        self.last += 1;
        let call = json!({ "jsonrpc": "2.0", "id": self.last, "method": method, "params": params });
        self.running.write(&format!("{call}\n"));
        self.last
    }

    /// The next answer; what is told meanwhile is kept.
    pub fn answer(&mut self) -> Value {
        loop {
            let message = self.running.object();
            if message.is_array() || message.get("id").is_some() {
                return message;
            }
            self.told.push_back(message);
        }
    }

    /// Asks, and returns the result.
    pub fn ok(&mut self, method: &str, params: &Value) -> Value {
        let id = self.ask(method, params);
        let mut answer = self.answer();
        assert_eq!(answer["id"], id, "{answer}");
        assert!(answer.get("error").is_none(), "{method}: {answer}");
        answer["result"].take()
    }

    /// Asks what must fail, and returns the error.
    pub fn fails(&mut self, method: &str, params: &Value) -> Value {
        let id = self.ask(method, params);
        let mut answer = self.answer();
        assert_eq!(answer["id"], id, "{answer}");
        assert!(answer.get("result").is_none(), "{method}: {answer}");
        answer["error"].take()
    }

    /// The parameters of the next event of this type; others before it are passed over.
    pub fn event(&mut self, kind: &str) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let mut next = self.told.pop_front().unwrap_or_else(|| {
                let left = deadline.saturating_duration_since(Instant::now());
                let line = self.running.line_within(left);
                let line = line.unwrap_or_else(|| panic!("{kind} was not told"));
                serde_json::from_str(&line).unwrap()
            });
            if next["method"] == "event" && next["params"]["type"] == kind {
                return next["params"].take();
            }
        }
    }

    /// Waits until nothing waits any more.
    pub fn settles(&mut self) {
        let settled = self.ok("settle", &json!({ "patience": 60_000 }));
        assert_eq!(settled["settled"], true);
    }

    /// Ends its input; it must end well.
    pub fn ends(self) -> Finished {
        let finished = self.running.finish();
        assert_eq!(finished.code, Some(0), "{:?}", finished.err);
        finished
    }
}
