//! A query over many series, built step by step: windows of aggregates, or the points themselves.
//!
//! A query owns its catalog, so it may outlive the snapshot that created it. A query reads nothing before it is run.

mod limits;
mod points;
mod windows;

use std::fmt;
use std::ops::{Bound, RangeBounds};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::time::Duration;

use super::aggregate::Aggregate;
use super::catalog::Catalog;
use super::explain::ExplainReport;
use super::fill::Fill;
use super::fold::{Fold, NamedFold};
use super::group::Grouping;
use super::limits::QueryLimits;
use super::operator::Operator;
use super::period::Period;
use super::rank::{OutputSlice, Rank};
use super::result::Windows;
use super::window_function::WindowFunction;
use super::zone::Zone;
use crate::types::error::Result;
use crate::types::point::Timestamp;
use crate::types::selector::Selector;
use crate::types::time_range::TimeRange;
use std::sync::Arc;

pub use windows::Edge;

/// Query over all series that a [`Selector`] matches; made by [`Snapshot::query`](crate::Snapshot::query).
///
/// A query sees what the snapshot saw, however long it lives. Its steps may be called in any order; a step that is
/// called twice replaces the first call, except [`aggregate`](Self::aggregate), [`fold`](Self::fold) and
/// [`window_function`](Self::window_function), which add a column or a function. A run executes them in this order:
///
/// 1. select the series, and the points in the [`range`](Self::range), with the point before it by
///    [`lookback`](Self::lookback);
/// 2. cut the range into windows, by [`every`](Self::every), [`over`](Self::over), [`closed`](Self::closed),
///    [`origin`](Self::origin) and [`zone`](Self::zone);
/// 3. aggregate the points of each window, see [`Aggregate`] and [`Fold`];
/// 4. merge the series of a group, by [`group_by`](Self::group_by);
/// 5. rank the rows by an aggregate over the whole range, by [`top`](Self::top) or [`bottom`](Self::bottom);
/// 6. apply functions over the windows of a row, see [`WindowFunction`];
/// 7. fill the windows without a value, see [`Fill`];
/// 8. order the windows, by [`newest_first`](Self::newest_first);
/// 9. skip windows by [`offset`](Self::offset), and limit them by [`limit`](Self::limit).
///
/// ```
/// # let dir = tempfile::tempdir().unwrap();
/// use std::time::Duration;
/// use timestrata::{Aggregate, Batch, Db, Fill, Selector, SeriesKey, Timestamp};
///
/// let db = Db::open_blocking(dir.path().join("db"))?;
/// let mut batch = Batch::new();
/// for (station, secs, value) in [("JFK", 0, 3.5), ("JFK", 130, 4.5), ("LGA", 10, 2.5)] {
///     let key = SeriesKey::new("temp").tag("city", "NYC").tag("station", station);
///     batch.push_key(&key, Timestamp::from_secs(secs), value);
/// }
/// db.write_blocking(batch)?;
/// let answer = db
///     .snapshot()
///     .query(Selector::metric("temp"))
///     .every(Duration::from_secs(60))
///     .aggregate(Aggregate::Mean)
///     .aggregate(Aggregate::Count)
///     .group_by(["city"])
///     .fill(Fill::Previous)
///     .run_blocking()?;
/// let table = r#"
/// series            start                 mean  count
/// temp{city="NYC"}  1970-01-01T00:00:00Z     3      2
/// temp{city="NYC"}  1970-01-01T00:01:00Z     3      2
/// temp{city="NYC"}  1970-01-01T00:02:00Z   4.5      1"#;
/// assert_eq!(answer.to_string(), table.trim_start());
/// # Ok::<(), timestrata::Error>(())
/// ```
#[derive(Clone)]
#[must_use = "a query reads nothing until it is run"]
pub struct Query {
    pub(super) catalog: Arc<dyn Catalog>,
    pub(super) selector: Selector,
    pub(super) range: TimeRange,
    /// `true` if the range has no start.
    pub(super) open_start: bool,
    /// `true` if the range has no end.
    pub(super) open_end: bool,
    pub(super) every: Option<Period>,
    pub(super) origin: Option<Timestamp>,
    pub(super) zone: Zone,
    /// Length of overlapping windows.
    pub(super) over: Option<Duration>,
    pub(super) closed: Edge,
    pub(super) lookback: Option<Duration>,
    pub(super) operators: Vec<Operator>,
    pub(super) functions: Vec<WindowFunction>,
    pub(super) grouping: Grouping,
    pub(super) fill: Fill,
    pub(super) rank: Option<Rank>,
    pub(super) slice: OutputSlice,
    pub(super) use_statistics: bool,
    pub(super) limits: QueryLimits,
}

