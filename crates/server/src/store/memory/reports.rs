//! Reports of people to the operator.

use keyfold_wire::ids::Timestamp;
use keyfold_wire::limits::REPORT_RETENTION;

use super::State;
use crate::refusal::Refusal;
use crate::store::report::{NewReport, REPORT_DAY, ReportId, ReportRecord, room};
use crate::store::{Answer, Outcome};

/// One, and by what a repeat is known.
#[derive(Clone)]
pub(super) struct Kept {
    pub(super) record: ReportRecord,
    digest: [u8; 32],
}

impl State {
    pub(super) fn report(&mut self, new: NewReport, now: Timestamp) -> Answer {
        if let Some(known) = self.reports.get(&new.id) {
            let same = known.record.account == new.account && known.digest == new.digest;
            return if same {
                Ok(Outcome::Done)
            } else {
                Err(Refusal::Conflict)
            };
        }
        let day = now.before(REPORT_DAY);
        let reports = self.reports.values().map(|kept| &kept.record);
        let of_account = reports.filter(|one| one.account == new.account && one.at > day);
        room(of_account.count(), self.reports.len())?;
        let kept = Kept {
            record: ReportRecord {
                id: new.id,
                account: new.account,
                at: now,
                sealed: new.sealed,
            },
            digest: new.digest,
        };
        self.reports.insert(new.id, kept);
        Ok(Outcome::Done)
    }

    pub(super) fn forget_report(&mut self, id: ReportId) -> Answer {
        let forgotten = self.reports.remove(&id);
        forgotten.map(|_| Outcome::Done).ok_or(Refusal::NotFound)
    }

    pub(super) fn sweep_reports(&mut self, now: Timestamp, left: &mut usize) {
        let kept = now.before(REPORT_RETENTION);
        self.reports.retain(|_, one| {
            let goes = one.record.at < kept && *left > 0;
            *left -= usize::from(goes);
            !goes
        });
    }
}
