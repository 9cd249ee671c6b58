//! What somebody shows of themselves, and to whom.
//!
//! A profile is said in a conversation as a message that nobody shows, before the next thing that its owner says there, once it has changed or somebody has
//! come in: whoever has not been spoken to hears nothing of it. The server has no part in it (decision 0020).

use keyfold_protocol::content::{Picture, Profile, Saying};
use keyfold_protocol::limits::{MAX_ABOUT, MAX_PICTURE, MAX_PROFILE_VERSION};
use keyfold_protocol::state::{Description, Name};
use keyfold_wire::ids::{AccountId, Timestamp};

use super::Step;
use super::command::{Answered, may_speak};
use super::content::Fate;
use crate::Fault;
use crate::command::{Answer, Complaint};
use crate::limits::{MAX_WAITING, PROFILE_AHEAD, TOLD_AT_ONCE, TOLD_IN};
use crate::memory::Loaded;
use crate::outcome::Event;
use crate::table::member::{self, MemberRow};
use crate::table::{conversation, profile, timeline};

impl Step<'_> {
    /// A person shows something else of themselves. Whoever is talked to mostly is told at once, others when they are spoken to.
    pub(super) fn set_profile(
        &mut self,
        name: &str,
        about: &str,
        picture: Option<Vec<u8>>,
    ) -> Result<Answered, Fault> {
        let name = match Name::new(name.trim()) {
            Ok(name) => name,
            Err(error) => return Ok(Err(Complaint::Name(error.to_string()))),
        };
        let picture = picture.map(Picture::new).transpose();
        let (Ok(about), Ok(picture)) = (Description::new(about.trim()), picture) else {
            return Ok(Err(Complaint::Profile(MAX_ABOUT, MAX_PICTURE)));
        };
        let me = self.me()?.account();
        let before = profile::get(self.tx, &me)?.unwrap_or_default();
        let now = self.session.signals.to_server(self.now).0;
        let later = before.version.saturating_add(1).max(now);
        let mine = Profile {
            version: later.min(MAX_PROFILE_VERSION),
            name,
            about,
            picture,
        };
        if mine.check().is_err() {
            return Ok(Err(Complaint::Profile(MAX_ABOUT, MAX_PICTURE)));
        }
        let same = Profile {
            version: before.version,
            ..mine.clone()
        };
        if same == before {
            return Ok(Ok(Answer::Taken));
        }
        profile::put(self.tx, &me, &mine)?;
        self.erase_soon();
        self.tell(Event::PersonChanged(me));
        self.tell_some()?;
        Ok(Ok(Answer::Taken))
    }

    /// Tells the newest conversations that are small and have been spoken in.
    fn tell_some(&mut self) -> Result<(), Fault> {
        let mut room = TOLD_AT_ONCE;
        for row in conversation::active(self.tx)?.into_iter().rev() {
            let Some(mut loaded) = self.take(row)? else {
                continue;
            };
            let shown_in = loaded.row.shown_in;
            let spoken =
                profile::told(self.tx, row)?.is_some() || timeline::has_spoken(self.tx, shown_in)?;
            let few = member::all(self.tx, row)?.len() <= TOLD_IN;
            let told = if spoken && few && may_speak(&loaded).is_ok() {
                room = room.saturating_sub(1);
                self.tell_profile(&mut loaded)
            } else {
                Ok(())
            };
            self.put(loaded);
            told?;
            if room == 0 {
                break;
            }
        }
        Ok(())
    }

    /// Tells a conversation's members of one's own profile, where that is news to any of them.
    pub(super) fn tell_profile(&mut self, loaded: &mut Loaded) -> Result<(), Fault> {
        let me = self.me()?.account();
        let Some(mine) = profile::get(self.tx, &me)? else {
            return Ok(());
        };
        let row = loaded.row.row;
        let told = profile::told(self.tx, row)?;
        let waits = loaded.waiting >= MAX_WAITING || self.is_with_blocked(loaded)?;
        let waits = waits || self.is_request(loaded)?;
        if waits || told == Some(mine.version) {
            return Ok(());
        }
        profile::tell(self.tx, row, mine.version)?;
        let said = self.say(loaded, Saying::Profile(&mine))?;
        // What is in a profile has been checked.
        said.map(drop)
            .map_err(|_| Fault::corrupt("a profile can't be said"))
    }

    /// Somebody shows something else of themselves. Whose clock stands far ahead is taken by the server's, or nothing could follow it.
    pub(super) fn shows(
        &mut self,
        loaded: &Loaded,
        account: AccountId,
        shown: &Profile,
        at: Timestamp,
    ) -> Result<Fate, Fault> {
        let latest = at.max(self.session.signals.to_server(self.now));
        let counted = Profile {
            version: shown.version.min(latest.after(PROFILE_AHEAD).0),
            ..shown.clone()
        };
        let is_news = profile::put(self.tx, &account, &counted)?;
        if account == self.me()?.account() {
            profile::tell(self.tx, loaded.row.row, counted.version)?;
        }
        if !is_news {
            return Ok(Fate::Applied);
        }
        // What was shown before is in no file any more soon.
        self.erase_soon();
        self.tell(Event::PersonChanged(account));
        Ok(Fate::Applied)
    }

    /// Whoever comes in has not been told.
    pub(super) fn newcomers_are_told(
        &self,
        loaded: &Loaded,
        members: &[MemberRow],
    ) -> Result<(), Fault> {
        let row = loaded.row.row;
        if profile::told(self.tx, row)?.is_none() {
            return Ok(());
        }
        let before = member::all(self.tx, row)?;
        let comes = |member: &MemberRow| {
            let known = before.iter().find(|one| one.account == member.account);
            known.is_none_or(|known| known.devices < member.devices)
        };
        if members.iter().any(comes) {
            profile::untell(self.tx, row)?;
        }
        Ok(())
    }
}
