//! In-memory point sources for tests of the merge iterator and of queries.
//!
//! The module also has generators of random sources, and expected results.
//!
//! The sources count their reads, can report loose bounds and can fail.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;

use crate::state::hidden_ranges::HiddenRanges;
use crate::state::merge::{BoxPointSource, PointSource, RunSum, RunSummary};
use crate::types::duplicate_policy::DuplicatePolicy;
use crate::types::error::{Error, Result};
use crate::types::point::{Point, Timestamp};
use crate::types::time_range::TimeRange;

/// Number of reads of a source and its clones.
#[derive(Debug, Clone, Default)]
pub(crate) struct ReadCounter(Arc<AtomicUsize>);

impl ReadCounter {
    pub(crate) fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A source of runs in memory; clones share their counter.
#[derive(Debug, Clone)]
pub(crate) struct VecSource<T> {
    rest: VecDeque<Vec<Point<T>>>,
    /// Nanoseconds by which both bounds are looser than they could be.
    looseness: i64,
    /// `true` if the source skips hidden runs without a read.
    knows_hidden_runs: bool,
    /// `true` if the source has summaries of its runs.
    has_summaries: bool,
    /// Number of reads that succeed before one read fails; `None` for no failure.
    reads_left: Option<usize>,
    reads: ReadCounter,
}

impl<T: Copy + Send + 'static> VecSource<T> {
    pub(crate) fn new(runs: Vec<Vec<Point<T>>>) -> Self {
        let rest: VecDeque<_> = runs.into_iter().filter(|run| !run.is_empty()).collect();
        Self {
            rest,
            looseness: 0,
            knows_hidden_runs: false,
            has_summaries: false,
            reads_left: None,
            reads: ReadCounter::default(),
        }
    }

    pub(crate) fn loose_by(self, looseness: i64) -> Self {
        Self { looseness, ..self }
    }

    pub(crate) fn with_hidden_runs_known(self, knows_hidden_runs: bool) -> Self {
        Self { knows_hidden_runs, ..self }
    }

    pub(crate) fn with_summaries(self) -> Self {
        Self { has_summaries: true, ..self }
    }

    fn points(&self) -> impl Iterator<Item = Point<T>> {
        self.rest.iter().flatten().copied()
    }

    pub(crate) fn failing_at(self, read: usize) -> Self {
        Self { reads_left: Some(read), ..self }
    }

    pub(crate) fn reads(&self) -> ReadCounter {
        self.reads.clone()
    }

    pub(crate) fn boxed(self) -> BoxPointSource<T> {
        Box::new(self)
    }

    fn count_read(&mut self) -> Result<()> {
        self.reads.add();
        if let Some(left) = &mut self.reads_left {
            *left = left.checked_sub(1).ok_or(Error::EnginePanicked)?;
        }
        Ok(())
    }
}

