//! Every mutant that there is, by source file, and the hashes of the files.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use super::ground::Ground;
use crate::workspace::{Workspace, answer};

/// One change of the source.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Mutant {
    /// What cargo-mutants calls it: file, line, column, mutation.
    pub(crate) name: String,
    /// The same without the place; a number follows where one file has several of the same.
    pub(crate) mutation: String,
    /// The source file.
    pub(crate) file: String,
    /// The package that it belongs to.
    pub(crate) package: String,
    /// What it replaces.
    pub(crate) place: Place,
    /// What kind of change cargo-mutants calls it: `FnValue`, `BinaryOperator`, ...
    pub(crate) genre: String,
    /// What stands there instead.
    pub(crate) replacement: String,
    /// The function that it is in; none in a constant.
    pub(crate) function: Option<Place>,
}

/// A piece of a source file: lines and columns from 1, columns in characters. The end is not part of it.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Place {
    pub(crate) start: (usize, usize),
    pub(crate) end: (usize, usize),
}

/// A source file and its mutants.
#[derive(Clone)]
pub(crate) struct Source {
    /// Relative to the root.
    pub(crate) file: String,
    /// What `git hash-object` says of it.
    pub(crate) hash: String,
    /// In the order in which they stand.
    pub(crate) mutants: Vec<Mutant>,
}

/// Lists a ground's mutants.
pub(crate) fn sources(
    workspace: &Workspace,
    program: &Path,
    ground: &Ground,
) -> Result<Vec<Source>> {
    let mut list = workspace.command(program);
    list.args(["mutants", "--list", "--json", "--no-config"]);
    list.args(["--package", ground.package]);
    for file in ground.files {
        list.args(["--file", file]);
    }
    for suite in ground.suites {
        list.args(["--exclude", suite]);
    }
    let listed = answer(&mut list).context("cargo-mutants cannot list the mutants")?;
    let files = grouped(&serde_json::from_str(&listed)?)?;
    let hashes = hashes(workspace, files.keys())?;
    let sources = files.into_iter().zip(hashes);
    Ok(sources
        .map(|((file, mutants), hash)| Source {
            file,
            hash,
            mutants,
        })
        .collect())
}

fn grouped(listed: &Value) -> Result<BTreeMap<String, Vec<Mutant>>> {
    let mut files: BTreeMap<String, Vec<Mutant>> = BTreeMap::new();
    for mutant in listed.as_array().context("not a list of mutants")? {
        let text = |key| mutant.get(key).and_then(Value::as_str).context("no mutant");
        let (name, file) = (text("name")?, text("file")?);
        let mutants = files.entry(file.to_owned()).or_default();
        let what = without_place(name, file).with_context(|| format!("`{name}` has no place"))?;
        let earlier = mutants
            .iter()
            .filter(|other| without_place(&other.name, file).as_deref() == Some(&what))
            .count();
        let mutation = match earlier {
            0 => what,
            earlier => format!("{what} #{}", earlier + 1),
        };
        mutants.push(Mutant {
            name: name.to_owned(),
            mutation,
            file: file.to_owned(),
            package: text("package")?.to_owned(),
            place: place(mutant).with_context(|| format!("`{name}` has no span"))?,
            genre: text("genre")?.to_owned(),
            replacement: text("replacement")?.to_owned(),
            function: mutant.get("function").and_then(place),
        });
    }
    Ok(files)
}

fn point(of: &Value, end: &str) -> Option<(usize, usize)> {
    let number = |key| usize::try_from(of.pointer(&format!("/span/{end}/{key}"))?.as_u64()?).ok();
    Some((number("line")?, number("column")?))
}

/// The span of a mutant, or of its function.
fn place(of: &Value) -> Option<Place> {
    let (start, end) = (point(of, "start")?, point(of, "end")?);
    Some(Place { start, end })
}

/// `file:line:column: mutation` without what is in front of the mutation, on one line.
fn without_place(name: &str, file: &str) -> Option<String> {
    let place = name.strip_prefix(file)?.strip_prefix(':')?;
    let (_, mutation) = place.split_once(": ")?;
    Some(mutation.split_whitespace().collect::<Vec<_>>().join(" "))
}

fn hashes<'a>(
    workspace: &Workspace,
    files: impl Iterator<Item = &'a String> + Clone,
) -> Result<Vec<String>> {
    let mut git = workspace.command("git");
    git.args(["hash-object", "--stdin-paths"]);
    let mut child = git
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("git cannot be started")?;
    let mut input = child.stdin.take().context("git takes no input")?;
    let count = files.clone().count();
    for file in files {
        writeln!(input, "{file}")?;
    }
    drop(input);
    let output = child.wait_with_output()?;
    let hashes: Vec<_> = String::from_utf8(output.stdout)?
        .lines()
        .map(str::to_owned)
        .collect();
    if hashes.len() != count {
        bail!("git hash-object ended with {}", output.status);
    }
    Ok(hashes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mutants_are_named_without_their_place_and_numbered_when_alike() -> Result<()> {
        let span = serde_json::json!({
            "start": { "line": 1, "column": 5 },
            "end": { "line": 1, "column": 6 },
        });
        let mutant = |name: &str| {
            serde_json::json!({
                "name": name, "file": "a.rs", "package": "p", "span": span,
                "genre": "BinaryOperator", "replacement": "==",
                "function": { "span": span },
            })
        };
        let listed = Value::Array(vec![
            mutant("a.rs:1:5: replace < with == in f"),
            mutant("a.rs:9:5: replace < with == in f"),
            mutant("a.rs:9:5: replace < with > in f"),
        ]);
        let files = grouped(&listed)?;
        let names: Vec<_> = files
            .values()
            .flatten()
            .map(|mutant| mutant.mutation.as_str())
            .collect();
        assert_eq!(
            names,
            [
                "replace < with == in f",
                "replace < with == in f #2",
                "replace < with > in f",
            ]
        );
        Ok(())
    }
}
