//! The engine's own limits and times, each with its reason. Those shared with the server are in `keyfold_wire::limits`.

use std::time::Duration;

/// Counters of one sender that may still come late and fill a gap; more than any server reorders.
pub const MAX_MISSING: u64 = 256;

/// Of a sender heard for the first time: so many messages from before may come late; as many as MLS keeps keys for.
pub const MAX_LATE: u64 = 16;

/// Items kept because their welcome or commit is not here yet: what a busy group says while one commit travels.
pub const MAX_PARKED: usize = 1_000;

/// Items that do not open before a conversation's address is replaced: a flood by somebody who has the address.
pub const MAX_REJECTED: u64 = 100;

/// Messages encrypted ahead of the server's answers, per conversation: keeps a pipeline full without encrypting for an
/// epoch that may be gone.
pub const MAX_ENCRYPTED_AHEAD: usize = 64;

/// Messages of one conversation on their way at once. A server may take them in another order than they were sent in, and members keep
/// the keys of no more than these.
pub const MAX_OVERTAKING: i64 = keyfold_protocol::group::OUT_OF_ORDER_TOLERANCE as i64;

/// Conversations that a message is forwarded to at once: a family and its friends. What is to reach more people wants a group.
pub const MAX_FORWARD: usize = 20;

/// Messages of one conversation that may wait to be sent: a week offline of somebody who types a lot.
pub const MAX_WAITING: usize = 10_000;

/// Requests in flight on one socket: half of what a server takes, so that two devices behind one proxy fit.
pub const MAX_IN_FLIGHT: usize = keyfold_wire::limits::MAX_PIPELINED / 2;

/// One-time key packages kept at the directory per suite: people who start talking to somebody within a day.
pub const KEY_PACKAGES: usize = 20;

/// Free addresses below which more are taken: key packages of two suites, and a few conversations.
pub const FEW_ADDRESSES: usize = 16;

/// Addresses taken at once.
pub const ADDRESSES: u32 = 64;

/// The own leaf is renewed after this long: a stolen key opens a week at most.
pub const UPDATE_INTERVAL: Duration = Duration::from_hours(7 * 24);

/// ... or after this many messages.
pub const UPDATE_MESSAGES: u64 = 1_000;

/// A joiner renews its leaf after between one and two times this: its key package may be old, and all who were added
/// together do it.
pub const UPDATE_AFTER_JOIN: Duration = Duration::from_secs(30);

/// What updates may cost a member per day, in bytes; in large groups the interval grows instead.
pub const UPDATE_BYTES_PER_DAY: u64 = 10 * 1024 * 1024;

/// A leaver is removed by whoever comes first; everybody waits a random part of this, so that one does.
pub const LEAVE_JITTER: Duration = Duration::from_secs(10);

/// The secrets of the epoch before are erased this long after the server's grace: pushes under way.
pub const PAST_SLACK: Duration = Duration::from_secs(30);

/// Used message keys have left the disk, write-ahead log included, at most this long after their use.
pub const ERASE_AFTER: Duration = Duration::from_mins(1);

/// Private parts of replaced key packages are kept as long as a welcome may lie in a mailbox.
pub const KEY_PACKAGE_RETENTION: Duration = keyfold_wire::limits::ITEM_RETENTION;

/// Scheduled renewals replace all key packages at most this often: a person with a hundred conversations renews keys many
/// times a day.
pub const REPLACE_INTERVAL: Duration = Duration::from_hours(24);

/// Last-resort key packages are replaced weekly.
pub const LAST_RESORT_INTERVAL: Duration = Duration::from_hours(7 * 24);

/// A device certificate is made for this long: a lost device that nobody has removed can't be added anywhere after it.
pub const CERTIFICATE_LIFETIME: Duration = Duration::from_hours(400 * 24);

/// A certificate is renewed when less than this is left of it, a third: a device, or the primary one that renews for it, may be away
/// for four months before others find it ended.
pub const CERTIFICATE_RENEWAL: Duration = Duration::from_hours(133 * 24);

/// A renewal that did not come about is tried again after this long, and a linked device looks again whether its certificate was
/// renewed: many times before it ends, and no burden to a directory.
pub const CERTIFICATE_AGAIN: Duration = Duration::from_hours(24);

/// The first wait after a refusal for lack of time or space; doubles each time.
pub const RETRY_FIRST: Duration = Duration::from_secs(1);

/// The longest such wait.
///
/// No request or intent waits longer, so a time that lies further ahead was set by a clock that has moved back since.
pub const RETRY_MOST: Duration = Duration::from_mins(5);

/// Groups kept in memory: what is talked in at the same time.
pub const MAX_LOADED: usize = 64;

