//! Texts as a screen shows them.

use std::ops::Range;

use keyfold_engine::view;
use schemars::JsonSchema;
use serde::Serialize;

use crate::scalar::{AccountId, Count};

/// Lines of a text that belong together.
#[derive(Serialize, JsonSchema)]
pub struct Block {
    /// What it is.
    #[serde(flatten)]
    kind: BlockKind,
    /// In how many quotes it stands: at most 8.
    quoted: u8,
    /// Its text, in order. A line ends with `\n` inside a span, never at the end of a block.
    spans: Vec<Span>,
}

impl From<view::Block> for Block {
    fn from(block: view::Block) -> Self {
        let view::Block {
            kind,
            quoted,
            spans,
        } = block;
        Self {
            kind: kind.into(),
            quoted,
            spans: spans.into_iter().map(Span::from).collect(),
        }
    }
}

/// What a block is.
#[derive(Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum BlockKind {
    /// Text.
    Paragraph,
    /// A heading.
    Heading,
    /// An item of a list, or a further paragraph of it.
    Item {
        /// In how many lists it stands: from 1 to 8.
        depth: u8,
        /// What stands before it.
        mark: Marker,
    },
    /// Code, line by line as it was written, in one span.
    Code,
    /// A line across; without text.
    Rule,
}

impl From<view::BlockKind> for BlockKind {
    fn from(kind: view::BlockKind) -> Self {
        match kind {
            view::BlockKind::Paragraph => Self::Paragraph,
            view::BlockKind::Heading => Self::Heading,
            view::BlockKind::Item { depth, mark } => Self::Item {
                depth,
                mark: mark.into(),
            },
            view::BlockKind::Code => Self::Code,
            view::BlockKind::Rule => Self::Rule,
        }
    }
}

/// What stands before an item of a list.
#[derive(Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Marker {
    /// A dot.
    Bullet,
    /// A number.
    Number {
        /// Which.
        number: Count,
    },
    /// Nothing: it goes on with the item before.
    More,
}

impl From<view::Mark> for Marker {
    fn from(mark: view::Mark) -> Self {
        match mark {
            view::Mark::Bullet => Self::Bullet,
            view::Mark::Number(number) => Self::Number {
                number: Count(number),
            },
            view::Mark::More => Self::More,
        }
    }
}

/// A piece of text of one look. Looks that it does not have are left out, as is the link where it has none.
#[derive(Serialize, JsonSchema)]
#[expect(clippy::struct_excessive_bools, reason = "each is on or off by itself")]
pub struct Span {
    /// Not empty.
    text: String,
    /// Strong.
    #[serde(skip_serializing_if = "is_off")]
    strong: bool,
    /// Emphasized.
    #[serde(skip_serializing_if = "is_off")]
    emphasis: bool,
    /// Struck out.
    #[serde(skip_serializing_if = "is_off")]
    strikethrough: bool,
    /// Code inside a line.
    #[serde(skip_serializing_if = "is_off")]
    code: bool,
    /// Where it leads.
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<Destination>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde gives fields by reference"
)]
const fn is_off(look: &bool) -> bool {
    !*look
}

impl From<view::Span> for Span {
    fn from(span: view::Span) -> Self {
        let view::Span { text, look, link } = span;
        let view::Look {
            strong,
            emphasis,
            strikethrough,
            code,
        } = look;
        Self {
            text,
            strong,
            emphasis,
            strikethrough,
            code,
            link: link.map(Destination::from),
        }
    }
}

/// Where a piece of text leads.
#[derive(Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Destination {
    /// To a page or a mailbox: `http`, `https` or `mailto`. What it says and where it leads may differ: a screen shows both.
    Uri {
        /// Where.
        uri: String,
    },
    /// It mentions this person.
    Account {
        /// Whom.
        account: AccountId,
    },
}

impl From<view::Link> for Destination {
    fn from(link: view::Link) -> Self {
        match link {
            view::Link::Uri(uri) => Self::Uri { uri },
            view::Link::Account(account) => Self::Account {
                account: AccountId(account),
            },
        }
    }
}

/// A part of what a message says.
#[derive(Serialize, JsonSchema)]
pub struct Snippet {
    /// Its text, in order: at most 160 characters together.
    parts: Vec<Part>,
    /// Something stands before it.
    cut_before: bool,
    /// Something stands behind it.
    cut_after: bool,
}

/// A piece of a snippet.
#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Part {
    /// Not empty.
    text: String,
    /// It is what was looked for.
    found: bool,
}

impl From<view::Snippet> for Snippet {
    fn from(snippet: view::Snippet) -> Self {
        let view::Snippet {
            text,
            marks,
            cut_before,
            cut_after,
        } = snippet;
        Self {
            parts: parts(&text, marks),
            cut_before,
            cut_after,
        }
    }
}

/// The text, taken apart where what was looked for begins and ends.
fn parts(text: &str, marks: Vec<Range<usize>>) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut add = |range: Range<usize>, found| {
        let piece = text.get(range).unwrap_or_default();
        if !piece.is_empty() {
            parts.push(Part {
                text: piece.to_owned(),
                found,
            });
        }
    };
    let mut done = 0;
    for mark in marks {
        let Range { start, end } = mark;
        add(done..start, false);
        add(start..end, true);
        done = end;
    }
    add(done..text.len(), false);
    parts
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic
    )]

    use keyfold_engine::view::{self, Look};
    use keyfold_wire::ids::AccountId;
    use serde_json::json;

    use super::{Block, parts};

    #[test]
    fn a_span_has_the_looks_that_it_has() {
        let span = |text: &str, look, link| view::Span {
            text: text.to_owned(),
            look,
            link,
        };
        let strong = Look {
            strong: true,
            code: true,
            ..Look::default()
        };
        let mention = view::Link::Account(AccountId::new([8; 32]));
        let page = view::Link::Uri("https://example.org".to_owned());
        let block = view::Block {
            kind: view::BlockKind::Item {
                depth: 1,
                mark: view::Mark::Number(3),
            },
            quoted: 2,
            spans: vec![
                span("plain", Look::default(), None),
                span("strong", strong, Some(page)),
                span("@bo", Look::default(), Some(mention)),
            ],
        };
        assert_eq!(
            serde_json::to_value(Block::from(block)).unwrap(),
            json!({
                "type": "item",
                "depth": 1,
                "mark": { "type": "number", "number": 3 },
                "quoted": 2,
                "spans": [
                    { "text": "plain" },
                    {
                        "text": "strong",
                        "strong": true,
                        "code": true,
                        "link": { "type": "uri", "uri": "https://example.org" },
                    },
                    { "text": "@bo", "link": { "type": "account", "account": "08".repeat(32) } },
                ],
            })
        );
    }

    #[test]
    fn a_snippet_comes_apart_where_its_marks_begin_and_end() {
        let apart = |text, marks: &[std::ops::Range<usize>]| -> Vec<_> {
            let parts = parts(text, marks.to_vec());
            parts
                .into_iter()
                .map(|part| (part.text, part.found))
                .collect()
        };
        let part = |text: &str, found| (text.to_owned(), found);
        assert_eq!(apart("", &[]), []);
        assert_eq!(apart("tea", &[]), [part("tea", false)]);
        assert_eq!(
            apart("\u{e9}t\u{e9} and tea", &[0..5, 10..13]),
            [
                part("\u{e9}t\u{e9}", true),
                part(" and ", false),
                part("tea", true)
            ]
        );
    }
}
