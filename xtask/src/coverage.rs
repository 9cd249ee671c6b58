//! `cargo xtask coverage`: which lines of protocol, engine and the server's delivery core the tests reach.
//!
//! Counts product code alone: tests that stand in a source file, and suites, are taken off. A file that has functions
//! and is not in the report at all fails the check. By `cargo-llvm-cov` and the tests of the three packages.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use syn::visit::Visit;

use crate::mutants::ground::{GROUNDS, Ground};
use crate::tidy::source::Source;
use crate::tools::Tool;
use crate::workspace::{Workspace, answer, succeed};

const CARGO_LLVM_COV: Tool = Tool {
    name: "cargo-llvm-cov",
    version: "0.9.1",
};

/// The least share of lines that tests must reach in each part, in percent.
const LEAST: usize = 90;

#[derive(Args)]
pub(crate) struct Options {
    /// Print every line that no test reaches.
    #[arg(long)]
    missing: bool,
    /// Run nothing: judge what the last run measured.
    #[arg(long)]
    again: bool,
}

/// How often each line ran, by file relative to the root. Lines without code are not in it.
type Lines = BTreeMap<String, BTreeMap<usize, u64>>;

/// Runs the tests with counters in the code, and judges what they reached.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let program = CARGO_LLVM_COV.ready(workspace)?;
    let readers = Readers::find(workspace)?;
    if !options.again {
        let mut tests = readers.given_to(workspace.command(&program));
        tests.args(["llvm-cov", "nextest", "--no-report"]);
        for ground in &GROUNDS {
            tests.args(["--package", ground.package]);
        }
        succeed(&mut tests).context("coverage is measured with tests that pass")?;
    }
    let report = workspace.target.join("coverage.info");
    let mut write = readers.given_to(workspace.command(&program));
    write.args(["llvm-cov", "report", "--lcov", "--output-path"]);
    succeed(write.arg(&report))?;
    let lines = read(&workspace.root, &std::fs::read_to_string(&report)?);
    let mut low = Vec::new();
    for ground in &GROUNDS {
        let part = Part::measure(workspace, ground, &lines)?;
        part.print(options.missing);
        if !part.suffices() {
            low.push(ground.package);
        }
    }
    if !low.is_empty() {
        bail!(
            "below {LEAST} %, or with a file left out: {}",
            low.join(", ")
        );
    }
    Ok(())
}

/// LLVM's two programs that read what instrumented code wrote. They must be of the compiler's own LLVM.
#[derive(Default)]
struct Readers {
    found: Option<[PathBuf; 2]>,
}

impl Readers {
    const NAMES: [&str; 2] = ["llvm-cov", "llvm-profdata"];
    const VARIABLES: [&str; 2] = ["LLVM_COV", "LLVM_PROFDATA"];

    /// Those that are named in the environment, the toolchain's own, or fitting ones on the search path.
    fn find(workspace: &Workspace) -> Result<Self> {
        if Self::VARIABLES
            .iter()
            .all(|name| std::env::var_os(name).is_some())
        {
            return Ok(Self::default());
        }
        let rustc =
            answer(workspace.command("rustc").arg("-vV")).context("rustc cannot be asked")?;
        let field = |name: &str| rustc.lines().find_map(|line| line.strip_prefix(name));
        let host = field("host: ").context("rustc names no host")?;
        let llvm = field("LLVM version: ").and_then(|version| version.split('.').next());
        let llvm = llvm.context("rustc names no LLVM")?;
        let sysroot = answer(workspace.command("rustc").args(["--print", "sysroot"]));
        let component = Path::new(&sysroot.unwrap_or_default())
            .join("lib/rustlib")
            .join(host)
            .join("bin");
        let candidates = [
            Self::NAMES.map(|name| component.join(name)),
            Self::NAMES.map(|name| PathBuf::from(format!("{name}-{llvm}"))),
            Self::NAMES.map(PathBuf::from),
        ];
        let version = format!("LLVM version {llvm}.");
        let fits = |program: &PathBuf| {
            let said = answer(workspace.command(program).arg("--version"));
            said.is_some_and(|said| said.contains(&version))
        };
        let found = candidates.into_iter().find(|both| both.iter().all(fits));
        let found = found.with_context(|| {
            format!(
                "this needs llvm-cov and llvm-profdata of LLVM {llvm}: rustup component add llvm-tools, \
                 or name those of another installation in LLVM_COV and LLVM_PROFDATA"
            )
        })?;
        Ok(Self { found: Some(found) })
    }

