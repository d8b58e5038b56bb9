//! Rows of the result of a query, computed from the visible points of the series.

use std::collections::BTreeMap;

use timestrata::{Edge, SeriesKey, ValueType};

use super::aggregates::{Estimate, WindowPoints, compute};
use super::functions::{self, Rows};
use super::{Grouping, Operator, Points, Question, SERIES, ZONES, between, key};

/// Row of the expected result.
pub(crate) struct ExpectedRow {
    pub(crate) key: SeriesKey,
    /// Number of series with a point in a window.
    pub(crate) members: usize,
    pub(crate) windows: Vec<(i64, Vec<Option<Estimate>>)>,
}

/// Expected result of a query.
pub(crate) struct ExpectedAnswer {
    pub(crate) rows: Vec<ExpectedRow>,
    /// `false` if the errors of the rank values allow several orders.
    pub(crate) has_one_order: bool,
}

/// Series of a result in the order of their keys, with the points of each member.
fn groups(grouping: Grouping, seen: &[Points; SERIES]) -> BTreeMap<SeriesKey, Vec<&Points>> {
    let mut groups: BTreeMap<SeriesKey, Vec<&Points>> = BTreeMap::new();
    for (series, points) in seen.iter().enumerate() {
        let key = match grouping {
            Grouping::PerSeries => key(series),
            Grouping::ByZone => SeriesKey::new("m").tag("zone", ZONES[series]),
            Grouping::All => SeriesKey::new("m"),
        };
        groups.entry(key).or_default().push(points);
    }
    groups
}

/// Computes the result of a query from the visible points of each series, in time order.
pub(crate) fn answer(question: &Question, seen: &[Points; SERIES], series_type: ValueType) -> ExpectedAnswer {
    let mut ranked: Vec<(Option<Estimate>, ExpectedRow)> = Vec::new();
    for (key, series) in groups(question.grouping, seen) {
        let members = series.iter().filter(|points| has_window(question, points)).count();
        let mut rows = rows(question, &series, series_type);
        if rows.is_empty() {
            continue;
        }
        let rank = question.rank.and_then(|rank| {
            let whole = whole_range(question, &series);
            let by = compute(Operator::Aggregate(rank.by), &whole, end_of_range(question, &series), series_type);
            by.filter(|value| !value.number.is_nan())
        });
        if let Some(function) = question.function {
            functions::apply(function, question.every.unwrap_or(1), &mut rows);
        }
        functions::fill(question, &mut rows);
        ranked.push((rank, ExpectedRow { key, members, windows: sliced(question, rows) }));
    }
    let mut has_one_order = true;
    if let Some(rank) = question.rank {
        has_one_order = ranked.iter().all(|(value, _)| value.is_none_or(|value| value.error == 0.0));
        // The sort is stable: equal values are in the order of the keys.
        ranked.sort_by(|(a, _), (b, _)| match (a, b) {
            (Some(a), Some(b)) if rank.greatest_first => b.number.total_cmp(&a.number),
            (Some(a), Some(b)) => a.number.total_cmp(&b.number),
            (a, b) => b.is_some().cmp(&a.is_some()),
        });
        ranked.truncate(rank.count);
    }
    // A row whose windows are all skipped is left out.
    let rows = ranked.into_iter().map(|(_, row)| row).filter(|row| !row.windows.is_empty());
    ExpectedAnswer { rows: rows.collect(), has_one_order }
}

fn sliced(question: &Question, rows: Rows) -> Vec<(i64, Vec<Option<Estimate>>)> {
    let mut windows: Vec<_> = rows.into_iter().collect();
    if question.slice.newest_first {
        windows.reverse();
    }
    windows.into_iter().skip(question.slice.offset).take(question.slice.limit.unwrap_or(usize::MAX)).collect()
}

fn bounds(question: &Question) -> (i64, i64) {
    question.range.unwrap_or((i64::MIN, i64::MAX))
}

/// Returns `true` if a series has a point in the range that does not lie in a gap between windows.
fn has_window(question: &Question, points: &Points) -> bool {
    let (from, until) = bounds(question);
    let shift = i64::from(question.closed == Edge::End);
    between(points, from, until).iter().any(|(at, _)| match question.over {
        Some(length) => at - shift - question.start_of(at - shift) < length,
        None => true,
    })
}

/// Returns the last point before a window, by its start, that may be the source of its first step.
fn point_before(question: &Question, points: &Points, is_before: impl Fn(i64) -> bool) -> Option<(i64, f64)> {
    let (from, _) = bounds(question);
    let oldest = match question.lookback {
        Some(age) if question.range.is_some() => from.saturating_sub(age),
        _ => from,
    };
    let before = &points[..points.partition_point(|(at, _)| is_before(*at))];
    before.iter().rev().take_while(|(at, _)| *at >= oldest).find(|(_, value)| !value.is_nan()).copied()
}

/// Returns the points of the whole range as one window of each series with a point.
fn whole_range(question: &Question, series: &[&Points]) -> Vec<WindowPoints> {
    let (from, until) = bounds(question);
    let of = |points: &&Points| WindowPoints {
        before: point_before(question, points, |at| at < from),
        points: between(points, from, until).to_vec(),
    };
    series.iter().map(of).filter(|window| !window.points.is_empty()).collect()
}

/// Returns the end of the range: that of the query, or the last point.
fn end_of_range(question: &Question, series: &[&Points]) -> i64 {
    let last = series.iter().filter_map(|points| points.last()).map(|(at, _)| *at).max();
    question.range.map_or_else(|| last.unwrap_or(0), |(_, until)| until)
}

/// Computes the windows of one group that have a value.
fn rows(question: &Question, series: &[&Points], series_type: ValueType) -> Rows {
    let (from, until) = bounds(question);
    let row = |seen: &[WindowPoints], end: i64| -> Vec<_> {
        question.operators.iter().map(|operator| compute(*operator, seen, end, series_type)).collect()
    };
    let inside: Vec<&[(i64, f64)]> = series.iter().map(|points| between(points, from, until)).collect();
    let Some(first) = inside.iter().filter_map(|points| points.first()).map(|(at, _)| *at).min() else {
        return Rows::new();
    };
    let mut rows = Rows::new();
    let Some(every) = question.every else {
        let row = row(&whole_range(question, series), end_of_range(question, series));
        if row.iter().any(Option::is_some) {
            rows.insert(question.range.map_or(first, |(from, _)| from), row);
        }
        return rows;
    };
    let last = inside.iter().filter_map(|points| points.last()).map(|(at, _)| *at).max().unwrap();
    let (length, shift) = (question.over.unwrap_or(every), i64::from(question.closed == Edge::End));
    let mut start = question.start_of(first - length - every);
    while start <= last {
        let window = |(inside, points): (&&[(i64, f64)], &&Points)| WindowPoints {
            before: point_before(question, points, |at| at - shift < start || at < from),
            points: between(inside, start + shift, start + length + shift).to_vec(),
        };
        let seen: Vec<WindowPoints> = inside.iter().zip(series).map(window).collect();
        let seen: Vec<WindowPoints> = seen.into_iter().filter(|window| !window.points.is_empty()).collect();
        if !seen.is_empty() {
            rows.insert(start, row(&seen, start + length));
        }
        start += every;
    }
    rows.retain(|_, row| row.iter().any(Option::is_some));
    rows
}
