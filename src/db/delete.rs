//! Deletes: a selection resolved here, by whoever asks, so that the writer need not look at every series there is.

use std::ops::RangeBounds;
use std::sync::Arc;

use super::Db;
use crate::actor::{Ack, Delete, Work};
use crate::engine::block_on;
use crate::error::Result;
use crate::merge::TimeRange;
use crate::point::Timestamp;
use crate::query::{Select, unblock};
use crate::series::SeriesSet;

impl Db {
    /// Hides every point of the series that match, in a range of time, that was written before it.
    ///
    /// It takes its place in the one order of writes: what came before is hidden from every snapshot taken once this
    /// returns, also what a flush or compaction has under way; what is written later is visible at once, in the same range
    /// too. Snapshots taken before see what they saw. It costs the same whatever it hides: compaction takes the points out
    /// later, and [`compact`](Self::compact) at once. Any range of timestamps will do; a reversed one hides nothing.
    ///
    /// It is as durable when it returns as the database's writes are.
    ///
    /// # Errors
    /// [`Error::InvalidQuery`](crate::Error::InvalidQuery) for a selector with a bad pattern; those of
    /// [`write`](Self::write) for the database.
    ///
    /// ```
    /// # let dir = tempfile::tempdir().unwrap();
    /// use timestrata::{Batch, Db, Select, SeriesKey, Timestamp};
    ///
    /// let db = Db::open_blocking(dir.path().join("db"))?;
    /// let temp = db.series_blocking(SeriesKey::new("temp").tag("station", "JFK"))?;
    /// let mut batch = Batch::new();
    /// batch.push(temp, Timestamp::from_secs(1), 3.5);
    /// batch.push(temp, Timestamp::from_secs(2), 4.1);
    /// db.write_blocking(batch)?;
    /// db.delete_blocking(Select::metric("temp").tag("station", "JFK"), ..Timestamp::from_secs(2))?;
    /// assert_eq!(db.snapshot().scan(temp, ..).collect_blocking()?.len(), 1);
    /// # Ok::<(), timestrata::Error>(())
    /// ```
    pub async fn delete(&self, select: Select, range: impl RangeBounds<Timestamp>) -> Result<Ack> {
        self.engine.check_sound()?;
        select.check()?;
        let (range, version) = (TimeRange::new(&range), self.engine.version());
        let known = version.series.len();
        let resolve = move || {
            let matching = SeriesSet::from_sorted(version.series.select(&select.filter()).map(|def| def.id));
            Ok((matching, select))
        };
        // A pattern over a million series takes longer than a task may keep its thread.
        let (found, select) = unblock(move |_| resolve()).await?;
        let times = (range.first(), range.last());
        let matcher = Arc::new(select);
        self.ask(|reply| Work::Delete(Box::new(Delete { found, known, matcher, times, reply: Some(reply) }))).await
    }

    /// The blocking twin of [`delete`](Self::delete).
    ///
    /// # Errors
    /// As for `delete`.
    pub fn delete_blocking(&self, select: Select, range: impl RangeBounds<Timestamp>) -> Result<Ack> {
        block_on(self.delete(select, range))
    }

    /// Merges everything written before it into files of which no two hold the same time of the same series, and takes out
    /// what deletes, retention and the treatment of duplicates hide.
    ///
    /// Reading never needs it: the engine compacts by itself, in the background, as files gather. It reads and writes as
    /// much as there is outside the base, and takes as long; writes and reads go on meanwhile.
    ///
    /// # Errors
    /// Why a flush or a merge failed. Nothing is lost then; the engine tries again by itself.
    pub async fn compact(&self) -> Result<()> {
        self.flush().await?;
        self.ask(|reply| Work::Compact { reply }).await
    }

    /// The blocking twin of [`compact`](Self::compact).
    ///
    /// # Errors
    /// As for `compact`.
    pub fn compact_blocking(&self) -> Result<()> {
        block_on(self.compact())
    }
}
