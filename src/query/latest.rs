//! The latest point of a series, or of each selected series: of all points, or of those before a time.
//!
//! Block statistics are used where they are sufficient, so that in most cases no block is decoded.

use std::sync::Arc;

use super::offload::run_offloaded;
use super::snapshot::Snapshot;
use crate::types::error::Result;
use crate::types::point::{Point, Scalar, Timestamp, Value};
use crate::types::selector::Selector;
use crate::types::series::{Series, SeriesInfo};
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
    /// for a selector with an invalid pattern; [`Error::QueryRuntimeBusy`](crate::Error::QueryRuntimeBusy) if too many queries
    /// wait; errors of opening and reading files, as for [`latest`](Self::latest).
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
        self.query(selector.clone()).latest().await
    }

    /// Blocking variant of [`latest_each`](Self::latest_each).
    ///
    /// # Errors
    /// As for `latest_each`.
    pub fn latest_each_blocking(&self, selector: &Selector) -> Result<Vec<(Arc<SeriesInfo>, Point<Value>)>> {
        self.query(selector.clone()).latest_blocking()
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
        self.query(selector.clone()).range(..before).latest().await
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
        self.query(selector.clone()).range(..before).latest_blocking()
    }
}
