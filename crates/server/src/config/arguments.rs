//! The command line as people type it.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

use keyfold_wire::limits::MAX_FILE;

use super::{Acme, CertificateFiles, ConfigError, Patience, Settings, Transport};
use crate::network::{RateSetting, RateTable};

/// Moves sealed messages between devices and can read none of them.
#[derive(Debug, Parser)]
#[command(
    name = "keyfold-server",
    version,
    args_conflicts_with_subcommands = true
)]
pub struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: ServeArguments,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Prints invitation codes, each good for one registration. Works while the server runs.
    Invite(InviteArguments),
    /// Lists, shows or deletes what people have reported. Works while the server runs. A report is its reporter's word.
    Reports(ReportsArguments),
}

/// What to do with reports.
#[derive(Debug, Args)]
pub struct ReportsArguments {
    /// The server's data folder.
    #[arg(long, value_name = "DIR", default_value = DATA, global = true)]
    pub data: PathBuf,
    /// What.
    #[command(subcommand)]
    pub task: Option<ReportsTask>,
}

/// One thing to do with reports.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum ReportsTask {
    /// Lists them, the oldest first.
    List,
    /// Shows one.
    Show {
        /// Its id.
        id: String,
    },
    /// Deletes one.
    Delete {
        /// Its id.
        id: String,
    },
}

/// What to print invitations for.
#[derive(Debug, Args)]
pub struct InviteArguments {
    /// The server's data folder.
    #[arg(long, value_name = "DIR", default_value = DATA)]
    pub data: PathBuf,
    /// How many codes.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub count: u32,
}

#[derive(Debug, Args)]
struct ServeArguments {
    /// The folder that holds everything the server keeps; made when missing.
    #[arg(long, value_name = "DIR", default_value = DATA)]
    data: PathBuf,
    /// Where devices connect. Port 0 takes a free one; the first line on standard output names it.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8448")]
    listen: SocketAddr,
    /// Who may register an account.
    #[arg(long, value_name = "WHO", value_enum, default_value_t = Registrations::Open)]
    registration: Registrations,
    /// The TLS certificate chain (PEM). Read again when it changes, and on SIGHUP.
    #[arg(long, value_name = "FILE", requires = "tls_key", conflicts_with_all = ["acme", "behind_proxy", "dev_ca"])]
    tls_cert: Option<PathBuf>,
    /// Its private key (PEM).
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Gets TLS certificates for these names by ACME; port 443 of each must lead here.
    #[arg(long, value_name = "DOMAIN", num_args = 1.., requires = "acme_contact", conflicts_with_all = ["behind_proxy", "dev_ca"])]
    acme: Vec<String>,
    /// The mail address that the certificate authority may write to.
    #[arg(long, value_name = "MAIL", requires = "acme")]
    acme_contact: Option<String>,
    /// Another certificate authority than Let's Encrypt.
    #[arg(long, value_name = "URL", requires = "acme")]
    acme_directory: Option<String>,
    /// The root certificate (PEM) of that authority, where it is a private one. No other root is trusted then.
    #[arg(long, value_name = "FILE", requires = "acme_directory")]
    acme_ca: Option<PathBuf>,
    /// A proxy in front does TLS: serve plain HTTP, and take the last hop of X-Forwarded-For as the client.
    #[arg(long, conflicts_with = "dev_ca")]
    behind_proxy: bool,
    /// Serves TLS with a development CA in this folder, made when missing. Clients trust its ca.pem.
    #[arg(long, value_name = "DIR")]
    dev_ca: Option<PathBuf>,
    /// Serves Prometheus metrics on this loopback address.
    #[arg(long, value_name = "ADDR")]
    metrics: Option<SocketAddr>,
    /// How much to log, on standard error.
    #[arg(long, value_name = "LEVEL", value_enum, default_value_t = LogLevel::Info)]
    log: LogLevel,
    /// What one network may ask, e.g. register=60:0.05 (a burst of 60, then 0.05 a second). Classes: handshake,
    /// connection, register, directory, create, send, file, part, report.
    #[arg(long = "limit", value_name = "CLASS=BURST:PER_SECOND", action = ArgAction::Append)]
    limits: Vec<RateSetting>,
    /// Switches all limits per network off: for tests and benchmarks only.
    #[arg(long, conflicts_with = "limits")]
    no_network_limits: bool,
    /// Bytes of the largest file that people may send.
    #[arg(long, value_name = "BYTES", default_value_t = MAX_FILE)]
    max_file_size: u64,
    /// Connections open at the same time.
    #[arg(long, value_name = "N", default_value = "65536")]
    max_connections: NonZeroU32,
    /// Seconds of silence before a socket is pinged; silent for as long again, it is closed.
    #[arg(long, value_name = "SECONDS", default_value_t = 45, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    keepalive: u64,
    /// Seconds after which an anonymous socket that asks nothing is closed.
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    idle: u64,
    /// Seconds that a mailbox socket may take for its first frame.
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=600))]
    first_frame: u64,
    /// Seconds that a shutdown waits for what is in flight.
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=600))]
    shutdown: u64,
}

/// Who may register an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Registrations {
    /// Everybody.
    Open,
    /// Who has a code of `keyfold-server invite`.
    Invite,
    /// Nobody.
    Closed,
}

/// How much is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[allow(missing_docs)]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

/// What a process of this binary is for.
#[derive(Debug)]
pub enum Task {
    /// To serve.
    Serve(Box<Settings>),
    /// To print invitations.
    Invite(InviteArguments),
    /// To see to reports.
    Reports(ReportsArguments),
}

const DATA: &str = "keyfold-data";

