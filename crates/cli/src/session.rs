//! A command's way to its account: the profile, its passphrase, and the connection where one is needed.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::time::Duration;

use keyfold_client::profile::key::{Passphrase, Protection};
use keyfold_client::profile::{self, Locked, Profile, ProfileError};
use keyfold_client::{Client, Link, Notice, Notices, SocketEnd};
use keyfold_engine::{Answer, Command, Event};
use tokio::time::{Instant, timeout, timeout_at};
use zeroize::Zeroizing;

use crate::args::Common;
use crate::failure::{Failure, Kind};
use crate::output::Output;

/// How long a command waits for the server before it leaves the rest to the next one: a restart of the server, or a train
/// in a tunnel, passes; a person at a prompt does not wait longer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// What becomes of a command that has not finished.
const WAITS: &str =
    "; what you asked for is stored here and goes on with the next command that connects";

/// Where the command works, and how it prints.
pub(crate) struct Session {
    pub(crate) out: Output,
    folder: PathBuf,
    passphrase_file: Option<PathBuf>,
}

impl Session {
    pub(crate) fn new(common: Common) -> Result<Self, Failure> {
        let folder = common
            .profile
            .or_else(profile::default_path)
            .ok_or_else(|| {
                Failure::new(
                    Kind::Usage,
                    "this system has no data folder: name a profile with --profile DIR",
                )
            })?;
        Ok(Self {
            out: Output::new(common.json),
            folder,
            passphrase_file: common.passphrase_file,
        })
    }

    pub(crate) fn folder(&self) -> &std::path::Path {
        &self.folder
    }

    /// Opens the profile; it must be there.
    pub(crate) fn open(&self) -> Result<Profile, Failure> {
        self.unlock(Locked::take(&self.folder)?)
    }

    /// Opens a profile whose folder is taken already.
    pub(crate) fn unlock(&self, locked: Locked) -> Result<Profile, Failure> {
        let passphrase = match locked.protection()? {
            Some(Protection::Passphrase) => Some(self.passphrase()?),
            _ => None,
        };
        Ok(locked.open(passphrase.as_ref())?)
    }

    /// The passphrase from its file, else from the person.
    fn passphrase(&self) -> Result<Passphrase, Failure> {
        match self.passphrase_from_file()? {
            Some(passphrase) => Ok(passphrase),
            None if std::io::stdin().is_terminal() => prompt("Passphrase: "),
            None => Err(ProfileError::PassphraseNeeded.into()),
        }
    }

    pub(crate) fn passphrase_from_file(&self) -> Result<Option<Passphrase>, Failure> {
        let read = |path: &PathBuf| match Passphrase::from_file(path) {
            Err(ProfileError::Disk { path, error }) => Err(Failure::new(
                Kind::Usage,
                format!("{}: {error}", path.display()),
            )),
            other => Ok(other?),
        };
        self.passphrase_file.as_ref().map(read).transpose()
    }

    /// A new passphrase, typed twice.
    pub(crate) fn new_passphrase() -> Result<Passphrase, Failure> {
        let first = typed("New passphrase: ")?;
        if *typed("Once more: ")? != *first {
            return Err(Failure::new(
                Kind::Passphrase,
                "the two passphrases differ: try again",
            ));
        }
        Ok(Passphrase::new(first)?)
    }

    /// Opens the profile and connects.
    pub(crate) fn online(&self) -> Result<Online, Failure> {
        Online::new(self.open()?, self.out)
    }
}

fn prompt(question: &str) -> Result<Passphrase, Failure> {
    Ok(Passphrase::new(typed(question)?)?)
}

fn typed(question: &str) -> Result<Zeroizing<String>, Failure> {
    Ok(Zeroizing::new(rpassword::prompt_password(question)?))
}

/// A running client, and what it tells from its start on.
pub(crate) struct Online {
    pub(crate) client: Client,
    pub(crate) notices: Notices,
    out: Output,
}

impl Online {
    pub(crate) fn new(profile: Profile, out: Output) -> Result<Self, Failure> {
        let client = Client::start(profile)?;
        let notices = client.subscribe();
        Ok(Self {
            client,
            notices,
            out,
        })
    }

    /// Carries out a command; `None` answers of `judge` mean: go on waiting.
    pub(crate) async fn finish<T>(
        &mut self,
        command: Command,
        judge: impl FnMut(&Event) -> Option<Result<T, Failure>>,
    ) -> Result<T, Failure> {
        self.client.command(command).await?;
        self.wait(judge).await
    }

    /// Carries out a command and returns its answer.
    pub(crate) async fn command(&mut self, command: Command) -> Result<Answer, Failure> {
        Ok(self.client.command(command).await?)
    }

    /// Waits for the event that `judge` has an answer to.
    pub(crate) async fn wait<T>(
        &mut self,
        mut judge: impl FnMut(&Event) -> Option<Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let deadline = Instant::now() + PATIENCE;
        let mut told = false;
        loop {
            match timeout_at(deadline, self.notices.next()).await {
                Err(_) => return Err(self.unfinished()),
                Ok(None) => return Err(Failure::new(Kind::Fault, "the client has ended")),
                Ok(Some(Notice::Event(event))) => {
                    if let Some(outcome) = judge(&event) {
                        return outcome;
                    }
                }
                Ok(Some(Notice::Link(link))) => {
                    hopeless(&link)?;
                    if let Link::Offline { why } = link
                        && !std::mem::replace(&mut told, true)
                    {
                        self.out.note(&format!("{why}; trying again"));
                    }
                }
                Ok(Some(Notice::Missed | Notice::File(_))) => {}
            }
        }
    }

    /// Waits until nothing waits any more.
    pub(crate) async fn settle(&mut self, patience: Duration) -> Result<(), Failure> {
        let settled = self.client.settled();
        let deadline = Instant::now() + patience;
        tokio::pin!(settled);
        loop {
            tokio::select! {
                done = &mut settled => return Ok(done?),
                notice = self.notices.next() => {
                    if let Some(Notice::Link(link)) = notice {
                        hopeless(&link)?;
                    }
                }
                () = tokio::time::sleep_until(deadline) => return Err(self.unfinished()),
            }
        }
    }

    pub(crate) fn unfinished(&self) -> Failure {
        match self.client.link() {
            Link::Offline { why } => Failure::offline(&why, WAITS),
            Link::Broken { why } => why.into(),
            Link::Connecting => Failure::offline(&SocketEnd::Silent, WAITS),
            Link::Online { .. } => Failure::new(
                Kind::Offline,
                format!("the server has not answered yet{WAITS}"),
            ),
        }
    }

    /// Ends the connection in an orderly way.
    pub(crate) async fn end(self) {
        let _ = timeout(PATIENCE, self.client.shutdown()).await;
    }
}

/// Whether waiting makes no sense: trying again would meet the same.
pub(crate) fn hopeless(link: &Link) -> Result<(), Failure> {
    use keyfold_wire::close;
    match link {
        Link::Broken { why } => Err(why.clone().into()),
        Link::Offline {
            why: why @ (SocketEnd::Tls(_) | SocketEnd::NotKeyfold(_)),
        } => Err(Failure::offline(why, WAITS)),
        Link::Offline {
            why: SocketEnd::Closed(close::UNAUTHENTICATED),
        } => Err(Failure::new(
            Kind::Refused,
            "the server no longer knows this device: it was removed from its account",
        )),
        Link::Offline {
            why: SocketEnd::Closed(close::REPLACED),
        } => Err(Failure::new(
            Kind::InUse,
            "this device is connected from elsewhere: its profile was copied, and only one of the copies may be used",
        )),
        _ => Ok(()),
    }
}
