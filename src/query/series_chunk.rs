//! Chunks of a scan of many series: borrowed and owned columns, and summaries of blocks.

use std::sync::Arc;

use crate::state::merge::{RunSum, RunSummary};
use crate::types::point::{Point, Scalar, Timestamp, Value, ValueType};
use crate::types::series::SeriesInfo;

/// Consecutive points of one series as columns, or the summary of a block; see [`SeriesScan`](crate::SeriesScan).
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct SeriesChunk<'a> {
    /// Series of the points.
    pub series: &'a Arc<SeriesInfo>,
    /// Timestamps in ascending order; points of one timestamp are in the order of their arrival.
    ///
    /// Empty for a summary, and if only values are requested.
    pub timestamps: &'a [Timestamp],
    /// The value of each timestamp. Empty for a summary, and if only timestamps are requested.
    pub values: ValueSlice<'a>,
    /// Summary of points that take the place of the points themselves; `None` unless summaries were requested.
    pub summary: Option<PointSummary>,
}

impl SeriesChunk<'_> {
    /// Returns the number of points, those of a summary included.
    #[must_use]
    pub fn point_count(&self) -> u64 {
        let points = self.timestamps.len().max(self.values.len());
        self.summary.map_or(points as u64, |summary| summary.count)
    }

    /// Returns an owned copy.
    #[must_use]
    pub fn to_owned(&self) -> OwnedSeriesChunk {
        OwnedSeriesChunk {
            series: Arc::clone(self.series),
            timestamps: self.timestamps.to_vec(),
            values: self.values.to_owned(),
            summary: self.summary,
        }
    }
}

/// Values of one type, borrowed.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum ValueSlice<'a> {
    /// Values of a series of [`ValueType::F64`].
    F64(&'a [f64]),
    /// Values of a series of [`ValueType::I64`].
    I64(&'a [i64]),
    /// Values of a series of [`ValueType::U64`].
    U64(&'a [u64]),
    /// Values of a series of [`ValueType::Bool`].
    Bool(&'a [bool]),
}

impl<'a> ValueSlice<'a> {
    /// Interprets the bits of values. `bools` is the buffer of booleans, which take a byte each.
    pub(super) fn from_bits(value_type: ValueType, bits: &'a [u64], bools: &'a mut Vec<bool>) -> Self {
        match value_type {
            ValueType::F64 => Self::F64(bytemuck::cast_slice(bits)),
            ValueType::I64 => Self::I64(bytemuck::cast_slice(bits)),
            ValueType::U64 => Self::U64(bits),
            ValueType::Bool => {
                bools.clear();
                bools.extend(bits.iter().map(|bits| *bits != 0));
                Self::Bool(bools)
            }
        }
    }

    /// Returns the number of values.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::F64(values) => values.len(),
            Self::I64(values) => values.len(),
            Self::U64(values) => values.len(),
            Self::Bool(values) => values.len(),
        }
    }

    /// Returns `true` if there are no values.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the value at an index; `None` behind the last one.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<Value> {
        match self {
            Self::F64(values) => values.get(index).map(|value| Value::F64(*value)),
            Self::I64(values) => values.get(index).map(|value| Value::I64(*value)),
            Self::U64(values) => values.get(index).map(|value| Value::U64(*value)),
            Self::Bool(values) => values.get(index).map(|value| Value::Bool(*value)),
        }
    }

    /// Returns the type of the series.
    #[must_use]
    pub fn value_type(&self) -> ValueType {
        match self {
            Self::F64(_) => ValueType::F64,
            Self::I64(_) => ValueType::I64,
            Self::U64(_) => ValueType::U64,
            Self::Bool(_) => ValueType::Bool,
        }
    }

    /// Calls a function with each value as the nearest `f64`, in order. The type is looked up once, not per value.
    #[inline]
    #[expect(clippy::cast_precision_loss, reason = "the nearest f64 is the documented result")]
    pub fn for_each_f64(&self, mut each: impl FnMut(f64)) {
        match self {
            Self::F64(values) => values.iter().for_each(|value| each(*value)),
            Self::I64(values) => values.iter().for_each(|value| each(*value as f64)),
            Self::U64(values) => values.iter().for_each(|value| each(*value as f64)),
            Self::Bool(values) => values.iter().for_each(|value| each(f64::from(u8::from(*value)))),
        }
    }

    /// Returns an owned copy.
    #[must_use]
    pub fn to_owned(&self) -> ValueVec {
        match self {
            Self::F64(values) => ValueVec::F64(values.to_vec()),
            Self::I64(values) => ValueVec::I64(values.to_vec()),
            Self::U64(values) => ValueVec::U64(values.to_vec()),
            Self::Bool(values) => ValueVec::Bool(values.to_vec()),
        }
    }
}

