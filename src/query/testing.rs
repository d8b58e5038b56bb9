//! Sources made of vectors, and random ones, for the tests of this module.
//! They count how often they are touched, and may give loose bounds or fail.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;

use super::range::TimeRange;
use super::source::{BoxSource, Source};
use crate::error::{Error, Result};
use crate::point::{Point, Timestamp};

/// How often sources were read.
#[derive(Debug, Clone, Default)]
pub(super) struct Touches(Arc<AtomicUsize>);

impl Touches {
    pub(super) fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A source of vectors; clones share their counter.
#[derive(Debug, Clone)]
pub(super) struct Runs<T> {
    rest: VecDeque<Vec<Point<T>>>,
    /// By how much its bound and its end are looser than they could be.
    loose: i64,
    /// Reads that succeed before one fails.
    reads_left: Option<usize>,
    touches: Touches,
}

impl<T: Copy + Send + 'static> Runs<T> {
    pub(super) fn new(runs: Vec<Vec<Point<T>>>) -> Self {
        let rest: VecDeque<_> = runs.into_iter().filter(|run| !run.is_empty()).collect();
        Self { rest, loose: 0, reads_left: None, touches: Touches::default() }
    }

    pub(super) fn loose_by(self, loose: i64) -> Self {
        Self { loose, ..self }
    }

    pub(super) fn failing_at(self, read: usize) -> Self {
        Self { reads_left: Some(read), ..self }
    }

    pub(super) fn touches(&self) -> Touches {
        self.touches.clone()
    }

    pub(super) fn boxed(self) -> BoxSource<T> {
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

    fn end(&self) -> Option<i64> {
        let last = self.rest.back()?.last()?;
        Some(last.timestamp.as_nanos().saturating_add(self.loose))
    }

    fn last(&mut self) -> Result<Option<Point<T>>> {
        self.touch()?;
        Ok(self.rest.back().and_then(|run| run.last()).copied())
    }
}

/// Points from pairs of nanoseconds and values.
pub(super) fn points<T: Copy>(pairs: &[(i64, T)]) -> Vec<Point<T>> {
    pairs.iter().map(|(at, value)| Point { timestamp: Timestamp::from_nanos(*at), value: *value }).collect()
}

/// The points inside the range, sorted by time, equal times by source and then arrival: what a merge must give.
pub(super) fn sorted_points<T: Copy + Send + 'static>(sources: &[Runs<T>], range: TimeRange) -> Vec<Point<T>> {
    let all = sources.iter().flat_map(|source| source.rest.iter().flatten().copied());
    let mut points: Vec<_> = all.filter(|point| range.as_inclusive().contains(&point.timestamp.as_nanos())).collect();
    points.sort_by_key(|point| point.timestamp);
    points
}

/// A time: mostly one of few, so that equal ones abound; else either end or any.
pub(super) fn times() -> impl Strategy<Value = i64> {
    prop_oneof![
        8 => -20..20_i64,
        1 => prop_oneof![Just(i64::MIN), Just(i64::MIN + 1), Just(i64::MAX - 1), Just(i64::MAX)],
        1 => any::<i64>(),
    ]
}

/// Any range, reversed ones included.
pub(super) fn ranges() -> impl Strategy<Value = TimeRange> {
    prop_oneof![
        Just(TimeRange::ALL),
        (times(), times()).prop_map(|(first, last)| {
            TimeRange::new(&(Timestamp::from_nanos(first)..=Timestamp::from_nanos(last)))
        }),
    ]
}

/// Splits points into runs whose lengths are taken in turn from a list.
pub(super) fn split<T: Copy>(points: &[Point<T>], lengths: &[usize]) -> Vec<Vec<Point<T>>> {
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
pub(super) fn runs() -> impl Strategy<Value = Runs<i64>> {
    let pairs = prop_oneof![
        4 => prop::collection::vec((times(), any::<i64>()), 0..40),
        1 => prop::collection::vec((-2_000..2_000_i64, any::<i64>()), 600..1_500),
    ];
    (pairs, prop::collection::vec(0..700_usize, 1..4), 0..3_i64).prop_map(|(mut pairs, lengths, loose)| {
        pairs.sort_by_key(|(at, _)| *at);
        Runs::new(split(&points(&pairs), &lengths)).loose_by(loose)
    })
}