/// A group's name, in bytes of UTF-8.
pub const MAX_NAME: usize = 256;

/// People in one command.
pub const MAX_PEOPLE: usize = 1_000;

/// Whoever may do most moves a held conversation first: an admin after between one and two times this ...
pub const MOVE_AFTER: Duration = Duration::from_secs(3);

/// ... another member after as much more: then an admin's move has mostly come.
pub const MOVE_AFTER_OTHERS: Duration = Duration::from_secs(20);

/// A move that could not be made (somebody's key packages are missing) is tried again after this long.
pub const MOVE_AGAIN: Duration = Duration::from_mins(2);

/// A device that has lost its place asks for the first time after at most this: several may have lost it together.
pub const ASK_AFTER: Duration = Duration::from_secs(3);

/// It asks the next member after this long; doubles each time ...
pub const ASK_AGAIN: Duration = Duration::from_secs(20);

/// ... up to this.
pub const ASK_AGAIN_MOST: Duration = Duration::from_hours(12);

/// A maker whose move is not followed is told at most this often: the word may have been lost with a server that was put back.
pub const OBJECT_AGAIN: Duration = Duration::from_mins(2);

/// A device that may have missed a move waits so long before it tells some members where it is: who has to move does it first ...
pub const LOCATE_AFTER: Duration = Duration::from_mins(1);

/// ... and up to so much longer, for many do it at once.
pub const LOCATE_WITHIN: Duration = Duration::from_mins(4);

/// It tells so many members. One who is further is enough.
pub const LOCATE_AT_MOST: usize = 4;

/// At most this often: somebody who is not a member any more can make it doubt.
pub const LOCATE_AGAIN: Duration = Duration::from_mins(10);

/// What was offered to those who were told is withdrawn when the device renews its keys, if it was offered so long ago.
pub const OFFER_RETENTION: Duration = Duration::from_hours(24);

/// Offered key packages of one conversation that are kept: the answers to the last asks may still be on their way.
pub const MAX_OFFERS: usize = 4;

/// A member that was asked lets the device in after a random part of this: its other devices were asked as well.
pub const READMIT_JITTER: Duration = Duration::from_secs(4);

/// Lines of a conversation beside the one in use: as many moves as may overlap, and more than any honest group makes at once.
pub const MAX_LINES: usize = 4;

/// A line that a conversation has left behind and that nobody could end is let go of after this long: nothing is kept for it at
/// the server any more.
pub const LINE_RETENTION: Duration = keyfold_wire::limits::ITEM_RETENTION;

/// Whoever has moved a conversation looks after this long who has not come in, and invites them again: a server that was put back
/// hands out key packages that were used. A device that is there renews its leaf sooner.
pub const REINVITE_AFTER: Duration = Duration::from_mins(4);

/// After this long, and as long again at most, a member whose address leads nowhere is invited again. Who leaves or was removed is mostly
/// taken out by then, who has lost its place let in again, and of several who speak one is first.
pub const REACH_AFTER: Duration = Duration::from_secs(30);

/// How old a last-resort key package is at least when another takes its place since something comes for its address that belongs nowhere.
/// Whoever knows the address can send such.
pub const LAST_RESORT_AGAIN: Duration = Duration::from_mins(10);

/// So soon a running process tries again to reach a device: the directory may have had no key package of it.
pub const REACH_AGAIN: Duration = Duration::from_mins(2);

/// For so long after it has noticed that the server was put back a device does so as well where it begins a conversation or adds somebody: by
/// then everybody has come, and replaced those key packages, or has been away for longer than the server keeps an invitation.
pub const PACKAGES_DOUBTED: Duration = keyfold_wire::limits::ITEM_RETENTION;

/// So often. Who has not come in by then is away, and their Welcome waits for them.
pub const REINVITE_TIMES: u8 = 3;

/// So often a conversation's address is replaced since an invitation comes to it. Whoever knows the address can send such.
pub const INVITED_TWICE_AGAIN: Duration = Duration::from_hours(24);

/// Where the directory has no other key package of who has not come in, that device has not been back, and may be unable to come in by
/// what waits for it. So it is looked for after twice as long each time, up to so many times [`REINVITE_AFTER`]: eight hours and a half.
pub const REINVITE_ROUNDS: u8 = 128;

/// A linked device asks the directory for the other devices of its account when it is greeted, at most so often.
pub const OTHERS_AGAIN: Duration = Duration::from_hours(1);

/// For so long a device that the server does not know keeps what waits on it, and, when it was never greeted, says nothing of having been
/// removed: the request that adds it, or adds it again to a server that was put back, is mostly there sooner.
pub const UNKNOWN_PATIENCE: Duration = Duration::from_mins(30);

