//! The command line of `timestrata ingest` and `timestrata sniff`.

use std::path::PathBuf;

use super::DuplicatesArg;
use crate::time::TimeArg;
use crate::{names, time};

pub(super) const HELP: &str = "\
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
    /// Treat rows older than this as bad: RFC 3339, a date or a time in --time-zone, or -30d
    #[arg(long, value_name = "T", allow_hyphen_values = true, value_parser = TimeArg::parse)]
    pub(crate) refuse_before: Option<TimeArg>,
    /// Treat rows later than this as bad: as --refuse-before, or now
    #[arg(long, value_name = "T", allow_hyphen_values = true, value_parser = TimeArg::parse)]
    pub(crate) refuse_after: Option<TimeArg>,
    /// Count bad rows and continue, instead of stopping at the first
    #[arg(long)]
    pub(crate) skip_bad: bool,
    /// Unit of the timestamps of line protocol (default: ns) and Prometheus text (default: ms): ns, us, ms, s, m or h
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
    #[arg(long, value_name = "ZONE", allow_hyphen_values = true)]
    pub(crate) time_zone: Option<String>,
    /// Time from which elapsed times count, in --time-zone if it names no zone
    #[arg(long, value_name = "T", value_parser = TimeArg::parse)]
    pub(crate) origin: Option<TimeArg>,
    /// Year of the times, for columns such as month, day and hour without one
    #[arg(long, value_name = "YEAR", value_parser = clap::value_parser!(i64).range(1678..=2261))]
    pub(crate) year: Option<i64>,
    /// Member whose array of objects holds the rows, in JSON that is one object with several
    #[arg(long, value_name = "MEMBER")]
    pub(crate) rows: Option<String>,
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
    /// Remove a unit after a number, as in 45 %; a column has one unit
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
    /// Lines before the first row, such as a preamble; they are not looked at
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub(crate) skip_lines: u64,
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
