//! `verify`: the safety number of two people, as digits and as a QR code.

use keyfold_engine::view::{Contact, Me};
use keyfold_engine::{Command, Event};
use keyfold_protocol::identity::{Person, SafetyNumber};
use keyfold_wire::handle::normal_form;
use serde::Serialize;

use crate::args::Verify;
use crate::clean;
use crate::failure::{Failure, Kind};
use crate::output::Paint;
use crate::qr;
use crate::session::{Online, Session};

#[derive(Serialize)]
struct Comparison {
    handle: String,
    account: String,
    safety_number: String,
    qr: String,
    verified: bool,
}

/// The safety number of this account and another one.
pub(crate) fn safety_number(me: &Me, contact: &Contact) -> SafetyNumber {
    SafetyNumber::new(
        &Person {
            account: me.account,
            account_key: me.account_key,
        },
        &Person {
            account: contact.account,
            account_key: contact.account_key,
        },
    )
}

/// Shows it; somebody unknown here is looked up in the directory first.
pub(super) async fn verify(session: &Session, args: Verify) -> Result<(), Failure> {
    let mut profile = session.open()?;
    let me = super::account::me(profile.engine.me()?)?;
    if normal_form(&args.handle) == me.handle {
        let error = format!("{} is you: name the other person", me.handle);
        return Err(Failure::new(Kind::Usage, error));
    }
    let contact = if let Some(contact) = profile.engine.contact(&args.handle)? {
        if args.mark {
            let account = contact.account;
            profile.offline(Command::MarkVerified { account })?;
        }
        contact
    } else {
        let mut online = Online::new(profile, session.out)?;
        let found = look_up(&mut online, &args).await;
        online.end().await;
        found?
    };
    let number = safety_number(&me, &contact);
    let record = Comparison {
        handle: contact.handle.clone(),
        account: contact.account.to_string(),
        safety_number: number.to_string(),
        qr: number.qr(),
        verified: contact.verified || args.mark,
    };
    session.out.show(&record, |paint| sheet(&record, paint))
}

async fn look_up(online: &mut Online, args: &Verify) -> Result<Contact, Failure> {
    let handle = normal_form(&args.handle);
    online
        .finish(
            Command::LookUp {
                handle: handle.clone(),
            },
            |event| match event {
                Event::Found(_) => Some(Ok(())),
                Event::NotFound(who) if *who == handle => Some(Err(Failure::new(
                    Kind::NotFound,
                    format!("nobody is called {handle} here"),
                ))),
                _ => None,
            },
        )
        .await?;
    let wanted = handle.clone();
    let contact = online
        .client
        .read(move |engine| engine.contact(&wanted))
        .await?;
    let contact = contact
        .ok_or_else(|| Failure::new(Kind::NotFound, format!("nobody is called {handle} here")))?;
    if args.mark {
        online
            .command(Command::MarkVerified {
                account: contact.account,
            })
            .await?;
    }
    Ok(contact)
}

fn sheet(record: &Comparison, paint: Paint) -> String {
    let handle = clean::line(&record.handle);
    let groups: Vec<_> = record.safety_number.split(' ').collect();
    let digits: Vec<_> = groups
        .chunks(4)
        .map(|row| format!("    {}", row.join("  ")))
        .collect();
    let mut sheet = format!(
        "Safety number of you and {}\n\n{}\n",
        paint.bold(&handle),
        paint.bold(&digits.join("\n"))
    );
    if let Some(code) = qr::draw(&record.qr) {
        sheet.extend(["\n", &code, "\n"]);
    }
    let advice = if record.verified {
        format!("You have compared it with {handle}.")
    } else {
        format!(
            "Compare it with what {handle} sees, side by side or over a call in which you know the voice.\nIf all digits \
             are the same, nobody stands between you: keyfold verify {handle} --mark"
        )
    };
    sheet + "\n" + &advice
}
