//! The points of all series that a query selects, series by series.

use std::fmt;
use std::iter::FusedIterator;
use std::panic::{RefUnwindSafe, UnwindSafe};

use super::builder::Query;
use super::catalog::{AnySeriesSources, Catalog, SeriesInfo, SeriesSources};
use super::latest::to_value_point;
use super::scan::Scan;
use crate::types::error::{Error, Result};
use crate::types::point::{Point, Scalar, Value};
use crate::types::time_range::TimeRange;
use std::sync::Arc;

/// Iterator over the points of one series of any type.
type BoxPointIter = Box<dyn Iterator<Item = Result<Point<Value>>> + Send>;

/// Iterator over the points of all series of a [`Query`]; made by [`Query::points`].
///
/// Each item is a series and a point of it. The series come in the order of their keys, the points of a series in the
/// order of their timestamps. Reading blocks the thread. No item follows an error.
#[must_use = "an iterator reads nothing until its items are asked for"]
pub struct QueryPoints {
    catalog: Arc<dyn Catalog>,
    range: TimeRange,
    /// Number of points of each series that are skipped.
    offset: usize,
    /// Maximum number of points of each series that are returned after the skipped points.
    limit: usize,
    /// Series that are not opened yet.
    series: std::vec::IntoIter<Arc<SeriesInfo>>,
    current: Option<(Arc<SeriesInfo>, BoxPointIter)>,
    /// Error of the query, which is the first item.
    error: Option<Error>,
}

// See `Scan`.
impl UnwindSafe for QueryPoints {}
impl RefUnwindSafe for QueryPoints {}

impl QueryPoints {
    pub(super) fn new(query: Query) -> Self {
        let (series, error) = match query.catalog.check_readable().and_then(|()| query.selector.validate()) {
            Ok(()) => (query.catalog.select(&query.selector), None),
            Err(error) => (Vec::new(), Some(error)),
        };
        let Query { catalog, range, slice, .. } = query;
        let limit = slice.limit.unwrap_or(usize::MAX);
        Self { catalog, range, offset: slice.offset, limit, series: series.into_iter(), current: None, error }
    }

    fn open_series(&self, series: &SeriesInfo) -> Result<BoxPointIter> {
        let points = match self.catalog.sources(series, self.range, None)? {
            AnySeriesSources::F64(sources) => value_points(self.range, sources),
            AnySeriesSources::I64(sources) => value_points(self.range, sources),
            AnySeriesSources::U64(sources) => value_points(self.range, sources),
            AnySeriesSources::Bool(sources) => value_points(self.range, sources),
        };
        let mut to_skip = self.offset;
        // An error is never skipped.
        let after_offset = move |point: &Result<Point<Value>>| {
            let is_returned = point.is_err() || to_skip == 0;
            to_skip -= usize::from(!is_returned);
            is_returned
        };
        Ok(Box::new(points.filter(after_offset).take(self.limit)))
    }

    fn next_point(&mut self) -> Result<Option<(Arc<SeriesInfo>, Point<Value>)>> {
        if let Some(error) = self.error.take() {
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
            let points = self.open_series(&series)?;
            self.current = Some((series, points));
        }
    }
}

fn value_points<T: Scalar>(range: TimeRange, sources: SeriesSources<T>) -> BoxPointIter {
    Box::new(Scan::new(range, sources).into_iter().map(|point| point.map(to_value_point)))
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
