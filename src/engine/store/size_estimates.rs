//! Size estimates: rectangles of series and time with the bytes of their points.
//!
//! The picker divides outputs into regions by them. Together they cover every point that was added, and none spans two
//! sources. Their number is bounded.

use std::ops::Range;

use crate::format::sst::BlockEntry;
use crate::state::rectangle::Rectangle;
use crate::state::version::pick::SizeEstimate;

/// Maximum number of estimates: twice the 32,768 blocks of 8 KiB in a plan of 256 MiB.
const MAX_ESTIMATES: usize = 65_536;

/// Returns the number of estimates that fit into a quarter of `memory` bytes.
///
/// Each counts three times, since it is copied twice while regions are computed. The result is at least 1,024 and at
/// most [`MAX_ESTIMATES`].
pub(super) fn max_estimates(memory: usize) -> usize {
    (memory / 4 / (3 * size_of::<(usize, SizeEstimate)>())).clamp(1_024, MAX_ESTIMATES)
}

/// List of estimates, which are merged pairwise when there are too many.
#[derive(Debug)]
pub(super) struct SizeEstimates {
    /// Maximum number of stored estimates, as long as there are fewer sources.
    most: usize,
    /// Estimates, each with the number of its source.
    found: Vec<(usize, SizeEstimate)>,
    /// Number of the current source.
    source: usize,
    /// Number of added estimates that are merged into one stored estimate.
    joined: usize,
    /// Number of added estimates in the last stored one; equal to `joined` if it takes no more.
    in_last: usize,
}

impl SizeEstimates {
    pub(super) fn at_most(most: usize) -> Self {
        Self { most: most.max(2), found: Vec::new(), source: 0, joined: 1, in_last: 0 }
    }

    /// Begins a new source.
    ///
    /// Its estimates are not merged with those of other sources, which would hide the gap between them.
    pub(super) fn next_source(&mut self) {
        self.source += 1;
        self.in_last = self.joined;
    }

    /// Adds an estimate of the current source. They come in the order of series and time.
    pub(super) fn push(&mut self, fragment: SizeEstimate) {
        match self.found.last_mut() {
            Some((_, last)) if self.in_last < self.joined => {
                *last = join(last, &fragment);
                self.in_last += 1;
            }
            _ => {
                self.found.push((self.source, fragment));
                self.in_last = 1;
            }
        }
        if self.found.len() > self.most {
            self.halve();
        }
    }

    /// Merges neighbouring estimates of one source in pairs.
    fn halve(&mut self) {
        let mut halved: Vec<(usize, SizeEstimate)> = Vec::with_capacity(self.most);
        let mut is_pair = true;
        for (source, fragment) in self.found.drain(..) {
            match halved.last_mut() {
                Some((same, last)) if *same == source && !is_pair => {
                    *last = join(last, &fragment);
                    is_pair = true;
                }
                _ => {
                    halved.push((source, fragment));
                    is_pair = false;
                }
            }
        }
        self.found = halved;
        self.joined *= 2;
        // The next added estimate starts a new stored one.
        self.in_last = self.joined;
    }

    pub(super) fn into_vec(self) -> Vec<SizeEstimate> {
        self.found.into_iter().map(|(_, fragment)| fragment).collect()
    }
}

fn join(one: &SizeEstimate, other: &SizeEstimate) -> SizeEstimate {
    SizeEstimate {
        rectangle: one.rectangle.union(&other.rectangle),
        points: one.points + other.points,
        bytes: one.bytes + other.bytes,
    }
}

/// Maximum number of points in an estimate of a memtable: the size of its largest chunk.
const MAX_ESTIMATE_POINTS: usize = 1024;
/// Estimated bytes of a compressed point.
const EST_POINT_BYTES: u64 = 2;
/// Estimated bytes of a run besides its points, in block, index and dictionary.
const RUN_OVERHEAD_BYTES: u64 = 10;
/// Estimated bytes of the index entry of a block, with statistics.
const INDEX_ENTRY_BYTES: u64 = 48;

/// Criteria for splitting the points of a series in a memtable.
#[derive(Debug, Clone, Copy)]
pub(super) struct SplitCriteria {
    /// Points up to this time are separated from later points; `None` if there is no such time.
    pub(super) late_until: Option<i64>,
    /// Minimum time between two consecutive points that separates them, in nanoseconds.
    pub(super) min_gap: u64,
}

