//! The handle: one method is one message to the writer, or one look at the newest version.
//! Every async call has a blocking twin for programs without a runtime.

mod backup;
mod builder;
mod changes;
mod delete;
mod retention;
mod series;
mod stats;

use std::path::Path;
use std::sync::Arc;

pub use builder::Builder;
pub use changes::Changes;
pub use stats::{LevelStats, Stats, WorkStats};

use crate::actor::{Ack, Work, Write};
use crate::engine::{Engine, block_on, off_thread};
use crate::error::{Error, Result};
use crate::options::{Duplicates, Durability};
use crate::point::Batch;
use crate::query::Snapshot;
use crate::store::OpenReport;
use crate::sync::{Answer, Permit, Reply, reply};

/// An open database. Clones are cheap and share it; it may be used from any number of tasks and threads.
///
/// Writes go to one writer, which makes them durable in groups; reads take a [`Snapshot`] and wait for nobody.
/// [`close`](Db::close) flushes and stops. Dropping the last handle syncs what was acknowledged and stops without a
/// flush; it waits for that sync, and for a flush under way.
///
/// ```
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("weather.db");
/// use timestrata::{Batch, Db, SeriesKey, Timestamp};
///
/// let db = Db::open_blocking(path)?;
/// let temp = db.series_blocking(SeriesKey::new("temp").tag("station", "JFK"))?;
/// let mut batch = Batch::new();
/// batch.push(temp, Timestamp::from_secs(1_357_000_000), 3.5);
/// db.write_blocking(batch)?;
/// assert_eq!(db.snapshot().scan(temp, ..).collect_blocking()?.len(), 1);
/// db.close_blocking()?;
/// # Ok::<(), timestrata::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Db {
    engine: Arc<Engine>,
}

/// A batch that [`Db::try_write`] did not write, given back, and why.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct TryWriteError {
    /// Why it was not written.
    pub error: Error,
    /// The batch, unless it had already been queued.
    pub batch: Option<Batch>,
}

impl From<TryWriteError> for Error {
    fn from(refused: TryWriteError) -> Self {
        refused.error
    }
}

/// A request on its way: its answer, still to come.
type Pending<T> = Answer<Result<T>>;