// A query only holds options and a catalog that never changes.
impl UnwindSafe for Query {}
impl RefUnwindSafe for Query {}

impl Query {
    pub(crate) fn new(catalog: Arc<dyn Catalog>, selector: Selector) -> Self {
        Self {
            catalog,
            selector,
            range: TimeRange::ALL,
            open_start: true,
            open_end: true,
            every: None,
            origin: None,
            zone: Zone::UTC,
            over: None,
            closed: Edge::Start,
            lookback: None,
            operators: Vec::new(),
            functions: Vec::new(),
            grouping: Grouping::PerSeries,
            fill: Fill::None,
            rank: None,
            slice: OutputSlice::default(),
            use_statistics: true,
            limits: QueryLimits::default(),
        }
    }

    /// Sets the time range; only points inside the range count.
    ///
    /// Default: all times. The result of a reversed range is empty.
    pub fn range(mut self, range: impl RangeBounds<Timestamp>) -> Self {
        self.range = TimeRange::from_bounds(&range);
        self.open_start = matches!(range.start_bound(), Bound::Unbounded);
        self.open_end = matches!(range.end_bound(), Bound::Unbounded);
        self
    }

    /// Adds an aggregate; [`run`](Self::run) needs at least one.
    ///
    /// All aggregates are computed in one pass. Each is a column of the result, in the order of the calls.
    pub fn aggregate(mut self, aggregate: Aggregate) -> Self {
        self.operators.push(Operator::Aggregate(aggregate));
        self
    }

    /// Adds several aggregates; see [`aggregate`](Self::aggregate).
    pub fn aggregates(mut self, aggregates: impl IntoIterator<Item = Aggregate>) -> Self {
        self.operators.extend(aggregates.into_iter().map(Operator::Aggregate));
        self
    }

    /// Adds a fold of the caller's crate as a column with this name, next to the aggregates.
    ///
    /// Each window begins with a clone of the prototype; see [`Fold`]. A query that groups series
    /// ([`group_by`](Self::group_by)) is an error that names the fold, unless the fold
    /// [may merge series](Fold::MERGES_SERIES).
    pub fn fold<F: Fold>(mut self, name: impl Into<String>, prototype: F) -> Self {
        let index = self.operators.iter().filter(|operator| matches!(operator, Operator::Fold(_))).count();
        self.operators.push(Operator::Fold(NamedFold { name: name.into(), index, prototype: Arc::new(prototype) }));
        self
    }

    /// Adds a function over the windows of each row: moving or cumulative. It applies to all columns.
    ///
    /// Several functions apply in the order of the calls. The name of a column becomes, for example,
    /// `moving_mean(sum, 5)`. See [`WindowFunction`] for missing windows.
    ///
    /// ```
    /// # let dir = tempfile::tempdir().unwrap();
    /// use std::time::Duration;
    /// use timestrata::{Aggregate, Batch, Db, Selector, SeriesKey, Timestamp, WindowFunction};
    ///
    /// let db = Db::open_blocking(dir.path().join("db"))?;
    /// let mut batch = Batch::new();
    /// for n in 0..4 {
    ///     batch.push_key(&SeriesKey::new("rain"), Timestamp::from_secs(60 * n), 1.5);
    /// }
    /// db.write_blocking(batch)?;
    /// let minutes = db.snapshot().query(Selector::metric("rain")).every(Duration::from_secs(60));
    /// let so_far = minutes.aggregate(Aggregate::Sum).window_function(WindowFunction::CumulativeSum);
    /// let answer = so_far.run_blocking()?;
    /// assert_eq!(answer.columns, ["cumulative_sum(sum)"]);
    /// assert_eq!(answer.series[0].values[0].as_f64(), Some(&[1.5, 3.0, 4.5, 6.0][..]));
    /// # Ok::<(), timestrata::Error>(())
    /// ```
    pub fn window_function(mut self, function: WindowFunction) -> Self {
        self.functions.push(function);
        self
    }

