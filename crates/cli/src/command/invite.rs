//! Invitation links: `invite`, `invitations`, `revoke`, `approve`, `refuse`, `open`, `cancel`.

use std::time::Duration;

use keyfold_client::{ServerUrl, invitation_link, read_invitation_link};
use keyfold_engine::view::{Ended, Invitation, Opened, OpenedState};
use keyfold_engine::{
    Answer, Command, Engine, Event, Fault, InvitationId, JoinRequestId, OpenedId,
};
use serde::Serialize;

use super::send::standard_input_for;
use crate::args::{Invite, Number, Open};
use crate::clean;
use crate::command::conversation;
use crate::failure::{Failure, Kind};
use crate::session::{Online, PATIENCE, Session};
use crate::{qr, span, when};

/// How long `open` waits for somebody who made the link and is online.
const ANSWER: Duration = Duration::from_secs(5);

#[derive(Serialize)]
struct InvitationRecord {
    invitation: i64,
    conversation: Option<String>,
    title: String,
    link: Option<String>,
    made: String,
    lasts_seconds: u64,
    uses: u64,
    admitted: u64,
    approval: bool,
    ended: Option<&'static str>,
    requests: Vec<RequestRecord>,
}

#[derive(Serialize)]
struct RequestRecord {
    request: i64,
    handle: String,
    account: String,
    confirmed: bool,
    at: String,
    admitting: bool,
    failure: Option<String>,
}

#[derive(Serialize)]
struct OpenedRecord {
    opened: i64,
    conversation: Option<String>,
    maker: String,
    title: String,
    made: String,
    state: &'static str,
    failure: Option<String>,
}

/// What `open` prints.
#[derive(Serialize)]
struct OpenRecord {
    opened: Option<i64>,
    conversation: Option<String>,
    state: &'static str,
}

#[derive(Serialize)]
struct Done {
    done: bool,
}

/// Makes a link.
pub(super) fn invite(session: &Session, args: &Invite) -> Result<(), Failure> {
    let mut profile = session.open()?;
    let group = args.conversation.as_deref();
    let group = group
        .map(|words| conversation(&profile.engine, words))
        .transpose()?;
    let command = Command::Invite {
        conversation: group,
        lasts: args.expires,
        uses: args.uses,
        approval: args.approve,
    };
    let Answer::Invitation(id) = profile.offline(command)? else {
        return Err(Failure::new(Kind::Fault, "the invitation was not made"));
    };
    let mut made = profile.engine.invitations()?.into_iter();
    let made = made.find(|one| one.id == id);
    let record = made.map(|one| record(one, &profile.settings.server));
    let record = record.ok_or_else(|| Failure::new(Kind::Fault, "the invitation is not there"))?;
    session.out.show(&record, |_| {
        let link = record.link.clone().unwrap_or_default();
        let code = args.qr.then(|| qr::draw(&link)).flatten();
        code.map_or_else(|| link.clone(), |code| format!("{link}\n{code}"))
    })
}

fn record(one: Invitation, server: &ServerUrl) -> InvitationRecord {
    let requests = one.requests.into_iter().map(|asked| RequestRecord {
        request: asked.id.0,
        handle: asked.who.handle,
        account: asked.who.account.to_string(),
        confirmed: asked.who.confirmed,
        at: when::rfc3339(asked.at),
        admitting: asked.admitting,
        failure: asked.failure,
    });
    InvitationRecord {
        invitation: one.id.0,
        conversation: one.conversation.map(|id| id.to_string()),
        title: one.title,
        link: one
            .fragment
            .map(|fragment| invitation_link(server, &fragment)),
        made: when::rfc3339(one.made),
        lasts_seconds: one.lasts / 1_000,
        uses: one.uses,
        admitted: one.admitted,
        approval: one.approval,
        ended: one.ended.map(word),
        requests: requests.collect(),
    }
}

