//! What others may see of this person: settings of this device.
//!
//! One byte each: who sees presence (0 everyone, 1 chosen people, 2 nobody), receipts, typing. The chosen people are a table.

use keyfold_wire::ids::AccountId;

use super::Step;
use super::command::Answered;
use crate::Fault;
use crate::command::{Answer, Complaint};
use crate::limits::MAX_CHOSEN;
use crate::table::setting::{self, Setting};
use crate::table::signal::{self as table, Shown};
use crate::view::{Audience, Privacy};

impl Step<'_> {
    /// What others may see.
    pub(super) fn privacy(&self) -> Result<Privacy, Fault> {
        load(self.tx)
    }

    /// Others may see this from now on. To whom presence is not shown any more, that is told.
    pub(super) fn set_privacy(&mut self, privacy: &Privacy) -> Result<Answered, Fault> {
        let chosen = match &privacy.presence {
            Audience::Chosen(chosen) if chosen.len() > MAX_CHOSEN => {
                return Ok(Err(Complaint::Chosen(MAX_CHOSEN)));
            }
            Audience::Chosen(chosen) => chosen.as_slice(),
            Audience::Everyone | Audience::Nobody => &[],
        };
        let audience = match privacy.presence {
            Audience::Everyone => 0,
            Audience::Chosen(_) => 1,
            Audience::Nobody => 2,
        };
        let stored = [
            audience,
            u8::from(privacy.receipts),
            u8::from(privacy.typing),
        ];
        setting::put(self.tx, Setting::Privacy, &stored)?;
        table::put_shown_to(self.tx, chosen)?;
        for row in table::shown(self.tx)? {
            let Some(loaded) = self.take(row)? else {
                continue;
            };
            let peer = loaded.row.peer;
            self.put(loaded);
            if peer.is_some_and(|peer| !privacy.presence.includes(&peer)) {
                let mut told = table::told(self.tx, row)?;
                told.presence = Shown::NotAnyMore;
                table::put_told(self.tx, row, &told)?;
                self.receipt_due(row, std::time::Duration::ZERO)?;
            }
        }
        let signals = &mut self.session.signals;
        if !privacy.typing {
            signals.typing.clear();
        }
        if let Some(due) = &mut signals.presence_due {
            *due = self.now;
        }
        Ok(Ok(Answer::Taken))
    }
}

/// Reads the settings.
pub(crate) fn load(tx: &rusqlite::Connection) -> Result<Privacy, Fault> {
    let Some(stored) = setting::get(tx, Setting::Privacy)? else {
        return Ok(Privacy::default());
    };
    let [audience, receipts, typing] = stored.as_slice() else {
        return Err(Fault::corrupt("the privacy settings do not read"));
    };
    Ok(Privacy {
        presence: match audience {
            0 => Audience::Everyone,
            1 => Audience::Chosen(table::shown_to(tx)?),
            _ => Audience::Nobody,
        },
        receipts: *receipts != 0,
        typing: *typing != 0,
    })
}

impl Audience {
    /// Whether this account is among them.
    #[must_use]
    pub fn includes(&self, account: &AccountId) -> bool {
        match self {
            Self::Everyone => true,
            Self::Chosen(chosen) => chosen.contains(account),
            Self::Nobody => false,
        }
    }
}
