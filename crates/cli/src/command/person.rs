//! `me` and `person`: what people show of themselves.

use std::fs::File;
use std::io::{BufReader, Write as _};
use std::path::Path;

use keyfold_client::picture;
use keyfold_engine::{Command, Engine};
use keyfold_protocol::content::{Picture, Profile};
use keyfold_wire::handle::normal_form;
use serde::Serialize;

use crate::args::{Handle, MeArgs, PersonArgs};
use crate::clean;
use crate::failure::{Failure, Kind};
use crate::session::{PATIENCE, Session};

#[derive(Serialize)]
struct PersonRecord {
    handle: String,
    account: String,
    name: Option<String>,
    about: Option<String>,
    picture: Option<PictureRecord>,
}

#[derive(Serialize)]
struct PictureRecord {
    media_type: &'static str,
    size: usize,
}

/// Shows one's own profile, or changes it and tells whom one talks to.
pub(super) async fn me(session: &Session, args: MeArgs) -> Result<(), Failure> {
    let changes =
        args.name.is_some() || args.about.is_some() || args.picture.is_some() || args.no_picture;
    if !changes {
        let profile = session.open()?;
        let me = profile.engine.me()?.ok_or_else(nobody)?;
        return show(session, &profile.engine, &me.handle);
    }
    let picture = args
        .picture
        .as_deref()
        .map(|path| small(path, picture::for_profile))
        .transpose()?;
    let mut online = session.online()?;
    let set = async {
        let before = online
            .client
            .read(|engine| match engine.me()? {
                Some(me) => engine.profile(&me.account),
                None => Ok(None),
            })
            .await?;
        let before = before.unwrap_or_default();
        let kept = before.picture.as_ref().map(Picture::as_bytes);
        let kept = kept.filter(|_| !args.no_picture).map(<[u8]>::to_vec);
        let command = Command::SetProfile {
            name: args.name.unwrap_or_else(|| before.name.to_string()),
            about: args
                .about
                .unwrap_or_else(|| before.about.as_str().to_owned()),
            picture: picture.or(kept),
        };
        online.command(command).await?;
        online.settle(PATIENCE).await?;
        let record = online.client.read(|engine| {
            let me = engine.me()?;
            me.map(|me| record(engine, &me.handle)).transpose()
        });
        Ok(record.await?.flatten())
    };
    let shown: Result<_, Failure> = set.await;
    online.end().await;
    let shown = shown?.ok_or_else(nobody)?;
    session.out.show(&shown, |_| words(&shown))
}

/// Shows somebody's profile.
pub(super) fn person(session: &Session, args: &PersonArgs) -> Result<(), Failure> {
    let profile = session.open()?;
    if let Some(path) = &args.picture {
        let contact = profile.engine.contact(&args.handle)?.ok_or_else(unknown)?;
        let shown = profile.engine.profile(&contact.account)?;
        let picture = shown.and_then(|shown| shown.picture).ok_or_else(|| {
            Failure::new(Kind::NotFound, "they show no picture that has come here")
        })?;
        write_new(path, picture.as_bytes())?;
    }
    show(session, &profile.engine, &args.handle)
}

fn show(session: &Session, engine: &Engine, handle: &str) -> Result<(), Failure> {
    let shown = record(engine, handle)?.ok_or_else(unknown)?;
    session.out.show(&shown, |_| words(&shown))
}

fn record(engine: &Engine, handle: &str) -> Result<Option<PersonRecord>, keyfold_engine::Fault> {
    let Some(contact) = engine.contact(handle)? else {
        return Ok(None);
    };
    let shown = engine.profile(&contact.account)?.unwrap_or_default();
    let Profile {
        version: _,
        name,
        about,
        picture,
    } = shown;
    let there = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Ok(Some(PersonRecord {
        handle: contact.handle,
        account: contact.account.to_string(),
        name: there(name.as_str()),
        about: there(about.as_str()),
        picture: picture.map(|picture| PictureRecord {
            media_type: picture.media_type(),
            size: picture.as_bytes().len(),
        }),
    }))
}

fn words(shown: &PersonRecord) -> String {
    let mut lines = vec![format!("handle   {}", clean::line(&shown.handle))];
    if let Some(name) = &shown.name {
        lines.push(format!("name     {}", clean::line(name)));
    }
    let mut before = "about    ";
    for line in shown.about.iter().flat_map(|about| clean::lines(about)) {
        lines.push(format!("{before}{line}"));
        before = "         ";
    }
    if let Some(picture) = &shown.picture {
        let size = crate::words::size(u64::try_from(picture.size).unwrap_or(u64::MAX));
        lines.push(format!("picture  {}, {size}", picture.media_type));
    }
    lines.join("\n")
}

/// A picture from this disk, made small.
pub(super) fn small(
    path: &Path,
    made: fn(BufReader<File>) -> Result<Vec<u8>, picture::PictureFailure>,
) -> Result<Vec<u8>, Failure> {
    let about = |error: &dyn std::fmt::Display| {
        Failure::new(Kind::Usage, format!("{}: {error}", path.display()))
    };
    let file = File::open(path).map_err(|error| about(&error))?;
    made(BufReader::new(file)).map_err(|error| about(&error))
}

pub(super) fn write_new(path: &Path, content: &[u8]) -> Result<(), Failure> {
    let written = File::options()
        .write(true)
        .create_new(true)
        .open(path)
        .and_then(|mut file| file.write_all(content));
    written.map_err(|error| Failure::new(Kind::Usage, format!("{}: {error}", path.display())))
}

fn nobody() -> Failure {
    Failure::new(
        Kind::Usage,
        "there is no account on this device yet: register first",
    )
}

fn unknown() -> Failure {
    Failure::new(Kind::NotFound, "nobody of that handle is known here")
}

#[derive(Serialize)]
struct BlockRecord {
    handle: String,
    account: String,
    blocked: bool,
}

/// Wants to hear nothing of somebody any more, or of them again.
pub(super) fn block(session: &Session, args: &Handle, wanted: bool) -> Result<(), Failure> {
    let mut profile = session.open()?;
    let handle = normal_form(&args.handle);
    let contact = profile.engine.contact(&handle)?.ok_or_else(unknown)?;
    let account = contact.account;
    let command = if wanted {
        Command::Block { account }
    } else {
        Command::Unblock { account }
    };
    profile.offline(command)?;
    let record = BlockRecord {
        handle: contact.handle,
        account: account.to_string(),
        blocked: wanted,
    };
    session.out.show(&record, |_| {
        let handle = clean::line(&record.handle);
        if wanted {
            format!("You hear nothing of {handle} on this device any more. They are not told.")
        } else {
            format!("You hear of {handle} again. What they said meanwhile does not come.")
        }
    })
}

/// Shows who is blocked.
pub(super) fn blocked(session: &Session) -> Result<(), Failure> {
    let profile = session.open()?;
    for contact in profile.engine.blocked()? {
        let record = BlockRecord {
            handle: contact.handle,
            account: contact.account.to_string(),
            blocked: true,
        };
        session.out.show(&record, |_| clean::line(&record.handle))?;
    }
    Ok(())
}
