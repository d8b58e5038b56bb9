//! The search for the newest point of a series, which reads as few of its sources as possible.

use super::source::BoxPointSource;
use crate::state::hidden_ranges::HiddenRanges;
use crate::types::duplicate_policy::DuplicatePolicy;
use crate::types::error::Result;
use crate::types::point::Point;

/// Finds the newest point that is not hidden, in sources given oldest first.
///
/// Of several points at the greatest timestamp it is the one that arrived first under `KeepFirst`, else the last.
///
/// The sources are read in descending order of their upper bounds. Once the best point is newer than the upper bound of
/// a source, neither this source nor any later one is read. Each source is dropped right after it was read; otherwise
/// the search in a series without a visible point would keep every file open.
pub(crate) fn newest_point<T: Copy>(
    sources: Vec<(BoxPointSource<T>, HiddenRanges)>,
    duplicates: DuplicatePolicy,
) -> Result<Option<Point<T>>> {
    let count = sources.len();
    // At equal timestamps the source of the greater rank wins: the oldest under `KeepFirst`, else the newest.
    let rank = |source: usize| if duplicates == DuplicatePolicy::KeepFirst { count - source } else { source };
    let ranked = sources.into_iter().enumerate().filter_map(|(at, (source, hidden))| {
        let end = visible_end(&source, &hidden)?;
        Some(((end, rank(at)), source, hidden))
    });
    let mut ranked: Vec<((i64, usize), BoxPointSource<T>, HiddenRanges)> = ranked.collect();
    ranked.sort_unstable_by(|(a, ..), (b, ..)| b.cmp(a));
    let mut best: Option<((i64, usize), Point<T>)> = None;
    for ((end, rank), mut source, hidden) in ranked {
        if best.as_ref().is_some_and(|(at, _)| *at > (end, rank)) {
            break;
        }
        if let Some(point) = source.newest_point(&hidden, duplicates)? {
            let at = (point.timestamp.as_nanos(), rank);
            if best.as_ref().is_none_or(|(other, _)| *other < at) {
                best = Some((at, point));
            }
        }
    }
    Ok(best.map(|(_, point)| point))
}

/// Returns a time after which the source has no visible point; `None` if it is known to have none.
fn visible_end<T>(source: &BoxPointSource<T>, hidden: &HiddenRanges) -> Option<i64> {
    let end = source.upper_bound()?;
    let Some(hiding) = hidden.range_containing(end) else { return Some(end) };
    let end = hiding.first().checked_sub(1)?;
    (source.lower_bound()? <= end).then_some(end)
}

#[cfg(test)]
mod tests;
