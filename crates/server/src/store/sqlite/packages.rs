//! Key packages: one-time ones are handed out once, the last resort when no other is left.
//!
//! A one-time key package that was handed out leaves its digest behind, so that a request to publish it that is sent
//! again does not bring it back.

use std::collections::{BTreeMap, HashSet};

use keyfold_wire::ids::{AccountId, MailboxId, Timestamp};
use keyfold_wire::{limits, v1};
use rusqlite::{OptionalExtension as _, params};
use sha2::{Digest as _, Sha256};

use super::super::Outcome;
use super::super::record::day;
use super::read;
use super::writer::{Stop, Writer};
use crate::core::Vouched;
use crate::refusal::Refusal;
use crate::request::KeyPackage;

/// Key packages as they will lie at the server, and their digests.
struct Fresh<'a> {
    packages: Vec<(&'a KeyPackage, [u8; 32])>,
}

impl Writer {
    pub(super) fn publish(
        &mut self,
        mailbox: MailboxId,
        packages: &[KeyPackage],
        replace: bool,
    ) -> Result<Outcome, Stop> {
        let device = self.mailbox(mailbox)?.ok_or(Refusal::Unauthenticated)?.row;
        let fresh = self.fresh(device, packages, replace)?;
        self.check_supply(device, &fresh, replace)?;
        if replace {
            self.db
                .prepare_cached("DELETE FROM key_packages WHERE device = ?1 AND spent IS NULL")?
                .execute([device])?;
        }
        for (package, digest) in fresh.packages {
            if package.last_resort {
                self.db
                    .prepare_cached(
                        "DELETE FROM key_packages \
                         WHERE device = ?1 AND suite = ?2 AND last_resort AND spent IS NULL",
                    )?
                    .execute(params![device, package.suite])?;
            }
            self.db
                .prepare_cached(
                    "INSERT INTO key_packages (device, suite, last_resort, digest, data) \
                     VALUES (?1, ?2, ?3, ?4, ?5)",
                )?
                .execute(params![
                    device,
                    package.suite,
                    package.last_resort,
                    digest,
                    &package.data[..]
                ])?;
        }
        Ok(Outcome::Done)
    }

    /// Those that the device has not published before.
    fn fresh<'a>(
        &self,
        device: i64,
        packages: &'a [KeyPackage],
        replace: bool,
    ) -> Result<Fresh<'a>, Stop> {
        let mut known = self.db.prepare_cached(
            "SELECT 1 FROM key_packages WHERE device = ?1 AND digest = ?2 AND (spent IS NOT NULL OR NOT ?3)",
        )?;
        let mut seen = HashSet::new();
        let mut fresh = Fresh {
            packages: Vec::with_capacity(packages.len()),
        };
        for package in packages {
            let digest: [u8; 32] = Sha256::digest(&package.data).into();
            if seen.insert(digest) && !known.exists(params![device, digest, replace])? {
                fresh.packages.push((package, digest));
            }
        }
        Ok(fresh)
    }

    fn check_supply(&self, device: i64, fresh: &Fresh<'_>, replace: bool) -> Result<(), Stop> {
        let mut one_time = BTreeMap::new();
        if !replace {
            let supply = read::supply(&self.db, device)?;
            one_time.extend(
                supply
                    .suites
                    .iter()
                    .map(|one| (one.suite, one.one_time as usize)),
            );
        }
        for (package, _) in fresh
            .packages
            .iter()
            .filter(|(package, _)| !package.last_resort)
        {
            *one_time.entry(u32::from(package.suite)).or_default() += 1;
        }
        if one_time
            .values()
            .any(|count| *count > limits::MAX_ONE_TIME_KEY_PACKAGES)
        {
            return Err(Refusal::TooLarge.into());
        }
        Ok(())
    }

    pub(super) fn fetch(
        &mut self,
        account: AccountId,
        suite: u16,
        vouched: &Vouched,
        now: Timestamp,
    ) -> Result<Outcome, Stop> {
        let account = self.account_row(account)?.ok_or(Refusal::NotFound)?;
        let rows: Vec<(i64, [u8; 16], [u8; 16])> = self
            .db
            .prepare_cached(
                "SELECT id, device, mailbox FROM devices WHERE account = ?1 ORDER BY id",
            )?
            .query_map([account], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
            .collect::<Result<_, _>>()?;
        let mut devices = Vec::with_capacity(rows.len());
        let mut low = Vec::new();
        for (row, device, mailbox) in rows {
            let mailbox = MailboxId::new(mailbox);
            let handed = self.hand_out(row, suite, vouched.has(mailbox), now)?;
            let mut handed = handed.unwrap_or_default();
            handed.device = bytes::Bytes::copy_from_slice(&device);
            let is_one_time = !handed.last_resort && !handed.key_package.is_empty();
            devices.push(handed);
            if is_one_time && (self.left(row, suite)? as usize) < limits::LOW_KEY_PACKAGES {
                low.push((mailbox, read::supply(&self.db, row)?));
            }
        }
        Ok(Outcome::KeyPackages { devices, low })
    }

    /// The oldest one-time key package, else the last resort; the other way round where it is not vouched for.
    fn hand_out(
        &self,
        device: i64,
        suite: u16,
        vouched: bool,
        now: Timestamp,
    ) -> Result<Option<v1::DeviceKeyPackage>, Stop> {
        let select = if vouched {
            "SELECT id, last_resort, data FROM key_packages \
             WHERE device = ?1 AND suite = ?2 AND spent IS NULL ORDER BY last_resort, id LIMIT 1"
        } else {
            "SELECT id, last_resort, data FROM key_packages \
             WHERE device = ?1 AND suite = ?2 AND spent IS NULL ORDER BY last_resort DESC, id LIMIT 1"
        };
        let found = self
            .db
            .prepare_cached(select)?
            .query_row(params![device, suite], |row| {
                let handed = v1::DeviceKeyPackage {
                    key_package: read::blob(row, 2)?.unwrap_or_default(),
                    last_resort: row.get(1)?,
                    ..Default::default()
                };
                Ok((row.get::<_, i64>(0)?, handed))
            })
            .optional()?;
        let Some((id, handed)) = found else {
            return Ok(None);
        };
        if !handed.last_resort {
            self.db
                .prepare_cached("UPDATE key_packages SET spent = ?2, data = x'' WHERE id = ?1")?
                .execute(params![id, day(now)])?;
        }
        Ok(Some(handed))
    }

    fn left(&self, device: i64, suite: u16) -> Result<u32, Stop> {
        Ok(self
            .db
            .prepare_cached(
                "SELECT count(*) FROM key_packages \
                 WHERE device = ?1 AND suite = ?2 AND NOT last_resort AND spent IS NULL",
            )?
            .query_row(params![device, suite], |row| row.get(0))?)
    }
}
