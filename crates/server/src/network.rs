//! What one network may ask: token buckets per network and class of request, in memory.
//!
//! The server does not know who sends on the anonymous socket, so what protects it from a flood is where the bytes
//! come from. Addresses are kept in memory only, for as long as their bucket is not full again, and never logged.
//!
//! The buckets are GCRA cells (ITU-T I.371): one instant each, "when the bucket would be full again".

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Leading bits that make an IPv6 network: what a provider gives one customer is between a /48 and a /64. An IPv4
/// network is one address: neighbours there are strangers.
const IPV6_PREFIX: u32 = 56;

/// Networks remembered per class, about 3 MB for all classes. Beyond it newcomers share one bucket.
const MAX_NETWORKS: usize = 16_384;

/// How often a full table may be searched for buckets that are full again: the search takes about a millisecond.
const PURGE_EVERY: Duration = Duration::from_secs(1);

/// Sockets that one network may hold open: an office or a school behind one address, each with two.
pub const MAX_SOCKETS_PER_NETWORK: u32 = 4_096;

/// A Commit's cost in sends: it carries rosters and welcomes and is as rare.
pub const COMMIT_COST: u32 = 5;

/// A class of requests that share a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// TLS handshakes, before anything is known about them.
    Handshake,
    /// WebSockets opened.
    Connection,
    /// Accounts registered.
    Register,
    /// Lookups and key package fetches.
    Directory,
    /// Conversations created.
    Create,
    /// Messages and commits sent.
    Send,
    /// Files begun and cancelled.
    File,
    /// Parts of files, up and down.
    Part,
    /// Reports to the operator.
    Report,
}

/// How much of a class one network may ask: so many at once, and so many a second for ever.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    burst: u32,
    per_second: f64,
}

/// `CLASS=BURST:PER_SECOND`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RateSetting {
    class: Class,
    rate: Rate,
}

/// That was not a rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a limit is CLASS=BURST:PER_SECOND, for example send=2000:200, with a burst of at least {COMMIT_COST}; the classes \
     are handshake, connection, register, directory, create, send, file, part and report"
)]
pub struct NotARate;

/// The rates of all classes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RateTable([Rate; Class::ALL.len()]);

/// Over the limit: ask again after this long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryAfter(pub Duration);

/// The network that an address belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Network(u128);

impl Class {
    /// All classes, in the order of their discriminants.
    pub const ALL: [Self; 9] = [
        Self::Handshake,
        Self::Connection,
        Self::Register,
        Self::Directory,
        Self::Create,
        Self::Send,
        Self::File,
        Self::Part,
        Self::Report,
    ];

    /// Its name in `--limit` and in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Handshake => "handshake",
            Self::Connection => "connection",
            Self::Register => "register",
            Self::Directory => "directory",
            Self::Create => "create",
            Self::Send => "send",
            Self::File => "file",
            Self::Part => "part",
            Self::Report => "report",
        }
    }

    /// The rate when nothing else is said: what a house full of people behind one address needs, and little more.
    const fn usual(self) -> Rate {
        match self {
            // A restarted server is found again by all of a network's devices at once; each costs 0.3 ms of CPU.
            Self::Handshake => Rate {
                burst: 4_000,
                per_second: 40.0,
            },
            Self::Connection => Rate {
                burst: 2_000,
                per_second: 20.0,
            },
            // A class of pupils signs up together; afterwards one a minute.
            Self::Register => Rate {
                burst: 60,
                per_second: 1.0 / 60.0,
            },
            // Starting a group of a thousand asks for as many key packages; each of them is consumed.
            Self::Directory => Rate {
                burst: 1_200,
                per_second: 5.0,
            },
            Self::Create => Rate {
                burst: 200,
                per_second: 1.0,
            },
            // Ten people who each drain a day's outbox; then 200 a second, one core's hundredth.
            Self::Send => Rate {
                burst: 5_000,
                per_second: 200.0,
            },
            // An album of a holiday from each of five people at once.
            Self::File => Rate {
                burst: 500,
                per_second: 1.0,
            },
            // Four of the largest files at once; then 160 MiB a second, more than such a line carries.
            Self::Part => Rate {
                burst: 2_048,
                per_second: 40.0,
            },
            // What three accounts may hand over in a day; then one in ten minutes.
            Self::Report => Rate {
                burst: 60,
                per_second: 1.0 / 600.0,
            },
        }
    }
}

impl RateTable {
    /// The usual rates but for those that are set.
    pub fn with(settings: &[RateSetting]) -> Self {
        Self(Class::ALL.map(|class| {
            let set = settings.iter().rev().find(|setting| setting.class == class);
            set.map_or_else(|| class.usual(), |setting| setting.rate)
        }))
    }

