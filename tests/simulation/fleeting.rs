//! Series that come and go beside the numbered batches: all their points are deleted, and written anew. The oracle does not
//! know them; whatever was lost, who has points must be listed.

use std::rc::Rc;

use timestrata::{Batch, Durability, Error, Select, SeriesKey, Snapshot, Timestamp};

use crate::world::World;

/// Beside the one that batches go to.
const METRIC: &str = "fleeting";
const SERIES: i64 = 3;
/// No scenario writes more of them.
pub(crate) const MOST_POINTS: u64 = 64;

fn key(series: i64) -> SeriesKey {
    SeriesKey::new(METRIC).tag("n", series.to_string())
}

/// # Errors
/// A series that has a point and is not listed, or that is not the one that was written.
pub(crate) fn check(snapshot: &Snapshot) -> Result<(), String> {
    for series in 0..SERIES {
        let handle = match snapshot.typed::<i64>(&key(series)) {
            Ok(handle) => handle,
            Err(Error::NoSuchSeries { .. }) => continue,
            Err(error) => return Err(format!("fleeting series {series}: {error}")),
        };
        for point in snapshot.scan(handle, ..) {
            let point = point.map_err(|error| format!("a read fails: {error}"))?;
            if point.value != series {
                return Err(format!("fleeting series {series} has a point of {}", point.value));
            }
            if snapshot.find(&key(series)).is_none() {
                return Err(format!("series {series} has a point and is not listed"));
            }
        }
    }
    Ok(())
}

impl World {
    /// A point at a time of each fleeting series.
    pub(crate) fn write_fleeting(&mut self, at: i64, durability: Durability) {
        let mut batch = Batch::new();
        for series in 0..SERIES {
            batch.push_key(&key(series), Timestamp::from_nanos(at), series);
        }
        let (db, troubled) = (self.db().clone(), self.troubles());
        drop(self.executor.spawn(async move {
            let written = db.write_with(batch, durability).await;
            assert!(written.is_ok() || troubled(), "a batch is refused where nothing failed: {written:?}");
        }));
    }

    /// Deletes all that the fleeting series have up to a time, or whatever they have.
    pub(crate) fn delete_fleeting(&mut self, last: Option<i64>) {
        let (db, troubled) = (self.db().clone(), self.troubles());
        drop(self.executor.spawn(async move {
            let select = Select::metric(METRIC);
            let deleted = match last {
                Some(last) => db.delete(select, ..=Timestamp::from_nanos(last)).await,
                None => db.delete(select, ..).await,
            };
            assert!(deleted.is_ok() || troubled(), "a delete is refused where nothing failed: {deleted:?}");
        }));
    }

    /// Asks for a flush without waiting for it.
    pub(crate) fn send_flush(&mut self) {
        let (db, troubled) = (self.db().clone(), self.troubles());
        drop(self.executor.spawn(async move {
            let flushed = db.flush().await;
            assert!(flushed.is_ok() || troubled(), "a flush fails where nothing failed: {flushed:?}");
        }));
    }

    /// Whether, at the time of asking, a call has a reason to fail.
    fn troubles(&self) -> impl Fn() -> bool + 'static {
        let (clock, oracle) = (self.clock(), Rc::clone(&self.oracle));
        move || clock.moment().troubled || oracle.borrow().closing
    }
}