/// Of so many devices, the last, that a person has removed, it is remembered: each is taken out of conversations that this device comes into
/// only later. Far more than anybody removes while another of their devices is away.
pub const MAX_REMOVED: usize = 64;

/// Whoever has had no usable key package for so long is left out of a move by who may remove them: a device that is only out of reach has
/// published enough, and one of last resort.
pub const LEAVE_OUT_AFTER: Duration = Duration::from_hours(1);

/// Whoever says that a place is not followed is heeded at most this often: an honest member says it every [`OBJECT_AGAIN`] at most, and on
/// its way that may come closer.
pub const HEED_AGAIN: Duration = Duration::from_mins(1);

/// Of those who are named in a move that is not followed, are no members here, and have not come in there, so many are told by each: they
/// may be brought in by it later, but may have nothing to do with it as well.
pub const OBJECT_TO_OTHERS: usize = 4;

/// How many rounds of asks somebody is waited for who has said that others go on elsewhere, or is named by somebody who was a member.
pub const ROUNDS_OF_ASKS: usize = 2;

/// In a group of so many accounts every member tells the maker of a move that it does not follow it; in a larger one admins do.
pub const OBJECT_AT_MOST: usize = 32;

/// Whoever was taken out is told so after a move for as long as a server keeps what it had for them: after that it would have found
/// out by having been away too long.
pub const GONE_RETENTION: Duration = keyfold_wire::limits::ITEM_RETENTION;

/// So many places of a conversation, the last, that are not followed are remembered: whoever has been away may still be at one.
pub const MAX_GIVEN_UP: u32 = 16;

/// Of so many people, the last, who were taken out of a conversation, it is remembered: each is told by an errand of its own.
pub const MAX_GONE: u32 = 32;

/// Whoever has followed a move ends the line before after a random part of this, so that one does.
pub const END_JITTER: Duration = Duration::from_secs(10);

/// Something came for a conversation that does not open: whether this device still has its place is looked into at most so often.
pub const PROBE_INTERVAL: Duration = Duration::from_mins(10);

/// What is looked for, in bytes: more than anybody types, and what is pasted by mistake is told from it.
pub const MAX_QUERY: usize = 512;

/// Words in it: each costs the index a look.
pub const MAX_SEARCH_WORDS: usize = 16;

/// Messages found on one page: some screens of them.
pub const MAX_HITS: usize = 100;

/// Characters of a message that was found that are shown: a few lines around the first place that was meant.
pub const SNIPPET: usize = 160;

/// New messages get into the index of words so long after they came: those that come together go in together, which costs a part of what each
/// alone would. Until then they are looked through one by one.
pub const INDEX_AFTER: Duration = Duration::from_secs(10);

/// Messages that go into the index in one step, which nothing else can happen in: a tenth of a second.
pub const INDEX_AT_ONCE: usize = 500;

/// Where more are left, such as all those that were there before there was an index, the next step is made after this.
pub const INDEX_AGAIN: Duration = Duration::from_millis(500);

/// Deleting more messages than this at once empties the index, and it is made anew step by step: words are taken out of it one by one.
pub const UNINDEX_AT_ONCE: usize = 500;

/// Messages that one command deletes on this device, or stars: what somebody has marked on a screen.
pub const MAX_MARKED: usize = 500;

/// Conversations that are pinned: what a screen shows before all others.
pub const MAX_PINNED: usize = 10;
/// Members of a conversation who are told at once of another profile: in larger ones they learn of it when somebody speaks.
pub const TOLD_IN: usize = 32;

/// Conversations that are told at once of another profile, the newest of them: each costs a message with a picture. Others learn of it when they are
/// spoken to.
pub const TOLD_AT_ONCE: usize = 100;

/// How far ahead of the server's time a profile's version counts: clocks are off by some hours. One that counted as in 2038 would stay until then.
pub const PROFILE_AHEAD: Duration = Duration::from_hours(24);

/// Own files that are on their way or can't be sent: an album of a holiday. The shell keeps each of them sealed until then.
pub const MAX_UPLOADS: u64 = 256;

/// A step of the device's clock that counts as time by itself: two ticks. A longer one is a jump, or a device that was off, until the server says
/// the same.
pub const CLOCK_STEP: Duration = Duration::from_mins(2);

/// While something is to disappear, the engine wants a tick at least this often: the steps of the clock stay small, and of a device that is switched
/// off no more than this is not counted.
pub const CLOCK_TICK: Duration = Duration::from_mins(1);

/// A clock that is set back by less was put right by whoever keeps it, and goes on being believed.
pub const CLOCK_SLACK: Duration = Duration::from_mins(5);

/// Messages that disappear in one step; the rest in the next ones. A step is to be over before anybody waits for it.
pub const EXPIRE_AT_ONCE: usize = 256;