    fn of(&self, class: Class) -> Rate {
        self.0
            .get(class as usize)
            .copied()
            .unwrap_or_else(|| class.usual())
    }
}

impl FromStr for RateSetting {
    type Err = NotARate;

    fn from_str(text: &str) -> Result<Self, NotARate> {
        let (name, rate) = text.split_once('=').ok_or(NotARate)?;
        let (burst, per_second) = rate.split_once(':').ok_or(NotARate)?;
        let class = Class::ALL
            .into_iter()
            .find(|class| class.name() == name)
            .ok_or(NotARate)?;
        let burst = burst.parse().map_err(|_| NotARate)?;
        let per_second: f64 = per_second.parse().map_err(|_| NotARate)?;
        let sensible = burst >= COMMIT_COST && (1e-6..=1e9).contains(&per_second);
        sensible
            .then_some(Self {
                class,
                rate: Rate { burst, per_second },
            })
            .ok_or(NotARate)
    }
}

impl From<IpAddr> for Network {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => Self(u128::from(v4.to_ipv6_mapped())),
            IpAddr::V6(v6) => Self(u128::from(v6) & (u128::MAX << (Ipv6Addr::BITS - IPV6_PREFIX))),
        }
    }
}

impl Network {
    /// Whoever is not remembered, for want of room. No customer has the unspecified address.
    const REST: Self = Self(0);
}

/// The limits per network.
pub struct NetworkLimits {
    rates: Option<RateTable>,
    start: Instant,
    cells: [Mutex<Cells>; Class::ALL.len()],
    sockets: Mutex<HashMap<Network, u32>>,
}

#[derive(Default)]
struct Cells {
    full_again: HashMap<Network, Duration>,
    purged: Duration,
}

impl NetworkLimits {
    /// Limits at these rates; `None`: no limits at all.
    pub fn new(rates: Option<RateTable>, now: Instant) -> Arc<Self> {
        Arc::new(Self {
            rates,
            start: now,
            cells: Default::default(),
            sockets: Mutex::default(),
        })
    }

    /// Takes `cost` from a network's bucket.
    ///
    /// # Errors
    /// [`RetryAfter`] when there is not enough in it; nothing was taken.
    pub fn take(
        &self,
        class: Class,
        network: Network,
        cost: u32,
        now: Instant,
    ) -> Result<(), RetryAfter> {
        let (Some(rates), Some(cells)) = (&self.rates, self.cells.get(class as usize)) else {
            return Ok(());
        };
        let now = now.saturating_duration_since(self.start);
        let mut cells = cells.lock().unwrap_or_else(PoisonError::into_inner);
        cells.take(rates.of(class), network, cost, now)
    }

    /// Counts one more open socket of a network, until the guard is dropped. `None`: it has too many.
    pub fn open(self: &Arc<Self>, network: Network) -> Option<OpenSocket> {
        let mut sockets = self.sockets.lock().unwrap_or_else(PoisonError::into_inner);
        let open = sockets.entry(network).or_default();
        if self.rates.is_some() && *open >= MAX_SOCKETS_PER_NETWORK {
            return None;
        }
        *open = open.saturating_add(1);
        Some(OpenSocket {
            limits: Arc::clone(self),
            network,
        })
    }

    fn closed(&self, network: Network) {
        let mut sockets = self.sockets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = sockets.get_mut(&network) {
            *open = open.saturating_sub(1);
            if *open == 0 {
                sockets.remove(&network);
            }
        }
    }
}

impl Cells {
    fn take(
        &mut self,
        rate: Rate,
        network: Network,
        cost: u32,
        now: Duration,
    ) -> Result<(), RetryAfter> {
        let network = self.room_for(network, now);
        let full_again = self
            .full_again
            .get(&network)
            .copied()
            .unwrap_or_default()
            .max(now);
        let after = full_again + Duration::from_secs_f64(f64::from(cost) / rate.per_second);
        let whole = Duration::from_secs_f64(f64::from(rate.burst) / rate.per_second);
        match after.checked_sub(now + whole) {
            None | Some(Duration::ZERO) => {
                self.full_again.insert(network, after);
                Ok(())
            }
            Some(missing) => Err(RetryAfter(missing)),
        }
    }

    /// The key to use: the network's own, or the shared one when the table is full of others.
    fn room_for(&mut self, network: Network, now: Duration) -> Network {
        if self.full_again.len() < MAX_NETWORKS || self.full_again.contains_key(&network) {
            return network;
        }
        if self.purged.is_zero() || now.saturating_sub(self.purged) >= PURGE_EVERY {
            self.purged = now;
            self.full_again.retain(|_, full_again| *full_again > now);
        }
        if self.full_again.len() < MAX_NETWORKS {
            network
        } else {
            Network::REST
        }
    }
}

