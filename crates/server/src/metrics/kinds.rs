//! The kinds of requests and sockets that are counted apart.

use keyfold_wire::v1::client_frame::Request;

macro_rules! kinds {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $label:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name {
            $($(#[$variant_doc])* $variant),*
        }

        impl $name {
            /// All of them, in the order of their discriminants.
            pub const ALL: [Self; [$($label),*].len()] = [$(Self::$variant),*];

            /// Its label.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $label),*
                }
            }
        }
    };
}

kinds! {
    /// A kind of request.
    #[allow(missing_docs)]
    Kind {
        Hello = "hello",
        Register = "register",
        PublishKeyPackages = "publish_key_packages",
        TakeAddresses = "take_addresses",
        RevokeAddresses = "revoke_addresses",
        AddDevice = "add_device",
        RemoveDevice = "remove_device",
        ReplaceToken = "replace_token",
        Report = "report",
        Acknowledge = "acknowledge",
        Lookup = "lookup",
        FetchKeyPackages = "fetch_key_packages",
        Create = "create",
        Send = "send",
        Commit = "commit",
        Probe = "probe",
        Signal = "signal",
        AcknowledgeSignals = "acknowledge_signals",
        Unknown = "unknown",
    }
}

kinds! {
    /// A kind of socket.
    SocketKind {
        /// With a token: one device's mailbox.
        Mailbox = "mailbox",
        /// Without: requests of nobody.
        Anonymous = "anonymous",
    }
}

impl Kind {
    /// The kind of a frame's request.
    pub fn of(request: Option<&Request>) -> Self {
        match request {
            None => Self::Unknown,
            Some(Request::Hello(_)) => Self::Hello,
            Some(Request::Register(_)) => Self::Register,
            Some(Request::Acknowledge(_)) => Self::Acknowledge,
            Some(Request::PublishKeyPackages(_)) => Self::PublishKeyPackages,
            Some(Request::TakeAddresses(_)) => Self::TakeAddresses,
            Some(Request::RevokeAddresses(_)) => Self::RevokeAddresses,
            Some(Request::AddDevice(_)) => Self::AddDevice,
            Some(Request::RemoveDevice(_)) => Self::RemoveDevice,
            Some(Request::ReplaceToken(_)) => Self::ReplaceToken,
            Some(Request::Report(_)) => Self::Report,
            Some(Request::Lookup(_)) => Self::Lookup,
            Some(Request::FetchKeyPackages(_)) => Self::FetchKeyPackages,
            Some(Request::Create(_)) => Self::Create,
            Some(Request::Send(_)) => Self::Send,
            Some(Request::Commit(_)) => Self::Commit,
            Some(Request::Probe(_)) => Self::Probe,
            Some(Request::Signal(_)) => Self::Signal,
            Some(Request::AcknowledgeSignals(_)) => Self::AcknowledgeSignals,
        }
    }
}
