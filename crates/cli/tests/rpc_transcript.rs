//! The transcript of `docs/rpc.md` is played: what it says is written, and what comes back must be what it says.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod kit;

use std::collections::BTreeMap;

use kit::Server;
use kit::rpc::Rpc;
use serde_json::Value;

const PAGE: &str = include_str!("../../../docs/rpc.md");

/// Ids of the page, and those that stand for them now.
#[derive(Default)]
struct Ids(BTreeMap<String, String>);

impl Ids {
    /// A line of the page with the ids of now.
    fn now(&self, line: &str) -> String {
        let ids = self.0.iter();
        ids.fold(line.to_owned(), |line, (paper, id)| line.replace(paper, id))
    }

    /// Whether this is what the page says. An id that is met for the first time stands for what came; instants and
    /// positions are as they are.
    fn fits(&mut self, paper: &Value, came: &Value) -> bool {
        match (paper, came) {
            (Value::String(paper), Value::String(came)) if is_id(paper) => {
                is_id(came) && paper.len() == came.len() && self.stands_for(paper, came)
            }
            (Value::Array(paper), Value::Array(came)) => {
                paper.len() == came.len()
                    && paper
                        .iter()
                        .zip(came)
                        .all(|(one, other)| self.fits(one, other))
            }
            (Value::Object(paper), Value::Object(came)) => {
                paper.len() == came.len()
                    && paper
                        .iter()
                        .all(|(name, value)| match (name.as_str(), came.get(name)) {
                            ("at" | "position", Some(came)) => came.is_i64(),
                            (_, Some(came)) => self.fits(value, came),
                            (_, None) => false,
                        })
            }
            _ => paper == came,
        }
    }

    fn stands_for(&mut self, paper: &str, came: &str) -> bool {
        let known = self
            .0
            .entry(paper.to_owned())
            .or_insert_with(|| came.to_owned());
        known == came
    }
}

fn is_id(text: &str) -> bool {
    text.len() >= 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[test]
fn the_transcript_of_the_page_is_what_happens() {
    let server = Server::start();
    let [ada, bo] = server.people(["ada", "bo"]);
    let mut program = Rpc::start(&ada, &[]);
    let mut ids = Ids::default();
    let (_, transcript) = PAGE.split_once("## A transcript").unwrap();
    let mut played = 0;
    for line in transcript.lines() {
        if line.starts_with("Bo answers") {
            bo.syncs();
            bo.says("ada", "With pleasure");
        }
        if let Some(written) = line.strip_prefix("    > ") {
            program.running.write(&(ids.now(written) + "\n"));
            played += 1;
        }
        let Some(paper) = line.strip_prefix("    < ") else {
            continue;
        };
        let paper: Value = serde_json::from_str(paper).unwrap();
        if paper.get("method").is_some() {
            let mut told = paper["params"].clone();
            let came = program.event(told["type"].take().as_str().unwrap());
            told["type"] = came["type"].clone();
            assert!(
                ids.fits(&told, &came),
                "the page: {told}\nwhat came: {came}"
            );
        } else {
            let came = program.answer();
            assert!(
                ids.fits(&paper, &came),
                "the page: {paper}\nwhat came: {came}"
            );
        }
        played += 1;
    }
    assert_eq!(played, 15);
    program.ends();
}
