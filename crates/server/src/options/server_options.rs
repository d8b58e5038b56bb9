//! Options of a server, complete and checked.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use timestrata::Durability;

use crate::failure::StartError;

/// Smallest memory budget of a server: that of one database, queries and bodies.
const MIN_MEMORY_BYTES: usize = 128 << 20;

/// Largest number of connections: more descriptors than a system gives to a process.
const MAX_CONNECTIONS: usize = 1_000_000;

/// Options of a server.
///
/// The defaults are those of `timestrata serve` without flags: one gibibyte of memory, loopback only, durable writes.
#[derive(Debug, Clone)]
#[non_exhaustive]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct ServerOptions {
    /// Directory with one directory for each database. Default: `timestrata-data`.
    pub data: PathBuf,
    /// Addresses on which the server listens. Default: 127.0.0.1:9494.
    pub listen: Vec<SocketAddr>,
    /// File in PEM with the certificate of the server and those that sign it. Default: none, and connections are not encrypted.
    ///
    /// Needs the feature `tls`, and [`tls_key`](Self::tls_key).
    pub tls_cert: Option<PathBuf>,
    /// File in PEM with the key of the certificate.
    pub tls_key: Option<PathBuf>,
    /// TOML file with the hashes of tokens; see [`NewToken`](crate::NewToken). Default: none, and every request may do
    /// everything.
    pub tokens: Option<PathBuf>,
    /// Every request may do everything on other addresses than those of this machine, too. Default: `false`.
    pub allow_anonymous: bool,
    /// Addresses for lines of Graphite over TCP; they have no tokens. Default: none.
    pub graphite_listen: Vec<SocketAddr>,
    /// Addresses for packets of statsd over UDP; they have no tokens. Default: none.
    pub statsd_listen: Vec<SocketAddr>,
    /// Time between two points of each series of statsd. Minimum: 1 s. Default: 10 s.
    pub statsd_flush: Duration,
    /// Prefix of all paths, such as `/timestrata`, for a proxy that keeps it. Default: none.
    pub path_prefix: String,
    /// Memory in bytes: half for the databases, a quarter for running queries, an eighth for bodies of requests, an eighth
    /// for series tables (series as requests write them). Answers that are being sent take up to a quarter beside it, and
    /// names of series are not part of it. Minimum: 128 MiB. Default: 1 GiB.
    pub memory_budget: usize,
    /// When a write is acknowledged. Default: once it is synced.
    pub durability: Durability,
    /// Age at which points are deleted. Default: never.
    pub retain_for: Option<Duration>,
    /// Size in bytes of the files of a database above which the oldest are deleted. Default: none.
    pub retain_bytes: Option<u64>,
    /// How far ahead of the clock a point may be; others are refused. `None` for no limit. Default: 1 day.
    pub max_ahead: Option<Duration>,
    /// Series with points that a database may have. Default: 1,000,000.
    pub max_series: u32,
    /// Labels that a new series may have, at most 256. Default: 128.
    pub max_labels: usize,
    /// Databases that the server may have, `default` included. Default: 16.
    pub max_databases: usize,
    /// Largest body in bytes, as it is received. The limit is never above half of the memory of bodies. Default: 32 MiB.
    pub max_body_bytes: usize,
    /// Largest body in bytes, decompressed. The limit is never above half of the memory of bodies. Default: 64 MiB.
    pub max_decompressed_bytes: usize,
    /// Series that one request may name. Default: 100,000.
    pub max_request_series: usize,
    /// Connections at once; further ones wait. Default: 4,096.
    pub max_connections: usize,
    /// Time in which the body of a request must arrive, and a TLS handshake end. Default: 30 s.
    pub body_timeout: Duration,
    /// Time after which a connection without a request is closed. Default: 2 min.
    pub idle_timeout: Duration,
    /// Longest duration of a query. Default: 2 min.
    pub query_timeout: Duration,
    /// Large queries that run at once, and threads that queries start to read in parallel; sixteen times as many small queries
    /// run at once. Default: the number of processors.
    pub query_threads: Option<usize>,
    /// Samples that a query may read and compute. Default: 50 million.
    pub query_max_samples: u64,
    /// How old the newest sample of a series may be for an instant selector. Default: 5 min.
    pub query_lookback: Duration,
    /// Time that running requests get when the server stops. Default: 30 s.
    pub shutdown_grace: Duration,
    /// Each request is logged, without its parameters and headers. Default: `false`.
    pub access_log: bool,
    /// Names of OTLP metrics and attributes stay as they are sent, instead of becoming those of Prometheus. Default: `false`.
    pub otlp_unchanged_names: bool,
    /// Fields of text in line protocol are left out and counted, instead of refused. Default: `false`.
    pub skip_text_fields: bool,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            data: PathBuf::from("timestrata-data"),
            listen: vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 9494))],
            tls_cert: None,
            tls_key: None,
            tokens: None,
            allow_anonymous: false,
            graphite_listen: Vec::new(),
            statsd_listen: Vec::new(),
            statsd_flush: Duration::from_secs(10),
            path_prefix: String::new(),
            memory_budget: 1 << 30,
            durability: Durability::Sync,
            retain_for: None,
            retain_bytes: None,
            max_ahead: Some(Duration::from_hours(24)),
            max_series: 1_000_000,
            max_labels: 128,
            max_databases: 16,
            max_body_bytes: 32 << 20,
            max_decompressed_bytes: 64 << 20,
            max_request_series: 100_000,
            max_connections: 4_096,
            body_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_mins(2),
            query_timeout: Duration::from_mins(2),
            query_threads: None,
            query_max_samples: 50_000_000,
            query_lookback: Duration::from_mins(5),
            shutdown_grace: Duration::from_secs(30),
            access_log: false,
            otlp_unchanged_names: false,
            skip_text_fields: false,
        }
    }
}

