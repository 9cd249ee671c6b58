//! The limits of what only members see, each with its reason. Sizes in bytes. Those that servers see are in `keyfold_wire::limits`.

use std::time::Duration;

/// One encoded content message: the longest text, its frame and extensions. Sealed and padded it stays under
/// `keyfold_wire::limits::MAX_SEND_BODY`.
pub const MAX_CONTENT: usize = 96 * 1024;
/// Bytes of a reaction: the longest emoji (people with skin tones, joined) takes 41, and nobody's row of reactions is to be a text.
pub const MAX_REACTION: usize = 64;

/// Bytes of where a link in a text leads. Longer ones stay text: browsers and servers take about as much, and nobody sees where a longer one leads.
pub const MAX_LINK: usize = 2048;
/// Blocks and spans of a text, together: nobody marks up more of what they type, and a text of nothing but marks would be many times as large on its way to
/// a screen.
pub const MAX_PIECES: usize = 2_000;
/// How deep quotes and lists of a text are told apart: a phone has no room for more, and deeper ones are shown as deep as this.
pub const MAX_NESTING: u8 = 8;

/// Bytes of a group's description: a screenful. It is in the state of every epoch, and each joiner gets it.
pub const MAX_DESCRIPTION: usize = 2048;
/// Seconds after which messages may be made to disappear, at least: in fewer nobody has read a line.
pub const MIN_TIMER: u32 = 5;
/// Seconds after which messages may be made to disappear, at most: a year. What is to stay longer is to stay.
pub const MAX_TIMER: u32 = 365 * 24 * 60 * 60;

/// What somebody says of themselves in their profile, in bytes: a few lines. It goes to everybody whom they talk to.
pub const MAX_ABOUT: usize = 512;
/// A group's picture: 256 by 256 pixels as JPEG at a lower quality. It is in the group's state, so each change of that and each welcome carries it.
pub const MAX_GROUP_PICTURE: usize = 16 * 1024;
/// A profile's picture: 256 by 256 pixels as JPEG take 10 to 20 KB. It is in a message to every conversation.
pub const MAX_PICTURE: usize = 32 * 1024;
/// The highest version of a profile: what a device's database can hold. Milliseconds since the epoch come there in 292 million years.
pub const MAX_PROFILE_VERSION: u64 = i64::MAX as u64;

/// A poll's question in bytes: two or three lines on a phone. What takes more is said before it.
pub const MAX_QUESTION: usize = 512;
/// Options of a poll, at least: one would be nothing to choose.
pub const MIN_OPTIONS: usize = 2;
/// Options of a poll, at most: as many as a phone shows at once.
pub const MAX_OPTIONS: usize = 12;
/// An option of a poll in bytes: a line on a phone.
pub const MAX_OPTION: usize = 128;

/// The most northern and southern latitude, in ten-millionths of a degree: the poles.
pub const MAX_LATITUDE: i32 = 900_000_000;
/// The most eastern and western longitude, in ten-millionths of a degree: there both meet.
pub const MAX_LONGITUDE: i32 = 1_800_000_000;
/// Metres by which a place may be wrong, at most: half way around the Earth, where it says nothing any more.
pub const MAX_ACCURACY: u32 = 20_037_508;

/// What a page says of itself in the preview of a link, in bytes: three lines on a phone.
pub const MAX_PREVIEW_WORDS: usize = 512;
/// The picture of a link's preview: with the longest text, link, title and words it still fits into [`MAX_CONTENT`].
pub const MAX_PREVIEW_PICTURE: usize = 24 * 1024;

/// How deep parts may nest: draft-ietf-mimi-content calls more than 4 levels malicious.
pub const MAX_PART_DEPTH: usize = 4;

/// Parts of one message, nested ones included: draft-ietf-mimi-content calls more than 1,024 malicious.
pub const MAX_PARTS: usize = 1_024;

/// A topic id: draft-ietf-mimi-content calls a longer one malicious.
pub const MAX_TOPIC: usize = 4_096;

