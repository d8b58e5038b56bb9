//! Settings: options as flags, environment variables and a TOML file give them.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use serde::Deserialize;

use super::server_options::ServerOptions;
use super::values::{ByteText, DurabilityText, DurationText};

/// Why settings are not understood.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// The file cannot be read.
    #[error("the configuration {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// The file is not TOML, or has a name or value that is no setting.
    #[error("the configuration {}: {source}", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// The error, with its line.
        source: Box<toml::de::Error>,
    },
}

/// Settings of a server, each of which may be absent. A flag wins over its environment variable, both win over the file.
///
/// The names in the file are those of the flags without the dashes in front: `memory-budget = "2GiB"`.
#[derive(Debug, Clone, Default, Args, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Settings {
    /// Directory with one directory for each database [default: timestrata-data]
    #[arg(long, value_name = "DIR", env = "TIMESTRATA_DATA")]
    pub data: Option<PathBuf>,
    /// Address on which the server listens; may be repeated [default: 127.0.0.1:9494]
    #[arg(long, value_name = "ADDRESS:PORT", env = "TIMESTRATA_LISTEN", value_delimiter = ',')]
    pub listen: Option<Vec<SocketAddr>>,
    /// PEM file with the certificate of the server; connections are then encrypted
    #[arg(long, value_name = "FILE", env = "TIMESTRATA_TLS_CERT")]
    pub tls_cert: Option<PathBuf>,
    /// PEM file with the key of the certificate
    #[arg(long, value_name = "FILE", env = "TIMESTRATA_TLS_KEY")]
    pub tls_key: Option<PathBuf>,
    /// TOML file with the hashes of tokens, which `timestrata token` makes; without it every request may do everything
    #[arg(long, value_name = "FILE", env = "TIMESTRATA_TOKENS")]
    pub tokens: Option<PathBuf>,
    /// Let every request do everything on other addresses than those of this machine, too
    #[arg(long, num_args = 0..=1, default_missing_value = "true", value_name = "BOOL", env = "TIMESTRATA_ALLOW_ANONYMOUS")]
    pub allow_anonymous: Option<bool>,
    /// Address for lines of Graphite over TCP; may be repeated [default: none]
    #[arg(long, value_name = "ADDRESS:PORT", env = "TIMESTRATA_GRAPHITE_LISTEN", value_delimiter = ',')]
    pub graphite_listen: Option<Vec<SocketAddr>>,
    /// Address for packets of statsd over UDP; may be repeated [default: none]
    #[arg(long, value_name = "ADDRESS:PORT", env = "TIMESTRATA_STATSD_LISTEN", value_delimiter = ',')]
    pub statsd_listen: Option<Vec<SocketAddr>>,
    /// Time between two points of each series of statsd [default: 10s]
    #[arg(long, value_name = "DURATION", env = "TIMESTRATA_STATSD_FLUSH")]
    pub statsd_flush: Option<DurationText>,
    /// Prefix of all paths, such as /timestrata
    #[arg(long, value_name = "PATH", env = "TIMESTRATA_PATH_PREFIX")]
    pub path_prefix: Option<String>,
    /// Memory of databases, queries and requests together; answers that are being sent take up to a quarter beside it [default: 1GiB]
    #[arg(long, value_name = "SIZE", env = "TIMESTRATA_MEMORY_BUDGET")]
    pub memory_budget: Option<ByteText>,
    /// When a write is acknowledged: sync, os, or an interval such as 200ms [default: sync]
    #[arg(long, value_name = "WHEN", env = "TIMESTRATA_DURABILITY")]
    pub durability: Option<DurabilityText>,
    /// Age at which points are deleted, such as 90d [default: never]
    #[arg(long, value_name = "AGE", env = "TIMESTRATA_RETAIN_FOR")]
    pub retain_for: Option<DurationText>,
    /// Size of the files of a database above which the oldest are deleted, such as 100GiB [default: none]
    #[arg(long, value_name = "SIZE", env = "TIMESTRATA_RETAIN_BYTES")]
    pub retain_bytes: Option<ByteText>,
    /// How far ahead of the clock a point may be; off for no limit [default: 1d]
    #[arg(long, value_name = "DURATION", env = "TIMESTRATA_MAX_AHEAD")]
    pub max_ahead: Option<DurationText>,
    /// Series with points that a database may have [default: 1000000]
    #[arg(long, value_name = "N", env = "TIMESTRATA_MAX_SERIES")]
    pub max_series: Option<u32>,
    /// Labels that a new series may have, at most 256 [default: 128]
    #[arg(long, value_name = "N", env = "TIMESTRATA_MAX_LABELS")]
    pub max_labels: Option<usize>,
    /// Databases that the server may have [default: 16]
    #[arg(long, value_name = "N", env = "TIMESTRATA_MAX_DATABASES")]
    pub max_databases: Option<usize>,
    /// Largest body of a request as it is received [default: 32MiB]
    #[arg(long, value_name = "SIZE", env = "TIMESTRATA_MAX_BODY")]
    pub max_body: Option<ByteText>,
    /// Largest body of a request, decompressed [default: 64MiB]
    #[arg(long, value_name = "SIZE", env = "TIMESTRATA_MAX_DECOMPRESSED")]
    pub max_decompressed: Option<ByteText>,
    /// Series that one request may name [default: 100000]
    #[arg(long, value_name = "N", env = "TIMESTRATA_MAX_REQUEST_SERIES")]
    pub max_request_series: Option<usize>,
    /// Connections at once; further ones wait [default: 4096]
    #[arg(long, value_name = "N", env = "TIMESTRATA_MAX_CONNECTIONS")]
    pub max_connections: Option<usize>,
    /// Time in which the body of a request must arrive [default: 30s]
    #[arg(long, value_name = "DURATION", env = "TIMESTRATA_BODY_TIMEOUT")]
    pub body_timeout: Option<DurationText>,
    /// Time after which a connection without a request is closed [default: 2m]
    #[arg(long, value_name = "DURATION", env = "TIMESTRATA_IDLE_TIMEOUT")]
    pub idle_timeout: Option<DurationText>,
    /// Longest duration of a query [default: 2m]
    #[arg(long, value_name = "DURATION", env = "TIMESTRATA_QUERY_TIMEOUT")]
    pub query_timeout: Option<DurationText>,
    /// Large queries that run at once; sixteen times as many small ones do [default: number of processors]
    #[arg(long, value_name = "N", env = "TIMESTRATA_QUERY_THREADS")]
    pub query_threads: Option<usize>,
    /// Samples that a query may read and compute [default: 50000000]
    #[arg(long, value_name = "N", env = "TIMESTRATA_QUERY_MAX_SAMPLES")]
    pub query_max_samples: Option<u64>,
    /// How old the newest sample of a series may be for an instant selector [default: 5m]
    #[arg(long, value_name = "DURATION", env = "TIMESTRATA_QUERY_LOOKBACK")]
    pub query_lookback: Option<DurationText>,
    /// Time that running requests get when the server stops [default: 30s]
    #[arg(long, value_name = "DURATION", env = "TIMESTRATA_SHUTDOWN_GRACE")]
    pub shutdown_grace: Option<DurationText>,
    /// Log each request, without its parameters and headers
    #[arg(long, num_args = 0..=1, default_missing_value = "true", value_name = "BOOL", env = "TIMESTRATA_ACCESS_LOG")]
    pub access_log: Option<bool>,
    /// Keep the names of OTLP metrics and attributes, instead of making those of Prometheus
    #[arg(long, num_args = 0..=1, default_missing_value = "true", value_name = "BOOL", env = "TIMESTRATA_OTLP_UNCHANGED_NAMES")]
    pub otlp_unchanged_names: Option<bool>,
    /// Leave fields of text in line protocol out and count them, instead of refusing their lines
    #[arg(long, num_args = 0..=1, default_missing_value = "true", value_name = "BOOL", env = "TIMESTRATA_SKIP_TEXT_FIELDS")]
    pub skip_text_fields: Option<bool>,
}

