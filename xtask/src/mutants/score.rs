//! How many mutants are noticed: caught / (caught + missed).

use std::fmt;
use std::path::Path;

use anyhow::Result;

use super::list::Source;
use super::verdicts::{self, Verdict, Verdicts};

/// Counts by verdict. What was judged on another source counts for nothing.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Score {
    caught: usize,
    missed: usize,
    excused: usize,
    timeout: usize,
    unviable: usize,
    unjudged: usize,
}

impl Score {
    /// Counts what is known of these files.
    pub(crate) fn of(root: &Path, sources: &[Source]) -> Result<Self> {
        let mut score = Self::default();
        for source in sources {
            let known = Verdicts::read(&verdicts::path(root, &source.file))?;
            score.add(source, &known);
        }
        Ok(score)
    }

    fn add(&mut self, source: &Source, known: &Verdicts) {
        for mutant in &source.mutants {
            let judged = known.judged.get(&mutant.mutation);
            let judged = judged.filter(|_| known.source == source.hash);
            let counter = match judged.map(|judged| judged.verdict) {
                Some(Verdict::Caught) => &mut self.caught,
                Some(Verdict::Missed) => &mut self.missed,
                Some(Verdict::Excused) => &mut self.excused,
                Some(Verdict::Timeout) => &mut self.timeout,
                Some(Verdict::Unviable) => &mut self.unviable,
                Some(Verdict::Waiting) | None => &mut self.unjudged,
            };
            *counter += 1;
        }
    }

    /// In tenths of a percent, cut off: a score is never shown better than it is. None when nothing was judged.
    fn permille(&self) -> Option<usize> {
        (self.caught * 1000).checked_div(self.caught + self.missed)
    }
}

impl fmt::Display for Score {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.permille() {
            Some(permille) => write!(out, "{:>3}.{} %", permille / 10, permille % 10)?,
            None => write!(out, "    - %")?,
        }
        let Self {
            caught,
            missed,
            excused,
            timeout,
            unviable,
            unjudged,
        } = self;
        write!(
            out,
            "  {caught} caught, {missed} missed, {excused} excused, {timeout} timeouts, {unviable} unviable, {unjudged} not judged"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::list::Mutant;
    use super::*;

    fn source(hash: &str) -> Source {
        let mutant = |mutation: &str| Mutant {
            name: mutation.to_owned(),
            mutation: mutation.to_owned(),
            file: "a.rs".to_owned(),
            ..Mutant::default()
        };
        Source {
            file: "a.rs".to_owned(),
            hash: hash.to_owned(),
            mutants: ["one", "two", "three", "four", "five"].map(mutant).into(),
        }
    }

    #[test]
    fn an_excused_mutant_is_neither_caught_nor_missed() -> Result<()> {
        let known: Verdicts =
            "source 9f\ncaught one\nmissed two\ncaught three\nexcused four -- both are empty\n"
                .parse()?;
        let mut score = Score::default();
        score.add(&source("9f"), &known);
        assert_eq!(
            score.to_string(),
            " 66.6 %  2 caught, 1 missed, 1 excused, 0 timeouts, 0 unviable, 1 not judged"
        );
        Ok(())
    }

    #[test]
    fn verdicts_on_another_source_count_for_nothing() -> Result<()> {
        let known: Verdicts = "source 9f\ncaught one\n".parse()?;
        let mut score = Score::default();
        score.add(&source("aa"), &known);
        assert_eq!(
            score.to_string(),
            "    - %  0 caught, 0 missed, 0 excused, 0 timeouts, 0 unviable, 5 not judged"
        );
        Ok(())
    }
}
