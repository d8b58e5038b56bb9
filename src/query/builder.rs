//! A query over many series, built up step by step: windows of aggregates, or the points themselves.
//! It owns its catalog, so it outlives the snapshot that made it; it reads nothing before it is run.

use std::fmt;
use std::iter::FusedIterator;
use std::ops::{Bound, RangeBounds};
use std::time::Duration;

use super::aggregate::Aggregate;
use super::blocking::{Wanted, unblock};
use super::catalog::{AnySources, Catalog, SeriesInfo, Sources};
use super::cut::{Every, Zone};
use super::explain::Explain;
use super::fill::Fill;
use super::group::Grouping;
use super::limits::Chosen;
use super::rank::{Rank, Shown};
use super::result::Windows;
use super::scan::Scan;
use super::select::Select;
use crate::error::{Error, Result};
use crate::merge::TimeRange;
use crate::point::{Point, Sample, Timestamp, Value};
use crate::sync::Arc;

/// A question about all series that a [`Select`] matches.
///
/// Made by `Snapshot::query`; it sees what the snapshot saw, however long it lives. A step that is taken twice counts as
/// taken the last time, but for [`aggregate`](Self::aggregate), which adds one. These are done in this order, in whatever
/// order they are asked for: series are selected, cut into windows and folded; grouped; ranked; filled; ordered; windows at
/// the front are left out, and those past the limit.
///
/// ```
/// # let dir = tempfile::tempdir().unwrap();
/// use std::time::Duration;
/// use timestrata::{Aggregate, Batch, Db, Fill, Select, SeriesKey, Timestamp};
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
///     .query(Select::metric("temp"))
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
    pub(super) select: Select,
    pub(super) range: TimeRange,
    /// Whether the range is open below, and above.
    pub(super) is_open: (bool, bool),
    pub(super) every: Option<Every>,
    pub(super) origin: Option<Timestamp>,
    pub(super) zone: Zone,
    pub(super) aggregates: Vec<Aggregate>,
    pub(super) grouping: Grouping,
    pub(super) fill: Fill,
    pub(super) rank: Option<Rank>,
    pub(super) shown: Shown,
    pub(super) statistics: bool,
    pub(super) limits: Chosen,
}

impl Query {
    pub(crate) fn new(catalog: Arc<dyn Catalog>, select: Select) -> Self {
        Self {
            catalog,
            select,
            range: TimeRange::ALL,
            is_open: (true, true),
            every: None,
            origin: None,
            zone: Zone::UTC,
            aggregates: Vec::new(),
            grouping: Grouping::Each,
            fill: Fill::None,
            rank: None,
            shown: Shown::default(),
            statistics: true,
            limits: Chosen::default(),
        }
    }

    /// Only points inside the range count; all do if it is not called. A reversed range is empty, and so is its answer.
    pub fn range(mut self, range: impl RangeBounds<Timestamp>) -> Self {
        self.range = TimeRange::new(&range);
        let is_open = |bound| matches!(bound, Bound::Unbounded);
        self.is_open = (is_open(range.start_bound()), is_open(range.end_bound()));
        self
    }

    /// Cuts the range into windows: of a [`Duration`], or of days, weeks, months or years of a calendar.
    ///
    /// They are aligned to midnight of 1970-01-01 in the query's [`zone`](Self::zone), which is UTC unless it says
    /// otherwise, or to its [`origin`](Self::origin). A window at an end of the range may be covered in part; only its
    /// points inside the range count. Without `every`, all points of a series make one window.
    pub fn every(mut self, every: impl Into<Every>) -> Self {
        self.every = Some(every.into());
        self
    }

    /// A time at which a window begins; the others follow from it, before and after.
    ///
    /// Of a calendar's windows its day counts, of months and years its month alone: they begin with it.
    pub fn origin(mut self, origin: Timestamp) -> Self {
        self.origin = Some(origin);
        self
    }

