//! How long the client waits and how much it takes at once, each with its reason.

use std::time::Duration;

/// First wait after a broken or failed connection; doubles with each failure in a row. Short: most breaks are a server
/// restart or a change of network, and half of this is what a person waits on average.
pub const FIRST_RETRY: Duration = Duration::from_millis(500);

/// The longest wait between two tries: a laptop that wakes up is back within a minute, and a thousand devices that
/// wait for a dead server ask it seventeen times a second.
pub const LONGEST_RETRY: Duration = Duration::from_mins(1);

/// A connection that has lasted this long was a good one: the next break starts at [`FIRST_RETRY`] again.
pub const GOOD_CONNECTION: Duration = Duration::from_secs(10);

/// For name lookup, TCP, TLS and the WebSocket's opening together; slow mobile networks take five.
pub const CONNECT_PATIENCE: Duration = Duration::from_secs(20);

/// For the answer to one request. The server may take a disk flush and a queue before it; a minute means that it is
/// gone, whatever TCP thinks.
pub const REPLY_PATIENCE: Duration = Duration::from_mins(1);

/// Nothing heard for this long: ask with a ping. Under the usual minute after which home routers forget a connection.
pub const PING_AFTER: Duration = Duration::from_secs(30);

/// Nothing heard for this long, pings notwithstanding: the connection is dead.
pub const SILENCE: Duration = Duration::from_secs(75);

/// The anonymous socket is closed when nothing was asked for this long: an idle device holds one socket.
pub const ANONYMOUS_IDLE: Duration = Duration::from_secs(10);

/// For a clean goodbye when the program ends; whatever is not answered by then is asked again next time.
pub const GOODBYE: Duration = Duration::from_secs(2);

/// Two ticks of the engine are at least this far apart, so that a deadline in the past cannot keep a core busy.
pub const TICK_SPACING: Duration = Duration::from_millis(20);

/// Frames from the sockets that wait for the engine; beyond it reading stops and TCP tells the server. Each is at most
/// [`keyfold_wire::limits::MAX_FRAME`], and as a rule under [`keyfold_wire::limits::MAX_PUSH_BYTES`].
pub const WAITING_FRAMES: usize = 64;

/// Deliveries that go into one step of the engine: as many as the server pushes unacknowledged.
pub const BATCH_ITEMS: usize = keyfold_wire::limits::MAX_UNACKNOWLEDGED;

/// Events that a slow subscriber may lag behind before it is told that it has missed some and must read again.
pub const EVENT_BACKLOG: usize = 4_096;

/// Calls of the program that wait for the engine.
pub const WAITING_CALLS: usize = 64;

/// For a preview, from the name of its page to the last byte of its picture: who has sent a text waits for no page longer.
pub const PREVIEW_PATIENCE: Duration = Duration::from_secs(8);

/// Of a page so much is read: what it says of itself stands at its beginning.
pub const MAX_PAGE: usize = 512 * 1024;

/// Of the picture of a page so much is read; of one that is larger there is none.
pub const MAX_PREVIEW_SOURCE: usize = 4 * 1024 * 1024;

/// How often a page may move on: to `https`, to `www.`, and to its place.
pub const MAX_PREVIEW_MOVES: usize = 3;

/// The longer side of a preview's picture in pixels: what fits beside a text.
pub const PREVIEW_PICTURE_SIDE: u32 = 320;

/// Memory for deriving a key from a passphrase, in KiB: 64 MiB, the second recommended option of RFC 9106 section 4.
/// It makes a guessing machine expensive and still fits a small board.
pub const ARGON2_MEMORY_KIB: u32 = 64 * 1024;

/// Passes over that memory (RFC 9106 section 4): about a fifth of a second on a laptop.
pub const ARGON2_PASSES: u32 = 3;

/// Lanes (RFC 9106 section 4).
pub const ARGON2_LANES: u32 = 4;

/// The most memory that a key file may ask for, in KiB (1 GiB): a changed file must not exhaust the machine.
pub const ARGON2_MOST_MEMORY_KIB: u32 = 1024 * 1024;

/// The most passes that a key file may ask for, for the same reason.
pub const ARGON2_MOST_PASSES: u32 = 64;

/// The most lanes that a key file may ask for, for the same reason.
pub const ARGON2_MOST_LANES: u32 = 64;

/// A passphrase file. Longer is a wrong file, not a passphrase.
pub const MAX_PASSPHRASE: usize = 4 * 1024;

/// Key and settings files; a CA file of a company may hold a hundred certificates.
pub const MAX_SMALL_FILE: u64 = 1024 * 1024;

/// A clock that shows this much less than it did was set back.
pub const CLOCK_STEP: Duration = Duration::from_mins(1);

/// The driver looks at the clock at least this often, since somebody may have set it.
pub const LONGEST_SLEEP: Duration = Duration::from_hours(1);

/// For one part of a file, either way: 4 MiB over 110 kbit/s.
pub const PART_PATIENCE: Duration = Duration::from_mins(5);

/// A server that takes no file now, and does not say until when, is asked again after this.
pub const BUSY_WAIT: Duration = Duration::from_secs(5);

/// Pixels on each side of a profile's picture: what it takes on the largest place where a screen shows one, at twice the density.
pub const PROFILE_PICTURE_SIDE: u32 = 256;

/// Pixels on each side of a picture that is made smaller: over what cameras take.
pub const MAX_PICTURE_SIDE: u32 = 16_384;

/// Memory for looking at one: a photograph of 100 megapixels in four bytes each.
pub const MAX_PICTURE_MEMORY: u64 = 400_000_000;

/// Memory for looking at the picture of a page: 16 megapixels of three bytes each. It is somebody else's, and decoding one in stages takes three times as much.
pub const MAX_PREVIEW_MEMORY: u64 = 48_000_000;
