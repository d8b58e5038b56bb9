//! Deletes, and compaction on request.
//!
//! The caller resolves the selector of a delete, so that the writer need not search all series.

use std::ops::RangeBounds;
use std::sync::Arc;

use super::Db;
use crate::engine::actor::{Ack, DeleteRequest, WriterCommand};
use crate::engine::threads::block_on;
use crate::query::run_offloaded;
use crate::state::version::Version;
use crate::types::error::Result;
use crate::types::point::Timestamp;
use crate::types::selector::Selector;
use crate::types::series::SeriesSet;
use crate::types::time_range::TimeRange;

impl Db {
    /// Deletes the points of the series that match, in a time range, that were written before the call.
    ///
    /// A delete has its place in the order of writes. Points that were written before it are hidden from every snapshot
    /// taken after this call returns, including points that a flush or a compaction is writing at that moment. Points
    /// written later are visible, also inside the range. Snapshots taken before do not change.
    ///
    /// While flushes fail, for example on a full disk, writes wait. A delete makes room, so it passes the waiting requests of
    /// other handles, and gets a later sequence number than everything acknowledged. It waits behind earlier requests of
    /// its own handle; a clone is another handle. Its memory in the queue has a bound of its own.
    ///
    /// The cost does not depend on the number of points: compaction removes them later, [`compact`](Self::compact) at
    /// once. Any range of timestamps is allowed; a reversed range deletes nothing. The delete is as durable as the
    /// writes of the database are.
    ///
    /// # Errors
    /// [`Error::InvalidQuery`](crate::Error::InvalidQuery), of kind [`InvalidInput`](crate::ErrorKind::InvalidInput),
    /// for a selector with an invalid pattern; those of [`write`](Self::write) that concern the database.
    ///
    /// ```
    /// # let dir = tempfile::tempdir().unwrap();
    /// use timestrata::{Batch, Db, Selector, SeriesKey, Timestamp};
    ///
    /// let db = Db::open_blocking(dir.path().join("db"))?;
    /// let temp = db.create_series(SeriesKey::new("temp").tag("station", "JFK")).blocking()?;
    /// let mut batch = Batch::new();
    /// batch.push(temp, Timestamp::from_secs(1), 3.5);
    /// batch.push(temp, Timestamp::from_secs(2), 4.1);
    /// db.write_blocking(batch)?;
    /// db.delete_blocking(Selector::metric("temp").tag("station", "JFK"), ..Timestamp::from_secs(2))?;
    /// assert_eq!(db.snapshot().scan(temp, ..).collect_blocking()?.len(), 1);
    /// # Ok::<(), timestrata::Error>(())
    /// ```
    pub async fn delete(&self, selector: Selector, range: impl RangeBounds<Timestamp>) -> Result<Ack> {
        let resolver = self.prepare_delete(selector, &range)?;
        // The evaluation of a pattern over a million series would block the thread of an async task for too long.
        let request = run_offloaded(move |_| Ok(resolver.resolve())).await?;
        self.send_delete(request).await
    }

    /// Blocking variant of [`delete`](Self::delete).
    ///
    /// # Errors
    /// As for `delete`.
    pub fn delete_blocking(&self, selector: Selector, range: impl RangeBounds<Timestamp>) -> Result<Ack> {
        let request = self.prepare_delete(selector, &range)?.resolve();
        block_on(self.send_delete(request))
    }

    fn prepare_delete(&self, selector: Selector, range: &impl RangeBounds<Timestamp>) -> Result<DeleteResolver> {
        self.engine.check_owner()?;
        self.engine.check_not_poisoned()?;
        selector.validate()?;
        Ok(DeleteResolver { selector, range: TimeRange::from_bounds(range), version: self.engine.version() })
    }

    async fn send_delete(&self, mut request: DeleteRequest) -> Result<Ack> {
        self.request(|reply| {
            request.reply = Some(reply);
            WriterCommand::Delete(Box::new(request))
        })
        .await
    }

    /// Compacts everything that was written before the call, and removes hidden points.
    ///
    /// Afterwards no two files hold the same time of the same series, and points that deletes, retention or the
    /// duplicate policy hide are gone from the disk. Reads never require this call: the engine compacts in the
    /// background as files accumulate. The call rewrites all files outside the base level, and the base files that
    /// overlap them, are small, or contain hidden points. Writes and reads continue meanwhile.
    ///
    /// # Errors
    /// The error of the flush or the compaction, as for [`flush`](Self::flush). An error loses no point, and the engine
    /// retries without another call.
    pub async fn compact(&self) -> Result<()> {
        self.flush().await?;
        self.request(|reply| WriterCommand::Compact { reply }).await
    }

    /// Blocking variant of [`compact`](Self::compact).
    ///
    /// # Errors
    /// As for `compact`.
    pub fn compact_blocking(&self) -> Result<()> {
        block_on(self.compact())
    }
}

/// Delete whose series are not selected yet.
struct DeleteResolver {
    selector: Selector,
    range: TimeRange,
    version: Arc<Version>,
}

impl DeleteResolver {
    /// Selects the series.
    fn resolve(self) -> DeleteRequest {
        let Self { selector, range, version } = self;
        let resolved_end = version.series.next_id();
        let filter = selector.to_index_filter();
        let selected = SeriesSet::from_sorted(version.series.select(&filter).map(|def| def.id));
        drop(filter);
        DeleteRequest { selected, resolved_end, predicate: Arc::new(selector), range, reply: None }
    }
}
