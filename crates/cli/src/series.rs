//! `timestrata series`: which series there are.

use std::path::Path;

use timestrata::{Select, SeriesInfo, Snapshot};

use crate::args::Series;
use crate::database;
use crate::failure::{Failure, Result};
use crate::names;
use crate::output::{NameRow, Printer, Row, SeriesRow, SeriesText};
use crate::table::Align;

pub(crate) fn run(args: &Series, dir: &Path) -> Result<()> {
    let snapshot = database::open(dir)?.snapshot();
    let selector = args.selector.as_deref();
    let select = selector.map_or(Ok(Select::all()), str::parse)?;
    if snapshot.count_series(&select) == 0 {
        return Err(none(&snapshot, selector.unwrap_or_default()));
    }
    if let Some(names) = names(args, &snapshot, &select) {
        return print(args, &[("name", Align::Left)], names.into_iter().map(NameRow));
    }
    let row = |info: &SeriesInfo| SeriesRow { series: SeriesText::new(&info.key), ty: info.value_type };
    print(args, &[("series", Align::Left), ("type", Align::Left)], snapshot.series(&select).iter().map(row))
}

/// What is asked for instead of series.
fn names(args: &Series, snapshot: &Snapshot, select: &Select) -> Option<Vec<String>> {
    if args.metrics {
        return Some(if args.selector.is_some() { metrics(snapshot, select) } else { snapshot.metrics() });
    }
    if args.tags {
        return Some(snapshot.tag_names(select));
    }
    args.values.as_ref().map(|tag| snapshot.tag_values(select, tag))
}

fn metrics(snapshot: &Snapshot, select: &Select) -> Vec<String> {
    let mut metrics: Vec<String> = snapshot.series(select).iter().map(|info| info.key.metric().to_owned()).collect();
    metrics.dedup();
    metrics
}

fn print<R: Row>(args: &Series, headers: &[(&str, Align)], rows: impl Iterator<Item = R>) -> Result<()> {
    let mut printer = Printer::stdout(args.show, headers)?;
    for row in rows {
        if !printer.row(&row)? {
            break;
        }
    }
    printer.finish()
}

/// No series matches: what there is that looks like what was asked for.
pub(crate) fn none(snapshot: &Snapshot, selector: &str) -> Failure {
    let all = snapshot.series(&Select::all());
    Failure::No(none_of(&all, selector))
}

fn none_of(all: &[SeriesInfo], selector: &str) -> String {
    let metric = selector.split('{').next().unwrap_or_default().trim();
    let mut metrics: Vec<&str> = all.iter().map(|info| info.key.metric()).collect();
    metrics.dedup();
    if metrics.is_empty() {
        return "the database holds no series: write some with `timestrata ingest`".to_owned();
    }
    let same: Vec<String> =
        all.iter().filter(|info| info.key.metric() == metric).map(|info| info.key.to_string()).collect();
    if !same.is_empty() {
        return format!("no series matches {selector}; of metric {metric} there are {}", names::join(&same, 5));
    }
    let like = names::nearest(metric, metrics.iter().copied());
    if metric.is_empty() {
        format!("no series matches {selector}; the metrics are {}", names::join(&metrics, 20))
    } else if like.is_empty() {
        format!("no metric {metric}; there are {}", names::join(&metrics, 20))
    } else {
        format!("no metric {metric}; did you mean {}?", like.join(", "))
    }
}
