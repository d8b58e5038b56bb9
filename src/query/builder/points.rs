//! What a query returns beside windows: the points themselves, and the latest point of each series.

use std::sync::Arc;

use super::Query;
use crate::query::admission;
use crate::query::latest_each::LatestEach;
use crate::query::points::QueryPoints;
use crate::types::error::Result;
use crate::types::point::{Point, Value};
use crate::types::series::SeriesInfo;

impl Query {
    /// Reads the points themselves, series by series in the order of the keys. Reading blocks the thread.
    ///
    /// Of the other steps only the range, the offset, the limit, and the limits on series, points and time apply; offset
    /// and limit count points of each series. The time runs from this call, also while no point is requested. An error takes the
    /// place of a point, among them [`Error::QueryLimitExceeded`](crate::Error::QueryLimitExceeded) and
    /// [`Error::DeadlineExceeded`](crate::Error::DeadlineExceeded). The memory limit does not apply: beside the selected
    /// series, the iterator holds buffers for one series.
    ///
    /// ```
    /// # let dir = tempfile::tempdir().unwrap();
    /// use timestrata::{Batch, Db, Selector, SeriesKey, Timestamp};
    ///
    /// let db = Db::open_blocking(dir.path().join("db"))?;
    /// let mut batch = Batch::new();
    /// batch.push_key(&SeriesKey::new("temp").tag("station", "JFK"), Timestamp::from_secs(1), 3.5);
    /// db.write_blocking(batch)?;
    /// for item in db.snapshot().query(Selector::metric("temp")).points() {
    ///     let (series, point) = item?;
    ///     println!("{} {} {}", series.key, point.timestamp, point.value);
    /// }
    /// # Ok::<(), timestrata::Error>(())
    /// ```
    pub fn points(self) -> QueryPoints {
        QueryPoints::new(self)
    }

    /// Reads the latest point in the range of each series, on tokio's blocking pool.
    ///
    /// The points are sorted by series key; a series without a point in the range is left out. Of the other steps only the
    /// range and the limits on memory, threads, series and time apply. Dropping the future stops the reading.
    ///
    /// # Errors
    /// As for [`run`](Self::run), except those of windows and aggregates.
    ///
    /// ```
    /// # let dir = tempfile::tempdir().unwrap();
    /// use timestrata::{Batch, Db, Selector, SeriesKey, Timestamp};
    ///
    /// let db = Db::open_blocking(dir.path().join("db"))?;
    /// let mut batch = Batch::new();
    /// for secs in 0..100 {
    ///     batch.push_key(&SeriesKey::new("load").tag("host", "a"), Timestamp::from_secs(secs), secs as f64);
    /// }
    /// db.write_blocking(batch)?;
    /// let query = db.snapshot().query(Selector::metric("load")).range(..Timestamp::from_secs(50)).max_series(10_000);
    /// let latest = query.latest_blocking()?;
    /// assert_eq!(latest[0].1.value.as_f64(), 49.0);
    /// # Ok::<(), timestrata::Error>(())
    /// ```
    pub async fn latest(self) -> Result<Vec<(Arc<SeriesInfo>, Point<Value>)>> {
        admission::run(move || LatestEach::prepare(self)).await
    }

    /// Blocking variant of [`latest`](Self::latest); uses the current thread and the threads that it starts.
    ///
    /// # Errors
    /// As for `latest`.
    pub fn latest_blocking(self) -> Result<Vec<(Arc<SeriesInfo>, Point<Value>)>> {
        admission::run_blocking(LatestEach::prepare(self)?)
    }
}
