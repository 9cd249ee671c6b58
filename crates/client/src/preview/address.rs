//! Which addresses are public: what stands in somebody's own network is nobody's page.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Where pages may lie.
#[derive(Clone, Copy)]
pub(crate) enum Reach {
    /// At public addresses, at the ports of the web.
    Public,
    /// At one place on this machine, in tests of this crate alone: no program has this.
    #[cfg(test)]
    Test(SocketAddr),
}

impl Reach {
    /// Whether a port may be asked.
    pub(super) fn has_port(self, port: u16) -> bool {
        match self {
            Self::Public => matches!(port, 80 | 443),
            #[cfg(test)]
            Self::Test(place) => port == place.port(),
        }
    }

    /// Whether an address may be.
    pub(super) fn has(self, place: SocketAddr) -> bool {
        match self {
            Self::Public => is_public(place.ip()),
            #[cfg(test)]
            Self::Test(only) => place == only,
        }
    }
}

/// Whether an address is public, by the registries of special-purpose addresses (RFC 6890). What is not known to be is not.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = matches!(
        (a, b, c),
        (0 | 10 | 127 | 224.., ..)
            | (100, 64..=127, _)
            | (169, 254, _)
            | (172, 16..=31, _)
            | (192, 0, 0 | 2)
            | (192, 88, 99)
            | (192, 168, _)
            | (198, 18 | 19, _)
            | (198, 51, 100)
            | (203, 0, 113)
    );
    !special
}

/// Global unicast is `2000::/3`; what is mapped, tunnelled or documented in it or beside it may lead anywhere.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    let global = first & 0xe000 == 0x2000;
    let special = matches!(
        (first, second),
        (0x2001, 0..=0x1ff | 0xdb8) | (0x2002, _) | (0x3fff, 0..=0xfff)
    );
    global && !special
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_are_asked() {
        for (address, public) in [
            ("93.184.215.14", true),
            ("172.32.0.1", true),
            ("100.128.0.1", true),
            ("0.0.0.0", false),
            ("10.0.0.1", false),
            ("127.0.0.1", false),
            ("100.64.0.1", false),
            ("169.254.169.254", false),
            ("172.16.0.1", false),
            ("172.31.255.255", false),
            ("192.168.1.1", false),
            ("192.0.0.8", false),
            ("198.18.0.1", false),
            ("203.0.113.9", false),
            ("224.0.0.1", false),
            ("255.255.255.255", false),
            ("2606:2800:21f:cb07::1", true),
            ("::1", false),
            ("::", false),
            ("::ffff:127.0.0.1", false),
            ("::ffff:93.184.215.14", false),
            ("64:ff9b::7f00:1", false),
            ("fe80::1", false),
            ("fd00::1", false),
            ("ff02::1", false),
            ("2001:db8::1", false),
            ("2001::1", false),
            ("2002:7f00:1::", false),
        ] {
            let place = SocketAddr::new(
                address.parse().unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)),
                443,
            );
            assert_eq!(Reach::Public.has(place), public, "{address}");
        }
        for (port, web) in [(80, true), (443, true), (22, false), (8080, false)] {
            assert_eq!(Reach::Public.has_port(port), web);
        }
    }
}
