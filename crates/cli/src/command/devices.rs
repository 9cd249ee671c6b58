//! Linking and removing devices of one's own account. Codes are carried by hand, as hexadecimal text.

use keyfold_engine::{Answer, Command, Event};
use keyfold_wire::ids::{DeviceId, from_hex};
use serde::Serialize;

use crate::args::{Code, LinkRequest, RemoveDevice};
use crate::failure::{Failure, Kind};
use crate::session::{Online, Session};

#[derive(Serialize)]
struct Carry {
    code: String,
}

#[derive(Serialize)]
struct Device {
    device: String,
    handle: String,
}

#[derive(Serialize)]
struct Gone {
    device: String,
    removed: bool,
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn bytes(code: &str) -> Result<Vec<u8>, Failure> {
    let compact: String = code.chars().filter(|c| !c.is_whitespace()).collect();
    from_hex(&compact)
        .filter(|bytes| !bytes.is_empty())
        .ok_or_else(|| Failure::new(Kind::Usage, "this is not a whole code: copy all of it"))
}

/// On the new device: prints what the primary one needs.
pub(super) fn link_request(session: &Session, args: &LinkRequest) -> Result<(), Failure> {
    let mut profile = super::account::prepare(session, &args.server)?;
    let suites = args
        .server
        .suites
        .iter()
        .map(|suite| (*suite).into())
        .collect();
    let Answer::LinkRequest(code) = profile.offline(Command::RequestLink { suites })? else {
        return Err(Failure::new(Kind::Fault, "there is no link code"));
    };
    let record = Carry { code: hex(&code) };
    session.out.show(&record, |_| record.code.clone())
}

/// On the primary device: adds the new one and prints its certificate.
pub(super) async fn add(session: &Session, args: Code) -> Result<(), Failure> {
    let link_request = bytes(&args.code)?;
    let mut online = session.online()?;
    let added = certify(&mut online, link_request).await;
    online.end().await;
    let record = Carry { code: hex(&added?) };
    session.out.show(&record, |_| record.code.clone())
}

async fn certify(online: &mut Online, link_request: Vec<u8>) -> Result<Vec<u8>, Failure> {
    let Answer::Certificate(certificate) =
        online.command(Command::AddDevice { link_request }).await?
    else {
        return Err(Failure::new(Kind::Fault, "there is no certificate"));
    };
    online
        .wait(|event| matches!(event, Event::DeviceAdded(_)).then_some(Ok(())))
        .await?;
    Ok(certificate)
}

/// On the new device: takes the certificate and comes online.
pub(super) async fn accept(session: &Session, args: Code) -> Result<(), Failure> {
    let certificate = bytes(&args.code)?;
    let mut profile = session.open()?;
    profile.offline(Command::AcceptLink { certificate })?;
    let me = super::account::me(profile.engine.me()?)?;
    let mut online = Online::new(profile, session.out)?;
    let settled = online.settle(crate::session::PATIENCE).await;
    online.end().await;
    settled?;
    let record = Device {
        device: me.device.to_string(),
        handle: me.handle,
    };
    session.out.show(&record, |paint| {
        format!("This device belongs to {} now.", paint.bold(&record.handle))
    })
}

/// Removes a device.
pub(super) async fn remove(session: &Session, args: RemoveDevice) -> Result<(), Failure> {
    let device: DeviceId = args.device.parse().map_err(|_| {
        Failure::new(
            Kind::Usage,
            "this is not a device's id: `keyfold whoami` shows it there",
        )
    })?;
    let mut online = session.online()?;
    let removed = match online.command(Command::RemoveDevice { device }).await {
        Ok(_) => online.settle(crate::session::PATIENCE).await,
        Err(failure) => Err(failure),
    };
    online.end().await;
    removed?;
    let record = Gone {
        device: device.to_string(),
        removed: true,
    };
    session.out.show(&record, |_| "done".to_owned())
}