impl<T: Copy + Send + 'static> PointSource<T> for VecSource<T> {
    fn lower_bound(&self) -> Option<i64> {
        let first = self.rest.front()?.first()?;
        Some(first.timestamp.as_nanos().saturating_sub(self.looseness))
    }

    fn read_run(&mut self, timestamps: &mut Vec<Timestamp>, values: &mut Vec<T>) -> Result<bool> {
        self.count_read()?;
        let Some(run) = self.rest.pop_front() else { return Ok(false) };
        timestamps.extend(run.iter().map(|point| point.timestamp));
        values.extend(run.iter().map(|point| point.value));
        Ok(true)
    }

    fn peek_summary(&mut self) -> Result<Option<RunSummary<T>>> {
        if !self.has_summaries {
            return Ok(None);
        }
        self.looseness = 0;
        let mut runs = self.rest.iter();
        let Some(run) = runs.next() else { return Ok(None) };
        let (first, last) = (run[0], run[run.len() - 1]);
        // A file holds no two points of one timestamp if the duplicate policy keeps only one of them, so a run with
        // duplicate timestamps has no summary.
        let next = runs.next().map(|run| run[0].timestamp);
        let has_duplicates = run.windows(2).any(|pair| pair[0].timestamp == pair[1].timestamp);
        let last_time = last.timestamp;
        let range = TimeRange::new(first.timestamp.as_nanos(), last_time.as_nanos());
        let (first, last, sum) = (first.value, last.value, RunSum::Integer(0));
        let count = run.len() as u64;
        let (has_nan, has_stale_marker, has_distinct_times) = (false, false, false);
        let (min, max) = (first, last);
        let summary =
            RunSummary { count, range, min, max, first, last, sum, has_nan, has_stale_marker, has_distinct_times };
        Ok((!has_duplicates && next != Some(last_time)).then_some(summary))
    }

    fn skip_run(&mut self) -> Result<()> {
        self.rest.pop_front();
        Ok(())
    }

    fn upper_bound(&self) -> Option<i64> {
        let last = self.rest.back()?.last()?;
        Some(last.timestamp.as_nanos().saturating_add(self.looseness))
    }

    fn skip_hidden_runs(&mut self, hidden: &HiddenRanges) -> Result<bool> {
        let before = self.rest.len();
        let is_hidden = |run: &Vec<Point<T>>| run.iter().all(|point| is_hidden(hidden, point));
        while self.knows_hidden_runs && self.rest.front().is_some_and(is_hidden) {
            self.rest.pop_front();
        }
        Ok(self.rest.len() < before)
    }

    fn newest_point(&mut self, hidden: &HiddenRanges, duplicates: DuplicatePolicy) -> Result<Option<Point<T>>> {
        self.count_read()?;
        let visible = kept(self.points().filter(|point| !is_hidden(hidden, point)).collect(), duplicates);
        Ok(visible.last().copied())
    }
}

/// A source that implements only the required methods of the trait.
#[derive(Debug)]
pub(crate) struct DefaultMethodsSource<T>(pub(crate) VecSource<T>);

impl<T: Copy + Send + 'static> PointSource<T> for DefaultMethodsSource<T> {
    fn lower_bound(&self) -> Option<i64> {
        self.0.lower_bound()
    }

    fn read_run(&mut self, timestamps: &mut Vec<Timestamp>, values: &mut Vec<T>) -> Result<bool> {
        self.0.read_run(timestamps, values)
    }

    fn upper_bound(&self) -> Option<i64> {
        self.0.upper_bound()
    }
}

fn is_hidden<T>(hidden: &HiddenRanges, point: &Point<T>) -> bool {
    let at = point.timestamp.as_nanos();
    hidden.ranges().iter().any(|range| range.contains(at))
}

/// Returns the points that a duplicate policy keeps. The points must be in time order.
fn kept<T: Copy>(points: Vec<Point<T>>, duplicates: DuplicatePolicy) -> Vec<Point<T>> {
    let groups = points.chunk_by(|a, b| a.timestamp == b.timestamp);
    match duplicates {
        DuplicatePolicy::KeepAll => points,
        DuplicatePolicy::KeepLast => groups.filter_map(|group| group.last().copied()).collect(),
        DuplicatePolicy::KeepFirst => groups.filter_map(|group| group.first().copied()).collect(),
    }
}

/// Adds empty hidden ranges to each source.
pub(crate) fn plain<T>(sources: Vec<BoxPointSource<T>>) -> Vec<(BoxPointSource<T>, HiddenRanges)> {
    sources.into_iter().map(|source| (source, HiddenRanges::NONE)).collect()
}

/// Creates points from pairs of nanoseconds and value.
pub(crate) fn points<T: Copy>(pairs: &[(i64, T)]) -> Vec<Point<T>> {
    pairs.iter().map(|(at, value)| Point { timestamp: Timestamp::from_nanos(*at), value: *value }).collect()
}

/// Expected result of a merge: the points in the range, sorted by time.
///
/// Points with equal times are in the order of their sources, then in insertion order.
pub(crate) fn sorted_points<T: Copy + Send + 'static>(sources: &[VecSource<T>], range: TimeRange) -> Vec<Point<T>> {
    let lanes: Vec<_> = sources.iter().map(|source| (source.clone(), HiddenRanges::NONE)).collect();
    visible_points(&lanes, range, DuplicatePolicy::KeepAll)
}

