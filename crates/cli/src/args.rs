//! The command line: what can be said, as types.

mod invite;
mod keep;
mod kinds;
mod request;
mod signal;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use keyfold_engine::Deed;
use keyfold_protocol::state::{Policy, Role};
use keyfold_protocol::suite::Suite;

use crate::span;

pub(crate) use invite::{Invite, Number, Open};
pub(crate) use keep::{
    Disappear, Draft, FilterName, List, Messages, MuteArgs, Search, Star, Toggle, Top, Within,
};
pub(crate) use kinds::{CardArgs, LocationArgs, PollArgs, Previews, VoteArgs, VotersArgs};
pub(crate) use request::{Report, Requests};
pub(crate) use signal::{Audience, Privacy, ReadBy, Switch};

/// Talk from a terminal or a script, end to end encrypted.
#[derive(Parser)]
#[command(
    name = "keyfold",
    version,
    after_help = "Every command takes --json: one object a line, see docs/cli.md."
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Stands over what all commands take, apart from what only one does.
const ALL: &str = "For all commands";

/// What all commands take.
#[derive(Args)]
pub(crate) struct Common {
    /// The folder of the account to use [default: keyfold/default in the data folder]
    #[arg(
        long,
        global = true,
        help_heading = ALL,
        value_name = "DIR",
        env = "KEYFOLD_PROFILE",
        hide_env_values = true
    )]
    pub(crate) profile: Option<PathBuf>,
    /// A file that holds the profile's passphrase, for scripts
    #[arg(long, global = true, help_heading = ALL, value_name = "FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// Print one JSON object a line
    #[arg(long, global = true, help_heading = ALL)]
    pub(crate) json: bool,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Make an account with this device as its first
    Register(Register),
    /// Show handle, account, device and safety number fingerprint
    Whoami,
    /// Show what others see of you, or change it: your name, a few words, your picture
    Me(MeArgs),
    /// Show what somebody shows of themselves
    Person(PersonArgs),
    /// Hear nothing of somebody any more, on this device; they do not learn of it
    Block(Handle),
    /// Hear of somebody again
    Unblock(Handle),
    /// Show whom you have blocked
    Blocked,
    /// Start a conversation and print its id
    New(New),
    /// List the conversations
    List(List),
    /// Say something; returns once the server has it
    Send(Send),
    /// Answer a message
    Reply(Reword),
    /// Say something else in the place of a message of your own
    Edit(Reword),
    /// Take a message of your own back, for everybody; admins of a group anybody's
    TakeBack(At),
    /// React to a message with an emoji; without one: not any more
    React(React),
    /// Pin a message for everybody
    Pin(At),
    /// Do not pin a message any more, whoever pinned it
    Unpin(At),
    /// List what is pinned, the last first
    Pins(Pins),
    /// Say a text again in other conversations
    Forward(Forward),
    /// Send a file; returns once the server has it
    SendFile(SendFile),
    /// Load the file of a message and put it on this disk
    Save(Save),
    /// Read the messages of a conversation
    Read(Read),
    /// Say what a group is about
    Describe(Describe),
    /// Give a group a picture, take it away, or write it into a file
    Picture(GroupPicture),
    /// Say who may add people to a group, say something in it, or change its name, description, picture and timer
    Allow(Allow),
    /// Let messages disappear after they were read, or stay
    Disappear(Disappear),
    /// Fetch, open and send all that waits
    Sync(Sync),
    /// Add people to a group
    Add(People),
    /// Remove people from a group
    Remove(People),
    /// Leave a group
    Leave(Conversation),
    /// Give a group another name
    Rename(Rename),
    /// Make a member of a group member, admin or owner
    Role(ChangeRole),
    /// Replace this device's keys in a conversation now
    Update(Conversation),
    /// Talk in the terminal
    Chat(Conversation),
    /// Show the safety number of you and another person, to compare with theirs
    Verify(Verify),
    /// On a new device: print a code to carry to the device that made the account
    LinkRequest(LinkRequest),
    /// On the device that made the account: add the new device; prints a code to carry back
    AddDevice(Code),
    /// On the new device: take the code that the other device printed
    AcceptLink(Code),
    /// Remove a device of your account, everywhere
    RemoveDevice(RemoveDevice),
    /// Show who has read a message; in a group they are asked
    ReadBy(ReadBy),
    /// Show or change what others may see of you, on this device
    Privacy(Privacy),
    /// Find messages by their words
    Search(Search),
    /// Put a conversation out of the way until somebody writes
    Archive(Toggle),
    /// Announce nothing of a conversation, for a while or for good
    Mute(MuteArgs),
    /// Mark a conversation as unread
    Unread(Conversation),
    /// Put a conversation before all others
    Top(Top),
    /// Keep a text that is not said yet
    Draft(Draft),
    /// Star messages
    Star(Star),
    /// Show the messages that are starred
    Starred(Within),
    /// Delete messages on this device only
    Hide(Messages),
    /// Delete all messages of a conversation on this device only
    Clear(Conversation),
    /// Delete a conversation on this device only; a group must be left first
    Delete(Conversation),
    /// Ask a question with options
    Poll(PollArgs),
    /// Choose something of a poll, in the place of what you chose before
    Vote(VoteArgs),
    /// End a poll of your own; admins of a group anybody's
    EndPoll(At),
    /// Show who has chosen what of a poll
    Voters(VotersArgs),
    /// Say where something is
    Location(LocationArgs),
    /// Send a contact card: say who somebody is
    Card(CardArgs),
    /// Begin a conversation with whom a contact card names
    Meet(At),
    /// Show or change whether `send` looks at what your links lead to; the pages learn that you wrote of them
    Previews(Previews),
    /// Make an invitation link, into a group or to you
    Invite(Invite),
    /// List the invitation links that were made here, with who waits, and those that were opened here
    Invitations,
    /// Let nobody in by an invitation link any more
    Revoke(Number),
    /// Let somebody in who waits by an invitation link
    Approve(Number),
    /// Do not let somebody in who waits by an invitation link; they do not learn of it
    Refuse(Number),
    /// Open an invitation link: ask to be let in where it leads
    Open(Open),
    /// Do not want to be let in any more by an invitation link that was opened here
    Cancel(Number),
    /// List what strangers have begun, or say whether that waits until you accept it
    Requests(Requests),
    /// Accept what a stranger has begun; `delete` declines it, `block` for good
    Accept(Conversation),
    /// Hand messages that you have received, opened, to the operator of the server
    Report(Report),
    /// Speak JSON-RPC on standard input and output, for programs; see docs/rpc.md
    Rpc(Rpc),
}

