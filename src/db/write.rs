//! Writes: a batch is validated, moved to the writer's queue, and moved back with the reply.
//!
//! While a batch is queued, the writer owns its columns, and the caller keeps the index of its keys. The reply carries
//! the columns back, so that a batch can be written again after an error and its memory used again after success.

use std::borrow::BorrowMut;
use std::sync::Arc;

use super::Db;
use crate::engine::actor::{Ack, WriteReply, WriteRequest, WriterCommand};
use crate::engine::threads::block_on;
use crate::state::version::Version;
use crate::sync::{Permit, ReplyReceiver, reply_channel};
use crate::types::error::{Error, Result};
use crate::types::options::Durability;
use crate::types::point::{Batch, BatchKeyIndex, CachedSeriesLookup, ValueType};
use crate::types::series::{HashedKey, OpeningNumber, SeriesId};

/// Lookup of cached series in the newest version, so that the writer need not hash and compare their keys.
struct VersionLookup {
    version: Arc<Version>,
    opening: OpeningNumber,
}

impl CachedSeriesLookup for VersionLookup {
    fn opening(&self) -> OpeningNumber {
        self.opening
    }

    fn takes_points(&self, id: SeriesId) -> bool {
        self.version.series.takes_points(id)
    }

    fn find(&self, key: HashedKey<'_>, value_type: ValueType) -> Option<SeriesId> {
        self.version.series.find(key).filter(|def| def.value_type == value_type).map(|def| def.id)
    }
}

/// Write in the queue of the writer.
struct QueuedWrite {
    reply: ReplyReceiver<WriteReply>,
    key_index: BatchKeyIndex,
}

impl Db {
    /// Writes a batch with the durability of the database.
    ///
    /// All points of the batch become durable and visible together. With [`Durability::Sync`], the default, the points
    /// are on disk and visible when the call returns. While writes are faster than flushes, the call waits for room in
    /// the write queue.
    ///
    /// Pass a [`Batch`], or a `&mut Batch` to use its memory again: after `Ok` a borrowed batch is empty and keeps its
    /// memory; after an error it still holds its points, so that the write can be repeated. The points may be lost with
    /// the error only if the database was closed, or stopped by a bug.
    ///
    /// A future that is dropped before the batch is queued writes nothing and leaves a borrowed batch as it was. If the
    /// future is dropped later, the batch is still written, and a borrowed batch is empty.
    ///
    /// # Errors
    /// After every error except [`Error::OutcomeUnknown`] no point of the batch was written.
    ///
    /// For the batch, of kind [`InvalidInput`](crate::ErrorKind::InvalidInput) or
    /// [`LimitExceeded`](crate::ErrorKind::LimitExceeded): [`Error::TooLarge`], [`Error::InvalidName`],
    /// [`Error::KeyTooLong`], [`Error::TooManyTags`], [`Error::TypeMismatch`], [`Error::ColumnLengths`], [`Error::StaleSeries`], [`Error::RejectedPoints`],
    /// [`Error::TooManySeries`].
    ///
    /// For the database:
    ///
    /// - [`Error::WriteFailed`] with the kind of its cause, such as [`StorageFull`](crate::ErrorKind::StorageFull) or
    ///   [`Io`](crate::ErrorKind::Io): repeat the write later, see [`Error::is_retryable`];
    /// - [`Error::WriteStalled`] with the kind of its cause: flushes fail, and the write waited for one as long as
    ///   [`stall_timeout`](crate::DbBuilder::stall_timeout) allows; repeat the write later;
    /// - [`Error::OutcomeUnknown`], of the kind of that name: the batch may be on disk;
    /// - [`Error::ReadOnly`] of kind [`Reopen`](crate::ErrorKind::Reopen): an earlier write made the database
    ///   read-only;
    /// - [`Error::Closed`], and [`Error::EnginePanicked`] of kind [`Bug`](crate::ErrorKind::Bug).
    ///
    /// ```
    /// # let dir = tempfile::tempdir().unwrap();
    /// use std::time::Duration;
    /// use timestrata::{Batch, Db, SeriesKey, Timestamp};
    ///
    /// let db = Db::open_blocking(dir.path().join("db"))?;
    /// let load = db.create_series(SeriesKey::new("load")).blocking()?;
    /// let mut timestamp = Timestamp::from_secs(1_357_000_000);
    /// let mut batch = Batch::with_capacity(100);
    /// for _ in 0..3 {
    ///     for _ in 0..100 {
    ///         batch.push(load, timestamp, 0.5);
    ///         timestamp += Duration::from_secs(1);
    ///     }
    ///     let ack = db.write_blocking(&mut batch)?;
    ///     println!("batch {} is durable", ack.seq);
    /// }
    /// assert_eq!(db.stats().points, 300);
    /// # Ok::<(), timestrata::Error>(())
    /// ```
    pub async fn write(&self, batch: impl BorrowMut<Batch>) -> Result<Ack> {
        self.write_with(batch, self.engine.options.durability).await
    }

    /// Blocking variant of [`write`](Self::write).
    ///
    /// # Errors
    /// As for `write`.
    pub fn write_blocking(&self, batch: impl BorrowMut<Batch>) -> Result<Ack> {
        self.write_with_blocking(batch, self.engine.options.durability)
    }

    /// Writes a batch with another durability than the database's.
    ///
    /// For batches beyond the limits, and to leave out points that are rejected, see
    /// [`write_with_options`](Self::write_with_options).
    ///
    /// # Errors
    /// As for [`write`](Self::write); [`Error::InvalidOption`] for an interval of zero.
    pub async fn write_with(&self, mut batch: impl BorrowMut<Batch>, durability: Durability) -> Result<Ack> {
        let batch = batch.borrow_mut();
        self.validate(batch, durability)?;
        self.write_checked(batch, durability).await
    }

