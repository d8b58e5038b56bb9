//! Scan of the points of many series, as columns: the physical read path that query languages build on.

use std::fmt;
use std::ops::{Range, RangeBounds};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::catalog::{Catalog, CursorOptions, SeriesCursor};
use super::limits::{Deadline, QueryBudget, QueryLimits};
use super::memory::QueryMemory;
use super::offload::CancelToken;
use super::series_chunk::{PointSummary, SeriesChunk, ValueSlice};
use super::series_scan_stream::SeriesScanStream;
use super::summary_windows::{SummaryRule, SummaryWindows};
use crate::format::sst::Columns;
use crate::state::merge::RunSummary;
use crate::types::error::{Error, Result};
use crate::types::point::Timestamp;
use crate::types::selector::Selector;
use crate::types::series::SeriesInfo;
use crate::types::time_range::TimeRange;

/// Default maximum number of points of a chunk: that of a block.
const DEFAULT_CHUNK_POINTS: usize = 8192;

/// Columns that a [`SeriesScan`] reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Projection {
    /// Timestamps and values.
    #[default]
    Both,
    /// Timestamps; values are not decoded.
    Timestamps,
    /// Values; the timestamps are read, since they decide which points count, but not returned.
    Values,
}

/// Scan of the points of all series that a [`Selector`] matches; made by
/// [`Snapshot::scan_series`](crate::Snapshot::scan_series).
///
/// The points come as columns, series by series in ascending order of their [ids](SeriesInfo::id), and by time within a
/// series. They are merged, deduplicated by the policy of the series, and free of deleted points, as in every other
/// read. This is the interface for query languages and exports: nothing is allocated, boxed or copied per point, and each
/// file is read from its front to its end.
///
/// [`partitions`](Self::partitions) divides the series among several cursors, which threads can read independently. A
/// cursor holds memory, but no thread.
///
/// ```
/// # let dir = tempfile::tempdir().unwrap();
/// use timestrata::{Batch, Db, Selector, SeriesKey, Timestamp, ValueSlice};
///
/// let db = Db::open_blocking(dir.path().join("db"))?;
/// let mut batch = Batch::new();
/// for (host, secs, load) in [("a", 1, 0.5), ("a", 2, 0.7), ("b", 1, 2.0)] {
///     batch.push_key(&SeriesKey::new("load").tag("host", host), Timestamp::from_secs(secs), load);
/// }
/// db.write_blocking(batch)?;
///
/// let mut sums = Vec::new();
/// let mut cursor = db.snapshot().scan_series(Selector::metric("load")).cursor()?;
/// while let Some(chunk) = cursor.next_chunk()? {
///     let ValueSlice::F64(values) = chunk.values else { continue };
///     sums.push((chunk.series.to_string(), values.iter().sum::<f64>()));
/// }
/// assert_eq!(sums, [(r#"load{host="a"}"#.to_owned(), 1.2), (r#"load{host="b"}"#.to_owned(), 2.0)]);
/// # Ok::<(), timestrata::Error>(())
/// ```
#[derive(Clone)]
#[must_use = "a scan reads nothing until a cursor is read"]
pub struct SeriesScan {
    catalog: Arc<dyn Catalog>,
    selector: Selector,
    range: TimeRange,
    chunk_points: usize,
    projection: Projection,
    summaries: Option<SummaryRule>,
    limits: QueryLimits,
}

impl SeriesScan {
    pub(super) fn new(catalog: Arc<dyn Catalog>, selector: Selector) -> Self {
        Self {
            catalog,
            selector,
            range: TimeRange::ALL,
            chunk_points: DEFAULT_CHUNK_POINTS,
            projection: Projection::Both,
            summaries: None,
            limits: QueryLimits::default(),
        }
    }

    /// Sets the time range; only points inside the range are read. Default: all times.
    pub fn range(mut self, range: impl RangeBounds<Timestamp>) -> Self {
        self.range = TimeRange::from_bounds(&range);
        self
    }

    /// Sets the maximum number of points of a chunk, at least 1. Default: 8,192.
    ///
    /// Chunks may be shorter, and their lengths have no meaning for the data.
    pub fn chunk_points(mut self, points: usize) -> Self {
        self.chunk_points = points.max(1);
        self
    }

    /// Sets the columns that are read. Default: timestamps and values.
    pub fn projection(mut self, projection: Projection) -> Self {
        self.projection = projection;
        self
    }

    /// Allows summaries in place of points: for a block that lies in one of these windows and in the range, that no
    /// other source overlaps and no delete touches, and that has statistics (64 points or more).
    ///
    /// Such a block comes as a chunk with a [`summary`](SeriesChunk::summary) and without points, and is not read.
    pub fn summaries(mut self, windows: SummaryWindows) -> Self {
        self.summaries = Some(SummaryRule::new(windows));
        self
    }

