//! `timestrata series`: lists series.

use std::path::Path;

use timestrata::{Selector, SeriesInfo, Snapshot};

use crate::aligned_table::Align;
use crate::args::SeriesArgs;
use crate::database;
use crate::failure::{Failure, Result};
use crate::names;
use crate::output::{MetricRow, NameRow, OutputRow, Printer, SeriesRow, SeriesText};

pub(crate) fn run(args: &SeriesArgs, dir: &Path) -> Result<()> {
    let snapshot = database::read(dir)?.snapshot();
    let selector = args.selector.as_deref();
    let select = selector.map_or(Ok(Selector::all()), str::parse)?;
    if snapshot.count_series(&select) == 0 {
        return Err(no_match(&snapshot, selector.unwrap_or_default()));
    }
    if args.metrics {
        let metrics = if selector.is_some() { metrics(&snapshot, &select) } else { snapshot.metrics() };
        let row = |name: String| {
            let metadata = snapshot.metric_metadata(&name).unwrap_or_default();
            MetricRow::new(name, metadata)
        };
        return print(args, &MetricRow::HEADERS, metrics.into_iter().map(row));
    }
    if let Some(names) = names(args, &snapshot, &select) {
        return print(args, &[("name", Align::Left)], names.into_iter().map(NameRow));
    }
    let row = |info: &SeriesInfo| SeriesRow { series: SeriesText::new(&info.key), ty: info.value_type };
    print(args, &[("series", Align::Left), ("type", Align::Left)], snapshot.list_series(&select).iter().map(row))
}

/// Lists tag keys or tag values instead of series.
fn names(args: &SeriesArgs, snapshot: &Snapshot, select: &Selector) -> Option<Vec<String>> {
    if args.tags {
        return Some(snapshot.tag_keys(select));
    }
    args.values.as_ref().map(|tag| snapshot.tag_values(select, tag))
}

fn metrics(snapshot: &Snapshot, select: &Selector) -> Vec<String> {
    let mut metrics: Vec<String> =
        snapshot.list_series(select).iter().map(|info| info.key.metric().to_owned()).collect();
    metrics.dedup();
    metrics
}

fn print<R: OutputRow>(args: &SeriesArgs, headers: &[(&str, Align)], rows: impl Iterator<Item = R>) -> Result<()> {
    let mut printer = Printer::stdout(args.show, headers)?;
    for row in rows {
        if !printer.row(&row)? {
            break;
        }
    }
    printer.finish()
}

/// Returns the failure for a selector without a match, with similar series or metrics.
pub(crate) fn no_match(snapshot: &Snapshot, selector: &str) -> Failure {
    let all = snapshot.list_series(&Selector::all());
    Failure::Negative(no_match_text(&all, selector))
}

fn no_match_text(all: &[SeriesInfo], selector: &str) -> String {
    let metric = selector.split('{').next().unwrap_or_default().trim();
    let mut metrics: Vec<&str> = all.iter().map(|info| info.key.metric()).collect();
    metrics.dedup();
    if metrics.is_empty() {
        return "the database holds no series: write some with `timestrata ingest`".to_owned();
    }
    let same: Vec<String> =
        all.iter().filter(|info| info.key.metric() == metric).map(|info| info.key.to_string()).collect();
    if !same.is_empty() {
        return format!("no series matches {selector}; of metric {metric} there are {}", names::join_limited(&same, 5));
    }
    let like = names::suggestions(metric, metrics.iter().copied());
    if metric.is_empty() {
        format!("no series matches {selector}; the metrics are {}", names::join_limited(&metrics, 20))
    } else if like.is_empty() {
        format!("no metric {metric}; there are {}", names::join_limited(&metrics, 20))
    } else {
        format!("no metric {metric}; did you mean {}?", like.join(", "))
    }
}
