//! Every frame inside TLS: which requests and replies there were, and what is readable in them.

use std::collections::BTreeSet;

use keyfold_wire::frame::{decode_client, decode_server};
use keyfold_wire::v1::client_frame::Request;
use keyfold_wire::v1::server_frame::Content;

use crate::recorder::Recorder;
use crate::search::Words;
use crate::{HANDLES, REPORTED, WORDS};

/// What a frame is called, and where in the server it belongs.
type Kind = (&'static str, Place);

/// Handles may be in the directory only.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Directory,
    Elsewhere,
}

fn request_kind(request: &Request) -> Kind {
    match request {
        Request::Register(_) => ("register", Place::Directory),
        Request::PublishKeyPackages(_) => ("publish", Place::Directory),
        Request::AddDevice(_) => ("add device", Place::Directory),
        Request::Lookup(_) => ("lookup", Place::Directory),
        Request::FetchKeyPackages(_) => ("fetch", Place::Directory),
        Request::Hello(_) => ("hello", Place::Elsewhere),
        Request::Acknowledge(_) => ("acknowledge", Place::Elsewhere),
        Request::TakeAddresses(_) => ("take addresses", Place::Elsewhere),
        Request::RevokeAddresses(_) => ("revoke", Place::Elsewhere),
        Request::RemoveDevice(_) => ("remove device", Place::Elsewhere),
        Request::ReplaceToken(_) => ("replace token", Place::Elsewhere),
        Request::Create(_) => ("create", Place::Elsewhere),
        Request::Send(_) => ("send", Place::Elsewhere),
        Request::Commit(_) => ("commit", Place::Elsewhere),
        Request::Probe(_) => ("probe", Place::Elsewhere),
        Request::Report(_) => ("report", Place::Elsewhere),
        Request::Signal(_) => ("signal", Place::Elsewhere),
        Request::AcknowledgeSignals(_) => ("acknowledge signals", Place::Elsewhere),
    }
}

fn reply_kind(content: &Content) -> Kind {
    match content {
        Content::Account(_) => ("account", Place::Directory),
        Content::KeyPackages(_) => ("key packages", Place::Directory),
        Content::Refused(_) => ("refused", Place::Elsewhere),
        Content::Greeting(_) => ("greeting", Place::Elsewhere),
        Content::Done(_) => ("done", Place::Elsewhere),
        Content::Addresses(_) => ("addresses", Place::Elsewhere),
        Content::Accepted(_) => ("accepted", Place::Elsewhere),
        Content::Deliveries(_) => ("deliveries", Place::Elsewhere),
        Content::Supply(_) => ("supply", Place::Elsewhere),
        Content::Signals(_) => ("signals", Place::Elsewhere),
    }
}

/// One frame, or the HTTP that opened a socket.
struct Frame {
    kind: Kind,
    bytes: Vec<u8>,
}

/// No word is in any frame or header, and handles are in those of the directory only.
pub(crate) fn search(recorder: &Recorder, planted: &str) {
    let frames = all(recorder);
    let kinds_with = |words: &[&str]| {
        let words = Words::new(words);
        let with = frames
            .iter()
            .filter(|frame| words.first_in(&frame.bytes).is_some());
        with.map(|frame| frame.kind.0).collect::<BTreeSet<_>>()
    };
    assert_eq!(
        kinds_with(&[planted]),
        BTreeSet::from(["send"]),
        "it was sent, and waits"
    );
    let plain = BTreeSet::from(["header", "send", "deliveries"]);
    assert_eq!(
        kinds_with(&[PLANTED]),
        plain,
        "earlier ones were delivered, too"
    );
    assert_eq!(
        kinds_with(&REPORTED),
        BTreeSet::from(["report"]),
        "what somebody reports is in the report alone"
    );
    let named = kinds_with(&HANDLES);
    for kind in ["register", "publish", "lookup", "account", "key packages"] {
        assert!(
            named.contains(kind),
            "no handle in {kind}, but in {named:?}"
        );
    }
    let seen: BTreeSet<_> = frames.iter().map(|frame| frame.kind.0).collect();
    for kind in [
        "create",
        "send",
        "commit",
        "signal",
        "deliveries",
        "signals",
        "file",
    ] {
        assert!(seen.contains(kind), "no {kind} among {seen:?}");
    }

    let (words, handles) = (Words::new(&WORDS), Words::new(&HANDLES));
    for frame in &frames {
        let (kind, place) = frame.kind;
        words.are_not_in(&frame.bytes, kind);
        if place == Place::Elsewhere {
            handles.are_not_in(&frame.bytes, kind);
        }
    }
}

