//! Sources made of vectors, and random ones, for the tests of this module and of queries; and what a merge must give.
//! They count how often they are touched, and may give loose bounds or fail.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;

use super::range::TimeRange;
use super::source::{BoxSource, Source};
use super::summary::{Summary, Total};
use crate::error::{Error, Result};
use crate::options::Duplicates;
use crate::point::{Point, Timestamp};
use crate::version::Hidden;

/// How often sources were read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Touches(Arc<AtomicUsize>);

impl Touches {
    pub(crate) fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A source of vectors; clones share their counter.
#[derive(Debug, Clone)]
pub(crate) struct Runs<T> {
    rest: VecDeque<Vec<Point<T>>>,
    /// By how much its bound and its end are looser than they could be.
    loose: i64,
    /// Whether it can tell, unread, that a run is hidden.
    foresees: bool,
    /// Whether it tells summaries.
    summarises: bool,
    /// Reads that succeed before one fails.
    reads_left: Option<usize>,
    touches: Touches,
}

impl<T: Copy + Send + 'static> Runs<T> {
    pub(crate) fn new(runs: Vec<Vec<Point<T>>>) -> Self {
        let rest: VecDeque<_> = runs.into_iter().filter(|run| !run.is_empty()).collect();
        Self { rest, loose: 0, foresees: false, summarises: false, reads_left: None, touches: Touches::default() }
    }

    pub(crate) fn loose_by(self, loose: i64) -> Self {
        Self { loose, ..self }
    }

    pub(crate) fn foreseeing(self, foresees: bool) -> Self {
        Self { foresees, ..self }
    }

    pub(crate) fn summarising(self) -> Self {
        Self { summarises: true, ..self }
    }

    fn points(&self) -> impl Iterator<Item = Point<T>> {
        self.rest.iter().flatten().copied()
    }

    pub(crate) fn failing_at(self, read: usize) -> Self {
        Self { reads_left: Some(read), ..self }
    }

    pub(crate) fn touches(&self) -> Touches {
        self.touches.clone()
    }

    pub(crate) fn boxed(self) -> BoxSource<T> {
        Box::new(self)
    }

    fn touch(&mut self) -> Result<()> {
        self.touches.add();
        if let Some(left) = &mut self.reads_left {
            *left = left.checked_sub(1).ok_or(Error::Poisoned)?;
        }
        Ok(())
    }
}

impl<T: Copy + Send + 'static> Source<T> for Runs<T> {
    fn bound(&self) -> Option<i64> {
        let first = self.rest.front()?.first()?;
        Some(first.timestamp.as_nanos().saturating_sub(self.loose))
    }

    fn fill(&mut self, timestamps: &mut Vec<Timestamp>, values: &mut Vec<T>) -> Result<bool> {
        self.touch()?;
        let Some(run) = self.rest.pop_front() else { return Ok(false) };
        timestamps.extend(run.iter().map(|point| point.timestamp));
        values.extend(run.iter().map(|point| point.value));
        Ok(true)
    }

    fn peek(&mut self) -> Result<Option<Summary<T>>> {
        if !self.summarises {
            return Ok(None);
        }
        self.loose = 0;
        let mut runs = self.rest.iter();
        let Some(run) = runs.next() else { return Ok(None) };
        let (first, last) = (run[0], run[run.len() - 1]);
        // Files hold no two points of a time of which one counts.
        let next = runs.next().map(|run| run[0].timestamp);
        let has_twins = run.windows(2).any(|pair| pair[0].timestamp == pair[1].timestamp);
        let (first_time, last_time) = (first.timestamp.as_nanos(), last.timestamp.as_nanos());
        let (first, last, sum) = (first.value, last.value, Total::Integer(0));
        let count = run.len() as u64;
        let summary = Summary { count, first_time, last_time, min: first, max: last, first, last, sum };
        Ok((!has_twins && next != Some(Timestamp::from_nanos(last_time))).then_some(summary))
    }

    fn skip(&mut self) {
        self.rest.pop_front();
    }

    fn end(&self) -> Option<i64> {
        let last = self.rest.back()?.last()?;
        Some(last.timestamp.as_nanos().saturating_add(self.loose))
    }

    fn pass_over(&mut self, hidden: &Hidden) -> Result<bool> {
        let before = self.rest.len();
        let is_hidden = |run: &Vec<Point<T>>| run.iter().all(|point| is_hidden(hidden, point));
        while self.foresees && self.rest.front().is_some_and(is_hidden) {
            self.rest.pop_front();
        }
        Ok(self.rest.len() < before)
    }

    fn last(&mut self, hidden: &Hidden, duplicates: Duplicates) -> Result<Option<Point<T>>> {
        self.touch()?;
        let visible = kept(self.points().filter(|point| !is_hidden(hidden, point)).collect(), duplicates);
        Ok(visible.last().copied())
    }
}

/// The same through nothing but runs: what the trait itself makes of them.
#[derive(Debug)]
pub(crate) struct OnlyRuns<T>(pub(crate) Runs<T>);

impl<T: Copy + Send + 'static> Source<T> for OnlyRuns<T> {
    fn bound(&self) -> Option<i64> {
        self.0.bound()
    }

    fn fill(&mut self, timestamps: &mut Vec<Timestamp>, values: &mut Vec<T>) -> Result<bool> {
        self.0.fill(timestamps, values)
    }

    fn end(&self) -> Option<i64> {
        self.0.end()
    }
}