/// Extensions of one message: far more than all that are registered.
pub const MAX_EXTENSIONS: usize = 64;

/// The encoded value of one extension (draft-ietf-mimi-content), and of an unknown entry in a conversation's state.
pub const MAX_EXTENSION_VALUE: usize = 4_096;

/// A text key of an extension (draft-ietf-mimi-content).
pub const MAX_EXTENSION_KEY: usize = 255;

/// The highest counter of a message: what a device's database can hold. Honest devices count from 1 and never come near it.
pub const MAX_COUNTER: u64 = i64::MAX as u64;

/// How often a conversation may have moved: one that moves every minute comes there after 8,000 years, and it fits every database.
pub const MAX_MOVES: u64 = 1 << 32;

/// How many moves a member may have missed when it follows one: whoever makes one that is further ahead would use up [`MAX_MOVES`].
pub const MAX_MOVES_MISSED: u64 = 1_000;

/// The latest epoch of a group that is joined: a commit every second comes there after nine million years, and it fits every database.
pub const MAX_EPOCH: u64 = 1 << 48;

/// How deep a CBOR value that we only keep may nest. What nests deeper has no honest reason.
pub const MAX_CBOR_DEPTH: usize = 16;

/// A conversation's name in UTF-8: a line on a screen in any script.
pub const MAX_NAME: usize = 256;

/// An encoded conversation state: a role for each of `MAX_ROSTER` accounts at 36 bytes is 72 KB, with room.
pub const MAX_STATE: usize = 128 * 1024;

/// Entries of a conversation's state that this version does not know.
pub const MAX_UNKNOWN_ENTRIES: usize = 64;

/// Leave proofs in one commit: one for each leaf.
pub const MAX_LEAVE_PROOFS: usize = keyfold_wire::limits::MAX_ROSTER;

/// Accounts that an errand names to be asked: in turn, with pauses that double. More would not be asked within a day.
pub const MAX_NAMED: usize = 16;

/// A device link request: ids, keys and a list of suites make about 250.
pub const MAX_LINK_REQUEST: usize = 1_024;

/// How long a device certificate lasts. A lost device that nobody removed cannot be added anywhere after it.
pub const CERTIFICATE_VALIDITY: Duration = Duration::from_hours(365 * 24);

/// A file's name in UTF-8: what file systems take.
pub const MAX_FILE_NAME: usize = 255;

/// Pixels on a side of a picture or film, as its sender says: what JPEG and WebP can say, and more than any screen. What is shown of it is scaled, so a
/// larger number would only tempt a reader to reserve room for it.
pub const MAX_PIXELS_ON_A_SIDE: u32 = 65_535;

/// The header of a `ThumbHash`, behind which its waves stand.
pub const MIN_BLUR: usize = 5;

/// The longest `ThumbHash`: 38 waves of half a byte behind a header of 6 bytes, of a square that can be seen through.
pub const MAX_BLUR: usize = 25;

/// How finely a sound is drawn: as many strokes as fit on a telephone's screen, twice over.
pub const MAX_WAVEFORM: usize = 128;

/// A small picture of a file: 320 pixels on the longer side as JPEG take 5 to 12 KB. It is in the message itself, so that something is seen at once.
pub const MAX_THUMBNAIL: usize = 16 * 1024;

/// A file's media type with parameters: RFC 6838 section 4.2 allows 127 bytes on each side of the slash.
pub const MAX_MEDIA_TYPE: usize = 255;

/// What a shorter file is padded to: among files this small, the Padme size alone would tell each from the other.
pub const MIN_PADDED_FILE: u64 = 1_024;

/// The fragment of an invitation link: eight addresses and a name make about 1,900 characters, and messengers and mail pass on links of that length.
pub const MAX_INVITATION_LINK: usize = 2_048;

/// Addresses in an invitation link: devices of a few people who look after a group together.
pub const MAX_MAKERS: usize = 8;

/// A sealed request to join: a key package of the largest size, and its padding.
pub const MAX_JOIN_REQUEST: usize = 24 * 1024;
