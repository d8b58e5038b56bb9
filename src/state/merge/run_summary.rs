//! Summaries of runs, which replace the points of a run in a count, sum, extreme, first or last value.
//!
//! A summary is known without reading the run. The merge iterator decides whether it may replace the run, since it has
//! the hidden ranges and the bounds of the other sources.

use crate::types::point::Scalar;
use crate::types::time_range::TimeRange;

/// Summary of the points of one run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct RunSummary<T> {
    /// Number of points, at least one.
    pub(crate) count: u64,
    /// Times of the first and the last point.
    pub(crate) range: TimeRange,
    /// Least value except NaN; the first value if all are NaN. If it is zero, its sign is unspecified.
    pub(crate) min: T,
    /// Greatest value except NaN; the first value if all are NaN. If it is zero, its sign is unspecified.
    pub(crate) max: T,
    pub(crate) first: T,
    pub(crate) last: T,
    pub(crate) sum: RunSum,
    /// `true` if any value is NaN.
    pub(crate) has_nan: bool,
    /// `true` if a value may be the stale marker; `false` without NaN.
    pub(crate) has_stale_marker: bool,
    /// `true` if it is known that no point of the run has the time of another point of the series.
    pub(crate) has_distinct_times: bool,
}

impl<V: Copy> RunSummary<V> {
    /// Converts the values by a function.
    pub(crate) fn map_values<T>(&self, value: impl Fn(V) -> T) -> RunSummary<T> {
        let Self { count, range, min, max, first, last, sum, has_nan, has_stale_marker, has_distinct_times } = *self;
        let (min, max, first, last) = (value(min), value(max), value(first), value(last));
        RunSummary { count, range, min, max, first, last, sum, has_nan, has_stale_marker, has_distinct_times }
    }
}

impl RunSummary<u64> {
    /// Converts values from the bits that encode them.
    pub(crate) fn typed<T: Scalar>(&self) -> RunSummary<T> {
        self.map_values(T::from_bits)
    }
}

/// Sum of the values of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum RunSum {
    /// Sum of doubles, in an unspecified order of additions.
    Float(f64),
    /// Exact sum of integers, or number of `true` values.
    Integer(i128),
}
