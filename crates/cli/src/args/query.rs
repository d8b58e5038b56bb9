//! The command line of `timestrata query`.

use std::time::Duration;

use timestrata::{Aggregate, Edge, Fill, WindowFunction};

use crate::chart::{self, ChartTarget};
use crate::names;
use crate::output::OutputArgs;
use crate::time::TimeArg;
use crate::window_args::{self, AggregateParser, DisplayZone, PeriodArg};
use clap::ValueEnum;

// One line per paragraph: clap folds them to the width of the terminal.
pub(super) const HELP: &str = "\
A selector is a metric and conditions on tags, as in Prometheus: temp{station=\"JFK\"}, {station!=\"JFK\"}, \
temp{station=~\"J.*|L.*\"}, temp{station!~\"J.*\"}, {__name__=~\"temp.*\"} for the metric name. Regular expressions match \
the whole value; a missing tag is the empty text. A metric with braces in its name is quoted inside the braces: \
{\"a{b\"}. The range includes --from and excludes --to. Times without a zone are local times in --zone, which is UTC by default.

Without options for windows, the points themselves are printed. With --every, there is one value per window. Windows of a \
fixed length (90s, 15m, 1h30m) are aligned to midnight in --zone at the start of the range, or to --origin. Calendar windows (1d, 1w \
from Monday, 1mo, 1y, or day, week, month, quarter, year) begin at midnight in --zone. Without --every, the whole range \
is one window. With --over, windows of that length start every --every and overlap; a window is shown by its start. With \
--closed end, a point at the end of a window belongs to it, and a point at its start to the one before. Quantiles are p95 \
or quantile=0.95, also quantile_linear=0.95 and quantile_nearest=0.95: exact for up to 256 points of a window, within 1 % of \
the exact value for more; stddev and variance divide by n, sample_stddev and sample_variance by n - 1; prediction=1h continues the line through the points \
of a window to one hour after its end; rate and increase are for counters, which may restart at 0. A sum of \
integers keeps their type, and a sum beyond it is an error; \"sum as f64\" has no such limit.

A table rounds to nine digits. CSV (series, time, then value or the names of the aggregates) and JSON (one line per row) \
are exact. JSON has no numbers for NaN and infinities: they are the strings \"NaN\", \"inf\", \"-inf\".

A chart of --plot FILE replaces an existing file of that name. Its lines connect across windows that are left out, and \
are interrupted at the empty windows of --fill null. --explain prints to standard error.

Examples:
  timestrata query 'temp{station=\"JFK\"}' --from 2013-11-03 --to 2013-11-04
  timestrata query temp --every 1d --agg min,mean,p95,max --from -30d
  timestrata query cpu --every 5m --group-by region,host --fill previous --top 5 --by max
  timestrata query temp --every month --zone America/New_York --format csv
  timestrata query temp --every 1w --group-by station --plot
  timestrata query requests --every 1m --agg rate --group-all --plot requests.svg
  timestrata query requests --every 15s --over 5m --agg rate --from -1h --lookback 5m
  timestrata query rain --every 1d --agg sum --apply cumulative_sum
  timestrata query temp --agg mean --explain
  timestrata query '{job=\"node\"}' --format json --limit 1000";

