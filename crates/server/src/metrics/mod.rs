//! Counters for Prometheus. Kinds, outcomes and times; no label tells one person, device, conversation or network
//! from another.
//!
//! Every counter is looked up once, at the start: counting a message costs an atomic addition.

mod kinds;

use std::time::Duration;

use keyfold_wire::v1::RefusalCode;
use prometheus::core::Collector;
use prometheus::{
    Encoder as _, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry, TextEncoder,
};

use crate::core::Stats;
use crate::network::Class;

pub use kinds::{Kind, SocketKind};

/// All counters of a server.
pub struct Metrics {
    registry: Registry,
    /// Requests.
    pub requests: Requests,
    /// What goes out unasked.
    pub pushes: Pushes,
    /// Sockets.
    pub sockets: Sockets,
    /// Sealed files.
    pub files: FileBytes,
    /// TLS.
    pub tls: Tls,
    /// The store.
    pub store: Store,
    limited: [IntCounter; Class::ALL.len()],
    core: CoreGauges,
}

/// Requests by kind and outcome.
pub struct Requests {
    done: [IntCounter; Kind::ALL.len()],
    refused: [IntCounter; Kind::ALL.len()],
    reasons: IntCounterVec,
    seconds: Histogram,
}

/// What goes out unasked.
pub struct Pushes {
    items: IntCounter,
    signals: IntCounter,
    sizes: Histogram,
}

/// Sockets, open and closed.
pub struct Sockets {
    open: [IntGauge; SocketKind::ALL.len()],
    closed: IntCounterVec,
}

/// Bytes of sealed files, in parts that came or went whole.
pub struct FileBytes {
    received: IntCounter,
    sent: IntCounter,
}

/// TLS handshakes and certificates.
pub struct Tls {
    handshakes: IntCounter,
    failures: IntCounter,
    certificate_failures: IntCounter,
}

/// What the store does.
pub struct Store {
    seconds: Histogram,
}

/// What the core counts itself, copied when somebody asks.
struct CoreGauges {
    accepted: IntGauge,
    appended: IntGauge,
    dropped: IntGauge,
    batches: IntGauge,
    waiting: IntGauge,
    feeds: IntGauge,
}

impl Metrics {
    /// Counters at zero.
    ///
    /// # Errors
    /// When two have one name: a mistake in this file.
    pub fn new() -> prometheus::Result<Self> {
        let registry = Registry::new();
        let limited = counters(
            &registry,
            "keyfold_limited_total",
            "Refused by a limit per network",
            "class",
        )?;
        Ok(Self {
            requests: Requests::new(&registry)?,
            pushes: Pushes::new(&registry)?,
            sockets: Sockets::new(&registry)?,
            files: FileBytes::new(&registry)?,
            tls: Tls::new(&registry)?,
            store: Store::new(&registry)?,
            limited: Class::ALL.map(|class| limited.with_label_values(&[class.name()])),
            core: CoreGauges::new(&registry)?,
            registry,
        })
    }

    /// A limit per network refused something.
    pub fn limited(&self, class: Class) {
        if let Some(counter) = self.limited.get(class as usize) {
            counter.inc();
        }
    }

    /// Everything in Prometheus's text format.
    ///
    /// # Errors
    /// When a counter cannot be written as text.
    pub fn text(&self, stats: &Stats) -> prometheus::Result<Vec<u8>> {
        self.core.copy(stats);
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(text)
    }
}

impl Requests {
    fn new(registry: &Registry) -> prometheus::Result<Self> {
        let requests = IntCounterVec::new(
            Opts::new("keyfold_requests_total", "Requests by kind and outcome"),
            &["kind", "outcome"],
        )?;
        let help = "From a request's arrival to its answer";
        Ok(Self {
            done: Kind::ALL.map(|kind| requests.with_label_values(&[kind.name(), "done"])),
            refused: Kind::ALL.map(|kind| requests.with_label_values(&[kind.name(), "refused"])),
            reasons: counters(
                registry,
                "keyfold_refused_total",
                "Refused requests by reason",
                "reason",
            )?,
            seconds: seconds(registry, "keyfold_request_seconds", help)?,
        })
        .and_then(|made| registered(registry, requests).map(|_| made))
    }

