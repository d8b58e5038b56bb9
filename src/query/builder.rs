//! A query over many series, built up step by step: windows of aggregates, or the points themselves.
//! It owns its catalog, so it outlives the snapshot that made it; it reads nothing before it is run.

use std::fmt;
use std::iter::FusedIterator;
use std::ops::{Bound, RangeBounds};
use std::time::Duration;

use super::aggregate::Aggregate;
use super::blocking::{Wanted, unblock};
use super::catalog::{AnySources, Catalog, SeriesInfo, Sources};
use super::result::{SeriesWindows, Windows};
use super::scan::Scan;
use super::select::Select;
use super::windows::{Cut, windows};
use crate::error::{Error, Result};
use crate::merge::TimeRange;
use crate::point::{Point, Sample, Timestamp, Value};
use crate::sync::Arc;

/// A question about all series that a [`Select`] matches.
///
/// Made by `Snapshot::query`; it sees what the snapshot saw, however long it lives.
///
/// ```text
/// let daily = snapshot
///     .query(Select::metric("temp").tag("station", "JFK"))
///     .range(Timestamp::from_secs(1_356_998_400)..Timestamp::from_secs(1_388_534_400))
///     .every(Duration::from_secs(86_400))
///     .aggregate(Aggregate::Mean)
///     .run()
///     .await?;
/// println!("{daily}");
/// ```
#[derive(Clone)]
#[must_use = "a query reads nothing until it is run"]
pub struct Query {
    catalog: Arc<dyn Catalog>,
    select: Select,
    range: TimeRange,
    /// The range's first time, unless it is open below.
    start: Option<Timestamp>,
    every: Option<Duration>,
    aggregate: Option<Aggregate>,
}

impl Query {
    pub(crate) fn new(catalog: Arc<dyn Catalog>, select: Select) -> Self {
        Self { catalog, select, range: TimeRange::ALL, start: None, every: None, aggregate: None }
    }

    /// Only points inside the range count; all do if it is not called. A reversed range is empty.
    pub fn range(mut self, range: impl RangeBounds<Timestamp>) -> Self {
        self.range = TimeRange::new(&range);
        let open = matches!(range.start_bound(), Bound::Unbounded);
        self.start = (!open).then(|| Timestamp::from_nanos(self.range.first()));
        self
    }

    /// Cuts the range into windows of this length, aligned to the Unix epoch: days begin at midnight UTC.
    ///
    /// A window at an end of the range may be covered in part; only its points inside the range count. Without
    /// `every`, all points of a series make one window.
    pub fn every(mut self, every: Duration) -> Self {
        self.every = Some(every);
        self
    }

    /// Which value stands for the points of a window; [`run`](Self::run) needs one.
    pub fn aggregate(mut self, aggregate: Aggregate) -> Self {
        self.aggregate = Some(aggregate);
        self
    }

    /// The windows that hold points, read on tokio's blocking pool; without a tokio runtime, on this thread.
    ///
    /// They must fit in memory, at 24 bytes each. A future dropped half way stops the reading.
    ///
    /// # Errors
    /// [`Error::InvalidQuery`] for a selector with a bad pattern, windows of 0 ns or more than `i64::MAX` ns, or no
    /// aggregate; else whatever reading met: then no window is returned.
    pub async fn run(self) -> Result<Windows> {
        unblock(move |wanted| self.run_wanted(wanted)).await
    }

    /// [`run`](Self::run) on this thread.
    ///
    /// # Errors
    /// The same.
    pub fn run_blocking(self) -> Result<Windows> {
        self.run_wanted(&Wanted::ALWAYS)
    }

    fn run_wanted(self, wanted: &Wanted) -> Result<Windows> {
        self.select.check()?;
        let aggregate = self.aggregate.ok_or_else(|| Error::InvalidQuery {
            what: "no aggregate: call `.aggregate(..)`, or `.scan()` for the points themselves".to_owned(),
        })?;
        let cut = self.every.map_or(Ok(Cut::Whole { start: self.start }), Cut::every)?;
        let mut answer = Windows { aggregate, series: Vec::new() };
        for series in self.catalog.select(&self.select) {
            if !wanted.still() {
                break;
            }
            let sources = self.catalog.sources(&series, self.range)?;
            let windows = windows(sources, self.range, cut, aggregate, wanted)?;
            if !windows.is_empty() {
                answer.series.push(SeriesWindows { series: Arc::unwrap_or_clone(series), windows });
            }
        }
        Ok(answer)
    }

    /// The points themselves, series by series in key order, each in time order; `every` and `aggregate` are passed
    /// over. Reading blocks the thread that iterates.
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
        QueryScan { catalog: self.catalog, range: self.range, series: series.into_iter(), current: None, failed }
    }
}

impl fmt::Debug for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Query")
            .field("select", &self.select)
            .field("range", &self.range)
            .field("every", &self.every)
            .field("aggregate", &self.aggregate)
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
    /// Those that were not begun.
    series: std::vec::IntoIter<Arc<SeriesInfo>>,
    current: Option<(Arc<SeriesInfo>, Points)>,
    failed: Option<Error>,
}

impl QueryScan {
    fn begin(&self, series: &SeriesInfo) -> Result<Points> {
        Ok(match self.catalog.sources(series, self.range)? {
            AnySources::F64(sources) => points(self.range, sources),
            AnySources::I64(sources) => points(self.range, sources),
            AnySources::U64(sources) => points(self.range, sources),
            AnySources::Bool(sources) => points(self.range, sources),
        })
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