/// Expected result of a merge with hidden ranges and a duplicate policy.
pub(crate) fn visible_points<T: Copy + Send + 'static>(
    lanes: &[(VecSource<T>, HiddenRanges)],
    range: TimeRange,
    duplicates: DuplicatePolicy,
) -> Vec<Point<T>> {
    let visible = lanes.iter().flat_map(|(source, hidden)| source.points().filter(|point| !is_hidden(hidden, point)));
    let inside = visible.filter(|point| range.contains(point.timestamp.as_nanos()));
    let mut points: Vec<_> = inside.collect();
    points.sort_by_key(|point| point.timestamp);
    kept(points, duplicates)
}

/// Strategy: any duplicate policy.
pub(crate) fn policies() -> impl Strategy<Value = DuplicatePolicy> {
    prop::sample::select(vec![DuplicatePolicy::KeepAll, DuplicatePolicy::KeepLast, DuplicatePolicy::KeepFirst])
}

/// Strategy: hidden ranges of a source.
///
/// Often none, otherwise a cutoff and a few ranges, some of them long.
pub(crate) fn hiddens() -> impl Strategy<Value = HiddenRanges> {
    let ends =
        prop_oneof![3 => (times(), 0..6_i64), 1 => (-2_000..2_000_i64, 0..900_i64), 1 => (times(), Just(i64::MAX))];
    let range = ends.prop_map(|(first, length)| TimeRange::new(first, first.saturating_add(length)));
    let cutoff = prop::option::weighted(0.3, times().prop_map(TimeRange::until));
    prop_oneof![
        1 => Just(HiddenRanges::NONE),
        2 => (prop::collection::vec(range, 0..6), cutoff).prop_map(|(ranges, cutoff)| {
            HiddenRanges::new(ranges.into_iter().chain(cutoff).collect())
        }),
    ]
}

/// Strategy: a time.
///
/// Most times are one of a few values, so that equal times are frequent; the others are near either end, or arbitrary.
pub(crate) fn times() -> impl Strategy<Value = i64> {
    prop_oneof![
        8 => -20..20_i64,
        1 => prop_oneof![Just(i64::MIN), Just(i64::MIN + 1), Just(i64::MAX - 1), Just(i64::MAX)],
        1 => any::<i64>(),
    ]
}

/// Strategy: any time range, including empty ranges.
pub(crate) fn ranges() -> impl Strategy<Value = TimeRange> {
    prop_oneof![Just(TimeRange::ALL), (times(), times()).prop_map(|(first, last)| TimeRange::new(first, last)),]
}

/// Splits points into runs; the list of lengths is repeated as needed.
pub(crate) fn split<T: Copy>(points: &[Point<T>], lengths: &[usize]) -> Vec<Vec<Point<T>>> {
    let mut runs = Vec::new();
    let mut rest = points;
    for length in lengths.iter().cycle() {
        if rest.is_empty() || lengths.iter().all(|length| *length == 0) {
            break;
        }
        let (run, after) = rest.split_at((*length).min(rest.len()));
        runs.push(run.to_vec());
        rest = after;
    }
    if !rest.is_empty() {
        runs.push(rest.to_vec());
    }
    runs
}

/// Strategy: a random source in time order, in random runs, with bounds that may be loose.
pub(crate) fn runs() -> impl Strategy<Value = VecSource<i64>> {
    let pairs = prop_oneof![
        4 => prop::collection::vec((times(), any::<i64>()), 0..40),
        1 => prop::collection::vec((-2_000..2_000_i64, any::<i64>()), 600..1_500),
    ];
    let lengths = prop_oneof![prop::collection::vec(0..700_usize, 1..4), prop::collection::vec(0..5_usize, 1..4)];
    (pairs, lengths, 0..3_i64, any::<bool>()).prop_map(|(mut pairs, lengths, looseness, known)| {
        pairs.sort_by_key(|(at, _)| *at);
        VecSource::new(split(&points(&pairs), &lengths)).loose_by(looseness).with_hidden_runs_known(known)
    })
}
