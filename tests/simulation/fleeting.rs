//! Series beside the numbered batches whose points are all deleted and written again. The oracle does not know these
//! series; after any loss, a series with points must be listed.

use std::ops::Range;
use std::rc::Rc;

use timestrata::{Batch, CachedSeries, Durability, Error, Selector, SeriesKey, Snapshot, Timestamp};

use crate::world::World;

/// Metric of these series, different from the metric of the batches.
const METRIC: &str = "fleeting";
const SERIES: i64 = 3;
/// Upper bound of their points: no scenario writes more.
pub(crate) const MOST_POINTS: u64 = 64;

fn key(series: i64) -> SeriesKey {
    SeriesKey::new(METRIC).tag("n", series.to_string())
}

/// Checks the series.
///
/// # Errors
/// A series that has a point and is not listed, or whose points were not written.
pub(crate) fn check(snapshot: &Snapshot) -> Result<(), String> {
    for series in 0..SERIES {
        let handle = match snapshot.series::<i64>(&key(series)) {
            Ok(handle) => handle,
            Err(Error::SeriesNotFound { .. }) => continue,
            Err(error) => return Err(format!("fleeting series {series}: {error}")),
        };
        for point in snapshot.scan(handle, ..) {
            let point = point.map_err(|error| format!("a read fails: {error}"))?;
            if point.value != series {
                return Err(format!("fleeting series {series} has a point of {}", point.value));
            }
            if snapshot.find_series(&key(series)).is_none() {
                return Err(format!("series {series} has a point and is not listed"));
            }
        }
    }
    Ok(())
}

thread_local! {
    /// Cached series of all databases of the thread, whose definitions come and go.
    static CACHED: Vec<CachedSeries> = (0..SERIES).map(|series| CachedSeries::new(key(series))).collect();
}

impl World {
    /// Writes a point of each series at a time, by its key or as a cached series.
    pub(crate) fn write_fleeting(&mut self, at: i64, durability: Durability) {
        self.write_fleeting_of(0..SERIES, at, durability);
    }

    /// Writes a point of some of the series at a time.
    pub(crate) fn write_fleeting_of(&mut self, series: Range<i64>, at: i64, durability: Durability) {
        let mut batch = Batch::new();
        for series in series {
            let timestamp = Timestamp::from_nanos(at);
            let index = usize::try_from(series).unwrap();
            CACHED.with(|cached| match cached.get(index).filter(|_| (at + series) % 2 != 0) {
                Some(cached) => batch.push_cached(cached, timestamp, series),
                None => batch.push_key(&key(series), timestamp, series),
            });
        }
        let (db, troubled) = (self.db().clone(), self.troubles());
        drop(self.executor.spawn(async move {
            let written = db.write_with(batch, durability).await;
            assert!(written.is_ok() || troubled(), "a batch is refused where nothing failed: {written:?}");
        }));
    }

    /// Deletes all points of the series up to a time, or all of their points.
    pub(crate) fn delete_fleeting(&mut self, last: Option<i64>) {
        let (db, troubled) = (self.db().clone(), self.troubles());
        drop(self.executor.spawn(async move {
            let select = Selector::metric(METRIC);
            let deleted = match last {
                Some(last) => db.delete(select, ..=Timestamp::from_nanos(last)).await,
                None => db.delete(select, ..).await,
            };
            assert!(deleted.is_ok() || troubled(), "a delete is refused where nothing failed: {deleted:?}");
        }));
    }

    /// Requests a flush without waiting for it.
    pub(crate) fn send_flush(&mut self) {
        let (db, troubled) = (self.db().clone(), self.troubles());
        drop(self.executor.spawn(async move {
            let flushed = db.flush().await;
            assert!(flushed.is_ok() || troubled(), "a flush fails where nothing failed: {flushed:?}");
        }));
    }

    /// Returns a function that returns `true` if a call may fail at the time of its evaluation.
    fn troubles(&self) -> impl Fn() -> bool + 'static {
        let (clock, oracle) = (self.clock(), Rc::clone(&self.oracle));
        move || clock.moment().troubled || oracle.borrow().closing
    }
}
