//! The latest point of a series, or of each selected series: of all points, or of those before a time.
//!
//! Block statistics are used where they are sufficient, so that in most cases no block is decoded.

use std::sync::Arc;

use super::catalog::Catalog;
use super::latest_search::{LatestPoint, LatestSearch};
use super::offload::{CancelToken, run_offloaded};
use super::snapshot::{Snapshot, SnapshotState};
use crate::types::error::Result;
use crate::types::point::{Point, Scalar, Timestamp, Value};
use crate::types::selector::Selector;
use crate::types::series::{Series, SeriesInfo, sort_by_series_key};
use crate::types::time_range::TimeRange;

/// Latest points.
///
/// The `async` functions read files on tokio's blocking pool; without a tokio runtime, on the thread that polls.
impl Snapshot {
    /// Reads the latest point of a series, the point with the greatest timestamp.
    ///
    /// Returns `None` if the series has no point. Of several points at that timestamp, returns the point that arrived
    /// last, or the one that arrived first if the duplicate policy of the series is
    /// [`KeepFirst`](crate::DuplicatePolicy::KeepFirst).
    ///
    /// # Errors
    /// [`Error::StaleSeries`](crate::Error::StaleSeries), of kind [`InvalidInput`](crate::ErrorKind::InvalidInput), for
    /// a handle of another opening; errors of opening and reading files, of kind [`Io`](crate::ErrorKind::Io),
    /// [`Busy`](crate::ErrorKind::Busy) or [`Corrupt`](crate::ErrorKind::Corrupt).
    pub async fn latest<T: Scalar>(&self, series: Series<T>) -> Result<Option<Point<T>>> {
        let snapshot = self.clone();
        run_offloaded(move |_| snapshot.latest_blocking(series)).await
    }

    /// Blocking variant of [`latest`](Self::latest).
    ///
    /// # Errors
    /// As for `latest`.
    pub fn latest_blocking<T: Scalar>(&self, series: Series<T>) -> Result<Option<Point<T>>> {
        self.inner.typed_sources(series, TimeRange::ALL)?.newest_point()
    }

    /// Reads the latest point of a series before a time. The point at the time itself is not included.
    ///
    /// If a series records changes of a state, the point holds the state just before that time.
    ///
    /// # Errors
    /// As for [`latest`](Self::latest).
    ///
    /// ```
    /// # let dir = tempfile::tempdir().unwrap();
    /// use timestrata::{Batch, Db, SeriesKey, Timestamp};
    ///
    /// let db = Db::open_blocking(dir.path().join("db"))?;
    /// let door = db.create_series(SeriesKey::new("door_open")).value_type::<bool>().blocking()?;
    /// let mut batch = Batch::new();
    /// batch.push(door, Timestamp::from_secs(10), true);
    /// batch.push(door, Timestamp::from_secs(20), false);
    /// db.write_blocking(batch)?;
    /// let before = |secs| db.snapshot().latest_before_blocking(door, Timestamp::from_secs(secs));
    /// assert_eq!(before(20)?.map(|point| point.value), Some(true));
    /// assert_eq!(before(10)?, None);
    /// # Ok::<(), timestrata::Error>(())
    /// ```
    pub async fn latest_before<T: Scalar>(&self, series: Series<T>, before: Timestamp) -> Result<Option<Point<T>>> {
        let snapshot = self.clone();
        run_offloaded(move |_| snapshot.latest_before_blocking(series, before)).await
    }

    /// Blocking variant of [`latest_before`](Self::latest_before).
    ///
    /// # Errors
    /// As for `latest_before`.
    pub fn latest_before_blocking<T: Scalar>(&self, series: Series<T>, before: Timestamp) -> Result<Option<Point<T>>> {
        self.inner.typed_sources(series, TimeRange::from_bounds(&..before))?.newest_point()
    }

