//! A file's name as its sender suggests it: one that neither leads elsewhere on a disk nor lies on a screen.

use crate::limits::MAX_FILE_NAME;

/// What a name is cut to where it is too long.
const ELSE: char = '_';

/// A name that fits: 1 to `MAX_FILE_NAME` bytes, without path separators, control characters, line separators or anything that
/// changes the direction of what is around it, and neither `.` nor `..`. Prints as `<secret>`.
#[derive(Clone, PartialEq, Eq)]
pub struct FileName(String);

/// Why a name is not acceptable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the file's name could mislead: it is too long, or has a character that belongs in no name"
)]
pub struct FileNameError;

impl FileName {
    /// The name, if it fits.
    ///
    /// # Errors
    /// [`FileNameError`].
    pub fn new(text: &str) -> Result<Self, FileNameError> {
        let fits = (1..=MAX_FILE_NAME).contains(&text.len());
        let leads = matches!(text, "." | "..");
        if fits && !leads && !text.chars().any(is_forbidden) {
            Ok(Self(text.to_owned()))
        } else {
            Err(FileNameError)
        }
    }

    /// The nearest name that fits: every forbidden character gives way to `_`, and the middle to nothing where it is too long, so that
    /// what the name ends in stays.
    pub fn nearest(text: &str) -> Self {
        let clean: String = text
            .chars()
            .map(|one| if is_forbidden(one) { ELSE } else { one })
            .collect();
        let short = shorten(&clean);
        Self::new(&short).unwrap_or_else(|_| Self(ELSE.to_string()))
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name under which it may lie on a disk of any kind: nothing that hides a file, names a device or a stream of another, or is
    /// forbidden somewhere.
    pub fn on_disk(&self) -> String {
        let name: String = self
            .0
            .chars()
            .map(|one| {
                if matches!(one, ':' | '*' | '?' | '"' | '<' | '>' | '|') {
                    ELSE
                } else {
                    one
                }
            })
            .collect();
        let trimmed = name.trim_end_matches(['.', ' ']).trim_start();
        let stem = trimmed.split('.').next().unwrap_or_default();
        if trimmed.is_empty() || stem.is_empty() || is_device(stem.trim_end()) {
            format!("{ELSE}{trimmed}")
        } else {
            trimmed.to_owned()
        }
    }
}

impl std::fmt::Debug for FileName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("<secret>")
    }
}

/// Separators of paths, control characters, line and paragraph separators, and what marks, overrides, embeds or isolates a direction
/// (UAX #9) or has no width.
fn is_forbidden(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '/' | '\\'
                | '\u{061C}'
                | '\u{200B}'
                | '\u{200E}'
                | '\u{200F}'
                | '\u{2028}'..='\u{202E}'
                | '\u{2060}'..='\u{206F}'
                | '\u{FEFF}'
        )
}

/// Names that are devices on Windows, whatever they end in.
fn is_device(stem: &str) -> bool {
    let stem = stem.to_ascii_uppercase();
    let numbered = |name: &str| {
        stem.strip_prefix(name)
            .is_some_and(|rest| matches!(rest.as_bytes(), [b'0'..=b'9']))
    };
    matches!(stem.as_str(), "CON" | "PRN" | "AUX" | "NUL") || numbered("COM") || numbered("LPT")
}

/// At most `MAX_FILE_NAME` bytes: the beginning, and what follows the last point where that is short.
fn shorten(name: &str) -> String {
    if name.len() <= MAX_FILE_NAME {
        return name.to_owned();
    }
    let ending = name
        .rfind('.')
        .and_then(|at| name.get(at..))
        .filter(|ending| ending.len() <= MAX_FILE_NAME / 4)
        .unwrap_or_default();
    let mut beginning = String::new();
    for one in name.chars() {
        if beginning.len() + one.len_utf8() + ending.len() > MAX_FILE_NAME {
            break;
        }
        beginning.push(one);
    }
    beginning + ending
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_misleads_is_refused_and_has_a_nearest_name_that_does_not() {
        let cases = [
            ("../../etc/passwd", ".._.._etc_passwd"),
            ("a\\b.txt", "a_b.txt"),
            ("invoice\u{202E}fdp.exe", "invoice_fdp.exe"),
            ("two\nlines", "two_lines"),
            ("nothing\u{0}", "nothing_"),
            ("is\u{2067}olated", "is_olated"),
            ("..", "_"),
            (".", "_"),
            ("", "_"),
        ];
        for (name, nearest) in cases {
            assert_eq!(FileName::new(name), Err(FileNameError), "{name:?}");
            assert_eq!(FileName::nearest(name).as_str(), nearest, "{name:?}");
        }
        for name in ["a", "photo of us.jpg", "été.png", "文件.pdf", ".gitignore"] {
            assert_eq!(FileName::new(name).unwrap().as_str(), name);
            assert_eq!(FileName::nearest(name).as_str(), name);
        }
    }

    #[test]
    fn a_name_has_255_bytes_and_no_more_and_keeps_its_ending() {
        let longest = "n".repeat(MAX_FILE_NAME);
        assert!(FileName::new(&longest).is_ok());
        assert!(FileName::new(&format!("{longest}n")).is_err());
        let cut = FileName::nearest(&format!("{}.jpeg", "é".repeat(300)));
        assert!(cut.as_str().len() <= MAX_FILE_NAME && cut.as_str().ends_with("é.jpeg"));
        let pointless = FileName::nearest(&format!(".{}", "x".repeat(400)));
        assert_eq!(pointless.as_str().len(), MAX_FILE_NAME);
    }

    #[test]
    fn on_a_disk_a_name_hides_nothing_and_names_no_device() {
        let cases = [
            ("photo.jpg", "photo.jpg"),
            (".profile", "_.profile"),
            ("CON.txt", "_CON.txt"),
            ("com7", "_com7"),
            ("comma", "comma"),
            ("a:b", "a_b"),
            ("end. ", "end"),
            (" ", "_"),
        ];
        for (name, on_disk) in cases {
            assert_eq!(FileName::new(name).unwrap().on_disk(), on_disk, "{name:?}");
        }
    }

    #[test]
    fn a_name_is_for_no_log() {
        assert_eq!(format!("{:?}", FileName::nearest("diary")), "<secret>");
    }
}