impl Db {
    /// Opens the database in a directory, or makes it there, with every option at its default.
    ///
    /// # Errors
    /// [`Error::Locked`] if it is open elsewhere; [`Error::Corrupt`] and its kin name the damage that keeps it shut.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::builder(path).open().await
    }

    /// The blocking twin of [`open`](Self::open).
    ///
    /// # Errors
    /// As for `open`.
    pub fn open_blocking(path: impl AsRef<Path>) -> Result<Self> {
        Self::builder(path).open_blocking()
    }

    /// Options for an opening.
    pub fn builder(path: impl AsRef<Path>) -> Builder {
        Builder::new(path.as_ref())
    }

    /// What opening found and did.
    #[must_use]
    pub fn open_report(&self) -> &OpenReport {
        &self.engine.report
    }

    /// What the database was made to do with several points of one series at one timestamp.
    #[must_use]
    pub fn duplicates(&self) -> Duplicates {
        self.engine.duplicates
    }

    /// Writes a batch with the database's durability: with [`Durability::Sync`], the default, its points are on disk
    /// and visible when this returns.
    ///
    /// While writes outrun the flusher this waits. Dropped before the batch is queued, it does nothing; dropped later,
    /// the batch is written all the same.
    ///
    /// # Errors
    /// Unless it is [`Error::OutcomeUnknown`], nothing of the batch was written: [`Error::TooLarge`],
    /// [`Error::InvalidName`], [`Error::TypeMismatch`], [`Error::UnknownSeries`], [`Error::TooManySeries`] and
    /// [`Error::RefusedPoints`] for what is wrong with the batch; [`Error::WriteFailed`], [`Error::ReadOnly`] and
    /// [`Error::Closed`] for the database.
    pub async fn write(&self, batch: Batch) -> Result<Ack> {
        self.write_with(batch, self.engine.options.durability).await
    }

    /// The blocking twin of [`write`](Self::write).
    ///
    /// # Errors
    /// As for `write`.
    pub fn write_blocking(&self, batch: Batch) -> Result<Ack> {
        self.write_with_blocking(batch, self.engine.options.durability)
    }

    /// Writes a batch with a durability of its own.
    ///
    /// # Errors
    /// As for [`write`](Self::write).
    pub async fn write_with(&self, batch: Batch, durability: Durability) -> Result<Ack> {
        self.check(&batch, durability)?;
        let permit = self.engine.permits.acquire(batch.queue_len()).await;
        self.acknowledged(self.queue_write(batch, durability, permit).wait().await)
    }

    /// The blocking twin of [`write_with`](Self::write_with).
    ///
    /// # Errors
    /// As for [`write`](Self::write).
    pub fn write_with_blocking(&self, batch: Batch, durability: Durability) -> Result<Ack> {
        self.check(&batch, durability)?;
        let permit = block_on(self.engine.permits.acquire(batch.queue_len()));
        self.acknowledged(self.queue_write(batch, durability, permit).wait_blocking())
    }

    /// Writes a batch unless queued writes fill their memory; then it gives the batch back at once.
    ///
    /// # Errors
    /// [`Error::Overloaded`] with the batch; those of [`write`](Self::write).
    pub async fn try_write(&self, batch: Batch) -> Result<Ack, TryWriteError> {
        let pending = self.try_queue(batch)?;
        self.acknowledged(pending.wait().await).map_err(|error| TryWriteError { error, batch: None })
    }

    /// The blocking twin of [`try_write`](Self::try_write).
    ///
    /// # Errors
    /// As for `try_write`.
    #[expect(clippy::result_large_err, reason = "the batch comes back by value, as it went in")]
    pub fn try_write_blocking(&self, batch: Batch) -> Result<Ack, TryWriteError> {
        let pending = self.try_queue(batch)?;
        self.acknowledged(pending.wait_blocking()).map_err(|error| TryWriteError { error, batch: None })
    }

    /// Makes every acknowledged write durable, whatever durability it was written with.
    ///
    /// # Errors
    /// [`Error::OutcomeUnknown`] if the sync fails: the database is read-only from then on.
    pub async fn sync(&self) -> Result<()> {
        self.ask(|reply| Work::Sync { reply }).await
    }

    /// The blocking twin of [`sync`](Self::sync).
    ///
    /// # Errors
    /// As for `sync`.
    pub fn sync_blocking(&self) -> Result<()> {
        block_on(self.sync())
    }

    /// Brings every point written before it into SSTs, whatever the memtable's size.
    ///
    /// Writing never needs it: the engine flushes by size and age.
    ///
    /// # Errors
    /// Why the flush failed. Nothing is lost then; the engine tries again by itself.
    pub async fn flush(&self) -> Result<()> {
        self.ask(|reply| Work::Flush { reply }).await
    }

    /// The blocking twin of [`flush`](Self::flush).
    ///
    /// # Errors
    /// As for `flush`.
    pub fn flush_blocking(&self) -> Result<()> {
        block_on(self.flush())
    }

    /// The database as it is now: every acknowledged batch, whole. It holds still while writes go on.
    ///
    /// O(1), and never waits. It may be kept for hours: it keeps alive the memory and files that it sees, and the
    /// directory's lock. Of a closed database it can be taken, but its reads answer [`Error::Closed`].
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.engine.snapshot()
    }

    /// Tells of each change as a newer snapshot.
    #[must_use]
    pub fn changes(&self) -> Changes {
        Changes::new(&self.engine)
    }

    /// Counts and sizes of this moment.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats::of(&self.engine)
    }

    /// Flushes, syncs and stops; every other clone then answers [`Error::Closed`].
    ///
    /// Snapshots go on reading, and hold the directory's lock until they are dropped.
    ///
    /// # Errors
    /// Why the flush or the sync failed; the database is closed all the same, and what was acknowledged as synced is
    /// safe in the WAL.
    pub async fn close(self) -> Result<()> {
        if !self.engine.has_threads() {
            return self.engine.close().await;
        }
        off_thread(move || self.close_blocking()).await.unwrap_or(Err(Error::Poisoned))
    }

    /// The blocking twin of [`close`](Self::close).
    ///
    /// # Errors
    /// As for `close`.
    pub fn close_blocking(self) -> Result<()> {
        block_on(self.engine.close())
    }

    fn check(&self, batch: &Batch, durability: Durability) -> Result<()> {
        self.engine.check_sound()?;
        durability.check()?;
        batch.check(self.engine.nonce)?;
        self.check_guards(batch)
    }

    fn check_guards(&self, batch: &Batch) -> Result<()> {
        let guard = self.engine.options.guard(|| self.engine.wall());
        let Some(guard) = guard.filter(|guard| !guard.admits_all(batch.timestamps())) else { return Ok(()) };
        let version = self.engine.version();
        let text = |id| version.series.get(id).map_or_else(|| format!("#{id}"), |def| def.key.to_string());
        Err(Error::RefusedPoints { points: batch.refused_by(guard, text) })
    }

    #[expect(clippy::result_large_err, reason = "the batch comes back by value, as it went in")]
    fn try_queue(&self, batch: Batch) -> Result<Pending<Ack>, TryWriteError> {
        let durability = self.engine.options.durability;
        if let Err(error) = self.check(&batch, durability) {
            return Err(TryWriteError { error, batch: Some(batch) });
        }
        match self.engine.permits.try_acquire(batch.queue_len()) {
            Some(permit) => Ok(self.queue_write(batch, durability, permit)),
            None => Err(TryWriteError { error: Error::Overloaded, batch: Some(batch) }),
        }
    }

    fn queue_write(&self, mut batch: Batch, durability: Durability, permit: Permit) -> Pending<Ack> {
        batch.seal();
        let (reply, answer) = reply();
        self.engine.send(Work::Write(Box::new(Write { batch, durability, reply })), Some(permit));
        answer
    }

    /// Queues a request and waits for its answer. The blocking twins drive this: it needs no runtime.
    async fn ask<T>(&self, work: impl FnOnce(Reply<Result<T>>) -> Work) -> Result<T> {
        let (reply, answer) = reply();
        let work = work(reply);
        // Also for what takes no memory to speak of: a caller that gives up waiting leaves its request in the queue.
        let permit = match work.byte_len() {
            0 => self.engine.plain_permits.acquire(1).await,
            bytes => self.engine.permits.acquire(bytes).await,
        };
        self.engine.send(work, Some(permit));
        answer.wait().await.unwrap_or_else(|| Err(self.engine.gone()))
    }

    /// The answer to a write. None comes if the writer panicked, perhaps with the batch on disk already.
    fn acknowledged(&self, answer: Option<Result<Ack>>) -> Result<Ack> {
        answer.unwrap_or_else(|| match self.engine.gone() {
            Error::Poisoned => Err(Error::OutcomeUnknown { reason: Error::Poisoned.to_string() }),
            closed => Err(closed),
        })
    }
}
