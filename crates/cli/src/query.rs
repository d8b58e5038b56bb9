//! `timestrata query`: prints points of the selected series, or values per window.
//!
//! If no series matches, the error suggests similar series. If the range has no points, the error gives the range that
//! has points.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use timestrata::{
    Aggregate, Column, ExplainReport, Fill, QueryPoints, STALE_MARKER_BITS, Scalar, Selector, SeriesId, SeriesInfo,
    Snapshot, Timestamp, Value, ValueType, Windows,
};

use crate::args::{QueryArgs, WindowOrder};
use crate::chart::{self, Chart};
use crate::database;
use crate::explain;
use crate::failure::{Failure, Result};
use crate::names;
use crate::number_format;
use crate::output::{Cell, Printer, SeriesText, ValuesRow};
use crate::series;
use crate::time::{self, TimeBounds};
use crate::window_args::DisplayZone;

/// Maximum number of series that are read for the hint about an empty range.
const MAX_HINT_SERIES: usize = 1_000;
/// Maximum number of points in a chart: a screen has a few thousand columns.
const MAX_CHART_POINTS: usize = 200_000;

pub(crate) fn run(args: &QueryArgs, dir: &Path) -> Result<()> {
    let zone = args.zone.clone().unwrap_or_default();
    let range = time_bounds(args, &zone)?;
    check(args)?;
    let select: Selector = args.selector.parse()?;
    let snapshot = database::read(dir)?.snapshot();
    let matched = snapshot.list_series(&select);
    if matched.is_empty() {
        return Err(series::no_match(&snapshot, &args.selector));
    }
    check_tags(args, &matched)?;
    let request = QueryRequest { args, snapshot: &snapshot, select, range, zone: &zone };
    let found = match (args.needs_windows(), &args.plot) {
        (true, _) => windows(&request)?,
        (false, None) => points(&request)?,
        (false, Some(plot)) => match plotted_points(&request)? {
            Some(chart) => chart::draw(&chart, plot).map(|()| true)?,
            None => false,
        },
    };
    if found { Ok(()) } else { Err(empty_range(args, &snapshot, &matched)?) }
}

/// Options of a query, parsed, and the data that it reads.
struct QueryRequest<'a> {
    args: &'a QueryArgs,
    snapshot: &'a Snapshot,
    select: Selector,
    range: TimeBounds,
    zone: &'a DisplayZone,
}

impl QueryRequest<'_> {
    fn points(&self) -> QueryPoints {
        self.snapshot.query(self.select.clone()).range(self.range).points()
    }
}

fn time_bounds(args: &QueryArgs, zone: &DisplayZone) -> Result<TimeBounds> {
    let at = |moment: Option<time::TimeArg>| moment.map(|moment| moment.at(&zone.shown)).transpose();
    let (from, to) = (at(args.from).map_err(Failure::failed)?, at(args.to).map_err(Failure::failed)?);
    match (from, to) {
        (Some(from), Some(to)) if from >= to => {
            Err(Failure::failed(format!("the range is empty: --from {from} is not before --to {to}")))
        }
        _ => Ok(time::time_bounds(from, to)),
    }
}

/// Checks the options that need windows, which clap cannot do.
fn check(args: &QueryArgs) -> Result<()> {
    if args.explain && !args.needs_windows() {
        return Err(Failure::failed("--explain needs windows: add --agg or --every"));
    }
    if args.over.is_some() && args.every.as_ref().is_some_and(|length| length.every.as_duration().is_none()) {
        return Err(Failure::failed("--over needs an --every of a fixed length, such as 15m or 24h"));
    }
    if args.lookback.is_some() && !args.needs_windows() {
        return Err(Failure::failed("--lookback needs windows: add --agg, such as --agg rate"));
    }
    if args.plot.is_some() && args.needs_windows() && args.every.is_none() {
        return Err(Failure::failed("a chart of aggregates needs windows: add --every, such as --every 1h"));
    }
    if let Some(time) = args.aggregates().iter().find(|aggregate| is_time(**aggregate)).filter(|_| args.plot.is_some())
    {
        return Err(Failure::failed(format!("{time} is a time, which a chart does not show: remove it from --agg")));
    }
    Ok(())
}