    /// A request was carried out, this long after it came.
    pub fn done(&self, kind: Kind, took: Duration) {
        if let Some(counter) = self.done.get(kind as usize) {
            counter.inc();
        }
        self.seconds.observe(took.as_secs_f64());
    }

    /// A request was refused.
    pub fn refused(&self, kind: Kind, code: RefusalCode) {
        if let Some(counter) = self.refused.get(kind as usize) {
            counter.inc();
        }
        self.reasons.with_label_values(&[code.as_str_name()]).inc();
    }
}

impl Pushes {
    fn new(registry: &Registry) -> prometheus::Result<Self> {
        let items = IntCounter::new("keyfold_delivered_items_total", "Items pushed to devices")?;
        let signals = IntCounter::new(
            "keyfold_delivered_signals_total",
            "Signals pushed to devices",
        )?;
        let sizes = HistogramOpts::new("keyfold_push_items", "Items in one push")
            .buckets(prometheus::exponential_buckets(1.0, 2.0, 9)?);
        Ok(Self {
            items: registered(registry, items)?,
            signals: registered(registry, signals)?,
            sizes: registered(registry, Histogram::with_opts(sizes)?)?,
        })
    }

    /// So many items went out together.
    pub fn pushed(&self, items: usize) {
        let items = u32::try_from(items).unwrap_or(u32::MAX);
        self.items.inc_by(items.into());
        self.sizes.observe(items.into());
    }

    /// So many signals went out together.
    pub fn signalled(&self, signals: usize) {
        self.signals.inc_by(signals as u64);
    }
}

impl Sockets {
    fn new(registry: &Registry) -> prometheus::Result<Self> {
        let open = IntGaugeVec::new(
            Opts::new("keyfold_sockets", "Open WebSockets by kind"),
            &["kind"],
        )?;
        let open = registered(registry, open)?;
        Ok(Self {
            open: SocketKind::ALL.map(|kind| open.with_label_values(&[kind.name()])),
            closed: counters(
                registry,
                "keyfold_sockets_closed_total",
                "WebSockets closed by the server",
                "code",
            )?,
        })
    }

    /// Counts a socket as open until the guard is dropped.
    pub fn open(&self, kind: SocketKind) -> OpenGauge {
        let gauge = self.open.get(kind as usize).cloned();
        if let Some(gauge) = &gauge {
            gauge.inc();
        }
        OpenGauge(gauge)
    }

    /// The server closed a socket with this code.
    pub fn closed(&self, code: u16) {
        self.closed.with_label_values(&[&code.to_string()]).inc();
    }
}

/// An open socket, counted until dropped.
pub struct OpenGauge(Option<IntGauge>);

impl Drop for OpenGauge {
    fn drop(&mut self) {
        if let Some(gauge) = &self.0 {
            gauge.dec();
        }
    }
}

impl FileBytes {
    fn new(registry: &Registry) -> prometheus::Result<Self> {
        let counter = |name, help| registered(registry, IntCounter::new(name, help)?);
        Ok(Self {
            received: counter(
                "keyfold_file_bytes_received_total",
                "Bytes of sealed files that were stored",
            )?,
            sent: counter(
                "keyfold_file_bytes_sent_total",
                "Bytes of sealed files that were asked for",
            )?,
        })
    }

    /// A part was stored.
    pub fn received(&self, bytes: u64) {
        self.received.inc_by(bytes);
    }

    /// A piece goes out.
    pub fn sent(&self, bytes: u64) {
        self.sent.inc_by(bytes);
    }
}

impl Tls {
    fn new(registry: &Registry) -> prometheus::Result<Self> {
        let counter = |name, help| registered(registry, IntCounter::new(name, help)?);
        Ok(Self {
            handshakes: counter(
                "keyfold_tls_handshakes_total",
                "TLS handshakes that succeeded",
            )?,
            failures: counter("keyfold_tls_failures_total", "TLS handshakes that failed")?,
            certificate_failures: counter(
                "keyfold_tls_certificate_failures_total",
                "Certificates that could not be read or renewed",
            )?,
        })
    }

    /// A handshake succeeded.
    pub fn handshake_done(&self) {
        self.handshakes.inc();
    }

