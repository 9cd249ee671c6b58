//! The files of one disk: what they hold, what of it is durable, and what befalls each operation.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use rand::Rng as _;
use rand::rngs::StdRng;

use super::image::{Change, Image, Loss, leaves, write};
use super::locks::Locks;
use super::shared::Shared;
use super::trouble::{Failed, Kind, Moment, Trouble};

/// Bytes of a write-ahead log's header: syncing them alone commits nothing.
const LOG_HEADER: usize = 32;

/// The number of a file, whatever it is called.
pub(super) type Number = u64;

#[derive(Default)]
pub(super) struct File {
    name: String,
    pub(super) now: Vec<u8>,
    durable: Vec<u8>,
    changes: Vec<Change>,
    /// It was synced since it was made.
    synced: bool,
    pub(super) locks: Locks,
    /// The index of its write-ahead log, while a connection has it.
    pub(super) shared: Weak<Shared>,
}

/// A death that was decided on.
struct Doom {
    moment: Moment,
    loss: Loss,
    /// What its moment left, once that has come, and whether all that was committed until now is in it.
    left: Option<(Image, bool)>,
}

pub(super) struct Files {
    rng: StdRng,
    by_number: BTreeMap<Number, File>,
    names: BTreeMap<String, Number>,
    durable_names: BTreeMap<String, Number>,
    last: Number,
    /// Counts restarts: what was opened before one is dead.
    pub(super) life: u64,
    pub(super) operations: u64,
    pub(super) plan: BTreeMap<u64, Trouble>,
    pub(super) limit: Option<u64>,
    pub(super) full: bool,
    pub(super) crashed: bool,
    pub(super) befell: Option<String>,
    doom: Option<Doom>,
}

impl Files {
    pub(super) fn new(rng: StdRng) -> Self {
        Self {
            rng,
            by_number: BTreeMap::new(),
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            last: 0,
            life: 0,
            operations: 0,
            plan: BTreeMap::new(),
            limit: None,
            full: false,
            crashed: false,
            befell: None,
            doom: None,
        }
    }

    pub(super) fn size(&self) -> u64 {
        self.by_number
            .values()
            .map(|file| file.now.len() as u64)
            .sum()
    }

    /// Counts an operation and says what befalls it.
    fn begins(&mut self, kind: Kind, name: &str, bytes: usize) -> Result<Option<Trouble>, Failed> {
        if self.crashed {
            return Err(Failed::Broken);
        }
        self.operations += 1;
        let trouble = self.plan.remove(&self.operations);
        if let Some(trouble) = trouble {
            self.befell = Some(format!(
                "{trouble:?} at operation {} ({kind:?} of {bytes} bytes, {name})",
                self.operations
            ));
        }
        match trouble {
            Some(Trouble::Crash) => {
                self.crashed = true;
                Err(Failed::Broken)
            }
            Some(Trouble::Error) => Err(Failed::Broken),
            Some(Trouble::Full) => {
                self.full = true;
                Ok(None)
            }
            Some(Trouble::Tear) if kind != Kind::Write => {
                self.crashed = true;
                Err(Failed::Broken)
            }
            other => Ok(other),
        }
    }

    /// The file with this name.
    pub(super) fn named(&self, name: &str) -> Option<Number> {
        self.names.get(name).copied()
    }

    pub(super) fn create(&mut self, name: &str) -> Result<Number, Failed> {
        self.begins(Kind::Create, name, 0)?;
        if self.full {
            return Err(Failed::Full);
        }
        self.last += 1;
        self.by_number.insert(
            self.last,
            File {
                name: name.to_owned(),
                ..File::default()
            },
        );
        self.names.insert(name.to_owned(), self.last);
        Ok(self.last)
    }

    pub(super) fn file(&mut self, number: Number) -> Result<&mut File, Failed> {
        if self.crashed {
            return Err(Failed::Broken);
        }
        self.by_number.get_mut(&number).ok_or(Failed::Broken)
    }

    pub(super) fn write(&mut self, number: Number, at: usize, bytes: &[u8]) -> Result<(), Failed> {
        let name = self.file(number)?.name.clone();
        let trouble = self.begins(Kind::Write, &name, bytes.len())?;
        let length = self.file(number)?.now.len();
        let more = (at + bytes.len()).saturating_sub(length);
        let room = match (self.full, self.limit) {
            (true, _) => 0,
            (false, Some(limit)) => {
                usize::try_from(limit.saturating_sub(self.size())).unwrap_or(usize::MAX)
            }
            (false, None) => usize::MAX,
        };
        let mut done = bytes.len() - more.saturating_sub(room).min(bytes.len());
        let full = done < bytes.len();
        if trouble == Some(Trouble::Tear) {
            done = self.rng.random_range(0..=done);
            self.crashed = true;
        }
        if let Some(file) = self.by_number.get_mut(&number) {
            let bytes = bytes[..done].to_vec();
            write(&mut file.now, at, &bytes);
            file.changes.push(Change::Write { at, bytes });
        }
        match (self.crashed, full) {
            (true, _) => Err(Failed::Broken),
            (false, true) => Err(Failed::Full),
            (false, false) => Ok(()),
        }
    }