    fn given_to(&self, mut command: Command) -> Command {
        for (variable, program) in Self::VARIABLES.iter().zip(self.found.iter().flatten()) {
            command.env(variable, program);
        }
        command
    }
}

/// Reads an LCOV report: `SF:` names a file, `DA:` a line and how often it ran.
fn read(root: &Path, report: &str) -> Lines {
    let mut lines = Lines::new();
    let mut file = String::new();
    for line in report.lines() {
        if let Some(path) = line.strip_prefix("SF:") {
            let path = Path::new(path);
            let path = path.strip_prefix(root).unwrap_or(path);
            file = path.to_string_lossy().replace('\\', "/");
        } else if let Some((number, count)) = line.strip_prefix("DA:").and_then(counted) {
            *lines
                .entry(file.clone())
                .or_default()
                .entry(number)
                .or_default() += count;
        }
    }
    lines
}

fn counted(entry: &str) -> Option<(usize, u64)> {
    let mut numbers = entry.split(',');
    let (line, count) = (numbers.next()?, numbers.next()?);
    Some((line.parse().ok()?, count.parse().ok()?))
}

/// What was reached of one ground.
struct Part {
    name: &'static str,
    files: Vec<FileCoverage>,
    left_out: Vec<String>,
}

struct FileCoverage {
    path: String,
    reached: usize,
    missing: Vec<usize>,
}

impl Part {
    fn measure(workspace: &Workspace, ground: &Ground, lines: &Lines) -> Result<Self> {
        let mut part = Self {
            name: ground.package,
            files: Vec::new(),
            left_out: Vec::new(),
        };
        let mut git = workspace.command("git");
        let listed = answer(git.args(["ls-files", "--", ground.sources]));
        for path in listed.context("git cannot list the sources")?.lines() {
            if Path::new(path).extension().is_none_or(|kind| kind != "rs") || !ground.covers(path) {
                continue;
            }
            let text = std::fs::read_to_string(workspace.root.join(path))?;
            let source = Source::parse(path, &text).with_context(|| path.to_owned())?;
            part.add(path, &source, lines.get(path));
        }
        Ok(part)
    }

    fn add(&mut self, path: &str, source: &Source<'_>, counts: Option<&BTreeMap<usize, u64>>) {
        if source.is_test(0) {
            return;
        }
        let Some(counts) = counts else {
            if Bodies::are_in(source) {
                self.left_out.push(path.to_owned());
            }
            return;
        };
        let product = counts.iter().filter(|(line, _)| !source.is_test(**line));
        let (reached, missing): (Vec<_>, Vec<_>) = product.partition(|(_, count)| **count > 0);
        self.files.push(FileCoverage {
            path: path.to_owned(),
            reached: reached.len(),
            missing: missing.into_iter().map(|(line, _)| *line).collect(),
        });
    }

    fn counts(&self) -> (usize, usize) {
        let reached: usize = self.files.iter().map(|file| file.reached).sum();
        let missing: usize = self.files.iter().map(|file| file.missing.len()).sum();
        (reached, reached + missing)
    }

    fn suffices(&self) -> bool {
        let (reached, all) = self.counts();
        all > 0 && reached * 100 >= all * LEAST && self.left_out.is_empty()
    }