fn opened_record(one: Opened) -> OpenedRecord {
    let (state, failure) = match one.state {
        OpenedState::Asking => ("asking", None),
        OpenedState::Waiting => ("waiting", None),
        OpenedState::Failed(why) => ("failed", Some(why)),
    };
    OpenedRecord {
        opened: one.id.0,
        conversation: one.conversation.map(|id| id.to_string()),
        maker: one.maker.to_string(),
        title: one.title,
        made: when::rfc3339(one.made),
        state,
        failure,
    }
}

const fn word(ended: Ended) -> &'static str {
    match ended {
        Ended::Revoked => "revoked",
        Ended::Over => "over",
        Ended::UsedUp => "used_up",
        Ended::Flooded => "flooded",
        Ended::Left => "left",
    }
}

/// Lists the links that were made here, with who waits, and those that were opened here.
pub(super) fn invitations(session: &Session) -> Result<(), Failure> {
    let profile = session.open()?;
    for one in profile.engine.invitations()? {
        let record = record(one, &profile.settings.server);
        session.out.show(&record, |_| invitation_words(&record))?;
    }
    for one in profile.engine.opened()? {
        let record = opened_record(one);
        session.out.show(&record, |_| opened_words(&record))?;
    }
    Ok(())
}

fn invitation_words(one: &InvitationRecord) -> String {
    let to = clean::line(&one.title);
    let to = if one.conversation.is_some() {
        to
    } else {
        "you".to_owned()
    };
    let mut parts = vec![format!("invitation {} to {to}", one.invitation)];
    if let Some(why) = one.ended {
        parts.push(why.replace('_', " "));
    } else {
        let left = u32::try_from(one.lasts_seconds).unwrap_or(u32::MAX);
        parts.push(format!("lasts {}", span::about(left)));
        parts.push(format!("for {} more", one.uses));
    }
    if one.admitted > 0 {
        parts.push(format!("{} let in", one.admitted));
    }
    if one.approval {
        parts.push("with your approval".to_owned());
    }
    let mut lines = vec![parts.join(", ")];
    lines.extend(one.link.iter().map(|link| format!("  {link}")));
    lines.extend(one.requests.iter().map(request_words));
    lines.join("\n")
}

fn request_words(one: &RequestRecord) -> String {
    let who = clean::line(&one.handle);
    let sure = if one.confirmed {
        ""
    } else {
        " (the directory has not confirmed that handle)"
    };
    let number = one.request;
    match (&one.failure, one.admitting) {
        (_, true) => format!("  {who}{sure} is being let in"),
        (Some(why), _) => {
            let why = clean::line(why);
            format!("  request {number}: {who}{sure} could not be let in: {why}")
        }
        (None, _) => format!("  request {number}: {who}{sure} waits for your approval"),
    }
}

fn opened_words(one: &OpenedRecord) -> String {
    let (number, title) = (one.opened, clean::line(&one.title));
    let state = match &one.failure {
        Some(why) => clean::line(why),
        None if one.state == "asking" => "the request is on its way to the server".to_owned(),
        None => WAITS.to_owned(),
    };
    format!("opened {number}: {title}: {state}")
}

const WAITS: &str = "waiting until somebody who made the invitation is online and lets you in";

/// Lets nobody in by a link any more.
pub(super) async fn revoke(session: &Session, args: Number) -> Result<(), Failure> {
    let invitation = InvitationId(args.number);
    told(session, Command::RevokeInvitation { invitation }).await
}

/// Does not let somebody in who waits.
pub(super) async fn refuse(session: &Session, args: Number) -> Result<(), Failure> {
    let request = JoinRequestId(args.number);
    told(session, Command::Refuse { request }).await
}

/// Does not want to be let in any more.
pub(super) async fn cancel(session: &Session, args: Number) -> Result<(), Failure> {
    let opened = OpenedId(args.number);
    told(session, Command::CancelOpened { opened }).await
}

