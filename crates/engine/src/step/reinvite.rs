//! Those who have not come in after a move or after a server was put back, or cannot be reached, are invited again, each with a fresh key
//! package. `docs/protocol/recovery.md`.

use std::collections::BTreeSet;

use bytes::Bytes;
use keyfold_protocol::group::{Change, CheckedKeyPackage, Group};
use keyfold_protocol::rules::{GroupView, LeafView};
use keyfold_wire::certificate::Certificate;
use keyfold_wire::ids::{AccountId, DeviceId, Timestamp};

use super::Step;
use super::pump::Attempt;
use crate::Fault;
use crate::limits::{
    PACKAGES_DOUBTED, REACH_AFTER, REACH_AGAIN, REINVITE_AFTER, REINVITE_ROUNDS, REINVITE_TIMES,
};
use crate::memory::Loaded;
use crate::table::conversation::Row;
use crate::table::intent::{self, IntentRow, Progress, Wish};
use crate::table::setting::{self, Setting};
use crate::table::{address, key_package, leaver, offer};
use crate::view::Standing;

pub(super) const INVITED_AGAIN: &str = "it was invited again";
const CUT_OFF: &str = "nothing came to this device there";

impl Step<'_> {
    /// Looks in a while who has not come in, for the how-manyth time.
    pub(super) fn reinvite_later(&mut self, row: Row, round: u8) -> Result<(), Fault> {
        self.wish_round(row, round, &Wish::Reinvite(round))
    }

    /// After the last round there is none.
    fn wish_round(&mut self, row: Row, round: u8, wish: &Wish) -> Result<(), Fault> {
        if round <= REINVITE_ROUNDS {
            let when = self.now.after(REINVITE_AFTER);
            self.intend(row, wish, Progress::Ready, when)?;
            self.wake(when);
        }
        Ok(())
    }

    /// They were invited again, or the directory had nothing new of them.
    pub(super) fn reinvite_again(
        &mut self,
        row: Row,
        wish: &Wish,
        invited: bool,
    ) -> Result<(), Fault> {
        match *wish {
            Wish::Reinvite(round) if !invited || round < REINVITE_TIMES - 1 => {
                self.reinvite_later(row, round.saturating_add(1))
            }
            _ => Ok(()),
        }
    }

    /// The server was put back: until everybody has come it hands out key packages that were used.
    pub(super) fn doubt_packages(&mut self) -> Result<(), Fault> {
        let now = self.now.0.to_be_bytes();
        setting::put(self.tx, Setting::ServerPutBack, &now)
    }

    /// This device has invited somebody. After the server was put back it looks who has not come in.
    pub(super) fn has_invited(&mut self, row: Row) -> Result<(), Fault> {
        let noticed = setting::get(self.tx, Setting::ServerPutBack)?;
        let noticed = noticed.and_then(|at| at.as_slice().try_into().ok());
        let noticed = noticed.map(|at| Timestamp(u64::from_be_bytes(at)));
        let looks = |intent: &IntentRow| matches!(intent.wish, Wish::Reinvite(_));
        if noticed.is_some_and(|at| self.now < at.after(PACKAGES_DOUBTED)) {
            // Nobody waits for the next look after somebody who is away for long.
            self.forget_wishes(
                row,
                |wish| matches!(wish, Wish::Reinvite(round) if *round >= REINVITE_TIMES),
            )?;
            if !intent::of(self.tx, row)?.iter().any(looks) {
                self.reinvite_later(row, 0)?;
            }
        }
        Ok(())
    }

    /// The conversation goes on in a group that this device has not made: whoever has made that one looks.
    pub(super) fn stop_reinviting(&mut self, row: Row) -> Result<(), Fault> {
        self.forget_wishes(row, |wish| matches!(wish, Wish::Reinvite(_)))
    }

    /// The server says that these addresses of a conversation lead nowhere. Whoever was put back to before it came in does not know of
    /// it; whoever is to be taken out is so by then. Where it is the own one, nothing comes here any more, nor comes back; but it may be that
    /// the device was removed, and is about to hear of it.
    pub(super) fn reach_later(&mut self, row: Row, unreachable: &[Bytes]) -> Result<(), Fault> {
        let Some(mut loaded) = self.take(row)? else {
            return Ok(());
        };
        if loaded.row.standing == Standing::Active && self.load_group(&mut loaded)? {
            if loaded.row.line_of.is_none() {
                self.reach_those(&loaded, unreachable)?;
            } else if names_own(&loaded, |own| unreachable.iter().any(|one| one == own)) {
                self.is_cut_off(&mut loaded, CUT_OFF)?;
            }
        }
        self.put(loaded);
        Ok(())
    }

    fn reach_those(&mut self, loaded: &Loaded, unreachable: &[Bytes]) -> Result<(), Fault> {
        let lost = self.lost(loaded, unreachable)?;
        if !lost.is_empty() {
            let when = self.now.after(REACH_AFTER).after(self.within(REACH_AFTER));
            self.intend(loaded.row.row, &Wish::Reach(lost), Progress::Ready, when)?;
            self.wake(when);
        }
        Ok(())
    }

    /// Which of these addresses are of leaves that nobody has tried to reach in a while.
    fn lost(&mut self, loaded: &Loaded, unreachable: &[Bytes]) -> Result<Vec<Vec<u8>>, Fault> {
        let current = loaded.group.as_ref().ok_or_else(Fault::no_group)?;
        let leaves = current.group.view().leaves.iter();
        let mut lost: Vec<Vec<u8>> = Vec::new();
        for leaf in leaves.filter(|leaf| unreachable.iter().any(|one| *one == leaf.address)) {
            let (key, now) = ((loaded.row.row, leaf.device()), self.now);
            let last = self.session.reached.get(&key).copied();
            if self.has_passed(REACH_AGAIN, last) {
                self.session.reached.insert(key, now);
                lost.push(leaf.address.clone());
            }
        }
        Ok(lost)
    }

    /// It is time: asks the directory for key packages of those who have not come in.
    pub(super) fn try_reinvite(&mut self, loaded: &mut Loaded) -> Result<(), Fault> {
        // Whoever is not reached may just have left: all that was said before has to be here.
        let caught_up = self.session.caught_up;
        let is_it = |wish: &Wish| match wish {
            Wish::Reinvite(_) => true,
            Wish::Reach(_) => caught_up,
            _ => false,
        };
        let ready = self.next_intent(loaded.row.row, is_it)?;
        let Some(intent) = ready.filter(|_| self.session.greeted) else {
            return Ok(());
        };
        if !intent::gathered(self.tx, intent.id)?.is_empty() || !self.load_group(loaded)? {
            return Ok(());
        }
        if let Wish::Reach(lost) = &intent.wish
            && names_own(loaded, |own| lost.iter().any(|one| one == own))
        {
            self.forget_intent(intent.id)?;
            return self.is_cut_off(loaded, CUT_OFF);
        }
        let current = loaded.group.as_ref().ok_or_else(Fault::no_group)?;
        let absent = self.absent(loaded.row.row, &current.group, &intent.wish)?;
        let accounts: BTreeSet<AccountId> = absent.iter().map(LeafView::account).collect();
        if accounts.is_empty() {
            return self.forget_intent(intent.id);
        }
        if let Wish::Reinvite(round) = intent.wish
            && !is_turn(round)
        {
            self.forget_intent(intent.id)?;
            return self.reinvite_again(loaded.row.row, &intent.wish, false);
        }
        intent::set_progress(self.tx, intent.id, Progress::Gathering)?;
        for account in accounts {
            if let Wish::Reach(_) = intent.wish {
                self.gather_account(intent.id, &account)?;
            } else {
                self.gather_packages(intent.id, &account, loaded.row.suite)?;
            }
        }
        Ok(())
    }

    /// A device of this account could not be brought in: the directory had nothing usable of it. It is tried again, as often as others are
    /// looked for who have not come in.
    pub(super) fn was_to_bring(&mut self, row: Row, wish: &Wish) -> Result<(), Fault> {
        match wish {
            Wish::AddDevice(_) => self.bring_later(row),
            _ => Ok(()),
        }
    }

    /// Looks in a while which own devices are not in.
    pub(super) fn bring_later(&mut self, row: Row) -> Result<(), Fault> {
        let waits = |intent: &IntentRow| matches!(intent.wish, Wish::Bring(_));
        if intent::of(self.tx, row)?.iter().any(waits) {
            return Ok(());
        }
        self.bring_again(row, 0)
    }

    fn bring_again(&mut self, row: Row, round: u8) -> Result<(), Fault> {
        self.wish_round(row, round, &Wish::Bring(round))
    }

    /// It is time: brings in own devices that are not in yet.
    pub(super) fn try_bring(&mut self, loaded: &mut Loaded) -> Result<(), Fault> {
        let ready = self.next_intent(loaded.row.row, |wish| matches!(wish, Wish::Bring(_)))?;
        let Some(intent) = ready.filter(|_| self.session.greeted) else {
            return Ok(());
        };
        self.forget_intent(intent.id)?;
        let Wish::Bring(round) = intent.wish else {
            return Ok(());
        };
        if !self.load_group(loaded)? {
            return Ok(());
        }
        let current = loaded.group.as_ref().ok_or_else(Fault::no_group)?;
        let view = current.group.view().clone();
        if self.own_devices_out_of(&view)?.is_empty() {
            return Ok(());
        }
        // After the last try there is a wait still, so that its failure begins nothing anew.
        if is_turn(round) && round < REINVITE_ROUNDS {
            self.wish_own_devices(loaded.row.row, &view)?;
        }
        self.bring_again(loaded.row.row, round.saturating_add(1))
    }

    /// Whether the directory lists a device of this account that is not reached where an intent wants it to be. To ask for key packages
    /// of the others would use them up for nothing.
    pub(super) fn is_lost_there(
        &mut self,
        id: i64,
        account: &AccountId,
        listed: &[Bytes],
    ) -> Result<bool, Fault> {
        let Some(intent) = intent::get(self.tx, id)? else {
            return Ok(true);
        };
        let Wish::Reach(lost) = &intent.wish else {
            return Ok(true);
        };
        let Some(mut loaded) = self.take(intent.conversation)? else {
            return Ok(false);
        };
        self.load_group(&mut loaded)?;
        let view = loaded.group.as_ref().map(|current| current.group.view());
        let leaves = view.into_iter().flat_map(|view| &view.leaves);
        let lost = leaves.filter(|leaf| leaf.account() == *account && lost.contains(&leaf.address));
        let devices: Vec<DeviceId> = lost.map(LeafView::device).collect();
        self.put(loaded);
        let is_lost = |encoded: &Bytes| {
            Certificate::verify(encoded)
                .is_ok_and(|certificate| devices.contains(&certificate.device))
        };
        Ok(listed.iter().any(is_lost))
    }

    /// Takes out and adds again each device that has not come in, where the directory has another key package of it.
    pub(super) fn plan_reinvite(
        &self,
        row: Row,
        group: &Group,
        intent: &IntentRow,
    ) -> Result<Result<Change, Attempt>, Fault> {
        let packages = self.packages_of(intent::gathered(self.tx, intent.id)?)?;
        let mut change = Change::default();
        for leaf in self.absent(row, group, &intent.wish)? {
            let fresh = |package: &&CheckedKeyPackage| {
                let whose = package.certificate();
                (whose.account, whose.device) == (leaf.account(), leaf.device())
                    && package.address() != leaf.address
                    && package.suite() == group.suite()
            };
            if let Some(package) = packages.iter().find(fresh) {
                change.removed.push(leaf.index);
                change.added.push(package.clone());
            }
        }
        let nobody = change.added.is_empty();
        Ok(if nobody {
            Err(Attempt::Over(Ok(())))
        } else {
            Ok(change)
        })
    }

    /// A commit has taken this device out and added it again: the Welcome that follows is to be joined by.
    pub(super) fn invited_again(
        &mut self,
        loaded: &mut Loaded,
        address: &[u8],
    ) -> Result<(), Fault> {
        let serial = address::serial_of(self.tx, address)?;
        let reference = match serial {
            Some(serial) => key_package::reference_of(self.tx, serial)?,
            None => None,
        };
        let why = match &reference {
            Some(_) => INVITED_AGAIN,
            None => "another copy of this device has been let in",
        };
        self.lose_place(loaded, why.to_owned())?;
        if let (Some(serial), Some(reference)) = (serial, reference)
            && !key_package::is_last_resort(self.tx, serial)?
        {
            offer::add(self.tx, serial, &reference, loaded.row.row)?;
        }
        Ok(())
    }

    /// Leaves whose devices have not come in, or cannot be reached. The own one is where it is, and who leaves renews no leaf any more.
    fn absent(&self, row: Row, group: &Group, wish: &Wish) -> Result<Vec<LeafView>, Fault> {
        let view: &GroupView = group.view();
        let indices = match wish {
            Wish::Reach(lost) => {
                let lost = |leaf: &&LeafView| lost.contains(&leaf.address);
                let leaves = view.leaves.iter().filter(lost);
                leaves.map(|leaf| leaf.index).collect()
            }
            _ => group.not_renewed(),
        };
        let own = group.own_index();
        let leavers = leaver::all(self.tx, row)?;
        let leaves = |leaf: &LeafView| leavers.iter().any(|(who, _)| *who == leaf.account());
        let others = |index: &_| *index != own;
        let absent = indices.into_iter().filter(others);
        let absent = absent.filter_map(|index| view.leaf(index).cloned());
        Ok(absent.filter(|leaf| !leaves(leaf)).collect())
    }
}

/// Whether the own address is one of those.
fn names_own(loaded: &Loaded, is_named: impl Fn(&[u8]) -> bool) -> bool {
    let group = loaded.group.as_ref().map(|current| &current.group);
    let own = group.and_then(|group| group.member(group.own_index()));
    own.is_some_and(|own| is_named(&own.address))
}

/// Whether the directory is asked in this round: after twice as long each time.
const fn is_turn(round: u8) -> bool {
    round < REINVITE_TIMES || round.is_power_of_two()
}
