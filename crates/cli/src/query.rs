//! `timestrata query`: points of the selected series, or one value a window.
//! When nothing matches it says what there is instead.

use std::ops::Bound;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use timestrata::{
    Aggregate, Explain, Fill, Sample, Select, SeriesId, SeriesInfo, Snapshot, Timestamp, Value, ValueType, Windows,
};

use crate::args::{Order, Query};
use crate::chart::{self, Picture};
use crate::database;
use crate::explain;
use crate::failure::{Failure, Result};
use crate::output::{Printer, SeriesText, ValuesRow};
use crate::series;
use crate::time::{self, Range};
use crate::windows::Clock;

/// Enough to find where data lies; a million series would take too long for a hint.
const SERIES_LOOKED_AT: usize = 1_000;
/// A chart of more points is slow to draw and no clearer: a screen has a few thousand columns.
const PLOTTED_POINTS: usize = 200_000;

pub(crate) fn run(args: &Query, dir: &Path) -> Result<()> {
    let clock = args.zone.clone().unwrap_or_default();
    let range = range(args, &clock)?;
    check(args)?;
    let select: Select = args.selector.parse()?;
    let snapshot = database::open(dir)?.snapshot();
    let matched = snapshot.series(&select);
    if matched.is_empty() {
        return Err(series::none(&snapshot, &args.selector));
    }
    let found = match (args.asks_for_windows(), &args.plot) {
        (true, _) => windows(args, &snapshot, select, range, &clock)?,
        (false, None) => points(args, &snapshot, select, range, &clock)?,
        (false, Some(plot)) => match plotted_points(args, &snapshot, select, range, &clock)? {
            Some(picture) => chart::draw(&picture, plot).map(|()| true)?,
            None => false,
        },
    };
    if found { Ok(()) } else { Err(empty_range(args, &snapshot, &matched)?) }
}

fn range(args: &Query, clock: &Clock) -> Result<Range> {
    let at = |moment: Option<time::Moment>| moment.map(|moment| moment.at(&clock.shown)).transpose();
    let (from, to) = (at(args.from).map_err(Failure::error)?, at(args.to).map_err(Failure::error)?);
    match (from, to) {
        (Some(from), Some(to)) if from >= to => {
            Err(Failure::error(format!("the range is empty: --from {from} is not before --to {to}")))
        }
        _ => Ok(time::range(from, to)),
    }
}

/// What clap cannot see: options that want windows.
fn check(args: &Query) -> Result<()> {
    if args.explain && !args.asks_for_windows() {
        return Err(Failure::error("--explain tells of windows: add --agg or --every"));
    }
    if args.plot.is_some() && args.asks_for_windows() && args.every.is_none() {
        return Err(Failure::error("a chart has a value a window: add --every, as --every 1h"));
    }
    Ok(())
}

/// Rows as they are printed: some left out at the front, the rest up to the limit.
struct Rows {
    printer: Printer<ValuesRow, std::io::BufWriter<std::io::StdoutLock<'static>>>,
    names: Rc<[String]>,
    skip: u64,
}

impl Rows {
    fn new(args: &Query, names: Vec<String>) -> Result<Self> {
        let printer = Printer::stdout(args.show, &ValuesRow::headers(&names))?;
        Ok(Self { printer, names: names.into(), skip: args.offset })
    }

    /// False if no row is wanted any more.
    fn row(&mut self, series: &Rc<SeriesText>, time: String, values: Vec<Option<Value>>) -> Result<bool> {
        if self.skip > 0 {
            self.skip -= 1;
            return Ok(true);
        }
        self.printer.row(&ValuesRow { series: Rc::clone(series), time, names: Rc::clone(&self.names), values })
    }
}

/// Prints the points; false if there was none, and then nothing was printed but perhaps headers.
fn points(args: &Query, snapshot: &Snapshot, select: Select, range: Range, clock: &Clock) -> Result<bool> {
    let mut points = snapshot.query(select).range(range).scan().peekable();
    if points.peek().is_none() {
        return Ok(false);
    }
    let mut rows = Rows::new(args, vec!["value".to_owned()])?;
    let mut current: Option<(SeriesId, Rc<SeriesText>)> = None;
    for item in points {
        let (info, point): (Arc<SeriesInfo>, _) = item?;
        let (_, series) = match current.take() {
            Some(same) if same.0 == info.id => current.insert(same),
            _ => current.insert((info.id, SeriesText::new(&info.key))),
        };
        if !rows.row(series, time::shown(point.timestamp, &clock.shown), vec![Some(point.value)])? {
            break;
        }
    }
    rows.printer.finish()?;
    Ok(true)
}

