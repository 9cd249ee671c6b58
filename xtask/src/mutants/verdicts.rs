//! What is known of each mutant: text files below `mutants/`, one for each source file, one line for each mutant.
//!
//! A mutant is named by what it does and in which function, not by its line, so that its verdict survives an edit
//! elsewhere; where one function has the same mutation several times, a number follows. The first line has the hash
//! of the source that was judged (`git hash-object`): as soon as it differs, the file is judged again.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context as _, Result, bail};

/// What became of a mutant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verdict {
    /// A test fails.
    Caught,
    /// Every test passes: a test is missing, or nothing differs.
    Missed,
    /// Every test passes, and a person wrote down why no behaviour differs.
    Excused,
    /// The tests did not come to an end.
    Timeout,
    /// Does not compile.
    Unviable,
    /// Was excused on an earlier source, and is to be judged on this one.
    Waiting,
}

impl Verdict {
    const ALL: [(Self, &'static str); 6] = [
        (Self::Caught, "caught"),
        (Self::Missed, "missed"),
        (Self::Excused, "excused"),
        (Self::Timeout, "timeout"),
        (Self::Unviable, "unviable"),
        (Self::Waiting, "waiting"),
    ];
}

impl fmt::Display for Verdict {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = Self::ALL.iter().find(|(verdict, _)| verdict == self);
        out.pad(word.map_or("", |(_, word)| *word))
    }
}

impl FromStr for Verdict {
    type Err = anyhow::Error;

    fn from_str(word: &str) -> Result<Self> {
        let known = Self::ALL.iter().find(|(_, name)| *name == word);
        known
            .map(|(verdict, _)| *verdict)
            .with_context(|| format!("`{word}` is no verdict"))
    }
}

/// A verdict, and the reason that a person gave for an excuse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Judged {
    /// What became of it.
    pub(crate) verdict: Verdict,
    /// Why no behaviour differs. Only with an excuse.
    pub(crate) reason: Option<String>,
}

/// The verdicts on one source file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Verdicts {
    /// The hash of the source that they were found on.
    pub(crate) source: String,
    /// By mutation.
    pub(crate) judged: BTreeMap<String, Judged>,
}

const REASON: &str = " -- ";

impl Verdicts {
    /// Reads the verdicts on a source file; none when it was never judged.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        match std::fs::read_to_string(path) {
            Ok(text) => text.parse().with_context(|| path.display().to_string()),
            Err(_) if !path.exists() => Ok(Self::default()),
            Err(error) => Err(error).with_context(|| path.display().to_string()),
        }
    }

    /// Writes them down.
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(path, self.to_string()).with_context(|| path.display().to_string())
    }

    /// Begins anew on another source. Excuses wait until it is known whether their mutants survive there, too.
    pub(crate) fn moved_to(self, source: &str) -> Self {
        let excuses = self.judged.into_iter();
        let excuses = excuses.filter(|(_, judged)| judged.reason.is_some());
        let waiting = excuses.map(|(mutation, judged)| {
            let verdict = Verdict::Waiting;
            (mutation, Judged { verdict, ..judged })
        });
        Self {
            source: source.to_owned(),
            judged: waiting.collect(),
        }
    }

    /// Takes in a new verdict. A survivor that has an excuse keeps it.
    pub(crate) fn record(&mut self, mutation: &str, verdict: Verdict) {
        let earlier = self.judged.get(mutation);
        let excuse = earlier.and_then(|judged| judged.reason.clone());
        let judged = match (verdict, excuse) {
            (Verdict::Missed, Some(reason)) => Judged {
                verdict: Verdict::Excused,
                reason: Some(reason),
            },
            (verdict, _) => Judged {
                verdict,
                reason: None,
            },
        };
        self.judged.insert(mutation.to_owned(), judged);
    }
}

impl fmt::Display for Verdicts {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "source {}", self.source)?;
        for (mutation, judged) in &self.judged {
            write!(out, "{:<8} {mutation}", judged.verdict)?;
            if let Some(reason) = &judged.reason {
                write!(out, "{REASON}{reason}")?;
            }
            writeln!(out)?;
        }
        Ok(())
    }
}

