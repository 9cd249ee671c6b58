//! Received text on its way to a terminal: nothing in it may move the cursor, recolour, reorder or hide.
//!
//! A message can hold any Unicode. Escape sequences are controls (C0, C1); overrides and isolates reorder what stands
//! beside them (Unicode TR 36 section 2.6, "Trojan Source"); tag characters and fillers hide. Each such character is
//! shown as U+FFFD; in JSON it is escaped and thus keeps its value.

/// Stands for a character that was taken out.
const REPLACEMENT: char = '\u{FFFD}';

/// Whether a character could deceive the reader or command the terminal. Line breaks and tabs are for the caller.
pub(crate) fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{202A}'..='\u{202E}'                   // embeddings and overrides
            | '\u{2066}'..='\u{2069}'                 // isolates
            | '\u{2028}' | '\u{2029}'                 // line and paragraph separators
            | '\u{206A}'..='\u{206F}'                 // deprecated formatting
            | '\u{FEFF}' | '\u{2060}'..='\u{2064}'    // invisible
            | '\u{FFF9}'..='\u{FFFB}'                 // interlinear annotation
            | '\u{E0000}'..='\u{E007F}'               // tags
        )
}

/// One line of it: names, handles, messages in a list. Line breaks and tabs become spaces.
pub(crate) fn line(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\n' | '\t' => ' ',
            c if is_unsafe(c) => REPLACEMENT,
            c => c,
        })
        .collect()
}

/// Its lines: a message's text. Tabs become spaces.
pub(crate) fn lines(text: &str) -> impl Iterator<Item = String> {
    text.split('\n')
        .map(|part| line(part.strip_suffix('\r').unwrap_or(part)))
}

/// JSON text with each such character escaped, so that a terminal stays untouched and a parser gets them all.
pub(crate) fn json(text: &str) -> String {
    use std::fmt::Write as _;
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if is_unsafe(c) {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                let _ = write!(escaped, "\\u{unit:04x}");
            }
        } else {
            escaped.push(c);
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic
    )]

    use super::*;

    const HOSTILE: &str =
        "a\x1b[2J\x1b]0;pwned\x07b\u{9b}31mc\u{202e}txet\u{202c}\u{2066}d\r\x08\u{e0041}e";

    #[test]
    fn nothing_that_commands_a_terminal_is_left() {
        let shown = line(HOSTILE);
        assert!(!shown.chars().any(is_unsafe), "{shown:?}");
        assert_eq!(
            shown,
            "a\u{FFFD}[2J\u{FFFD}]0;pwned\u{FFFD}b\u{FFFD}31mc\u{FFFD}txet\u{FFFD}\u{FFFD}d\u{FFFD}\u{FFFD}\u{FFFD}e"
        );
    }

    #[test]
    fn what_people_write_is_left_alone() {
        for text in [
            "Grüße, 你好, שלום, مرحبا",
            "👩‍👩‍👧 🏳️‍🌈 👍🏽",
            "a\u{200D}b",
            "e\u{301}",
        ] {
            assert_eq!(line(text), text);
        }
        let split: Vec<_> = lines("one\ntwo\r\n\tthree").collect();
        assert_eq!(split, ["one", "two", " three"]);
    }

    #[test]
    fn json_keeps_every_character_and_shows_none_that_is_unsafe() {
        let text = serde_json::to_string(HOSTILE).unwrap();
        let safe = json(&text);
        assert!(!safe.chars().any(is_unsafe), "{safe:?}");
        assert_eq!(serde_json::from_str::<String>(&safe).unwrap(), HOSTILE);
    }
}
