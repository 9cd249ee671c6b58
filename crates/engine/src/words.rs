//! Words of a text, as search finds them: letters without case and accents, and pairs of letters where a script writes no spaces.
//!
//! What the index gets and what a query looks for are made by the same functions, so each finds the other; the index's own tokenizer
//! (`unicode61`) only splits at the spaces between.

use std::borrow::Cow;
use std::ops::Range;

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

use crate::limits::MAX_SEARCH_WORDS;

/// The number of these rules, to be raised whenever a text gives other words than before: the index is made anew then.
pub(crate) const RULES: u8 = 2;

/// A text without the accounts that its mentions lead to: the name that is written there is what people look for. Not by the names that accounts go
/// by here, which may be others by the time that the words are taken out of the index.
pub(crate) fn without_accounts(text: &str) -> Cow<'_, str> {
    const LEADS: &str = "](keyfold:account/";
    const ID: usize = 64;
    if !text.contains(LEADS) {
        return Cow::Borrowed(text);
    }
    let mut parts = text.split(LEADS);
    let mut kept = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        kept.push_str("] ");
        let id = part
            .bytes()
            .take_while(u8::is_ascii_hexdigit)
            .count()
            .min(ID);
        kept.push_str(part.get(id..).unwrap_or_default());
    }
    Cow::Owned(kept)
}

/// A letter as it is compared, and where it stands.
struct Letter {
    folded: String,
    at: Range<usize>,
}

/// What stands together in a text.
enum Piece {
    /// Letters and digits up to a space or a sign.
    Word(Vec<Letter>),
    /// Letters of a script that writes no spaces.
    Run(Vec<Letter>),
}

/// Whether the script of this letter puts no spaces between words, or, as Korean, between a word and what is hung on it.
const fn is_unspaced(letter: char) -> bool {
    matches!(letter,
        '\u{0e00}'..='\u{0eff}' // Thai, Lao
        | '\u{1000}'..='\u{109f}' // Myanmar
        | '\u{1780}'..='\u{17ff}' // Khmer
        | '\u{3005}'..='\u{3007}' | '\u{3040}'..='\u{30ff}' | '\u{31f0}'..='\u{31ff}' // Japanese
        | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' // Chinese characters
        | '\u{ac00}'..='\u{d7a3}' // Korean
        | '\u{f900}'..='\u{faff}' | '\u{ff66}'..='\u{ff9f}' | '\u{20000}'..='\u{323af}')
}

/// Accents of scripts whose readers search without them.
const fn is_accent(mark: char) -> bool {
    matches!(mark, '\u{0300}'..='\u{036f}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}')
}

fn fold(letter: char) -> String {
    if is_unspaced(letter) {
        return letter.nfkc().collect();
    }
    let plain = letter.nfkd().filter(|part| !is_accent(*part));
    let small = plain.flat_map(char::to_lowercase);
    // The small sigma at the end of a word has a form of its own.
    small
        .map(|part| if part == 'ς' { 'σ' } else { part })
        .collect()
}

fn pieces(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut joins = false;
    for (start, letter) in text.char_indices() {
        if !letter.is_alphanumeric() && !is_combining_mark(letter) {
            joins = false;
            continue;
        }
        let letter_at = Letter {
            folded: fold(letter),
            at: start..start.saturating_add(letter.len_utf8()),
        };
        match (is_unspaced(letter), pieces.last_mut()) {
            (true, Some(Piece::Run(letters))) | (false, Some(Piece::Word(letters))) if joins => {
                letters.push(letter_at);
            }
            (true, _) => pieces.push(Piece::Run(vec![letter_at])),
            (false, _) => pieces.push(Piece::Word(vec![letter_at])),
        }
        joins = true;
    }
    pieces
}

fn join(letters: &[Letter]) -> String {
    letters
        .iter()
        .map(|letter| letter.folded.as_str())
        .collect()
}

/// What the index is to hold of a text, words apart by spaces: nothing where it has no word. Of a run each pair of letters, and the last
/// letter, so that one letter is found as the beginning of what is there.
pub(crate) fn of(text: &str) -> String {
    let mut words = Vec::new();
    for piece in pieces(text) {
        match piece {
            Piece::Word(letters) => words.push(join(&letters)),
            Piece::Run(letters) => {
                words.extend(letters.windows(2).map(join));
                words.extend(letters.last().map(|last| last.folded.clone()));
            }
        }
    }
    words.retain(|word| !word.is_empty());
    words.join(" ")
}

/// One thing that is looked for.
enum Term {
    /// The beginning of a word.
    Word(String),
    /// Letters in a row.
    Run(Vec<String>),
}

/// What is looked for: a text that has all of it is found.
pub(crate) struct Query(Vec<Term>);

impl Query {
    /// Reads what a person typed. `None`: there is no word in it, or there are more than [`MAX_SEARCH_WORDS`].
    pub(crate) fn read(typed: &str) -> Option<Self> {
        let mut terms = Vec::new();
        for piece in pieces(typed) {
            match piece {
                Piece::Word(letters) => terms.push(Term::Word(join(&letters))),
                Piece::Run(letters) => terms.push(Term::Run(
                    letters.into_iter().map(|letter| letter.folded).collect(),
                )),
            }
        }
        terms.retain(|term| !matches!(term, Term::Word(word) if word.is_empty()));
        (1..=MAX_SEARCH_WORDS)
            .contains(&terms.len())
            .then_some(Self(terms))
    }

