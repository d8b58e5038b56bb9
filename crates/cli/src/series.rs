//! `timestrata series`: which series there are.

use std::path::Path;

use timestrata::{Select, SeriesInfo, Snapshot};

use crate::args::Series;
use crate::database;
use crate::failure::{Failure, Result};
use crate::names;
use crate::output::{Printer, SeriesRow, SeriesText};
use crate::table::Align;

pub(crate) fn run(args: &Series, dir: &Path) -> Result<()> {
    let snapshot = database::open(dir)?.snapshot();
    let selector = args.selector.as_deref();
    let series = snapshot.series(&selector.map_or(Ok(Select::all()), str::parse)?);
    if series.is_empty() {
        return Err(none(&snapshot, selector.unwrap_or_default()));
    }
    let mut printer = Printer::stdout(args.show, &[("series", Align::Left), ("type", Align::Left)])?;
    for info in &series {
        if !printer.row(&SeriesRow { series: SeriesText::new(&info.key), ty: info.value_type })? {
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
