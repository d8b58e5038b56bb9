//! Straight cuts through gaps: what lies apart in series or in time is told apart, so that live data and a backfill beside it
//! are not planned together and their bounding rectangle does not cover all.

use super::super::Rectangle;

/// What lies somewhere.
pub(super) trait Placed {
    fn rectangle(&self) -> Rectangle;
}

/// A cut: everything of the one part lies before, everything of the other at or behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Line {
    Series(u32),
    Time(i64),
}

/// The smallest rectangle around all; `None` of nothing.
pub(super) fn bounding<P: Placed>(items: &[P]) -> Option<Rectangle> {
    items.iter().map(Placed::rectangle).reduce(|one, other| one.join(&other))
}

#[expect(clippy::cast_precision_loss, reason = "areas are compared, not counted")]
fn area(rectangle: &Rectangle) -> f64 {
    let series = f64::from(rectangle.last_series.get() - rectangle.first_series.get()) + 1.0;
    series * (rectangle.last_time.abs_diff(rectangle.first_time) as f64 + 1.0)
}

/// Cuts items in two where no item is cut and the two bounding rectangles have together at most half of the area of the
/// one around all: the best such cut.
pub(super) fn cut<P: Placed + Clone>(items: &[P]) -> Option<(Line, Vec<P>, Vec<P>)> {
    let whole = area(&bounding(items)?);
    let by_time = |rectangle: &Rectangle| (rectangle.first_time, rectangle.last_time);
    let by_series =
        |rectangle: &Rectangle| (i64::from(rectangle.first_series.get()), i64::from(rectangle.last_series.get()));
    let time = gap(items, by_time).map(|(area, at)| (area, Line::Time(at)));
    let series = gap(items, by_series).map(|(area, at)| {
        let at = u32::try_from(at).unwrap_or(u32::MAX);
        (area, Line::Series(at))
    });
    let best = time.into_iter().chain(series).min_by(|(one, _), (other, _)| one.total_cmp(other));
    let (_, line) = best.filter(|(area, _)| *area <= whole / 2.0)?;
    let (before, behind) = items.iter().cloned().partition(|item| match line {
        Line::Time(at) => item.rectangle().first_time < at,
        Line::Series(at) => item.rectangle().first_series.get() < at,
    });
    Some((line, before, behind))
}

/// The gap along one side that leaves the smallest area: that area, and where the part behind it begins.
fn gap<P: Placed>(items: &[P], side: impl Fn(&Rectangle) -> (i64, i64)) -> Option<(f64, i64)> {
    let mut rectangles: Vec<Rectangle> = items.iter().map(Placed::rectangle).collect();
    rectangles.sort_unstable_by_key(|rectangle| side(rectangle).0);
    let mut behind: Vec<f64> = vec![0.0; rectangles.len()];
    let mut joined: Option<Rectangle> = None;
    for (at, rectangle) in rectangles.iter().enumerate().rev() {
        let around = joined.map_or(*rectangle, |joined| joined.join(rectangle));
        behind[at] = area(&around);
        joined = Some(around);
    }
    let mut best: Option<(f64, i64)> = None;
    let mut before: Option<Rectangle> = None;
    for (at, rectangle) in rectangles.iter().enumerate() {
        let first = side(rectangle).0;
        if let Some(before) = before.filter(|before| side(before).1 < first) {
            let both = area(&before) + behind[at];
            if best.is_none_or(|(smallest, _)| both < smallest) {
                best = Some((both, first));
            }
        }
        before = Some(before.map_or(*rectangle, |before| before.join(rectangle)));
    }
    best
}

/// The clusters that so many cuts, one inside the other, make.
pub(super) fn clusters<P: Placed + Clone>(items: Vec<P>, depth: u8) -> Vec<Vec<P>> {
    match depth.checked_sub(1).and_then(|depth| cut(&items).map(|parts| (depth, parts))) {
        None => vec![items],
        Some((depth, (_, before, behind))) => {
            let mut found = clusters(before, depth);
            found.extend(clusters(behind, depth));
            found
        }
    }
}
