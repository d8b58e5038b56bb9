//! Cutting a series' columns into windows of time, and folding each to one value.
//! It takes chunks of any length in time order and promises the same windows for every way of cutting them.

use super::aggregate::Aggregate;
use super::blocking::Wanted;
use super::catalog::{AnySources, Sources};
use super::fold::{Measure, State};
use super::result::Window;
use crate::error::{Error, Result};
use crate::merge::{TimeRange, partition_near};
use crate::point::Timestamp;

/// How a range is cut into windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    /// One window, which starts here or, if the range is open below, at the first point.
    Whole { start: Option<Timestamp> },
    /// Windows of so many nanoseconds, above 0, aligned to the epoch.
    Every(i64),
}

impl Cut {
    /// Windows of a duration.
    pub(super) fn every(every: std::time::Duration) -> Result<Self> {
        match i64::try_from(every.as_nanos()) {
            Ok(0) => Err(Error::InvalidQuery { what: "windows of 0 ns: use 1 ns or more".to_owned() }),
            Ok(nanos) => Ok(Self::Every(nanos)),
            Err(_) => {
                let what = format!("windows of {every:?}: use at most {} ns, some 292 years", i64::MAX);
                Err(Error::InvalidQuery { what })
            }
        }
    }

    /// The start of the window that holds a time, and the last time it holds, both cut to the range of i64.
    fn window(self, at: Timestamp) -> (Timestamp, i64) {
        match self {
            Self::Whole { start } => (start.unwrap_or(at), i64::MAX),
            Self::Every(every) => {
                let into = at.as_nanos().rem_euclid(every);
                let start = at.as_nanos().saturating_sub(into);
                // `into` is less than `every`, so what remains of the window is at least 0.
                (Timestamp::from_nanos(start), at.as_nanos().saturating_add(every - 1 - into))
            }
        }
    }
}

/// Folds chunk after chunk into windows.
struct Folding<T: Measure> {
    cut: Cut,
    aggregate: Aggregate,
    windows: Vec<Window>,
    /// The window that is not finished: its start, the last time it may hold, its state.
    open: Option<(Timestamp, i64, State<T>)>,
}

impl<T: Measure> Folding<T> {
    fn add(&mut self, mut timestamps: &[Timestamp], mut values: &[T]) {
        while let Some(at) = timestamps.first() {
            if self.open.as_ref().is_some_and(|(_, last, _)| at.as_nanos() > *last) {
                self.finish();
            }
            let (_, last, state) = self.open.get_or_insert_with(|| {
                let (start, last) = self.cut.window(*at);
                (start, last, State::new(self.aggregate))
            });
            let inside = |at: &Timestamp| at.as_nanos() <= *last;
            let count = match timestamps.last() {
                Some(end) if inside(end) => timestamps.len(),
                // At least the first is inside: windows make progress even if a source broke its order.
                _ => partition_near(timestamps, inside).max(1),
            };
            state.add(&values[..count]);
            (timestamps, values) = (&timestamps[count..], &values[count..]);
        }
    }

    fn finish(&mut self) {
        if let Some((start, _, state)) = self.open.take() {
            self.windows.push(Window { start, value: state.finish() });
        }
    }
}

fn fold<T: Measure>(
    sources: Sources<T>,
    range: TimeRange,
    cut: Cut,
    aggregate: Aggregate,
    wanted: &Wanted,
) -> Result<Vec<Window>> {
    let mut merge = sources.merge(range);
    let mut folding = Folding { cut, aggregate, windows: Vec::new(), open: None };
    while wanted.still() && merge.advance()? {
        folding.add(merge.chunk().timestamps(), merge.chunk().values());
    }
    folding.finish();
    Ok(folding.windows)
}

/// The windows of one series that hold points, in time order.
pub(super) fn windows(
    sources: AnySources,
    range: TimeRange,
    cut: Cut,
    aggregate: Aggregate,
    wanted: &Wanted,
) -> Result<Vec<Window>> {
    match sources {
        AnySources::F64(sources) => fold(sources, range, cut, aggregate, wanted),
        AnySources::I64(sources) => fold(sources, range, cut, aggregate, wanted),
        AnySources::U64(sources) => fold(sources, range, cut, aggregate, wanted),
        AnySources::Bool(sources) => fold(sources, range, cut, aggregate, wanted),
    }
}

#[cfg(test)]
mod tests;
