//! Secrecy, measured: how many messages and epochs does a stolen state open?
//!
//! At some moment a thief copies a device's whole state. The thief has every message and welcome that the server ever
//! carried, and keeps to no rules. What opens is counted, and held against the bounds of `docs/protocol/secrecy.md`.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use keyfold_engine::limits::{PAST_SLACK, UPDATE_INTERVAL};
use keyfold_wire::limits::EPOCH_GRACE;
use keyfold_wire::v1;
use keyfold_wire::v1::client_frame::Request as Body;

use crate::copied::{Copied, Loot, Opened};
use crate::device::Device;
use crate::oracle::{Carried, Oracle};
use crate::server::Server;

/// The past epoch is erased by then on a device that is there: the server's grace, the slack for what is under way, and as
/// much again for the answer that ends it.
const ERASED: u64 = 2_000 * (EPOCH_GRACE.as_secs() + PAST_SLACK.as_secs());
/// A device renews its keys within this long.
const RENEWED: u64 = UPDATE_INTERVAL.as_secs() * 1_000;

/// What a thief opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Theft {
    /// Texts that the server had before the theft.
    pub before: usize,
    /// Texts that it got after.
    pub after: usize,
    /// Epochs that the thief entered.
    pub epochs: usize,
    /// Texts that the server carried before and after, which the owner was to read.
    pub of: (usize, usize),
}

/// A stolen state.
struct Stolen {
    copied: Copied,
    device: usize,
    at: u64,
    /// Messages that the server had taken.
    order: u64,
    /// Requests that it had accepted.
    accepted: u64,
    /// What its owner had read and said by then.
    read: HashSet<String>,
    /// The messages that it had taken in. What is said in two messages may have been read in one and be still to come in the other: a
    /// copy of its sender says it as well, or the sender says it again.
    taken: HashSet<Vec<u8>>,
    /// The device was there, and had been for long enough to erase what it need not keep.
    settled: bool,
    /// Commits that were made and may not have been accepted: their new keys are stolen as well.
    pending: BTreeSet<Vec<u8>>,
}

/// An epoch that somebody was welcomed to.
#[derive(Clone, Copy)]
struct Entered {
    epoch: u64,
    /// The number of the request that did it, of those that the server accepted.
    request: u64,
}

/// All thefts of a world, and what was carried.
#[derive(Default)]
pub(crate) struct Secrecy {
    loot: Loot,
    seen: HashSet<Vec<u8>>,
    stolen: Vec<Stolen>,
    /// To which epochs of which conversation a device was welcomed.
    welcomed: BTreeMap<(usize, Vec<u8>), Vec<Entered>>,
}

fn message(id: &[u8], epoch: u64, body: &[u8], commit: bool) -> v1::Message {
    v1::Message {
        message_id: id.to_vec().into(),
        epoch,
        body: body.to_vec().into(),
        commit: commit.then(v1::CommitCheck::default),
    }
}

/// The device that a welcome is for.
fn invited(server: &Server, devices: &[Device], welcome: &v1::WelcomeItem) -> Option<usize> {
    let mailbox = server.mailbox_of(&welcome.address)?;
    devices.iter().position(|one| one.box_id == Some(mailbox))
}

impl Secrecy {
    /// The server has accepted a request.
    pub(crate) fn records(
        &mut self,
        server: &Server,
        devices: &[Device],
        body: &Body,
        request: u64,
    ) {
        match body {
            Body::Send(send) if self.seen.insert(send.message_id.to_vec()) => {
                let one = message(&send.message_id, send.epoch, &send.body, false);
                self.loot.messages.push(one);
            }
            Body::Commit(commit) => {
                if self.seen.insert(commit.message_id.to_vec()) {
                    let one = message(&commit.message_id, commit.epoch, &commit.body, true);
                    self.loot.messages.push(one);
                    self.carries(server, devices, &commit.group_info, &commit.welcomes);
                }
                let epoch = commit.epoch + 1;
                let entered = Entered { epoch, request };
                self.welcomes(server, devices, (&commit.handle, entered), &commit.welcomes);
            }
            Body::Create(create) => {
                if self.seen.insert(create.message_id.to_vec()) {
                    self.carries(server, devices, &create.group_info, &create.welcomes);
                }
                let epoch = create.epoch;
                let entered = Entered { epoch, request };
                self.welcomes(server, devices, (&create.handle, entered), &create.welcomes);
            }
            _ => {}
        }
    }

    /// Welcomes are carried to those for whom they are.
    fn carries(
        &mut self,
        server: &Server,
        devices: &[Device],
        group_info: &bytes::Bytes,
        welcomes: &[v1::WelcomeItem],
    ) {
        for welcome in welcomes {
            if let Some(device) = invited(server, devices, welcome) {
                let item = v1::Welcome {
                    secrets: welcome.secrets.clone(),
                    group_info: group_info.clone(),
                };
                self.loot.welcomes.push((device, item));
            }
        }
    }

    /// They lead to this epoch: of a server that was put back, perhaps once more.
    fn welcomes(
        &mut self,
        server: &Server,
        devices: &[Device],
        (handle, entered): (&bytes::Bytes, Entered),
        welcomes: &[v1::WelcomeItem],
    ) {
        for welcome in welcomes {
            if let Some(device) = invited(server, devices, welcome) {
                let place = (device, handle.to_vec());
                self.welcomed.entry(place).or_default().push(entered);
            }
        }
    }

