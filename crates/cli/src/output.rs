//! What a command prints: for people, or one JSON object a line for scripts.

use std::io::{self, IsTerminal as _, Write as _};

use serde::Serialize;

use crate::clean;
use crate::failure::{Failure, Kind};
use crate::formatted::{Piece, Role};

/// Where and how to print.
#[derive(Clone, Copy)]
pub(crate) struct Output {
    json: bool,
    colour: bool,
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Self {
            json,
            colour: wanted && !dumb && io::stdout().is_terminal(),
        }
    }

    pub(crate) fn is_json(self) -> bool {
        self.json
    }

    /// Prints a record: as JSON, or as `human` words it.
    pub(crate) fn show<T: Serialize>(
        self,
        record: &T,
        human: impl FnOnce(Paint) -> String,
    ) -> Result<(), Failure> {
        let text = if self.json {
            json_line(record)?
        } else {
            let mut text = human(Paint {
                colour: self.colour,
            });
            text.push('\n');
            text
        };
        print(&text)
    }

    /// Prints what only people read.
    pub(crate) fn say(self, human: impl FnOnce(Paint) -> String) -> Result<(), Failure> {
        if self.json {
            return Ok(());
        }
        print(&format!(
            "{}\n",
            human(Paint {
                colour: self.colour
            })
        ))
    }

    /// Tells people, beside the output, what is going on.
    pub(crate) fn note(self, text: &str) {
        if !self.json && io::stderr().is_terminal() {
            let _ = writeln!(io::stderr(), "{}", clean::line(text));
        }
    }

    /// Prints to standard error what somebody should know though nothing failed.
    pub(crate) fn warn(self, text: &str) {
        let text = clean::line(text);
        let line = if self.json {
            json_line(&Warning { warning: &text }).unwrap_or_default()
        } else {
            format!("keyfold: {text}\n")
        };
        let _ = io::stderr().write_all(line.as_bytes());
    }

    /// Prints a failure to standard error.
    pub(crate) fn fail(self, failure: &Failure) {
        let text = if self.json {
            json_line(failure).unwrap_or_default()
        } else {
            let mut text = format!("keyfold: {}\n", clean::line(&failure.error));
            for candidate in &failure.candidates {
                let name = clean::line(&candidate.name);
                text.extend(["  ", &candidate.id, "  ", &name, "\n"]);
            }
            text
        };
        let _ = io::stderr().write_all(text.as_bytes());
    }
}

#[derive(Serialize)]
struct Warning<'a> {
    warning: &'a str,
}

fn json_line<T: Serialize>(record: &T) -> Result<String, Failure> {
    let text = serde_json::to_string(record)
        .map_err(|error| Failure::new(Kind::Fault, error.to_string()))?;
    Ok(clean::json(&text) + "\n")
}

/// # Errors
/// [`Kind::Enough`] where nobody reads any more.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
            Err(Failure::new(Kind::Enough, error.to_string()))
        }
        other => Ok(other?),
    }
}

/// Colours, where they are wanted. Few: names, and what matters less.
#[derive(Clone, Copy)]
pub(crate) struct Paint {
    colour: bool,
}

impl Paint {
    pub(crate) fn bold(self, text: &str) -> String {
        self.with("1", text)
    }

    pub(crate) fn dim(self, text: &str) -> String {
        self.with("2", text)
    }

    /// Whether it shows styles at all.
    pub(crate) const fn shows(self) -> bool {
        self.colour
    }

    /// A piece of a message's text.
    pub(crate) fn piece(self, piece: &Piece) -> String {
        let mut codes = Vec::new();
        for (is, code) in [
            (piece.look.strong || piece.role == Role::Mention, "1"),
            (piece.role == Role::Aside, "2"),
            (piece.look.emphasis, "3"),
            (piece.role == Role::Link, "4"),
            (piece.look.strikethrough, "9"),
            (piece.look.code, "36"),
        ] {
            if is {
                codes.push(code);
            }
        }
        if codes.is_empty() {
            return piece.text.clone();
        }
        self.with(&codes.join(";"), &piece.text)
    }

    fn with(self, code: &str, text: &str) -> String {
        if self.colour && !text.is_empty() {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}
