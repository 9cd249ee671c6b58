//! Everything that runs while a server runs, and how it ends.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use keyfold_server::ServerCore;
use keyfold_server::clock::{Clock as _, SystemClock};
use keyfold_server::config::{Patience, Settings, Transport};
use keyfold_server::files::Files;
use keyfold_server::http::{
    App, Forwarding, FrameMemory, Listener, raise_open_files, serve_metrics,
};
use keyfold_server::metrics::Metrics;
use keyfold_server::network::NetworkLimits;
use keyfold_server::shutdown::{Ended, Signals, Stop, stop};
use keyfold_server::tls::Tls;
use keyfold_server::{logs, open};
use keyfold_wire::limits::sealed_at_most;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::{admin, data_folder};

/// Sweeps are at least this far apart, also when there is more to delete.
const SWEEP_AT_MOST_EVERY: Duration = Duration::from_secs(1);
/// And at most this far: a clock may be set.
const SWEEP_AT_LEAST_EVERY: Duration = Duration::from_hours(1);
/// After a sweep that failed.
const SWEEP_AGAIN: Duration = Duration::from_mins(1);

/// Serves until a signal says stop.
pub(crate) async fn run(settings: Settings) -> anyhow::Result<()> {
    logs::start(settings.log);
    data_folder::ensure(&settings.data)?;
    let (core, committer) = open::core(&settings.data, settings.registrations)?;
    let mut signals = Signals::listen().context("signals cannot be listened to")?;
    let metrics = Arc::new(Metrics::new().context("metrics cannot be set up")?);
    let (stopper, stop) = stop();
    let max_connections = raise_open_files(settings.max_connections);
    let tls = Tls::start(&settings.transport, &settings.data, &metrics, &stop)?;
    let listener = Listener::bind(settings.listen, tls, max_connections)
        .with_context(|| format!("{} cannot be listened on", settings.listen))?;
    let metrics_listener = listen_for_metrics(settings.metrics).await?;
    let watched = Arc::clone(&metrics);
    let committer = committer.watched(move |took| watched.store.committed(took));
    let committer = tokio::spawn(committer.run());
    let files = open_files(&settings)?;
    let app = app(&settings, Arc::clone(&core), files.clone(), metrics, &stop);
    let app = Arc::new(app);

    announce(&listener, metrics_listener.as_ref())?;
    if let Some(listener) = metrics_listener {
        stop.spawn(serve_metrics(Arc::clone(&app), listener));
    }
    open_admin_door(&settings.data, &core, &stop);
    stop.spawn(sweep(Arc::clone(&core), files, stop.clone()));
    stop.spawn(listener.serve(app));
    drop(stop);

    signals.wait().await;
    tracing::info!("stopping");
    let ended = stopper.stop(settings.patience.shutdown).await;
    finish(&core, committer, ended, settings.patience).await
}

/// Sealed files lie beside the database.
fn open_files(settings: &Settings) -> anyhow::Result<Files> {
    let folder = settings.data.join("files");
    let largest = sealed_at_most(settings.max_file_size);
    Files::in_folder(&folder, largest)
        .with_context(|| format!("the folder {} cannot be used", folder.display()))
}

fn app(
    settings: &Settings,
    core: Arc<ServerCore>,
    files: Files,
    metrics: Arc<Metrics>,
    stop: &Stop,
) -> App {
    let forwarding = match settings.transport {
        Transport::BehindProxy => Forwarding::LastHop,
        _ => Forwarding::Direct,
    };
    App {
        core,
        files,
        metrics,
        limits: NetworkLimits::new(settings.rates, Instant::now()),
        memory: FrameMemory::new(),
        patience: settings.patience,
        forwarding,
        stop: stop.clone(),
    }
}

async fn listen_for_metrics(address: Option<SocketAddr>) -> anyhow::Result<Option<TcpListener>> {
    let Some(address) = address else {
        return Ok(None);
    };
    let listener = TcpListener::bind(address).await;
    listener
        .map(Some)
        .with_context(|| format!("metrics cannot be served on {address}"))
}

/// A server without this door still serves: invitations then need it stopped.
fn open_admin_door(data: &Path, core: &Arc<ServerCore>, stop: &Stop) {
    match admin::open(data) {
        Ok(door) => stop.spawn(admin::serve(door, Arc::clone(core), stop.clone())),
        Err(error) => {
            tracing::warn!("invitations can be made only while this server is stopped: {error}");
        }
    }
}

/// Says on standard output where the server can be reached. Scripts read these lines.
fn announce(listener: &Listener, metrics: Option<&TcpListener>) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "keyfold-server listening on {}", listener.url()?)?;
    if let Some(metrics) = metrics {
        writeln!(
            out,
            "keyfold-server metrics on http://{}/metrics",
            metrics.local_addr()?
        )?;
    }
    out.flush()?;
    Ok(())
}

/// Deletes what is past its retention, in portions, for as long as the server runs.
async fn sweep(core: Arc<ServerCore>, files: Files, stop: Stop) {
    loop {
        // Neither waits for the other: files may lie where nothing can be deleted at present.
        let (swept, more) = (core.sweep().await, files.sweep(&core).await);
        let pause = match more.and_then(|more| Ok((swept?, more))) {
            Ok((_, true)) => SWEEP_AT_MOST_EVERY,
            Ok((next, false)) => next
                .since(SystemClock.now())
                .clamp(SWEEP_AT_MOST_EVERY, SWEEP_AT_LEAST_EVERY),
            Err(refusal) => {
                tracing::warn!("what is past its retention could not be deleted: {refusal}");
                SWEEP_AGAIN
            }
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => (),
            () = stop.wait() => break,
        }
    }
}

/// Lets the store finish what it was given.
async fn finish(
    core: &ServerCore,
    committer: JoinHandle<()>,
    ended: Ended,
    patience: Patience,
) -> anyhow::Result<()> {
    if let Ended::StillBusy(tasks) = ended {
        tracing::warn!("{tasks} connections did not end in time");
    }
    core.close();
    tokio::time::timeout(patience.shutdown, committer)
        .await
        .context("the store did not finish in time; what was acknowledged is safe")?
        .context("the store's task broke")?;
    tracing::info!("stopped");
    Ok(())
}