    /// A device's state is copied now.
    pub(crate) fn steals(
        &mut self,
        device: &Device,
        copied: Copied,
        (now, order, accepted): (u64, u64, u64),
        mut taken: HashSet<Vec<u8>>,
        online: Option<u64>,
    ) {
        let select = "SELECT message_id FROM outbox WHERE message_id IS NOT NULL";
        let pending = copied
            .database
            .prepare(select)
            .unwrap()
            .query_map([], |row| row.get(0))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        for waits in copied.parked() {
            taken.remove(&waits);
        }
        self.stolen.push(Stolen {
            copied,
            device: device.number,
            at: now,
            order,
            accepted,
            read: crate::oracle::reads(device),
            taken,
            settled: online.is_some_and(|since| since + ERASED < now),
            pending,
        });
    }

    /// What the thieves opened, and what of it is beyond the bounds.
    pub(crate) fn measured(
        &mut self,
        oracle: &Oracle,
        devices: &[Device],
    ) -> (Vec<Theft>, Vec<String>) {
        let mut found = Vec::new();
        let mut thefts = Vec::new();
        for mut stolen in std::mem::take(&mut self.stolen) {
            let holds = stolen.copied.holds();
            let epochs: BTreeMap<Vec<u8>, u64> = holds
                .into_iter()
                .map(|held| (held.handle, held.group.epoch().0))
                .collect();
            let opened = stolen.copied.opens(&self.loot, stolen.device);
            let owner = &devices[stolen.device];
            let mut theft = Theft {
                of: oracle.was_to_read(owner, stolen.order),
                ..Theft::default()
            };
            for one in opened {
                match one {
                    Opened::Commit => theft.epochs += 1,
                    Opened::Text(id, text) => {
                        let Some(carried) = oracle.carried(&id) else {
                            continue;
                        };
                        let verdict = if carried.order < stolen.order {
                            theft.before += 1;
                            let used = stolen.taken.contains(&id)
                                && stolen.read.contains(&text)
                                && !self.opens_anew(&stolen, &carried, &epochs, oracle);
                            stolen.judge_before(&carried, used, &epochs, oracle)
                        } else {
                            theft.after += 1;
                            self.judge_after(&stolen, &carried, oracle, owner)
                        };
                        found.extend(verdict.map(|why| {
                            let device = stolen.device;
                            format!("what was stolen from device {device} opens {text:?}: {why}")
                        }));
                    }
                }
            }
            thefts.push(theft);
        }
        (thefts, found)
    }

    /// Whether a conversation that the device is not in any more opens by the welcome that it came in with: its key package, the one of
    /// last resort, is still there, and the device had not committed yet.
    fn opens_anew(
        &self,
        stolen: &Stolen,
        carried: &Carried,
        held: &BTreeMap<Vec<u8>, u64>,
        oracle: &Oracle,
    ) -> bool {
        let place = (stolen.device, carried.handle.clone());
        let welcomed = self.welcomed.get(&place).into_iter().flatten();
        let epochs = welcomed.map(|entered| entered.epoch);
        let Some(from) = epochs.filter(|epoch| *epoch <= carried.epoch).max() else {
            return false;
        };
        let committed = (from..carried.epoch).any(|epoch| {
            let by = oracle.moved_by(&carried.handle, epoch, carried.accepted);
            by.is_some_and(|by| by.device == stolen.device)
        });
        !held.contains_key(&carried.handle) && !committed
    }

    fn judge_after(
        &self,
        stolen: &Stolen,
        carried: &Carried,
        oracle: &Oracle,
        owner: &Device,
    ) -> Option<&'static str> {
        if !oracle.is_in(owner, carried) {
            return Some("its owner was not in that epoch");
        }
        // A welcome opens anew to whoever has the key package that it is for.
        let place = (stolen.device, carried.handle.clone());
        let welcomed = self.welcomed.get(&place).into_iter().flatten();
        let led_there = welcomed.filter(|entered| {
            entered.epoch <= carried.epoch && oracle.had(entered.request, carried.accepted)
        });
        let from = led_there.map(|entered| entered.epoch).max().unwrap_or(0);
        let renewed = (from..carried.epoch).any(|epoch| {
            let by = oracle.moved_by(&carried.handle, epoch, carried.accepted);
            by.is_some_and(|by| {
                by.device == stolen.device
                    && by.order > stolen.accepted
                    && !stolen.pending.contains(&by.message)
            })
        });
        if renewed {
            return Some("its owner had renewed the keys");
        }
        let late = carried.at > stolen.at + RENEWED + oracle.absence(stolen.device);
        late.then_some("the keys should have been renewed by then")
    }
}

impl Stolen {
    fn judge_before(
        &self,
        carried: &Carried,
        used: bool,
        epochs: &BTreeMap<Vec<u8>, u64>,
        oracle: &Oracle,
    ) -> Option<&'static str> {
        if used {
            return Some("its key had been used");
        }
        // Not held then: a welcome under way led to it.
        let held = *epochs.get(&carried.handle)?;
        if carried.epoch + 1 < held {
            return Some("it is older than the epoch before");
        }
        let ended = oracle.moved_by(&carried.handle, carried.epoch, self.accepted);
        let past = carried.epoch < held;
        let long_ago = ended.is_some_and(|by| by.at + ERASED < self.at);
        (past && long_ago && self.settled).then_some("the grace of its epoch was over")
    }
}