/// Checks that each tag of `--group-by` is one of a selected series.
fn check_tags(args: &QueryArgs, matched: &[SeriesInfo]) -> Result<()> {
    let Some(wanted) = &args.group_by else { return Ok(()) };
    let known: BTreeSet<&str> = matched.iter().flat_map(|info| info.key.tags()).map(|(key, _)| key).collect();
    let Some(unknown) = wanted.0.iter().find(|tag| !known.contains(tag.as_str())) else { return Ok(()) };
    let like = names::suggestions(unknown, known.iter().copied());
    let hint = match (like.is_empty(), known.is_empty()) {
        (false, _) => format!("did you mean {}?", like.join(", ")),
        (true, true) => "they have no tags; --group-all makes one group".to_owned(),
        (true, false) => {
            format!("their tags are {}", names::join_limited(&known.iter().copied().collect::<Vec<_>>(), 20))
        }
    };
    Err(Failure::failed(format!("--group-by names tag {unknown:?}, which none of the selected series has: {hint}")))
}

fn is_time(aggregate: Aggregate) -> bool {
    matches!(aggregate, Aggregate::FirstTime | Aggregate::LastTime)
}

/// Prints rows with an offset and a limit.
struct ValuePrinter {
    printer: Printer<ValuesRow, std::io::BufWriter<std::io::StdoutLock<'static>>>,
    names: Rc<[String]>,
    skip: u64,
}

impl ValuePrinter {
    fn new(args: &QueryArgs, names: Vec<String>) -> Result<Self> {
        let printer = Printer::stdout(args.show, &ValuesRow::headers(&names))?;
        Ok(Self { printer, names: names.into(), skip: args.offset })
    }

    /// Returns `false` if no further row is needed.
    fn row(&mut self, series: &Rc<SeriesText>, time: String, values: Vec<Cell>) -> Result<bool> {
        if self.skip > 0 {
            self.skip -= 1;
            return Ok(true);
        }
        self.printer.row(&ValuesRow { series: Rc::clone(series), time, names: Rc::clone(&self.names), values })
    }
}

/// Prints the points. Returns `false` if there was none.
fn points(request: &QueryRequest<'_>) -> Result<bool> {
    let mut points = request.points().peekable();
    if points.peek().is_none() {
        return Ok(false);
    }
    let mut rows = ValuePrinter::new(request.args, vec!["value".to_owned()])?;
    let mut current: Option<(SeriesId, Rc<SeriesText>)> = None;
    let mut markers = 0;
    for item in points {
        let (info, point): (Arc<SeriesInfo>, _) = item?;
        if is_stale_marker(point.value) {
            markers += 1;
            continue;
        }
        let (_, series) = match current.take() {
            Some(same) if same.0 == info.id => current.insert(same),
            _ => current.insert((info.id, SeriesText::new(&info.key))),
        };
        if !rows.row(series, time::format_time(point.timestamp, &request.zone.shown), vec![Some(point.value).into()])? {
            break;
        }
    }
    rows.printer.finish()?;
    print_skipped(markers);
    Ok(true)
}

/// Returns `true` for a [stale marker](STALE_MARKER_BITS), which says that a series ended, and is no point of it.
fn is_stale_marker(value: Value) -> bool {
    matches!(value, Value::F64(value) if value.to_bits() == STALE_MARKER_BITS)
}

/// Prints how many stale markers were skipped.
fn print_skipped(markers: u64) {
    if markers > 0 {
        let what = if markers == 1 { "stale marker was" } else { "stale markers were" };
        let count = number_format::count(markers);
        database::note(&format!("{count} {what} skipped: Prometheus writes one where a series ends"));
    }
}

/// Returns the points as lines of a chart; `None` if there is no point.
fn plotted_points(request: &QueryRequest<'_>) -> Result<Option<Chart>> {
    let mut chart = Chart::new(request.args.selector.clone(), String::new(), request.zone);
    let mut current = None;
    let (mut nth, mut markers) = (0, 0);
    for item in request.points() {
        let (info, point): (Arc<SeriesInfo>, _) = item?;
        if is_stale_marker(point.value) {
            markers += 1;
            continue;
        }
        if nth == MAX_CHART_POINTS {
            let most = number_format::count(MAX_CHART_POINTS as u64);
            return Err(Failure::failed(format!("more than {most} points to draw: add --every, such as --every 1h")));
        }
        if current != Some(info.id) {
            current = Some(info.id);
            chart.begin_line(info.key.to_string());
        }
        chart.point(point.timestamp, Some(point.value));
        nth += 1;
    }
    print_skipped(markers);
    Ok(current.map(|_| chart))
}