#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("rank").multiple(false))]
pub(crate) struct QueryArgs {
    /// Series to select: temp{station="JFK"}
    pub(crate) selector: String,
    /// Start of the range: RFC 3339, a date, 2024-03, 2024, today, yesterday, or -7d (units s, m, h, d, w)
    #[arg(long, value_name = "T", allow_hyphen_values = true, value_parser = TimeArg::parse)]
    pub(crate) from: Option<TimeArg>,
    /// End of the range, not included: as --from, or now
    #[arg(long, value_name = "T", allow_hyphen_values = true, value_parser = TimeArg::parse)]
    pub(crate) to: Option<TimeArg>,
    /// Print one value per window: a length such as 15m or 1h, or a calendar period such as 1d, 1mo, month
    #[arg(long, value_name = "LENGTH", value_parser = window_args::parse_every)]
    pub(crate) every: Option<PeriodArg>,
    /// Length of windows that overlap: one starts every --every
    #[arg(long, value_name = "LENGTH", requires = "every", value_parser = crate::time::parse_duration)]
    pub(crate) over: Option<Duration>,
    /// Edge of a window that belongs to it
    #[arg(long, value_enum, requires = "every")]
    pub(crate) closed: Option<WindowEdge>,
    /// Use the last point before --from, of at most this age, for rates and other steps
    #[arg(long, value_name = "AGE", requires = "from", value_parser = crate::time::parse_duration)]
    pub(crate) lookback: Option<Duration>,
    /// Functions over the windows of a series, in order: moving_mean=5 (sum, min, max), cumulative_sum (min, max, count)
    #[arg(long, value_name = "FN,..", requires = "every", value_delimiter = ',', value_parser = window_args::parse_function)]
    pub(crate) apply: Vec<WindowFunction>,
    /// Aggregates of a window, one or several, also p50 to p99.9 [default: mean]
    #[arg(long, value_name = "AGG,..", value_delimiter = ',', value_parser = AggregateParser)]
    pub(crate) agg: Vec<Aggregate>,
    /// Group the series that have equal values of these tags
    #[arg(long, value_name = "TAG,..", value_parser = names::parse_name_list)]
    pub(crate) group_by: Option<names::NameList>,
    /// Group all series together
    #[arg(long, conflicts_with = "group_by")]
    pub(crate) group_all: bool,
    /// Value of windows without points: none, null, previous, linear, or a number
    #[arg(long, requires = "every", allow_hyphen_values = true, value_parser = window_args::parse_fill)]
    pub(crate) fill: Option<Fill>,
    /// Keep the N series or groups with the greatest value over the whole range
    #[arg(long, value_name = "N", group = "rank", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) top: Option<u32>,
    /// Keep the N series or groups with the least value
    #[arg(long, value_name = "N", group = "rank", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) bottom: Option<u32>,
    /// Aggregate that --top and --bottom compare [default: the first of --agg]
    #[arg(long, value_name = "AGG", requires = "rank", value_parser = AggregateParser)]
    pub(crate) by: Option<Aggregate>,
    /// Order of the windows of a series
    #[arg(long, value_enum, requires = "every")]
    pub(crate) order: Option<WindowOrder>,
    /// Maximum number of windows per series, the first by --order
    #[arg(long, value_name = "N", requires = "every", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) windows: Option<u32>,
    /// Time zone of windows and times: UTC, +02:00, Europe/Berlin, or rules as in TZ
    #[arg(long, allow_hyphen_values = true, value_parser = window_args::parse_zone)]
    pub(crate) zone: Option<DisplayZone>,
    /// Time at which a window begins
    #[arg(long, value_name = "T", requires = "every", allow_hyphen_values = true, value_parser = TimeArg::parse)]
    pub(crate) origin: Option<TimeArg>,
    /// Report what the query pruned, answered from statistics and read
    #[arg(long)]
    pub(crate) explain: bool,
    /// Draw lines in the terminal, or a chart in FILE.svg or FILE.png
    #[arg(
        long, alias = "chart", value_name = "FILE", num_args = 0..=1, default_missing_value = "-",
        value_parser = chart::parse_chart_target, conflicts_with_all = ["limit", "offset", "format"]
    )]
    pub(crate) plot: Option<ChartTarget>,
    /// Skip this many rows
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub(crate) offset: u64,
    #[command(flatten)]
    pub(crate) show: OutputArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum WindowEdge {
    Start,
    End,
}

impl From<WindowEdge> for Edge {
    fn from(edge: WindowEdge) -> Self {
        match edge {
            WindowEdge::Start => Self::Start,
            WindowEdge::End => Self::End,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum WindowOrder {
    Oldest,
    Newest,
}

impl QueryArgs {
    /// Returns `true` if an option needs windows.
    pub(crate) fn needs_windows(&self) -> bool {
        self.every.is_some()
            || !self.agg.is_empty()
            || self.group_by.is_some()
            || self.group_all
            || self.top.or(self.bottom).is_some()
    }

    /// Returns the aggregates without repetitions, since each is a column; the mean by default.
    pub(crate) fn aggregates(&self) -> Vec<Aggregate> {
        let mut all: Vec<Aggregate> = Vec::new();
        for aggregate in &self.agg {
            if !all.contains(aggregate) {
                all.push(*aggregate);
            }
        }
        if all.is_empty() { vec![Aggregate::Mean] } else { all }
    }
}
