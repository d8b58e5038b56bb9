//! Straight cuts through the plane of series and time: what they leave on either side, and which one parts rectangles
//! best without cutting any.

use super::super::sst::Rectangle;
use crate::series::SeriesId;

/// A line between two ids or two timestamps: what is given belongs to the lower side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    AfterSeries(SeriesId),
    AfterTime(i64),
}

impl Cut {
    /// What of the rectangle lies on the lower side and what on the upper.
    pub(super) fn sides(self, of: &Rectangle) -> [Option<Rectangle>; 2] {
        match self {
            Self::AfterSeries(last) => {
                let lower =
                    (of.first_series <= last).then(|| Rectangle { last_series: of.last_series.min(last), ..*of });
                let upper = last.get().checked_add(1).map(SeriesId::new).filter(|first| *first <= of.last_series);
                [lower, upper.map(|first| Rectangle { first_series: of.first_series.max(first), ..*of })]
            }
            Self::AfterTime(last) => {
                let lower = (of.first_time <= last).then(|| Rectangle { last_time: of.last_time.min(last), ..*of });
                let upper = last.checked_add(1).filter(|first| *first <= of.last_time);
                [lower, upper.map(|first| Rectangle { first_time: of.first_time.max(first), ..*of })]
            }
        }
    }
}

/// How many ids it spans.
pub(super) fn width(rectangle: &Rectangle) -> u64 {
    u64::from(rectangle.last_series.get() - rectangle.first_series.get()) + 1
}

/// How many nanoseconds it spans: all of time is one more than u64 holds.
pub(super) fn duration(rectangle: &Rectangle) -> u128 {
    u128::from(rectangle.last_time.abs_diff(rectangle.first_time)) + 1
}

/// At most 2^96.
pub(super) fn area(rectangle: &Rectangle) -> u128 {
    u128::from(width(rectangle)) * duration(rectangle)
}

/// The smallest rectangle that holds them all.
pub(super) fn bounds(rectangles: impl IntoIterator<Item = Rectangle>) -> Option<Rectangle> {
    rectangles.into_iter().reduce(|all, one| all.join(&one))
}

/// The straight cut that goes through no rectangle, leaves at least `smallest` bytes on either side, and at least
/// halves the area; among several the one that leaves least.
pub(super) fn gap(rectangles: &[(Rectangle, u64)], smallest: u64) -> Option<Cut> {
    let whole = area(&bounds(rectangles.iter().map(|(rectangle, _)| *rectangle))?);
    let mut sorted = rectangles.to_vec();
    sorted.sort_unstable_by_key(|(rectangle, _)| rectangle.first_series);
    let by_series = best(&sorted, smallest, |lower, upper| {
        (lower.last_series < upper.first_series).then_some(Cut::AfterSeries(lower.last_series))
    });
    sorted.sort_unstable_by_key(|(rectangle, _)| rectangle.first_time);
    let by_time = best(&sorted, smallest, |lower, upper| {
        (lower.last_time < upper.first_time).then_some(Cut::AfterTime(lower.last_time))
    });
    let (left, cut) = by_series.into_iter().chain(by_time).min_by_key(|(left, _)| *left)?;
    (left <= whole / 2).then_some(cut)
}

/// The least area that two neighbouring runs of these leave, and the cut between them.
fn best(
    sorted: &[(Rectangle, u64)],
    smallest: u64,
    between: impl Fn(&Rectangle, &Rectangle) -> Option<Cut>,
) -> Option<(u128, Cut)> {
    let mut above = sorted.iter().rev().scan(None::<(Rectangle, u64)>, |held, one| {
        *held = Some(held.map_or(*one, |(all, bytes)| (all.join(&one.0), bytes.saturating_add(one.1))));
        *held
    });
    let mut uppers: Vec<(Rectangle, u64)> = above.by_ref().collect();
    uppers.reverse();
    let mut lower: Option<(Rectangle, u64)> = None;
    let mut found: Option<(u128, Cut)> = None;
    for (at, one) in sorted.iter().enumerate() {
        let (below, bytes) = lower.map_or(*one, |(all, bytes)| (all.join(&one.0), bytes.saturating_add(one.1)));
        lower = Some((below, bytes));
        let Some((above, above_bytes)) = uppers.get(at + 1) else { break };
        if bytes < smallest || *above_bytes < smallest {
            continue;
        }
        if let Some(cut) = between(&below, above) {
            let left = area(&below) + area(above);
            if found.is_none_or(|(least, _)| left < least) {
                found = Some((left, cut));
            }
        }
    }
    found
}