    /// Allows summaries as [`summaries`](Self::summaries) does, of blocks for which a function returns `true`; the others
    /// are read.
    ///
    /// For a reader that cannot use every summary: of values with NaN, say, or of a series that keeps
    /// [all points](crate::DuplicatePolicy::KeepAll) of one time.
    pub fn summaries_if(
        mut self,
        windows: SummaryWindows,
        accepts: impl Fn(&SeriesInfo, &PointSummary) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.summaries = Some(SummaryRule::with_condition(windows, Arc::new(accepts)));
        self
    }

    /// Sets how many series the scan may select. Default: no limit.
    pub fn max_series(mut self, series: u64) -> Self {
        self.limits.max_series = Some(series);
        self
    }

    /// Sets how many points all cursors together may read; points that summaries replace do not count. Default: no limit.
    ///
    /// A cursor fails with [`Error::QueryLimitExceeded`] when it reads more.
    pub fn max_points(mut self, points: u64) -> Self {
        self.limits.max_points = Some(points);
        self
    }

    /// Sets how long the scan may take, from the call that makes the cursors. Default: no limit.
    ///
    /// The time also passes while no chunk is requested. It is checked between blocks, and between series.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.limits.deadline = Some(deadline);
        self
    }

    /// Returns one cursor over all series.
    ///
    /// The series are selected on this thread, from memory.
    ///
    /// # Errors
    /// [`Error::InvalidQuery`] for a selector with an invalid pattern; [`Error::QueryLimitExceeded`] for too many series;
    /// [`Error::QueryRuntimeBusy`] if the memory of the [`Runtime`](crate::Runtime) has no room for the list of series, which a
    /// cursor holds; [`Error::ForkedHandle`] in a forked process.
    pub fn cursor(self) -> Result<SeriesScanCursor> {
        let budget = self.budget();
        let series = self.select(&budget)?;
        Ok(self.cursor_over(series, &budget))
    }

    /// Divides the series among at most `count` cursors, at least one, of about equally many series.
    ///
    /// The cursors are independent; read one after the other, they yield the chunks of [`cursor`](Self::cursor).
    ///
    /// # Errors
    /// As for `cursor`.
    pub fn partitions(self, count: usize) -> Result<Vec<SeriesScanCursor>> {
        let budget = self.budget();
        let mut series = self.select(&budget)?;
        let count = count.clamp(1, series.len().max(1));
        let mut parts = Vec::with_capacity(count);
        for part in (1..count).rev() {
            let at = series.len() * part / (part + 1);
            parts.push(series.split_off(at));
        }
        parts.push(series);
        Ok(parts.into_iter().rev().map(|series| self.cursor_over(series, &budget)).collect())
    }

    /// Returns the matching series in ascending order of their ids.
    fn select(&self, budget: &QueryBudget<'_>) -> Result<Vec<Arc<SeriesInfo>>> {
        self.catalog.check_readable()?;
        self.selector.validate()?;
        let series = self.catalog.select(&self.selector);
        self.limits.check_series(series.len())?;
        budget.memory().track(0, series.capacity() * size_of::<Arc<SeriesInfo>>())?;
        Ok(series)
    }

    /// Returns the budget of all cursors of the scan. The time begins.
    fn budget(&self) -> Arc<QueryBudget<'static>> {
        let (runtime, limits) = (self.catalog.runtime(), self.limits);
        let deadline = Deadline::new(limits.deadline, Instant::now());
        let memory = QueryMemory::new(runtime.clone(), usize::MAX);
        Arc::new(QueryBudget::new(&CancelToken::NEVER, runtime, limits, (deadline, memory)))
    }

    fn cursor_over(&self, series: Vec<Arc<SeriesInfo>>, budget: &Arc<QueryBudget<'static>>) -> SeriesScanCursor {
        let columns = if self.projection == Projection::Timestamps { Columns::Timestamps } else { Columns::Both };
        let cursor = self.catalog.cursor(CursorOptions { range: self.range, columns, counters: None });
        SeriesScanCursor {
            cursor,
            budget: Arc::clone(budget),
            series: series.into_iter(),
            current: None,
            rest: 0..0,
            chunk_points: self.chunk_points,
            projection: self.projection,
            summaries: self.summaries.clone(),
            bools: Vec::new(),
            is_cancelled: Arc::default(),
            has_failed: false,
        }
    }
}

impl fmt::Debug for SeriesScan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SeriesScan")
            .field("selector", &self.selector)
            .field("range", &self.range)
            .field("projection", &self.projection)
            .finish_non_exhaustive()
    }
}

