//! `rpc`: JSON-RPC 2.0 on standard input and output, one message a line. What the messages are is in `keyfold_edge`.
//!
//! One task reads, carries out and writes, one thing at a time: calls are carried out in the order in which they come, and nothing is
//! read while the output is not taken. Events wait meanwhile in the client, up to its limit; beyond it the program is told that it has
//! missed some. Only `settle`, `send_file` and `save_file` go on beside the others.

mod files;
mod lines;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use keyfold_client::limits::EVENT_BACKLOG;
use keyfold_client::{Client, ClientError, Link, Notice, Notices};
use keyfold_edge::event::{self, Notification};
use keyfold_edge::limits::MAX_SETTLING;
use keyfold_edge::message::{notification, response};
use keyfold_edge::result::{Settled, Taken};
use keyfold_edge::{Call, Error, Id, Line, Shell, Work};
use serde_json::Value;
use tokio::io::{AsyncBufRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::args::{Rpc, Server};
use crate::clean;
use crate::command::prepare;
use crate::failure::{Failure, Kind};
use crate::session::{PATIENCE, Session};
use lines::{Lines, Next};

/// Speaks until the input ends, or nobody reads the output any more.
pub(crate) async fn run(session: &Session, args: Rpc) -> Result<(), Failure> {
    if args.schema {
        return crate::output::print(&schema());
    }
    let profile = match args.server {
        Some(url) => {
            let server = Server {
                url,
                ca: args.ca,
                ask_passphrase: false,
                suites: Vec::new(),
            };
            prepare(session, &server)?
        }
        None => session.open()?,
    };
    let client = Arc::new(Client::start(profile)?);
    let notices = (!args.no_events).then(|| client.subscribe());
    let mut talk = Talk {
        client: Arc::clone(&client),
        output: tokio::io::stdout(),
        beside: JoinSet::new(),
    };
    let ended = talk.run(BufReader::new(tokio::io::stdin()), notices).await;
    drop(talk);
    if let Some(client) = Arc::into_inner(client) {
        let _ = timeout(PATIENCE, client.shutdown()).await;
    }
    ended
}

/// The schema, as it lies in `docs/rpc.schema.json`.
pub(crate) fn schema() -> String {
    format!("{:#}\n", keyfold_edge::schema::document())
}

/// One program that speaks to this one.
struct Talk<W> {
    client: Arc<Client>,
    output: W,
    /// What takes its time.
    beside: JoinSet<(Id, Result<Value, Error>)>,
}

impl<W: AsyncWrite + Unpin> Talk<W> {
    /// Takes calls and tells what happens. At the end of the input, what is under way is answered, and what has happened told, first.
    async fn run(
        &mut self,
        input: impl AsyncBufRead + Unpin,
        mut notices: Option<Notices>,
    ) -> Result<(), Failure> {
        let mut lines = Lines::new(input);
        let mut more = true;
        while more || !self.beside.is_empty() {
            tokio::select! {
                next = lines.next(), if more => match next? {
                    Next::End => more = false,
                    Next::TooLong => self.write(&response(&Id::Null, &Err(Error::line_too_long()))).await?,
                    Next::Line(line) => self.take(&line).await?,
                },
                Some(notice) = next_notice(&mut notices) => self.tell(notice).await?,
                Some(done) = self.beside.join_next() => {
                    if let Ok((id, outcome)) = done {
                        self.write(&response(&id, &outcome)).await?;
                    }
                }
            }
        }
        for _ in 0..EVENT_BACKLOG {
            let Some(notice) = notices.as_mut().and_then(Notices::ready) else {
                break;
            };
            self.tell(notice).await?;
        }
        Ok(())
    }

    async fn take(&mut self, line: &[u8]) -> Result<(), Failure> {
        match Line::read(line) {
            Err(error) => self.write(&response(&Id::Null, &Err(error))).await,
            Ok(Line::One(call)) => self.answer(call).await,
            Ok(Line::Batch(calls)) => self.answer_all(calls).await,
        }
    }

    async fn answer(&mut self, call: Call) -> Result<(), Failure> {
        let work = call.method.map(keyfold_edge::Method::work);
        let outcome = match (work, call.id.clone()) {
            (Ok(Work::Shell(shell)), Some(id)) if takes_time(&shell) => {
                if self.beside.len() < MAX_SETTLING {
                    let client = Arc::clone(&self.client);
                    let done = async move { (id, ask(&client, shell).await) };
                    self.beside.spawn(done);
                    return Ok(());
                }
                Err(Error::too_many_calls())
            }
            (Ok(work), _) => self.carry_out(work).await,
            (Err(error), _) => Err(error),
        };
        match call.id {
            Some(id) => self.write(&response(&id, &outcome)).await,
            None => Ok(()),
        }
    }

    /// A batch's answers are written as they come: however many they are, one at a time is kept.
    async fn answer_all(&mut self, calls: Vec<Call>) -> Result<(), Failure> {
        let mut before = "[";
        for call in calls {
            let outcome = match call.method {
                Ok(method) => self.carry_out(method.work()).await,
                Err(error) => Err(error),
            };
            if let Some(id) = call.id {
                let text = clean::json(&response(&id, &outcome));
                self.put(before).await?;
                self.put(&text).await?;
                before = ",";
            }
        }
        if before == "," {
            self.put("]\n").await?;
            self.output.flush().await.map_err(broken)?;
        }
        Ok(())
    }

    async fn carry_out(&self, work: Work) -> Result<Value, Error> {
        match work {
            Work::Command(command, answered) => {
                answered(self.client.command(command).await.map_err(error)?)
            }
            Work::Read(read) => self.client.read(read).await.map_err(error)?,
            Work::Shell(shell) => ask(&self.client, shell).await,
        }
    }

    async fn tell(&mut self, notice: Notice) -> Result<(), Failure> {
        let told = match notice {
            Notice::Event(event) => Notification::Event(event.into()),
            Notice::Link(now) => Notification::Link(link(now)),
            Notice::File(progress) => Notification::Progress(files::progress(progress)),
            Notice::Missed => Notification::Missed,
        };
        self.write(&notification(&told)).await
    }

    async fn write(&mut self, message: &str) -> Result<(), Failure> {
        let line = clean::json(message) + "\n";
        self.put(&line).await?;
        self.output.flush().await.map_err(broken)
    }

    async fn put(&mut self, text: &str) -> Result<(), Failure> {
        self.output.write_all(text.as_bytes()).await.map_err(broken)
    }
}

/// The next notice, where any are wanted and there is still somebody to give them.
async fn next_notice(notices: &mut Option<Notices>) -> Option<Notice> {
    match notices {
        Some(notices) => notices.next().await,
        None => None,
    }
}

/// Whether other calls are carried out meanwhile.
const fn takes_time(shell: &Shell) -> bool {
    matches!(
        shell,
        Shell::Settle(_) | Shell::SendFile(_) | Shell::SaveFile(_)
    )
}

async fn ask(client: &Client, shell: Shell) -> Result<Value, Error> {
    match shell {
        Shell::Link => written(&link(client.link())),
        Shell::Settle(patience) => settle(client, patience).await,
        Shell::SendFile(asked) => written(&files::send(client, asked).await?),
        Shell::SaveFile(asked) => written(&files::save(client, asked).await?),
        Shell::CancelFile(asked) => {
            client.cancel_file(asked.upload.0).await.map_err(error)?;
            written(&Taken {})
        }
    }
}

async fn settle(client: &Client, patience: Duration) -> Result<Value, Error> {
    let settled = match timeout(patience, client.settled()).await {
        Ok(done) => done.map(|()| true).map_err(error)?,
        Err(_) => false,
    };
    written(&Settled { settled })
}

fn link(link: Link) -> event::Link {
    match link {
        Link::Connecting => event::Link::Connecting,
        Link::Online { caught_up } => event::Link::Online { caught_up },
        Link::Offline { why } => event::Link::Offline {
            reason: why.to_string(),
        },
        Link::Broken { why } => event::Link::Broken {
            reason: why.to_string(),
        },
    }
}

fn error(error: ClientError) -> Error {
    match error {
        ClientError::Complaint(complaint) => complaint.into(),
        ClientError::Fault(fault) => fault.into(),
        ClientError::Tls(_)
        | ClientError::Random(_)
        | ClientError::Thread(_)
        | ClientError::Stopped => Error::stopped(),
    }
}

fn written<T: serde::Serialize>(result: &T) -> Result<Value, Error> {
    serde_json::to_value(result)
        .map_err(|error| Error::new(keyfold_edge::error::Kind::InternalError, error.to_string()))
}

/// Nobody who reads any more is an orderly end.
fn broken(error: std::io::Error) -> Failure {
    if error.kind() == std::io::ErrorKind::BrokenPipe {
        return Failure::new(Kind::Enough, error.to_string());
    }
    error.into()
}
