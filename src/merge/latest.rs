//! The newest point of a series, from as few of its sources as can be.

use super::source::BoxSource;
use crate::error::Result;
use crate::options::Duplicates;
use crate::point::Point;
use crate::version::Hidden;

/// The newest point that is not hidden, of sources given oldest first: the greatest timestamp, and of several there the
/// one that arrived last, or first if that is the one kept.
///
/// Sources are asked from the latest end down; once the best point found passes a source's end, neither that source
/// nor any after it is touched. Each is let go once it was asked: a series without a point would else hold every file
/// open.
pub(crate) fn latest<T: Copy>(lanes: Vec<(BoxSource<T>, Hidden)>, duplicates: Duplicates) -> Result<Option<Point<T>>> {
    let count = lanes.len();
    // The greater one wins where timestamps are equal.
    let rank = |age: usize| if duplicates == Duplicates::KeepFirst { count - age } else { age };
    let ranked = lanes.into_iter().enumerate().filter_map(|(age, (source, hidden))| {
        let end = visible_end(&source, &hidden)?;
        Some(((end, rank(age)), source, hidden))
    });
    let mut ranked: Vec<((i64, usize), BoxSource<T>, Hidden)> = ranked.collect();
    ranked.sort_unstable_by(|(a, ..), (b, ..)| b.cmp(a));
    let mut best: Option<((i64, usize), Point<T>)> = None;
    for ((end, rank), mut source, hidden) in ranked {
        if best.as_ref().is_some_and(|(at, _)| *at > (end, rank)) {
            break;
        }
        if let Some(point) = source.last(&hidden, duplicates)? {
            let at = (point.timestamp.as_nanos(), rank);
            if best.as_ref().is_none_or(|(other, _)| *other < at) {
                best = Some((at, point));
            }
        }
    }
    Ok(best.map(|(_, point)| point))
}

/// A time above which the source has no visible point; `None` if it is known to have none at all.
fn visible_end<T>(source: &BoxSource<T>, hidden: &Hidden) -> Option<i64> {
    let end = source.end()?;
    let Some((first, _)) = hidden.range_at(end) else { return Some(end) };
    let end = first.checked_sub(1)?;
    (source.bound()? <= end).then_some(end)
}

#[cfg(test)]
mod tests;
