//! What the devices of a simulated world did with MLS, once more with bare MLS: the same groups with the same members, the same
//! commits, each message encrypted once and opened by whoever got it. Only the MLS operations are timed.
//!
//! Left out, to the disadvantage of the simulation: changes of a group's context (its commits renew keys and no more), and what
//! Keyfold exports from an epoch.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use anyhow::{Context as _, Result};
use keyfold_protocol::suite::Suite;
use keyfold_sim::Deed;
use openmls::prelude::{KeyPackage, MlsGroup, MlsMessageOut, OpenMlsProvider};

use crate::bare::{Member, told};
use crate::measure::{Clock, micros};

const SUITE: Suite = Suite::Classic;
const ADDRESS: [u8; 56] = [7; 56];
/// About the length of a conversation's state.
const STATE: usize = 160;
/// What lies at the server beside a content: the fields of the MLS message, its signature and tags, and the envelope.
const AROUND: usize = 250;

/// Kinds of operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    KeyPackage,
    Create,
    Join,
    Commit,
    Follow,
    Encrypt,
    Decrypt,
}

impl Kind {
    pub(crate) const ALL: [(Self, &'static str); 7] = [
        (Self::KeyPackage, "key packages made"),
        (Self::Create, "groups made"),
        (Self::Join, "groups joined"),
        (Self::Commit, "commits made"),
        (Self::Follow, "commits followed, own ones as well"),
        (Self::Encrypt, "messages encrypted"),
        (Self::Decrypt, "messages opened"),
    ];
}

/// What operations of one kind took.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Spent {
    pub(crate) count: u32,
    /// The sizes of their groups, added up.
    members: u32,
    pub(crate) time: Duration,
}

impl Spent {
    pub(crate) fn add(&mut self, other: &Self) {
        self.count += other.count;
        self.members += other.members;
        self.time += other.time;
    }

    /// Members of a group, on average.
    pub(crate) fn size(&self) -> f64 {
        f64::from(self.members) / f64::from(self.count.max(1))
    }

    /// Microseconds of one, on average.
    pub(crate) fn each(&self) -> f64 {
        micros(self.time) / f64::from(self.count.max(1))
    }
}

/// One group as one device has it.
type Place = (usize, usize);

/// What has gone over the wire.
enum Said {
    Message(Place, Vec<u8>),
    Commit {
        by: Place,
        commit: Vec<u8>,
        welcome: Option<Vec<u8>>,
    },
}

/// Bare members that do what the devices of a world did.
pub(crate) struct Replay<P> {
    members: HashMap<usize, Member<P>>,
    groups: HashMap<Place, MlsGroup>,
    said: HashMap<usize, Said>,
    pub(crate) spent: HashMap<Kind, Spent>,
    /// Deeds that the bare members could not do, and why they could not.
    pub(crate) failed: Vec<String>,
}

impl<P: OpenMlsProvider> Replay<P> {
    /// Does all of it, with a provider for each device.
    pub(crate) fn of(deeds: &[Deed], mut provider: impl FnMut() -> Result<P>) -> Result<Self> {
        let mut members = HashMap::new();
        for device in deeds.iter().flat_map(devices).collect::<BTreeSet<_>>() {
            let member = Member::new(provider()?, device as u64, &[SUITE])?;
            members.insert(device, member);
        }
        let mut replay = Self {
            members,
            groups: HashMap::new(),
            said: HashMap::new(),
            spent: HashMap::new(),
            failed: Vec::new(),
        };
        for deed in deeds {
            if let Err(error) = replay.does(deed) {
                replay.failed.push(format!("{error:#}: {deed:?}"));
            }
        }
        Ok(replay)
    }

    /// How many devices there are.
    pub(crate) fn members(&self) -> usize {
        self.members.len()
    }

    /// What all of it took.
    pub(crate) fn time(&self) -> Duration {
        self.spent.values().map(|spent| spent.time).sum()
    }

    fn does(&mut self, deed: &Deed) -> Result<()> {
        match deed {
            Deed::Publishes { device, count } => self.publishes(*device, *count),
            Deed::Creates {
                device,
                group,
                message,
                members,
            } => self.creates((*device, *group), *message, members),
            Deed::Commits {
                device,
                group,
                message,
                members,
            } => self.commits((*device, *group), *message, members),
            Deed::Says {
                device,
                group,
                message,
                length,
            } => self.says((*device, *group), *message, *length),
            Deed::Hears { device, message } => self.hears(*device, *message),
            Deed::Joins { device, message } => self.joins(*device, *message),
        }
    }

    fn publishes(&mut self, device: usize, count: usize) -> Result<()> {
        // No group: it has none by this number.
        let nowhere = (device, usize::MAX);
        for _ in 0..count {
            self.times(Kind::KeyPackage, nowhere, |member| {
                key_package(member).map(drop)
            })?;
        }
        Ok(())
    }

    fn creates(&mut self, place: Place, message: usize, members: &[usize]) -> Result<()> {
        let others = members.iter().filter(|device| **device != place.0);
        let packages = self.packages(others)?;
        let welcome = self.times(Kind::Create, place, |member| {
            let packages = check(member, &packages)?;
            member.create(SUITE, &[SUITE], vec![7; STATE], &packages)
        })?;
        self.said.insert(
            message,
            Said::Commit {
                by: place,
                commit: Vec::new(),
                welcome: Some(welcome),
            },
        );
        Ok(())
    }

