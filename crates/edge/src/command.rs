//! Commands of the engine as parameters, and back.
//!
//! Both ways name every field: a command or field that the engine gains does not compile here until it can be asked for.

use keyfold_engine::Command;

use crate::Method;
use crate::params as p;
use crate::scalar::Suite;

macro_rules! commands {
    ($($name:ident { $($field:ident),* })*) => {
        $(
            impl From<p::$name> for Command {
                fn from(params: p::$name) -> Self {
                    let p::$name { $($field),* } = params;
                    Self::$name { $($field: $field.into()),* }
                }
            }
        )*

        /// How a command is asked for.
        impl From<Command> for Method {
            fn from(command: Command) -> Self {
                match command {
                    $(Command::$name { $($field),* } => {
                        Self::$name(p::$name { $($field: $field.into()),* })
                    })*
                    Command::RecoveryKeyKept => Self::RecoveryKeyKept(p::RecoveryKeyKept {}),
                    Command::Register { handle, invitation, suites } => {
                        let suites = suites.into_iter().map(Suite::from).collect();
                        Self::Register(p::Register { handle, invitation, suites })
                    }
                    Command::RequestLink { suites } => {
                        let suites = suites.into_iter().map(Suite::from).collect();
                        Self::RequestLink(p::RequestLink { suites })
                    }
                    Command::Create { people, name, suite } => {
                        let suite = suite.map(Suite::from);
                        Self::Create(p::Create { people, name, suite })
                    }
                }
            }
        }
    };
}

commands! {
    AddDevice { link_request }
    AcceptLink { certificate }
    RemoveDevice { device }
    Send { conversation, text }
    Reply { conversation, to, text }
    Edit { conversation, message, text }
    TakeBack { conversation, message }
    React { conversation, message, emoji }
    Add { conversation, people }
    Remove { conversation, people }
    Leave { conversation }
    Rename { conversation, name }
    ChangeRole { conversation, account, role }
    Update { conversation }
    MarkRead { conversation }
    MarkVerified { account }
    LookUp { handle }
}

impl From<p::RecoveryKeyKept> for Command {
    fn from(_: p::RecoveryKeyKept) -> Self {
        Self::RecoveryKeyKept
    }
}

impl From<p::Register> for Command {
    fn from(params: p::Register) -> Self {
        let p::Register {
            handle,
            invitation,
            suites,
        } = params;
        Self::Register {
            handle,
            invitation,
            suites: suites.into_iter().map(Suite::into).collect(),
        }
    }
}

impl From<p::RequestLink> for Command {
    fn from(params: p::RequestLink) -> Self {
        Self::RequestLink {
            suites: params.suites.into_iter().map(Suite::into).collect(),
        }
    }
}

impl From<p::Create> for Command {
    fn from(params: p::Create) -> Self {
        let p::Create {
            people,
            name,
            suite,
        } = params;
        Self::Create {
            people,
            name,
            suite: suite.map(Suite::into),
        }
    }
}
