//! Commands: checked against what is here, then written down as intents.

use keyfold_protocol::content::Saying;
use keyfold_protocol::limits::MAX_GROUP_PICTURE;
use keyfold_protocol::picture::GroupPicture;
use keyfold_protocol::rules::GroupView;
use keyfold_protocol::state::{Description, Name, Role};
use keyfold_protocol::suite::Suite;
use keyfold_wire::ids::{AccountId, ConversationId};

use super::Step;
use crate::Fault;
use crate::command::{Answer, Command, Complaint};
use crate::limits::MAX_PEOPLE;
use crate::memory::Loaded;
use crate::table::conversation::{self, ConversationRow};
use crate::table::intent::{Progress, Wish};
use crate::table::{contact, mark, setting};
use crate::view::{Privacy, Standing};

/// A command's answer, or why not.
pub(super) type Answered = Result<Answer, Complaint>;

impl Step<'_> {
    /// Does what a person asks for, as far as that goes at once.
    pub(super) fn command(&mut self, command: Command) -> Result<Answered, Fault> {
        let registered = self.identity.is_some();
        match command {
            Command::Register {
                handle,
                invitation,
                suites,
            } => self.register(&handle, &invitation, &suites),
            Command::RequestLink { suites } => self.request_link(&suites),
            Command::AcceptLink { certificate } => self.accept_link(&certificate),
            Command::AskFirst { wanted } => self.ask_first(wanted),
            Command::RecoveryKeyKept => {
                setting::remove(self.tx, setting::Setting::Recovery)?;
                self.erase = true;
                Ok(Ok(Answer::Taken))
            }
            _ if !registered => Ok(Err(Complaint::NotRegistered)),
            Command::AddDevice { link_request } => self.add_device(&link_request),
            Command::RemoveDevice { device } => self.remove_device(device),
            Command::Create {
                people,
                name,
                suite,
            } => self.begin(&people, name.as_deref(), suite),
            Command::LookUp { handle } => self.look_up(&handle),
            Command::Forward {
                conversation,
                message,
                to,
            } => self.forward(&conversation, &message, to),
            Command::MarkVerified { account } => self.mark_verified(&account),
            Command::UseCard {
                conversation,
                message,
            } => self.use_card(&conversation, &message),
            Command::SetProfile {
                name,
                about,
                picture,
            } => self.set_profile(&name, &about, picture),
            Command::Block { account } => self.block(&account, true),
            Command::Unblock { account } => self.block(&account, false),
            Command::FileUploaded(upload) => self.file_uploaded(upload),
            Command::FileFailed(upload, why) => self.file_failed(upload, why),
            Command::CancelFile(upload) => self.cancel_file(upload),
            Command::Foreground { active } => self.foreground(active),
            Command::SetPrivacy {
                presence,
                receipts,
                typing,
            } => self.set_privacy(&Privacy {
                presence,
                receipts,
                typing,
            }),
            other => match self.by_link(other)? {
                Ok(answered) => Ok(answered),
                Err(other) => self.in_conversation(other),
            },
        }
    }

    fn in_conversation(&mut self, command: Command) -> Result<Answered, Fault> {
        let (Command::Send { conversation, .. }
        | Command::Reply { conversation, .. }
        | Command::Edit { conversation, .. }
        | Command::TakeBack { conversation, .. }
        | Command::React { conversation, .. }
        | Command::Pin { conversation, .. }
        | Command::Add { conversation, .. }
        | Command::Remove { conversation, .. }
        | Command::Leave { conversation }
        | Command::Rename { conversation, .. }
        | Command::ChangeRole { conversation, .. }
        | Command::Describe { conversation, .. }
        | Command::Allow { conversation, .. }
        | Command::Update { conversation }
        | Command::MarkRead { conversation }
        | Command::Hide { conversation, .. }
        | Command::Clear { conversation }
        | Command::DeleteConversation { conversation }
        | Command::Star { conversation, .. }
        | Command::Mark { conversation, .. }
        | Command::SendFile { conversation, .. }
        | Command::SetTimer { conversation, .. }
        | Command::SendFleeting { conversation, .. }
        | Command::Typing { conversation, .. }
        | Command::AskReadBy { conversation, .. }
        | Command::SetGroupPicture { conversation, .. }
        | Command::SendPreviewed { conversation, .. }
        | Command::SendPoll { conversation, .. }
        | Command::Vote { conversation, .. }
        | Command::EndPoll { conversation, .. }
        | Command::SendLocation { conversation, .. }
        | Command::SendContact { conversation, .. }
        | Command::OpenOnce { conversation, .. }
        | Command::Accept { conversation }
        | Command::Report { conversation, .. }) = &command
        else {
            return Ok(Ok(Answer::Taken));
        };
        let Some(mut loaded) = self.named(conversation)? else {
            return Ok(Err(Complaint::NoSuchConversation));
        };
        let answer = match self.may_be_done(&loaded, &command) {
            Ok(Ok(())) => self.change(&mut loaded, command),
            Ok(Err(complaint)) => Ok(Err(complaint)),
            Err(fault) => Err(fault),
        };
        self.put(loaded);
        answer
    }

    fn change(&mut self, loaded: &mut Loaded, command: Command) -> Result<Answered, Fault> {
        let command = match self.in_order(loaded, command)? {
            Ok(answered) => return Ok(answered),
            Err(other) => other,
        };
        if let Err(complaint) = may_speak(loaded) {
            return Ok(Err(complaint));
        }
        match command {
            Command::Send { text, .. } => {
                let text = self.with_mentions(loaded, &text)?;
                let text = Saying::Text {
                    text: &text,
                    in_reply_to: None,
                };
                self.say(loaded, text)
            }
            Command::Reply { to, text, .. } => self.answer_message(loaded, &to, &text),
            Command::Edit { message, text, .. } => self.edit(loaded, &message, &text),
            Command::TakeBack { message, .. } => self.take_back_message(loaded, &message),
            Command::React { message, emoji, .. } => self.react(loaded, &message, emoji.as_deref()),
            Command::Pin {
                message, pinned, ..
            } => self.pin(loaded, &message, pinned),
            Command::SendFile { file, caption, .. } => {
                let caption = self.with_mentions(loaded, &caption)?;
                self.send_file(loaded, &file, &caption)
            }
            Command::SetTimer { timer, .. } => self.set_timer(loaded, timer),
            Command::SendFleeting { text, lasts, .. } => self.say_fleeting(loaded, &text, lasts),
            Command::AskReadBy { message, .. } => self.ask_read_by(loaded, &message),
            Command::SendPreviewed { text, preview, .. } => {
                self.say_previewed(loaded, &text, *preview)
            }
            Command::SendPoll {
                question,
                options,
                choice,
                ..
            } => self.ask_poll(loaded, &question, &options, choice),
            Command::Vote {
                message, choices, ..
            } => self.vote(loaded, &message, choices),
            Command::EndPoll { message, .. } => self.end_poll(loaded, &message),
            Command::SendLocation { place, .. } => self.send_location(loaded, &place),
            Command::SendContact { handle, .. } => self.send_contact(loaded, &handle),
            Command::Update { .. } => {
                self.wish(loaded, &Wish::Update)?;
                Ok(Ok(Answer::Taken))
            }
            _ if loaded.row.direct => Ok(Err(Complaint::GroupsOnly)),
            Command::Leave { .. } => self.leave(loaded),
            other => self.change_group(loaded, other),
        }
    }

    /// What a person keeps in order on this device alone can be done wherever the conversation stands. `Err`: it is something else.
    fn in_order(
        &mut self,
        loaded: &mut Loaded,
        command: Command,
    ) -> Result<Result<Answered, Command>, Fault> {
        let answered = match command {
            // What waits to be accepted is not read by being looked at.
            Command::MarkRead { .. } if self.is_request(loaded)? => Ok(Answer::Taken),
            Command::MarkRead { .. } => {
                let read_up_to = loaded.row.next.saturating_sub(1);
                let row = loaded.change();
                (row.read_up_to, row.unread) = (read_up_to, 0);
                self.begin_read(loaded.row.row, read_up_to)?;
                mark::seen(self.tx, loaded.row.row)?;
                self.has_read(loaded)?;
                Ok(Answer::Taken)
            }
            Command::Hide { messages, .. } => self.hide(loaded, &messages)?,
            Command::Clear { .. } => self.clear(loaded)?,
            Command::DeleteConversation { .. } => self.delete_conversation(loaded)?,
            Command::Star {
                messages, starred, ..
            } => self.star(loaded, &messages, starred)?,
            Command::Mark { mark, .. } => self.mark(loaded, mark)?,
            Command::Typing { typing, .. } => Ok(self.typing(loaded, typing)?),
            Command::OpenOnce { message, .. } => self.open_once(loaded, &message)?,
            Command::Accept { .. } => self.accept(loaded)?,
            Command::Report {
                messages, about, ..
            } => self.report(loaded, &messages, about)?,
            other => return Ok(Err(other)),
        };
        Ok(Ok(answered))
    }

    fn change_group(&mut self, loaded: &mut Loaded, command: Command) -> Result<Answered, Fault> {
        let view = if self.load_group(loaded)? {
            loaded
                .group
                .as_ref()
                .map(|current| current.group.view().clone())
        } else {
            None
        };
        let me = self.me()?.account();
        match command {
            Command::Add { people, .. } => self.add(loaded, view.as_ref(), &people),
            Command::Remove { people, .. } => self.remove(loaded, view.as_ref(), &people),
            Command::Rename { name, .. } => {
                if let Err(complaint) = check_name(&name) {
                    return Ok(Err(complaint));
                }
                if view.is_some_and(|view| !view.may_edit(me)) {
                    return Ok(Err(Complaint::NotAllowed));
                }
                self.wish(loaded, &Wish::Rename(name))?;
                Ok(Ok(Answer::Taken))
            }
            Command::Describe { description, .. } => {
                if let Err(error) = Description::new(&description) {
                    return Ok(Err(Complaint::Name(error.to_string())));
                }
                if view.is_some_and(|view| !view.may_edit(me)) {
                    return Ok(Err(Complaint::NotAllowed));
                }
                self.wish(loaded, &Wish::Describe(description))?;
                Ok(Ok(Answer::Taken))
            }
            Command::SetGroupPicture { picture, .. } => {
                if picture
                    .clone()
                    .is_some_and(|one| GroupPicture::new(one).is_err())
                {
                    return Ok(Err(Complaint::GroupPicture(MAX_GROUP_PICTURE)));
                }
                if view.is_some_and(|view| !view.may_edit(me)) {
                    return Ok(Err(Complaint::NotAllowed));
                }
                self.wish(loaded, &Wish::Picture(picture))?;
                Ok(Ok(Answer::Taken))
            }
            Command::Allow { deed, policy, .. } => {
                if view.is_some_and(|view| view.authority(me) < Role::Admin) {
                    return Ok(Err(Complaint::NotAllowed));
                }
                self.wish(loaded, &Wish::Allow(deed, policy))?;
                Ok(Ok(Answer::Taken))
            }
            Command::ChangeRole { account, role, .. } => {
                if view.is_some_and(|view| view.authority(me) < Role::Admin) {
                    return Ok(Err(Complaint::NotAllowed));
                }
                self.wish(
                    loaded,
                    &Wish::Role(*account.as_bytes(), Wish::role_number(role)),
                )?;
                Ok(Ok(Answer::Taken))
            }
            _ => Ok(Ok(Answer::Taken)),
        }
    }

    fn add(
        &mut self,
        loaded: &mut Loaded,
        view: Option<&GroupView>,
        people: &[String],
    ) -> Result<Answered, Fault> {
        let handles = match self.handles(people)? {
            Ok(handles) => handles,
            Err(complaint) => return Ok(Err(complaint)),
        };
        let me = self.me()?.account();
        if view.is_some_and(|view| !view.may_add(me)) {
            return Ok(Err(Complaint::NotAllowed));
        }
        let now = self.now;
        let intent = self.intend(loaded.row.row, &Wish::Add, Progress::Gathering, now)?;
        for handle in &handles {
            self.gather_handle(intent, handle)?;
        }
        Ok(Ok(Answer::Taken))
    }

    fn remove(
        &mut self,
        loaded: &mut Loaded,
        view: Option<&GroupView>,
        people: &[String],
    ) -> Result<Answered, Fault> {
        let me = self.me()?.account();
        let mut accounts = Vec::new();
        for typed in people {
            let handle = normal_form(typed);
            let Some(account) = self.member_called(view, &handle)? else {
                return Ok(Err(Complaint::NotThere(handle)));
            };
            let allowed = view.is_none_or(|view| view.may_remove(me, account));
            if account == me {
                return Ok(Err(Complaint::Oneself));
            }
            if !allowed {
                return Ok(Err(Complaint::NotAllowed));
            }
            accounts.push(*account.as_bytes());
        }
        if accounts.is_empty() {
            return Ok(Err(Complaint::People(MAX_PEOPLE)));
        }
        self.wish(loaded, &Wish::Remove(accounts))?;
        Ok(Ok(Answer::Taken))
    }

    /// The member account that goes by this handle.
    fn member_called(
        &self,
        view: Option<&GroupView>,
        handle: &str,
    ) -> Result<Option<AccountId>, Fault> {
        let Some(view) = view else { return Ok(None) };
        let confirmed = contact::by_handle(self.tx, handle)?.map(|contact| contact.account);
        let leaves = view.leaves.iter().map(|leaf| &leaf.certificate);
        let mut named = leaves.filter(|certificate| certificate.handle == handle);
        Ok(match confirmed {
            Some(account) if view.accounts().contains(&account) => Some(account),
            _ => named.next().map(|certificate| certificate.account),
        })
    }

    /// Writes down an intent that needs nothing from the directory.
    pub(super) fn wish(&mut self, loaded: &mut Loaded, wish: &Wish) -> Result<(), Fault> {
        let now = self.now;
        self.intend(loaded.row.row, wish, Progress::Ready, now)?;
        self.touched.insert(loaded.row.row);
        Ok(())
    }

    /// Begins a conversation, or finds the one that two people already have.
    pub(super) fn begin(
        &mut self,
        people: &[String],
        name: Option<&str>,
        suite: Option<Suite>,
    ) -> Result<Answered, Fault> {
        let handles = match self.handles(people)? {
            Ok(handles) => handles,
            Err(complaint) => return Ok(Err(complaint)),
        };
        if let Some(Err(complaint)) = name.map(check_name) {
            return Ok(Err(complaint));
        }
        let direct = handles.len() == 1 && name.is_none();
        if direct && let Some(row) = self.existing_direct(handles.first())? {
            let mut loaded = self.expect(row)?;
            let (id, shown_in) = (loaded.row.public_id, loaded.row.shown_in);
            // Whoever begins with somebody who has asked accepts it.
            let accepted = self.accept(&mut loaded);
            self.put(loaded);
            if let Err(complaint) = accepted? {
                return Ok(Err(complaint));
            }
            mark::spoken(self.tx, shown_in)?;
            return Ok(Ok(Answer::Conversation(id)));
        }
        let title = match (direct, handles.first()) {
            (true, Some(handle)) => handle.clone(),
            _ => name.map_or_else(|| handles.join(", "), str::to_owned),
        };
        let title: String = title.chars().take(crate::limits::MAX_NAME / 4).collect();
        let public_id = ConversationId::new(self.rng.bytes());
        let mut row = ConversationRow::new(public_id, direct, title, suite.unwrap_or_default());
        conversation::insert(self.tx, &mut row)?;
        let wish = Wish::Create {
            suite: suite.map(Suite::number),
        };
        let now = self.now;
        let intent = self.intend(row.row, &wish, Progress::Gathering, now)?;
        for handle in &handles {
            self.gather_handle(intent, handle)?;
        }
        self.gather_own_devices(intent)?;
        Ok(Ok(Answer::Conversation(public_id)))
    }

    /// The one-to-one conversation with this person that is in use or being made.
    fn existing_direct(&self, handle: Option<&String>) -> Result<Option<conversation::Row>, Fault> {
        let Some(handle) = handle else {
            return Ok(None);
        };
        let being_made = conversation::direct_being_made(self.tx, handle)?;
        let contact = contact::by_handle(self.tx, handle)?;
        // Who merely calls themselves so is not who is meant: the directory is asked.
        let Some(contact) = contact.filter(|contact| contact.confirmed) else {
            return Ok(being_made);
        };
        let existing = conversation::with_peer(self.tx, &contact.account)?;
        Ok(existing.first().copied().or(being_made))
    }

    /// Handles as the directory writes them, each once, without oneself.
    fn handles(&self, people: &[String]) -> Result<Result<Vec<String>, Complaint>, Fault> {
        let own = &self.me()?.certificate.handle;
        let mut handles: Vec<String> = Vec::new();
        for typed in people {
            let handle = normal_form(typed);
            if handle.is_empty() || handle.len() > keyfold_wire::limits::MAX_HANDLE {
                return Ok(Err(Complaint::Handle(typed.chars().take(40).collect())));
            }
            if handle != *own && !handles.contains(&handle) {
                handles.push(handle);
            }
        }
        if handles.is_empty() || handles.len() > MAX_PEOPLE {
            return Ok(Err(Complaint::People(MAX_PEOPLE)));
        }
        Ok(Ok(handles))
    }

    fn mark_verified(&mut self, account: &AccountId) -> Result<Answered, Fault> {
        let Some(mut known) = contact::get(self.tx, account)? else {
            return Ok(Err(Complaint::NotThere("that account".to_owned())));
        };
        known.verified = true;
        contact::put(self.tx, &known)?;
        Ok(Ok(Answer::Taken))
    }

    /// A conversation by the id that people use; the twin that a one-to-one conversation goes on in.
    pub(super) fn named(&mut self, id: &ConversationId) -> Result<Option<Loaded>, Fault> {
        let Some(row) = conversation::row_of(self.tx, id)? else {
            return Ok(None);
        };
        let Some(loaded) = self.take(row)? else {
            return Ok(None);
        };
        if loaded.row.shown_in == row {
            return Ok(Some(loaded));
        }
        let shown_in = loaded.row.shown_in;
        self.put(loaded);
        self.take(shown_in)
    }
}

/// A handle in the directory's form.
pub(super) fn normal_form(typed: &str) -> String {
    keyfold_wire::handle::normal_form(typed)
}

/// Whether anything can be said or changed in a conversation.
pub(super) fn may_speak(loaded: &Loaded) -> Result<(), Complaint> {
    match loaded.row.standing {
        Standing::Left => Err(Complaint::NotAMember),
        Standing::Failed(_) => Err(Complaint::NoSuchConversation),
        _ if loaded.leaving => Err(Complaint::Leaving),
        Standing::Creating | Standing::Active | Standing::Held(_) | Standing::Rejoining(_) => {
            Ok(())
        }
    }
}

/// A group's name must be one that somebody can call it by.
fn check_name(name: &str) -> Result<(), Complaint> {
    if name.trim().is_empty() {
        return Err(Complaint::Name("the name is empty".to_owned()));
    }
    Name::new(name)
        .map(drop)
        .map_err(|error| Complaint::Name(error.to_string()))
}