    /// Groups series with equal values of these tags. The points of a group form one row of windows.
    ///
    /// A missing tag counts as the empty value. Without tags, all series form one group. Series of several metrics are
    /// grouped together, too; select one metric to separate them. A series without a point in a window does not belong
    /// to a group. See [`Aggregate`] for groups of several series.
    pub fn group_by<Tag: Into<String>>(mut self, tags: impl IntoIterator<Item = Tag>) -> Self {
        let mut by: Vec<String> = Vec::new();
        for tag in tags.into_iter().map(Into::into) {
            // A key names a tag once.
            if !by.contains(&tag) {
                by.push(tag);
            }
        }
        self.grouping = Grouping::ByTags(by);
        self
    }

    /// Groups all series into one row of windows: [`group_by`](Self::group_by) without tags.
    pub fn group_all(self) -> Self {
        self.group_by::<String>([])
    }

    /// Sets the value of windows without a value. Default: [`Fill::None`].
    pub fn fill(mut self, fill: Fill) -> Self {
        self.fill = fill;
        self
    }

    /// Keeps the `count` rows with the greatest aggregate over the whole range, the greatest first.
    ///
    /// Rows with equal values are in the order of their keys; rows without a value or with NaN come last. The aggregate
    /// need not be one of the result's columns; it is computed in the same pass. Sums of integers are compared exactly,
    /// whatever their size.
    pub fn top(mut self, count: usize, by: Aggregate) -> Self {
        self.rank = Some(Rank { count, by, greatest_first: true });
        self
    }

    /// Keeps the `count` rows with the least aggregate over the whole range, the least first.
    ///
    /// See [`top`](Self::top).
    pub fn bottom(mut self, count: usize, by: Aggregate) -> Self {
        self.rank = Some(Rank { count, by, greatest_first: false });
        self
    }

    /// Orders the windows of each row from the newest to the oldest.
    pub fn newest_first(mut self) -> Self {
        self.slice.newest_first = true;
        self
    }

    /// Skips the first windows of each row, in the order of the result. A row without another window is left out.
    ///
    /// For [`points`](Self::points), skips the first points of each series.
    pub fn offset(mut self, windows: usize) -> Self {
        self.slice.offset = windows;
        self
    }

    /// Limits the number of windows of each row. For [`points`](Self::points): of points of each series.
    pub fn limit(mut self, windows: usize) -> Self {
        self.slice.limit = Some(windows);
        self
    }

    /// Sets whether the statistics of a block in the index may replace its points. Default: `true`.
    ///
    /// This applies to blocks that lie in one window, and is much faster for long windows.
    ///
    /// The results are the same except for sums of floats and aggregates derived from them, whose rounding may differ;
    /// a sum of only `-0.0` may become `0.0`. With `false` every point is decoded, and a sum has the same bits however
    /// the points are spread over files.
    pub fn statistics(mut self, use_statistics: bool) -> Self {
        self.use_statistics = use_statistics;
        self
    }