    /// The zone whose clocks windows go by.
    ///
    /// Days and longer windows of a calendar begin at midnight there, whatever its clocks do between. Windows of a `Duration`
    /// all have one length, so they keep to the distance from UTC that the zone had at the epoch; an origin overrides it.
    ///
    /// ```
    /// # let dir = tempfile::tempdir().unwrap();
    /// use timestrata::{Aggregate, Batch, Db, Every, Select, SeriesKey, Timestamp, Zone};
    ///
    /// let db = Db::open_blocking(dir.path().join("db"))?;
    /// let mut batch = Batch::new();
    /// batch.push_key(&SeriesKey::new("kwh"), "2026-10-25T22:30:00Z".parse()?, 1.5);
    /// db.write_blocking(batch)?;
    /// let query = db.snapshot().query(Select::metric("kwh")).every(Every::days(1)).aggregate(Aggregate::Sum);
    /// let answer = query.zone(Zone::rules("CET-1CEST,M3.5.0,M10.5.0/3")?).run_blocking()?;
    /// // A day of 25 hours, which ends at 23:00 UTC.
    /// assert_eq!(answer.series[0].starts[0].to_string(), "2026-10-24T22:00:00Z");
    /// # Ok::<(), timestrata::Error>(())
    /// ```
    pub fn zone(mut self, zone: Zone) -> Self {
        self.zone = zone;
        self
    }

    /// Adds a value that stands for the points of a window; [`run`](Self::run) needs one or more. All are computed in one
    /// pass, and make a column each, in this order.
    pub fn aggregate(mut self, aggregate: Aggregate) -> Self {
        self.aggregates.push(aggregate);
        self
    }

    /// Adds several.
    pub fn aggregates(mut self, aggregates: impl IntoIterator<Item = Aggregate>) -> Self {
        self.aggregates.extend(aggregates);
        self
    }

    /// Puts series with the same values of these tags together: all their points make one row of windows. A tag that a
    /// series lacks counts as the empty string. See [`Aggregate`] for what each makes of several series.
    ///
    /// Without tags, all series make one row. Series of several metrics are put together, too: select one to keep them apart.
    pub fn group_by<Tag: Into<String>>(mut self, tags: impl IntoIterator<Item = Tag>) -> Self {
        let mut by: Vec<String> = Vec::new();
        for tag in tags.into_iter().map(Into::into) {
            // A key names a tag once.
            if !by.contains(&tag) {
                by.push(tag);
            }
        }
        self.grouping = Grouping::By(by);
        self
    }

    /// All series make one row of windows: [`group_by`](Self::group_by) without tags.
    pub fn group_all(self) -> Self {
        self.group_by::<String>([])
    }

    /// What stands in windows that have no value.
    pub fn fill(mut self, fill: Fill) -> Self {
        self.fill = fill;
        self
    }

    /// Leaves the `count` series or groups with the greatest value by an aggregate of all their points in the range, the
    /// greatest first; equal ones by their keys. One without such a value, or with NaN, comes last.
    ///
    /// The aggregate need not be one of the answer's; it is computed in the same pass.
    pub fn top(mut self, count: usize, by: Aggregate) -> Self {
        self.rank = Some(Rank { count, by, greatest_first: true });
        self
    }

    /// The same with the least values, the least first.
    pub fn bottom(mut self, count: usize, by: Aggregate) -> Self {
        self.rank = Some(Rank { count, by, greatest_first: false });
        self
    }

    /// Gives each row's windows newest first.
    pub fn newest_first(mut self) -> Self {
        self.shown.newest_first = true;
        self
    }

    /// Leaves out so many windows at the front of each row, in the order in which they are given; of a [`scan`](Self::scan) so
    /// many points of each series.
    pub fn offset(mut self, windows: usize) -> Self {
        self.shown.offset = windows;
        self
    }

