//! What the person at the terminal sees: sections, who says what, what was checked, and the summary.

use std::fmt::Display;
use std::io::{IsTerminal as _, Stdout, Write as _};
use std::time::Duration;

use crate::terminal::Ink;

/// The width that lines and rules are made for.
const WIDTH: usize = 78;

/// Prints, and remembers what was promised and whether it was kept.
pub(crate) struct Screen {
    out: Stdout,
    section: usize,
    promises: Vec<Promise>,
}

struct Promise {
    sentence: String,
    kept: bool,
}

impl Screen {
    pub(super) fn new() -> Self {
        Self {
            out: std::io::stdout(),
            section: 0,
            promises: Vec::new(),
        }
    }

    /// The first lines.
    pub(super) fn title(&self, name: &str, line: &str) {
        self.line(format_args!(
            "\n  {}\n  {}\n",
            Ink::BOLD.on(name),
            Ink::DIM.on(line)
        ));
    }

    /// A new section.
    pub(super) fn section(&mut self, name: &str) {
        self.section += 1;
        let name = format!("{}  {name} ", self.section);
        let rule = "─".repeat(WIDTH.saturating_sub(name.chars().count() + 2));
        self.line(format_args!(
            "\n  {}{}\n",
            Ink::BOLD.on(name),
            Ink::DIM.on(rule)
        ));
    }

    /// A line that tells what happens.
    pub(super) fn tell(&self, what: impl Display) {
        self.line(format_args!("  {what}"));
    }

    /// A quiet line beside the story.
    pub(super) fn note(&self, what: impl Display) {
        self.line(format_args!("  {}", Ink::DIM.on(what)));
    }

    /// A row of a table: its name, how much there is, and how it looks.
    pub(super) fn row(&self, name: &str, amount: impl Display, look: impl Display) {
        self.line(format_args!("  {name:<14}{amount}   {}", Ink::DIM.on(look)));
    }

    /// Somebody says something.
    pub(super) fn says(&self, who: &str, to: &str, text: &str) {
        self.line(format_args!(
            "  {}{} {}",
            name(who),
            Ink::DIM.on(format_args!("→ {to:<9}")),
            text
        ));
    }

    /// Somebody does something.
    pub(super) fn does(&self, who: &str, what: impl Display) {
        self.line(format_args!("  {}{what}", name(who)));
    }

    /// A promise, and whether it was kept; `seen` says what there was instead.
    pub(super) fn check(&mut self, kept: bool, sentence: &str, seen: impl Display) {
        if kept {
            self.line(format_args!("  {} {sentence}", Ink::GREEN.on("✓")));
        } else {
            self.line(format_args!("  {} {sentence}", Ink::RED.on("✗")));
            self.line(format_args!("      instead: {seen}"));
        }
        self.promises.push(Promise {
            sentence: sentence.to_owned(),
            kept,
        });
    }

    /// Two lists must be the same.
    pub(super) fn same(&mut self, seen: &[String], wanted: &[String], sentence: &str) {
        self.check(
            seen == wanted,
            sentence,
            format_args!("{seen:?}, not {wanted:?}"),
        );
    }

    /// The story could not go on.
    pub(super) fn broke(&mut self, error: &anyhow::Error) {
        self.check(
            false,
            "the story comes to its end",
            format_args!("{error:#}"),
        );
    }

    /// Whether nothing that was promised was broken.
    pub(super) fn all_kept(&self) -> bool {
        self.promises.iter().all(|promise| promise.kept)
    }

    /// The summary.
    pub(super) fn close(&mut self, took: Duration) {
        self.section("What you have seen");
        let kept = self.promises.iter().filter(|promise| promise.kept).count();
        for promise in &self.promises {
            let mark = if promise.kept {
                Ink::GREEN.on("✓")
            } else {
                Ink::RED.on("✗")
            };
            self.line(format_args!("  {mark} {}", promise.sentence));
        }
        let all = self.promises.len();
        let count = format!(
            "{kept} of {all} promises kept, in {:.0} seconds.",
            took.as_secs_f64()
        );
        let ink = if kept == all { Ink::GREEN } else { Ink::RED };
        self.line(format_args!("\n  {}", ink.on(count)));
        if kept == all {
            self.line("  Talk yourself: cargo xtask try --interactive");
        }
        self.line("");
    }

    /// A line that is written over by the next one; shown on a terminal only.
    pub(super) fn passing(&self, what: &str) {
        let mut out = &self.out;
        if out.is_terminal() {
            let short: String = what.chars().take(WIDTH).collect();
            let _ = write!(out, "\r  {}\x1b[K", Ink::DIM.on(short));
            let _ = out.flush();
        }
    }

    /// Takes the passing line away.
    pub(super) fn passed(&self) {
        let mut out = &self.out;
        if out.is_terminal() {
            let _ = write!(out, "\r\x1b[K");
            let _ = out.flush();
        }
    }

    /// A closed output is no reason to stop: the promises still count.
    fn line(&self, line: impl Display) {
        let _ = writeln!(&self.out, "{line}");
    }
}

/// A name in the colour of its person, as wide as all names.
fn name(who: &str) -> String {
    let ink = match who {
        "ada" => Ink::MAGENTA,
        "bo" => Ink::BLUE,
        "cy" => Ink::CYAN,
        _ => Ink::YELLOW,
    };
    ink.on(format_args!("{who:<6}"))
}
