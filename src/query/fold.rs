//! A fold of a user's crate: the public trait, and its object-safe form inside the engine.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use super::series_chunk::{PointSummary, ValueSlice};
use crate::types::point::{Timestamp, Value, ValueType};

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
/// A fold gets no [stale markers](crate::STALE_MARKER_BITS).
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
    /// States of several series are merged in the order of their ids.
    const MERGES_SERIES: bool = false;

    /// `true` if [`push_summary`](Self::push_summary) may replace the points of a whole block.
    const USES_SUMMARIES: bool = false;

    /// `true` if the state needs the point before its first one, for the steps between points.
    const NEEDS_STEPS: bool = false;

    /// Returns the type of the values for series of a type; the type of the whole column. Default: `f64`.
    ///
    /// A value of another type is converted if this type is `f64`, and is missing otherwise. For a group of series of
    /// several types the column is `f64`.
    fn value_type(&self, series: ValueType) -> ValueType {
        let _ = series;
        ValueType::F64
    }

    /// Sets the point before the first point of the window: the last one before it in the range, or within the
    /// [lookback](crate::Query::lookback). NaN is skipped. Called once, before the first `push`, if there is such a point, and only if
    /// [`NEEDS_STEPS`](Self::NEEDS_STEPS) is `true`.
    ///
    /// Of the consecutive parts of an overlapping window, each one starts after the last point of the part before it.
    fn start_after(&mut self, time: Timestamp, value: Value) {
        let _ = (time, value);
    }

    /// Adds the next points, at least one, in time order. Both slices have the same length.
    fn push(&mut self, times: &[Timestamp], values: ValueSlice<'_>);

    /// Adds the next points by their statistics. Called only if [`USES_SUMMARIES`](Self::USES_SUMMARIES) is `true`.
    fn push_summary(&mut self, summary: &PointSummary) {
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
    fn needs_steps(&self) -> bool;
    fn begin_after(&mut self, time: Timestamp, value: Value);
    fn output_type(&self, series: ValueType) -> ValueType;
    fn push_points(&mut self, times: &[Timestamp], values: ValueSlice<'_>);
    fn push_block(&mut self, summary: &PointSummary);
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

    fn needs_steps(&self) -> bool {
        F::NEEDS_STEPS
    }

    fn begin_after(&mut self, time: Timestamp, value: Value) {
        self.start_after(time, value);
    }

    fn output_type(&self, series: ValueType) -> ValueType {
        self.value_type(series)
    }

    fn push_points(&mut self, times: &[Timestamp], values: ValueSlice<'_>) {
        self.push(times, values);
    }

    fn push_block(&mut self, summary: &PointSummary) {
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