    /// Reads the latest point of each series that matches and has a point, sorted by key.
    ///
    /// # Errors
    /// [`Error::InvalidQuery`](crate::Error::InvalidQuery), of kind [`InvalidInput`](crate::ErrorKind::InvalidInput),
    /// for a selector with an invalid pattern; errors of opening and reading files, as for [`latest`](Self::latest).
    ///
    /// ```
    /// # let dir = tempfile::tempdir().unwrap();
    /// use timestrata::{Batch, Db, Selector, SeriesKey, Timestamp};
    ///
    /// let db = Db::open_blocking(dir.path().join("db"))?;
    /// let mut batch = Batch::new();
    /// batch.push_key(&SeriesKey::new("load").tag("host", "a"), Timestamp::from_secs(1), 0.5);
    /// batch.push_key(&SeriesKey::new("load").tag("host", "b"), Timestamp::from_secs(2), 1.5);
    /// db.write_blocking(batch)?;
    /// for (series, point) in db.snapshot().latest_each_blocking(&Selector::metric("load"))? {
    ///     println!("{series} {} {}", point.timestamp, point.value);
    /// }
    /// # Ok::<(), timestrata::Error>(())
    /// ```
    pub async fn latest_each(&self, selector: &Selector) -> Result<Vec<(Arc<SeriesInfo>, Point<Value>)>> {
        let (snapshot, selector) = (self.clone(), selector.clone());
        run_offloaded(move |cancel| latest_each(&snapshot.inner, &selector, TimeRange::ALL, cancel)).await
    }

    /// Blocking variant of [`latest_each`](Self::latest_each).
    ///
    /// # Errors
    /// As for `latest_each`.
    pub fn latest_each_blocking(&self, selector: &Selector) -> Result<Vec<(Arc<SeriesInfo>, Point<Value>)>> {
        latest_each(&self.inner, selector, TimeRange::ALL, &CancelToken::NEVER)
    }

    /// Reads the latest point before a time of each series that matches.
    ///
    /// The points are sorted by series key; a series without such a point is left out.
    ///
    /// # Errors
    /// As for [`latest_each`](Self::latest_each).
    pub async fn latest_each_before(
        &self,
        selector: &Selector,
        before: Timestamp,
    ) -> Result<Vec<(Arc<SeriesInfo>, Point<Value>)>> {
        let (snapshot, selector) = (self.clone(), selector.clone());
        let range = TimeRange::from_bounds(&..before);
        run_offloaded(move |cancel| latest_each(&snapshot.inner, &selector, range, cancel)).await
    }

    /// Blocking variant of [`latest_each_before`](Self::latest_each_before).
    ///
    /// # Errors
    /// As for `latest_each_before`.
    pub fn latest_each_before_blocking(
        &self,
        selector: &Selector,
        before: Timestamp,
    ) -> Result<Vec<(Arc<SeriesInfo>, Point<Value>)>> {
        latest_each(&self.inner, selector, TimeRange::from_bounds(&..before), &CancelToken::NEVER)
    }
}

/// Returns the latest point in a range of each series that matches.
///
/// The points are sorted by series key; a series without such a point is left out.
///
/// Once the token is cancelled, returns early with an incomplete result, which is discarded.
fn latest_each(
    state: &SnapshotState,
    selector: &Selector,
    range: TimeRange,
    cancel: &CancelToken,
) -> Result<Vec<(Arc<SeriesInfo>, Point<Value>)>> {
    state.check_readable()?;
    selector.validate()?;
    let series = state.select(selector);
    let found = LatestSearch::new(state, &series, range).run(cancel)?;
    let points = series.into_iter().zip(found).filter_map(|(info, found)| {
        let LatestPoint { time, bits, .. } = found?;
        let point = Point { timestamp: Timestamp::from_nanos(time), value: Value::from_bits(info.value_type, bits) };
        Some((info, point))
    });
    let mut points: Vec<_> = points.collect();
    sort_by_series_key(&mut points, |(info, _)| &info.key);
    Ok(points)
}