/// The points as lines; none if there is none.
fn plotted_points(
    args: &Query,
    snapshot: &Snapshot,
    select: Select,
    range: Range,
    clock: &Clock,
) -> Result<Option<Picture>> {
    let mut picture = Picture::new(args.selector.clone(), String::new(), clock);
    let mut current = None;
    for (nth, item) in snapshot.query(select).range(range).scan().enumerate() {
        let (info, point): (Arc<SeriesInfo>, _) = item?;
        if nth == PLOTTED_POINTS {
            let most = crate::figures::count(PLOTTED_POINTS as u64);
            return Err(Failure::error(format!("more than {most} points to draw: add --every, as --every 1h")));
        }
        if current != Some(info.id) {
            current = Some(info.id);
            picture.begin(info.key.to_string());
        }
        picture.point(point.timestamp, Some(point.value));
    }
    Ok(current.map(|_| picture))
}

/// Prints or draws a value a window and aggregate; false if there was no window.
fn windows(args: &Query, snapshot: &Snapshot, select: Select, range: Range, clock: &Clock) -> Result<bool> {
    let (windows, told) = ask(args, snapshot, select, range, clock)?;
    if windows.is_empty() {
        return Ok(false);
    }
    match &args.plot {
        Some(plot) => chart::draw(&plotted_windows(args, &windows, clock), plot)?,
        None => print(args, &windows, clock)?,
    }
    if let Some(told) = told {
        explain::print(&told);
    }
    Ok(true)
}

/// The engine's answer to all options.
fn ask(
    args: &Query,
    snapshot: &Snapshot,
    select: Select,
    range: (Bound<Timestamp>, Bound<Timestamp>),
    clock: &Clock,
) -> Result<(Windows, Option<Explain>)> {
    let aggregates = args.aggregates();
    let by = args.by.or(aggregates.first().copied()).unwrap_or(Aggregate::Mean);
    let mut query = snapshot.query(select).range(range).zone(clock.zone.clone()).aggregates(aggregates);
    if let Some(length) = &args.every {
        query = query.every(length.every);
    }
    if let Some(origin) = args.origin {
        query = query.origin(origin.at(&clock.shown).map_err(Failure::error)?);
    }
    if let Some(tags) = &args.group_by {
        query = query.group_by(tags.0.iter().map(String::as_str));
    } else if args.group_all {
        query = query.group_all();
    }
    if let Some(fill) = args.fill {
        query = query.fill(fill);
    }
    if let Some(count) = args.top {
        query = query.top(count as usize, by);
    } else if let Some(count) = args.bottom {
        query = query.bottom(count as usize, by);
    }
    if args.order == Some(Order::Newest) {
        query = query.newest_first();
    }
    if let Some(windows) = args.windows {
        query = query.limit(windows as usize);
    }
    if args.explain {
        let (windows, told) = query.explain_blocking()?;
        return Ok((windows, Some(told)));
    }
    Ok((query.run_blocking()?, None))
}

fn print(args: &Query, windows: &Windows, clock: &Clock) -> Result<()> {
    let mut rows = Rows::new(args, columns(args))?;
    'rows: for series in &windows.series {
        let text = SeriesText::new(&series.key);
        for (at, start) in series.starts.iter().enumerate() {
            if !rows.row(&text, time::shown(*start, &clock.shown), series.row(at).collect())? {
                break 'rows;
            }
        }
    }
    rows.printer.finish()
}

/// What the aggregates are called: as they were asked for, but quantiles always `p95`.
fn columns(args: &Query) -> Vec<String> {
    let name = |aggregate: &Aggregate| match aggregate {
        // Shares are exact to a millionth.
        Aggregate::Quantile(share) => format!("p{}", (share.get() * 1e6).round() / 1e4),
        other => other.to_string(),
    };
    args.aggregates().iter().map(name).collect()
}

/// A line for each series and aggregate.
fn plotted_windows(args: &Query, windows: &Windows, clock: &Clock) -> Picture {
    let every = args.every.as_ref().map_or_else(String::new, |length| format!(" by {}", length.text));
    let columns = columns(args);
    let what = format!("{}{every}", columns.join(", "));
    let mut picture = Picture::new(args.selector.clone(), what, clock);
    for series in &windows.series {
        let key = series.key.to_string();
        for (column, name) in columns.iter().enumerate() {
            let key = if key.is_empty() || key == "{}" { args.selector.as_str() } else { key.as_str() };
            picture.begin(if columns.len() == 1 { key.to_owned() } else { format!("{key} {name}") });
            let mut points: Vec<_> = series.column(column).collect();
            points.sort_by_key(|window| window.start);
            for window in points {
                // Windows that are left out are no gap: with --fill null they are there, and empty.
                let is_left_out = window.value.is_none() && matches!(args.fill, None | Some(Fill::None));
                if !is_left_out {
                    picture.point(window.start, window.value);
                }
            }
        }
    }
    picture
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
