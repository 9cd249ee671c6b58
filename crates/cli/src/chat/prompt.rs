//! The line being written: text and a cursor that moves by what people see as one character (grapheme).

use unicode_segmentation::{GraphemeCursor, UnicodeSegmentation as _};
use unicode_width::UnicodeWidthStr as _;

/// What is being written.
#[derive(Default)]
pub(super) struct Prompt {
    text: String,
    /// A byte position on a grapheme's border.
    cursor: usize,
}

impl Prompt {
    /// What is being written.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// What was written; the prompt is empty afterwards.
    pub(super) fn take(&mut self) -> String {
        self.cursor = 0;
        std::mem::take(&mut self.text)
    }

    /// Inserts at the cursor. Line breaks stay, whatever their form; other controls do not.
    pub(super) fn insert(&mut self, text: &str) {
        let text: String = text
            .replace("\r\n", "\n")
            .replace('\r', "\n")
            .chars()
            .map(|c| if c == '\t' { ' ' } else { c })
            .filter(|c| *c == '\n' || !c.is_control())
            .collect();
        self.text.insert_str(self.cursor, &text);
        self.cursor += text.len();
    }

    pub(super) fn left(&mut self) {
        self.cursor = self.before();
    }

    pub(super) fn right(&mut self) {
        self.cursor = self.after();
    }

    pub(super) fn home(&mut self) {
        self.cursor = 0;
    }

    pub(super) fn end(&mut self) {
        self.cursor = self.text.len();
    }

    pub(super) fn backspace(&mut self) {
        self.cut(self.before(), self.cursor);
    }

    pub(super) fn delete(&mut self) {
        self.cut(self.cursor, self.after());
    }

    /// Cuts everything before the cursor.
    pub(super) fn cut_before(&mut self) {
        self.cut(0, self.cursor);
    }

    /// Cuts everything after the cursor.
    pub(super) fn cut_after(&mut self) {
        self.cut(self.cursor, self.text.len());
    }

    /// Cuts the word before the cursor, and the spaces between them.
    pub(super) fn cut_word(&mut self) {
        let before = self.text.get(..self.cursor).unwrap_or_default().trim_end();
        let start = before
            .char_indices()
            .rev()
            .find(|(_, c)| c.is_whitespace())
            .map_or(0, |(at, c)| at + c.len_utf8());
        self.cut(start, self.cursor);
    }

    fn cut(&mut self, from: usize, to: usize) {
        self.text.replace_range(from..to, "");
        self.cursor = from;
    }

    fn before(&self) -> usize {
        let mut border = GraphemeCursor::new(self.cursor, self.text.len(), true);
        border
            .prev_boundary(&self.text, 0)
            .ok()
            .flatten()
            .unwrap_or(0)
    }

    fn after(&self) -> usize {
        let mut border = GraphemeCursor::new(self.cursor, self.text.len(), true);
        border
            .next_boundary(&self.text, 0)
            .ok()
            .flatten()
            .unwrap_or(self.text.len())
    }

    /// The rows that it takes at this width, and where the cursor stands (column, row).
    pub(super) fn layout(&self, width: usize) -> (Vec<String>, (usize, usize)) {
        let mut rows = vec![String::new()];
        let (mut column, mut cursor) = (0, (0, 0));
        for (at, grapheme) in self.text.grapheme_indices(true) {
            let wide = if grapheme == "\n" {
                0
            } else {
                grapheme.width()
            };
            if column + wide > width {
                rows.push(String::new());
                column = 0;
            }
            if at == self.cursor {
                cursor = (column, rows.len() - 1);
            }
            if grapheme == "\n" {
                rows.push(String::new());
                column = 0;
            } else if let Some(row) = rows.last_mut() {
                row.push_str(&crate::clean::line(grapheme));
                column += wide;
            }
        }
        if self.cursor == self.text.len() {
            if column >= width {
                rows.push(String::new());
                column = 0;
            }
            cursor = (column, rows.len() - 1);
        }
        (rows, cursor)
    }
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

    fn prompt(text: &str) -> Prompt {
        let mut prompt = Prompt::default();
        prompt.insert(text);
        prompt
    }

    #[test]
    fn the_cursor_moves_and_cuts_by_what_people_see_as_one_character() {
        let mut prompt = prompt("a👩‍👩‍👧e\u{301}");
        prompt.left();
        prompt.backspace();
        assert_eq!(prompt.text(), "ae\u{301}");
        prompt.insert("你");
        prompt.delete();
        assert_eq!(prompt.text(), "a你");
        prompt.home();
        prompt.left();
        prompt.right();
        prompt.insert("-");
        assert_eq!(prompt.text(), "a-你");
        prompt.end();
        prompt.right();
        prompt.delete();
        assert_eq!(prompt.take(), "a-你");
        assert!(prompt.is_empty());
        prompt.backspace();
        assert_eq!(prompt.text(), "");
    }

    #[test]
    fn words_and_halves_are_cut() {
        let mut prompt = prompt("see you there  ");
        prompt.cut_word();
        assert_eq!(prompt.text(), "see you ");
        prompt.left();
        prompt.cut_before();
        assert_eq!(prompt.text(), " ");
        prompt.home();
        prompt.cut_after();
        assert_eq!(prompt.text(), "");
    }

    #[test]
    fn what_is_pasted_cannot_command_the_terminal() {
        assert_eq!(
            prompt("one\r\ntwo\tthree\x1b[2J\u{9b}").text(),
            "one\ntwo three[2J"
        );
    }

    #[test]
    fn rows_break_at_the_width_and_the_cursor_stands_where_it_writes() {
        assert_eq!(
            prompt("abcd").layout(3),
            (vec!["abc".to_owned(), "d".to_owned()], (1, 1))
        );
        assert_eq!(
            prompt("abc").layout(3),
            (vec!["abc".to_owned(), String::new()], (0, 1))
        );
        assert_eq!(
            prompt("你好").layout(3),
            (vec!["你".to_owned(), "好".to_owned()], (2, 1))
        );
        assert_eq!(
            prompt("a\nb").layout(9),
            (vec!["a".to_owned(), "b".to_owned()], (1, 1))
        );
        let mut back = prompt("abcd");
        back.left();
        assert_eq!(back.layout(3).1, (0, 1));
    }
}
