//! `timestrata describe`: sets or prints kind, unit and description of metrics.

use std::path::Path;

use timestrata::{MetricMetadata, Snapshot};

use crate::args::DescribeArgs;
use crate::database;
use crate::failure::{Failure, Result};
use crate::output::{MetricRow, Printer};

pub(crate) fn run(args: &DescribeArgs, dir: &Path) -> Result<()> {
    let Some(metric) = args.metric.as_deref().filter(|_| args.changes()) else {
        return print(args, &database::read(dir)?.snapshot());
    };
    let db = database::open(dir)?;
    let before = if args.remove { None } else { db.snapshot().metric_metadata(metric) };
    db.set_metric_metadata_blocking(metric, changed(before.unwrap_or_default(), args))?;
    print(args, &db.snapshot())?;
    Ok(db.close_blocking()?)
}

/// Returns the metadata with the parts that the arguments name.
fn changed(mut metadata: MetricMetadata, args: &DescribeArgs) -> MetricMetadata {
    metadata.kind = args.kind.unwrap_or(metadata.kind);
    if let Some(unit) = &args.unit {
        metadata.unit.clone_from(unit);
    }
    if let Some(description) = &args.description {
        metadata.description.clone_from(description);
    }
    metadata
}

fn print(args: &DescribeArgs, snapshot: &Snapshot) -> Result<()> {
    let rows: Vec<MetricRow> = match &args.metric {
        Some(metric) => {
            let metadata = snapshot.metric_metadata(metric);
            if metadata.is_none() && !args.remove && !snapshot.metrics().contains(metric) {
                return Err(Failure::Negative(format!("no metric {metric}, and no metadata of that name")));
            }
            vec![MetricRow::new(metric.clone(), metadata.unwrap_or_default())]
        }
        None => {
            snapshot.list_metric_metadata().into_iter().map(|(name, metadata)| MetricRow::new(name, metadata)).collect()
        }
    };
    let mut printer = Printer::stdout(args.show, &MetricRow::HEADERS)?;
    for row in rows {
        if !printer.row(&row)? {
            break;
        }
    }
    printer.finish()
}
