//! Compiles the copy with all of a ground's mutants in it, and leaves out those that do not compile so.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use super::compile::{Binary, Compiled, Complaint, compile};
use super::render::{Rendered, render};
use super::sites::{self, Number};
use crate::mutants::ground::{Ground, Round};
use crate::mutants::list::{Mutant, Source};
use crate::mutants::tree::{self, Tree};
use crate::workspace::Workspace;

/// Each round names all errors of a kind: syntax, names, types, borrows. Mutants that hide others take some more.
const ROUNDS: usize = 20;

/// What is put at the end of a crate that has switches in it, but for its size.
const SWITCHES: &str = include_str!("switches.rs");

/// Test programs with all mutants in them.
pub(super) struct Build {
    /// The mutants that can be switched on.
    pub(super) numbers: BTreeMap<String, Number>,
    /// The test programs of each round of the ground.
    pub(super) tests: Vec<Vec<Binary>>,
    /// The programs that these may start.
    pub(super) programs: Vec<(String, PathBuf)>,
}

struct Builder<'a> {
    workspace: &'a Workspace,
    tree: &'a Tree,
    ground: &'a Ground,
    /// Those whose tests are compiled.
    rounds: &'a [Round],
    mutants: BTreeMap<String, Vec<(Number, &'a Mutant)>>,
    left_out: BTreeSet<Number>,
    rendered: BTreeMap<String, Rendered>,
}

/// Compiles the tests of some of a ground's rounds with all of its mutants. `sources`: every one of the ground.
pub(super) fn build(
    workspace: &Workspace,
    tree: &Tree,
    ground: &Ground,
    sources: &[Source],
    rounds: &[Round],
) -> Result<Build> {
    let mut numbers = 1..;
    let mut mutants = BTreeMap::new();
    for source in sources {
        let numbered = (&mut numbers).zip(&source.mutants).collect();
        mutants.insert(source.file.clone(), numbered);
    }
    let mut builder = Builder {
        workspace,
        tree,
        ground,
        rounds,
        mutants,
        left_out: BTreeSet::new(),
        rendered: BTreeMap::new(),
    };
    let memory = Memory::of(tree, ground, sources);
    builder.left_out = memory.read(&builder.mutants);
    for _ in 0..ROUNDS {
        let before = builder.left_out.len();
        let found = builder.attempt()?;
        memory.write(&builder.mutants, &builder.left_out)?;
        match found {
            Some(build) => return Ok(build),
            None => println!(
                "    {} mutants do not compile together with the others and are left out",
                builder.left_out.len() - before
            ),
        }
    }
    bail!("{ROUNDS} rounds were not enough to find what does not compile")
}