#[derive(Args)]
pub(crate) struct MeArgs {
    /// What you are called beside your handle; empty: nothing else
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// What you say of yourself; empty: nothing
    #[arg(long, value_name = "TEXT")]
    pub(crate) about: Option<String>,
    /// A picture of you; it is made small, and says nothing of where it was taken
    #[arg(long, value_name = "FILE", conflicts_with = "no_picture")]
    pub(crate) picture: Option<PathBuf>,
    /// Show no picture any more
    #[arg(long)]
    pub(crate) no_picture: bool,
}

#[derive(Args)]
pub(crate) struct PersonArgs {
    /// The handle
    pub(crate) handle: String,
    /// Write their picture into this new file
    #[arg(long, value_name = "FILE")]
    pub(crate) picture: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct Handle {
    /// The handle
    pub(crate) handle: String,
}

#[derive(Args)]
pub(crate) struct SendFile {
    /// Id, unique beginning of an id, name or handle
    pub(crate) conversation: String,
    /// The file
    pub(crate) path: PathBuf,
    /// What to say about it
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true
    )]
    pub(crate) caption: String,
    /// What kind of file it is [default: as its name ends]
    #[arg(long, value_name = "TYPE/SUBTYPE")]
    pub(crate) media_type: Option<String>,
    /// Send every byte of it, also what a picture or film says of where and when it was taken
    #[arg(long)]
    pub(crate) as_is: bool,
    /// It is opened once on each device that gets it: a picture, a video or a recording
    #[arg(long, conflicts_with = "caption")]
    pub(crate) once: bool,
}

#[derive(Args)]
pub(crate) struct Save {
    #[command(flatten)]
    pub(crate) at: Message,
    /// The file to make, or the folder to put it into [default: this folder, by the name that its sender gave it]
    #[arg(long, value_name = "PATH")]
    pub(crate) to: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct Server {
    #[arg(
        long = "server",
        value_name = "URL",
        help = "The server's address, as in https://chat.example.org"
    )]
    pub(crate) url: String,
    /// Certificates (PEM) to trust beside the system's
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// Keep the profile under a passphrase typed here, instead of in the system keychain
    #[arg(long)]
    pub(crate) ask_passphrase: bool,
    /// The encryption suites that this device speaks, most wanted first
    #[arg(long, value_enum, value_delimiter = ',', default_values = ["hybrid", "classic"], hide_default_value = true)]
    pub(crate) suites: Vec<SuiteName>,
}

