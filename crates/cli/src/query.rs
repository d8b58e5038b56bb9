//! `timestrata query`: points of the selected series, or one value a window.
//! When nothing matches it says what there is instead.

use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use timestrata::{Aggregate, Sample, Select, SeriesId, SeriesInfo, Snapshot, Timestamp, ValueType};

use crate::args::{Agg, Query};
use crate::database;
use crate::failure::{Failure, Result};
use crate::output::{PointRow, Printer, SeriesText};
use crate::series;
use crate::time::{self, Range};

/// Enough to find where data lies; a million series would take too long for a hint.
const SERIES_LOOKED_AT: usize = 1_000;

pub(crate) fn run(args: &Query, dir: &Path) -> Result<()> {
    if let (Some(from), Some(to)) = (args.from, args.to)
        && from >= to
    {
        return Err(Failure::error(format!("the range is empty: --from {from} is not before --to {to}")));
    }
    let select: Select = args.selector.parse()?;
    let snapshot = database::open(dir)?.snapshot();
    let matched = snapshot.series(&select);
    if matched.is_empty() {
        return Err(series::none(&snapshot, &args.selector));
    }
    let range = time::range(args.from, args.to);
    let found = match (args.agg, args.every) {
        (None, None) => points(args, &snapshot, select, range)?,
        (agg, _) => windows(args, &snapshot, select, range, agg.unwrap_or(Agg::Mean).into())?,
    };
    if found { Ok(()) } else { Err(empty_range(args, &snapshot, &matched)?) }
}

/// Prints the points; false if there was none, and then nothing was printed but perhaps headers.
fn points(args: &Query, snapshot: &Snapshot, select: Select, range: Range) -> Result<bool> {
    let mut points = snapshot.query(select).range(range).scan().peekable();
    if points.peek().is_none() {
        return Ok(false);
    }
    let mut printer = Printer::stdout(args.show)?;
    let mut current: Option<(SeriesId, Rc<SeriesText>)> = None;
    for item in points {
        let (info, point): (Arc<SeriesInfo>, _) = item?;
        let (_, series) = match current.take() {
            Some(same) if same.0 == info.id => current.insert(same),
            _ => current.insert((info.id, SeriesText::new(&info.key))),
        };
        if !printer.row(&PointRow { series: Rc::clone(series), time: point.timestamp, value: point.value })? {
            break;
        }
    }
    printer.finish()?;
    Ok(true)
}

/// Prints one value a window; false if there was none.
fn windows(args: &Query, snapshot: &Snapshot, select: Select, range: Range, aggregate: Aggregate) -> Result<bool> {
    let mut query = snapshot.query(select).range(range).aggregate(aggregate);
    if let Some(every) = args.every {
        query = query.every(every);
    }
    let windows = query.run_blocking()?;
    if windows.is_empty() {
        return Ok(false);
    }
    let mut printer = Printer::stdout(args.show)?;
    'rows: for series in &windows.series {
        let text = SeriesText::new(&series.key);
        for (start, value) in series.windows().filter_map(|window| Some((window.start, window.value?))) {
            if !printer.row(&PointRow { series: Rc::clone(&text), time: start, value })? {
                break 'rows;
            }
        }
    }
    printer.finish()?;
    Ok(true)
}

/// Series match, but none has a point in the range: where their points are.
fn empty_range(args: &Query, snapshot: &Snapshot, matched: &[SeriesInfo]) -> Result<Failure> {
    let mut ends: Option<(Timestamp, Timestamp)> = None;
    for info in matched.iter().take(SERIES_LOOKED_AT) {
        if let Some((first, last)) = first_and_last(snapshot, info)? {
            let (least, most) = ends.unwrap_or((first, last));
            ends = Some((least.min(first), most.max(last)));
        }
    }
    let selector = &args.selector;
    Ok(Failure::No(match ends {
        Some((first, last)) => format!("{selector} has no points in this range; it has from {first} to {last}"),
        None => format!("{selector} has no points"),
    }))
}

fn first_and_last(snapshot: &Snapshot, info: &SeriesInfo) -> Result<Option<(Timestamp, Timestamp)>> {
    match info.value_type {
        ValueType::F64 => ends::<f64>(snapshot, info),
        ValueType::I64 => ends::<i64>(snapshot, info),
        ValueType::U64 => ends::<u64>(snapshot, info),
        ValueType::Bool => ends::<bool>(snapshot, info),
    }
}

fn ends<T: Sample>(snapshot: &Snapshot, info: &SeriesInfo) -> Result<Option<(Timestamp, Timestamp)>> {
    let series = snapshot.typed::<T>(&info.key)?;
    let first = snapshot.scan(series, ..).into_iter().next().transpose()?;
    let last = snapshot.latest_blocking(series)?;
    Ok(first.zip(last).map(|(first, last)| (first.timestamp, last.timestamp)))
}

impl From<Agg> for Aggregate {
    fn from(agg: Agg) -> Self {
        match agg {
            Agg::Mean => Self::Mean,
            Agg::Min => Self::Min,
            Agg::Max => Self::Max,
            Agg::Sum => Self::Sum,
            Agg::Count => Self::Count,
            Agg::First => Self::First,
            Agg::Last => Self::Last,
        }
    }
}
