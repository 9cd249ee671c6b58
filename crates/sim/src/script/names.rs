//! What people are called.

/// As many people as there can be in a world.
pub const MAX_PEOPLE: usize = NAMES.len();

const NAMES: [&str; 12] = [
    "ada", "bo", "cy", "dee", "eve", "finn", "gus", "hal", "ida", "jo", "kim", "lou",
];

/// What handles end in, so that none is found by chance among sealed bytes.
pub(crate) const DIRECTORY_ENDING: &str = ".of.the.town";

/// What a person is called.
pub const fn name(person: usize) -> &'static str {
    NAMES[person % MAX_PEOPLE]
}

/// What the directory calls a person.
pub(crate) fn handle(person: usize) -> String {
    format!("{}{DIRECTORY_ENDING}", name(person))
}

/// The person with this handle.
pub(crate) fn person_called(handle: &str) -> Option<usize> {
    let short = handle.strip_suffix(DIRECTORY_ENDING)?;
    NAMES.iter().position(|name| *name == short)
}
