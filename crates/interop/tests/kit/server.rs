//! Keyfold's server as it runs, in this process: SQLite, listener, sockets, limits.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use clap::Parser as _;
use keyfold_server::config::{Arguments, Task};
use keyfold_server::files::Files;
use keyfold_server::http::{App, Forwarding, FrameMemory, Listener};
use keyfold_server::metrics::Metrics;
use keyfold_server::network::NetworkLimits;
use keyfold_server::open;
use keyfold_server::shutdown::{Stopper, stop};
use tempfile::TempDir;

/// Runs until it is dropped.
pub struct Server {
    address: SocketAddr,
    _data: TempDir,
    _stopper: Stopper,
}

impl Server {
    /// On a new data folder and a port of the system's choice.
    pub fn start() -> Self {
        let data = TempDir::new().unwrap();
        let folder = data.path().to_str().unwrap();
        let told = [
            "keyfold-server",
            "--data",
            folder,
            "--listen",
            "127.0.0.1:0",
        ];
        let Ok(Task::Serve(settings)) = Arguments::parse_from(told).task() else {
            panic!("it is told to serve");
        };
        let (core, committer) = open::core(&settings.data, settings.registrations).unwrap();
        tokio::spawn(committer.run());
        let (stopper, stop) = stop();
        let listener = Listener::bind(settings.listen, None, settings.max_connections).unwrap();
        let address = listener
            .url()
            .unwrap()
            .split_once("://")
            .unwrap()
            .1
            .parse()
            .unwrap();
        let app = App {
            core,
            metrics: Arc::new(Metrics::new().unwrap()),
            limits: NetworkLimits::new(settings.rates, Instant::now()),
            memory: FrameMemory::new(),
            patience: settings.patience,
            forwarding: Forwarding::Direct,
            files: Files::in_memory(0),
            stop: stop.clone(),
        };
        stop.spawn(listener.serve(Arc::new(app)));
        Self {
            address,
            _data: data,
            _stopper: stopper,
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}
