//! A fold of a user's crate: the public trait, and its object-safe form inside the engine.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use crate::types::point::{Timestamp, Value, ValueType};

/// Values of consecutive points of one series, as a slice of its type.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum ValueSlice<'a> {
    /// Values of a series of `f64`.
    F64(&'a [f64]),
    /// Values of a series of `i64`.
    I64(&'a [i64]),
    /// Values of a series of `u64`.
    U64(&'a [u64]),
    /// Values of a series of `bool`.
    Bool(&'a [bool]),
}

impl ValueSlice<'_> {
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

    /// Returns `true` if there is no value.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
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

    /// Returns the value at an index, counted from 0.
    #[must_use]
    pub fn get(&self, at: usize) -> Option<Value> {
        match self {
            Self::F64(values) => values.get(at).copied().map(Value::F64),
            Self::I64(values) => values.get(at).copied().map(Value::I64),
            Self::U64(values) => values.get(at).copied().map(Value::U64),
            Self::Bool(values) => values.get(at).copied().map(Value::Bool),
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
}

/// Statistics of a whole block of points, which replace the points; see [`Fold::push_summary`].
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct BlockSummary {
    /// Number of points, at least 1.
    pub count: u64,
    /// Time of the first point.
    pub first_time: Timestamp,
    /// Time of the last point.
    pub last_time: Timestamp,
    /// Value of the first point.
    pub first: Value,
    /// Value of the last point.
    pub last: Value,
    /// Least value except NaN; the first value if all are NaN. The sign of a zero is unspecified.
    pub min: Value,
    /// Greatest value except NaN; the first value if all are NaN. The sign of a zero is unspecified.
    pub max: Value,
    /// Sum of the values, rounded to an `f64`; NaN if a value is NaN.
    pub sum: f64,
}

/// Aggregate function of a user's crate; added to a query by [`Query::fold`](crate::Query::fold).
///
/// A value of the type is the state of one window. Each window starts with a clone of the prototype that was given to
/// the query. Its points arrive in time order, in slices of any length, and then [`finish`](Self::finish) returns the
/// value of the window. A query calls a state from one thread at a time.
///
/// States are merged only in time order: those of consecutive parts of an overlapping window
/// ([`Query::over`](crate::Query::over)). States of several series are merged only if
/// [`MERGES_SERIES`](Self::MERGES_SERIES) is `true`; a query that groups series is an error otherwise.
///
/// A fold must not panic: a panic ends the query. The results of a fold should depend on the sequence of points only,
/// not on its slices, because the slices depend on the files.
///
/// ```
/// # let dir = tempfile::tempdir().unwrap();
/// use timestrata::{Batch, Db, Fold, Selector, SeriesKey, Timestamp, Value, ValueSlice};
///
/// /// Longest time between two points, in seconds.
/// #[derive(Clone, Default)]
/// struct LongestGap {
///     first: Option<Timestamp>,
///     last: Option<Timestamp>,
///     longest: f64,
/// }
///
/// impl Fold for LongestGap {
///     fn push(&mut self, times: &[Timestamp], _: ValueSlice<'_>) {
///         for time in times {
///             let gap = self.last.map_or(0.0, |last| time.duration_since(last).as_secs_f64());
///             self.longest = self.longest.max(gap);
///             self.first.get_or_insert(*time);
///             self.last = Some(*time);
///         }
///     }
///
///     fn merge(&mut self, later: Self) {
///         let between = self.last.zip(later.first).map_or(0.0, |(a, b)| b.duration_since(a).as_secs_f64());
///         self.longest = self.longest.max(later.longest).max(between);
///         self.first = self.first.or(later.first);
///         self.last = later.last.or(self.last);
///     }
///
///     fn finish(self) -> Option<Value> {
///         Some(self.longest.into())
///     }
/// }
///
/// let db = Db::open_blocking(dir.path().join("db"))?;
/// let mut batch = Batch::new();
/// for secs in [0, 10, 25, 30] {
///     batch.push_key(&SeriesKey::new("load"), Timestamp::from_secs(secs), 0.5);
/// }
/// db.write_blocking(batch)?;
/// let query = db.snapshot().query(Selector::metric("load")).fold("longest gap", LongestGap::default());
/// let answer = query.run_blocking()?;
/// assert_eq!(answer.columns, ["longest gap"]);
/// assert_eq!(answer.series[0].values[0].as_f64(), Some(&[15.0][..]));
/// # Ok::<(), timestrata::Error>(())
/// ```
pub trait Fold: Clone + Send + Sync + 'static {
    /// `true` if [`merge`](Self::merge) also accepts the state of another series, whose times may be the same.
    ///
    /// States of several series are merged in the order of their keys.
    const MERGES_SERIES: bool = false;

    /// `true` if [`push_summary`](Self::push_summary) may replace the points of a whole block.
    const USES_SUMMARIES: bool = false;

    /// Returns the type of the values for series of a type; the type of the whole column. Default: `f64`.
    ///
    /// A value of another type is converted if this type is `f64`, and is missing otherwise. For a group of series of
    /// several types the column is `f64`.
    fn value_type(&self, series: ValueType) -> ValueType {
        let _ = series;
        ValueType::F64
    }

    /// Adds the next points, at least one, in time order. Both slices have the same length.
    fn push(&mut self, times: &[Timestamp], values: ValueSlice<'_>);

    /// Adds the next points by their statistics. Called only if [`USES_SUMMARIES`](Self::USES_SUMMARIES) is `true`.
    fn push_summary(&mut self, summary: &BlockSummary) {
        let _ = summary;
    }

    /// Adds the state of later points.
    fn merge(&mut self, later: Self);

    /// Returns the value of the window; `None` if it has none.
    fn finish(self) -> Option<Value>;

    /// Returns the bytes that the state holds on the heap, which count for
    /// [`Query::memory_limit`](crate::Query::memory_limit). Default: 0.
    fn heap_bytes(&self) -> usize {
        0
    }
}

/// Object-safe form of [`Fold`].
pub(super) trait DynFold: Send + Sync {
    fn fresh(&self) -> Box<dyn DynFold>;
    fn merges_series(&self) -> bool;
    fn uses_summaries(&self) -> bool;
    fn output_type(&self, series: ValueType) -> ValueType;
    fn push_points(&mut self, times: &[Timestamp], values: ValueSlice<'_>);
    fn push_block(&mut self, summary: &BlockSummary);
    fn append(&mut self, later: Box<dyn DynFold>);
    fn value(&self) -> Option<Value>;
    fn byte_len(&self) -> usize;
    fn into_any(self: Box<Self>) -> Box<dyn Any>;
}

impl<F: Fold> DynFold for F {
    fn fresh(&self) -> Box<dyn DynFold> {
        Box::new(self.clone())
    }

    fn merges_series(&self) -> bool {
        F::MERGES_SERIES
    }

    fn uses_summaries(&self) -> bool {
        F::USES_SUMMARIES
    }

    fn output_type(&self, series: ValueType) -> ValueType {
        self.value_type(series)
    }

    fn push_points(&mut self, times: &[Timestamp], values: ValueSlice<'_>) {
        self.push(times, values);
    }

    fn push_block(&mut self, summary: &BlockSummary) {
        self.push_summary(summary);
    }

    fn append(&mut self, later: Box<dyn DynFold>) {
        // All states of a column are clones of one prototype, so they have its type.
        if let Ok(later) = later.into_any().downcast::<F>() {
            self.merge(*later);
        }
    }

    fn value(&self) -> Option<Value> {
        self.clone().finish()
    }

    fn byte_len(&self) -> usize {
        size_of::<F>() + self.heap_bytes()
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

impl Clone for Box<dyn DynFold> {
    fn clone(&self) -> Self {
        (**self).fresh()
    }
}

impl fmt::Debug for dyn DynFold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("fold")
    }
}

/// A fold that was added to a query, with the name of its column.
#[derive(Debug, Clone)]
pub(super) struct NamedFold {
    pub(super) name: String,
    /// Index among the folds of the query.
    pub(super) index: usize,
    pub(super) prototype: Arc<dyn DynFold>,
}
