//! The command line of `timestrata query`.

use timestrata::{Aggregate, Fill};

use super::Show;
use crate::chart::{self, Plot};
use crate::names;
use crate::time::Moment;
use crate::windows::{self, AggregateParser, Clock, Length};
use clap::ValueEnum;

// One line a paragraph: clap folds them to the width of the terminal.
pub(super) const HELP: &str = "\
A selector is a metric and conditions on tags, as in Prometheus: temp{station=\"JFK\"}, {station!=\"JFK\"}, \
temp{station=~\"J.*|L.*\"}, temp{station!~\"J.*\"}. Regular expressions match the whole tag value; a missing tag is the \
empty text. A metric with braces in its name is quoted inside them: {\"a{b\"}. A range holds --from and stops short of --to; what is typed without a zone goes by the clocks \
of --zone, which is UTC by itself.

Without options for windows the points themselves are printed. With --every there is a value a window: of a length (90s, 15m, \
1h30m), counted from 1970-01-01T00:00:00Z or --origin; or of a calendar (1d, 1w from Monday, 1mo, 1y, or day, week, month, \
quarter, year), by the clocks of --zone. Without --every, all of the range is one window. Quantiles are p95 or quantile=0.95; \
rate, increase and delta are of counters that may begin again.

A table rounds to nine digits; CSV (series,time, then value or the aggregates' names) and JSON (a line a point) are exact. \
JSON has no number for NaN and the infinities: they are the strings \"NaN\", \"inf\", \"-inf\".

A chart of --plot FILE replaces a file of that name. Its lines go across windows that are left out, and stop at those \
that --fill null leaves empty. What --explain tells goes to standard error.

Examples:
  timestrata query 'temp{station=\"JFK\"}' --from 2013-11-03 --to 2013-11-04
  timestrata query temp --every 1d --agg min,mean,p95,max --from -30d
  timestrata query cpu --every 5m --group-by region,host --fill previous --top 5 --by max
  timestrata query temp --every month --zone America/New_York --format csv
  timestrata query temp --every 1w --group-by station --plot
  timestrata query requests --every 1m --agg rate --group-all --plot requests.svg
  timestrata query temp --agg mean --explain
  timestrata query '{job=\"node\"}' --format json --limit 1000";

#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("rank").multiple(false))]
pub(crate) struct Query {
    /// Which series: temp{station="JFK"}
    pub(crate) selector: String,
    /// First moment: RFC 3339, a date, or -7d (units s, m, h, d, w)
    #[arg(long, value_name = "T", allow_hyphen_values = true, value_parser = Moment::parse)]
    pub(crate) from: Option<Moment>,
    /// End, itself not included: as --from, or now
    #[arg(long, value_name = "T", allow_hyphen_values = true, value_parser = Moment::parse)]
    pub(crate) to: Option<Moment>,
    /// One value a window: of a length as 15m or 1h, or of the calendar as 1d, 1mo, month
    #[arg(long, value_name = "LENGTH", value_parser = windows::parse_every)]
    pub(crate) every: Option<Length>,
    /// What a window's values are, one or several, also p50 to p99.9; mean if it is not given
    #[arg(long, value_name = "AGG,..", value_delimiter = ',', value_parser = AggregateParser)]
    pub(crate) agg: Vec<Aggregate>,
    /// Put the series together that have the same values of these tags
    #[arg(long, value_name = "TAG,..", value_parser = names::split)]
    pub(crate) group_by: Option<names::Names>,
    /// Put all series together
    #[arg(long, conflicts_with = "group_by")]
    pub(crate) group_all: bool,
    /// What stands in windows without a value: none, null, previous, linear, or a number
    #[arg(long, requires = "every", allow_hyphen_values = true, value_parser = windows::parse_fill)]
    pub(crate) fill: Option<Fill>,
    /// Only so many series or groups, those with the greatest value over the whole range
    #[arg(long, value_name = "N", group = "rank", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) top: Option<u32>,
    /// Only so many series or groups, those with the least
    #[arg(long, value_name = "N", group = "rank", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) bottom: Option<u32>,
    /// The value that --top and --bottom compare; else the first of --agg
    #[arg(long, value_name = "AGG", requires = "rank", value_parser = AggregateParser)]
    pub(crate) by: Option<Aggregate>,
    /// Which windows of a series come first
    #[arg(long, value_enum, requires = "every")]
    pub(crate) order: Option<Order>,
    /// At most so many windows a series, the first by --order
    #[arg(long, value_name = "N", requires = "every", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) windows: Option<u32>,
    /// Whose clocks windows and times go by: UTC, +02:00, Europe/Berlin, or rules as in TZ
    #[arg(long, allow_hyphen_values = true, value_parser = windows::parse_zone)]
    pub(crate) zone: Option<Clock>,
    /// A moment at which a window begins
    #[arg(long, value_name = "T", requires = "every", allow_hyphen_values = true, value_parser = Moment::parse)]
    pub(crate) origin: Option<Moment>,
    /// Tell what the query passed over, what statistics answered and what it read
    #[arg(long)]
    pub(crate) explain: bool,
    /// Draw lines in the terminal, or a chart in FILE.svg or FILE.png
    #[arg(
        long, value_name = "FILE", num_args = 0..=1, default_missing_value = "-",
        value_parser = chart::parse_plot, conflicts_with_all = ["limit", "offset", "format"]
    )]
    pub(crate) plot: Option<Plot>,
    /// Leave out so many rows at the front
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub(crate) offset: u64,
    #[command(flatten)]
    pub(crate) show: Show,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Order {
    Oldest,
    Newest,
}

impl Query {
    /// Whether an option asks for more than the points themselves.
    pub(crate) fn asks_for_windows(&self) -> bool {
        self.every.is_some()
            || !self.agg.is_empty()
            || self.group_by.is_some()
            || self.group_all
            || self.top.or(self.bottom).is_some()
    }

    /// The aggregates, each once, for a name is a column; the mean if none is named.
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
