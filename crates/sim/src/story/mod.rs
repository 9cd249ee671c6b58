//! One story, told again and again, with trouble at each operation of one disk: of a device, of a device that is linked in the
//! middle of it, or of the server. However it goes, it ends with the same screens.
//!
//! The disk refuses as a real one does: what was under way fails, and whoever made it is dead until it starts again on what is
//! left. Whoever typed something looks at the screen after that, and types it again only if it is not there.

mod ending;
mod shell;
mod town;
mod whole;

use crate::disk::{Loss, Trouble};
use town::{CHAPTERS, Saved, Town};
pub use whole::every_operation;

/// Whose disk has trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// The device that registers, creates, says, commits and links another.
    Device,
    /// The device that is linked.
    Linked,
    /// The server.
    Server,
}

impl Whose {
    /// Each of them.
    pub const EACH: [Self; 3] = [Self::Device, Self::Linked, Self::Server];
}

/// Which trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Case {
    /// Whose disk.
    pub whose: Whose,
    /// In which chapter.
    pub chapter: usize,
    /// At which of its operations there.
    pub operation: u64,
    /// What happens there.
    pub trouble: Trouble,
    /// What a crash leaves of what was not synced.
    pub loss: Loss,
    /// After a crash, the operation from the restart on at which it crashes once more.
    pub again: Option<u64>,
}

impl Case {
    /// Everything that is tried at one operation.
    pub fn all_at(whose: Whose, chapter: usize, operation: u64) -> Vec<Self> {
        let case = |trouble, loss, again| Self {
            whose,
            chapter,
            operation,
            trouble,
            loss,
            again,
        };
        let mut cases = vec![
            case(Trouble::Crash, Loss::All, None),
            case(Trouble::Crash, Loss::Nothing, None),
            case(Trouble::Crash, Loss::Some, None),
            case(Trouble::Tear, Loss::Some, None),
            case(Trouble::Full, Loss::All, None),
            case(Trouble::Error, Loss::All, None),
        ];
        if operation.is_multiple_of(3) {
            let again = Some(1 + operation / 3 % 12);
            cases.push(case(Trouble::Crash, Loss::Some, again));
        }
        cases
    }
}

/// How a telling went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Telling {
    /// What is wrong at the end, one sentence each. Empty: all is well.
    pub wrong: Vec<String>,
    /// What befell the disk, in words. `None`: the chapter was over before, and the story was not told to its end.
    pub befell: Option<String>,
    /// Sentences that people were shown as the disk refused.
    pub faults: Vec<String>,
}

/// The story as it stands at the beginning of each chapter: what comes before it needs no telling again.
pub struct Book {
    chapters: Vec<Saved>,
    /// Operations of each disk in all of it.
    pub operations: [u64; 3],
    /// What is wrong with it without any trouble.
    pub wrong: Vec<String>,
}

impl Book {
    /// Tells it once, without trouble.
    pub fn write() -> Self {
        let mut book = Self {
            chapters: vec![Saved::default()],
            operations: [0; 3],
            wrong: Vec::new(),
        };
        for chapter in 0..CHAPTERS.len() {
            let begin = book.chapters[chapter].clone();
            let mut town = Town::new(None, &begin);
            town.tells(chapter);
            for (count, whose) in book.operations.iter_mut().zip(Whose::EACH) {
                *count += town.disk(whose).operations();
            }
            book.chapters.push(town.saves());
            if chapter + 1 == CHAPTERS.len() {
                book.wrong = town.judges();
            }
        }
        book
    }

    /// How many chapters it has.
    pub const fn len() -> usize {
        CHAPTERS.len()
    }

    /// Tells the chapter with trouble, and then the rest.
    pub fn tell(&self, case: Case) -> Telling {
        let mut town = Town::new(Some(case), &self.chapters[case.chapter]);
        town.tells(case.chapter);
        let Some(befell) = town.disk(case.whose).befell() else {
            return Telling::default();
        };
        for chapter in case.chapter + 1..CHAPTERS.len() {
            town.tells(chapter);
        }
        Telling {
            wrong: town.judges(),
            befell: Some(befell),
            faults: town.faults(),
        }
    }
}

/// What came of many tellings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// How often it was told.
    pub tellings: u64,
    /// The operations at which there was trouble.
    pub operations: u64,
    /// Cases that ended wrong, with what was wrong.
    pub wrong: Vec<String>,
    /// Different sentences that people were shown.
    pub faults: std::collections::BTreeSet<String>,
}

impl Sum {
    /// Both together.
    pub fn add(&mut self, other: Self) {
        self.tellings += other.tellings;
        self.operations += other.operations;
        self.wrong.extend(other.wrong);
        self.faults.extend(other.faults);
    }
}

/// Tells it with each trouble at each `stride`-th operation of each chapter, and stops after a few wrong endings.
///
/// # Panics
/// If `stride` is zero.
pub fn every(book: &Book, whose: Whose, offset: u64, stride: u64) -> Sum {
    assert!(stride > 0, "a stride leads on");
    let mut sum = Sum::default();
    for chapter in 0..Book::len() {
        sum.add(chapter_of(book, whose, chapter, offset, stride));
    }
    sum
}

/// The same for one chapter.
fn chapter_of(book: &Book, whose: Whose, chapter: usize, offset: u64, stride: u64) -> Sum {
    let mut sum = Sum::default();
    let mut operation = 1 + offset;
    while sum.wrong.len() < 20 && sum.tells_all(book, &Case::all_at(whose, chapter, operation)) {
        operation += stride;
    }
    sum
}

impl Sum {
    /// Tells all that is tried at one operation. `false`: the chapter has no such operation.
    ///
    /// Layouts follow random keys: some tellings have a few operations more than others.
    fn tells_all(&mut self, book: &Book, cases: &[Case]) -> bool {
        let before = self.tellings;
        for case in cases {
            // A telling that panics is one that went wrong.
            let told = std::panic::catch_unwind(|| book.tell(*case));
            let telling = told.unwrap_or_else(|_| Telling {
                wrong: vec!["it came to a sudden end".to_owned()],
                befell: Some("something".to_owned()),
                faults: Vec::new(),
            });
            let Some(befell) = telling.befell else {
                continue;
            };
            self.tellings += 1;
            self.faults.extend(telling.faults);
            let words = |wrong| format!("chapter {}, {befell}, {case:?}: {wrong}", case.chapter);
            self.wrong.extend(telling.wrong.into_iter().map(words));
        }
        let happened = self.tellings > before;
        self.operations += u64::from(happened);
        happened
    }
}
