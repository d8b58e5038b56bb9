//! The command line of `timestrata export`.

use std::path::PathBuf;

use clap::ValueEnum;
use timestrata::Timestamp;

use crate::time;

pub(super) const HELP: &str = "\
CSV and JSON lines hold everything, and `timestrata ingest` makes the same points of them, bit for bit: types, nanoseconds, NaN. \
Line protocol has no NaN and no infinities, and no backslash or control character in names; OpenMetrics has only f64 and \
one point per time of a series. Points that a format cannot hold are left out and counted, and the exit code is 1; with \
--lossy those are written that have a similar text. Kind, unit and description of metrics are written by OpenMetrics only. A \
file gets its name once it is complete.

Examples:
  timestrata export --db weather.db --output weather.csv.gz
  timestrata export 'temp{station=\"JFK\"}' --db weather.db --from 2013-07 --to 2013-08 --format jsonl
  timestrata export --db a.db | timestrata ingest - --db b.db";

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
