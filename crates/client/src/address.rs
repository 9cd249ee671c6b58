//! Where a server is: an `https` address, or `http` on this very machine.

use std::net::{IpAddr, Ipv6Addr};

use tokio_tungstenite::tungstenite::http::Uri;

/// A server's address, checked: scheme, host and port, nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerUrl {
    tls: bool,
    host: String,
    port: u16,
}

/// An address that can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Not a web address.
    #[error("{0:?} is not a server's address: it looks like https://chat.example.org")]
    Malformed(String),
    /// Without TLS, and not on this machine.
    #[error("{0} is not this machine, so its address must begin with https://")]
    NeedsTls(String),
    /// With a path, a query or a user.
    #[error(
        "a server's address ends after the host and the port, as in https://chat.example.org:8443"
    )]
    TooMuch,
}

impl ServerUrl {
    /// Whether the connection is under TLS; without it the host is this machine.
    pub fn is_tls(&self) -> bool {
        self.tls
    }

    /// The host without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The address of one of the server's WebSockets.
    pub(crate) fn socket(&self, path: &str) -> String {
        format!(
            "{}://{}{path}",
            if self.tls { "wss" } else { "ws" },
            self.authority()
        )
    }

    /// Host and port, as a `Host` header has them.
    pub(crate) fn authority(&self) -> String {
        let host = if self.host.contains(':') {
            format!("[{}]", self.host)
        } else {
            self.host.clone()
        };
        if self.port == default_port(self.tls) {
            host
        } else {
            format!("{host}:{}", self.port)
        }
    }
}

fn default_port(tls: bool) -> u16 {
    if tls { 443 } else { 80 }
}

fn is_this_machine(host: &str) -> bool {
    host == "localhost"
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// A host without the brackets that an IPv6 address stands in, and nothing else does.
fn host_of(written: &str) -> Option<String> {
    let host = written.to_lowercase();
    let bracketed = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    match bracketed {
        Some(six) => six.parse::<Ipv6Addr>().is_ok().then(|| six.to_owned()),
        None => (!host.is_empty() && !host.contains(['[', ']', ':'])).then_some(host),
    }
}

impl std::str::FromStr for ServerUrl {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let malformed = || AddressError::Malformed(text.chars().take(200).collect());
        let uri: Uri = text.trim().parse().map_err(|_| malformed())?;
        let tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(malformed()),
        };
        let authority = uri.authority().ok_or_else(malformed)?;
        if authority.as_str().contains('@')
            || uri.query().is_some()
            || !matches!(uri.path(), "" | "/")
        {
            return Err(AddressError::TooMuch);
        }
        let rest = authority.as_str().strip_prefix(authority.host());
        let rest = rest.ok_or_else(malformed)?;
        if !rest.is_empty() && !rest.starts_with(':') {
            return Err(malformed());
        }
        let host = host_of(authority.host()).ok_or_else(malformed)?;
        if !tls && !is_this_machine(&host) {
            return Err(AddressError::NeedsTls(host));
        }
        let port = authority.port_u16().unwrap_or_else(|| default_port(tls));
        Ok(Self { tls, host, port })
    }
}

/// What `from_str` reads.
impl std::fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}://{}",
            if self.tls { "https" } else { "http" },
            self.authority()
        )
    }
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

    fn read(text: &str) -> Result<ServerUrl, AddressError> {
        text.parse()
    }

    #[test]
    fn brackets_stand_around_an_address_and_nowhere_else() {
        assert_eq!(read("https://[2001:DB8::1]").unwrap().host(), "2001:db8::1");
        for text in [
            "https://ch[::1]example.org",
            "https://[::1]example.org",
            "https://[[::1]]",
            "https://[example.org]",
            "https://[]",
        ] {
            assert!(
                matches!(read(text), Err(AddressError::Malformed(_))),
                "{text}"
            );
        }
    }

    #[test]
    fn addresses_read_back_what_they_write() {
        for (text, shown, socket) in [
            (
                "https://Chat.Example.org",
                "https://chat.example.org",
                "wss://chat.example.org/v1/mailbox",
            ),
            (
                "https://chat.example.org:443/",
                "https://chat.example.org",
                "wss://chat.example.org/v1/mailbox",
            ),
            (
                "https://[2001:db8::1]:8443",
                "https://[2001:db8::1]:8443",
                "wss://[2001:db8::1]:8443/v1/mailbox",
            ),
            (
                "http://localhost:4000",
                "http://localhost:4000",
                "ws://localhost:4000/v1/mailbox",
            ),
            (
                "http://[::1]:4000",
                "http://[::1]:4000",
                "ws://[::1]:4000/v1/mailbox",
            ),
            (
                "http://127.0.0.1",
                "http://127.0.0.1",
                "ws://127.0.0.1/v1/mailbox",
            ),
        ] {
            let url = read(text).unwrap();
            assert_eq!(url.to_string(), shown);
            assert_eq!(url.socket("/v1/mailbox"), socket);
            assert_eq!(read(shown).unwrap(), url);
        }
    }

    #[test]
    fn plain_http_is_for_this_machine_only() {
        for text in [
            "http://example.org",
            "http://10.0.0.1:80",
            "http://localhost.example.org",
            "http://128.0.0.1",
        ] {
            assert!(
                matches!(read(text), Err(AddressError::NeedsTls(_))),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_not_an_address_is_refused() {
        for text in [
            "",
            "example.org",
            "ftp://example.org",
            "https://",
            "wss://example.org",
            "https://a b",
        ] {
            assert!(
                matches!(read(text), Err(AddressError::Malformed(_))),
                "{text}"
            );
        }
        for text in [
            "https://example.org/app",
            "https://example.org?x=1",
            "https://me@example.org",
        ] {
            assert_eq!(read(text), Err(AddressError::TooMuch), "{text}");
        }
    }
}