/// Presence is told again so often while a person looks at the screen ...
pub const PRESENCE_EVERY: Duration = Duration::from_mins(1);

/// ... and who was active so recently is online: one round may be lost or late.
pub const ONLINE_WITHIN: Duration = Duration::from_secs(90);

/// In so many one-to-one conversations, those in which something came last: a signal for each of them goes out every minute.
pub const MAX_PRESENCE: i64 = 64;

/// That somebody is typing is told again so often ...
pub const TYPING_AGAIN: Duration = Duration::from_secs(4);

/// ... and holds so long: two rounds, with room for the way.
pub const TYPING_LASTS: Duration = Duration::from_secs(10);

/// In a group of more people nobody tells that they are typing, and cursors are told when somebody asks: each would reach all others.
pub const MAX_LIVELY: usize = 32;

/// What came is told after this: mostly it is read by then, and told with that.
pub const RECEIPT_AFTER: Duration = Duration::from_millis(500);

/// In a group one tells all others: less often.
pub const GROUP_RECEIPT_AFTER: Duration = Duration::from_secs(5);

/// Cursors that could not be told are tried again after this.
pub const RECEIPT_AGAIN: Duration = Duration::from_secs(10);

/// Presence and cursors are of use for so long: as long as a server keeps them. Later ones are refused, give or take a day for clocks.
pub const SIGNAL_LIFETIME: Duration = keyfold_wire::limits::SIGNAL_RETENTION;

/// How far the server's time may lead the counter of own signals: one that a server drove to its end could never be followed by another.
pub const SIGNAL_COUNTER_AHEAD: Duration = Duration::from_hours(100 * 365 * 24);

/// Somebody's clock may be wrong by so much.
pub const SIGNAL_SLACK: Duration = Duration::from_hours(24);

/// Keys of former epochs are kept for signals that come behind what waited in the mailbox: so long after that was applied ...
pub const SIGNAL_KEY_RETENTION: Duration = Duration::from_mins(10);

/// ... and so many of one group: a busy group's month.
pub const MAX_SIGNAL_KEYS: i64 = 64;

/// Signals on their way at once: they must leave room for messages.
pub const MAX_SIGNALS_IN_FLIGHT: usize = 16;

/// People in a group in which somebody may ask who has read a message: each answer reaches all of them.
pub const MAX_READ_BY: usize = 256;

/// Who is asked answers after a random part of this ...
pub const READ_BY_WITHIN: Duration = Duration::from_secs(3);

/// ... and at most so often in one group, whoever asks.
pub const READ_BY_AGAIN: Duration = Duration::from_secs(10);

/// Answers are heeded for so long after the asking.
pub const READ_BY_HEEDED: Duration = Duration::from_mins(1);

/// Voters of one page: a screenful several times over.
pub const MAX_VOTERS: usize = 100;

/// How long a file that is opened once waits for that: whoever is on holiday comes back, and then its key is erased.
pub const ONCE_KEPT: Duration = Duration::from_hours(14 * 24);

/// People chosen to see when this person was last active.
pub const MAX_CHOSEN: usize = 256;

/// Invitation links of one device that have not ended: one for each group that somebody looks after, and some more.
pub const MAX_INVITATIONS: usize = 100;

/// An invitation link lasts at least this long: whom it is sent to has to read it.
pub const MIN_INVITATION_LASTS: Duration = Duration::from_mins(1);

/// ... and at most this long: one that is forgotten somewhere must not lead in for ever.
pub const MAX_INVITATION_LASTS: Duration = Duration::from_hours(366 * 24);

/// How many one link lets in: a large group. Each costs a commit.
pub const MAX_INVITATION_USES: u64 = 1_000;

/// Requests that wait for approval by one link: as many as somebody looks through. Further ones are dropped.
pub const MAX_JOIN_REQUESTS: usize = 100;

/// Requests that one link remembers, however they ended, so that none counts twice: all that it may let in, and as many that are refused. After that
/// it has ended.
pub const MAX_REQUESTS_OF_LINK: usize = 2_000;

/// Links that were opened on one device and have not let it in.
pub const MAX_OPENED: usize = 100;

/// How long somebody waits who has opened a link: as long as a server keeps the request.
pub const OPENED_LASTS: Duration = keyfold_wire::limits::ITEM_RETENTION;

/// Requests of strangers that are shown: more than anybody looks through. When one more comes the oldest is emptied and goes out of the way, until something
/// new comes in it. What was accepted takes no part in this.
pub const MAX_REQUESTS: usize = 100;

/// Entries of one request that are kept until it is accepted: what somebody says before they are answered. The first are kept, since by them a person
/// decides.
pub const MAX_REQUEST_KEPT: i64 = 100;
