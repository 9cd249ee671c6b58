//! The load, in a process of its own: senders with a full pipeline, receivers who acknowledge, devices that idle.
//!
//! It says "ready" once everything is connected, waits for a line, does its work, says "done", and ends with its input.

use std::io::BufRead as _;
use std::num::NonZeroU32;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use keyfold_wire::frame::{ANONYMOUS_PATH, decode_server, encode_client};
use keyfold_wire::v1;
use keyfold_wire::v1::client_frame::Request;
use keyfold_wire::v1::server_frame::Content;
use rand::rngs::StdRng;
use rand::{RngCore as _, SeedableRng as _};
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;

use crate::person::{Conversation, register};
use crate::relay::HEADER;
use crate::socket::{Socket, There, named, next};

/// Senders, and as many receivers.
pub(crate) const PAIRS: usize = 64;

/// Messages that a sender has out without an answer.
const IN_FLIGHT: usize = 32;

/// A text of 460 bytes, sealed.
const BODY: usize = 732;

/// Nothing here may take longer.
const WITHIN: Duration = Duration::from_mins(4);

/// Who is pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Kind {
    /// The server, with messages.
    Server,
    /// The bare relay, with messages.
    Relay,
    /// The server, with devices that are only connected.
    Idle,
}

/// Runs one load to its end.
pub(crate) fn run(kind: Kind, address: &str, ca: &Path, count: usize) -> Result<()> {
    keyfold_server::http::raise_open_files(NonZeroU32::new(65_536).context("not zero")?);
    let there = There::new(address, ca)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let work = async {
            match kind {
                Kind::Server => server(&there, count).await,
                Kind::Relay => relay(&there, count).await,
                Kind::Idle => idle(&there, count).await,
            }
        };
        tokio::time::timeout(WITHIN, work).await?
    })
}

fn body() -> Bytes {
    let mut body = vec![0; BODY];
    rand::rng().fill_bytes(&mut body);
    body.into()
}

/// Says that all is ready, and waits for a word.
async fn ready() -> Result<()> {
    println!("ready");
    tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line)
    })
    .await??;
    Ok(())
}

async fn all(mut tasks: JoinSet<Result<()>>) -> Result<()> {
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    println!("done");
    Ok(())
}

async fn server(there: &There, count: usize) -> Result<()> {
    let mut rng = StdRng::from_os_rng();
    let run = rng.next_u32();
    let mut people = Vec::new();
    for pair in 0..PAIRS {
        let mut sender = register(there, &format!("s{run}x{pair}"), &mut rng).await?;
        let mut receiver = register(there, &format!("r{run}x{pair}"), &mut rng).await?;
        let mut anonymous = there.open(ANONYMOUS_PATH).await?;
        let members = [&mut sender, &mut receiver];
        let conversation = Conversation::of(members, &mut anonymous, &mut rng).await?;
        people.push((sender, receiver, anonymous, conversation));
    }
    ready().await?;
    let each = count / PAIRS;
    let mut tasks = JoinSet::new();
    for (sender, receiver, anonymous, conversation) in people {
        tasks.spawn(collect(sender, each));
        tasks.spawn(collect(receiver, each));
        tasks.spawn(press(anonymous, conversation, each));
    }
    all(tasks).await
}

/// Sends with a full pipeline.
async fn press(socket: Socket, conversation: Conversation, count: usize) -> Result<()> {
    let (mut sink, mut stream) = socket.split();
    let (body, mut rng) = (body(), StdRng::from_os_rng());
    let (mut sent, mut answered) = (0, 0);
    while answered < count {
        while sent < count && sent - answered < IN_FLIGHT {
            let request = conversation.message(&body, &mut rng);
            sent += 1;
            let frame = encode_client(sent as u64 + 1, request);
            sink.feed(Message::Binary(frame)).await?;
        }
        sink.flush().await?;
        // All answers that are here, then the next messages.
        let mut answer = Some(next(&mut stream).await?);
        while let Some(bytes) = answer {
            match decode_server(bytes)?.content {
                Some(Content::Accepted(_)) => answered += 1,
                other => bail!("not accepted: {}", named(other.as_ref())),
            }
            answer = at_hand(&mut stream)?;
        }
    }
    Ok(())
}