    fn commits(&mut self, place: Place, message: usize, members: &[usize]) -> Result<()> {
        let keys = |devices: &[usize], all: &HashMap<usize, Member<P>>| {
            let members = devices.iter().filter_map(|device| all.get(device));
            members
                .map(|member| member.keys.public().to_vec())
                .collect::<BTreeSet<_>>()
        };
        let after = keys(members, &self.members);
        let before: BTreeSet<_> = self.at(place, |member| {
            // What it has committed before was not accepted.
            member.forget_commit()?;
            Ok(member.signature_keys().into_iter().collect())
        })?;
        let gone: Vec<Vec<u8>> = before.difference(&after).cloned().collect();
        let comes = |device: &&usize| !keys(&[**device], &self.members).is_subset(&before);
        let packages = self.packages(members.iter().filter(comes).collect::<Vec<_>>())?;
        let (commit, welcome) = self.times(Kind::Commit, place, |member| {
            let packages = check(member, &packages)?;
            member.commit(packages, &gone)
        })?;
        let by = place;
        let said = Said::Commit {
            by,
            commit,
            welcome,
        };
        self.said.insert(message, said);
        Ok(())
    }

    fn says(&mut self, place: Place, message: usize, length: usize) -> Result<()> {
        let content = vec![7; length.saturating_sub(AROUND)];
        let sealed = self.times(Kind::Encrypt, place, |member| member.encrypt(&content))?;
        self.said.insert(message, Said::Message(place, sealed));
        Ok(())
    }

    fn hears(&mut self, device: usize, message: usize) -> Result<()> {
        let said = self.said.remove(&message).context("never said")?;
        let heard = match &said {
            Said::Message(by, _) if by.0 == device => Ok(()),
            Said::Message(by, sealed) => self.times(Kind::Decrypt, (device, by.1), |member| {
                member.decrypt(sealed).map(drop)
            }),
            Said::Commit { by, .. } if by.0 == device => {
                self.times(Kind::Follow, *by, Member::merge)
            }
            Said::Commit { by, commit, .. } => {
                let place = (device, by.1);
                let followed = self.times(Kind::Follow, place, |member| member.follow(commit));
                followed.and_then(|()| self.at(place, Member::leave_if_removed))
            }
        };
        self.said.insert(message, said);
        heard
    }

    fn joins(&mut self, device: usize, message: usize) -> Result<()> {
        let said = self.said.remove(&message).context("never said")?;
        let joined = match &said {
            Said::Commit {
                by,
                welcome: Some(welcome),
                ..
            } => {
                let place = (device, by.1);
                self.at(place, Member::leave)
                    .and_then(|()| self.times(Kind::Join, place, |member| member.join(welcome)))
            }
            _ => Err(anyhow::anyhow!("no welcome")),
        };
        self.said.insert(message, said);
        joined
    }

    /// A key package of each, as the directory would have it.
    fn packages<'d>(&self, devices: impl IntoIterator<Item = &'d usize>) -> Result<Vec<Vec<u8>>> {
        let packages = devices.into_iter().map(|device| {
            let member = self.members.get(device).context("no such device")?;
            let package = key_package(member)?;
            told(MlsMessageOut::from(package).to_bytes())
        });
        packages.collect()
    }

    /// A device does something in one of its groups.
    fn at<T>(&mut self, place: Place, act: impl FnOnce(&mut Member<P>) -> Result<T>) -> Result<T> {
        let member = self.members.get_mut(&place.0).context("no such device")?;
        member.turns_to(self.groups.remove(&place));
        let done = act(member);
        if let Some(group) = member.turns_to(None) {
            self.groups.insert(place, group);
        }
        done
    }

    /// The same for one bare MLS operation, whose time counts if it succeeds.
    fn times<T>(
        &mut self,
        kind: Kind,
        place: Place,
        act: impl FnOnce(&mut Member<P>) -> Result<T>,
    ) -> Result<T> {
        let (done, time, size) = self.at(place, |member| {
            let (done, time) = Clock::Process.time(|| act(member));
            Ok((done?, time, member.signature_keys().len()))
        })?;
        let spent = self.spent.entry(kind).or_default();
        spent.count += 1;
        spent.members += u32::try_from(size)?;
        spent.time += time;
        Ok(done)
    }
}

fn key_package<P: OpenMlsProvider>(member: &Member<P>) -> Result<KeyPackage> {
    member.key_package(SUITE, &[SUITE], &ADDRESS)
}

fn check<P: OpenMlsProvider>(member: &Member<P>, packages: &[Vec<u8>]) -> Result<Vec<KeyPackage>> {
    packages
        .iter()
        .map(|package| member.check(package))
        .collect()
}

/// Whoever has a part in it.
fn devices(deed: &Deed) -> Vec<usize> {
    match deed {
        Deed::Creates {
            device, members, ..
        }
        | Deed::Commits {
            device, members, ..
        } => [&[*device], members.as_slice()].concat(),
        Deed::Publishes { device, .. }
        | Deed::Says { device, .. }
        | Deed::Hears { device, .. }
        | Deed::Joins { device, .. } => vec![*device],
    }
}

#[cfg(test)]
mod tests {
    use keyfold_sim::{Options, run};
    use openmls_rust_crypto::OpenMlsRustCrypto;

    use super::*;

    #[test]
    fn bare_members_can_do_whatever_the_devices_of_a_world_did() -> Result<()> {
        let report = run(Options {
            seed: 3,
            actions: 80,
            people: 4,
            ..Options::default()
        });
        let replay = Replay::of(&report.deeds, || Ok(OpenMlsRustCrypto::default()))?;
        assert!(replay.failed.is_empty(), "{:#?}", replay.failed);
        for (kind, name) in Kind::ALL {
            assert!(replay.spent.contains_key(&kind), "no {name}");
        }
        let said = |deed: &&Deed| matches!(deed, Deed::Says { .. });
        let said = report.deeds.iter().filter(said).count();
        assert!(
            said >= report.texts,
            "{said} messages for {} texts",
            report.texts
        );
        Ok(())
    }
}
