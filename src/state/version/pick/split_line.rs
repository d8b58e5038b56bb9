//! Split lines through the plane of series and time, and the line that best separates rectangles.

use crate::state::rectangle::Rectangle;
use crate::types::series::SeriesId;
use crate::types::time_range::TimeRange;

/// A line after a series id or after a timestamp, which belongs to the lower side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SplitLine {
    AfterSeries(SeriesId),
    AfterTime(i64),
}

impl SplitLine {
    /// Returns the parts of a rectangle on the lower and on the upper side; `None` for an empty part.
    pub(super) fn sides(self, of: &Rectangle) -> [Option<Rectangle>; 2] {
        match self {
            Self::AfterSeries(last) => {
                let lower =
                    (of.first_series <= last).then(|| Rectangle { last_series: of.last_series.min(last), ..*of });
                let upper = last.get().checked_add(1).map(SeriesId::new).filter(|first| *first <= of.last_series);
                [lower, upper.map(|first| Rectangle { first_series: of.first_series.max(first), ..*of })]
            }
            Self::AfterTime(last) => {
                let inside = |times: TimeRange| (!times.is_empty()).then_some(Rectangle { times, ..*of });
                let upper = last.checked_add(1).map_or(TimeRange::EMPTY, |first| TimeRange::new(first, i64::MAX));
                [inside(of.times.intersection(TimeRange::until(last))), inside(of.times.intersection(upper))]
            }
        }
    }
}

/// Returns the number of series ids that a rectangle spans.
pub(super) fn series_count(rectangle: &Rectangle) -> u64 {
    u64::from(rectangle.last_series.get() - rectangle.first_series.get()) + 1
}

/// Returns the number of nanoseconds that a rectangle spans.
///
/// All of time has 2^64, which exceeds `u64`.
pub(super) fn time_span(rectangle: &Rectangle) -> u128 {
    u128::from(rectangle.times.last().abs_diff(rectangle.times.first())) + 1
}

/// Returns the product of series ids and nanoseconds, at most 2^96.
pub(super) fn area(rectangle: &Rectangle) -> u128 {
    u128::from(series_count(rectangle)) * time_span(rectangle)
}

/// Returns the smallest rectangle that contains all given ones; `None` if there are none.
pub(super) fn bounding_rectangle(rectangles: impl IntoIterator<Item = Rectangle>) -> Option<Rectangle> {
    rectangles.into_iter().reduce(|all, one| all.union(&one))
}

/// Finds the best line that crosses no rectangle and has at least `min_bytes` on either side.
///
/// Each rectangle comes with its bytes. The line is the one with the least area left, which is that of the two bounding
/// rectangles of the sides. `None` if more than half of the area of the common bounding rectangle is left.
pub(super) fn best_gap_split(rectangles: &[(Rectangle, u64)], min_bytes: u64) -> Option<SplitLine> {
    let whole = area(&bounding_rectangle(rectangles.iter().map(|(rectangle, _)| *rectangle))?);
    let mut sorted = rectangles.to_vec();
    sorted.sort_unstable_by_key(|(rectangle, _)| rectangle.first_series);
    let by_series = least_area_split(&sorted, min_bytes, |lower, upper| {
        (lower.last_series < upper.first_series).then_some(SplitLine::AfterSeries(lower.last_series))
    });
    sorted.sort_unstable_by_key(|(rectangle, _)| rectangle.times.first());
    let by_time = least_area_split(&sorted, min_bytes, |lower, upper| {
        (lower.times.last() < upper.times.first()).then_some(SplitLine::AfterTime(lower.times.last()))
    });
    let (left, line) = by_series.into_iter().chain(by_time).min_by_key(|(left, _)| *left)?;
    (left <= whole / 2).then_some(line)
}

/// Finds the split of a sorted list in two that leaves the least area; returns area and line.
///
/// `between` returns the line between the bounding rectangles of both parts; `None` if they are not separate.
fn least_area_split(
    sorted: &[(Rectangle, u64)],
    min_bytes: u64,
    between: impl Fn(&Rectangle, &Rectangle) -> Option<SplitLine>,
) -> Option<(u128, SplitLine)> {
    let add = |sum: Option<(Rectangle, u64)>, one: &(Rectangle, u64)| {
        sum.map_or(*one, |(all, bytes)| (all.union(&one.0), bytes.saturating_add(one.1)))
    };
    // Bounding rectangle and bytes of the list from each index to its end.
    let suffixes = sorted.iter().rev().scan(None::<(Rectangle, u64)>, |sum, one| {
        *sum = Some(add(*sum, one));
        *sum
    });
    let mut uppers: Vec<(Rectangle, u64)> = suffixes.collect();
    uppers.reverse();
    let mut lower: Option<(Rectangle, u64)> = None;
    let mut found: Option<(u128, SplitLine)> = None;
    for (at, one) in sorted.iter().enumerate() {
        let (below, below_bytes) = add(lower, one);
        lower = Some((below, below_bytes));
        let Some((above, above_bytes)) = uppers.get(at + 1) else { break };
        if below_bytes < min_bytes || *above_bytes < min_bytes {
            continue;
        }
        if let Some(line) = between(&below, above) {
            let left = area(&below) + area(above);
            if found.is_none_or(|(least, _)| left < least) {
                found = Some((left, line));
            }
        }
    }
    found
}
