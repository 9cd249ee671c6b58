//! Relative links of Markdown pages must lead to a file or folder of the project. Code is not searched for links.

use std::collections::BTreeSet;

use super::Finding;

/// Checks one page.
pub(super) fn check(path: &str, text: &str, paths: &BTreeSet<String>) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut in_code = false;
    for (at, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if in_code {
            continue;
        }
        for target in targets(line) {
            if !leads_somewhere(path, target, paths) {
                found.push(Finding::new(
                    path,
                    at + 1,
                    "link",
                    format!("`{target}` leads nowhere"),
                ));
            }
        }
    }
    found
}

/// What the links and pictures of a line point at.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    // Every second part is inside backticks.
    let prose = line.split('`').step_by(2);
    prose
        .flat_map(|part| part.split("](").skip(1))
        .filter_map(|rest| {
            let (target, _) = rest.split_once(')')?;
            target.split_whitespace().next()
        })
}

fn leads_somewhere(from: &str, target: &str, paths: &BTreeSet<String>) -> bool {
    let target = target.split('#').next().unwrap_or_default();
    if target.is_empty() || target.contains("://") || target.starts_with("mailto:") {
        return true;
    }
    let Some(wanted) = resolve(from, target) else {
        return false;
    };
    let folder = format!("{wanted}/");
    paths.contains(&wanted) || paths.iter().any(|path| path.starts_with(&folder))
}

/// The path that a link from this page means, or nothing when it leaves the project.
fn resolve(from: &str, target: &str) -> Option<String> {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(text: &str) -> usize {
        let paths = ["README.md", "docs/cli.md", "docs/decisions/0001-frames.md"];
        let paths = paths.map(str::to_owned).into();
        check("docs/cli.md", text, &paths).len()
    }

    #[test]
    fn a_link_that_leads_nowhere_is_caught() {
        assert_eq!(page("See [this](missing.md) and [that](../gone/)."), 2);
        assert_eq!(page("See [this](../../outside.md)."), 1);
        assert_eq!(page("![a picture](picture.svg)"), 1);
    }

    #[test]
    fn a_link_that_leads_somewhere_passes() {
        assert_eq!(
            page("[up](../README.md), [here](#flags), [there](decisions/0001-frames.md#why)"),
            0
        );
        assert_eq!(
            page("[folder](decisions/), [web](https://example.org/x), [self](./cli.md)"),
            0
        );
    }

    #[test]
    fn code_has_no_links() {
        assert_eq!(page("`array[0](missing)`"), 0);
        assert_eq!(page("```\n[x](missing)\n```\n[y](missing)"), 1);
    }
}
