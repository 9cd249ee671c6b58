//! `register` and `whoami`: the account of this profile.

use std::fs::{File, OpenOptions};
use std::io::{IsTerminal as _, Write as _};
use std::path::Path;
use std::time::Duration;

use keyfold_client::profile::settings::Settings;
use keyfold_client::profile::{Keep, Locked, Profile, ProfileError};
use keyfold_client::{Link, ServerUrl, SocketEnd};
use keyfold_engine::view::Me;
use keyfold_engine::{Command, Event};
use keyfold_protocol::identity::Person;
use keyfold_wire::handle::normal_form;
use serde::Serialize;

use crate::args::{Register, Server};
use crate::failure::{Failure, Kind};
use crate::output::Paint;
use crate::session::{Online, PATIENCE, Session};

/// How long `register` waits, after the account exists, for the device to publish what others need to reach it.
const PUBLISHING: Duration = Duration::from_secs(15);

#[derive(Serialize)]
struct Registered {
    handle: String,
    account: String,
    device: String,
    server: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    recovery_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recovery_file: Option<String>,
}

#[derive(Serialize)]
struct WhoAmI {
    handle: String,
    account: String,
    device: String,
    registered: bool,
    primary: bool,
    server: String,
    fingerprint: String,
    waiting: u64,
    profile: String,
}

/// Makes the account, or goes on with one whose making was interrupted.
pub(super) async fn register(session: &Session, args: Register) -> Result<(), Failure> {
    if let Some(path) = args.recovery_file.as_deref()
        && path.exists()
    {
        let error = format!(
            "{} exists already: name a new file for the recovery key",
            path.display()
        );
        return Err(Failure::new(Kind::Usage, error));
    }
    let profile = prepare(session, &args.server)?;
    let server = profile.settings.server.to_string();
    let begun = profile.engine.me()?;
    let shown_before =
        begun.as_ref().is_some_and(|me| me.registered) && profile.engine.recovery_key()?.is_none();
    if let Some(me) = &begun
        && (shown_before || me.handle != normal_form(&args.handle))
    {
        let handle = &me.handle;
        let error = if me.registered {
            format!("this profile already belongs to {handle}: name another one with --profile")
        } else {
            format!(
                "this profile is half-way to being {handle}: register {handle} again, or name another one with --profile"
            )
        };
        return Err(Failure::new(Kind::Refused, error));
    }
    let mut online = Online::new(profile, session.out)?;
    let outcome = sign_up(&mut online, &args, begun.as_ref()).await;
    let shown = match outcome {
        Ok(()) => hand_out(&mut online, session, &args, server).await,
        Err(failure) => Err(failure),
    };
    online.end().await;
    shown
}

async fn sign_up(online: &mut Online, args: &Register, begun: Option<&Me>) -> Result<(), Failure> {
    match begun {
        Some(me) if me.registered => return Ok(()),
        Some(_) => {}
        None => {
            let suites = args
                .server
                .suites
                .iter()
                .map(|suite| (*suite).into())
                .collect();
            let (handle, invitation) = (args.handle.clone(), args.invite.clone());
            online
                .command(Command::Register {
                    handle,
                    invitation,
                    suites,
                })
                .await?;
        }
    }
    // Nobody waits for a server whose address may be wrong.
    let begun = |link: &Link| !matches!(link, Link::Connecting);
    let link = online.client.wait_for_link(begun, PATIENCE).await;
    if let Ok(Link::Offline { why }) | Err(Link::Offline { why }) = link
        && !matches!(why, SocketEnd::Closed(_) | SocketEnd::Overburdened)
    {
        return Err(Failure::offline(&why, advice(&why)));
    }
    online
        .wait(|event| match event {
            Event::Registered => Some(Ok(())),
            Event::RegistrationRefused(why) => Some(Err(Failure::refused(why))),
            _ => None,
        })
        .await
}

/// What to do when the first connection fails: the address or the CA may be wrong.
fn advice(why: &SocketEnd) -> &'static str {
    match why {
        SocketEnd::Tls(_) => {
            "; if its certificate is signed by a CA of its own, name that with --ca FILE and register again"
        }
        SocketEnd::NotKeyfold(_) => "; register again with its address, https:// where it has TLS",
        _ => "; register again once it can be reached",
    }
}

/// Shows the recovery key, or writes it to its file, and only then lets the engine erase it.
async fn hand_out(
    online: &mut Online,
    session: &Session,
    args: &Register,
    server: String,
) -> Result<(), Failure> {
    let (me, key) = online
        .client
        .read(|engine| Ok((engine.me()?, engine.recovery_key()?)))
        .await?;
    let me = me.ok_or_else(|| Failure::new(Kind::Fault, "the account has vanished"))?;
    if let (Some(path), Some(key)) = (args.recovery_file.as_deref(), key.as_deref()) {
        write_recovery_key(path, key)?;
    }
    let file = args
        .recovery_file
        .as_ref()
        .map(|path| path.display().to_string());
    let record = Registered {
        handle: me.handle.clone(),
        account: me.account.to_string(),
        device: me.device.to_string(),
        server,
        recovery_key: key.filter(|_| file.is_none()),
        recovery_file: file,
    };
    session.out.show(&record, |paint| welcome(&record, paint))?;
    online.command(Command::RecoveryKeyKept).await?;
    online.settle(PUBLISHING).await
}

