//! Figures as people read them: printed, and written into `docs/performance.md`.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result};

/// One row of a table.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) what: String,
    pub(crate) target: String,
    pub(crate) measured: String,
    pub(crate) verdict: Verdict,
    pub(crate) detail: String,
}

/// Whether a target is met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Met,
    Missed,
    /// There is no target.
    Told,
}

/// The figures of one measurement.
#[derive(Clone, Debug)]
pub(crate) struct Section {
    /// As in the document's markers.
    pub(crate) name: &'static str,
    pub(crate) machine: String,
    pub(crate) rows: Vec<Row>,
}

impl Row {
    /// A ratio that may be at most so large.
    pub(crate) fn ratio(what: impl Into<String>, most: f64, ratio: f64, detail: String) -> Self {
        Self {
            what: what.into(),
            target: format!("at most {most}"),
            measured: format!("{ratio:.2}"),
            verdict: if ratio <= most {
                Verdict::Met
            } else {
                Verdict::Missed
            },
            detail,
        }
    }

    /// A ratio that must be at least so large.
    pub(crate) fn at_least(
        what: impl Into<String>,
        least: f64,
        ratio: f64,
        detail: String,
    ) -> Self {
        Self {
            what: what.into(),
            target: format!("at least {least}"),
            measured: format!("{ratio:.2}"),
            verdict: if ratio >= least {
                Verdict::Met
            } else {
                Verdict::Missed
            },
            detail,
        }
    }

    /// A figure without a target.
    pub(crate) fn told(what: impl Into<String>, measured: String, detail: String) -> Self {
        Self {
            what: what.into(),
            target: String::new(),
            measured,
            verdict: Verdict::Told,
            detail,
        }
    }
}

impl Section {
    /// The table in Markdown.
    pub(crate) fn table(&self) -> String {
        let mut table = format!("Measured on {}.\n\n", self.machine);
        table.push_str("| what | target | measured | | medians |\n|---|---|---|---|---|\n");
        for row in &self.rows {
            let verdict = match row.verdict {
                Verdict::Met => "met",
                Verdict::Missed => "**missed**",
                Verdict::Told => "",
            };
            let _ = writeln!(
                table,
                "| {} | {} | {} | {verdict} | {} |",
                row.what, row.target, row.measured, row.detail
            );
        }
        table
    }

    /// Puts the table in its place in the document, between its markers.
    pub(crate) fn write(&self, document: &Path) -> Result<()> {
        let text = std::fs::read_to_string(document)
            .with_context(|| format!("reading {}", document.display()))?;
        let (begin, end) = (
            format!("<!-- {} -->\n", self.name),
            format!("<!-- end of {} -->", self.name),
        );
        let missing = || format!("{} has no place for {}", document.display(), self.name);
        let (before, rest) = text.split_once(&begin).with_context(missing)?;
        let (_, after) = rest.split_once(&end).with_context(missing)?;
        let text = format!("{before}{begin}{}{end}{after}", self.table());
        std::fs::write(document, text).with_context(|| format!("writing {}", document.display()))
    }
}
