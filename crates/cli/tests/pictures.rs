//! Pictures from one person to another: upright, and without what they say of where they were taken.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod kit;

use std::path::Path;

use kit::{Person, Server, text};

const PLACE: &[u8] = b"+47.3769+008.5417/";

/// A photograph of 64 by 32 pixels that a telephone took upright, and that says where.
fn photograph() -> Vec<u8> {
    let mut picture = std::io::Cursor::new(Vec::new());
    let format = image::ImageFormat::Jpeg;
    image::DynamicImage::new_rgb8(64, 32)
        .write_to(&mut picture, format)
        .unwrap();
    let picture = picture.into_inner();
    let mut exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x02".to_vec();
    exif.extend([1, 0x12, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0]);
    exif.extend([1, 0x0e, 0, 2, 0, 0, 0, 18, 0, 0, 0, 38, 0, 0, 0, 0]);
    exif.extend(PLACE);
    let length = u16::try_from(exif.len() + 2).unwrap().to_be_bytes();
    [&picture[..2], &[0xff, 0xe1], &length, &exif, &picture[2..]].concat()
}

fn saves(person: &Person, folder: &Path, name: &str) -> Vec<u8> {
    person.syncs();
    let to = folder.join(name).display().to_string();
    person.ok(&["save", "ada", "last", "--to", &to]);
    std::fs::read(to).unwrap()
}

fn tells(bytes: &[u8]) -> bool {
    memchr::memmem::find(bytes, PLACE).is_some()
}

#[test]
fn a_photograph_comes_upright_and_does_not_say_where_it_was_taken() {
    let server = Server::start();
    let [ada, bo] = server.people(["ada", "bo"]);
    let talk = ada.begins(&["bo"]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("balcony.jpg");
    std::fs::write(&path, photograph()).unwrap();
    let taken = path.display().to_string();
    ada.ok(&["send-file", &talk, &taken]);
    assert_eq!(std::fs::read(&path).unwrap(), photograph(), "hers stays");

    let came = saves(&bo, folder.path(), "came.jpg");
    assert!(tells(&photograph()) && !tells(&came));
    let seen = image::load_from_memory(&came).unwrap();
    assert_eq!((seen.width(), seen.height()), (32, 64));
    let entries = bo.ok(&["read", "ada"]);
    let entry = entries
        .iter()
        .find(|entry| entry["kind"] == "file")
        .unwrap();
    assert_eq!(entry["file"]["width"], 32);
    assert_eq!(entry["file"]["height"], 64);
    let shown = bo.sees(&["read", "ada"]);
    assert!(
        shown.contains("kB, 32 \u{d7} 64]") || shown.contains("B, 32 \u{d7} 64]"),
        "{shown}"
    );

    ada.ok(&["send-file", &talk, &taken, "--as-is"]);
    assert_eq!(saves(&bo, folder.path(), "as_is.jpg"), photograph());
}

#[test]
fn what_nobody_can_read_is_not_sent_and_what_is_of_another_kind_not_without_a_word() {
    let server = Server::start();
    let [ada, bo] = server.people(["ada", "bo"]);
    let talk = ada.begins(&["bo"]);
    let folder = tempfile::tempdir().unwrap();
    let broken = folder.path().join("broken.jpg");
    std::fs::write(&broken, &photograph()[..60]).unwrap();
    let broken = broken.display().to_string();
    let (code, failure) = ada.fails(&["send-file", &talk, &broken]);
    assert_eq!((code, text(&failure, "kind").as_str()), (2, "usage"));
    assert!(text(&failure, "error").contains("--as-is"), "{failure}");
    ada.ok(&["send-file", &talk, &broken, "--as-is"]);
    assert_eq!(
        saves(&bo, folder.path(), "broken_too.jpg"),
        &photograph()[..60]
    );

    let scan = folder.path().join("scan.tiff");
    std::fs::write(&scan, b"MM\0*\0\0\0\x08 a scan").unwrap();
    let scan = scan.display().to_string();
    let done = ada.start(&["send-file", &talk, &scan]).finish();
    assert_eq!((done.code, done.err.len()), (Some(0), 1), "{:?}", done.err);
    assert!(done.err[0].contains("it may say where"), "{:?}", done.err);
    let done = ada.start(&["send-file", &talk, &scan, "--as-is"]).finish();
    assert_eq!((done.code, done.err), (Some(0), Vec::new()));
}
