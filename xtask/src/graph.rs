//! The dependency graph as `cargo metadata` resolves it, for all platforms: who needs whom.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use anyhow::{Context as _, Result};
use serde::Deserialize;

/// Packages and their normal and build dependencies; what only tests need is left out.
pub(crate) struct Graph {
    names: BTreeMap<String, Package>,
    edges: BTreeMap<String, BTreeSet<String>>,
    members: Vec<String>,
}

/// A package of the graph.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub(crate) struct Package {
    id: String,
    /// Its name.
    pub(crate) name: String,
    /// Its version.
    pub(crate) version: String,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    workspace_members: Vec<String>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    pkg: String,
    dep_kinds: Vec<Kind>,
}

#[derive(Deserialize)]
struct Kind {
    kind: Option<String>,
}

impl Graph {
    /// Reads the output of `cargo metadata --format-version 1`.
    pub(crate) fn read(metadata: serde_json::Value) -> Result<Self> {
        let metadata: Metadata =
            serde_json::from_value(metadata).context("cargo metadata has an unknown shape")?;
        let names = metadata
            .packages
            .into_iter()
            .map(|one| (one.id.clone(), one));
        let edges = metadata.resolve.nodes.into_iter().map(|node| {
            let needs = node.deps.into_iter().filter(Dependency::is_shipped);
            (node.id, needs.map(|one| one.pkg).collect())
        });
        Ok(Self {
            names: names.collect(),
            edges: edges.collect(),
            members: metadata.workspace_members,
        })
    }

    /// The shortest way from the package `from` to any package whose name is `forbidden`, as names.
    pub(crate) fn way(&self, from: &str, forbidden: impl Fn(&str) -> bool) -> Option<Vec<String>> {
        let start = self.names.values().find(|package| package.name == from)?;
        let mut came_from = BTreeMap::from([(start.id.as_str(), None)]);
        let mut queue = VecDeque::from([start.id.as_str()]);
        while let Some(at) = queue.pop_front() {
            if at != start.id && forbidden(self.name(at)) {
                return Some(self.walk_back(at, &came_from));
            }
            for next in self.edges.get(at).into_iter().flatten() {
                if !came_from.contains_key(next.as_str()) {
                    came_from.insert(next, Some(at));
                    queue.push_back(next);
                }
            }
        }
        None
    }

    /// Whether the graph has a package of this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.names.values().any(|package| package.name == name)
    }

    /// Every older version of a package that the workspace needs in several, with the names of who needs it.
    pub(crate) fn duplicates(&self) -> Vec<(Package, Vec<String>)> {
        let shipped = self.shipped();
        let packages = self.names.values();
        let mut packages: Vec<_> = packages
            .filter(|one| shipped.contains(one.id.as_str()))
            .collect();
        packages.sort_by_key(|one| (one.name.clone(), order(&one.version)));
        let older = packages.windows(2).filter_map(|pair| match pair {
            [older, newer] if older.name == newer.name => Some(*older),
            _ => None,
        });
        older
            .map(|one| (one.clone(), self.dependants(&one.id)))
            .collect()
    }

    /// Every package that the workspace's members reach.
    fn shipped(&self) -> BTreeSet<&str> {
        let mut found = BTreeSet::new();
        let mut waiting: Vec<&str> = self.members.iter().map(String::as_str).collect();
        while let Some(at) = waiting.pop() {
            if found.insert(at) {
                waiting.extend(self.edges.get(at).into_iter().flatten().map(String::as_str));
            }
        }
        found
    }

    fn dependants(&self, id: &str) -> Vec<String> {
        let needing = self.edges.iter().filter(|(_, needs)| needs.contains(id));
        let mut names: Vec<_> = needing.map(|(by, _)| self.name(by).to_owned()).collect();
        names.sort();
        names.dedup();
        names
    }

    fn walk_back(&self, end: &str, came_from: &BTreeMap<&str, Option<&str>>) -> Vec<String> {
        let mut way = vec![self.name(end).to_owned()];
        let mut at = end;
        while let Some(Some(before)) = came_from.get(at) {
            way.push(self.name(before).to_owned());
            at = before;
        }
        way.reverse();
        way
    }

    fn name<'a>(&'a self, id: &'a str) -> &'a str {
        self.names.get(id).map_or(id, |package| &package.name)
    }
}

impl Dependency {
    fn is_shipped(&self) -> bool {
        self.dep_kinds
            .iter()
            .any(|one| one.kind.as_deref() != Some("dev"))
    }
}

/// A version's numbers, for sorting; a pre-release or build suffix does not count.
fn order(version: &str) -> Vec<u64> {
    let numbers = version.split(['.', '-', '+']).take(3);
    numbers.map(|part| part.parse().unwrap_or(0)).collect()
}
