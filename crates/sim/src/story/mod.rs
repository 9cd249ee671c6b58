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
use town::Town;
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
    /// At which of its operations.
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
    pub fn all_at(whose: Whose, operation: u64) -> Vec<Self> {
        let case = |trouble, loss, again| Self {
            whose,
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
    /// The operations of the disk in question, from its beginning to the end of the story.
    pub operations: u64,
    /// What befell it, in words. `None`: the story was over before.
    pub befell: Option<String>,
    /// Sentences that people were shown as the disk refused.
    pub faults: Vec<String>,
}

/// Tells the story, without trouble or with it.
pub fn tell(whose: Whose, case: Option<Case>) -> Telling {
    let mut town = Town::new(whose, case);
    town.tells();
    let wrong = town.judges();
    Telling {
        wrong,
        operations: town.operations(),
        befell: town.befell(),
        faults: town.faults(),
    }
}

/// What came of telling it with trouble at every `stride`-th operation from `offset` on, until it happens no more.
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

/// Tells it with each trouble at each `stride`-th operation, and stops after a few wrong endings.
///
/// # Panics
/// If `stride` is zero.
pub fn every(whose: Whose, offset: u64, stride: u64) -> Sum {
    assert!(stride > 0, "a stride leads on");
    let mut sum = Sum::default();
    let mut operation = 1 + offset;
    while sum.wrong.len() < 20 {
        let mut happened = false;
        for case in Case::all_at(whose, operation) {
            let telling = tell(whose, Some(case));
            let Some(befell) = telling.befell else {
                continue;
            };
            happened = true;
            sum.tellings += 1;
            sum.faults.extend(telling.faults);
            for wrong in telling.wrong {
                sum.wrong.push(format!(
                    "{befell}, {:?}, {:?}: {wrong}",
                    case.loss, case.again
                ));
            }
        }
        // Layouts follow random keys: some tellings have a few operations more than others.
        if !happened {
            break;
        }
        sum.operations += 1;
        operation += stride;
    }
    sum
}
