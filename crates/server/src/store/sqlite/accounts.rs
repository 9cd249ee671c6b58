//! Accounts, devices and their addresses.

use keyfold_wire::ids::{AccountId, DeviceId, MailboxId, Serial, Timestamp};
use keyfold_wire::limits;
use rusqlite::{OptionalExtension as _, params};

use super::super::Outcome;
use super::super::operation::{Admission, NewAccount, NewDevice};
use super::super::record::next_number;
use super::read;
use super::writer::{Stop, Writer};
use crate::core::Device;
use crate::refusal::Refusal;

impl Writer {
    pub(super) fn register(&mut self, new: &NewAccount) -> Result<Outcome, Stop> {
        if let Some(outcome) = self.registered_before(new)? {
            return Ok(outcome);
        }
        match new.admission {
            Admission::Refused(refusal) => return Err(refusal.into()),
            Admission::Invited(code)
                if !self.has("SELECT 1 FROM invitations WHERE code = ?1", code)? =>
            {
                return Err(Refusal::InvitationInvalid.into());
            }
            Admission::Free | Admission::Invited(_) => {}
        }
        let skeleton = new.handle.skeleton();
        if self.has("SELECT 1 FROM accounts WHERE skeleton = ?1", skeleton)? {
            return Err(Refusal::HandleTaken.into());
        }
        self.check_token(&new.device.token_hash)?;
        if let Admission::Invited(code) = new.admission {
            self.db
                .prepare_cached("DELETE FROM invitations WHERE code = ?1")?
                .execute([code])?;
        }
        self.db
            .prepare_cached(
                "INSERT INTO accounts (account, handle, skeleton, account_key, recovery_key, digest, first_token) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .execute(params![
                new.account.as_bytes(),
                new.handle.normal(),
                skeleton,
                new.account_key,
                new.recovery_key,
                new.digest,
                new.device.token_hash,
            ])?;
        self.insert_device(self.db.last_insert_rowid(), &new.device)?;
        let mailbox = new.device.mailbox;
        Ok(Outcome::Device(Device {
            account: new.account,
            id: new.device.id,
            mailbox,
        }))
    }

    fn registered_before(&self, new: &NewAccount) -> Result<Option<Outcome>, Stop> {
        let found = self
            .db
            .prepare_cached("SELECT digest, first_token FROM accounts WHERE account = ?1")?
            .query_row([new.account.as_bytes()], |row| {
                Ok((row.get::<_, [u8; 32]>(0)?, row.get::<_, [u8; 32]>(1)?))
            })
            .optional()?;
        let Some((digest, token_hash)) = found else {
            return Ok(None);
        };
        if digest != new.digest {
            return Err(Refusal::Conflict.into());
        }
        let device = read::device(&self.db, &token_hash)?.ok_or(Refusal::Unauthenticated)?;
        Ok(Some(new.recognise(device)?))
    }

    fn has(&self, sql: &str, key: impl rusqlite::ToSql) -> Result<bool, Stop> {
        Ok(self.db.prepare_cached(sql)?.exists([key])?)
    }

    fn check_token(&self, token_hash: &[u8; 32]) -> Result<(), Stop> {
        if self.has("SELECT 1 FROM devices WHERE token_hash = ?1", token_hash)? {
            return Err(Refusal::Conflict.into());
        }
        Ok(())
    }

    fn insert_device(&mut self, account: i64, device: &NewDevice) -> Result<(), Stop> {
        self.db
            .prepare_cached(
                "INSERT INTO devices (account, device, certificate, token_hash, mailbox) \
                 VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![
                account,
                device.id.as_bytes(),
                &device.certificate[..],
                device.token_hash,
                device.mailbox.as_bytes(),
            ])?;
        let row = self.db.last_insert_rowid();
        self.db
            .prepare_cached("INSERT INTO cursors (mailbox) VALUES (?1)")?
            .execute([row])?;
        self.mailboxes.remove(&device.mailbox);
        Ok(())
    }

    pub(super) fn add_device(
        &mut self,
        account: AccountId,
        device: &NewDevice,
    ) -> Result<Outcome, Stop> {
        let account = self.account_row(account)?.ok_or(Refusal::Unauthenticated)?;
        let same = self
            .db
            .prepare_cached(
                "SELECT certificate = ?3 AND token_hash = ?4 FROM devices WHERE account = ?1 AND device = ?2",
            )?
            .query_row(
                params![account, device.id.as_bytes(), &device.certificate[..], device.token_hash],
                |row| row.get::<_, bool>(0),
            )
            .optional()?;
        match same {
            Some(true) => return Ok(Outcome::Done),
            Some(false) => return Err(Refusal::Conflict.into()),
            None => self.check_token(&device.token_hash)?,
        }
        let devices: u32 = self
            .db
            .prepare_cached("SELECT count(*) FROM devices WHERE account = ?1")?
            .query_row([account], |row| row.get(0))?;
        if devices as usize >= limits::MAX_DEVICES {
            return Err(Refusal::TooManyDevices.into());
        }
        self.insert_device(account, device)?;
        Ok(Outcome::Done)
    }

    /// `former` and the one that takes its place.
    pub(super) fn renew_certificate(
        &mut self,
        account: AccountId,
        device: DeviceId,
        [former, certificate]: [&[u8]; 2],
    ) -> Result<Outcome, Stop> {
        let found = self
            .db
            .prepare_cached(
                "SELECT id, certificate FROM devices WHERE device = ?2 \
                 AND account = (SELECT id FROM accounts WHERE account = ?1)",
            )?
            .query_row(params![account.as_bytes(), device.as_bytes()], |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?))
            })
            .optional()?;
        let (row, held) = found.ok_or(Refusal::NotFound)?;
        if held != certificate && held != former {
            return Err(Refusal::Conflict.into());
        }
        self.db
            .prepare_cached("UPDATE devices SET certificate = ?2 WHERE id = ?1")?
            .execute(params![row, certificate])?;
        Ok(Outcome::Done)
    }

    pub(super) fn replace_token(
        &mut self,
        mailbox: MailboxId,
        token_hash: &[u8; 32],
    ) -> Result<Outcome, Stop> {
        let row = self.mailbox(mailbox)?.ok_or(Refusal::Unauthenticated)?.row;
        let holder: Option<i64> = self
            .db
            .prepare_cached("SELECT id FROM devices WHERE token_hash = ?1")?
            .query_row([token_hash], |row| row.get(0))
            .optional()?;
        match holder {
            Some(holder) if holder == row => return Ok(Outcome::Done),
            Some(_) => return Err(Refusal::Conflict.into()),
            None => {}
        }
        self.db
            .prepare_cached("UPDATE devices SET token_hash = ?2 WHERE id = ?1")?
            .execute(params![row, token_hash])?;
        Ok(Outcome::Done)
    }

    pub(super) fn account_row(&self, account: AccountId) -> Result<Option<i64>, Stop> {
        Ok(self
            .db
            .prepare_cached("SELECT id FROM accounts WHERE account = ?1")?
            .query_row([account.as_bytes()], |row| row.get(0))
            .optional()?)
    }

    pub(super) fn remove_device(
        &mut self,
        account: AccountId,
        device: DeviceId,
    ) -> Result<Outcome, Stop> {
        let found = self
            .db
            .prepare_cached(
                "DELETE FROM devices WHERE device = ?2 \
                 AND account = (SELECT id FROM accounts WHERE account = ?1) RETURNING id, mailbox",
            )?
            .query_row(params![account.as_bytes(), device.as_bytes()], |row| {
                Ok((row.get::<_, i64>(0)?, MailboxId::new(row.get(1)?)))
            })
            .optional()?;
        let Some((row, mailbox)) = found else {
            return Ok(Outcome::Removed(None));
        };
        for sql in [
            "DELETE FROM cursors WHERE mailbox = ?1",
            "DELETE FROM signals WHERE mailbox = ?1",
            "DELETE FROM revoked WHERE mailbox = ?1",
            "DELETE FROM key_packages WHERE device = ?1",
            "INSERT INTO doomed (mailbox) VALUES (?1)",
        ] {
            self.db.prepare_cached(sql)?.execute([row])?;
        }
        self.mailboxes.remove(&mailbox);
        Ok(Outcome::Removed(Some(mailbox)))
    }

    pub(super) fn take_serials(
        &mut self,
        mailbox: MailboxId,
        count: u32,
        now: Timestamp,
    ) -> Result<Outcome, Stop> {
        let row = self.mailbox(mailbox)?.ok_or(Refusal::Unauthenticated)?.row;
        let first = next_number(self.given(row)?, now);
        let given = first - 1 + u64::from(count);
        self.db
            .prepare_cached("UPDATE devices SET given = ?2 WHERE id = ?1")?
            .execute(params![row, given.cast_signed()])?;
        Ok(Outcome::Serials(Serial(first)))
    }

    /// The last serial that was given for addresses of this device.
    fn given(&self, device: i64) -> rusqlite::Result<u64> {
        self.db
            .prepare_cached("SELECT given FROM devices WHERE id = ?1")?
            .query_row([device], |row| read::unsigned(row, 0))
    }

    pub(super) fn revoke(
        &mut self,
        mailbox: MailboxId,
        serials: &[Serial],
        now: Timestamp,
    ) -> Result<Outcome, Stop> {
        let row = self.mailbox(mailbox)?.ok_or(Refusal::Unauthenticated)?.row;
        let next = next_number(self.given(row)?, now);
        for serial in serials
            .iter()
            .map(|serial| serial.0)
            .filter(|serial| *serial < next)
        {
            self.db
                .prepare_cached(
                    "INSERT INTO revoked (mailbox, serial) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
                )?
                .execute(params![row, serial.cast_signed()])?;
            if let Some(entry) = self.mailbox(mailbox)? {
                entry.revoked.insert(serial);
            }
        }
        Ok(Outcome::Done)
    }

    pub(super) fn invite(&mut self, code: &[u8; 32]) -> Result<Outcome, Stop> {
        self.db
            .prepare_cached("INSERT INTO invitations (code) VALUES (?1) ON CONFLICT DO NOTHING")?
            .execute([code])?;
        Ok(Outcome::Done)
    }
}