    /// The same for the index.
    pub(crate) fn for_index(&self) -> String {
        let term = |term: &Term| match term {
            // Nothing that has a meaning to the index is among letters and digits.
            Term::Word(word) => format!("\"{word}\"*"),
            Term::Run(letters) => match letters.as_slice() {
                [one] => format!("\"{one}\"*"),
                several => {
                    let pairs: Vec<_> = several.windows(2).map(<[String]>::concat).collect();
                    format!("\"{}\"", pairs.join(" "))
                }
            },
        };
        let all: Vec<_> = self.0.iter().map(term).collect();
        all.join(" AND ")
    }

    /// Where a text has what is looked for, in order, in bytes; `None` where it does not have all of it.
    pub(crate) fn marks(&self, text: &str) -> Option<Vec<Range<usize>>> {
        let pieces = pieces(text);
        let mut marks = Vec::new();
        for term in &self.0 {
            let before = marks.len();
            for piece in &pieces {
                match (term, piece) {
                    (Term::Word(word), Piece::Word(letters)) if join(letters).starts_with(word) => {
                        marks.extend(span(letters));
                    }
                    (Term::Run(run), Piece::Run(letters)) => {
                        let same = |letters: &&[Letter]| {
                            letters.iter().map(|one| &one.folded).eq(run.iter())
                        };
                        let found = letters.windows(run.len()).filter(same);
                        marks.extend(found.filter_map(span));
                    }
                    _ => {}
                }
            }
            if marks.len() == before {
                return None;
            }
        }
        Some(united(marks))
    }
}

fn span(letters: &[Letter]) -> Option<Range<usize>> {
    Some(letters.first()?.at.start..letters.last()?.at.end)
}

/// The same without overlaps, in order.
fn united(mut marks: Vec<Range<usize>>) -> Vec<Range<usize>> {
    marks.sort_by_key(|mark| (mark.start, mark.end));
    let mut united: Vec<Range<usize>> = Vec::new();
    for mark in marks {
        match united.last_mut() {
            Some(last) if mark.start <= last.end => last.end = last.end.max(mark.end),
            _ => united.push(mark),
        }
    }
    united
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic
    )]

    use proptest::prelude::*;

    use super::*;

    fn found<'t>(query: &str, text: &'t str) -> Option<Vec<&'t str>> {
        let marks = Query::read(query)?.marks(text)?;
        Some(marks.into_iter().map(|mark| &text[mark]).collect())
    }

    #[test]
    fn words_have_no_case_and_no_accents() {
        assert_eq!(of("Crème BRÛLÉE, 2 Löffel!"), "creme brulee 2 loffel");
        assert_eq!(of("e\u{301}t\u{e9}"), "ete");
        assert_eq!(
            of("ΌΣΟΣ όσος Ёлка İstanbul ﬁn"),
            "οσοσ οσοσ елка istanbul fin"
        );
        assert_eq!(of(" - ! \u{301} "), "");
        assert_eq!(
            found("ELE", "un élève, elegant"),
            Some(vec!["élève", "elegant"])
        );
        assert_eq!(found("eve", "un élève"), None, "not in the middle");
        assert_eq!(
            found("north SIX", "at six, North wall"),
            Some(vec!["six", "North"])
        );
        assert_eq!(found("north seven", "at six, north wall"), None);
    }

    #[test]
    fn scripts_without_spaces_are_found_by_any_letters_in_a_row() {
        assert_eq!(of("東京都 iPhone版"), "東京 京都 都 iphone 版");
        assert_eq!(found("京都", "東京都に行く"), Some(vec!["京都"]));
        assert_eq!(found("都", "東京都に行く"), Some(vec!["都"]));
        assert_eq!(found("京に", "東京都に行く"), None);
        assert_eq!(
            found("ｶﾒﾗ", "カメラ"),
            Some(vec!["カメラ"]),
            "narrow letters"
        );
        assert_eq!(found("กำลัง", "ฉันกำลังไป"), Some(vec!["กำลัง"]));
        assert_eq!(found("학교", "우리학교에서"), Some(vec!["학교"]));
        // Pairs that lie apart are not letters in a row.
        let query = Query::read("東京都").unwrap();
        assert_eq!(query.for_index(), "\"東京 京都\"");
        assert_eq!(query.marks("京都と東京"), None);
    }

    #[test]
    fn a_query_has_words_and_not_too_many() {
        assert!(Query::read(" !? ").is_none());
        let words = |count: usize| vec!["a"; count].join(" ");
        assert!(Query::read(&words(MAX_SEARCH_WORDS)).is_some());
        assert!(Query::read(&words(MAX_SEARCH_WORDS + 1)).is_none());
    }

    proptest! {
        #[test]
        fn every_text_is_found_by_itself_and_marks_are_whole_letters(text in "\\PC{0,40}") {
            if let Some(query) = Query::read(&text) {
                let marks = query.marks(&text);
                prop_assert!(marks.is_some());
                for mark in marks.unwrap_or_default() {
                    prop_assert!(text.get(mark).is_some());
                }
                prop_assert!(!of(&text).contains('"'));
                prop_assert!(!query.for_index().replace("\"*", "").replace(" AND ", " ").trim_matches('"').is_empty());
            }
        }
    }
}
