//! The machine that a figure was measured on, in one line.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context as _, Result, bail};

/// Processor, cores, disk and date.
pub(crate) fn describe(folder: &Path) -> Result<String> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    Ok(format!(
        "{}, {cores} cores, {}, {}",
        processor(),
        disk(folder)?,
        date()
    ))
}

/// A folder on a real disk, inside the build's own, emptied when it is dropped.
pub(crate) fn folder() -> Result<tempfile::TempDir> {
    let program = std::env::current_exe().context("finding this program")?;
    let beside = program.parent().context("this program has no folder")?;
    let folder = tempfile::Builder::new()
        .prefix("bench-")
        .tempdir_in(beside)
        .context("making a folder for the measurements")?;
    disk(folder.path())?;
    Ok(folder)
}

/// The server that was built beside this program.
pub(crate) fn server() -> Result<PathBuf> {
    let program = std::env::current_exe().context("finding this program")?;
    let server = program.with_file_name("keyfold-server");
    if !server.exists() {
        bail!("{} is missing: run `cargo xtask bench`", server.display());
    }
    Ok(server)
}

fn processor() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        info.lines()
            .find(|line| line.starts_with(name))
            .and_then(|line| line.split_once(':'))
            .map(|(_, value)| value.trim().to_owned())
    };
    let name = field("model name").unwrap_or_else(|| "unknown processor".to_owned());
    match (field("cpu family"), field("model\t")) {
        (Some(family), Some(model)) => format!("{name} (family {family}, model {model})"),
        _ => name,
    }
}

/// The disk under a folder. Memory is refused: nothing is durable there.
fn disk(folder: &Path) -> Result<String> {
    let folder = folder.canonicalize().context("the folder's real path")?;
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let mut best = (0, String::new(), String::new());
    for line in mounts.lines() {
        let mut words = line.split(' ');
        if let (Some(device), Some(point), Some(kind)) = (words.next(), words.next(), words.next())
            && folder.starts_with(point)
            && point.len() >= best.0
        {
            best = (point.len(), device.to_owned(), kind.to_owned());
        }
    }
    let (_, device, kind) = best;
    if ["tmpfs", "ramfs"].contains(&kind.as_str()) {
        bail!("{} is in memory: build on a real disk", folder.display());
    }
    let name = device.rsplit('/').next().unwrap_or_default();
    let queue = format!("/sys/block/{name}/queue");
    let read = |file: &str| fs::read_to_string(format!("{queue}/{file}")).unwrap_or_default();
    let turning = match read("rotational").trim() {
        "0" => " without moving parts",
        "1" => " that says it turns",
        _ => "",
    };
    let cache = match read("write_cache").trim() {
        "write back" => ", write-back cache",
        "write through" => ", write-through",
        _ => "",
    };
    Ok(format!("{name} ({kind}){turning}{cache}"))
}

/// Today in UTC (Howard Hinnant's `civil_from_days`).
fn date() -> String {
    let seconds = SystemTime::UNIX_EPOCH
        .elapsed()
        .map_or(0, |since| since.as_secs());
    let days = seconds / 86_400 + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = year + era * 400 + u64::from(month <= 2);
    format!("{year}-{month:02}-{day:02}")
}
