//! A bare relay to compare the server with: axum's WebSockets over the same TLS, and one SQLite table.
//!
//! It appends each message with group commit (`synchronous=FULL`), answers its sender, pushes it to one receiver and
//! deletes it once that has acknowledged. No accounts, no rosters, no limits, nothing sealed.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, mpsc};

use anyhow::{Context as _, Result};
use axum::Router;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Path as Segment, State};
use axum::routing::any;
use axum::serve::Listener;
use bytes::Bytes;
use futures_util::stream::SplitSink;
use futures_util::{SinkExt as _, StreamExt as _};
use keyfold_server::config::Transport;
use keyfold_server::metrics::Metrics;
use keyfold_server::shutdown::stop;
use keyfold_server::tls::Tls;
use rusqlite::Connection;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_rustls::server::TlsStream;

/// As the server's.
const MAX_BATCH: usize = 512;

/// What a sender's message begins with: its number, which is its answer, and the receiver's.
pub(crate) const HEADER: usize = 16;

type Out = UnboundedSender<Bytes>;

enum Job {
    Append {
        number: u64,
        receiver: u64,
        body: Bytes,
        sender: Out,
    },
    Acknowledge {
        receiver: u64,
        sequence: i64,
    },
}

#[derive(Clone)]
struct Relay {
    jobs: mpsc::Sender<Job>,
    receivers: Arc<Mutex<HashMap<u64, Out>>>,
}

/// Serves until it is killed; says where.
pub(crate) fn serve(folder: &Path) -> Result<()> {
    let receivers = Arc::<Mutex<HashMap<u64, Out>>>::default();
    let (jobs, queue) = mpsc::channel();
    let database = open(&folder.join("relay.db"))?;
    let waiting = Arc::clone(&receivers);
    std::thread::spawn(move || {
        if let Err(error) = write(&database, &queue, &waiting) {
            eprintln!("relay: {error}");
            std::process::exit(1);
        }
    });
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(listen(folder.join("ca"), Relay { jobs, receivers }))
}

async fn listen(ca: PathBuf, relay: Relay) -> Result<()> {
    let metrics = Arc::new(Metrics::new()?);
    let (_stopper, stop) = stop();
    let transport = Transport::DevelopmentCa(ca);
    let tls = Tls::start(&transport, Path::new("."), &metrics, &stop)?.context("no TLS")?;
    let tcp = TcpListener::bind("127.0.0.1:0").await?;
    println!("relay listening on https://{}", tcp.local_addr()?);
    let router = Router::new()
        .route("/send", any(send))
        .route("/receive/{receiver}", any(receive))
        .with_state(relay);
    Ok(axum::serve(Guarded { tcp, tls }, router).await?)
}

struct Guarded {
    tcp: TcpListener,
    tls: Tls,
}

impl Listener for Guarded {
    type Io = Box<TlsStream<TcpStream>>;
    type Addr = std::net::SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            if let Ok((tcp, address)) = self.tcp.accept().await
                && tcp.set_nodelay(true).is_ok()
                && let Ok(Some(stream)) = self.tls.accept(tcp).await
            {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.tcp.local_addr()
    }
}

fn open(path: &Path) -> Result<Connection> {
    let database = Connection::open(path)?;
    database.query_row("PRAGMA journal_mode = WAL", (), |_| Ok(()))?;
    database.pragma_update(None, "synchronous", "FULL")?;
    database.query_row("PRAGMA wal_autocheckpoint = 4000", (), |_| Ok(()))?;
    database.execute_batch(
        "CREATE TABLE item (receiver INTEGER, sequence INTEGER, body BLOB NOT NULL,
           PRIMARY KEY (receiver, sequence)) WITHOUT ROWID",
    )?;
    Ok(database)
}