    /// Gives at most so many windows a row.
    pub fn limit(mut self, windows: usize) -> Self {
        self.shown.limit = Some(windows);
        self
    }

    /// Whether the statistics of blocks may answer where a block lies in one window whole, and no delete, retention or
    /// other source meets it; they may by default, which is faster by far for long windows.
    ///
    /// They change no answer but one: the sum of doubles, and what is made of it, is then rounded in another order, and of
    /// nothing but -0.0 it is 0.0. With
    /// `false` every point is decoded, and the sum has the same bits for every layout of the points in files.
    pub fn statistics(mut self, may_answer: bool) -> Self {
        self.statistics = may_answer;
        self
    }

    /// How much memory the answer may take, with all that is kept of windows while it is made; 1 GiB by default. Buffers for
    /// decoding come on top, some 300 KiB for each thread and each file that a series is read from at once.
    pub fn memory_limit(mut self, bytes: usize) -> Self {
        self.limits.memory_bytes = bytes;
        self
    }

    /// How many threads may read, at least 1; by default as many as there are processors. More than one is used only for
    /// several series with many points.
    pub fn threads(mut self, threads: usize) -> Self {
        self.limits.threads = Some(threads);
        self
    }

    /// How long the query may take, from when it begins to run; for ever by default. It is looked at between blocks.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.limits.deadline = Some(deadline);
        self
    }

    /// The windows, read on tokio's blocking pool; without a tokio runtime, on this thread.
    ///
    /// They must fit in the query's memory, at 8 bytes each and 16 for each aggregate. A future dropped half way stops
    /// the reading.
    ///
    /// # Errors
    /// [`Error::InvalidQuery`] for a selector with a bad pattern, windows of 0 ns or more than `i64::MAX` ns, a quantile of
    /// no share, or no aggregate; [`Error::QueryTooLarge`] and [`Error::DeadlineExceeded`] where a limit was met; else
    /// whatever reading met: then no window is returned.
    pub async fn run(self) -> Result<Windows> {
        unblock(move |wanted| Ok(self.answer(wanted, false)?.0)).await
    }

    /// [`run`](Self::run) on this thread and those that it starts.
    ///
    /// # Errors
    /// The same.
    pub fn run_blocking(self) -> Result<Windows> {
        Ok(self.answer(&Wanted::ALWAYS, false)?.0)
    }

    /// Runs the query, and tells beside its answer how it came to it: what the index pruned, what statistics answered,
    /// what was decoded. It takes a little longer than [`run`](Self::run), as it looks at what it passes over.
    ///
    /// # Errors
    /// As for `run`.
    ///
    /// ```
    /// # let dir = tempfile::tempdir().unwrap();
    /// use timestrata::{Aggregate, Batch, Db, Select, SeriesKey, Timestamp};
    ///
    /// let db = Db::open_blocking(dir.path().join("db"))?;
    /// let mut batch = Batch::new();
    /// for n in 0..1_000 {
    ///     batch.push_key(&SeriesKey::new("load"), Timestamp::from_secs(n), 0.5);
    /// }
    /// db.write_blocking(batch)?;
    /// db.flush_blocking()?;
    /// let query = db.snapshot().query(Select::metric("load")).aggregate(Aggregate::Max);
    /// let (answer, explain) = query.explain_blocking()?;
    /// assert_eq!(answer.len(), 1);
    /// assert_eq!((explain.blocks_by_statistics, explain.blocks_decoded), (1, 0));
    /// # Ok::<(), timestrata::Error>(())
    /// ```
    pub async fn explain(self) -> Result<(Windows, Explain)> {
        unblock(move |wanted| self.answer(wanted, true)).await
    }

    /// [`explain`](Self::explain) on this thread and those that it starts.
    ///
    /// # Errors
    /// The same.
    pub fn explain_blocking(self) -> Result<(Windows, Explain)> {
        self.answer(&Wanted::ALWAYS, true)
    }

    /// The points themselves, series by series in key order, each in time order; of all steps the range counts, and offset and
    /// limit as so many points of each series.
    /// Reading blocks the thread that iterates.
    ///
    /// ```text
    /// for item in snapshot.query(Select::metric("temp")).scan() {
    ///     let (series, point) = item?;
    ///     println!("{} {} {}", series.key, point.timestamp, point.value);
    /// }
    /// ```
    pub fn scan(self) -> QueryScan {
        let (series, failed) = match self.select.check() {
            Ok(()) => (self.catalog.select(&self.select), None),
            Err(error) => (Vec::new(), Some(error)),
        };
        let Shown { offset, limit, .. } = self.shown;
        let (catalog, range, shown) = (self.catalog, self.range, (offset, limit.unwrap_or(usize::MAX)));
        QueryScan { catalog, range, shown, series: series.into_iter(), current: None, failed }
    }
}

