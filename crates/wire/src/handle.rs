//! Handles in the form in which the directory keeps them: devices and servers make it alike.

use unicode_normalization::UnicodeNormalization as _;

/// The directory's form of a handle as typed: NFKC (UAX #15), lower case, NFKC again, trimmed.
///
/// Says nothing about whether it is permitted: that is the server's to judge.
pub fn normal_form(typed: &str) -> String {
    let compatible: String = typed.nfkc().collect();
    // Not letter by letter: a capital sigma at the end of a word has a small form of its own.
    let form: String = compatible.to_lowercase().nfkc().collect();
    // A mark that stands alone is a space and the mark in its compatible form, so spaces are taken off last.
    form.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_handle_has_one_form() {
        assert_eq!(normal_form("  Ada "), "ada");
        assert_eq!(normal_form("ÉVA"), normal_form("e\u{301}va"));
        assert_eq!(normal_form("ａｄａ"), "ada");
        assert_eq!(normal_form("ΝΊΚΟΣ"), "νίκος");
        for typed in ["İstanbul", "\u{1fbd}ada", "ada\u{1fbd}", "ΑΣ\u{1fbd}"] {
            let once = normal_form(typed);
            assert_eq!(normal_form(&once), once, "{typed:?}");
        }
    }
}
