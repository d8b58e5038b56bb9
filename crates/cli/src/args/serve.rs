//! Options of `serve`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use timestrata_server::{Scope, Settings};

pub(crate) const HELP: &str = "\
The server accepts Prometheus remote write at /api/v1/write and answers the HTTP API of Prometheus; docs/server.md lists all \
endpoints. A request that succeeds is durable. SIGTERM and Ctrl-C end the server once running requests have ended.

Each flag may be set by the environment variable in its help, or in the file of --config, where its name has no dashes in \
front: `memory-budget = \"2GiB\"`. A flag wins over the environment, which wins over the file.

Examples:
  timestrata serve
  timestrata serve --data /var/lib/timestrata --listen 0.0.0.0:9494 --retain-for 90d
  timestrata serve --config /etc/timestrata.toml --check-config
  curl -s 'http://127.0.0.1:9494/api/v1/query?query=up'";

/// Options of `serve`.
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// TOML file with settings
    #[arg(long, value_name = "FILE", env = "TIMESTRATA_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// Check the configuration and the addresses, print what is wrong, and exit
    #[arg(long)]
    pub(crate) check_config: bool,
    /// Form of the log on stderr
    #[arg(long, value_enum, default_value_t = LogFormat::Text, env = "TIMESTRATA_LOG_FORMAT")]
    pub(crate) log: LogFormat,
    /// What is logged: error, warn, info, debug, trace, or module=level [default: info]
    #[arg(long, value_name = "LEVEL", env = "TIMESTRATA_LOG")]
    pub(crate) log_level: Option<String>,
    #[command(flatten)]
    pub(crate) settings: Settings,
}

/// Options of `token`.
#[derive(Debug, Args)]
pub(crate) struct TokenArgs {
    /// Name of the token in logs, such as that of its client
    pub(crate) name: String,
    /// What the token allows; may be repeated
    #[arg(long, value_enum, required = true, value_delimiter = ',')]
    pub(crate) scope: Vec<TokenScope>,
}

pub(crate) const TOKEN_HELP: &str = "\
The token goes to stderr and is shown only once: the server knows its hash. The entry for the file of tokens goes to stdout. \
SIGHUP makes a running server read the file again.

Examples:
  timestrata token prometheus --scope write >> tokens.toml
  timestrata serve --tokens tokens.toml --listen 0.0.0.0:9494";

/// What a token allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TokenScope {
    /// Queries, metadata and the metrics of the server
    Read,
    /// Writes of points
    Write,
    /// Everything: databases, deletes, snapshots
    Admin,
}

impl From<TokenScope> for Scope {
    fn from(scope: TokenScope) -> Self {
        match scope {
            TokenScope::Read => Self::Read,
            TokenScope::Write => Self::Write,
            TokenScope::Admin => Self::Admin,
        }
    }
}

/// Form of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// One line of text for each event.
    Text,
    /// One JSON object for each event.
    Json,
}