    /// A handshake failed.
    pub fn handshake_failed(&self) {
        self.failures.inc();
    }

    /// A certificate could not be read or renewed.
    pub fn certificate_failed(&self) {
        self.certificate_failures.inc();
    }
}

impl Store {
    fn new(registry: &Registry) -> prometheus::Result<Self> {
        let help = "How long the store took to make one group commit durable";
        Ok(Self {
            seconds: seconds(registry, "keyfold_store_commit_seconds", help)?,
        })
    }

    /// A transaction is durable, or has failed, this long after it was begun.
    pub fn committed(&self, took: Duration) {
        self.seconds.observe(took.as_secs_f64());
    }
}

impl CoreGauges {
    fn new(registry: &Registry) -> prometheus::Result<Self> {
        let gauge = |name, help| registered(registry, IntGauge::new(name, help)?);
        Ok(Self {
            accepted: gauge(
                "keyfold_accepted",
                "Sends, commits and creations accepted since the start",
            )?,
            appended: gauge(
                "keyfold_appended",
                "Items put into mailboxes since the start",
            )?,
            dropped: gauge(
                "keyfold_dropped",
                "Items dropped since the start, for revoked addresses",
            )?,
            batches: gauge(
                "keyfold_store_batches",
                "Store transactions since the start",
            )?,
            waiting: gauge(
                "keyfold_store_waiting",
                "Operations that wait for the store",
            )?,
            feeds: gauge("keyfold_devices_connected", "Devices that are connected")?,
        })
    }

    fn copy(&self, stats: &Stats) {
        let pairs = [
            (&self.accepted, stats.accepted),
            (&self.appended, stats.appended),
            (&self.dropped, stats.dropped),
            (&self.batches, stats.batches),
            (&self.waiting, stats.waiting),
            (&self.feeds, stats.feeds),
        ];
        for (gauge, value) in pairs {
            gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        }
    }
}

fn counters(
    registry: &Registry,
    name: &str,
    help: &str,
    label: &str,
) -> prometheus::Result<IntCounterVec> {
    registered(
        registry,
        IntCounterVec::new(Opts::new(name, help), &[label])?,
    )
}

/// A histogram from a quarter of a millisecond to eight seconds.
fn seconds(registry: &Registry, name: &str, help: &str) -> prometheus::Result<Histogram> {
    let buckets = prometheus::exponential_buckets(0.000_25, 2.0, 16)?;
    let opts = HistogramOpts::new(name, help).buckets(buckets);
    registered(registry, Histogram::with_opts(opts)?)
}

fn registered<C: Collector + Clone + 'static>(
    registry: &Registry,
    collector: C,
) -> prometheus::Result<C> {
    registry.register(Box::new(collector.clone()))?;
    Ok(collector)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_can_be_read() {
        let metrics = Metrics::new().unwrap();
        metrics.requests.done(Kind::Send, Duration::from_millis(3));
        metrics.requests.refused(Kind::Send, RefusalCode::Stale);
        metrics.pushes.pushed(7);
        metrics.store.committed(Duration::from_millis(3));
        metrics.limited(Class::Register);
        let open = metrics.sockets.open(SocketKind::Mailbox);
        let stats = Stats {
            accepted: 5,
            ..Stats::default()
        };
        let text = String::from_utf8(metrics.text(&stats).unwrap()).unwrap();
        for line in [
            "keyfold_requests_total{kind=\"send\",outcome=\"done\"} 1",
            "keyfold_requests_total{kind=\"send\",outcome=\"refused\"} 1",
            "keyfold_refused_total{reason=\"STALE\"} 1",
            "keyfold_delivered_items_total 7",
            "keyfold_limited_total{class=\"register\"} 1",
            "keyfold_sockets{kind=\"mailbox\"} 1",
            "keyfold_accepted 5",
            "keyfold_store_commit_seconds_bucket{le=\"0.002\"} 0",
            "keyfold_store_commit_seconds_bucket{le=\"0.004\"} 1",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
        drop(open);
        let text = String::from_utf8(metrics.text(&stats).unwrap()).unwrap();
        assert!(text.contains("keyfold_sockets{kind=\"mailbox\"} 0"));
    }
}
