//! The table of methods: what can be asked, with its parameters, and what becomes of it.
//!
//! A method is a command of the engine, a read, or asks something of the shell. The schema is made from this table as well.

use keyfold_engine::{Answer, Command, Engine, Fault};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::Kind;
use crate::params as p;
use crate::result::{self as r, OfAnswer};
use crate::schema::Pages;
use crate::{Error, event, query};

/// What the shell does for a method.
pub enum Work {
    /// Carry out a command, and write its answer so.
    Command(Command, fn(Answer) -> Result<Value, Error>),
    /// Read from the engine.
    Read(Reading),
    /// Look at what only the shell knows.
    Shell(Shell),
}

/// A read that is not done yet.
pub type Reading = Box<dyn FnOnce(&Engine) -> Result<Result<Value, Error>, Fault> + Send>;

/// What only the shell knows.
pub enum Shell {
    /// How the device stands towards its server: answered with [`event::Link`].
    Link,
    /// Wait until nothing waits any more, at most so long: answered with [`r::Settled`].
    Settle(std::time::Duration),
    /// Seal a file and send it: answered with [`r::Sending`].
    SendFile(p::SendFile),
    /// Give up sending a file: answered with [`r::Taken`].
    CancelFile(p::CancelFile),
    /// Load a file and put it on the disk: answered with [`r::Saved`].
    SaveFile(p::SaveFile),
}

