//! What a thief finds who copies the server's disk: every table, what its rows look like, and none of the words.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use super::screen::Screen;
use super::stage::Stage;

/// How long opening the copy may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// Values of a row that are shown, the largest first.
const SHOWN_CELLS: usize = 2;

/// Values over this many bytes are shown with their size.
const SIZED: u64 = 8;

/// A table as the program `server_disk` prints it.
#[derive(Deserialize)]
struct Table {
    name: String,
    rows: u64,
    sample: Vec<Cell>,
}

/// One column of a table's last row.
#[derive(Deserialize)]
struct Cell {
    column: String,
    bytes: u64,
    shown: String,
}

/// A copy of everything that the server has written, its log too.
pub(super) struct Copy {
    folder: PathBuf,
}

impl Copy {
    /// Copies the disk of the running server.
    pub(super) fn steal(stage: &Stage) -> Result<Self> {
        let folder = stage.path("stolen-disk");
        copy(&stage.server.data(), &folder)?;
        std::fs::copy(stage.server.log(), folder.join("log"))?;
        Ok(Self { folder })
    }

    /// Prints each table with its rows and the last row's bytes.
    pub(super) fn show(&self, stage: &Stage, screen: &Screen) -> Result<()> {
        for file in self.databases()? {
            let ended = stage
                .processes
                .finish(Command::new(&stage.disk).arg(&file), PATIENCE)?;
            if !ended.status.success() {
                bail!("the copy cannot be opened: {}", ended.err.trim());
            }
            for line in ended.out.lines() {
                show_table(&serde_json::from_str(line)?, screen);
            }
        }
        Ok(())
    }

    /// The files in which the word stands.
    pub(super) fn files_with(&self, word: &str) -> Result<Vec<String>> {
        let mut found = Vec::new();
        for file in files(&self.folder)? {
            if contains(&std::fs::read(&file)?, word.as_bytes()) {
                let name = file.strip_prefix(&self.folder).unwrap_or(&file);
                found.push(name.display().to_string());
            }
        }
        Ok(found)
    }

    /// How many bytes were copied.
    pub(super) fn size(&self) -> Result<u64> {
        let sizes = files(&self.folder)?
            .into_iter()
            .map(|file| Ok(file.metadata()?.len()));
        sizes.sum()
    }

    /// The files that are SQLite databases.
    fn databases(&self) -> Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        for file in files(&self.folder)? {
            if std::fs::read(&file)?.starts_with(b"SQLite format 3\0") {
                found.push(file);
            }
        }
        if found.is_empty() {
            bail!("the copied disk has no database");
        }
        Ok(found)
    }
}

/// One line: the table, its rows, and the largest values of its last row.
fn show_table(table: &Table, screen: &Screen) {
    let rows = if table.rows == 1 { "row " } else { "rows" };
    let mut cells: Vec<&Cell> = table.sample.iter().filter(|cell| cell.bytes > 0).collect();
    cells.sort_by_key(|cell| std::cmp::Reverse(cell.bytes));
    let shown = cells.iter().take(SHOWN_CELLS).map(|cell| {
        let size = if cell.bytes > SIZED {
            format!(" ({} B)", cell.bytes)
        } else {
            String::new()
        };
        format!("{} {}{size}", cell.column, cell.shown)
    });
    let shown = shown.collect::<Vec<_>>().join(", ");
    screen.row(&table.name, format_args!("{:>4} {rows}", table.rows), shown);
}

/// Copies a folder with all that lies on the disk in it; a socket does not.
fn copy(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in
        std::fs::read_dir(from).with_context(|| format!("{} is not there", from.display()))?
    {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else if entry.file_type()?.is_file() {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// All files below a folder.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            found.extend(files(&entry.path())?);
        } else {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

/// Whether the word stands in the bytes, in upper or lower case, in UTF-8 or as UTF-16.
fn contains(bytes: &[u8], word: &[u8]) -> bool {
    let wide: Vec<u8> = word.iter().flat_map(|byte| [*byte, 0]).collect();
    let stands = |wanted: &[u8]| {
        bytes
            .windows(wanted.len())
            .any(|part| part.eq_ignore_ascii_case(wanted))
    };
    stands(word) || stands(&wide)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_found_in_any_form() {
        assert!(contains(b"\0\x01Lighthouse\xff", b"lighthouse"));
        assert!(contains(b"xl\0i\0g\0h\0t\0", b"light"));
        assert!(!contains(b"lighthous", b"lighthouse"));
    }

    #[test]
    fn a_copy_is_searched_in_all_its_folders() {
        let home = tempfile::tempdir().unwrap();
        let below = home.path().join("wal");
        std::fs::create_dir(&below).unwrap();
        std::fs::write(below.join("page"), b"..marzipan..").unwrap();
        let copy = Copy {
            folder: home.path().to_owned(),
        };
        assert_eq!(copy.files_with("marzipan").unwrap(), ["wal/page"]);
        assert!(copy.files_with("nougat").unwrap().is_empty());
    }
}