/// What every plain message begins with.
pub(crate) const PLANTED: &str = "said carelessly";

/// One of the addresses of each answer that brought some.
pub(crate) fn addresses(recorder: &Recorder) -> Vec<Vec<u8>> {
    let of = |frame: Frame| match decode_server(frame.bytes.into()).ok()?.content? {
        Content::Addresses(taken) => Some(taken.addresses.first()?.address.to_vec()),
        _ => None,
    };
    all(recorder)
        .into_iter()
        .filter(|frame| frame.kind.0 == "addresses")
        .filter_map(of)
        .collect()
}

/// Whether one of these words is in a frame of any connection so far.
pub(crate) fn hold(recorder: &Recorder, words: &Words) -> bool {
    let frames = all(recorder);
    frames
        .iter()
        .any(|frame| words.first_in(&frame.bytes).is_some())
}

/// All frames and headers of all connections so far.
fn all(recorder: &Recorder) -> Vec<Frame> {
    let mut frames = Vec::new();
    for recording in recorder.recordings() {
        let streams = [&recording.up, &recording.down].map(|stream| stream.lock().unwrap());
        if is_about_files(&streams[0]) {
            frames.extend(streams.iter().map(|stream| Frame {
                kind: ("file", Place::Elsewhere),
                bytes: stream.to_vec(),
            }));
            continue;
        }
        for stream in &streams {
            frames.push(Frame {
                kind: ("header", Place::Elsewhere),
                bytes: split(stream).0.to_vec(),
            });
        }
        frames.extend(messages(&streams[0]).into_iter().map(|bytes| {
            let frame = decode_client(bytes.clone().into()).unwrap();
            let kind = request_kind(&frame.request.unwrap());
            Frame { kind, bytes }
        }));
        frames.extend(messages(&streams[1]).into_iter().map(|bytes| {
            let frame = decode_server(bytes.clone().into()).unwrap();
            let kind = reply_kind(&frame.content.unwrap());
            Frame { kind, bytes }
        }));
    }
    frames
}

/// Sealed files go over HTTP alone.
fn is_about_files(up: &[u8]) -> bool {
    let target = up.split(|byte| *byte == b' ').nth(1);
    target.is_some_and(|target| target.starts_with(b"/v1/files"))
}

/// The HTTP that opens a socket, and the WebSocket after it.
fn split(stream: &[u8]) -> (&[u8], &[u8]) {
    let end = stream.windows(4).position(|window| window == b"\r\n\r\n");
    stream.split_at(end.expect("a socket is opened by HTTP") + 4)
}

/// The messages of one direction, unmasked and put together (RFC 6455 section 5).
fn messages(stream: &[u8]) -> Vec<Vec<u8>> {
    let mut rest = split(stream).1;
    let mut messages = Vec::new();
    let mut message = Vec::new();
    while !rest.is_empty() {
        let head = take(&mut rest, 2);
        assert_eq!(head[0] & 0x70, 0, "nothing is compressed");
        let length = match head[1] & 0x7F {
            126 => number(take(&mut rest, 2)),
            127 => number(take(&mut rest, 8)),
            short => usize::from(short),
        };
        let mask = if head[1] & 0x80 == 0 {
            &[0; 4][..]
        } else {
            take(&mut rest, 4)
        };
        let payload = take(&mut rest, length);
        let unmasked = payload
            .iter()
            .zip(mask.iter().cycle())
            .map(|(byte, mask)| byte ^ mask);
        // Pings and closes are control frames, which may come in the middle of a message.
        if head[0] & 0x08 != 0 {
            continue;
        }
        message.extend(unmasked);
        if head[0] & 0x80 != 0 {
            messages.push(std::mem::take(&mut message));
        }
    }
    messages
}

fn number(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .fold(0, |number, byte| number << 8 | usize::from(*byte))
}

fn take<'a>(rest: &mut &'a [u8], count: usize) -> &'a [u8] {
    assert!(rest.len() >= count, "a frame was recorded in part only");
    let (taken, left) = rest.split_at(count);
    *rest = left;
    taken
}
