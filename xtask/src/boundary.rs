//! The security boundary: which crate may depend on which, checked on the resolved dependency graph.
//!
//! Looks at normal and build dependencies for all platforms. What only tests use is not shipped and may differ.

use anyhow::{Result, bail};

use crate::graph::Graph;
use crate::workspace::Workspace;

/// What a crate must never reach. A name ending in `*` stands for all that begin so.
struct Rule {
    from: &'static str,
    never: &'static [&'static str],
}

const RULES: [Rule; 6] = [
    Rule {
        from: "keyfold-server",
        never: &[
            "keyfold-protocol",
            "keyfold-engine",
            "keyfold-client",
            "openmls*",
        ],
    },
    Rule {
        from: "keyfold-wire",
        never: &[
            "keyfold-protocol",
            "keyfold-engine",
            "keyfold-client",
            "keyfold-server",
            "openmls*",
            "tokio",
        ],
    },
    Rule {
        from: "keyfold-protocol",
        never: &[
            "keyfold-engine",
            "keyfold-client",
            "keyfold-server",
            "rusqlite",
            "tokio",
        ],
    },
    Rule {
        from: "keyfold-engine",
        never: &["keyfold-edge", "keyfold-client", "keyfold-server", "tokio"],
    },
    Rule {
        from: "keyfold-edge",
        never: &["keyfold-client", "keyfold-server", "tokio"],
    },
    Rule {
        from: "keyfold-media",
        never: &[
            "keyfold-engine",
            "keyfold-client",
            "keyfold-server",
            "tokio",
        ],
    },
];

/// Checks every rule and prints what was looked at.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let graph = Graph::read(workspace.metadata(&[])?)?;
    let broken = check(&graph);
    if !broken.is_empty() {
        bail!(
            "the boundary between server and content is broken:\n  {}",
            broken.join("\n  ")
        );
    }
    for rule in RULES {
        println!("{} never reaches {}", rule.from, rule.never.join(", "));
    }
    Ok(())
}

/// One sentence for every rule that does not hold.
fn check(graph: &Graph) -> Vec<String> {
    let mut broken = Vec::new();
    for rule in RULES {
        if !graph.has(rule.from) {
            broken.push(format!("{} is not in the dependency graph", rule.from));
        }
        if let Some(way) = graph.way(rule.from, |name| rule.forbids(name)) {
            broken.push(way.join(" -> "));
        }
    }
    broken
}

impl Rule {
    fn forbids(&self, name: &str) -> bool {
        self.never
            .iter()
            .any(|never| match never.strip_suffix('*') {
                Some(start) => name.starts_with(start),
                None => name == *never,
            })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// A workspace of the crates that have rules, where `edges` name who needs whom and as what kind.
    fn workspace_with(edges: &[(&str, &str, Option<&str>)]) -> Graph {
        let names = [
            "keyfold-server",
            "keyfold-wire",
            "keyfold-protocol",
            "keyfold-engine",
            "keyfold-edge",
            "keyfold-media",
            "adapter",
            "openmls_traits",
            "tokio",
        ];
        let packages = names.map(|name| json!({"id": name, "name": name, "version": "1.0.0"}));
        let node = |name: &str| -> Value {
            let deps = edges.iter().filter(|edge| edge.0 == name);
            let deps: Vec<_> = deps
                .map(|edge| json!({"pkg": edge.1, "dep_kinds": [{"kind": edge.2}]}))
                .collect();
            json!({"id": name, "deps": deps})
        };
        let nodes = names.map(node);
        Graph::read(
            json!({"packages": packages, "workspace_members": [], "resolve": {"nodes": nodes}}),
        )
        .unwrap()
    }

    #[test]
    fn the_planned_layers_pass() {
        let graph = workspace_with(&[
            ("keyfold-server", "keyfold-wire", None),
            ("keyfold-server", "tokio", None),
            ("keyfold-protocol", "keyfold-wire", None),
            ("keyfold-protocol", "openmls_traits", None),
            ("keyfold-engine", "keyfold-protocol", None),
        ]);
        assert_eq!(check(&graph), Vec::<String>::new());
    }

    #[test]
    fn a_server_that_reaches_mls_through_another_crate_is_caught() {
        let graph = workspace_with(&[
            ("keyfold-server", "adapter", None),
            ("adapter", "openmls_traits", None),
        ]);
        assert_eq!(
            check(&graph),
            ["keyfold-server -> adapter -> openmls_traits"]
        );
    }

    #[test]
    fn a_build_dependency_counts_and_a_test_dependency_does_not() {
        let build = workspace_with(&[("keyfold-server", "keyfold-engine", Some("build"))]);
        assert_eq!(check(&build), ["keyfold-server -> keyfold-engine"]);
        let test = workspace_with(&[("keyfold-server", "keyfold-engine", Some("dev"))]);
        assert_eq!(check(&test), Vec::<String>::new());
    }

    #[test]
    fn wire_and_protocol_keep_below_their_layer() {
        let graph = workspace_with(&[
            ("keyfold-wire", "openmls_traits", None),
            ("keyfold-protocol", "keyfold-engine", None),
        ]);
        let broken = check(&graph);
        assert_eq!(
            broken,
            [
                "keyfold-wire -> openmls_traits",
                "keyfold-protocol -> keyfold-engine"
            ]
        );
    }

    #[test]
    fn a_renamed_crate_does_not_slip_through() {
        let graph =
            Graph::read(json!({"packages": [], "workspace_members": [], "resolve": {"nodes": []}}))
                .unwrap();
        assert_eq!(check(&graph).len(), RULES.len());
    }
}
