//! Invitations, from the operator's terminal: by the running server, or on the database when none runs.

use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, bail};
use keyfold_server::config::{InviteArguments, Registrations};
use keyfold_server::open;

use crate::admin;

/// Prints codes, one a line, all of them durable.
pub(crate) async fn run(arguments: InviteArguments) -> anyhow::Result<()> {
    let InviteArguments { data, count } = arguments;
    if !data.is_dir() {
        bail!(
            "there is no data folder {}: start the server once, or give --data",
            data.display()
        );
    }
    let codes = match admin::invite(&data, count).await? {
        Some(codes) => codes,
        None => alone(&data, count).await?,
    };
    let mut out = std::io::stdout().lock();
    for code in codes {
        writeln!(out, "{code}")?;
    }
    out.flush()?;
    Ok(())
}

/// Without a running server.
async fn alone(data: &Path, count: u32) -> anyhow::Result<Vec<String>> {
    let (core, committer) = open::core(data, Registrations::Invite)?;
    let committer = tokio::spawn(committer.run());
    let mut codes = Vec::new();
    for _ in 0..count {
        codes.push(core.invite().await?);
    }
    core.close();
    committer.await.context("the store's task broke")?;
    Ok(codes)
}
