//! Lines of input, with a bound: one that is too long is passed over without being kept.

use keyfold_edge::limits::MAX_LINE;
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _};

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// A line, without its end.
    Line(Vec<u8>),
    /// One of more than [`MAX_LINE`] bytes.
    TooLong,
    /// The input has ended.
    End,
}

/// Reads lines. Whoever stops waiting for one loses nothing of it.
pub(super) struct Lines<R> {
    input: R,
    begun: Vec<u8>,
    too_long: bool,
}

impl<R: AsyncBufRead + Unpin> Lines<R> {
    pub(super) fn new(input: R) -> Self {
        Self {
            input,
            begun: Vec::new(),
            too_long: false,
        }
    }

    /// The next line. What stands behind the last line's end counts as a line, too.
    pub(super) async fn next(&mut self) -> std::io::Result<Next> {
        loop {
            let bytes = self.input.fill_buf().await?;
            if bytes.is_empty() {
                let nothing = self.begun.is_empty() && !self.too_long;
                return Ok(if nothing { Next::End } else { self.whole() });
            }
            let end = bytes.iter().position(|byte| *byte == b'\n');
            let (part, _) = bytes.split_at(end.unwrap_or(bytes.len()));
            if self.begun.len() + part.len() > MAX_LINE {
                self.too_long = true;
                self.begun = Vec::new();
            } else if !self.too_long {
                self.begun.extend_from_slice(part);
            }
            let used = part.len() + usize::from(end.is_some());
            self.input.consume(used);
            if end.is_some() {
                return Ok(self.whole());
            }
        }
    }

    fn whole(&mut self) -> Next {
        let line = std::mem::take(&mut self.begun);
        if std::mem::take(&mut self.too_long) {
            Next::TooLong
        } else {
            Next::Line(line)
        }
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

    async fn all(input: &[u8]) -> Vec<Next> {
        let mut lines = Lines::new(tokio::io::BufReader::with_capacity(7, input));
        let mut all = Vec::new();
        loop {
            match lines.next().await.unwrap() {
                Next::End => return all,
                next => all.push(next),
            }
        }
    }

    #[tokio::test]
    async fn lines_come_one_by_one_and_the_last_needs_no_end() {
        let line = |text: &str| Next::Line(text.as_bytes().to_vec());
        assert_eq!(all(b"").await, []);
        assert_eq!(
            all(b"one\n\nthe third\nfour").await,
            [line("one"), line(""), line("the third"), line("four")]
        );
    }

    #[tokio::test]
    async fn a_line_of_the_greatest_length_comes_and_a_longer_one_is_passed_over() {
        let mut input = vec![b'a'; MAX_LINE];
        input.push(b'\n');
        input.extend(vec![b'b'; MAX_LINE + 1]);
        input.extend(b"\nafter\n");
        input.extend(vec![b'c'; MAX_LINE * 2]);
        let read = all(&input).await;
        assert_eq!(read.len(), 4);
        assert!(matches!(&read[0], Next::Line(line) if line.len() == MAX_LINE));
        assert_eq!(read[1], Next::TooLong);
        assert_eq!(read[2], Next::Line(b"after".to_vec()));
        assert_eq!(read[3], Next::TooLong);
    }
}
