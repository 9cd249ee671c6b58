//! Which of the mutants that do not compile behind a switch do not compile at all.
//!
//! Each is written as cargo-mutants writes it. What a function's body contains concerns no other function: so one
//! mutant of each function is checked at the same time, and those that an error names are taken out until the rest
//! compiles.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::PathBuf;

use anyhow::{Context as _, Result};

use super::compile::{Complaint, compile};
use super::sites::Lines;
use crate::mutants::ground::Ground;
use crate::mutants::list::Mutant;
use crate::mutants::tree::{self, Tree};
use crate::workspace::Workspace;

/// A mutant, and where it and its function lie in the source.
struct Change<'a> {
    mutant: &'a Mutant,
    own: Range<usize>,
    function: Range<usize>,
}

pub(super) struct Check<'a> {
    pub(super) workspace: &'a Workspace,
    pub(super) tree: &'a Tree,
    pub(super) ground: &'a Ground,
}

impl Check<'_> {
    /// Those that surely do not compile. Of some that do not it cannot be told: they are not among them.
    pub(super) fn unviable<'m>(&self, mutants: &[&'m Mutant]) -> Result<Vec<&'m Mutant>> {
        let mut pending = Vec::new();
        for mutant in mutants {
            let text = self.text(&mutant.file)?;
            let lines = Lines::of(&text);
            let own = lines.range(&text, &mutant.place);
            let function = mutant.function.as_ref();
            let function = function.and_then(|place| lines.range(&text, place));
            if let (Some(own), Some(function)) = (own, function) {
                pending.push(Change {
                    mutant,
                    own,
                    function,
                });
            }
        }
        let mut unviable = Vec::new();
        while !pending.is_empty() {
            let mut batch;
            (batch, pending) = one_of_each_function(pending);
            loop {
                let bad = self.refused(&batch)?;
                if bad.is_empty() {
                    break;
                }
                let (out, rest) = std::mem::take(&mut batch)
                    .into_iter()
                    .enumerate()
                    .partition::<Vec<_>, _>(|(at, _)| bad.contains(at));
                unviable.extend(out.into_iter().map(|(_, change)| change.mutant));
                batch = rest.into_iter().map(|(_, change)| change).collect();
            }
        }
        tree::lay(self.workspace, &self.tree.root, &BTreeMap::new())?;
        Ok(unviable)
    }

    fn text(&self, file: &str) -> Result<String> {
        let path = self.workspace.root.join(file);
        std::fs::read_to_string(path).with_context(|| file.to_owned())
    }

    /// Compiles the library with all of these, and says in whose functions there are errors: none when it compiles, or
    /// when the errors lie elsewhere.
    fn refused(&self, batch: &[Change<'_>]) -> Result<BTreeSet<usize>> {
        let mut files: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (at, change) in batch.iter().enumerate() {
            files
                .entry(&change.mutant.file)
                .or_default()
                .push((at, change));
        }
        let (mut changed, mut scopes) = (BTreeMap::new(), Vec::new());
        for (file, changes) in files {
            let (text, places) = written(&self.text(file)?, changes);
            changed.insert(PathBuf::from(file), text);
            let places = places.into_iter();
            scopes.extend(places.map(|(at, range)| (at, file.as_str(), range)));
        }
        tree::lay(self.workspace, &self.tree.root, &changed)?;
        let mut cargo = self.tree.cargo_in(&self.tree.root, self.workspace);
        cargo.args(["check", "--lib", "--package", self.ground.package]);
        let errors = compile(cargo)?.errors;
        Ok(errors
            .iter()
            .filter_map(|error| blamed(error, &scopes))
            .collect())
    }
}

/// The narrowest function with a mutant that an error names first.
fn blamed(error: &Complaint, scopes: &[(usize, &str, Range<usize>)]) -> Option<usize> {
    let named = |(_, file, range): &&(usize, &str, Range<usize>)| {
        let mut places = error.primary.iter();
        places
            .any(|(name, span)| name == file && range.start <= span.start && span.end <= range.end)
    };
    let around = scopes.iter().filter(named);
    let narrowest = around.min_by_key(|(_, _, range)| range.len());
    narrowest.map(|(at, _, _)| *at)
}

/// Takes one of each function; of functions within functions, of one.
fn one_of_each_function(pending: Vec<Change<'_>>) -> (Vec<Change<'_>>, Vec<Change<'_>>) {
    let (mut batch, mut later) = (Vec::<Change<'_>>::new(), Vec::new());
    for change in pending {
        let meets = |other: &Change<'_>| {
            other.mutant.file == change.mutant.file
                && other.function.start < change.function.end
                && change.function.start < other.function.end
        };
        if batch.iter().any(meets) {
            later.push(change);
        } else {
            batch.push(change);
        }
    }
    (batch, later)
}

/// The text with the changes made, and where their functions lie then.
fn written(
    text: &str,
    mut changes: Vec<(usize, &Change<'_>)>,
) -> (String, Vec<(usize, Range<usize>)>) {
    changes.sort_by_key(|(_, change)| change.own.start);
    let (mut new, mut done, mut scopes) = (String::new(), 0, Vec::new());
    for (
        at,
        Change {
            mutant,
            own,
            function,
        },
    ) in changes
    {
        let piece = |range: Range<usize>| text.get(range).unwrap_or_default();
        new.push_str(piece(done..function.start));
        let start = new.len();
        new.push_str(piece(function.start..own.start));
        new.push_str(&mutant.replacement);
        new.push(' ');
        new.push_str(piece(own.end..function.end));
        scopes.push((at, start..new.len()));
        done = function.end;
    }
    new.push_str(text.get(done..).unwrap_or_default());
    (new, scopes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_mutant_of_each_function_is_written() {
        let text = "fn a() { 1 } fn b() { 2 }";
        let mutants = ["3", "4"].map(|new| Mutant {
            replacement: new.to_owned(),
            ..Mutant::default()
        });
        let [first, second] = &mutants;
        let change = |mutant, own, function| Change {
            mutant,
            own,
            function,
        };
        let pending = vec![
            change(first, 9..10, 0..12),
            change(second, 9..10, 0..12),
            change(second, 22..23, 13..25),
        ];
        let (batch, later) = one_of_each_function(pending);
        assert_eq!((batch.len(), later.len()), (2, 1));
        let (new, scopes) = written(text, batch.iter().enumerate().collect());
        assert_eq!(new, "fn a() { 3  } fn b() { 4  }");
        assert_eq!(scopes, [(0, 0..13), (1, 14..27)]);
    }
}
