//! A small MLS group whose messages are recorded, for the targets that read them.

use keyfold_engine::store::{self, Durability, MlsStorage, Place};
use keyfold_protocol::content::{self, Author};
use keyfold_protocol::group::{
    Change, CheckedKeyPackage, Crypto, Device, Group, Joined, Mls, NewGroup, OwnKeyPackage, Rng,
    Staged, Update, Use, join, make,
};
use keyfold_protocol::rules::GroupView;
use keyfold_protocol::state::{ConversationState, Name};
use keyfold_protocol::suite::Suite;
use keyfold_protocol::welcome::{self, SplitWelcome};
use keyfold_wire::ids::{ConversationHandle, Epoch};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use rusqlite::Connection;

use crate::agreed::CONVERSATION;
use crate::papers::{NOW, Papers};

/// A device with a store of its own.
pub(crate) struct Member {
    pub(crate) papers: Papers,
    pub(crate) database: Connection,
    pub(crate) crypto: Crypto,
    rng: StdRng,
    spoken: u64,
}

const GROUP_ID: [u8; 32] = [9; 32];

impl Member {
    fn new(name: &'static str, seed: u64) -> Self {
        Self {
            papers: Papers::of(name, seed),
            database: store::open(Place::Memory, None, Durability::Off).unwrap(),
            crypto: Crypto::default(),
            rng: StdRng::seed_from_u64(seed),
            spoken: 0,
        }
    }