    /// Blocking variant of [`write_with`](Self::write_with).
    ///
    /// # Errors
    /// As for `write_with`.
    pub fn write_with_blocking(&self, mut batch: impl BorrowMut<Batch>, durability: Durability) -> Result<Ack> {
        let batch = batch.borrow_mut();
        self.validate(batch, durability)?;
        let waiting = self.caller.begin_request();
        let permit = block_on(self.engine.permits.acquire(batch.queue_bytes()));
        let QueuedWrite { reply, key_index } = self.queue_write(batch, durability, true, permit);
        drop(waiting);
        self.finish_write(batch, key_index, reply.recv_blocking())
    }

    /// Writes a batch unless the write queue is full; waits neither for room in the queue nor for the retry of a flush.
    ///
    /// # Errors
    /// [`Error::QueueFull`] of kind [`Busy`](crate::ErrorKind::Busy) if the queue is full; then the batch is unchanged.
    /// [`Error::WriteStalled`], at once, if writes stall because a flush failed. Those of [`write`](Self::write).
    pub async fn try_write(&self, batch: &mut Batch) -> Result<Ack> {
        let QueuedWrite { reply, key_index } = self.try_queue_write(batch)?;
        self.finish_write(batch, key_index, reply.recv().await)
    }

    /// Blocking variant of [`try_write`](Self::try_write).
    ///
    /// # Errors
    /// As for `try_write`.
    pub fn try_write_blocking(&self, batch: &mut Batch) -> Result<Ack> {
        let QueuedWrite { reply, key_index } = self.try_queue_write(batch)?;
        self.finish_write(batch, key_index, reply.recv_blocking())
    }

    /// Checks a batch, and finds its cached series in the newest version.
    fn validate(&self, batch: &mut Batch, durability: Durability) -> Result<()> {
        self.check_usable(durability)?;
        // A write with options whose future was dropped may have left it set.
        batch.set_collects_rejections(false);
        self.find_cached(batch)?;
        batch.validate(self.engine.opening_id)?;
        self.check_timestamps(batch)
    }

    /// Checks what does not depend on the batch.
    pub(super) fn check_usable(&self, durability: Durability) -> Result<()> {
        self.engine.check_owner()?;
        self.engine.check_not_poisoned()?;
        durability.check()
    }

    /// Finds the cached series of a batch in the newest version.
    ///
    /// # Errors
    /// That of the first invalid key among the series that were not found.
    pub(super) fn find_cached(&self, batch: &mut Batch) -> Result<()> {
        if batch.series().is_empty() {
            return Ok(());
        }
        batch.find_cached(&VersionLookup { version: self.engine.version(), opening: self.engine.opening_number })
    }

    /// Writes a batch that was checked.
    pub(super) async fn write_checked(&self, batch: &mut Batch, durability: Durability) -> Result<Ack> {
        let waiting = self.caller.begin_request();
        let permit = self.engine.permits.acquire(batch.queue_bytes()).await;
        let QueuedWrite { reply, key_index } = self.queue_write(batch, durability, true, permit);
        drop(waiting);
        self.finish_write(batch, key_index, reply.recv().await)
    }

    /// # Errors
    /// `RejectedPoints` with the points whose timestamps are too far from the clock.
    pub(super) fn check_timestamps(&self, batch: &Batch) -> Result<()> {
        let guard = self.engine.options.timestamp_guard(|| self.engine.wall_clock_nanos());
        let Some(guard) = guard.filter(|guard| !guard.accepts_all(batch.timestamps())) else { return Ok(()) };
        let version = self.engine.version();
        let indexed = batch.timestamps().iter().enumerate();
        let rejected = indexed.filter_map(|(index, nanos)| Some((index, guard.reject_reason(*nanos)?)));
        Err(Error::RejectedPoints { points: batch.rejected_points(rejected, |id| version.series.key_text(id)) })
    }

    fn try_queue_write(&self, batch: &mut Batch) -> Result<QueuedWrite> {
        let durability = self.engine.options.durability;
        self.validate(batch, durability)?;
        let permit = self.engine.permits.try_acquire(batch.queue_bytes()).ok_or(Error::QueueFull)?;
        Ok(self.queue_write(batch, durability, false, permit))
    }

    /// Moves the batch to the queue of the writer.
    ///
    /// `batch` is empty until [`finish_write`](Self::finish_write).
    fn queue_write(&self, batch: &mut Batch, durability: Durability, may_wait: bool, permit: Permit) -> QueuedWrite {
        let (batch, key_index) = batch.take_for_queue();
        let (reply, receiver) = reply_channel();
        let request = WriteRequest { batch, durability, may_wait, reply };
        self.engine.send(WriterCommand::Write(Box::new(request)), Some(self.caller.id), Some(permit));
        QueuedWrite { reply: receiver, key_index }
    }

    /// Puts the batch back, and clears it if it was written.
    ///
    /// Without a reply, the writer panicked, or stopped before it took the batch; then the batch is lost.
    fn finish_write(&self, batch: &mut Batch, key_index: BatchKeyIndex, reply: Option<WriteReply>) -> Result<Ack> {
        let Some(WriteReply { batch: written, result }) = reply else {
            return match self.engine.unanswered_error() {
                // The batch may be on disk.
                panicked @ Error::EnginePanicked => Err(Error::outcome_unknown(panicked)),
                closed => Err(closed),
            };
        };
        batch.restore(written, key_index);
        if result.is_ok() {
            batch.remember_cached(self.engine.opening_number);
            batch.clear();
        }
        result
    }
}