impl Arguments {
    /// What the command line asks for.
    ///
    /// # Errors
    /// [`ConfigError`] when it would be unsafe to do it.
    pub fn task(self) -> Result<Task, ConfigError> {
        match self.command {
            Some(Command::Invite(arguments)) => Ok(Task::Invite(arguments)),
            Some(Command::Reports(arguments)) => Ok(Task::Reports(arguments)),
            None => self.serve.settings().map(Box::new).map(Task::Serve),
        }
    }
}

impl ServeArguments {
    fn settings(self) -> Result<Settings, ConfigError> {
        let transport = self.transport();
        let rates = (!self.no_network_limits).then(|| RateTable::with(&self.limits));
        Settings {
            data: self.data,
            listen: self.listen,
            registrations: self.registration,
            transport,
            metrics: self.metrics,
            log: self.log,
            rates,
            patience: Patience {
                first_frame: Duration::from_secs(self.first_frame),
                keepalive: Duration::from_secs(self.keepalive),
                idle: Duration::from_secs(self.idle),
                shutdown: Duration::from_secs(self.shutdown),
            },
            max_connections: self.max_connections,
            max_file_size: self.max_file_size,
        }
        .check()
    }

    fn transport(&self) -> Transport {
        if let (Some(certificate), Some(key)) = (self.tls_cert.clone(), self.tls_key.clone()) {
            return Transport::Files(CertificateFiles { certificate, key });
        }
        if let Some(contact) = self.acme_contact.clone() {
            return Transport::Acme(Acme {
                domains: self.acme.clone(),
                contact,
                directory: self.acme_directory.clone(),
                roots: self.acme_ca.clone(),
            });
        }
        if self.behind_proxy {
            return Transport::BehindProxy;
        }
        self.dev_ca
            .clone()
            .map_or(Transport::Plain, Transport::DevelopmentCa)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    fn settings(line: &str) -> Result<Settings, String> {
        let words = std::iter::once("keyfold-server").chain(line.split_whitespace());
        let arguments = Arguments::try_parse_from(words).map_err(|error| error.to_string())?;
        match arguments.task().map_err(|error| error.to_string())? {
            Task::Serve(settings) => Ok(*settings),
            Task::Invite(_) | Task::Reports(_) => panic!("not asked for"),
        }
    }

    #[test]
    fn nothing_needs_to_be_said() {
        let settings = settings("").unwrap();
        assert_eq!(settings.listen, "127.0.0.1:8448".parse().unwrap());
        assert_eq!(settings.transport, Transport::Plain);
        assert_eq!(settings.data, PathBuf::from("keyfold-data"));
        assert!(settings.rates.is_some());
    }

    #[test]
    fn away_from_loopback_somebody_has_to_do_tls() {
        for address in ["0.0.0.0:443", "[::]:443", "192.0.2.1:8448"] {
            let line = format!("--listen {address}");
            assert!(
                settings(&line).unwrap_err().contains("--behind-proxy"),
                "{address}"
            );
            assert!(settings(&format!("{line} --dev-ca x")).is_err());
            assert!(settings(&format!("{line} --behind-proxy")).is_ok());
            assert!(settings(&format!("{line} --tls-cert c --tls-key k")).is_ok());
            assert!(
                settings(&format!(
                    "{line} --acme example.org --acme-contact a@example.org"
                ))
                .is_ok()
            );
        }
        assert!(settings("--listen [::1]:0").is_ok());
    }

    #[test]
    fn half_of_a_pair_is_refused() {
        for line in [
            "--tls-cert c",
            "--tls-key k",
            "--acme example.org",
            "--acme-contact a@b.org",
            "--acme a.org --acme-contact a@b.org --acme-ca root.pem",
        ] {
            assert!(settings(line).is_err(), "{line}");
        }
        assert!(settings("--tls-cert c --tls-key k --behind-proxy").is_err());
        assert!(settings("--dev-ca d --behind-proxy").is_err());
    }

    #[test]
    fn metrics_stay_on_this_machine() {
        assert!(settings("--metrics 127.0.0.1:0").is_ok());
        assert!(
            settings("--metrics 0.0.0.0:9448")
                .unwrap_err()
                .contains("loopback")
        );
    }

    #[test]
    fn several_domains_and_limits_are_read() {
        let one =
            settings("--acme a.org b.org --acme-contact a@a.org --limit send=10:1.5").unwrap();
        let Transport::Acme(acme) = one.transport else {
            panic!("acme was asked for")
        };
        assert_eq!(acme.domains, ["a.org", "b.org"]);
        assert!(settings("--limit send=10").is_err());
        assert!(settings("--no-network-limits").unwrap().rates.is_none());
    }

    #[test]
    fn reports_are_asked_for_by_name() {
        let asked = |line: &str| {
            let words = std::iter::once("keyfold-server").chain(line.split_whitespace());
            let arguments = Arguments::try_parse_from(words).unwrap();
            let Task::Reports(asked) = arguments.task().unwrap() else {
                panic!("reports were asked for")
            };
            asked
        };
        assert_eq!(asked("reports").task, None);
        let show = asked("reports show 01 --data here");
        let id = "01".to_owned();
        assert_eq!(show.task, Some(ReportsTask::Show { id }));
        assert_eq!(show.data, PathBuf::from("here"));
    }

    #[test]
    fn invitations_are_asked_for_by_name() {
        let arguments =
            Arguments::try_parse_from(["keyfold-server", "invite", "--count", "3"]).unwrap();
        let Task::Invite(invite) = arguments.task().unwrap() else {
            panic!("invite was asked for")
        };
        assert_eq!(invite.count, 3);
        assert!(Arguments::try_parse_from(["keyfold-server", "invite", "--count", "0"]).is_err());
    }
}