    pub(crate) fn with<T>(
        &mut self,
        run: impl FnOnce(&Mls<'_, MlsStorage<'_>>, Device<'_>) -> T,
    ) -> T {
        let storage = MlsStorage::new(&self.database);
        let rng = Rng::new(&mut self.rng);
        let device = Device {
            keys: &self.papers.keys,
            certificate: &self.papers.certificate,
        };
        run(&Mls::new(&self.crypto, &storage, &rng), device)
    }

    /// Runs something, and afterwards the store is as it was.
    pub(crate) fn tries<T>(&mut self, run: impl FnOnce(&mut Self) -> T) -> T {
        self.database.execute_batch("SAVEPOINT try").unwrap();
        let result = run(self);
        self.database
            .execute_batch("ROLLBACK TO try; RELEASE try")
            .unwrap();
        result
    }

    pub(crate) fn group(&self) -> Group {
        let storage = MlsStorage::new(&self.database);
        Group::load(&storage, &GROUP_ID).unwrap().unwrap()
    }

    fn package(&mut self, usage: Use) -> OwnKeyPackage {
        let address = format!("{}'s address", self.papers.name);
        self.with(|mls, device| make(mls, device, Suite::Hybrid, address.as_bytes(), usage))
            .unwrap()
    }

    fn says(&mut self, group: &mut Group, text: &str) -> Vec<u8> {
        self.spoken += 1;
        let author = Author::new(group.member(group.own_index()).unwrap(), CONVERSATION);
        let composed = content::text(&author, self.spoken, text, &mut self.rng).unwrap();
        self.encrypts(group, &composed.encoded)
    }

    /// Any bytes as an application message.
    pub(crate) fn encrypts(&mut self, group: &mut Group, content: &[u8]) -> Vec<u8> {
        self.with(|mls, device| {
            let sealed = group.encrypt(mls, device, content).unwrap();
            group.flush(mls).unwrap();
            sealed
        })
    }

    /// Commits and goes on into the next epoch.
    fn commits(&mut self, group: &mut Group, change: Change) -> Staged {
        self.with(|mls, device| {
            let staged = group.stage(mls, device, change).unwrap();
            group.merge_pending(mls).unwrap();
            staged
        })
    }

    /// Commits, and stays where it is: a commit that nobody will accept.
    fn stages(&mut self, group: &mut Group, change: Change) -> Vec<u8> {
        self.with(|mls, device| {
            let staged = group.stage(mls, device, change).unwrap();
            group.clear_pending(mls).unwrap();
            staged.commit
        })
    }

    fn joins(&mut self, split: &SplitWelcome, package: &OwnKeyPackage) -> Joined {
        let part = split
            .joiners
            .iter()
            .find(|joiner| joiner.key_package_ref == package.reference);
        let message = welcome::rebuild(&part.unwrap().secrets, &split.group_info).unwrap();
        self.with(|mls, _| join(mls, &message)).unwrap()
    }
}

/// A group of three, seen by bo, whose store is at its first epoch.
pub(crate) struct Club {
    pub(crate) bo: Member,
    /// Somebody who breaks the rules: a member in the first epoch.
    pub(crate) cy: Member,
    pub(crate) epoch: Epoch,
    /// MLS messages of the others, in the order in which they were sent.
    pub(crate) messages: Vec<Vec<u8>>,
    /// What ada says last in each epoch, from the first on, and nobody has heard yet.
    pub(crate) last: Vec<Vec<u8>>,
}

fn state(ada: &Member) -> ConversationState {
    ConversationState::group(
        CONVERSATION,
        ConversationHandle::new([2; 32]),
        Name::new("climbing").unwrap(),
        ada.papers.account.account(),
    )
}

fn renamed(view: &GroupView, name: &str) -> Change {
    let mut state = view.state.clone();
    state.name = Name::new(name).unwrap();
    Change {
        state: Some(state),
        ..Change::default()
    }
}

fn checked(member: &Member, package: &OwnKeyPackage) -> CheckedKeyPackage {
    CheckedKeyPackage::check(&member.crypto, &package.message, NOW).unwrap()
}

/// Ada's group with bo and cy just added.
struct Beginning {
    ada: Member,
    adas: Group,
    bo: Member,
    cy: Member,
    bos_package: OwnKeyPackage,
    cys_package: OwnKeyPackage,
    split: SplitWelcome,
}

fn begins() -> Beginning {
    let mut ada = Member::new("ada", 1);
    let (mut bo, mut cy) = (Member::new("bo", 2), Member::new("cy", 3));
    let state = state(&ada);
    let new = NewGroup {
        group_id: &GROUP_ID,
        suite: Suite::Hybrid,
        state: &state,
        address: b"adas address",
    };
    let mut adas = ada
        .with(|mls, device| Group::create(mls, device, new))
        .unwrap();
    let (bos_package, cys_package) = (bo.package(Use::Once), cy.package(Use::LastResort));
    let added = vec![checked(&ada, &bos_package), checked(&ada, &cys_package)];
    let staged = ada.commits(
        &mut adas,
        Change {
            added,
            ..Change::default()
        },
    );
    let split = welcome::split(&staged.welcome.unwrap()).unwrap();
    Beginning {
        ada,
        adas,
        bo,
        cy,
        bos_package,
        cys_package,
        split,
    }
}

impl Club {
    pub(crate) fn new() -> Self {
        let Beginning {
            mut ada,
            mut adas,
            mut bo,
            mut cy,
            bos_package,
            cys_package,
            split,
        } = begins();
        let epoch = bo.joins(&split, &bos_package).group.epoch();
        let mut cys = cy.joins(&split, &cys_package).group;
        let mut messages = vec![
            ada.says(&mut adas, "one"),
            cy.says(&mut cys, "two"),
            ada.says(&mut adas, "three"),
            cy.encrypts(&mut cys, b"no content at all"),
            // A member may not do this.
            cy.stages(&mut cys, renamed(adas.view(), "cy's club")),
        ];
        let mut last = vec![ada.says(&mut adas, "the first epoch's last")];
        let update = Change {
            update: Some(Update { address: None }),
            ..Change::default()
        };
        for (change, text) in [
            (update, "the second epoch's last"),
            (renamed(adas.view(), "society"), "the third epoch's last"),
        ] {
            messages.push(ada.commits(&mut adas, change).commit);
            messages.push(ada.says(&mut adas, "in a later epoch"));
            last.push(ada.says(&mut adas, text));
        }
        Self {
            bo,
            cy,
            epoch,
            messages,
            last,
        }
    }
}

/// What bo may be invited by: right parts, and those of others.
pub(crate) struct Invited {
    pub(crate) bo: Member,
    pub(crate) split: SplitWelcome,
    /// Which part is bo's.
    pub(crate) part: usize,
    pub(crate) view: GroupView,
}

impl Invited {
    pub(crate) fn new() -> Self {
        let Beginning {
            adas,
            bo,
            bos_package,
            split,
            ..
        } = begins();
        let is_bos = |joiner: &welcome::Joiner| joiner.key_package_ref == bos_package.reference;
        let part = split.joiners.iter().position(is_bos).unwrap();
        let view = adas.view().clone();
        Self {
            bo,
            split,
            part,
            view,
        }
    }
}

/// A right key package of each use, and a welcome for two.
pub(crate) fn samples() -> (Vec<Vec<u8>>, Vec<u8>, SplitWelcome) {
    let mut bo = Member::new("bo", 2);
    let packages = vec![
        bo.package(Use::Once).message,
        bo.package(Use::LastResort).message,
    ];
    let mut ada = Member::new("ada", 1);
    let state = state(&ada);
    let new = NewGroup {
        group_id: &GROUP_ID,
        suite: Suite::Hybrid,
        state: &state,
        address: b"adas address",
    };
    let mut adas = ada
        .with(|mls, device| Group::create(mls, device, new))
        .unwrap();
    let added = vec![CheckedKeyPackage::check(&ada.crypto, &packages[0], NOW).unwrap()];
    let staged = ada.commits(
        &mut adas,
        Change {
            added,
            ..Change::default()
        },
    );
    let welcome = staged.welcome.unwrap();
    let split = welcome::split(&welcome).unwrap();
    (packages, welcome, split)
}