    /// Runs the query on tokio's blocking pool and returns its windows.
    ///
    /// Without a tokio runtime, the query runs on the thread that polls. The result takes 8 bytes for each window and
    /// 8 for each value. Dropping the future stops the reading.
    ///
    /// # Errors
    /// - [`Error::InvalidQuery`](crate::Error::InvalidQuery), of kind [`InvalidInput`](crate::ErrorKind::InvalidInput),
    ///   for a selector with an invalid pattern, windows of 0 ns or more than `i64::MAX` ns, overlapping windows of a
    ///   calendar, a quantile level outside 0 to 1, a fold that does not merge series in a query that groups them, a
    ///   window function that does not apply, or no aggregate;
    /// - [`Error::TooManyDistinctValues`](crate::Error::TooManyDistinctValues), of kind
    ///   [`LimitExceeded`](crate::ErrorKind::LimitExceeded), for [`Distinct`](Aggregate::Distinct) or
    ///   [`Mode`](Aggregate::Mode) of a window of a row of the result with more than 65,536 distinct values;
    /// - [`Error::SumOverflow`](crate::Error::SumOverflow), of the same kind, for a [`Sum`](Aggregate::Sum) of integers
    ///   that exceeds their type in a window of a row of the result, even if [`limit`](Self::limit) omits that window;
    /// - [`Error::QueryRuntimeBusy`](crate::Error::QueryRuntimeBusy), of kind [`Busy`](crate::ErrorKind::Busy), if the
    ///   [`Runtime`](crate::Runtime) has neither a slot nor room in its queue, or its memory is in use;
    /// - [`Error::QueryTooLarge`](crate::Error::QueryTooLarge),
    ///   [`Error::QueryLimitExceeded`](crate::Error::QueryLimitExceeded) and
    ///   [`Error::DeadlineExceeded`](crate::Error::DeadlineExceeded), of kind
    ///   [`LimitExceeded`](crate::ErrorKind::LimitExceeded), if a limit is exceeded;
    /// - errors of opening and reading files, of kind [`Io`](crate::ErrorKind::Io), [`Busy`](crate::ErrorKind::Busy) or
    ///   [`Corrupt`](crate::ErrorKind::Corrupt). No window is returned then.
    pub async fn run(self) -> Result<Windows> {
        Ok(self.execute(false).await?.0)
    }

    /// Blocking variant of [`run`](Self::run); uses the current thread and the threads that it starts.
    ///
    /// # Errors
    /// As for `run`.
    pub fn run_blocking(self) -> Result<Windows> {
        Ok(self.execute_blocking(false)?.0)
    }

    /// Runs the query and reports what was pruned, answered by statistics, and decoded.
    ///
    /// This takes a little longer than [`run`](Self::run), since pruned blocks are counted.
    ///
    /// # Errors
    /// As for `run`.
    ///
    /// ```
    /// # let dir = tempfile::tempdir().unwrap();
    /// use timestrata::{Aggregate, Batch, Db, Selector, SeriesKey, Timestamp};
    ///
    /// let db = Db::open_blocking(dir.path().join("db"))?;
    /// let mut batch = Batch::new();
    /// for n in 0..1_000 {
    ///     batch.push_key(&SeriesKey::new("load"), Timestamp::from_secs(n), 0.5);
    /// }
    /// db.write_blocking(batch)?;
    /// db.flush_blocking()?;
    /// let query = db.snapshot().query(Selector::metric("load")).aggregate(Aggregate::Max);
    /// let (answer, explain) = query.explain_blocking()?;
    /// assert_eq!(answer.len(), 1);
    /// assert_eq!((explain.blocks_by_statistics, explain.blocks_decoded), (1, 0));
    /// # Ok::<(), timestrata::Error>(())
    /// ```
    pub async fn explain(self) -> Result<(Windows, ExplainReport)> {
        self.execute(true).await
    }

    /// Blocking variant of [`explain`](Self::explain).
    ///
    /// Uses the current thread and the threads that it starts.
    ///
    /// # Errors
    /// As for `run`.
    pub fn explain_blocking(self) -> Result<(Windows, ExplainReport)> {
        self.execute_blocking(true)
    }
}

impl fmt::Debug for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Query")
            .field("selector", &self.selector)
            .field("range", &self.range)
            .field("every", &self.every)
            .field("over", &self.over)
            .field("closed", &self.closed)
            .field("lookback", &self.lookback)
            .field("operators", &self.operators.iter().map(Operator::name).collect::<Vec<_>>())
            .field("functions", &self.functions)
            .field("grouping", &self.grouping)
            .field("fill", &self.fill)
            .field("rank", &self.rank)
            .field("slice", &self.slice)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