impl FromStr for Verdicts {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut lines = text.lines();
        let source = lines.next().and_then(|line| line.strip_prefix("source "));
        let source = source.context("does not begin with `source`")?.to_owned();
        let judged = lines
            .map(|line| judged(line).with_context(|| format!("`{line}` cannot be read")))
            .collect::<Result<_>>()?;
        Ok(Self { source, judged })
    }
}

fn judged(line: &str) -> Result<(String, Judged)> {
    let (word, rest) = line.split_once(' ').context("one word")?;
    let verdict = word.parse()?;
    let (mutation, reason) = match rest.split_once(REASON) {
        Some((mutation, reason)) => (mutation, Some(reason.trim().to_owned())),
        None => (rest, None),
    };
    match (verdict, reason.as_deref()) {
        (Verdict::Excused | Verdict::Waiting, None | Some("")) => {
            bail!("an excuse needs its reason, after `{REASON}`")
        }
        (Verdict::Excused | Verdict::Waiting, Some(_)) | (_, None) => {}
        (_, Some(_)) => bail!("a reason stands only with an excuse"),
    }
    Ok((mutation.trim().to_owned(), Judged { verdict, reason }))
}

/// Where the verdicts on a source file are: `crates/protocol/src/group/leaf.rs` in `mutants/protocol/group/leaf.txt`.
pub(crate) fn path(root: &Path, source: &str) -> PathBuf {
    let below = source.strip_prefix("crates/").unwrap_or(source);
    let below = below.replacen("/src/", "/", 1);
    root.join("mutants").join(below).with_extension("txt")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
source 9f3a
missed   replace < with <= in fits
excused  replace < with == in fits #2 -- both mean an empty page
caught   replace pad -> Vec<u8> with vec![] in pad
";

    #[test]
    fn what_is_written_reads_the_same() -> Result<()> {
        let verdicts: Verdicts = TEXT.parse()?;
        assert_eq!(verdicts.judged.len(), 3);
        assert_eq!(verdicts.to_string(), TEXT);
        Ok(())
    }

    #[test]
    fn a_survivor_keeps_its_excuse_and_a_caught_one_loses_it() -> Result<()> {
        let mut verdicts: Verdicts = TEXT.parse()?;
        verdicts.record("replace < with == in fits #2", Verdict::Missed);
        assert_eq!(verdicts.to_string(), TEXT);
        verdicts.record("replace < with == in fits #2", Verdict::Caught);
        assert!(!verdicts.to_string().contains("excused"));
        Ok(())
    }

    #[test]
    fn on_another_source_only_the_excuses_are_kept() -> Result<()> {
        let mut verdicts = TEXT.parse::<Verdicts>()?.moved_to("77b1");
        assert_eq!(
            verdicts.to_string(),
            "source 77b1\nwaiting  replace < with == in fits #2 -- both mean an empty page\n"
        );
        verdicts.record("replace < with == in fits #2", Verdict::Missed);
        verdicts.record("replace < with <= in fits", Verdict::Missed);
        assert_eq!(
            verdicts.to_string(),
            "source 77b1\nmissed   replace < with <= in fits\n\
             excused  replace < with == in fits #2 -- both mean an empty page\n"
        );
        Ok(())
    }

    #[test]
    fn an_excuse_without_a_reason_is_refused() {
        assert!(
            "source 9f\nexcused replace a with b in c\n"
                .parse::<Verdicts>()
                .is_err()
        );
        assert!(
            "source 9f\nmissed replace a with b in c -- why\n"
                .parse::<Verdicts>()
                .is_err()
        );
        assert!(
            "source 9f\nforgiven replace a with b in c\n"
                .parse::<Verdicts>()
                .is_err()
        );
        assert!(
            "missed replace a with b in c\n"
                .parse::<Verdicts>()
                .is_err()
        );
    }

    #[test]
    fn a_source_file_has_its_place() {
        let place = path(Path::new("/k"), "crates/protocol/src/group/leaf.rs");
        assert_eq!(place, Path::new("/k/mutants/protocol/group/leaf.txt"));
    }
}