#[derive(Args)]
pub(crate) struct Register {
    /// What people will find you by
    pub(crate) handle: String,
    #[command(flatten)]
    pub(crate) server: Server,
    /// An invitation code, where the server asks for one
    #[arg(
        long,
        value_name = "CODE",
        default_value = "",
        hide_default_value = true
    )]
    pub(crate) invite: String,
    /// Write the recovery key to this new file instead of showing it
    #[arg(long, value_name = "FILE")]
    pub(crate) recovery_file: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct New {
    /// The other people; one and no name: one to one
    #[arg(required = true, value_name = "HANDLE")]
    pub(crate) people: Vec<String>,
    /// The group's name
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// The encryption suite [default: the best that all devices speak]
    #[arg(long, value_enum)]
    pub(crate) suite: Option<SuiteName>,
}

#[derive(Args)]
pub(crate) struct Send {
    /// Id, unique beginning of an id, name or handle
    pub(crate) conversation: String,
    /// The text; - reads it from standard input
    #[arg(allow_hyphen_values = true)]
    pub(crate) text: String,
    /// Return at once: it is stored here and goes out with the next connection
    #[arg(long)]
    pub(crate) queue: bool,
    /// With -: each line of standard input is a message, sent as it comes
    #[arg(long)]
    pub(crate) lines: bool,
    /// It disappears so long after it was read, as in 90s, 5m, 8h, 1d, 2w
    #[arg(long = "for", value_name = "TIME", value_parser = span::read)]
    pub(crate) lasts: Option<u32>,
}

/// Which message.
#[derive(Args)]
pub(crate) struct Message {
    /// Id, unique beginning of an id, name or handle
    pub(crate) conversation: String,
    /// The message's id or a unique beginning of it, as `read --ids` shows it; `last`: the newest
    pub(crate) message: String,
}

#[derive(Args)]
pub(crate) struct Reword {
    #[command(flatten)]
    pub(crate) at: Message,
    /// The text; - reads it from standard input
    #[arg(allow_hyphen_values = true)]
    pub(crate) text: String,
    /// Return at once: it is stored here and goes out with the next connection
    #[arg(long)]
    pub(crate) queue: bool,
}

#[derive(Args)]
pub(crate) struct At {
    #[command(flatten)]
    pub(crate) at: Message,
    /// Return at once: it is stored here and goes out with the next connection
    #[arg(long)]
    pub(crate) queue: bool,
}

#[derive(Args)]
pub(crate) struct Pins {
    /// Id, unique beginning of an id, name or handle
    pub(crate) conversation: String,
    /// Show the beginning of each message's id
    #[arg(long)]
    pub(crate) ids: bool,
}

#[derive(Args)]
pub(crate) struct Forward {
    #[command(flatten)]
    pub(crate) at: Message,
    /// Where to: ids, unique beginnings of ids, names or handles
    #[arg(required = true)]
    pub(crate) to: Vec<String>,
    /// Return at once: it is stored here and goes out with the next connection
    #[arg(long)]
    pub(crate) queue: bool,
}

#[derive(Args)]
pub(crate) struct React {
    #[command(flatten)]
    pub(crate) at: Message,
    /// The emoji
    pub(crate) emoji: Option<String>,
    /// Return at once: it is stored here and goes out with the next connection
    #[arg(long)]
    pub(crate) queue: bool,
}

#[derive(Args)]
pub(crate) struct Read {
    /// Id, unique beginning of an id, name or handle
    pub(crate) conversation: String,
    /// Stay connected and print what arrives, until interrupted
    #[arg(long)]
    pub(crate) follow: bool,
    /// Only the newest N entries
    #[arg(long, value_name = "N")]
    pub(crate) last: Option<usize>,
    /// Show the beginning of each message's id
    #[arg(long)]
    pub(crate) ids: bool,
}

#[derive(Args)]
pub(crate) struct Sync {
    /// Give up after so many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub(crate) wait: u64,
}

#[derive(Args)]
pub(crate) struct People {
    /// Id, unique beginning of an id, or name
    pub(crate) conversation: String,
    /// Who
    #[arg(required = true, value_name = "HANDLE")]
    pub(crate) people: Vec<String>,
}