    fn print(&self, missing: bool) {
        let (reached, all) = self.counts();
        let files = self.files.len();
        println!(
            "{:<17} {}  {reached} of {all} lines in {files} files",
            self.name,
            percent(reached, all)
        );
        for path in &self.left_out {
            println!("    {path}: not in the report");
        }
        for file in self
            .files
            .iter()
            .filter(|file| missing && !file.missing.is_empty())
        {
            let all = file.reached + file.missing.len();
            println!(
                "    {}  {}: {}",
                percent(file.reached, all),
                file.path,
                ranges(&file.missing)
            );
        }
    }
}

/// With one decimal, cut off: a share is never shown better than it is.
fn percent(part: usize, all: usize) -> String {
    let permille = (part * 1000).checked_div(all).unwrap_or(0);
    format!("{:>3}.{} %", permille / 10, permille % 10)
}

/// `3, 7-9`: lines that follow each other as one range.
fn ranges(lines: &[usize]) -> String {
    let mut ranges: Vec<(usize, usize)> = Vec::new();
    for &line in lines {
        match ranges.last_mut() {
            Some((_, end)) if *end + 1 == line => *end = line,
            _ => ranges.push((line, line)),
        }
    }
    let words = ranges.iter().map(|(start, end)| {
        if start == end {
            start.to_string()
        } else {
            format!("{start}-{end}")
        }
    });
    words.collect::<Vec<_>>().join(", ")
}

/// Whether a file has a function outside of its tests: then a report without it leaves something out.
struct Bodies<'a> {
    source: &'a Source<'a>,
    found: bool,
}

impl<'a> Bodies<'a> {
    fn are_in(source: &'a Source<'a>) -> bool {
        let mut bodies = Self {
            source,
            found: false,
        };
        bodies.visit_file(&source.file);
        bodies.found
    }
}

impl Visit<'_> for Bodies<'_> {
    fn visit_block(&mut self, block: &syn::Block) {
        let line = block.brace_token.span.open().start().line;
        self.found |= !self.source.is_test(line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODE: &str =
        "//! Adds.\nfn add() -> u8 {\n    1\n}\n#[cfg(test)]\nmod tests {\n    fn adds() {}\n}\n";

    fn part() -> Part {
        Part {
            name: "keyfold-protocol",
            files: Vec::new(),
            left_out: Vec::new(),
        }
    }

    #[test]
    fn a_report_is_read_by_file_and_line() {
        let report =
            "SF:/k/crates/a.rs\nFN:1,f\nDA:2,1\nDA:3,0\nend_of_record\nSF:/k/crates/b.rs\nDA:1,9\n";
        let lines = read(Path::new("/k"), report);
        assert_eq!(
            lines.get("crates/a.rs"),
            Some(&BTreeMap::from([(2, 1), (3, 0)]))
        );
        assert_eq!(lines.get("crates/b.rs"), Some(&BTreeMap::from([(1, 9)])));
    }

    #[test]
    fn lines_of_tests_count_for_nothing() -> Result<()> {
        let source = Source::parse("crates/a/src/a.rs", CODE)?;
        let mut part = part();
        part.add(
            "crates/a/src/a.rs",
            &source,
            Some(&BTreeMap::from([(2, 1), (3, 0), (7, 1)])),
        );
        assert_eq!(part.counts(), (1, 2));
        assert!(!part.suffices());
        Ok(())
    }

    #[test]
    fn a_file_with_functions_that_is_not_reported_fails() -> Result<()> {
        let mut part = part();
        part.files.push(FileCoverage {
            path: "crates/a/src/b.rs".to_owned(),
            reached: 90,
            missing: (1..=10).collect(),
        });
        let types = Source::parse("crates/a/src/c.rs", "//! Names.\npub struct Name;\n")?;
        part.add("crates/a/src/c.rs", &types, None);
        assert!(part.suffices());
        let source = Source::parse("crates/a/src/a.rs", CODE)?;
        part.add("crates/a/src/a.rs", &source, None);
        assert!(!part.suffices());
        Ok(())
    }

    #[test]
    fn neighbours_are_one_range() {
        assert_eq!(ranges(&[3, 7, 8, 9, 11]), "3, 7-9, 11");
        assert_eq!(percent(899, 1000), " 89.9 %");
    }
}