/// One open socket of a network, counted until dropped.
pub struct OpenSocket {
    limits: Arc<NetworkLimits>,
    network: Network,
}

impl Drop for OpenSocket {
    fn drop(&mut self) {
        self.limits.closed(self.network);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    fn network(address: &str) -> Network {
        address.parse::<IpAddr>().unwrap().into()
    }

    fn limits(settings: &str) -> (Arc<NetworkLimits>, Instant) {
        let now = Instant::now();
        let table = RateTable::with(&[settings.parse().unwrap()]);
        (NetworkLimits::new(Some(table), now), now)
    }

    #[test]
    fn a_burst_passes_one_more_waits_and_time_gives_back() {
        let (limits, now) = limits("send=10:2");
        let home = network("192.0.2.1");
        for _ in 0..10 {
            assert_eq!(limits.take(Class::Send, home, 1, now), Ok(()));
        }
        let wait = limits.take(Class::Send, home, 1, now).unwrap_err();
        assert_eq!(wait.0, Duration::from_millis(500));
        assert_eq!(limits.take(Class::Send, home, 1, now + wait.0), Ok(()));
        assert!(limits.take(Class::Send, home, 1, now + wait.0).is_err());
        assert_eq!(
            limits.take(Class::Send, network("192.0.2.2"), 1, now),
            Ok(()),
            "a neighbour is a stranger"
        );
    }

    #[test]
    fn a_refused_request_takes_nothing() {
        let (limits, now) = limits("send=10:1");
        let home = network("192.0.2.1");
        assert_eq!(limits.take(Class::Send, home, 8, now), Ok(()));
        assert!(limits.take(Class::Send, home, COMMIT_COST, now).is_err());
        assert_eq!(limits.take(Class::Send, home, 2, now), Ok(()));
    }

    #[test]
    fn a_network_is_one_ipv4_address_or_an_ipv6_prefix() {
        assert_eq!(network("2001:db8:0:0::1"), network("2001:db8:0:ff:ffff::2"));
        assert_ne!(network("2001:db8:0:0::1"), network("2001:db8:0:100::1"));
        assert_eq!(network("::ffff:192.0.2.1"), network("192.0.2.1"));
        assert_ne!(network("192.0.2.1"), network("192.0.2.2"));
    }

    #[test]
    fn a_full_table_is_bounded_and_newcomers_share() {
        let (limits, now) = limits("create=5:1");
        for n in 0..=u32::try_from(MAX_NETWORKS).unwrap() {
            assert_eq!(
                limits.take(Class::Create, Network(u128::from(n) + 1), 1, now),
                Ok(()),
                "{n}"
            );
        }
        let cells = limits.cells[Class::Create as usize]
            .lock()
            .unwrap()
            .full_again
            .len();
        assert_eq!(cells, MAX_NETWORKS + 1, "all of them, and the rest as one");
        for n in 0..4 {
            assert_eq!(
                limits.take(Class::Create, Network(u128::MAX - n), 1, now),
                Ok(())
            );
        }
        assert!(
            limits
                .take(Class::Create, Network(u128::MAX - 9), 1, now)
                .is_err()
        );
        let later = now + Duration::from_secs(10);
        assert_eq!(
            limits.take(Class::Create, Network(u128::MAX - 9), 1, later),
            Ok(()),
            "the others are forgotten"
        );
    }

    #[test]
    fn open_sockets_are_counted_and_given_back() {
        let (limits, _) = limits("send=5:1");
        let home = network("192.0.2.1");
        let mut open: Vec<_> = (0..MAX_SOCKETS_PER_NETWORK)
            .map(|_| limits.open(home).unwrap())
            .collect();
        assert!(limits.open(home).is_none());
        assert!(limits.open(network("192.0.2.2")).is_some());
        open.pop();
        assert!(limits.open(home).is_some());
        drop(open);
        assert!(limits.sockets.lock().unwrap().is_empty());
    }

    #[test]
    fn what_is_not_a_rate_is_refused() {
        for text in [
            "",
            "send",
            "send=1",
            "send=4:1",
            "send=5:0",
            "send=5:-1",
            "send=5:nan",
            "mail=5:1",
            "send=x:1",
        ] {
            assert_eq!(text.parse::<RateSetting>(), Err(NotARate), "{text}");
        }
        assert!("send=5:0.5".parse::<RateSetting>().is_ok());
    }

    #[test]
    fn without_rates_everything_passes() {
        let limits = NetworkLimits::new(None, Instant::now());
        let home = network("192.0.2.1");
        for _ in 0..100_000 {
            assert_eq!(
                limits.take(Class::Register, home, 1, Instant::now()),
                Ok(())
            );
        }
    }
}
