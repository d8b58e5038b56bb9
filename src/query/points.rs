//! The points of all series that a query selects, series by series.

use std::fmt;
use std::iter::FusedIterator;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;
use std::time::Instant;

use super::builder::Query;
use super::catalog::{CursorOptions, SeriesCursor};
use super::limits::{Deadline, QueryBudget};
use super::memory::QueryMemory;
use super::offload::CancelToken;
use crate::format::sst::Columns;
use crate::types::error::{Error, Result};
use crate::types::point::{Point, Value};
use crate::types::series::{SeriesInfo, sort_by_series_key};
use crate::types::time_range::TimeRange;

/// Iterator over the points of all series of a [`Query`]; made by [`Query::points`].
///
/// Each item is a series and a point of it. The series come in the order of their keys, the points of a series in the
/// order of their timestamps. Reading blocks the thread. No item follows an error.
#[must_use = "an iterator reads nothing until its items are asked for"]
pub struct QueryPoints {
    cursor: Box<dyn SeriesCursor>,
    range: TimeRange,
    /// Limits on points and time.
    budget: QueryBudget<'static>,
    /// Number of points of each series that are skipped.
    offset: usize,
    /// Maximum number of points of each series that are returned after the skipped points.
    limit: usize,
    /// Series that are not read yet, in the order of their keys.
    series: std::vec::IntoIter<Arc<SeriesInfo>>,
    current: Option<SeriesPosition>,
    /// Error of the query, which is the first item.
    error: Option<Error>,
}

/// Series that is being read.
struct SeriesPosition {
    info: Arc<SeriesInfo>,
    /// Index of the next point in the chunk of the cursor.
    next: usize,
    /// Numbers of points that are still skipped and returned.
    to_skip: usize,
    to_return: usize,
}

// See `Scan`.
impl UnwindSafe for QueryPoints {}
impl RefUnwindSafe for QueryPoints {}

impl QueryPoints {
    pub(super) fn new(query: Query) -> Self {
        let deadline = Deadline::new(query.limits.deadline, Instant::now());
        let (mut series, error) = match Self::select(&query) {
            Ok(series) => (series, None),
            Err(error) => (Vec::new(), Some(error)),
        };
        sort_by_series_key(&mut series, |info| &info.key);
        let Query { catalog, range, slice, limits, .. } = query;
        let memory = QueryMemory::new(catalog.runtime(), usize::MAX);
        let error = error.or(memory.track(0, series.capacity() * size_of::<Arc<SeriesInfo>>()).err());
        let budget = QueryBudget::new(&CancelToken::NEVER, catalog.runtime(), limits, (deadline, memory));
        let cursor = catalog.cursor(CursorOptions { range, columns: Columns::Both, counters: None });
        let limit = slice.limit.unwrap_or(usize::MAX);
        Self { cursor, range, budget, offset: slice.offset, limit, series: series.into_iter(), current: None, error }
    }

    fn select(query: &Query) -> Result<Vec<Arc<SeriesInfo>>> {
        query.catalog.check_readable()?;
        query.selector.validate()?;
        let series = query.catalog.select(&query.selector);
        query.limits.check_series(series.len())?;
        Ok(series)
    }

    fn next_point(&mut self) -> Result<Option<(Arc<SeriesInfo>, Point<Value>)>> {
        if let Some(error) = self.error.take() {
            return Err(error);
        }
        loop {
            if let Some(series) = &mut self.current {
                if let Some(point) = series.next_point(&mut *self.cursor, &self.budget)? {
                    return Ok(Some((Arc::clone(&series.info), point)));
                }
                self.current = None;
            }
            let Some(info) = self.series.next() else { return Ok(None) };
            self.budget.check_continue()?;
            self.cursor.start(&info)?;
            self.current = Some(SeriesPosition { info, next: 0, to_skip: self.offset, to_return: self.limit });
        }
    }
}

impl SeriesPosition {
    fn next_point(&mut self, cursor: &mut dyn SeriesCursor, budget: &QueryBudget<'_>) -> Result<Option<Point<Value>>> {
        if self.to_return == 0 {
            return Ok(None);
        }
        loop {
            let rest = cursor.timestamps().len().saturating_sub(self.next);
            if rest > self.to_skip {
                self.next += std::mem::take(&mut self.to_skip);
                break;
            }
            self.to_skip -= rest;
            self.next = 0;
            budget.check_continue()?;
            if !cursor.next_chunk()? {
                return Ok(None);
            }
            budget.add_points(cursor.timestamps().len())?;
        }
        let (timestamp, bits) = (cursor.timestamps()[self.next], cursor.value_bits()[self.next]);
        self.next += 1;
        self.to_return -= 1;
        Ok(Some(Point { timestamp, value: Value::from_bits(self.info.value_type, bits) }))
    }
}

impl Iterator for QueryPoints {
    type Item = Result<(Arc<SeriesInfo>, Point<Value>)>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.next_point();
        if next.is_err() {
            self.series = Vec::new().into_iter();
            self.current = None;
        }
        next.transpose()
    }
}

impl FusedIterator for QueryPoints {}

impl fmt::Debug for QueryPoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueryPoints").field("range", &self.range).finish_non_exhaustive()
    }
}
