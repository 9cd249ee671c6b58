//! Colours on a terminal, and none anywhere else: a file, a pipe, `NO_COLOR` (<https://no-color.org>), `TERM=dumb`.

use std::fmt::Display;
use std::io::IsTerminal as _;
use std::sync::LazyLock;

/// How a piece of text looks: the numbers of its ANSI escape sequence.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Ink(&'static str);

impl Ink {
    pub(crate) const BOLD: Self = Self("1");
    pub(crate) const DIM: Self = Self("2");
    pub(crate) const RED: Self = Self("31");
    pub(crate) const GREEN: Self = Self("32");
    pub(crate) const YELLOW: Self = Self("33");
    pub(crate) const BLUE: Self = Self("34");
    pub(crate) const MAGENTA: Self = Self("35");
    pub(crate) const CYAN: Self = Self("36");

    /// The text in this ink where standard output shows colours, else the text alone.
    pub(crate) fn on(self, text: impl Display) -> String {
        self.when(*COLOURS, text)
    }

    fn when(self, colours: bool, text: impl Display) -> String {
        if colours {
            format!("\x1b[{}m{text}\x1b[0m", self.0)
        } else {
            text.to_string()
        }
    }
}

static COLOURS: LazyLock<bool> = LazyLock::new(|| {
    let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
    std::io::stdout().is_terminal() && !unwanted && !dumb
});

/// Whether standard output shows colours.
pub(crate) fn colours() -> bool {
    *COLOURS
}

/// The text without ANSI escape sequences, for reading what a program wrote in colour.
pub(crate) fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        if char == '\x1b' {
            // A control sequence ends with its first letter.
            chars.by_ref().find(char::is_ascii_alphabetic);
        } else {
            out.push(char);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ink_is_left_out_where_nobody_sees_it() {
        assert_eq!(Ink::RED.when(false, "no"), "no");
        assert_eq!(Ink::RED.when(true, "no"), "\u{1b}[31mno\u{1b}[0m");
    }

    #[test]
    fn plain_takes_off_what_ink_put_on() {
        assert_eq!(plain(&Ink::BOLD.when(true, "3 passed")), "3 passed");
        assert_eq!(plain("no ink"), "no ink");
    }
}
