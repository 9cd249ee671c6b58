//! The limits that devices and servers keep, each with its reason. All sizes in bytes.

use std::time::Duration;

/// Addresses that lead nowhere, named in one answer. Whoever speaks next hears of the others.
pub const MAX_UNREACHABLE: usize = 16;

/// One WebSocket message. A commit that brings a group of [`MAX_ROSTER`] hybrid leaves together must fit.
pub const MAX_FRAME: usize = 16 * 1024 * 1024;

/// The body of a Send: a long text, sealed and padded. What is larger is a file.
pub const MAX_SEND_BODY: usize = 128 * 1024;

/// A text as a person types it (UTF-8). Sealed and padded it stays well under [`MAX_SEND_BODY`].
pub const MAX_TEXT: usize = 64 * 1024;

/// The body of a Commit: 1.2 MB measured for 1,000 hybrid leaves without filled parents.
pub const MAX_COMMIT_BODY: usize = 4 * 1024 * 1024;

/// The part that all welcomes of a request share: the sealed ratchet tree, about 2 KB a hybrid leaf.
pub const MAX_GROUP_INFO: usize = 8 * 1024 * 1024;

/// One joiner's part of a welcome: a hybrid HPKE ciphertext is about 1.3 KB.
pub const MAX_WELCOME_SECRETS: usize = 4 * 1024;

/// Leaves of a group, hence addresses of a roster. Beyond it a commit outgrows a frame.
pub const MAX_ROSTER: usize = 2_048;

/// A delivery address: key id, nonce, sealed mailbox and serial make 56; the rest is room for later forms.
pub const MAX_ADDRESS: usize = 128;

/// An encoded device certificate: keys, ids, a handle and a list of suites make about 350.
pub const MAX_CERTIFICATE: usize = 2 * 1024;

/// A key package: a hybrid one with certificate and address is about 3 KB.
pub const MAX_KEY_PACKAGE: usize = 16 * 1024;

/// One-time key packages that the directory keeps per device and suite.
pub const MAX_ONE_TIME_KEY_PACKAGES: usize = 100;

/// Key packages in one request: two suites, one-time and last-resort ones, with room.
pub const MAX_KEY_PACKAGES_AT_ONCE: usize = 2 * MAX_ONE_TIME_KEY_PACKAGES + 2;

/// The server tells a device to publish more below this many one-time key packages of a suite.
pub const LOW_KEY_PACKAGES: usize = 5;

/// Addresses taken in one request.
pub const MAX_ADDRESSES_AT_ONCE: usize = 256;

/// Serials revoked in one request.
pub const MAX_REVOKED_AT_ONCE: usize = 1_024;

/// Devices of an account: what a person has, with room; each is a leaf in all of the account's groups.
pub const MAX_DEVICES: usize = 10;

/// A handle as typed, in bytes of UTF-8; the server's handle rules are stricter.
pub const MAX_HANDLE: usize = 128;

/// An invitation code.
pub const MAX_INVITATION: usize = 64;

/// Cipher suites listed in a certificate.
pub const MAX_SUITES: usize = 16;

/// Items in one push.
pub const MAX_ITEMS_PER_PUSH: usize = 256;

/// Bytes of items in one push, unless a single item is larger.
pub const MAX_PUSH_BYTES: usize = 512 * 1024;

/// Items pushed and not yet acknowledged; beyond it the server waits for the device.
pub const MAX_UNACKNOWLEDGED: usize = 2_048;

/// Requests of one socket that wait for an answer; beyond it the server stops reading.
pub const MAX_PIPELINED: usize = 128;

/// How long a Send for the epoch before the current one is still taken, unless the commit removed somebody.
pub const EPOCH_GRACE: Duration = Duration::from_mins(1);

/// The body of a Signal, always: two message ids, counter, times, device and signature make about 220, and later kinds have room. All of one size, no kind
/// is told from another by it.
pub const SIGNAL_BODY: usize = 512;

/// Signals that wait in one mailbox; the oldest give way. One device speaks under a handful of replace keys in a conversation: this is what a hundred
/// conversations leave for a device that was away.
pub const MAX_WAITING_SIGNALS: usize = 512;

/// Signals in one push: 64 KB.
pub const MAX_SIGNALS_PER_PUSH: usize = 128;

/// How long a signal waits, whatever it says: as long as an item. The day on which it came counts whole.
pub const SIGNAL_RETENTION: Duration = ITEM_RETENTION;

/// How long an undelivered item is kept.
pub const ITEM_RETENTION: Duration = Duration::from_secs(30 * DAY);

/// How long message ids are kept. Twice the retention, so that no retry within it can double a message.
pub const MESSAGE_ID_RETENTION: Duration = Duration::from_secs(60 * DAY);

/// A conversation without any request for this long is deleted: longer than any member may be silent (60 days).
pub const CONVERSATION_RETENTION: Duration = Duration::from_secs(400 * DAY);

/// A file that somebody sends: what people know from elsewhere. Two hours of film in good quality fit.
pub const MAX_FILE: u64 = 2 * 1024 * 1024 * 1024;

/// How long a sealed file is at most whose content has this length: padding adds 12%, and the tags of its segments less than a thousandth.
pub const fn sealed_at_most(size: u64) -> u64 {
    size.saturating_add(size / 8).saturating_add(64 * 1024)
}

/// The bytes of a file in one request, all but the last as long: a lost connection costs one of them, the server holds no more than
/// one in memory for each request, and a second's worth of a fast line keeps requests few.
pub const FILE_PART: u64 = 4 * 1024 * 1024;

/// How long a server keeps a sealed file: who was away for as long as an item is kept (30 days) has two more weeks to load it.
pub const FILE_RETENTION: Duration = Duration::from_secs(45 * DAY);

/// How long an upload may take from its beginning: 2 GB over 200 kbit/s.
pub const UPLOAD_RETENTION: Duration = Duration::from_secs(DAY);

/// Messages in one report: what shows how somebody behaves.
pub const MAX_REPORTED: usize = 20;

/// One report, encoded: two of the longest texts, or twenty long ones.
pub const MAX_REPORT: usize = 2 * MAX_TEXT + 4 * 1024;

/// What a person says about what they report: half a page.
pub const MAX_REPORT_ABOUT: usize = 2 * 1024;

/// Reports that one account may hand over in a day: more than anybody has to complain of, and few enough to be read.
pub const MAX_REPORTS_A_DAY: usize = 20;

/// Reports that a server keeps in all: with the largest ones 264 MB. Beyond it devices keep theirs until the operator has deleted some, or their time is over.
pub const MAX_REPORTS: usize = 2_000;

/// How long a report is kept, if the operator does not delete it before: time to look into it, and no archive.
pub const REPORT_RETENTION: Duration = Duration::from_secs(90 * DAY);

const DAY: u64 = 24 * 60 * 60;
