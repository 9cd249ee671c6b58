//! A message's text for a terminal that shows styles: its blocks as lines of pieces, cleaned.

use keyfold_engine::view::{Block, BlockKind, Entry, Link, Look, Mark, Span, What};

use crate::{clean, kinds, words};

/// A piece of a line, of one style.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Piece {
    /// Without line breaks.
    pub(crate) text: String,
    /// How it was marked up.
    pub(crate) look: Look,
    /// What it is.
    pub(crate) role: Role,
}

/// What a piece of a line is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Role {
    /// What somebody wrote.
    Words,
    /// A link's words.
    Link,
    /// The name of somebody who is mentioned.
    Mention,
    /// What stands before a line, or where a link leads.
    Aside,
}

/// The lines of what somebody says; empty where nobody says it.
pub(crate) fn lines(entry: &Entry) -> Vec<Vec<Piece>> {
    let mut lines = Vec::new();
    if let What::File(file) = &entry.what {
        lines.push(vec![aside(&words::file_line(file))]);
        // What is on its way has no blocks yet.
        let caption = file.caption.iter().filter(|_| entry.blocks.is_empty());
        let typed = caption.flat_map(|caption| clean::lines(caption));
        lines.extend(typed.map(|line| vec![words_piece(line)]));
    }
    let said = kinds::lines(&entry.what).into_iter().flatten();
    lines.extend(said.map(|line| vec![words_piece(line)]));
    let mut before: Option<&Block> = None;
    for block in &entry.blocks {
        if before.is_some_and(|before| stands_apart(before, block)) {
            lines.push(vec![aside(&"│ ".repeat(block.quoted.into()))]);
        }
        lines.extend(block_lines(block));
        before = Some(block);
    }
    let preview = kinds::preview(entry).into_iter();
    lines.extend(preview.map(|line| vec![aside(&line)]));
    lines
}

fn words_piece(text: String) -> Piece {
    Piece {
        text,
        look: Look::default(),
        role: Role::Words,
    }
}

/// Two paragraphs; items of a list stand together.
fn stands_apart(before: &Block, block: &Block) -> bool {
    let is_item = |block: &Block| matches!(block.kind, BlockKind::Item { .. });
    before.quoted == block.quoted && !(is_item(before) || is_item(block))
}

fn block_lines(block: &Block) -> Vec<Vec<Piece>> {
    let quoted = "│ ".repeat(block.quoted.into());
    let (first, rest) = match block.kind {
        BlockKind::Item { depth, mark } => {
            let deep = "  ".repeat(usize::from(depth).saturating_sub(1));
            let mark = match mark {
                Mark::Bullet => "• ".to_owned(),
                Mark::Number(number) => format!("{number}. "),
                Mark::More => "  ".to_owned(),
            };
            let rest = " ".repeat(mark.chars().count());
            (
                format!("{quoted}{deep}{mark}"),
                format!("{quoted}{deep}{rest}"),
            )
        }
        BlockKind::Rule => return vec![vec![aside(&format!("{quoted}───"))]],
        BlockKind::Code => (format!("{quoted}  "), format!("{quoted}  ")),
        BlockKind::Paragraph | BlockKind::Heading => (quoted.clone(), quoted),
    };
    let mut lines = vec![vec![aside(&first)]];
    for span in &block.spans {
        let mut parts = clean::lines(&span.text);
        push(
            &mut lines,
            piece(parts.next().unwrap_or_default(), span, block.kind),
        );
        for part in parts {
            lines.push(vec![aside(&rest)]);
            push(&mut lines, piece(part, span, block.kind));
        }
        if let Some(leads) = leads(span) {
            push(&mut lines, aside(&format!(" ({})", clean::line(leads))));
        }
    }
    for line in &mut lines {
        line.retain(|piece| !piece.text.is_empty());
    }
    lines
}

