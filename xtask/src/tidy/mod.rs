//! `cargo xtask tidy`: the rules of the house that a machine can check.
//!
//! A rule looks at one file and knows nothing of the disk; this page collects the files and prints what the rules
//! found. A line may be excused with `tidy-allow(rule): reason` in a comment on it or above it.

mod links;
mod manifests;
mod shape;
pub(crate) mod source;
mod texts;
mod tokens;

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

use anyhow::{Context as _, Result, bail};

use crate::tidy::source::Source;
use crate::workspace::{Workspace, answer};

/// Something that a rule does not like.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    path: String,
    line: usize,
    rule: &'static str,
    what: String,
    weight: Weight,
}

/// What a finding does to the check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Weight {
    Fails,
    Warns,
}

impl Finding {
    fn new(path: &str, line: usize, rule: &'static str, what: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            line,
            rule,
            what: what.into(),
            weight: Weight::Fails,
        }
    }

    fn into_warning(self) -> Self {
        Self {
            weight: Weight::Warns,
            ..self
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let weight = match self.weight {
            Weight::Fails => "",
            Weight::Warns => "warning: ",
        };
        write!(
            out,
            "{}:{}: {weight}{} ({})",
            self.path, self.line, self.what, self.rule
        )
    }
}

/// Checks every file of the workspace that is, or could be, under version control.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let paths = paths(workspace)?;
    let mut findings = Vec::new();
    for path in &paths {
        let full = workspace.root.join(path);
        let bytes = std::fs::read(&full).with_context(|| format!("{path} cannot be read"))?;
        // What is not text (pictures, test vectors) has no rules.
        if let Ok(text) = String::from_utf8(bytes) {
            findings.extend(check(path, &text, &paths));
        }
    }
    findings.extend(manifests::readmes(&paths));
    findings.sort();
    for finding in &findings {
        println!("{finding}");
    }
    let failing = findings
        .iter()
        .filter(|one| one.weight == Weight::Fails)
        .count();
    if failing > 0 {
        bail!("{failing} places break the rules of the house");
    }
    println!("{} files are tidy", paths.len());
    Ok(())
}

/// All findings in one file that are not excused.
fn check(path: &str, text: &str, paths: &BTreeSet<String>) -> Vec<Finding> {
    let mut found = texts::check(path, text);
    match Path::new(path).extension().and_then(|one| one.to_str()) {
        Some("rs") => found.extend(check_rust(path, text)),
        Some("md") => found.extend(links::check(path, text, paths)),
        Some("toml") => found.extend(manifests::check(path, text)),
        _ => {}
    }
    found.retain(|finding| !is_excused(text, finding));
    found
}

fn check_rust(path: &str, text: &str) -> Vec<Finding> {
    let source = match Source::parse(path, text) {
        Ok(source) => source,
        Err(error) => {
            return vec![Finding::new(
                path,
                error.span().start().line,
                "syntax",
                error.to_string(),
            )];
        }
    };
    let mut found = shape::check(&source);
    found.extend(tokens::check(&source));
    found
}

/// Whether the finding's line, or the one above, excuses it and says why.
fn is_excused(text: &str, finding: &Finding) -> bool {
    let mark = format!("tidy-allow({}): ", finding.rule);
    let above = finding.line.saturating_sub(2);
    let near = text.lines().skip(above).take(finding.line - above);
    let mut reasons = near.filter_map(|line| line.split_once(&mark));
    reasons.any(|(_, reason)| !reason.trim().is_empty())
}

/// The paths of all files that git tracks or would track, relative to the root.
fn paths(workspace: &Workspace) -> Result<BTreeSet<String>> {
    let mut git = workspace.command("git");
    git.args(["ls-files", "--cached", "--others", "--exclude-standard"]);
    let listed = match answer(&mut git) {
        Some(listed) => listed.lines().map(str::to_owned).collect(),
        // A copy without its history.
        None => walk(&workspace.root, "")?,
    };
    Ok(listed
        .into_iter()
        .filter(|path| workspace.root.join(path).is_file())
        .collect())
}

fn walk(root: &Path, below: &str) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(root.join(below))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if below.is_empty() {
            name.clone()
        } else {
            format!("{below}/{name}")
        };
        let kind = entry.file_type()?;
        if kind.is_dir() && !["target", ".git", "node_modules"].contains(&name.as_str()) {
            found.extend(walk(root, &path)?);
        } else if kind.is_file() {
            found.push(path);
        }
    }
    Ok(found)
}

/// The names of the rules that a sample breaks, for the tests of the rules.
#[cfg(test)]
fn broken(path: &str, text: &str) -> Vec<&'static str> {
    let found = check(path, text, &BTreeSet::from([path.to_owned()]));
    found.into_iter().map(|finding| finding.rule).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLEEPY: &str = "//! A story.\nfn waits() {\n    std::thread::sleep(SECOND);\n}\n";

    #[test]
    fn an_excuse_needs_the_rule_and_a_reason() {
        let path = "crates/client/tests/story.rs";
        assert_eq!(broken(path, SLEEPY), ["sleep"]);
        let excused =
            |comment: &str| SLEEPY.replace("    std", &format!("    // {comment}\n    std"));
        assert!(
            broken(
                path,
                &excused("tidy-allow(sleep): another process has its own clock")
            )
            .is_empty()
        );
        assert_eq!(broken(path, &excused("tidy-allow(sleep): ")), ["sleep"]);
        assert_eq!(
            broken(path, &excused("tidy-allow(length): long")),
            ["sleep"]
        );
    }

    #[test]
    fn what_is_not_rust_is_said_so() {
        assert_eq!(
            broken("crates/wire/src/ids.rs", "//! Ids.\nfn {"),
            ["syntax"]
        );
    }
}
