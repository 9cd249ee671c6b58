//! What MLS reads: key packages, messages into a group, invitations. Right ones are the beginning, since nobody guesses a key.

use std::cell::RefCell;

use arbitrary::{Arbitrary, Unstructured};
use keyfold_protocol::group::{CheckedKeyPackage, Crypto, Error, Group, Processed, join};
use keyfold_protocol::welcome;
use keyfold_wire::ids::Epoch;
use keyfold_wire::limits::MAX_ADDRESS;

use crate::bend::Bends;
use crate::club::{Club, Invited, Member};
use crate::draw::{self, Blob};
use crate::papers::NOW;

thread_local! {
    static CRYPTO: Crypto = Crypto::default();
    static CLUB: RefCell<Club> = RefCell::new(Club::new());
    static INVITED: RefCell<Invited> = RefCell::new(Invited::new());
}

/// Another device's key package.
pub fn key_package(data: &[u8]) {
    CRYPTO.with(|crypto| {
        let Ok(checked) = CheckedKeyPackage::check(crypto, data, NOW) else {
            return;
        };
        assert!((1..=MAX_ADDRESS).contains(&checked.address().len()));
        assert!(checked.suite().is_spoken_by(checked.certificate()));
        assert!(checked.certificate().is_valid_at(NOW));
        let _ = checked.usage();
    });
}

/// One message into a group.
#[derive(Debug, Arbitrary)]
enum Into {
    /// Of another member, as it was or changed.
    Recorded(u8, Bends),
    /// A member with a modified client says anything.
    Said(Blob),
    /// Anything.
    Raw(Blob),
}

/// Messages in one run.
const MOST: usize = 24;

/// Any messages into a group, in any order: what is refused changes nothing, and what is right opens afterwards.
pub fn group_message(data: &[u8]) {
    let messages: Vec<Into> = draw::steps(data, MOST);
    CLUB.with_borrow_mut(|club| {
        let recorded = &club.messages;
        // The fixture's own ratchet does not advance: what cy's device used up it uses again in the next run.
        let sent: Vec<Vec<u8>> = club.cy.tries(|cy| {
            let mut cys = cy.group();
            messages
                .iter()
                .map(|message| message.bytes(recorded, cy, &mut cys))
                .collect()
        });
        let (first, last) = (club.epoch, &club.last);
        club.bo.tries(|bo| {
            let mut group = bo.group();
            for message in &sent {
                takes(bo, &mut group, message);
            }
            let at = index(first, group.epoch());
            opens(bo, &mut group, &last[at]);
        });
    });
}

fn index(first: Epoch, epoch: Epoch) -> usize {
    usize::try_from(epoch.0 - first.0).unwrap()
}

impl Into {
    fn bytes(&self, recorded: &[Vec<u8>], cy: &mut Member, cys: &mut Group) -> Vec<u8> {
        match self {
            Self::Recorded(which, bends) => {
                bends.bend(&recorded[usize::from(*which) % recorded.len()])
            }
            Self::Said(content) => cy.encrypts(cys, &content.0),
            Self::Raw(bytes) => bytes.0.clone(),
        }
    }
}

fn takes(bo: &mut Member, group: &mut Group, message: &[u8]) {
    let before = group.view().clone();
    match bo.with(|mls, _| group.process(mls, message)) {
        Ok(Processed::Application(said)) => {
            assert!(said.epoch <= before.epoch);
            assert_eq!(*group.view(), before);
        }
        Ok(Processed::Commit(change)) => {
            assert_eq!(*group.view(), before, "not entered yet");
            if before.judge(change.facts()).is_ok() && !change.removes_me() {
                let next = change.next().unwrap().epoch;
                assert_eq!(next, before.epoch.next());
                bo.with(|mls, _| group.merge(mls, *change)).unwrap();
                assert_eq!(group.epoch(), next);
            }
        }
        Err(Error::Reject(_)) => assert_eq!(*group.view(), before, "refused, and changed nothing"),
        Err(error) => panic!("bytes from outside are no fault: {error:?}"),
    }
}

fn opens(bo: &mut Member, group: &mut Group, message: &[u8]) {
    let opened = bo.with(|mls, _| group.process(mls, message));
    assert!(
        matches!(opened, Ok(Processed::Application(_))),
        "the group goes on: {opened:?}"
    );
}

/// The two parts of an invitation.
#[derive(Debug, Arbitrary)]
struct Parts {
    which: u8,
    secrets: Bends,
    group_info: Bends,
}

/// An invitation: only the right one leads in, and it does so whatever came before it.
pub fn invitation(data: &[u8]) {
    let Ok(parts) = Parts::arbitrary(&mut Unstructured::new(data)) else {
        return;
    };
    INVITED.with_borrow_mut(|invited| {
        let joiners = &invited.split.joiners;
        let own = &joiners[invited.part].secrets;
        let secrets = &joiners[usize::from(parts.which) % joiners.len()].secrets;
        let secrets = parts.secrets.bend(secrets);
        let group_info = parts.group_info.bend(&invited.split.group_info);
        let right = secrets == *own && group_info == invited.split.group_info;
        if let Ok(message) = welcome::rebuild(&secrets, &group_info) {
            let joined = invited.bo.tries(|bo| bo.with(|mls, _| join(mls, &message)));
            match joined {
                Ok(joined) => {
                    assert!(right, "another invitation leads in");
                    assert_eq!(*joined.group.view(), invited.view);
                }
                Err(Error::Reject(_)) => assert!(!right, "the right one is refused"),
                Err(error) => panic!("bytes from outside are no fault: {error:?}"),
            }
        }
        let message = welcome::rebuild(own, &invited.split.group_info).unwrap();
        let joined = invited.bo.tries(|bo| bo.with(|mls, _| join(mls, &message)));
        assert_eq!(*joined.unwrap().group.view(), invited.view);
    });
}
