//! Where a request comes from, as far as limits per network need to know.

use std::net::IpAddr;

use axum::http::HeaderMap;

use crate::network::Network;

/// Who says where a connection comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forwarding {
    /// The connection itself.
    Direct,
    /// A proxy, in the last hop of `X-Forwarded-For`: the one that it added itself. Earlier ones can be invented.
    LastHop,
}

/// The address at the other end of a connection. Kept with the connection alone.
#[derive(Clone, Copy)]
pub(super) struct Peer(pub(super) IpAddr);

impl Forwarding {
    /// The network to count a request for. A proxy that names nobody is counted itself.
    pub(super) fn network(self, peer: Peer, headers: &HeaderMap) -> Network {
        let forwarded = match self {
            Self::Direct => None,
            Self::LastHop => last_hop(headers),
        };
        forwarded.unwrap_or(peer.0).into()
    }
}

fn last_hop(headers: &HeaderMap) -> Option<IpAddr> {
    let last = headers
        .get_all("x-forwarded-for")
        .iter()
        .next_back()?
        .to_str()
        .ok()?;
    let hop = last.rsplit(',').next()?.trim();
    let bare = hop
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(hop);
    bare.parse().ok().or_else(|| {
        hop.parse::<std::net::SocketAddr>()
            .ok()
            .map(|address| address.ip())
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn network(forwarding: Forwarding, lines: &[&str]) -> Network {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append("x-forwarded-for", line.parse().unwrap());
        }
        forwarding.network(Peer("127.0.0.1".parse().unwrap()), &headers)
    }

    fn of(address: &str) -> Network {
        address.parse::<IpAddr>().unwrap().into()
    }

    #[test]
    fn only_the_last_hop_of_a_trusted_proxy_counts() {
        let lines = ["203.0.113.9", "198.51.100.7, 192.0.2.1"];
        assert_eq!(network(Forwarding::LastHop, &lines), of("192.0.2.1"));
        assert_eq!(network(Forwarding::Direct, &lines), of("127.0.0.1"));
    }

    #[test]
    fn ports_and_brackets_are_no_obstacle_and_nonsense_is_the_proxy_itself() {
        assert_eq!(
            network(Forwarding::LastHop, &["[2001:db8::1]"]),
            of("2001:db8::1")
        );
        assert_eq!(
            network(Forwarding::LastHop, &["[2001:db8::1]:443"]),
            of("2001:db8::1")
        );
        assert_eq!(
            network(Forwarding::LastHop, &["192.0.2.1:5000"]),
            of("192.0.2.1")
        );
        assert_eq!(network(Forwarding::LastHop, &["unknown"]), of("127.0.0.1"));
        assert_eq!(network(Forwarding::LastHop, &[]), of("127.0.0.1"));
    }
}
