//! Reports: what a person hands to the operator is sealed for the disk, and opened for the operator alone.

use keyfold_wire::ids::AccountId;
use keyfold_wire::ids::Timestamp;
use keyfold_wire::v1::server_frame::Content;
use keyfold_wire::{Message as _, v1};
use sha2::{Digest as _, Sha256};

use super::{Core, Device};
use crate::clock::Clock;
use crate::refusal::Refusal;
use crate::request::Report;
use crate::store::report::{NewReport, ReportId};
use crate::store::{Operation, Store};

/// A report, opened. It is its reporter's word. Does not print: it holds what people have said.
pub struct OpenedReport {
    /// Who has handed it over.
    pub by: Option<String>,
    /// When it came.
    pub at: Timestamp,
    /// Whom it is about.
    pub account: Option<String>,
    /// What the reporter says.
    pub about: String,
    /// What was said, by their word: by whom, when, and what.
    pub messages: Vec<(Option<String>, Timestamp, String)>,
}

impl<S: Store, C: Clock> Core<S, C> {
    /// Keeps a report of a device's account.
    pub(super) async fn keep_report(
        &self,
        device: &Device,
        report: Report,
    ) -> Result<Content, Refusal> {
        self.confirm(device.mailbox).await?;
        let Report { id, encoded } = report;
        let sealed = self.key.seal_report(&id, &encoded);
        let new = NewReport {
            id: ReportId(id),
            account: device.account,
            // Of its id alone: of its words, whoever copies the disk could try out what they are.
            digest: Sha256::digest(id).into(),
            sealed: sealed.map_err(|_| Refusal::Unavailable)?,
        };
        self.store(Operation::Report(Box::new(new))).await?;
        Ok(self.done())
    }

    /// The reports that are kept: each one's id and when it came, the oldest first.
    ///
    /// # Errors
    /// [`Refusal::Unavailable`].
    pub async fn reports(&self) -> Result<Vec<(ReportId, Timestamp)>, Refusal> {
        self.store.reports().await
    }

    /// One report, opened.
    ///
    /// # Errors
    /// [`Refusal::NotFound`]; [`Refusal::Unavailable`], also where the key that it was sealed under is another one.
    pub async fn report(&self, id: ReportId) -> Result<OpenedReport, Refusal> {
        let record = self.store.report(id).await?.ok_or(Refusal::NotFound)?;
        let opened = self.key.open_report(&id.0, &record.sealed);
        let report = opened.and_then(|bytes| v1::Report::decode(bytes).ok());
        let report = report.ok_or(Refusal::Unavailable)?;
        let mut messages = Vec::new();
        for one in report.messages {
            let sender = self.handle_of(&one.sender).await?;
            messages.push((sender, Timestamp(one.at_ms), one.text));
        }
        Ok(OpenedReport {
            by: self.handle_of(record.account.as_bytes()).await?,
            at: record.at,
            account: self.handle_of(&report.account).await?,
            about: report.about,
            messages,
        })
    }

    /// Deletes a report.
    ///
    /// # Errors
    /// [`Refusal::NotFound`]; [`Refusal::Unavailable`], [`Refusal::Busy`].
    pub async fn delete_report(&self, id: ReportId) -> Result<(), Refusal> {
        self.store(Operation::ForgetReport(id)).await.map(drop)
    }

    /// What an account is called here; `None`: there is none.
    async fn handle_of(&self, account: &[u8]) -> Result<Option<String>, Refusal> {
        let Ok(account) = AccountId::try_from(account) else {
            return Ok(None);
        };
        Ok(self.store.account(account).await?.map(|one| one.handle))
    }
}
