//! Rules for every text file: nothing left to do, no path of somebody's machine, no word that is not Keyfold's.

use super::Finding;

/// Marks of unfinished work, each put together here so that this file has none.
const UNFINISHED: [&str; 3] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
];

/// Folders of a machine and words about how a text came to be; in lower case.
const FOREIGN: [&str; 12] = [
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("/us", "ers/"),
    concat!("helper ", "agent"),
    concat!("language ", "model"),
    concat!("ai-", "generated"),
    concat!("ai ", "assistant"),
    concat!("co-authored", "-by"),
    concat!("chat", "gpt"),
    concat!("cla", "ude"),
    concat!("anthro", "pic"),
    concat!("in a real ", "system"),
];

/// Files that a tool writes.
const WRITTEN_BY_TOOLS: [&str; 2] = ["Cargo.lock", "package-lock.json"];

/// Checks one file.
pub(super) fn check(path: &str, text: &str) -> Vec<Finding> {
    if WRITTEN_BY_TOOLS.iter().any(|name| path.ends_with(name)) {
        return Vec::new();
    }
    let lines = text.lines().enumerate();
    lines
        .filter_map(|(at, line)| check_line(path, at + 1, line))
        .collect()
}

fn check_line(path: &str, number: usize, line: &str) -> Option<Finding> {
    if let Some(word) = UNFINISHED.into_iter().find(|word| has_word(line, word)) {
        return Some(Finding::new(
            path,
            number,
            "unfinished",
            format!("`{word}`: finish it, or write an issue"),
        ));
    }
    let lower = line.to_lowercase();
    let word = FOREIGN.into_iter().find(|word| lower.contains(word))?;
    Some(Finding::new(
        path,
        number,
        "foreign",
        format!("`{word}` does not belong into this project"),
    ))
}

/// Whether the word stands in the line by itself, not as a part of a longer one.
fn has_word(line: &str, word: &str) -> bool {
    let parts = line.split(|char: char| !char.is_alphanumeric());
    parts.into_iter().any(|part| part == word)
}

#[cfg(test)]
mod tests {
    use super::super::broken;
    use super::{FOREIGN, UNFINISHED};

    #[test]
    fn unfinished_work_is_caught_in_any_file() {
        for word in UNFINISHED {
            assert_eq!(
                broken(".ci/run", &format!("# {word}: later\n")),
                ["unfinished"],
                "{word}"
            );
            assert_eq!(
                broken("crates/a/src/b.rs", &format!("//! B.\n// {word}\n")),
                ["unfinished"],
                "{word}"
            );
        }
        assert!(
            broken(
                "notes.txt",
                &format!("{}S and the like\n", UNFINISHED.concat())
            )
            .is_empty()
        );
    }

    #[test]
    fn foreign_words_are_caught_in_any_case() {
        for word in FOREIGN {
            assert_eq!(
                broken("notes.txt", &format!("See {}.\n", word.to_uppercase())),
                ["foreign"],
                "{word}"
            );
        }
        assert!(broken("notes.txt", "Keyfold works.\n").is_empty());
    }

    #[test]
    fn what_tools_write_is_left_alone() {
        assert!(broken("Cargo.lock", &format!("# {}\n", UNFINISHED.concat())).is_empty());
    }
}