macro_rules! methods {
    (
        commands { $($(#[doc = $c_doc:literal])* $c_name:literal $command:ident => $c_result:ident;)* }
        reads { $($(#[doc = $r_doc:literal])* $r_name:literal $read:ident($r_params:ident) $read_fn:ident;)* }
        shell { $($(#[doc = $s_doc:literal])* $s_name:literal $shell:ident($s_params:ident) => $s_result:ty, $ask:expr;)* }
    ) => {
        /// Something that is asked, with its parameters.
        #[derive(Clone, PartialEq, Eq)]
        pub enum Method {
            $($(#[doc = $c_doc])* $command(p::$command),)*
            $($(#[doc = $r_doc])* $read(p::$r_params),)*
            $($(#[doc = $s_doc])* $shell(p::$s_params),)*
        }

        impl Method {
            /// The names of those that are commands of the engine.
            pub const COMMANDS: &[&str] = &[$($c_name),*];

            /// The names of those that read.
            pub const READS: &[&str] = &[$($r_name),*];

            /// The names of those that ask the shell.
            pub const SHELL: &[&str] = &[$($s_name),*];

            /// Reads the parameters of the method of this name.
            ///
            /// # Errors
            /// [`Kind::MethodNotFound`], [`Kind::InvalidParams`].
            pub fn read(name: &str, params: Option<Value>) -> Result<Self, Error> {
                match name {
                    $($c_name => from(params).map(Self::$command),)*
                    $($r_name => from(params).map(Self::$read),)*
                    $($s_name => from(params).map(Self::$shell),)*
                    _ => Err(Error::new(Kind::MethodNotFound, "there is no such method: `keyfold rpc --schema` lists them")),
                }
            }

            /// Its name, and its parameters as they are written.
            pub fn written(&self) -> (&'static str, Value) {
                match self {
                    $(Self::$command(params) => ($c_name, value(params)),)*
                    $(Self::$read(params) => ($r_name, value(params)),)*
                    $(Self::$shell(params) => ($s_name, value(params)),)*
                }
            }

            /// What the shell has to do for it.
            pub fn work(self) -> Work {
                match self {
                    $(Self::$command(params) => Work::Command(params.into(), answered::<r::$c_result>),)*
                    $(Self::$read(params) => Work::Read(Box::new(move |engine| {
                        Ok(query::$read_fn(&params, engine)?.map(|found| value(&found)))
                    })),)*
                    $(Self::$shell(params) => Work::Shell($ask(params)),)*
                }
            }

            /// Writes down what each method takes and gives.
            pub(crate) fn describe(pages: &mut Pages) {
                $(pages.method::<p::$command, r::$c_result>($c_name, concat!($($c_doc),*));)*
                $(pages.read($r_name, concat!($($r_doc),*), query::$read_fn);)*
                $(pages.method::<p::$s_params, $s_result>($s_name, concat!($($s_doc),*));)*
            }
        }
    };
}

methods! {
    commands {
        /// Makes an account with this device as its first. The event `registered` or `registration_refused` tells how it went.
        "register" Register => Taken;
        /// The recovery key has been shown or written down: it is erased here.
        "recovery_key_kept" RecoveryKeyKept => Taken;
        /// On a new device: prepares it to be linked to an account that exists.
        "request_link" RequestLink => LinkRequest;
        /// On a primary device: certifies a new device, and adds it to the account and to every conversation.
        "add_device" AddDevice => Certificate;
        /// On the new device: takes its certificate.
        "accept_link" AcceptLink => Taken;
        /// On a primary device: removes another device of the account, everywhere.
        "remove_device" RemoveDevice => Taken;
        /// Begins a conversation; of two people, gives the one that they have. The event `ready` or `create_failed` tells how it went.
        "create" Create => Begun;
        /// Says something.
        "send" Send => Said;
        /// Says something in answer to a message.
        "reply" Reply => Said;
        /// Says something else in the place of a text of one's own.
        "edit" Edit => Amendment;
        /// Takes a message back, for everybody: one's own; in a group, admins anybody's.
        "take_back" TakeBack => Amendment;
        /// Reacts to a message, in the place of one's earlier reaction.
        "react" React => Amendment;
        /// Adds people to a group. The event `change_done` or `change_failed` tells how it went.
        "add" Add => Taken;
        /// Removes people from a group. The event `change_done` or `change_failed` tells how it went.
        "remove" Remove => Taken;
        /// Leaves a group.
        "leave" Leave => Taken;
        /// Gives a group another name. The event `change_done` or `change_failed` tells how it went.
        "rename" Rename => Taken;
        /// Gives a member another role. The event `change_done` or `change_failed` tells how it went.
        "change_role" ChangeRole => Taken;
        /// Replaces this device's keys in a conversation now, and all its key packages.
        "update" Update => Taken;
        /// Everything in the conversation has been seen.
        "mark_read" MarkRead => Taken;
        /// The safety number with this account was compared and is right.
        "mark_verified" MarkVerified => Taken;
        /// Looks a handle up in the directory. The event `found` or `not_found` tells how it went.
        "look_up" LookUp => Taken;
        /// Pins a message for everybody, or not any more.
        "pin" Pin => Amendment;
        /// Gives a group another description. The event `change_done` or `change_failed` tells how it went.
        "describe" Describe => Taken;
        /// Says who may do something in a group. The event `change_done` or `change_failed` tells how it went.
        "allow" Allow => Taken;
        /// Says a text, a place or a contact card again in other conversations: in all of them, or, where it can't be said in one, in none.
        "forward" Forward => SaidAll;
        /// Deletes messages on this device alone.
        "hide" Hide => Taken;
        /// Deletes everything that a conversation shows, on this device alone. What waits to be sent is sent all the same.
        "clear" Clear => Taken;
        /// Deletes a conversation on this device alone, with everything that it shows. A group must be left first.
        "delete_conversation" DeleteConversation => Taken;
        /// Stars messages on this device, or not any more.
        "star" Star => Taken;
        /// Marks a conversation, on this device alone.
        "mark" Mark => Taken;
        /// Shows this of oneself, in the place of what was shown before, to those whom one talks to.
        "set_profile" SetProfile => Taken;
        /// Gives a group another picture, or none. The event `change_done` or `change_failed` tells how it went.
        "set_group_picture" SetGroupPicture => Taken;
        /// Wants to hear nothing of somebody any more, on this device: neither what they say, nor of conversations that they begin. Nobody hears of it.
        "block" Block => Taken;
        /// Wants to hear of somebody again. What they have said meanwhile does not come.
        "unblock" Unblock => Taken;
        /// Lets messages disappear from now on, or stay. The event `change_done` or `change_failed` tells how it went.
        "set_timer" SetTimer => Taken;
        /// Says something that disappears, where the conversation's own timer does not let it disappear sooner.
        "send_fleeting" SendFleeting => Said;
        /// The person looks at the screen, or has gone away. Said once; people whom they talk to one to one see when they were last active.
        "foreground" Foreground => Taken;
        /// The person is typing, or not any more. Said at each key; it is told every few seconds.
        "typing" Typing => Taken;
        /// Asks a group who has read a message. Whoever is online and tells, answers: the event `signal`, then `read_by`.
        "ask_read_by" AskReadBy => Taken;
        /// Says what others may see of the person, on this device. Who hides something does not see it of others.
        "set_privacy" SetPrivacy => Taken;
        /// Says a text with what one of its links leads to, which readers show and do not fetch.
        "send_previewed" SendPreviewed => Said;
        /// Asks a question with options.
        "send_poll" SendPoll => Said;
        /// Chooses something of a poll, in the place of what was chosen before.
        "vote" Vote => Amendment;
        /// Ends a poll: one's own; in a group, admins anybody's.
        "end_poll" EndPoll => Amendment;
        /// Says where something is.
        "send_location" SendLocation => Said;
        /// Says who somebody is.
        "send_contact" SendContact => Said;
        /// Begins a conversation with whom a contact card names, or gives the one that there is. `null`: the directory is asked first; the event `found` or
        /// `not_found` tells, then this is asked again.
        "use_card" UseCard => Used;
        /// Erases the key of a file that is opened once: it was, elsewhere. `save_file` does that by itself.
        "open_once" OpenOnce => Taken;
        /// Makes an invitation link, into a group or to this person; `invitations` shows it.
        "invite" Invite => Invited;
        /// Lets nobody in by a link any more. Who waits for approval by it is forgotten.
        "revoke_invitation" RevokeInvitation => Taken;
        /// Lets somebody in who waits. The event `invitations_changed` tells when that is done, or could not be.
        "approve" Approve => Taken;
        /// Does not let somebody in who waits. They do not hear of it.
        "refuse" Refuse => Taken;
        /// Asks to be let in by a link. It waits until somebody who made the link is online (`opened`); the event `ready` tells when it was let in.
        "open_invitation" OpenInvitation => OpenedNow;
        /// Does not want to be let in by a link any more, or forgets one that has come to nothing.
        "cancel_opened" CancelOpened => Taken;
        /// Accepts what a stranger has begun. The event `ready` tells that it goes on as everywhere.
        "accept" Accept => Taken;
        /// Says whether what strangers begin waits until it is accepted, on this device. A program that answers everybody lets nobody wait.
        "ask_first" AskFirst => Taken;
        /// Hands messages, as they were received and opened here, to the server's operator. The event `reported` or `report_failed` tells how it went.
        "report" Report => Taken;
    }
    reads {
        /// The account and device of this profile; `null`: there is none yet.
        "me" Me(Nothing) me;
        /// The recovery key, until `recovery_key_kept`.
        "recovery_key" RecoveryKey(Nothing) recovery_key;
        /// A person by handle; `null`: not known here.
        "contact" Contact(Person) contact;
        /// The safety number of this account and a person's; `null`: the person is not known here.
        "safety_number" SafetyNumber(Person) safety_number;
        /// How much is not finished.
        "waiting" Waiting(Nothing) waiting;
        /// All conversations, archived ones and those that wait to be accepted too: pinned ones first, then the most recent.
        "conversations" Conversations(Nothing) conversations;
        /// Some of the conversations, in the same order.
        "list" List(List) list;
        /// One conversation.
        "conversation" Conversation(Conversation) conversation;
        /// Conversations that words may mean.
        "find" Find(Find) find;
        /// Messages of a conversation that words may mean: at most ten.
        "find_messages" FindMessages(FindMessages) find_messages;
        /// One message of a conversation.
        "message" Message(Message) message;
        /// Entries of a conversation after a position, oldest first.
        "timeline" Timeline(Timeline) timeline;
        /// The newest entries of a conversation, oldest first.
        "timeline_last" TimelineLast(TimelineLast) timeline_last;
        /// The messages of a conversation that are pinned for everybody, whatever was pinned last first.
        "pinned" Pinned(Pinned) pinned;
        /// Messages that have all of these words, the newest first. A word is found by its beginning, without case and accents.
        "search" Search(Search) search;
        /// Messages that are starred, the newest first.
        "starred" Starred(StarredMessages) starred;
        /// Own files that are on their way to the server or can't be sent, oldest first.
        "uploads" Uploads(Nothing) uploads;
        /// What somebody, maybe oneself, shows of themselves; `null`: nothing that has come here.
        "profile" Profile(Account) profile;
        /// The picture of a group; `null`: it has none, or there is no such group here.
        "group_picture" GroupPicture(Conversation) group_picture;
        /// Whom this person wants to hear nothing of.
        "blocked" Blocked(Nothing) blocked;
        /// What others may see of the person, on this device.
        "privacy" Privacy(Nothing) privacy;
        /// Which members of a group a message has come to, as far as they have told.
        "read_by" ReadBy(Message) read_by;
        /// Who has chosen an option of a poll, by their accounts.
        "voters" Voters(Voters) voters;
        /// Invitation links that were made on this device, oldest first, with who waits.
        "invitations" Invitations(Nothing) invitations;
        /// Invitation links that were opened on this device and have not let it in, oldest first.
        "opened" Opened(Nothing) opened;
        /// Whether what strangers begin waits until it is accepted, on this device.
        "asks_first" AsksFirst(Nothing) asks_first;
    }
    shell {
        /// How the device stands towards its server now.
        "link" Link(Nothing) => event::Link, |_: p::Nothing| Shell::Link;
        /// Waits until nothing waits any more: connected, everything fetched, everything sent and answered.
        "settle" Settle(Settle) => r::Settled, |asked: p::Settle| {
            Shell::Settle(std::time::Duration::from_millis(asked.patience.0.into()))
        };
        /// Seals a file on this disk and sends it: it is not needed any more when this is answered. The event `uploaded` or `upload_failed` tells how it went.
        "send_file" SendFile(SendFile) => r::Sending, Shell::SendFile;
        /// Gives up sending a file.
        "cancel_file" CancelFile(CancelFile) => r::Taken, Shell::CancelFile;
        /// Loads the file of a message and puts it on this disk. Nothing is overwritten, and nothing appears there before all of it was checked.
        "save_file" SaveFile(SaveFile) => r::Saved, Shell::SaveFile;
    }
}

/// Parameters left out are none.
fn from<T: DeserializeOwned>(params: Option<Value>) -> Result<T, Error> {
    let params = params.unwrap_or_else(|| Value::Object(serde_json::Map::new()));
    if !params.is_object() {
        return Err(Error::new(
            Kind::InvalidParams,
            "parameters are given by name, as an object",
        ));
    }
    serde_json::from_value(params)
        .map_err(|error| Error::new(Kind::InvalidParams, error.to_string()))
}

/// Nothing that is written here has a form that JSON does not know.
fn value<T: Serialize>(written: &T) -> Value {
    serde_json::to_value(written).unwrap_or(Value::Null)
}

fn answered<T: OfAnswer>(answer: Answer) -> Result<Value, Error> {
    T::of(answer).map(|result| value(&result)).ok_or_else(|| {
        Error::new(
            Kind::InternalError,
            "an internal error (an answer of another command): please report it",
        )
    })
}