/// The one writer: everything that waits goes into one transaction.
fn write(
    database: &Connection,
    queue: &mpsc::Receiver<Job>,
    receivers: &Mutex<HashMap<u64, Out>>,
) -> Result<()> {
    let mut sequence = 0_i64;
    while let Ok(first) = queue.recv() {
        let jobs: Vec<Job> = std::iter::once(first)
            .chain(queue.try_iter().take(MAX_BATCH - 1))
            .collect();
        database.prepare_cached("BEGIN IMMEDIATE")?.execute(())?;
        let from = sequence;
        for job in &jobs {
            match job {
                Job::Append { receiver, body, .. } => {
                    sequence += 1;
                    database
                        .prepare_cached("INSERT INTO item VALUES (?1, ?2, ?3)")?
                        .execute((receiver.cast_signed(), sequence, &body[..]))?;
                }
                Job::Acknowledge { receiver, sequence } => {
                    database
                        .prepare_cached("DELETE FROM item WHERE receiver = ?1 AND sequence <= ?2")?
                        .execute((receiver.cast_signed(), sequence))?;
                }
            }
        }
        database.prepare_cached("COMMIT")?.execute(())?;
        hand_on(jobs, from, receivers);
    }
    Ok(())
}

fn hand_on(jobs: Vec<Job>, mut sequence: i64, receivers: &Mutex<HashMap<u64, Out>>) {
    let receivers = receivers.lock().unwrap_or_else(PoisonError::into_inner);
    for job in jobs {
        if let Job::Append {
            number,
            receiver,
            body,
            sender,
        } = job
        {
            sequence += 1;
            let _ = sender.send(number.to_be_bytes().to_vec().into());
            if let Some(out) = receivers.get(&receiver) {
                let push = [sequence.to_be_bytes().as_slice(), &body].concat();
                let _ = out.send(push.into());
            }
        }
    }
}

async fn send(upgrade: WebSocketUpgrade, State(relay): State<Relay>) -> axum::response::Response {
    upgrade.on_upgrade(move |socket| sending(socket, relay))
}

async fn sending(socket: WebSocket, relay: Relay) {
    let (sink, mut stream) = socket.split();
    let (sender, answers) = unbounded_channel();
    let writing = tokio::spawn(forward(sink, answers));
    while let Some(Ok(Message::Binary(mut bytes))) = stream.next().await {
        let body = bytes.split_off(HEADER.min(bytes.len()));
        let Some((number, receiver)) = header(&bytes) else {
            break;
        };
        let job = Job::Append {
            number,
            receiver,
            body,
            sender: sender.clone(),
        };
        if relay.jobs.send(job).is_err() {
            break;
        }
    }
    writing.abort();
}

fn header(bytes: &[u8]) -> Option<(u64, u64)> {
    let (number, rest) = bytes.split_first_chunk()?;
    let receiver = rest.first_chunk()?;
    Some((u64::from_be_bytes(*number), u64::from_be_bytes(*receiver)))
}

async fn receive(
    upgrade: WebSocketUpgrade,
    Segment(receiver): Segment<u64>,
    State(relay): State<Relay>,
) -> axum::response::Response {
    upgrade.on_upgrade(move |socket| receiving(socket, receiver, relay))
}

async fn receiving(socket: WebSocket, receiver: u64, relay: Relay) {
    let (sink, mut stream) = socket.split();
    let (out, pushes) = unbounded_channel();
    relay
        .receivers
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .insert(receiver, out);
    let writing = tokio::spawn(forward(sink, pushes));
    while let Some(Ok(Message::Binary(bytes))) = stream.next().await {
        let Some(sequence) = bytes.first_chunk() else {
            break;
        };
        let job = Job::Acknowledge {
            receiver,
            sequence: i64::from_be_bytes(*sequence),
        };
        if relay.jobs.send(job).is_err() {
            break;
        }
    }
    writing.abort();
}

/// Writes what is there, and flushes once.
async fn forward(mut sink: SplitSink<WebSocket, Message>, mut queue: UnboundedReceiver<Bytes>) {
    let mut waiting = Vec::new();
    while queue.recv_many(&mut waiting, 64).await > 0 {
        for bytes in waiting.drain(..) {
            if sink.feed(Message::Binary(bytes)).await.is_err() {
                return;
            }
        }
        if sink.flush().await.is_err() {
            return;
        }
    }
}