impl fmt::Debug for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Query")
            .field("select", &self.select)
            .field("range", &self.range)
            .field("every", &self.every)
            .field("aggregates", &self.aggregates)
            .field("grouping", &self.grouping)
            .field("fill", &self.fill)
            .field("rank", &self.rank)
            .field("shown", &self.shown)
            .finish_non_exhaustive()
    }
}

/// The points of one series, whatever its type.
type Points = Box<dyn Iterator<Item = Result<Point<Value>>> + Send>;

fn points<T: Sample>(range: TimeRange, sources: Sources<T>) -> Points {
    let widen = |point: Point<T>| Point { timestamp: point.timestamp, value: point.value.into() };
    Box::new(Scan::new(range, sources).into_iter().map(move |point| point.map(widen)))
}

/// The points of all series of a [`Query`], each with its series; see [`Query::scan`].
///
/// After an error nothing more comes.
#[must_use = "an iterator reads nothing until it is asked"]
pub struct QueryScan {
    catalog: Arc<dyn Catalog>,
    range: TimeRange,
    /// Of each series, how many points are passed over, and how many are given then.
    shown: (usize, usize),
    /// Those that were not begun.
    series: std::vec::IntoIter<Arc<SeriesInfo>>,
    current: Option<(Arc<SeriesInfo>, Points)>,
    failed: Option<Error>,
}

impl QueryScan {
    fn begin(&self, series: &SeriesInfo) -> Result<Points> {
        let points = match self.catalog.sources(series, self.range, None)? {
            AnySources::F64(sources) => points(self.range, sources),
            AnySources::I64(sources) => points(self.range, sources),
            AnySources::U64(sources) => points(self.range, sources),
            AnySources::Bool(sources) => points(self.range, sources),
        };
        let (mut offset, limit) = self.shown;
        // An error is never passed over.
        let behind = move |point: &Result<Point<Value>>| {
            let passes = point.is_err() || offset == 0;
            offset -= usize::from(!passes);
            passes
        };
        Ok(Box::new(points.filter(behind).take(limit)))
    }

    fn step(&mut self) -> Result<Option<(Arc<SeriesInfo>, Point<Value>)>> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        loop {
            if let Some((series, points)) = &mut self.current {
                if let Some(point) = points.next() {
                    return Ok(Some((Arc::clone(series), point?)));
                }
                self.current = None;
            }
            let Some(series) = self.series.next() else { return Ok(None) };
            let points = self.begin(&series)?;
            self.current = Some((series, points));
        }
    }
}

impl Iterator for QueryScan {
    type Item = Result<(Arc<SeriesInfo>, Point<Value>)>;

    fn next(&mut self) -> Option<Self::Item> {
        let step = self.step();
        if step.is_err() {
            self.series = Vec::new().into_iter();
            self.current = None;
        }
        step.transpose()
    }
}

impl FusedIterator for QueryScan {}

impl fmt::Debug for QueryScan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueryScan").field("range", &self.range).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