impl Settings {
    /// Reads settings from a TOML file.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, is not TOML, or has a name or a value that is no setting; the message has the line.
    pub fn from_file(path: &Path) -> Result<Self, SettingsError> {
        let text =
            std::fs::read_to_string(path).map_err(|source| SettingsError::Read { path: path.to_owned(), source })?;
        toml::from_str(&text).map_err(|source| SettingsError::Parse { path: path.to_owned(), source: Box::new(source) })
    }

    /// Returns the options of these settings, and of `file` for those that are absent, and the defaults for the rest.
    #[must_use]
    pub fn into_options(self, file: Self) -> ServerOptions {
        let mut options = ServerOptions::default();
        let bytes = |size: ByteText| usize::try_from(size.0.unwrap_or(0)).unwrap_or(usize::MAX);
        let duration = |text: DurationText| text.0.unwrap_or(Duration::ZERO);
        macro_rules! take {
            ($($setting:ident => $option:ident $(: $convert:expr)?),* $(,)?) => {$(
                if let Some(value) = self.$setting.or(file.$setting) {
                    options.$option = take!(@convert value $(, $convert)?);
                }
            )*};
            (@convert $value:ident) => { $value };
            (@convert $value:ident, $convert:expr) => { ($convert)($value) };
        }
        take! {
            data => data,
            listen => listen,
            tls_cert => tls_cert: Some,
            tls_key => tls_key: Some,
            tokens => tokens: Some,
            allow_anonymous => allow_anonymous,
            graphite_listen => graphite_listen,
            statsd_listen => statsd_listen,
            statsd_flush => statsd_flush: duration,
            path_prefix => path_prefix,
            memory_budget => memory_budget: bytes,
            durability => durability: |text: DurabilityText| text.0,
            retain_for => retain_for: |text: DurationText| text.0,
            retain_bytes => retain_bytes: |size: ByteText| size.0,
            max_ahead => max_ahead: |text: DurationText| text.0,
            max_series => max_series,
            max_labels => max_labels,
            max_databases => max_databases,
            max_body => max_body_bytes: bytes,
            max_decompressed => max_decompressed_bytes: bytes,
            max_request_series => max_request_series,
            max_connections => max_connections,
            body_timeout => body_timeout: duration,
            idle_timeout => idle_timeout: duration,
            query_timeout => query_timeout: duration,
            query_threads => query_threads: Some,
            query_max_samples => query_max_samples,
            query_lookback => query_lookback: duration,
            shutdown_grace => shutdown_grace: duration,
            access_log => access_log,
            otlp_unchanged_names => otlp_unchanged_names,
            skip_text_fields => skip_text_fields,
        }
        options
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from_text(text: &str) -> Result<Settings, SettingsError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        Settings::from_file(file.path())
    }

    #[test]
    fn a_flag_wins_over_the_file_and_the_file_over_the_default() {
        let file = from_text("max-series = 5\nquery-timeout = \"7s\"\nretain-for = \"90d\"").unwrap();
        let flags = Settings { max_series: Some(9), ..Settings::default() };
        let options = flags.into_options(file);
        assert_eq!((options.max_series, options.query_timeout), (9, Duration::from_secs(7)));
        assert_eq!(options.retain_for, Some(Duration::from_hours(24 * 90)));
        assert_eq!(options.max_databases, ServerOptions::default().max_databases);
    }

    #[test]
    fn an_unknown_name_or_a_bad_value_is_an_error_with_its_line() {
        let error = from_text("max-series = 5\nmax-serie = 6").unwrap_err().to_string();
        assert!(error.contains("line 2") && error.contains("max-serie"), "{error}");
        let error = from_text("memory-budget = \"lots\"").unwrap_err().to_string();
        assert!(error.contains("is not a size such as 512MiB"), "{error}");
    }
}