#[derive(Args)]
pub(crate) struct Conversation {
    /// Id, unique beginning of an id, name or handle
    pub(crate) conversation: String,
}

#[derive(Args)]
pub(crate) struct Rename {
    /// Id, unique beginning of an id, or name
    pub(crate) conversation: String,
    /// The new name
    pub(crate) name: String,
}

#[derive(Args)]
pub(crate) struct Describe {
    /// Id, unique beginning of an id, or name
    pub(crate) conversation: String,
    /// What it is about; empty: nothing any more; - reads it from standard input
    #[arg(allow_hyphen_values = true)]
    pub(crate) description: String,
}

#[derive(Args)]
pub(crate) struct GroupPicture {
    /// Id, unique beginning of an id, or name
    pub(crate) conversation: String,
    /// The picture; it is made small, and says nothing of where it was taken
    #[arg(long, value_name = "FILE", required_unless_present_any = ["none", "save"], conflicts_with_all = ["none", "save"])]
    pub(crate) set: Option<PathBuf>,
    /// None any more
    #[arg(long, conflicts_with = "save")]
    pub(crate) none: bool,
    /// Write it into this new file
    #[arg(long, value_name = "FILE")]
    pub(crate) save: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct Allow {
    /// Id, unique beginning of an id, or name
    pub(crate) conversation: String,
    /// What
    #[arg(value_enum)]
    pub(crate) deed: DeedName,
    /// Whom
    #[arg(value_enum)]
    pub(crate) policy: PolicyName,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum DeedName {
    /// Add people
    Add,
    /// Say something
    Post,
    /// Change name, description and timer
    Edit,
}

impl From<DeedName> for Deed {
    fn from(name: DeedName) -> Self {
        match name {
            DeedName::Add => Self::Add,
            DeedName::Post => Self::Post,
            DeedName::Edit => Self::Edit,
        }
    }
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum PolicyName {
    /// Admins and the owner
    Admins,
    /// Every member
    Everyone,
}

impl From<PolicyName> for Policy {
    fn from(name: PolicyName) -> Self {
        match name {
            PolicyName::Admins => Self::Admins,
            PolicyName::Everyone => Self::Everyone,
        }
    }
}

#[derive(Args)]
pub(crate) struct ChangeRole {
    /// Id, unique beginning of an id, or name
    pub(crate) conversation: String,
    /// Whose
    pub(crate) handle: String,
    /// Which
    #[arg(value_enum)]
    pub(crate) role: RoleName,
}

#[derive(Args)]
pub(crate) struct Verify {
    /// The other person
    pub(crate) handle: String,
    /// Remember that you compared it and it is right
    #[arg(long)]
    pub(crate) mark: bool,
}

#[derive(Args)]
pub(crate) struct LinkRequest {
    #[command(flatten)]
    pub(crate) server: Server,
}

#[derive(Args)]
pub(crate) struct Code {
    /// What the other device printed
    pub(crate) code: String,
}

#[derive(Args)]
pub(crate) struct RemoveDevice {
    /// Its id, as `whoami` shows it there
    pub(crate) device: String,
}

#[derive(Args)]
pub(crate) struct Rpc {
    #[arg(
        long,
        help = "Print what can be asked and told, as an OpenRPC document, and end"
    )]
    pub(crate) schema: bool,
    /// Only answer: do not tell what happens
    #[arg(long)]
    pub(crate) no_events: bool,
    /// Make the profile where there is none, for an account on this server
    #[arg(long, value_name = "URL")]
    pub(crate) server: Option<String>,
    /// With --server: certificates (PEM) to trust beside the system's
    #[arg(long, value_name = "FILE", requires = "server")]
    pub(crate) ca: Option<PathBuf>,
}

/// A suite as typed.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SuiteName {
    /// X25519 and ML-KEM-768 together
    Hybrid,
    /// X25519 alone
    Classic,
}

impl From<SuiteName> for Suite {
    fn from(name: SuiteName) -> Self {
        match name {
            SuiteName::Hybrid => Self::Hybrid,
            SuiteName::Classic => Self::Classic,
        }
    }
}

/// A role as typed.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RoleName {
    /// Reads and writes
    Member,
    /// Also adds and removes people and names the group
    Admin,
    /// Also makes and unmakes admins
    Owner,
}

impl From<RoleName> for Role {
    fn from(name: RoleName) -> Self {
        match name {
            RoleName::Member => Self::Member,
            RoleName::Admin => Self::Admin,
            RoleName::Owner => Self::Owner,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic
    )]

    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