impl Builder<'_> {
    /// Compiles once. None when there were mutants to leave out.
    fn attempt(&mut self) -> Result<Option<Build>> {
        self.write()?;
        // The library alone shows nearly every error, and shows it before anything is waited for.
        let mut library = self.cargo("build");
        library.args(["--lib", "--package", self.ground.package]);
        if !self.accepted(&compile(library)?)? {
            return Ok(None);
        }
        let mut build = Build {
            numbers: self.switched(),
            tests: Vec::new(),
            programs: Vec::new(),
        };
        for round in self.rounds {
            let compiled = compile(self.tests(round))?;
            if !self.accepted(&compiled)? {
                return Ok(None);
            }
            build.tests.push(compiled.tests);
            build.programs.extend(compiled.programs);
        }
        Ok(Some(build))
    }

    fn cargo(&self, command: &str) -> Command {
        let mut cargo = self.tree.cargo_in(&self.tree.switched, self.workspace);
        cargo.arg(command);
        cargo
    }

    fn tests(&self, round: &Round) -> Command {
        let mut cargo = self.cargo("test");
        cargo.args(["--no-run", "--package", round.package]);
        cargo.args(round.targets);
        cargo
    }

    fn write(&mut self) -> Result<()> {
        let mut changed = BTreeMap::new();
        let mut all = 0;
        for (file, mutants) in &self.mutants {
            let text = std::fs::read_to_string(self.workspace.root.join(file))?;
            let kept = mutants
                .iter()
                .filter(|(number, _)| !self.left_out.contains(number));
            let kept: Vec<_> = kept.copied().collect();
            let sites = sites::find(&text, &kept).with_context(|| file.clone())?;
            let rendered = render(&text, sites);
            changed.insert(PathBuf::from(file), rendered.text.clone());
            self.rendered.insert(file.clone(), rendered);
            all += mutants.len();
        }
        let library = PathBuf::from(self.ground.sources).join("lib.rs");
        let text = match changed.get(&library) {
            Some(text) => text.clone(),
            None => std::fs::read_to_string(self.workspace.root.join(&library))?,
        };
        changed.insert(library, format!("{text}\n{}", switches(all)));
        tree::lay(self.workspace, &self.tree.switched, &changed)
    }

    /// Whether it compiled. Leaves out who is to blame when not.
    fn accepted(&mut self, compiled: &Compiled) -> Result<bool> {
        if compiled.succeeded {
            return Ok(true);
        }
        let before = self.left_out.len();
        for error in &compiled.errors {
            let blamed = self.blamed(error);
            self.left_out.extend(blamed);
        }
        if self.left_out.len() == before {
            let errors = compiled.errors.iter().map(|error| error.text.as_str());
            let errors: String = errors.take(5).collect();
            bail!(
                "the copy with the switches does not compile:\n{errors}{}",
                compiled.said
            );
        }
        Ok(false)
    }

    fn blamed(&self, error: &Complaint) -> Vec<Number> {
        let within = |places: &[(String, Range<usize>)], file: &str| -> Vec<_> {
            let places = places.iter().filter(|(named, _)| named == file);
            places.map(|(_, range)| range.clone()).collect()
        };
        let files = error.primary.iter().map(|(file, _)| file);
        for file in files {
            let Some(rendered) = self.rendered.get(file) else {
                continue;
            };
            let primary = within(&error.primary, file);
            let blamed = rendered.blamed(&primary, &within(&error.others, file));
            if !blamed.is_empty() {
                return blamed;
            }
        }
        Vec::new()
    }

    fn switched(&self) -> BTreeMap<String, Number> {
        let placed: BTreeSet<_> = self.rendered.values().flat_map(Rendered::numbers).collect();
        let all = self.mutants.values().flatten();
        all.filter(|(number, _)| placed.contains(number))
            .map(|(number, mutant)| (mutant.name.clone(), *number))
            .collect()
    }
}

/// The module that answers which mutant is on.
pub(super) fn switches(mutants: usize) -> String {
    let size = format!("const SIZE: usize = {};", mutants + 1);
    let body = SWITCHES.replacen("const SIZE: usize = 1;", &size, 1);
    format!("mod __mutant {{\n{body}}}\n")
}

/// What was left out on the same sources, so that it need not be found again. Only a shortcut: it may be missing.
struct Memory {
    path: PathBuf,
    sources: String,
}

impl Memory {
    fn of(tree: &Tree, ground: &Ground, sources: &[Source]) -> Self {
        let hashes = sources.iter().map(|source| source.hash.as_str());
        Self {
            path: tree.home.join(format!("left-out-{}", ground.package)),
            sources: hashes.collect::<Vec<_>>().join(" "),
        }
    }

    fn read(&self, mutants: &BTreeMap<String, Vec<(Number, &Mutant)>>) -> BTreeSet<Number> {
        let text = std::fs::read_to_string(&self.path).unwrap_or_default();
        let mut lines = text.lines();
        if lines.next() != Some(self.sources.as_str()) {
            return BTreeSet::new();
        }
        let names: BTreeSet<_> = lines.collect();
        let known = mutants.values().flatten();
        known
            .filter(|(_, mutant)| names.contains(one_line(&mutant.name).as_str()))
            .map(|(number, _)| *number)
            .collect()
    }

    fn write(
        &self,
        mutants: &BTreeMap<String, Vec<(Number, &Mutant)>>,
        left_out: &BTreeSet<Number>,
    ) -> Result<()> {
        let named = mutants.values().flatten();
        let named = named.filter(|(number, _)| left_out.contains(number));
        let mut text = format!("{}\n", self.sources);
        for (_, mutant) in named {
            text.push_str(&one_line(&mutant.name));
            text.push('\n');
        }
        std::fs::write(&self.path, text).with_context(|| self.path.display().to_string())
    }
}

fn one_line(name: &str) -> String {
    name.split_whitespace().collect::<Vec<_>>().join(" ")
}
