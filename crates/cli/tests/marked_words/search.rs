//! Looking for words: in bytes, in files, in the rows of a database.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use memchr::memmem::Finder;
use rusqlite::types::ValueRef;

/// Words, each in the forms in which programs write bytes: as they are, in hexadecimal, and as Rust prints a list.
pub(crate) struct Words(Vec<(String, Finder<'static>)>);

impl Words {
    pub(crate) fn new(words: &[&str]) -> Self {
        let forms = words.iter().flat_map(|word| finders(word, word.as_bytes()));
        Self(forms.collect())
    }

    /// Bytes that are no text, under a name.
    pub(crate) fn of_bytes(name: &str, bytes: &[u8]) -> Self {
        Self(finders(name, bytes).collect())
    }

    /// The first of these words that is there.
    pub(crate) fn first_in(&self, bytes: &[u8]) -> Option<&str> {
        let found = self
            .0
            .iter()
            .find(|(_, finder)| finder.find(bytes).is_some());
        found.map(|(word, _)| word.as_str())
    }

    #[track_caller]
    pub(crate) fn are_not_in(&self, bytes: &[u8], place: &str) {
        if let Some(word) = self.first_in(bytes) {
            panic!("{word:?} is in {place}");
        }
    }

    pub(crate) fn in_file(&self, path: &Path) -> bool {
        self.first_in(&std::fs::read(path).unwrap()).is_some()
    }

    #[track_caller]
    pub(crate) fn are_not_in_file(&self, path: &Path) {
        self.are_not_in(&std::fs::read(path).unwrap(), &path.display().to_string());
    }
}

fn finders(name: &str, bytes: &[u8]) -> impl Iterator<Item = (String, Finder<'static>)> {
    let hex: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let list: Vec<_> = bytes.iter().map(u8::to_string).collect();
    let forms = [
        bytes.to_vec(),
        hex.concat().to_uppercase().into_bytes(),
        hex.concat().into_bytes(),
        list.join(", ").into_bytes(),
    ];
    let name = name.to_owned();
    forms
        .into_iter()
        .map(move |form| (name.clone(), Finder::new(&form).into_owned()))
}

/// Writes a word into this very file, at its end; it must be found there. Then the file is as it was.
#[track_caller]
pub(crate) fn planted_and_found(path: &Path) {
    const PLANTED: &str = "a word that was planted on purpose";
    let words = Words::new(&[PLANTED]);
    let mut file = File::options().append(true).open(path).unwrap();
    let length = file.metadata().unwrap().len();
    assert!(!words.in_file(path), "nobody has planted it yet");
    file.write_all(PLANTED.as_bytes()).unwrap();
    assert!(
        words.in_file(path),
        "planted in {}, and not found",
        path.display()
    );
    file.set_len(length).unwrap();
}

/// All files below a folder; sockets hold nothing. The folder of sealed files is empty while nobody has sent one.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    gather(folder, &mut all);
    assert!(!all.is_empty(), "{} is empty", folder.display());
    all
}

fn gather(folder: &Path, all: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            gather(&path, all);
        } else if path.is_file() {
            all.push(path);
        }
    }
}

/// The tables of the server's database that hold one of these words in any column, by name.
pub(crate) fn tables_with(data: &Path, words: &[&str]) -> Vec<String> {
    let folder = copied(data);
    let is_database = |path: &PathBuf| {
        std::fs::read(path)
            .unwrap()
            .starts_with(b"SQLite format 3\0")
    };
    let database = files(folder.path()).into_iter().find(is_database).unwrap();
    let database = rusqlite::Connection::open(database).unwrap();
    let mut tables: Vec<String> = database
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let words = Words::new(words);
    tables.retain(|table| holds(&database, table, &words));
    tables
}

/// Opening a database changes it and its log, so that the copy is opened.
fn copied(data: &Path) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for path in files(data) {
        std::fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
    }
    folder
}

fn holds(database: &rusqlite::Connection, table: &str, words: &Words) -> bool {
    let mut rows = database.prepare(&format!("SELECT * FROM {table}")).unwrap();
    let columns = rows.column_count();
    let mut rows = rows.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        for column in 0..columns {
            if let ValueRef::Text(bytes) | ValueRef::Blob(bytes) = row.get_ref(column).unwrap()
                && words.first_in(bytes).is_some()
            {
                return true;
            }
        }
    }
    false
}