fn is_hidden<T>(hidden: &Hidden, point: &Point<T>) -> bool {
    let at = point.timestamp.as_nanos();
    hidden.ranges().iter().any(|(first, last)| (*first..=*last).contains(&at))
}

/// What a policy leaves of points in time order.
fn kept<T: Copy>(points: Vec<Point<T>>, duplicates: Duplicates) -> Vec<Point<T>> {
    let twins = points.chunk_by(|a, b| a.timestamp == b.timestamp);
    match duplicates {
        Duplicates::KeepAll => points,
        Duplicates::KeepLast => twins.filter_map(|twins| twins.last().copied()).collect(),
        Duplicates::KeepFirst => twins.filter_map(|twins| twins.first().copied()).collect(),
    }
}

/// Lanes of which nothing is hidden.
pub(crate) fn plain<T>(sources: Vec<BoxSource<T>>) -> Vec<(BoxSource<T>, Hidden)> {
    sources.into_iter().map(|source| (source, Hidden::NONE)).collect()
}

/// Points from pairs of nanoseconds and values.
pub(crate) fn points<T: Copy>(pairs: &[(i64, T)]) -> Vec<Point<T>> {
    pairs.iter().map(|(at, value)| Point { timestamp: Timestamp::from_nanos(*at), value: *value }).collect()
}

/// The points inside the range, sorted by time, equal times by source and then arrival: what a merge must give.
pub(crate) fn sorted_points<T: Copy + Send + 'static>(sources: &[Runs<T>], range: TimeRange) -> Vec<Point<T>> {
    let lanes: Vec<_> = sources.iter().map(|source| (source.clone(), Hidden::NONE)).collect();
    visible_points(&lanes, range, Duplicates::KeepAll)
}

/// The same of what is not hidden, and of these what the policy leaves.
pub(crate) fn visible_points<T: Copy + Send + 'static>(
    lanes: &[(Runs<T>, Hidden)],
    range: TimeRange,
    duplicates: Duplicates,
) -> Vec<Point<T>> {
    let visible = lanes.iter().flat_map(|(source, hidden)| source.points().filter(|point| !is_hidden(hidden, point)));
    let inside = visible.filter(|point| range.as_inclusive().contains(&point.timestamp.as_nanos()));
    let mut points: Vec<_> = inside.collect();
    points.sort_by_key(|point| point.timestamp);
    kept(points, duplicates)
}

/// Any way to treat duplicates.
pub(crate) fn policies() -> impl Strategy<Value = Duplicates> {
    prop::sample::select(vec![Duplicates::KeepAll, Duplicates::KeepLast, Duplicates::KeepFirst])
}

/// What a lane may hide: often nothing, else a cutoff and a few ranges, long ones among them.
pub(crate) fn hiddens() -> impl Strategy<Value = Hidden> {
    let ends =
        prop_oneof![3 => (times(), 0..6_i64), 1 => (-2_000..2_000_i64, 0..900_i64), 1 => (times(), Just(i64::MAX))];
    let range = ends.prop_map(|(first, length)| (first, first.saturating_add(length)));
    let cutoff = prop::option::weighted(0.3, times().prop_map(|at| (i64::MIN, at)));
    prop_oneof![
        1 => Just(Hidden::NONE),
        2 => (prop::collection::vec(range, 0..6), cutoff).prop_map(|(ranges, cutoff)| {
            Hidden::new(ranges.into_iter().chain(cutoff).collect())
        }),
    ]
}

/// A time: mostly one of few, so that equal ones abound; else either end or any.
pub(crate) fn times() -> impl Strategy<Value = i64> {
    prop_oneof![
        8 => -20..20_i64,
        1 => prop_oneof![Just(i64::MIN), Just(i64::MIN + 1), Just(i64::MAX - 1), Just(i64::MAX)],
        1 => any::<i64>(),
    ]
}

/// Any range, reversed ones included.
pub(crate) fn ranges() -> impl Strategy<Value = TimeRange> {
    prop_oneof![
        Just(TimeRange::ALL),
        (times(), times()).prop_map(|(first, last)| {
            TimeRange::new(&(Timestamp::from_nanos(first)..=Timestamp::from_nanos(last)))
        }),
    ]
}

/// Splits points into runs whose lengths are taken in turn from a list.
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

/// A random source in time order, in random runs, with a bound that may be loose.
pub(crate) fn runs() -> impl Strategy<Value = Runs<i64>> {
    let pairs = prop_oneof![
        4 => prop::collection::vec((times(), any::<i64>()), 0..40),
        1 => prop::collection::vec((-2_000..2_000_i64, any::<i64>()), 600..1_500),
    ];
    let lengths = prop_oneof![prop::collection::vec(0..700_usize, 1..4), prop::collection::vec(0..5_usize, 1..4)];
    (pairs, lengths, 0..3_i64, any::<bool>()).prop_map(|(mut pairs, lengths, loose, knows)| {
        pairs.sort_by_key(|(at, _)| *at);
        Runs::new(split(&points(&pairs), &lengths)).loose_by(loose).foreseeing(knows)
    })
}
