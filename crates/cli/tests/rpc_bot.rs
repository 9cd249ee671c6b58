//! The bot of `examples/`, as a real program beside a real server: people talk to it through `keyfold`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod kit;

use std::process::Command;

use kit::{Person, Running, Server, text};
use serde_json::Value;

const BOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/echo_bot.py");

/// Starts the bot as this person, and waits until it listens.
fn bot(person: &Person) -> Running {
    let keyfold = person.keyfold();
    let mut python = Command::new("python3");
    python.arg(BOT).arg(keyfold.get_program());
    python.args(keyfold.get_args()).arg("rpc");
    let running = Running::start(&mut python);
    assert_eq!(running.line(), format!("{} listens", person.handle));
    running
}

/// What somebody who follows a conversation has seen of it.
struct Seen {
    following: Running,
    entries: Vec<Value>,
}

impl Seen {
    fn by(person: &Person, conversation: &str) -> Self {
        Self {
            following: person.start(&["read", conversation, "--follow"]),
            entries: Vec::new(),
        }
    }

    /// Waits for the entry of this number, from 1 on, that is as wanted.
    fn shows(&mut self, number: usize, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let mut fitting = self.entries.iter().filter(|entry| wanted(entry));
            if let Some(entry) = fitting.nth(number - 1) {
                return entry.clone();
            }
            self.entries.push(self.following.object());
        }
    }
}

fn says(entry: &Value, words: &str) -> bool {
    entry["from"] == "bo" && entry["text"] == words
}

#[test]
fn the_bot_answers_counts_quotes_and_reacts_and_misses_nothing_while_it_is_away() {
    let server = Server::start();
    // The bot says by itself that nobody waits.
    let (ada, bo) = (server.person("ada"), server.person_who_asks_first("bo"));
    let listening = bot(&bo);
    let talk = ada.begins(&["bo"]);
    ada.says(&talk, "ping");
    ada.says(&talk, "nobody answers this");
    ada.says(&talk, "echo \u{202e}so \"quoted\" \\ it is");
    ada.says(&talk, "count");
    let thanks = ada.says(&talk, "thanks");

    let mut seen = Seen::by(&ada, &talk);
    let pong = seen.shows(1, |entry| says(entry, "pong"));
    assert_eq!(pong["reply_to"]["text"], "ping");
    let echo = seen.shows(1, |entry| says(entry, "\u{202e}so \"quoted\" \\ it is"));
    assert_eq!(text(&echo["reply_to"], "from"), "ada");
    let count = seen.shows(1, |entry| says(entry, "4 since I was started"));
    assert_eq!(count["reply_to"]["text"], "count");
    let thanked = seen.shows(1, |entry| {
        entry["id"] == thanks.as_str() && entry["reactions"].is_array()
    });
    assert_eq!(thanked["reactions"][0]["emoji"], "❤️");
    drop(seen);
    let ended = listening.interrupt();
    assert_eq!(ended.code, Some(0), "{:?}", ended.err);

    // More than one answer of the bot's reads holds; what it has to answer is the first.
    let mut lines = ada.start(&["send", &talk, "-", "--lines"]);
    lines.write(&format!("echo good night\n{}", "sheep\n".repeat(220)));
    assert_eq!(lines.finish().objects().len(), 221);
    bo.syncs();
    ada.says(&talk, "ping");
    let listening = bot(&bo);
    let mut seen = Seen::by(&ada, &talk);
    seen.shows(1, |entry| says(entry, "good night"));
    seen.shows(2, |entry| says(entry, "pong"));
    drop(seen);
    assert_eq!(listening.interrupt().code, Some(0));
    let read = ada.reads(&talk);
    let pongs = read.iter().filter(|text| *text == "pong").count();
    assert_eq!(pongs, 2, "each is answered once: {read:?}");
}
