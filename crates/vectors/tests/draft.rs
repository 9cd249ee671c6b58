//! The examples of draft-ietf-mimi-content, as its authors have encoded them, are read as they are meant.

#![allow(clippy::unwrap_used, clippy::panic)]

use keyfold_protocol::content::{Body, Expires, Kept, TextFormat};

/// Where the draft's examples lie.
const FOLDER: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../vectors/draft-ietf-mimi-content"
);

/// The beginning of the ids of the example's messages, from the draft's comments on them.
const ORIGINAL: &str = "017ce548";
const REPLY: &str = "01535497";
const REACTION: &str = "0158c428";

/// What a message says, in one line, with the beginning of the ids in it.
fn read(name: &str) -> String {
    let encoded = std::fs::read(format!("{FOLDER}/{name}.cbor")).unwrap();
    let kept = Kept::read(&encoded).unwrap();
    let short = |id: keyfold_protocol::content::ContentId| id.to_string()[..8].to_owned();
    let says = match kept.body {
        Body::Text(text) => match text.format {
            TextFormat::Plain => format!("plain {:?}", text.text),
            TextFormat::Markdown => format!("{:?}", text.text),
        },
        Body::Edit { of, text } => format!("edit of {}: {:?}", short(of), text.text),
        Body::Deletion(of) => format!("deletion of {}", short(of)),
        Body::Reaction(reaction) => format!("reaction {}", reaction.emoji),
        Body::Pin { of, pinned } => format!("pin of {}: {pinned}", short(of)),
        Body::Unsupported => "newer".to_owned(),
        Body::File(_) => panic!("{name} is a file of Keyfold's"),
        Body::Profile(_) => panic!("{name} is a profile of Keyfold's"),
        Body::Poll(_)
        | Body::Vote(_)
        | Body::PollEnd(_)
        | Body::Location(_)
        | Body::Card(_)
        | Body::Once(_) => panic!("{name} is of Keyfold's own"),
        Body::Leaving(_) => panic!("{name} leaves"),
    };
    let says = match kept.expires {
        Some(Expires::At(time)) => format!("{says} until {time}"),
        Some(Expires::AfterReading(seconds)) => format!("{says} for {seconds} s"),
        None => says,
    };
    match kept.in_reply_to {
        Some(id) => format!("{says} to {}", short(id)),
        None => says,
    }
}

#[test]
fn the_drafts_own_examples_are_read_as_they_are_meant() {
    let cases = [
        (
            "original",
            r#""Hi everyone, we just shipped release 2.0. __Good  work__!""#.to_owned(),
        ),
        (
            "reply",
            format!(r#""Right on! _Congratulations_ 'all!" to {ORIGINAL}"#),
        ),
        ("reaction", format!("reaction ❤ to {ORIGINAL}")),
        (
            "mention",
            format!(
                "\"Kudos to [@Alice Smith](mimi://example.com/u/alice-smith) for making the release happen!\" to {ORIGINAL}"
            ),
        ),
        (
            "edit",
            format!(r#"edit of {REPLY}: "Right on! _Congratulations_ y'all!" to {ORIGINAL}"#),
        ),
        ("delete", format!("deletion of {REPLY} to {ORIGINAL}")),
        ("unlike", format!("deletion of {REACTION} to {ORIGINAL}")),
        ("multipart-1", r##""# Welcome!""##.to_owned()),
        (
            "expiring",
            "\"__*VPN GOING DOWN*__ I'm rebooting the VPN in ten minutes unless anyone objects.\" until 1644390004".to_owned(),
        ),
        // Not yet: files, calls, HTML, several reactions at once.
        ("attachment", "newer".to_owned()),
        ("conferencing", "newer".to_owned()),
        ("mention-html", format!("newer to {ORIGINAL}")),
        ("multipart-2", "newer".to_owned()),
        ("multipart-3", "newer".to_owned()),
    ];
    let mut known: Vec<_> = cases.iter().map(|(name, _)| (*name).to_owned()).collect();
    for (name, expected) in &cases {
        assert_eq!(read(name), *expected, "{name}");
    }
    let files = std::fs::read_dir(FOLDER).unwrap();
    let mut files: Vec<String> = files
        .map(|file| {
            file.unwrap()
                .path()
                .file_stem()
                .unwrap()
                .display()
                .to_string()
        })
        .collect();
    known.sort();
    files.sort();
    assert_eq!(files, known);
}