impl ServerOptions {
    /// Returns the memory of all databases together, in bytes.
    pub(crate) fn storage_memory_bytes(&self) -> usize {
        self.memory_budget / 2
    }

    /// Returns the memory of all queries together, in bytes.
    pub(crate) fn query_memory_bytes(&self) -> usize {
        self.memory_budget / 4
    }

    /// Returns the memory of the bodies of all requests together, in bytes.
    pub(crate) fn body_memory_bytes(&self) -> usize {
        self.memory_budget / 8
    }

    /// Returns the largest body as it is received, in bytes: the option, or what the memory of bodies has room for.
    pub(crate) fn received_limit(&self) -> usize {
        self.max_body_bytes.min(self.body_memory_bytes() / 2)
    }

    /// Returns the largest decompressed body, in bytes: the option, or what the memory of bodies has room for.
    pub(crate) fn decompressed_limit(&self) -> usize {
        self.max_decompressed_bytes.min(self.body_memory_bytes() / 2)
    }

    /// Returns the memory of the tables of series of all databases together, in bytes.
    pub(crate) fn series_memory_bytes(&self) -> usize {
        self.memory_budget / 8
    }

    /// Checks bounds, and that no options contradict each other.
    pub(crate) fn check(&self) -> Result<(), StartError> {
        let invalid = |option, detail: &str| Err(StartError::Option { option, detail: detail.to_owned() });
        if self.memory_budget < MIN_MEMORY_BYTES {
            return invalid("memory-budget", "it is below 128MiB, the smallest");
        }
        self.check_limits()?;
        if !(1..=timestrata::MAX_SERIES_TAGS).contains(&self.max_labels) {
            return invalid("max-labels", "it must be from 1 to 256");
        }
        if self.listen.is_empty() {
            return invalid("listen", "give at least one address, such as 127.0.0.1:9494");
        }
        if self.tls_cert.is_some() != self.tls_key.is_some() {
            return invalid("tls-cert, tls-key", "give both, or none");
        }
        let is_open = self.tokens.is_none() && !self.allow_anonymous;
        if let Some(address) = self.listen.iter().find(|address| is_open && !address.ip().is_loopback()) {
            let detail = format!(
                "{address} can be reached from other machines, and every request could do everything: give --tokens FILE, \
                 or --allow-anonymous if something in front of the server checks requests"
            );
            return invalid("listen", &detail);
        }
        for (option, addresses) in [("graphite-listen", &self.graphite_listen), ("statsd-listen", &self.statsd_listen)]
        {
            let is_reachable = |address: &&SocketAddr| !self.allow_anonymous && !address.ip().is_loopback();
            if let Some(address) = addresses.iter().find(is_reachable) {
                let detail = format!(
                    "{address} can be reached from other machines, and the protocol has no tokens: give --allow-anonymous if \
                     only those that may write can reach it"
                );
                return invalid(option, &detail);
            }
        }
        if self.statsd_flush < Duration::from_secs(1) {
            return invalid("statsd-flush", "it is below 1s, the shortest");
        }
        let prefix = &self.path_prefix;
        if !prefix.is_empty() && (!prefix.starts_with('/') || prefix.ends_with('/')) {
            return invalid("path-prefix", "it must begin with a slash and end without one, such as /timestrata");
        }
        Ok(())
    }

    /// Checks that no limit is 0: none of them can be switched off, and 0 would refuse everything.
    fn check_limits(&self) -> Result<(), StartError> {
        let limits = [
            ("query-threads", self.query_threads == Some(0)),
            ("max-databases", self.max_databases == 0),
            ("max-connections", self.max_connections == 0),
            ("max-series", self.max_series == 0),
            ("max-body", self.max_body_bytes == 0),
            ("max-decompressed", self.max_decompressed_bytes == 0),
            ("max-request-series", self.max_request_series == 0),
            ("body-timeout", self.body_timeout.is_zero()),
            ("idle-timeout", self.idle_timeout.is_zero()),
            ("query-timeout", self.query_timeout.is_zero()),
            ("query-max-samples", self.query_max_samples == 0),
            ("query-lookback", self.query_lookback.is_zero()),
        ];
        if let Some((option, _)) = limits.into_iter().find(|(_, is_zero)| *is_zero) {
            return Err(StartError::Option { option, detail: "it must be above 0, and cannot be off".to_owned() });
        }
        if self.max_connections > MAX_CONNECTIONS {
            let detail = format!("it must be at most {MAX_CONNECTIONS}");
            return Err(StartError::Option { option: "max-connections", detail });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_cannot_be_zero() {
        let refused = |change: fn(&mut ServerOptions)| {
            let mut options = ServerOptions::default();
            change(&mut options);
            options.check().unwrap_err().to_string()
        };
        for (option, message) in [
            ("max-body", refused(|options| options.max_body_bytes = 0)),
            ("max-decompressed", refused(|options| options.max_decompressed_bytes = 0)),
            ("max-request-series", refused(|options| options.max_request_series = 0)),
            ("max-connections", refused(|options| options.max_connections = 0)),
            ("max-connections", refused(|options| options.max_connections = usize::MAX)),
            ("body-timeout", refused(|options| options.body_timeout = Duration::ZERO)),
            ("idle-timeout", refused(|options| options.idle_timeout = Duration::ZERO)),
            ("query-timeout", refused(|options| options.query_timeout = Duration::ZERO)),
            ("query-max-samples", refused(|options| options.query_max_samples = 0)),
            ("query-lookback", refused(|options| options.query_lookback = Duration::ZERO)),
        ] {
            assert!(message.starts_with(&format!("{option}: it must be")), "{option}: {message}");
        }
        assert!(ServerOptions::default().check().is_ok());
    }
}