/// Splits the sorted timestamps of a series at the end of the late points and at gaps.
///
/// Yields consecutive index ranges of at most [`MAX_ESTIMATE_POINTS`] points. An estimate across a gap would hide the
/// gap from the picker.
pub(super) fn split_timestamps(timestamps: &[i64], criteria: SplitCriteria) -> impl Iterator<Item = Range<usize>> {
    let border = criteria.late_until.map_or(0, |border| timestamps.partition_point(|time| *time <= border));
    let mut from = 0;
    std::iter::from_fn(move || {
        let most = (from + MAX_ESTIMATE_POINTS).min(timestamps.len());
        let most = if from < border { most.min(border) } else { most };
        let piece = timestamps.get(from..most).filter(|piece| !piece.is_empty())?;
        let is_gap = |pair: &[i64]| pair[0].abs_diff(pair[1]) >= criteria.min_gap.max(1);
        // Fast path: if the span of a piece is shorter than the gap, the piece has no gap.
        let is_long = is_gap(&[piece[0], piece[piece.len() - 1]]);
        let gap = if is_long { piece.windows(2).position(is_gap) } else { None };
        let until = gap.map_or(most, |before| from + before + 1);
        Some(std::mem::replace(&mut from, until)..until)
    })
}

/// Returns the estimate of a block, or of a run of a packed block.
pub(super) fn estimate_for_block(entry: &BlockEntry) -> SizeEstimate {
    let rectangle = Rectangle::of_series(entry.series, entry.times());
    let overhead = if entry.packed.is_some() { RUN_OVERHEAD_BYTES } else { INDEX_ENTRY_BYTES };
    SizeEstimate { rectangle, points: u64::from(entry.count), bytes: u64::from(entry.len) + overhead }
}

/// Returns the estimate of a piece of a memtable's series. A piece of a longer series is a part of a block, in which the
/// overhead of a run does not matter.
pub(super) fn estimate_for_memtable(rectangle: Rectangle, points: usize) -> SizeEstimate {
    let points = points as u64;
    SizeEstimate { rectangle, points, bytes: EST_POINT_BYTES * points + RUN_OVERHEAD_BYTES }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::types::series::SeriesId;
    use crate::types::time_range::TimeRange;

    fn fragment(series: u32, time: i64) -> SizeEstimate {
        let rectangle = Rectangle::of_series(SeriesId::new(series), TimeRange::at(time));
        SizeEstimate { rectangle, points: 1, bytes: 3 }
    }

    #[test]
    fn many_fragments_become_coarser_and_lose_nothing() {
        let mut fragments = SizeEstimates::at_most(100);
        for source in 0..3 {
            for at in 0..1000 {
                fragments.push(fragment(at, i64::from(source) * 1_000_000 + i64::from(at)));
            }
            fragments.next_source();
        }
        let found = fragments.into_vec();
        assert!((25..=100).contains(&found.len()), "{}", found.len());
        assert_eq!(
            found.iter().map(|one| (one.points, one.bytes)).fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1)),
            (3000, 9000)
        );
        assert!(
            found.iter().all(|one| one.rectangle.times.last() - one.rectangle.times.first() < 1000),
            "none joins two sources"
        );
        for source in 0..3 {
            let own = found.iter().filter(|one| one.rectangle.times.first() / 1_000_000 == source);
            assert_eq!(own.map(|one| one.points).sum::<u64>(), 1000);
        }
    }

    #[test]
    fn pieces_end_at_the_border_and_at_gaps() {
        let timestamps: Vec<i64> = (0..2000).chain(1_000_000..1_000_010).collect();
        let found = |border, gap| {
            split_timestamps(&timestamps, SplitCriteria { late_until: border, min_gap: gap }).collect::<Vec<_>>()
        };
        assert_eq!(found(None, 1000), [0..1024, 1024..2000, 2000..2010]);
        assert_eq!(found(Some(1499), u64::MAX), [0..1024, 1024..1500, 1500..2010]);
        assert_eq!(split_timestamps(&[], SplitCriteria { late_until: Some(3), min_gap: 0 }).count(), 0);
        let ends =
            split_timestamps(&[i64::MIN, i64::MAX, i64::MAX], SplitCriteria { late_until: None, min_gap: u64::MAX });
        assert_eq!(ends.collect::<Vec<_>>(), [0..1, 1..3]);
    }

    proptest! {
        #[test]
        fn pieces_are_all_there_is(mut times in prop::collection::vec(-5000..5000i64, 0..3000), border: i64, gap in 0..9000u64) {
            times.sort_unstable();
            let mut at = 0;
            for piece in split_timestamps(&times, SplitCriteria { late_until: Some(border % 5000), min_gap: gap }) {
                prop_assert!(piece.start == at && !piece.is_empty() && piece.len() <= MAX_ESTIMATE_POINTS);
                at = piece.end;
            }
            prop_assert_eq!(at, times.len());
        }
    }
}
