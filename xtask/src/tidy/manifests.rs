//! Rules for `Cargo.toml` files and for what each crate has beside its own.

use std::collections::BTreeSet;

use super::Finding;

/// Crates that are built in one way only.
const WITHOUT_FEATURES: [&str; 3] = ["wire", "protocol", "engine"];

/// Checks one manifest; other TOML files have no rules here.
pub(super) fn check(path: &str, text: &str) -> Vec<Finding> {
    let Some(name) = path
        .strip_prefix("crates/")
        .and_then(|rest| rest.strip_suffix("/Cargo.toml"))
    else {
        return Vec::new();
    };
    let mut found = Vec::new();
    if WITHOUT_FEATURES.contains(&name) {
        found.extend(text.lines().enumerate().filter_map(|(at, line)| {
            let line = line.trim();
            let flag = line == "[features]" || line.replace(' ', "").contains("optional=true");
            flag.then(|| {
                Finding::new(
                    path,
                    at + 1,
                    "feature",
                    format!("{name} has no feature flags"),
                )
            })
        }));
    }
    if !text.replace(' ', "").contains("[lints]\nworkspace=true") {
        found.push(Finding::new(
            path,
            1,
            "lints",
            "a crate takes the workspace's lints",
        ));
    }
    found
}

/// Every crate says in its own README what it is.
pub(super) fn readmes(paths: &BTreeSet<String>) -> Vec<Finding> {
    let crates = paths.iter().filter(|path| path.starts_with("crates/"));
    let crates = crates.filter_map(|path| path.strip_suffix("/Cargo.toml"));
    let missing = crates.filter(|folder| !paths.contains(&format!("{folder}/README.md")));
    missing
        .map(|folder| {
            Finding::new(
                folder,
                1,
                "readme",
                "a crate has a README.md that says what it is",
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::broken;
    use super::*;

    const LINTS: &str = "[lints]\nworkspace = true\n";

    #[test]
    fn features_below_the_client_are_caught() {
        let flagged = format!("{LINTS}[features]\nextra = []\n");
        assert_eq!(broken("crates/engine/Cargo.toml", &flagged), ["feature"]);
        let optional =
            format!("{LINTS}[dependencies]\nx = {{ version = \"1\", optional = true }}\n");
        assert_eq!(broken("crates/wire/Cargo.toml", &optional), ["feature"]);
        assert!(broken("crates/server/Cargo.toml", &flagged).is_empty());
    }

    #[test]
    fn a_crate_outside_the_lints_is_caught() {
        assert_eq!(broken("crates/client/Cargo.toml", "[package]\n"), ["lints"]);
        assert!(broken("crates/client/Cargo.toml", LINTS).is_empty());
    }

    #[test]
    fn a_crate_without_a_readme_is_caught() {
        let mut paths = BTreeSet::from(["crates/wire/Cargo.toml".to_owned()]);
        assert_eq!(readmes(&paths).len(), 1);
        paths.insert("crates/wire/README.md".into());
        assert!(readmes(&paths).is_empty());
    }
}