/// Prints or draws a value per window and aggregate. Returns `false` if there was no window.
fn windows(request: &QueryRequest<'_>) -> Result<bool> {
    let QueryRequest { args, zone, .. } = *request;
    let (windows, report) = run_query(request)?;
    if windows.is_empty() {
        print_skipped(windows.stale_markers);
        return Ok(false);
    }
    match &args.plot {
        Some(plot) => chart::draw(&plotted_windows(args, &windows, zone), plot)?,
        None => print(args, &windows, zone)?,
    }
    print_skipped(windows.stale_markers);
    if let Some(report) = report {
        explain::print(&report);
    }
    Ok(true)
}

/// Runs the query with all options.
fn run_query(request: &QueryRequest<'_>) -> Result<(Windows, Option<ExplainReport>)> {
    let QueryRequest { args, zone, .. } = *request;
    let aggregates = args.aggregates();
    let by = args.by.or(aggregates.first().copied()).unwrap_or(Aggregate::Mean);
    let mut query = request
        .snapshot
        .query(request.select.clone())
        .range(request.range)
        .zone(zone.zone.clone())
        .aggregates(aggregates);
    if let Some(length) = &args.every {
        query = query.every(length.every);
    }
    if let Some(over) = args.over {
        query = query.over(over);
    }
    if let Some(edge) = args.closed {
        query = query.closed(edge.into());
    }
    if let Some(age) = args.lookback {
        query = query.lookback(age);
    }
    for function in &args.apply {
        query = query.window_function(*function);
    }
    if let Some(origin) = window_origin(request)? {
        query = query.origin(origin);
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
    if args.order == Some(WindowOrder::Newest) {
        query = query.newest_first();
    }
    if let Some(windows) = args.windows {
        query = query.limit(windows as usize);
    }
    if args.explain {
        let (windows, report) = query.explain_blocking()?;
        return Ok((windows, Some(report)));
    }
    Ok((query.run_blocking()?, None))
}

/// Returns the time at which a window begins; `None` for that of the engine.
///
/// Windows of a fixed length are aligned to local midnight at the start of the range: they follow the offset that the zone
/// has there. The engine's own alignment is that of 1970, which may be another one.
fn window_origin(request: &QueryRequest<'_>) -> Result<Option<Timestamp>> {
    let QueryRequest { args, zone, .. } = *request;
    if let Some(origin) = args.origin {
        return origin.at(&zone.shown).map(Some).map_err(Failure::failed);
    }
    let is_fixed = args.every.as_ref().is_some_and(|length| length.every.as_duration().is_some());
    if !is_fixed || zone.shown.to_fixed_offset().is_ok() {
        return Ok(None);
    }
    let start = match request.range.0 {
        Bound::Included(from) => Some(from),
        _ => first_time(request)?,
    };
    Ok(start.and_then(|start| time::midnight_before(start, &zone.shown)))
}

/// Returns the time of the first point in the range.
fn first_time(request: &QueryRequest<'_>) -> Result<Option<Timestamp>> {
    let query = request.snapshot.query(request.select.clone()).range(request.range);
    let windows = query.aggregate(Aggregate::FirstTime).group_all().run_blocking()?;
    let times = windows.series.first().and_then(|series| series.values.first()).and_then(Column::as_timestamps);
    Ok(times.and_then(|times| times.first().copied()))
}

fn print(args: &QueryArgs, windows: &Windows, zone: &DisplayZone) -> Result<()> {
    let mut rows = ValuePrinter::new(args, columns(args))?;
    'rows: for series in &windows.series {
        let text = SeriesText::new(&series.key);
        for (at, start) in series.starts.iter().enumerate() {
            let values = series.values.iter().map(|column| cell(column, at, zone)).collect();
            if !rows.row(&text, time::format_time(*start, &zone.shown), values)? {
                break 'rows;
            }
        }
    }
    rows.printer.finish()
}

