//! The commands: one file for what belongs together.

mod account;
mod amend;
mod devices;
pub(crate) mod file;
mod find;
mod invite;
mod keep;
mod kinds;
mod members;
mod person;
mod request;
mod search;
mod send;
mod signal;
mod talk;
mod verify;

use crate::args::{Cli, Command};
use crate::failure::Failure;
use crate::session::Session;

pub(crate) use account::prepare;
pub(crate) use find::{conversation, conversation_online};
pub(crate) use verify::safety_number;

/// Carries out a parsed command line.
pub(crate) async fn run(cli: Cli) -> Result<(), Failure> {
    let session = Session::new(cli.common)?;
    match cli.command {
        Command::Register(args) => account::register(&session, args).await,
        Command::Whoami => account::whoami(&session),
        Command::Me(args) => person::me(&session, args).await,
        Command::Person(args) => person::person(&session, &args),
        Command::New(args) => members::new(&session, args).await,
        Command::List(args) => talk::list(&session, &args),
        Command::Send(args) => send::send(&session, args).await,
        Command::Reply(args) => amend::reply(&session, args).await,
        Command::Edit(args) => amend::edit(&session, args).await,
        Command::TakeBack(args) => amend::take_back(&session, args).await,
        Command::React(args) => amend::react(&session, args).await,
        Command::Pin(args) => amend::pin(&session, args, true).await,
        Command::Unpin(args) => amend::pin(&session, args, false).await,
        Command::Pins(args) => talk::pins(&session, &args),
        Command::Forward(args) => amend::forward(&session, args).await,
        Command::Read(args) => talk::read(&session, args).await,
        Command::Sync(args) => talk::sync(&session, args).await,
        Command::Add(args) => members::add(&session, args).await,
        Command::Remove(args) => members::remove(&session, args).await,
        Command::Leave(args) => members::leave(&session, args).await,
        Command::Rename(args) => members::rename(&session, args).await,
        Command::Describe(args) => members::describe(&session, args).await,
        Command::Picture(args) => members::picture(&session, args).await,
        Command::Allow(args) => members::allow(&session, args).await,
        Command::Disappear(args) => members::disappear(&session, args).await,
        Command::Role(args) => members::role(&session, args).await,
        Command::Update(args) => members::update(&session, args).await,
        Command::Chat(args) => crate::chat::run(&session, args).await,
        Command::Verify(args) => verify::verify(&session, args).await,
        Command::LinkRequest(args) => devices::link_request(&session, &args),
        Command::AddDevice(args) => devices::add(&session, args).await,
        Command::AcceptLink(args) => devices::accept(&session, args).await,
        Command::RemoveDevice(args) => devices::remove(&session, args).await,
        Command::SendFile(args) => file::send(&session, args).await,
        Command::Save(args) => file::save(&session, args).await,
        Command::ReadBy(args) => signal::read_by(&session, args).await,
        Command::Poll(args) => kinds::poll(&session, args).await,
        Command::Vote(args) => kinds::vote(&session, args).await,
        Command::EndPoll(args) => kinds::end_poll(&session, args).await,
        Command::Location(args) => kinds::location(&session, args).await,
        Command::Card(args) => kinds::card(&session, args).await,
        Command::Meet(args) => kinds::meet(&session, args).await,
        Command::Report(args) => request::report(&session, args).await,
        Command::Rpc(args) => crate::rpc::run(&session, args).await,
        Command::Revoke(args) => invite::revoke(&session, args).await,
        Command::Approve(args) => invite::approve(&session, args).await,
        Command::Refuse(args) => invite::refuse(&session, args).await,
        Command::Open(args) => invite::open(&session, args).await,
        Command::Cancel(args) => invite::cancel(&session, args).await,
        other => in_order(&session, other),
    }
}

/// What stays on this device and needs no connection.
fn in_order(session: &Session, command: Command) -> Result<(), Failure> {
    match command {
        Command::Previews(args) => kinds::previews(session, &args),
        Command::Voters(args) => kinds::voters(session, &args),
        Command::Privacy(args) => signal::privacy(session, &args),
        Command::Search(args) => search::search(session, &args),
        Command::Starred(args) => search::starred(session, &args),
        Command::Archive(args) => keep::archive(session, &args),
        Command::Mute(args) => keep::mute(session, &args),
        Command::Unread(args) => keep::unread(session, &args),
        Command::Top(args) => keep::top(session, &args),
        Command::Draft(args) => keep::draft(session, args),
        Command::Star(args) => keep::star(session, &args),
        Command::Hide(args) => keep::hide(session, &args),
        Command::Clear(args) => keep::clear(session, &args),
        Command::Delete(args) => keep::delete(session, &args),
        Command::Block(args) => person::block(session, &args, true),
        Command::Unblock(args) => person::block(session, &args, false),
        Command::Blocked => person::blocked(session),
        Command::Invite(args) => invite::invite(session, &args),
        Command::Invitations => invite::invitations(session),
        Command::Requests(args) => request::requests(session, &args),
        Command::Accept(args) => request::accept(session, &args),
        _ => Ok(()),
    }
}
