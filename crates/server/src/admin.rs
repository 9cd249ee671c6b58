//! The operator's door: a Unix socket in the data folder, for its owner alone.
//!
//! One request a connection, one line: `invite COUNT`, `reports`, `report ID` or `forget ID`. The answer is lines (one code each, or what
//! there is to see), then `done`; or one line `failed:` with a sentence. It exists since the database belongs to one process at a time.

use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use keyfold_server::ServerCore;
use keyfold_server::shutdown::Stop;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};

use crate::reports::{Task, words};

/// A request is a short line that comes at once.
const LINE: u64 = 64;
const LINE_WITHIN: Duration = Duration::from_secs(5);

/// Codes in one request.
const MAX_CODES: u32 = 1_000;

fn path(data: &Path) -> PathBuf {
    data.join("admin.sock")
}

/// Opens the door. The caller holds the data folder, so a socket that is there is a dead server's.
pub(crate) fn open(data: &Path) -> io::Result<UnixListener> {
    let path = path(data);
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&path)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Answers until the server stops.
pub(crate) async fn serve(listener: UnixListener, core: Arc<ServerCore>, stop: Stop) {
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.wait() => return,
        };
        if let Ok((stream, _)) = stream
            && let Err(error) = answer(stream, &core).await
        {
            tracing::warn!("a request of the operator was not answered: {error}");
        }
    }
}

async fn answer(mut stream: UnixStream, core: &ServerCore) -> io::Result<()> {
    let mut line = String::new();
    let mut reader = BufReader::new((&mut stream).take(LINE));
    tokio::time::timeout(LINE_WITHIN, reader.read_line(&mut line)).await??;
    if let Some(task) = Task::parse(line.trim_end()) {
        return answer_reports(&mut stream, core, &task).await;
    }
    let count = line
        .trim_end()
        .strip_prefix("invite ")
        .and_then(|count| count.parse().ok());
    let Some(count) = count.filter(|count| *count <= MAX_CODES) else {
        return stream
            .write_all(b"failed: this server does not know that request\n")
            .await;
    };
    for _ in 0..count {
        match core.invite().await {
            Ok(code) => stream.write_all(format!("{code}\n").as_bytes()).await?,
            Err(refusal) => {
                return stream
                    .write_all(format!("failed: {refusal}\n").as_bytes())
                    .await;
            }
        }
    }
    stream.write_all(b"done\n").await
}

async fn answer_reports(stream: &mut UnixStream, core: &ServerCore, task: &Task) -> io::Result<()> {
    match task.carry_out(core).await {
        Ok(lines) => {
            for line in lines {
                stream.write_all(format!("{line}\n").as_bytes()).await?;
            }
            stream.write_all(b"done\n").await
        }
        Err(refusal) => {
            let why = words(refusal);
            stream
                .write_all(format!("failed: {why}\n").as_bytes())
                .await
        }
    }
}

/// Asks a running server for codes. `None`: none is running on this folder.
pub(crate) async fn invite(data: &Path, count: u32) -> anyhow::Result<Option<Vec<String>>> {
    ask(data, &format!("invite {count}")).await
}

/// Asks a running server something, in one line. `None`: none is running on this folder.
pub(crate) async fn ask(data: &Path, line: &str) -> anyhow::Result<Option<Vec<String>>> {
    let Ok(mut stream) = UnixStream::connect(path(data)).await else {
        return Ok(None);
    };
    stream.write_all(format!("{line}\n").as_bytes()).await?;
    let mut answer = String::new();
    stream
        .read_to_string(&mut answer)
        .await
        .context("the running server did not answer")?;
    let mut lines: Vec<_> = answer.lines().map(str::to_owned).collect();
    match lines.pop() {
        Some(last) if last == "done" => Ok(Some(lines)),
        Some(last) => bail!("the running server {last}"),
        None => bail!("the running server stopped before it answered"),
    }
}