fn welcome(record: &Registered, paint: Paint) -> String {
    let hello = format!(
        "You are {} on {}.",
        paint.bold(&record.handle),
        record.server
    );
    let key = match (&record.recovery_key, &record.recovery_file) {
        (Some(key), _) => format!(
            "\n\nYour recovery key:\n\n{}\n\nWrite it down and keep it where nobody else finds it. When all your \
             devices are lost or stolen,\nit alone gives you your account back. It is not shown again.",
            paint.bold(&grouped(key))
        ),
        (None, Some(file)) => format!(
            "\n\nYour recovery key is in {file}. Keep it where nobody else finds it: when all your devices\nare lost or \
             stolen, it alone gives you your account back."
        ),
        (None, None) => String::new(),
    };
    hello + &key
}

/// Digits in groups of four, eight groups a line; what is grouped already stays so.
fn grouped(digits: &str) -> String {
    let digits: Vec<char> = digits.chars().filter(|c| !c.is_whitespace()).collect();
    let groups: Vec<String> = digits
        .chunks(4)
        .map(|group| group.iter().collect())
        .collect();
    groups
        .chunks(8)
        .map(|line| format!("    {}", line.join(" ")))
        .collect::<Vec<_>>()
        .join("\n")
}

fn write_recovery_key(path: &Path, key: &str) -> Result<(), Failure> {
    let failed = |error: std::io::Error| {
        let failure = Failure::from(error);
        let error = format!("{}: {}", path.display(), failure.error);
        Failure { error, ..failure }
    };
    let mut file = new_private_file(path).map_err(failed)?;
    let written = writeln!(file, "{key}").and_then(|()| file.sync_all());
    written.map_err(|error| {
        // Left there, it would be in the way of the next attempt.
        let _ = std::fs::remove_file(path);
        failed(error)
    })
}

#[cfg(unix)]
fn new_private_file(path: &Path) -> std::io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

#[cfg(not(unix))]
fn new_private_file(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().write(true).create_new(true).open(path)
}

/// Makes the profile, or takes one whose making was interrupted, and opens it.
pub(crate) fn prepare(session: &Session, args: &Server) -> Result<Profile, Failure> {
    let server: ServerUrl = args.url.parse()?;
    let ca = args.ca.as_deref().map(read_ca).transpose()?;
    let locked = Locked::take_or_make(session.folder())?;
    if locked.protection()?.is_none() {
        locked.settle(&Settings {
            server: server.clone(),
            ca: ca.clone(),
        })?;
        let keep = match session.passphrase_from_file()? {
            Some(passphrase) => Keep::Passphrase(passphrase),
            None if args.ask_passphrase => Keep::Passphrase(Session::new_passphrase()?),
            None => Keep::Keychain,
        };
        match locked.protect(&keep) {
            Err(ProfileError::Keychain(why)) if std::io::stdin().is_terminal() => {
                session.out.note(&format!("The system keychain can't be used ({why}), so a passphrase will keep this profile."));
                locked.protect(&Keep::Passphrase(Session::new_passphrase()?))?;
            }
            done => done?,
        }
    }
    let mut profile = session.unlock(locked)?;
    // Until the account exists, what is typed now counts: the server may have been mistyped, or its CA forgotten.
    if profile.engine.me()?.is_none_or(|me| !me.registered) {
        profile.settle(Settings { server, ca })?;
    }
    Ok(profile)
}

fn read_ca(path: &Path) -> Result<String, Failure> {
    let pem = std::fs::read_to_string(path)
        .map_err(|error| Failure::new(Kind::Usage, format!("{}: {error}", path.display())))?;
    keyfold_client::authorities(&pem)?;
    Ok(pem)
}

/// Shows who this profile is.
pub(super) fn whoami(session: &Session) -> Result<(), Failure> {
    let profile = session.open()?;
    let me = me(profile.engine.me()?)?;
    let person = Person {
        account: me.account,
        account_key: me.account_key,
    };
    let record = WhoAmI {
        handle: me.handle,
        account: me.account.to_string(),
        device: me.device.to_string(),
        registered: me.registered,
        primary: me.primary,
        server: profile.settings.server.to_string(),
        fingerprint: person.fingerprint().to_string(),
        waiting: profile.engine.waiting()?,
        profile: profile.path().display().to_string(),
    };
    session.out.show(&record, |paint| {
        let mut rows = vec![
            ("handle", paint.bold(&record.handle)),
            ("account", record.account.clone()),
            ("device", record.device.clone()),
            ("server", record.server.clone()),
            ("fingerprint", record.fingerprint.clone()),
            ("profile", record.profile.clone()),
        ];
        if !record.registered {
            rows.push((
                "state",
                "not registered yet: run `keyfold register` again".to_owned(),
            ));
        }
        let rows = rows
            .iter()
            .map(|(name, value)| format!("{}  {value}", paint.dim(&format!("{name:11}"))));
        rows.collect::<Vec<_>>().join("\n")
    })
}

pub(super) fn me(me: Option<Me>) -> Result<Me, Failure> {
    me.ok_or_else(|| keyfold_engine::Complaint::NotRegistered.into())
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic
    )]

    use super::*;

    #[test]
    fn a_recovery_key_is_shown_in_lines_that_can_be_copied_by_hand() {
        let digits = "0123456789".repeat(7)[..64].to_owned();
        assert_eq!(
            grouped(&digits),
            "    0123 4567 8901 2345 6789 0123 4567 8901\n    2345 6789 0123 4567 8901 2345 6789 0123"
        );
        assert_eq!(grouped("0123 4567"), "    0123 4567");
    }

    #[cfg(unix)]
    #[test]
    fn a_recovery_file_is_its_owners_and_never_overwrites() {
        use std::os::unix::fs::PermissionsExt as _;
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("recovery");
        write_recovery_key(&path, "0123").unwrap();
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert!(write_recovery_key(&path, "9999").is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "0123\n");
    }
}