fn push(lines: &mut [Vec<Piece>], piece: Piece) {
    if let Some(line) = lines.last_mut() {
        line.push(piece);
    }
}

fn piece(text: String, span: &Span, kind: BlockKind) -> Piece {
    let heading = kind == BlockKind::Heading;
    Piece {
        text,
        look: Look {
            strong: span.look.strong || heading,
            code: span.look.code || kind == BlockKind::Code,
            ..span.look
        },
        role: match span.link {
            Some(Link::Uri(_)) => Role::Link,
            Some(Link::Account(_)) => Role::Mention,
            None => Role::Words,
        },
    }
}

fn aside(text: &str) -> Piece {
    Piece {
        text: text.to_owned(),
        look: Look::default(),
        role: Role::Aside,
    }
}

/// Where a link leads, unless its words say that.
fn leads(span: &Span) -> Option<&str> {
    let Some(Link::Uri(uri)) = &span.link else {
        return None;
    };
    let said = span.text == *uri || uri.strip_prefix("mailto:") == Some(&span.text);
    (!said).then_some(uri)
}

/// The pieces of rows into which a line of these pieces was broken: rows have its characters in order, maybe without spaces.
pub(crate) fn spread(pieces: &[Piece], rows: &[String]) -> Vec<Vec<Piece>> {
    let mut letters = pieces
        .iter()
        .flat_map(|piece| piece.text.chars().map(move |letter| (letter, piece)));
    let mut spread = Vec::new();
    for row in rows {
        let mut line: Vec<Piece> = Vec::new();
        for letter in row.chars() {
            let Some((_, from)) = letters.find(|(next, _)| *next == letter) else {
                break;
            };
            match line.last_mut() {
                Some(last) if last.look == from.look && last.role == from.role => {
                    last.text.push(letter);
                }
                _ => line.push(Piece {
                    text: letter.to_string(),
                    ..*from
                }),
            }
        }
        spread.push(line);
    }
    spread
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use keyfold_protocol::content::{Text, TextFormat};

    use super::*;

    fn words(line: &[Piece]) -> String {
        line.iter().map(|piece| piece.text.as_str()).collect()
    }

    fn shown(text: &str) -> Vec<String> {
        let text = Text {
            text: text.to_owned(),
            format: TextFormat::Markdown,
            preview: None,
        };
        let entry = crate::chat::tests::formatted(text.blocks());
        lines(&entry).iter().map(|line| words(line)).collect()
    }

    #[test]
    fn blocks_become_lines() {
        for (text, expected) in [
            ("one\ntwo\n\nthree", &["one", "two", "", "three"][..]),
            (
                "- tea\n- milk\n  more\n  - deep",
                &["• tea", "• milk", "  more", "  • deep"],
            ),
            ("9. a\n10. b", &["9. a", "10. b"]),
            ("> said\n> more\n\nno", &["│ said", "│ more", "no"]),
            (
                "a\n\n---\n\n```\nx\n  y\n```",
                &["a", "", "───", "", "  x", "    y"],
            ),
            (
                "[bank](https://x.org) https://y.org",
                &["bank (https://x.org) https://y.org"],
            ),
            ("a\u{1b}[2J\u{202e}b", &["a\u{fffd}[2J\u{fffd}b"]),
        ] {
            assert_eq!(shown(text), expected, "{text:?}");
        }
    }

    #[test]
    fn rows_keep_the_styles_of_their_line() {
        let bold = Look {
            strong: true,
            ..Look::default()
        };
        let of = |text: &str, look| Piece {
            text: text.to_owned(),
            look,
            role: Role::Words,
        };
        let line = [of("one ", Look::default()), of("two  three", bold)];
        let rows = ["one two".to_owned(), "three".to_owned()];
        let expected = [
            vec![of("one ", Look::default()), of("two", bold)],
            vec![of("three", bold)],
        ];
        assert_eq!(spread(&line, &rows), expected);
    }
}