/// The next message if it has come already.
fn at_hand(
    stream: &mut (
             impl futures_util::Stream<Item = Result<Message, tokio_tungstenite::tungstenite::Error>>
             + Unpin
         ),
) -> Result<Option<Bytes>> {
    use futures_util::FutureExt as _;
    next(stream).now_or_never().transpose()
}

/// Receives and acknowledges push by push.
async fn collect(mut socket: Socket, count: usize) -> Result<()> {
    let mut had = 0;
    while had < count {
        let frame = decode_server(next(&mut socket).await?)?;
        let Some(Content::Deliveries(deliveries)) = frame.content else {
            continue;
        };
        let Some(last) = deliveries.items.last() else {
            continue;
        };
        had += deliveries.items.len();
        let sequence = last.sequence;
        let acknowledge = Request::Acknowledge(v1::Acknowledge { sequence });
        let frame = encode_client(9, acknowledge);
        socket.send(Message::Binary(frame)).await?;
    }
    ensure!(had == count, "more came than was sent");
    Ok(())
}

async fn relay(there: &There, count: usize) -> Result<()> {
    let base = rand::rng().next_u64() & 0x7fff_ffff_0000_0000;
    let mut sockets = Vec::new();
    for pair in 0..PAIRS as u64 {
        let receiver = there.open(&format!("/receive/{}", base + pair)).await?;
        let sender = there.open("/send").await?;
        sockets.push((sender, receiver, base + pair));
    }
    ready().await?;
    let each = count / PAIRS;
    let mut tasks = JoinSet::new();
    for (sender, receiver, name) in sockets {
        tasks.spawn(relay_collect(receiver, each));
        tasks.spawn(relay_press(sender, name, each));
    }
    all(tasks).await
}

async fn relay_press(socket: Socket, receiver: u64, count: usize) -> Result<()> {
    let (mut sink, mut stream) = socket.split();
    let (body, mut sent, mut answered) = (body(), 0_usize, 0);
    while answered < count {
        while sent < count && sent - answered < IN_FLIGHT {
            sent += 1;
            let mut message = Vec::with_capacity(HEADER + body.len());
            message.extend_from_slice(&(sent as u64).to_be_bytes());
            message.extend_from_slice(&receiver.to_be_bytes());
            message.extend_from_slice(&body);
            sink.feed(Message::Binary(message.into())).await?;
        }
        sink.flush().await?;
        next(&mut stream).await?;
        answered += 1;
        while at_hand(&mut stream)?.is_some() {
            answered += 1;
        }
    }
    Ok(())
}

async fn relay_collect(mut socket: Socket, count: usize) -> Result<()> {
    let mut had = 0;
    while had < count {
        let mut last = next(&mut socket).await?;
        had += 1;
        while let Some(later) = at_hand(&mut socket)? {
            last = later;
            had += 1;
        }
        let sequence = last.get(..8).context("a short push")?.to_vec();
        socket.send(Message::Binary(sequence.into())).await?;
    }
    Ok(())
}

/// Registers devices and keeps their mailbox sockets open.
async fn idle(there: &There, count: usize) -> Result<()> {
    const AT_ONCE: usize = 32;
    let run = rand::rng().next_u32();
    let mut tasks: JoinSet<Result<Vec<Socket>>> = JoinSet::new();
    for worker in 0..AT_ONCE {
        let there = there.clone();
        tasks.spawn(async move {
            let mut rng = StdRng::from_os_rng();
            let mut sockets = Vec::new();
            for number in (worker..count).step_by(AT_ONCE) {
                let handle = format!("d{run}x{number}");
                sockets.push(register(&there, &handle, &mut rng).await?);
            }
            Ok(sockets)
        });
    }
    let mut resting = JoinSet::new();
    while let Some(done) = tasks.join_next().await {
        for mut socket in done?? {
            // Pings are answered while it is read.
            resting.spawn(async move { while next(&mut socket).await.is_ok() {} });
        }
    }
    ensure!(resting.len() == count, "some are missing");
    ready().await?;
    ensure!(resting.try_join_next().is_none(), "some have gone");
    println!("done");
    Ok(())
}