/// Returns a value of a column, a time in the zone.
fn cell(column: &Column, at: usize, zone: &DisplayZone) -> Cell {
    match column.as_timestamps().and_then(|times| times.get(at)) {
        Some(time) if column.has_value(at) => Cell::Time(time::format_time(*time, &zone.shown)),
        _ => column.get(at).into(),
    }
}

/// Returns the names of the columns: of the functions and the aggregates as given; quantiles always as `p95`.
fn columns(args: &QueryArgs) -> Vec<String> {
    let name = |aggregate: &Aggregate| match aggregate {
        // Quantile levels are exact to a millionth.
        Aggregate::Quantile(share) => format!("p{}", (share.as_f64() * 1e6).round() / 1e4),
        other => other.to_string(),
    };
    let applied = |name: String| args.apply.iter().fold(name, |name, function| function.name_of_column(&name));
    args.aggregates().iter().map(name).map(applied).collect()
}

/// Returns a line per series and aggregate.
fn plotted_windows(args: &QueryArgs, windows: &Windows, zone: &DisplayZone) -> Chart {
    let every = args.every.as_ref().map_or_else(String::new, |length| format!(" by {}", length.text));
    let columns = columns(args);
    let aggregates = format!("{}{every}", columns.join(", "));
    let mut chart = Chart::new(args.selector.clone(), aggregates, zone);
    for series in &windows.series {
        let key = series.key.to_string();
        for (column, name) in columns.iter().enumerate() {
            let key = if key.is_empty() || key == "{}" { args.selector.as_str() } else { key.as_str() };
            chart.begin_line(if columns.len() == 1 { key.to_owned() } else { format!("{key} {name}") });
            let mut points: Vec<_> = series.column(column).collect();
            points.sort_by_key(|window| window.start);
            for window in points {
                // Without --fill, a window without a value does not interrupt the line.
                let is_left_out = window.value.is_none() && matches!(args.fill, None | Some(Fill::None));
                if !is_left_out {
                    chart.point(window.start, window.value);
                }
            }
        }
    }
    chart
}

/// Returns the failure for a range without points, with the range in which the series have points.
fn empty_range(args: &QueryArgs, snapshot: &Snapshot, matched: &[SeriesInfo]) -> Result<Failure> {
    let mut ends: Option<(Timestamp, Timestamp)> = None;
    for info in matched.iter().take(MAX_HINT_SERIES) {
        if let Some((first, last)) = series_time_span_any(snapshot, info)? {
            let (least, most) = ends.unwrap_or((first, last));
            ends = Some((least.min(first), most.max(last)));
        }
    }
    let selector = &args.selector;
    let is_sample = matched.len() > MAX_HINT_SERIES;
    let sample = number_format::count(MAX_HINT_SERIES as u64);
    Ok(Failure::Negative(match ends {
        Some((first, last)) if is_sample => format!(
            "{selector} has no points in this range; its first {sample} series have points from {first} to {last}"
        ),
        Some((first, last)) => format!("{selector} has no points in this range; it has from {first} to {last}"),
        None if is_sample => format!("{selector} has no points in this range, and its first {sample} series have none"),
        None => format!("{selector} has no points"),
    }))
}

fn series_time_span_any(snapshot: &Snapshot, info: &SeriesInfo) -> Result<Option<(Timestamp, Timestamp)>> {
    match info.value_type {
        ValueType::F64 => series_time_span::<f64>(snapshot, info),
        ValueType::I64 => series_time_span::<i64>(snapshot, info),
        ValueType::U64 => series_time_span::<u64>(snapshot, info),
        ValueType::Bool => series_time_span::<bool>(snapshot, info),
    }
}

fn series_time_span<T: Scalar>(snapshot: &Snapshot, info: &SeriesInfo) -> Result<Option<(Timestamp, Timestamp)>> {
    let series = snapshot.series::<T>(&info.key)?;
    let first = snapshot.scan(series, ..).into_iter().next().transpose()?;
    let last = snapshot.latest_blocking(series)?;
    Ok(first.zip(last).map(|(first, last)| (first.timestamp, last.timestamp)))
}