/// Values of one type, owned.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum ValueVec {
    /// Values of a series of [`ValueType::F64`].
    F64(Vec<f64>),
    /// Values of a series of [`ValueType::I64`].
    I64(Vec<i64>),
    /// Values of a series of [`ValueType::U64`].
    U64(Vec<u64>),
    /// Values of a series of [`ValueType::Bool`].
    Bool(Vec<bool>),
}

impl ValueVec {
    /// Borrows the values.
    #[must_use]
    pub fn as_slice(&self) -> ValueSlice<'_> {
        match self {
            Self::F64(values) => ValueSlice::F64(values),
            Self::I64(values) => ValueSlice::I64(values),
            Self::U64(values) => ValueSlice::U64(values),
            Self::Bool(values) => ValueSlice::Bool(values),
        }
    }
}

/// Owned form of a [`SeriesChunk`], the item of a [`SeriesScanStream`](crate::SeriesScanStream).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct OwnedSeriesChunk {
    /// See [`SeriesChunk::series`].
    pub series: Arc<SeriesInfo>,
    /// See [`SeriesChunk::timestamps`].
    pub timestamps: Vec<Timestamp>,
    /// See [`SeriesChunk::values`].
    pub values: ValueVec,
    /// See [`SeriesChunk::summary`].
    pub summary: Option<PointSummary>,
}

impl OwnedSeriesChunk {
    /// Borrows the chunk.
    #[must_use]
    pub fn as_chunk(&self) -> SeriesChunk<'_> {
        let Self { series, timestamps, values, summary } = self;
        SeriesChunk { series, timestamps, values: values.as_slice(), summary: *summary }
    }
}

/// Summary of consecutive points of one series, known without reading them.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct PointSummary {
    /// Number of points, at least one.
    pub count: u64,
    /// Earliest point.
    pub first: Point<Value>,
    /// Latest point.
    pub last: Point<Value>,
    /// Least value except NaN; the first value if all are NaN. If it is zero, its sign is unspecified.
    pub min: Value,
    /// Greatest value except NaN; the first value if all are NaN. If it is zero, its sign is unspecified.
    pub max: Value,
    /// `true` if any value is NaN.
    pub has_nan: bool,
    /// `true` if a value may be the [stale marker](crate::STALE_MARKER_BITS); `false` if none is NaN.
    pub has_stale_marker: bool,
    /// `true` if it is known that no point has the time of another point of its series. Always so if the series keeps one
    /// point of a time.
    pub has_distinct_times: bool,
    sum: RunSum,
}

impl PointSummary {
    /// Converts a run summary whose values are bits.
    pub(super) fn new(value_type: ValueType, summary: &RunSummary<u64>) -> Self {
        match value_type {
            ValueType::F64 => Self::of(&summary.typed::<f64>()),
            ValueType::I64 => Self::of(&summary.typed::<i64>()),
            ValueType::U64 => Self::of(summary),
            ValueType::Bool => Self::of(&summary.typed::<bool>()),
        }
    }

    pub(super) fn of<T: Scalar>(summary: &RunSummary<T>) -> Self {
        let point = |nanos, value: T| Point { timestamp: Timestamp::from_nanos(nanos), value: value.into() };
        Self {
            count: summary.count,
            first: point(summary.range.first(), summary.first),
            last: point(summary.range.last(), summary.last),
            min: summary.min.into(),
            max: summary.max.into(),
            has_nan: summary.has_nan,
            has_stale_marker: summary.has_stale_marker,
            has_distinct_times: summary.has_distinct_times,
            sum: summary.sum,
        }
    }

    /// Returns the sum of the values as `f64`; NaN if any value is NaN.
    ///
    /// Doubles are added in an unspecified order. The sum of integers is the double nearest to the exact sum, that of
    /// booleans is the number of `true`.
    #[must_use]
    pub fn sum_f64(&self) -> f64 {
        super::kernels::sum_to_f64(self.sum)
    }

    /// Returns the exact sum of integers, or the number of `true` values; `None` for doubles.
    #[must_use]
    pub fn sum_integer(&self) -> Option<i128> {
        match self.sum {
            RunSum::Integer(sum) => Some(sum),
            RunSum::Float(_) => None,
        }
    }
}