async fn told(session: &Session, command: Command) -> Result<(), Failure> {
    let mut online = session.online()?;
    let done = async {
        online.command(command).await?;
        online.settle(PATIENCE).await
    };
    let done: Result<(), Failure> = done.await;
    online.end().await;
    done?;
    session
        .out
        .show(&Done { done: true }, |_| "done".to_owned())
}

/// Lets somebody in who waits, and says so once they are in.
pub(super) async fn approve(session: &Session, args: Number) -> Result<(), Failure> {
    let request = JoinRequestId(args.number);
    let mut online = session.online()?;
    let done = async {
        online.command(Command::Approve { request }).await?;
        online.settle(PATIENCE).await?;
        let left = online.client.read(move |engine| failure(engine, request));
        Ok(left.await??)
    };
    let done: Result<Option<String>, Failure> = done.await;
    online.end().await;
    match done? {
        Some(why) => Err(Failure::new(Kind::Refused, why)),
        None => session
            .out
            .show(&Done { done: true }, |_| "done".to_owned()),
    }
}

/// Why somebody waits still whom this person has let in.
fn failure(
    engine: &Engine,
    request: JoinRequestId,
) -> Result<Result<Option<String>, Fault>, Fault> {
    let all = engine.invitations()?.into_iter();
    let mut requests = all.flat_map(|one| one.requests);
    let waits = requests.find(|one| one.id == request);
    Ok(Ok(waits.and_then(|one| one.failure)))
}

/// Opens a link, and waits a little for somebody who lets this person in.
pub(super) async fn open(session: &Session, args: Open) -> Result<(), Failure> {
    let link = standard_input_for(args.link)?;
    let profile = session.open()?;
    let ours = profile.settings.server.clone();
    let fragment = read_invitation_link(&ours, &link)
        .map_err(|error| Failure::new(Kind::Refused, error.to_string()))?
        .to_owned();
    let mut online = Online::new(profile, session.out)?;
    let opened = ask(&mut online, fragment).await;
    online.end().await;
    let record = opened?;
    session.out.show(&record, |_| match record.state {
        "there" => "you are there already".to_owned(),
        "let_in" => "you were let in".to_owned(),
        _ => WAITS.to_owned(),
    })
}

async fn ask(online: &mut Online, fragment: String) -> Result<OpenRecord, Failure> {
    let open = Command::OpenInvitation { fragment };
    let id = match online.command(open.clone()).await? {
        Answer::Opened(id) => id,
        answer => return there(&answer, "there"),
    };
    online.settle(PATIENCE).await?;
    let Ok(let_in) = tokio::time::timeout(ANSWER, let_in(online, id)).await else {
        return Ok(OpenRecord {
            opened: Some(id.0),
            conversation: None,
            state: "waiting",
        });
    };
    let_in?;
    there(&online.command(open).await?, "let_in")
}

/// A link was opened that leads to where this person is.
fn there(answer: &Answer, state: &'static str) -> Result<OpenRecord, Failure> {
    let Answer::Conversation(id) = answer else {
        return Err(Failure::new(Kind::Fault, "the invitation was not opened"));
    };
    Ok(OpenRecord {
        opened: None,
        conversation: Some(id.to_string()),
        state,
    })
}

/// Waits until a link has let this person in.
async fn let_in(online: &mut Online, id: OpenedId) -> Result<(), Failure> {
    loop {
        let found = online.client.read(move |engine| state(engine, id)).await?;
        match found {
            Some(OpenedState::Failed(why)) => return Err(Failure::new(Kind::Refused, why)),
            Some(_) => {}
            None => return Ok(()),
        }
        let changed = |event: &Event| matches!(event, Event::InvitationsChanged).then_some(Ok(()));
        online.wait(changed).await?;
    }
}

fn state(engine: &Engine, id: OpenedId) -> Result<Option<OpenedState>, Fault> {
    let mut all = engine.opened()?.into_iter();
    Ok(all.find(|one| one.id == id).map(|one| one.state))
}