/// Cursor over the chunks of a [`SeriesScan`], or of one of its partitions.
///
/// Each chunk is borrowed until the next one is requested. Reading blocks the thread; [`stream`](Self::stream) does not.
/// The cursor is `Send`, reads the state of the snapshot however long it lives, and may be dropped at any time.
#[must_use = "a cursor reads nothing until its chunks are asked for"]
pub struct SeriesScanCursor {
    cursor: Box<dyn SeriesCursor>,
    /// Limits on points and time, which the cursors of a scan share.
    budget: Arc<QueryBudget<'static>>,
    /// Series that are not started yet.
    series: std::vec::IntoIter<Arc<SeriesInfo>>,
    current: Option<Arc<SeriesInfo>>,
    /// Points of the chunk of `cursor` that are not returned yet.
    rest: Range<usize>,
    chunk_points: usize,
    projection: Projection,
    summaries: Option<SummaryRule>,
    /// Buffer for booleans.
    bools: Vec<bool>,
    is_cancelled: Arc<AtomicBool>,
    has_failed: bool,
}

/// What the next chunk of a cursor is.
enum NextChunk {
    Points(Range<usize>),
    Summary(RunSummary<u64>),
    End,
}

impl SeriesScanCursor {
    /// Returns the next chunk, which has at least one point or a summary, or `None` at the end.
    ///
    /// # Errors
    /// [`Error::ScanCancelled`] once the [`cancellation`](Self::cancellation) was used; [`Error::QueryLimitExceeded`] and
    /// [`Error::DeadlineExceeded`] if a limit of the scan is exceeded; errors of opening and reading
    /// files, of kind [`Io`](crate::ErrorKind::Io), [`Busy`](crate::ErrorKind::Busy) or
    /// [`Corrupt`](crate::ErrorKind::Corrupt). Every later call returns `None`.
    pub fn next_chunk(&mut self) -> Result<Option<SeriesChunk<'_>>> {
        let next = self.advance();
        self.has_failed |= next.is_err();
        let (points, summary) = match next? {
            NextChunk::Points(points) => (points, None),
            NextChunk::Summary(summary) => (0..0, Some(summary)),
            NextChunk::End => return Ok(None),
        };
        let Some(series) = &self.current else { return Ok(None) };
        let with = |is_requested| if is_requested { points.clone() } else { 0..0 };
        let timestamps = &self.cursor.timestamps()[with(self.projection != Projection::Values)];
        let bits = &self.cursor.value_bits()[with(self.projection != Projection::Timestamps)];
        let values = ValueSlice::from_bits(series.value_type, bits, &mut self.bools);
        let summary = summary.map(|summary| PointSummary::new(series.value_type, &summary));
        Ok(Some(SeriesChunk { series, timestamps, values, summary }))
    }

    fn advance(&mut self) -> Result<NextChunk> {
        if self.has_failed {
            return Ok(NextChunk::End);
        }
        loop {
            if self.is_cancelled.load(Ordering::Relaxed) {
                return Err(Error::ScanCancelled);
            }
            if !self.rest.is_empty() {
                let end = self.rest.end.min(self.rest.start + self.chunk_points);
                let points = self.rest.start..end;
                self.rest.start = end;
                return Ok(NextChunk::Points(points));
            }
            self.budget.check_continue()?;
            if let Some(series) = &self.current {
                if let Some(rule) = &self.summaries {
                    let found = self.cursor.next_summary(&|summary| rule.accepts(series, summary))?;
                    if let Some(summary) = found {
                        return Ok(NextChunk::Summary(summary));
                    }
                }
                if self.cursor.next_chunk()? {
                    self.rest = 0..self.cursor.timestamps().len();
                    self.budget.add_points(self.rest.len())?;
                    continue;
                }
                self.current = None;
            }
            let Some(series) = self.series.next() else { return Ok(NextChunk::End) };
            self.cursor.start(&series)?;
            self.current = Some(series);
        }
    }

    /// Returns a handle that ends the scan from another thread.
    #[must_use]
    pub fn cancellation(&self) -> ScanCancellation {
        ScanCancellation(Arc::clone(&self.is_cancelled))
    }

    /// Returns the chunks as a `futures_core::Stream` of owned chunks; see [`SeriesScanStream`].
    pub fn stream(self) -> SeriesScanStream {
        SeriesScanStream::new(self)
    }
}

// See `Scan`.
impl UnwindSafe for SeriesScanCursor {}
impl RefUnwindSafe for SeriesScanCursor {}
impl UnwindSafe for SeriesScan {}
impl RefUnwindSafe for SeriesScan {}

impl fmt::Debug for SeriesScanCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SeriesScanCursor").field("series", &self.current).finish_non_exhaustive()
    }
}

/// Handle that ends a scan; made by [`SeriesScanCursor::cancellation`].
#[derive(Debug, Clone)]
pub struct ScanCancellation(Arc<AtomicBool>);

impl ScanCancellation {
    /// Makes the next call of [`SeriesScanCursor::next_chunk`] fail; a call that is running ends before its next block
    /// or series.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