    pub(super) fn truncate(&mut self, number: Number, size: usize) -> Result<(), Failed> {
        let name = self.file(number)?.name.clone();
        self.begins(Kind::Truncate, &name, size)?;
        let file = self.file(number)?;
        let change = Change::Truncate(size);
        change.apply(&mut file.now);
        file.changes.push(change);
        Ok(())
    }

    /// The file is durable, and so is its name.
    pub(super) fn sync(&mut self, number: Number) -> Result<(), Failed> {
        let file = self.file(number)?;
        let (name, commits) = (file.name.clone(), file.commits());
        self.begins(Kind::Sync, &name, 0)?;
        let log = name.ends_with("-wal");
        let moment = match (commits, log) {
            (true, true) => Some(Moment::BeforeCommit),
            (_, false) => Some(Moment::Checkpoint),
            (false, true) => None,
        };
        self.meets(moment, (commits && log).then_some(number));
        let file = self.file(number)?;
        for change in std::mem::take(&mut file.changes) {
            change.apply(&mut file.durable);
        }
        let first = !std::mem::replace(&mut file.synced, true);
        if first && (log || name.ends_with("-journal")) {
            self.durable_names = self.names.clone();
        } else if self.names.get(&name) == Some(&number) {
            self.durable_names.insert(name, number);
        }
        if moment == Some(Moment::BeforeCommit) {
            self.meets(Some(Moment::AfterCommit), None);
        }
        Ok(())
    }

    pub(super) fn delete(&mut self, name: &str, durably: bool) -> Result<(), Failed> {
        if self.crashed {
            return Err(Failed::Broken);
        }
        if !self.names.contains_key(name) {
            return Err(Failed::Missing);
        }
        self.begins(Kind::Delete, name, 0)?;
        self.names.remove(name);
        if durably {
            self.durable_names = self.names.clone();
        }
        Ok(())
    }

    /// All files as they are.
    pub(super) fn image(&self) -> Image {
        let content = |number| self.by_number.get(number).map(|file| file.now.clone());
        let files = self.names.iter();
        Image {
            files: files
                .filter_map(|(name, number)| Some((name.clone(), Arc::new(content(number)?))))
                .collect(),
        }
    }

    /// What a crash leaves at this moment.
    pub(super) fn after(&mut self, loss: Loss) -> Image {
        let mut files = BTreeMap::new();
        let names: std::collections::BTreeSet<&String> =
            self.names.keys().chain(self.durable_names.keys()).collect();
        for name in names {
            let (now, durable) = (self.names.get(name), self.durable_names.get(name));
            let number = match loss {
                Loss::Nothing => now,
                Loss::Some if now == durable || self.rng.random() => now,
                Loss::All | Loss::Some => durable,
            };
            if let Some(file) = number.and_then(|number| self.by_number.get(number)) {
                let content = leaves(&file.durable, &file.now, &file.changes, loss, &mut self.rng);
                files.insert(name.clone(), Arc::new(content));
            }
        }
        Image { files }
    }

    /// Everything is as in this image, durable, and nothing that was open works any more.
    pub(super) fn becomes(&mut self, image: Image) {
        self.by_number.clear();
        self.names.clear();
        for (name, content) in image.files {
            self.last += 1;
            let content = Arc::unwrap_or_clone(content);
            let file = File {
                name: name.clone(),
                durable: content.clone(),
                now: content,
                synced: true,
                ..File::default()
            };
            self.by_number.insert(self.last, file);
            self.names.insert(name, self.last);
        }
        self.durable_names = self.names.clone();
        self.life += 1;
        self.crashed = false;
        self.doom = None;
    }

    pub(super) fn dooms(&mut self, moment: Moment, loss: Loss) {
        self.doom = Some(Doom {
            moment,
            loss,
            left: None,
        });
    }

    /// A moment has come; `log`: where a transaction is about to become durable.
    fn meets(&mut self, moment: Option<Moment>, log: Option<Number>) {
        let Some(mut doom) = self.doom.take() else {
            return;
        };
        match &mut doom.left {
            Some((_, whole)) => *whole &= log.is_none(),
            None if moment == Some(doom.moment) => {
                // Without all of its frames a transaction did not happen. How many there are must decide nothing: something
                // is always lost of them, unless everything is kept.
                let mut image = self.after(doom.loss);
                let whole = log.is_none() || doom.loss == Loss::Nothing;
                let log = log.and_then(|log| self.by_number.get(&log));
                if !whole && log.is_some_and(|log| image.holds(&log.name, &log.now)) {
                    image = self.after(Loss::All);
                }
                doom.left = Some((image, whole));
            }
            None => {}
        }
        self.doom = Some(doom);
    }

    /// The process is dead; whether all that it committed is durable.
    pub(super) fn passes(&mut self) -> bool {
        let (image, whole) = match self.doom.take() {
            Some(Doom {
                left: Some(left), ..
            }) => left,
            Some(Doom { loss, .. }) => (self.after(loss), true),
            None => (self.image(), true),
        };
        self.becomes(image);
        whole
    }
}

impl File {
    /// Whether what is not durable yet is more than a log's header.
    fn commits(&self) -> bool {
        self.changes.iter().any(
            |change| matches!(change, Change::Write { at, bytes } if at + bytes.len() > LOG_HEADER),
        )
    }
}
