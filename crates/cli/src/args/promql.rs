//! The command line of `timestrata promql`.

use std::path::PathBuf;
use std::time::Duration;

use crate::chart::{self, ChartTarget};
use crate::output::OutputArgs;
use crate::time::TimeArg;
use crate::window_args::{self, DisplayZone};

// One line per paragraph: clap folds them to the width of the terminal.
pub(super) const HELP: &str = "\
Without --from, the query has one time: --at, which is now by default. With --from, it has the times --from, --from plus \
--step, and so on up to --to, included. Times without a zone are local times in --zone, which is UTC by default.

A table and CSV have a row per sample; JSON is the answer of Prometheus' HTTP interface. Warnings and infos are printed to \
standard error. --explain prints the plan, and reads no samples. --check reads no database; the exit code is 1 if the \
query is wrong.

Examples:
  timestrata promql 'sum by (station) (rate(rain_total[1h]))' --at 2013-07-01
  timestrata promql 'avg_over_time(temp[1d])' --from 2013-07-01 --to 2013-08-01 --step 1d
  timestrata promql 'topk(3, temp)' --format json
  timestrata promql 'temp - 273.15' --from -1d --step 15m --plot
  timestrata promql --check rain.promql";

#[derive(Debug, clap::Args)]
pub(crate) struct PromqlArgs {
    /// Query in PromQL
    #[arg(required_unless_present = "check", default_value = "", hide_default_value = true)]
    pub(crate) query: String,
    /// Print the query in FILE formatted, or show where it is wrong; - is standard input
    #[arg(
        long, value_name = "FILE",
        conflicts_with_all = ["query", "at", "from", "lookback", "zone", "explain", "plot", "limit", "format"]
    )]
    pub(crate) check: Option<PathBuf>,
    /// Time of the query [default: now]
    #[arg(long, value_name = "T", allow_hyphen_values = true, conflicts_with_all = ["from", "to", "step"], value_parser = TimeArg::parse)]
    pub(crate) at: Option<TimeArg>,
    /// First time of a range: RFC 3339, a date, 2024-03, 2024, today, yesterday, or -7d (units s, m, h, d, w)
    #[arg(long, value_name = "T", allow_hyphen_values = true, value_parser = TimeArg::parse)]
    pub(crate) from: Option<TimeArg>,
    /// Last time of a range: as --from [default: now]
    #[arg(long, value_name = "T", requires = "from", allow_hyphen_values = true, value_parser = TimeArg::parse)]
    pub(crate) to: Option<TimeArg>,
    /// Time between the steps of a range
    #[arg(long, value_name = "LENGTH", requires = "from", default_value = "1m", value_parser = crate::time::parse_duration)]
    pub(crate) step: Duration,
    /// Age up to which the newest point of a series counts
    #[arg(long, value_name = "AGE", default_value = "5m", value_parser = crate::time::parse_duration)]
    pub(crate) lookback: Duration,
    /// Accept the experimental parts of the language
    #[arg(long)]
    pub(crate) experimental: bool,
    /// Time zone of times: UTC, +02:00, Europe/Berlin, or rules as in TZ
    #[arg(long, allow_hyphen_values = true, value_parser = window_args::parse_zone)]
    pub(crate) zone: Option<DisplayZone>,
    /// Print the plan instead of the answer
    #[arg(long)]
    pub(crate) explain: bool,
    /// Draw lines in the terminal, or a chart in FILE.svg or FILE.png
    #[arg(
        long, value_name = "FILE", num_args = 0..=1, default_missing_value = "-", requires = "from",
        value_parser = chart::parse_chart_target, conflicts_with_all = ["limit", "format"]
    )]
    pub(crate) plot: Option<ChartTarget>,
    #[command(flatten)]
    pub(crate) show: OutputArgs,
}
