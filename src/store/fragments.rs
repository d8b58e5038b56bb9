//! Estimates of what lies where, for those who decide where files are cut: bounded in number, whatever they stand for.
//! Promises that together they cover every point that they were told of, and that none joins two sources.
//! Must not know files or memtables.

use std::ops::Range;

use crate::version::Rectangle;
use crate::version::pick::Fragment;

/// With this many they are as fine as they need be: a plan's 256 MiB are 32,768 full blocks.
const MOST_FRAGMENTS: usize = 65_536;

/// How many there may be if a quarter of the memory is theirs: each is copied twice while regions are cut.
pub(super) fn most_fragments(memory: usize) -> usize {
    (memory / 4 / (3 * size_of::<(usize, Fragment)>())).clamp(1_024, MOST_FRAGMENTS)
}

/// Fragments that become coarser instead of many.
#[derive(Debug)]
pub(super) struct Fragments {
    most: usize,
    /// Each with the number of its source.
    found: Vec<(usize, Fragment)>,
    source: usize,
    /// Of how many that came one of them is made.
    joined: usize,
    /// How many came into the last one.
    in_last: usize,
}

impl Fragments {
    pub(super) fn at_most(most: usize) -> Self {
        Self { most: most.max(2), found: Vec::new(), source: 0, joined: 1, in_last: 0 }
    }

    /// What comes now lies elsewhere than what came: joined to it, it would hide the gap between them.
    pub(super) fn next_source(&mut self) {
        self.source += 1;
        self.in_last = self.joined;
    }

    /// The next one of a source, in the order of series and time: what follows each other lies close by.
    pub(super) fn push(&mut self, fragment: Fragment) {
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

    fn halve(&mut self) {
        let mut halved: Vec<(usize, Fragment)> = Vec::with_capacity(self.most);
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
        // The next one begins anew, be the last one full or not.
        self.in_last = self.joined;
    }

    pub(super) fn into_vec(self) -> Vec<Fragment> {
        self.found.into_iter().map(|(_, fragment)| fragment).collect()
    }
}

fn join(one: &Fragment, other: &Fragment) -> Fragment {
    Fragment {
        rectangle: one.rectangle.join(&other.rectangle),
        points: one.points + other.points,
        bytes: one.bytes + other.bytes,
    }
}

/// Points of one fragment of a memtable at most: those of its largest chunk.
const PIECE_POINTS: usize = 1024;
/// An estimate of what compressed points take, and a block beside them.
const POINT_BYTES: u64 = 2;
const BLOCK_BYTES: u64 = 55;
const BLOCK_POINTS: u64 = 8192;

/// What decides where a series' points in memory are taken apart.
#[derive(Debug, Clone, Copy)]
pub(super) struct Apart {
    /// Points up to here are not with later ones.
    pub(super) border: Option<i64>,
    /// Nor are those with at least so much time between them.
    pub(super) gap: u64,
}

/// Where a series' timestamps, in time order, are taken apart. A piece over a gap would hide the gap, and a file cut there
/// would be cut elsewhere or not at all.
pub(super) fn pieces(timestamps: &[i64], apart: Apart) -> impl Iterator<Item = Range<usize>> {
    let border = apart.border.map_or(0, |border| timestamps.partition_point(|time| *time <= border));
    let mut from = 0;
    std::iter::from_fn(move || {
        let most = (from + PIECE_POINTS).min(timestamps.len());
        let most = if from < border { most.min(border) } else { most };
        let piece = timestamps.get(from..most).filter(|piece| !piece.is_empty())?;
        let is_gap = |pair: &[i64]| pair[0].abs_diff(pair[1]) >= apart.gap.max(1);
        // Regular data has none, which its ends tell.
        let is_long = is_gap(&[piece[0], piece[piece.len() - 1]]);
        let gap = if is_long { piece.windows(2).position(is_gap) } else { None };
        let until = gap.map_or(most, |before| from + before + 1);
        Some(std::mem::replace(&mut from, until)..until)
    })
}

/// A piece of a series in memory as a fragment.
pub(super) fn in_memory(rectangle: Rectangle, points: usize) -> Fragment {
    let points = points as u64;
    let blocks = BLOCK_BYTES * points / BLOCK_POINTS;
    Fragment { rectangle, points, bytes: POINT_BYTES * points + blocks.max(1) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::series::SeriesId;

    fn fragment(series: u32, time: i64) -> Fragment {
        let series = SeriesId::new(series);
        let rectangle = Rectangle { first_series: series, last_series: series, first_time: time, last_time: time };
        Fragment { rectangle, points: 1, bytes: 3 }
    }

    #[test]
    fn many_fragments_become_coarser_and_lose_nothing() {
        let mut fragments = Fragments::at_most(100);
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
            found.iter().all(|one| one.rectangle.last_time - one.rectangle.first_time < 1000),
            "none joins two sources"
        );
        for source in 0..3 {
            let own = found.iter().filter(|one| one.rectangle.first_time / 1_000_000 == source);
            assert_eq!(own.map(|one| one.points).sum::<u64>(), 1000);
        }
    }

    #[test]
    fn pieces_end_at_the_border_and_at_gaps() {
        let timestamps: Vec<i64> = (0..2000).chain(1_000_000..1_000_010).collect();
        let found = |border, gap| pieces(&timestamps, Apart { border, gap }).collect::<Vec<_>>();
        assert_eq!(found(None, 1000), [0..1024, 1024..2000, 2000..2010]);
        assert_eq!(found(Some(1499), u64::MAX), [0..1024, 1024..1500, 1500..2010]);
        assert_eq!(pieces(&[], Apart { border: Some(3), gap: 0 }).count(), 0);
        let ends = pieces(&[i64::MIN, i64::MAX, i64::MAX], Apart { border: None, gap: u64::MAX });
        assert_eq!(ends.collect::<Vec<_>>(), [0..1, 1..3]);
    }

    proptest! {
        #[test]
        fn pieces_are_all_there_is(mut times in prop::collection::vec(-5000..5000i64, 0..3000), border: i64, gap in 0..9000u64) {
            times.sort_unstable();
            let mut at = 0;
            for piece in pieces(&times, Apart { border: Some(border % 5000), gap }) {
                prop_assert!(piece.start == at && !piece.is_empty() && piece.len() <= PIECE_POINTS);
                at = piece.end;
            }
            prop_assert_eq!(at, times.len());
        }
    }
}
