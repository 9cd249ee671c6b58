//! A climbing group, and what its members may try in it.

use keyfold_protocol::leave::LeaveProof;
use keyfold_protocol::rules::{CommitFacts, GroupView, LeafIndex, Violation};
use keyfold_protocol::state::{ConversationState, Role};
use keyfold_protocol::suite::Suite;

use super::{Device, HANDLE, ID, Person, group_of, rng};

pub const BOTH: &[Suite] = &Suite::ALL;

/// A climbing group: ada owns it (leaves 0 and 1), bo and eve are admins (2 and 3), cy (4) and dee (5 and 6) are members.
/// fay is not in it.
pub struct Town {
    pub ada: Person,
    pub bo: Person,
    pub eve: Person,
    pub cy: Person,
    pub dee: Person,
    pub fay: Person,
    pub devices: Vec<Device>,
    pub group: GroupView,
    pub rng: rand::rngs::StdRng,
}

pub const ADA: LeafIndex = LeafIndex(0);
pub const ADAS_LAPTOP: LeafIndex = LeafIndex(1);
pub const BO: LeafIndex = LeafIndex(2);
pub const EVE: LeafIndex = LeafIndex(3);
pub const CY: LeafIndex = LeafIndex(4);
pub const DEE: LeafIndex = LeafIndex(5);
pub const DEES_LAPTOP: LeafIndex = LeafIndex(6);

impl Town {
    /// Ada (leaf 0) and bo (leaf 2) alone.
    pub fn direct(&self) -> GroupView {
        let (ada, bo) = (self.ada.account(), self.bo.account());
        let state = ConversationState::direct(ID, HANDLE, bo, ada).unwrap();
        let leaves = vec![self.group.leaves[0].clone(), self.group.leaves[2].clone()];
        GroupView {
            state,
            leaves,
            ..self.group.clone()
        }
    }

    pub fn new() -> Self {
        let mut rng = rng(1);
        let [ada, bo, eve, cy, dee, fay] =
            ["ada", "bo", "eve", "cy", "dee", "fay"].map(|name| Person::new(name, &mut rng));
        let owners = [&ada, &ada, &bo, &eve, &cy, &dee, &dee];
        let devices: Vec<Device> = (0..)
            .zip(owners)
            .map(|(leaf, owner)| owner.device(leaf, BOTH, &mut rng))
            .collect();
        let mut group = group_of(
            ada.account(),
            devices.iter().map(|device| device.leaf.clone()).collect(),
        );
        group.state.set_role(bo.account(), Role::Admin);
        group.state.set_role(eve.account(), Role::Admin);
        assert_eq!(group.judge_whole(), Ok(()));
        Self {
            ada,
            bo,
            eve,
            cy,
            dee,
            fay,
            devices,
            group,
            rng,
        }
    }

    #[allow(clippy::unused_self)] // reads better where it is used
    pub fn by(&self, committer: LeafIndex) -> CommitFacts {
        CommitFacts::by(committer)
    }

    pub fn judge(&self, commit: &CommitFacts) -> Result<(), Violation> {
        self.group.judge(commit)
    }

    pub fn adds(&mut self, committer: LeafIndex, who: fn(&Self) -> &Person) -> CommitFacts {
        let mut rng = self.rng.clone();
        let leaf = who(self).device(7, BOTH, &mut rng).leaf;
        self.rng = rng;
        CommitFacts {
            added: vec![leaf],
            ..self.by(committer)
        }
    }

    /// A removal with the state that it needs.
    pub fn removes(&self, committer: LeafIndex, removed: &[LeafIndex]) -> CommitFacts {
        CommitFacts {
            removed: removed.to_vec(),
            new_state: self.group.state_after(removed, &[]),
            ..self.by(committer)
        }
    }

    pub fn changes(
        &self,
        committer: LeafIndex,
        change: impl FnOnce(&mut ConversationState),
    ) -> CommitFacts {
        let mut state = self.group.state.clone();
        change(&mut state);
        CommitFacts {
            new_state: Some(state),
            ..self.by(committer)
        }
    }

    pub fn proof(&self, leaf: LeafIndex) -> LeaveProof {
        let device = &self.devices[leaf.0 as usize];
        LeaveProof::make(&device.keys, &self.group.group_id, &device.leaf)
    }
}
