//! What an idle device costs the server, over TLS: at most 24 KB.

#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout
)]

mod kit;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use kit::{Person, Server, Socket};

/// The promise, for ten thousand of them. A tenth is enough to see it broken; `KEYFOLD_IDLE_DEVICES` sets another number.
const PROMISED: u64 = 24 * 1_024;
const DEVICES: usize = 1_000;

#[tokio::test]
async fn an_idle_device_costs_little_memory() {
    let devices =
        std::env::var("KEYFOLD_IDLE_DEVICES").map_or(DEVICES, |count| count.parse().unwrap());
    let open = u32::try_from(devices + 500)
        .ok()
        .and_then(NonZeroU32::new)
        .unwrap();
    assert_eq!(
        keyfold_server::http::raise_open_files(open),
        open,
        "this needs more open files"
    );
    let server = Arc::new(Server::start(&[
        "--no-network-limits",
        "--keepalive",
        "600",
    ]));
    // What the first device brings with it is not the others' cost.
    let _first = connect(&server, 0, Arc::new(AtomicUsize::new(0))).await;
    let before = server.resident();

    let next = Arc::new(AtomicUsize::new(1));
    let workers: Vec<_> = (0..16)
        .map(|_| tokio::spawn(connect(&server, devices, Arc::clone(&next))))
        .collect();
    let mut sockets = Vec::new();
    for worker in workers {
        sockets.extend(worker.await.unwrap());
    }
    server.assert_well().await;
    let each = server.resident().saturating_sub(before) / u64::try_from(devices).unwrap();
    println!("{each} bytes of resident memory for each of {devices} idle devices");
    assert!(each <= PROMISED, "{each} bytes for each device");
}

/// Registers people until there are `limit`; their sockets.
fn connect(
    server: &Arc<Server>,
    limit: usize,
    next: Arc<AtomicUsize>,
) -> impl Future<Output = Vec<Socket>> + Send + use<> {
    let server = Arc::clone(server);
    async move {
        let mut sockets = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number > limit {
                return sockets;
            }
            sockets.push(
                Person::new(&format!("person{number}"))
                    .registers(&server)
                    .await,
            );
        }
    }
}
