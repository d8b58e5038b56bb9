//! The handle of an open database.
//!
//! Methods that change the database send commands to the writer; the others read the newest version. Every call that
//! waits has an `async` form and a blocking form for programs without a runtime.

mod backup;
mod builder;
mod caller;
mod create_series;
mod delete;
mod metric_metadata;
mod reader;
mod retention;
mod stats;
#[cfg(test)]
mod tests;
mod watch;
mod write;
mod write_options;

use std::panic::{RefUnwindSafe, UnwindSafe};
use std::path::Path;
use std::sync::{Arc, Weak};

pub use builder::DbBuilder;
pub use create_series::{CreateManySeries, CreateSeries};
pub use reader::{DbReader, DbReaderBuilder};
pub use stats::{JobStats, LevelStats, Stats};
pub use watch::SnapshotWatch;
pub use write_options::{WriteOptions, WriteReport};

use caller::Caller;

use crate::engine::actor::WriterCommand;
use crate::engine::store::OpenReport;
use crate::engine::threads::{Engine, block_on, run_on_new_thread};
use crate::platform::env::OwnerProcess;
use crate::query::{Runtime, Snapshot};
use crate::state::series_index::SeriesIndex;
use crate::state::version::{Cutoffs, DurableState, Version};
use crate::sync::{Permit, ReplySender, reply_channel};
use crate::types::duplicate_policy::DuplicatePolicy;
use crate::types::error::Result;
use crate::types::point::Scalar;
use crate::types::series::{Series, SeriesInfo, SeriesKey};

/// Memory of a command in the queue apart from its data, in bytes: an estimate, so that many small ones have a bound, too.
const COMMAND_BYTES: usize = 512;

/// Handle of an open database.
///
/// Clones are cheap and share the database; any number of tasks and threads may use it. One writer makes the writes of
/// all tasks durable in groups. Reads take a [`Snapshot`] and never wait for writes. A call that waits is `async` and
/// has a blocking form: a method with the suffix `_blocking`, or `blocking()` on the builders of series. A blocking form
/// needs no runtime and may be called inside a runtime.
///
/// A request is executed after the requests of the same handle whose answers have arrived, and writes in the order in which
/// they reach the queue. While a full disk stalls writes, a delete passes the waiting writes of other handles, but not those
/// of its own handle, so give each task a clone.
///
/// [`close`](Db::close) flushes and stops. Dropping the last handle syncs the acknowledged writes and stops without a
/// flush; the drop waits for that sync, and for a running flush.
///
/// After `fork`, only the parent process can use its handles. In the child every call that returns a `Result` fails with
/// [`Error::ForkedHandle`](crate::Error::ForkedHandle), counts are zero, listings are empty, a watch ends, and a drop has no
/// effect on the database.
///
/// ```
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("weather.db");
/// use timestrata::{Batch, Db, SeriesKey, Timestamp};
///
/// let db = Db::open_blocking(path)?;
/// let temp = db.create_series(SeriesKey::new("temp").tag("station", "JFK")).blocking()?;
/// let mut batch = Batch::new();
/// batch.push(temp, Timestamp::from_secs(1_357_000_000), 3.5);
/// db.write_blocking(batch)?;
/// assert_eq!(db.snapshot().scan(temp, ..).collect_blocking()?.len(), 1);
/// db.close_blocking()?;
/// # Ok::<(), timestrata::Error>(())
/// ```
#[derive(Debug)]
pub struct Db {
    engine: Arc<Engine>,
    runtime: Runtime,
    /// Shared with the builders of series that the handle made.
    caller: Arc<Caller>,
}

impl Clone for Db {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.engine), self.runtime.clone())
    }
}

// A panic of the caller cannot leave shared state half changed: a handle sends messages and loads whole versions. The
// engine catches a panic of its threads, and every later command returns the error `EnginePanicked`.
impl UnwindSafe for Db {}
impl RefUnwindSafe for Db {}

impl Db {
    fn new(engine: Arc<Engine>, runtime: Runtime) -> Self {
        let caller = Arc::new(Caller::new(engine.new_caller_id()));
        Self { engine, runtime, caller }
    }

    /// Returns a handle that is the same caller to the writer; a clone is another one.
    fn same_caller(&self) -> Self {
        Self { engine: Arc::clone(&self.engine), runtime: self.runtime.clone(), caller: Arc::clone(&self.caller) }
    }

    /// Opens the database in a directory, or creates it there, with every option at its default.
    ///
    /// # Errors
    /// - [`Error::Locked`](crate::Error::Locked), of kind [`Busy`](crate::ErrorKind::Busy), if another handle, snapshot
    ///   or process has the database open;
    /// - [`Error::NotADatabase`](crate::Error::NotADatabase), of kind [`InvalidInput`](crate::ErrorKind::InvalidInput),
    ///   if the directory holds other files;
    /// - [`Error::Corrupt`](crate::Error::Corrupt), [`Error::MissingFiles`](crate::Error::MissingFiles) and
    ///   [`Error::ForeignFile`](crate::Error::ForeignFile), of kind [`Corrupt`](crate::ErrorKind::Corrupt), if files
    ///   are damaged, missing or of another database;
    /// - [`Error::UnsupportedVersion`](crate::Error::UnsupportedVersion), of kind
    ///   [`Unsupported`](crate::ErrorKind::Unsupported), if a newer release wrote the database;
    /// - [`Error::Io`](crate::Error::Io), of kind [`StorageFull`](crate::ErrorKind::StorageFull) or
    ///   [`Io`](crate::ErrorKind::Io), for errors of the operating system;
    /// - [`Error::OutOfResources`](crate::Error::OutOfResources) and [`Error::ThreadStart`](crate::Error::ThreadStart),
    ///   of kind [`Busy`](crate::ErrorKind::Busy), if the process has too many open files or threads, or not enough
    ///   memory.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::builder(path).open().await
    }

    /// Blocking variant of [`open`](Self::open).
    ///
    /// # Errors
    /// As for `open`.
    pub fn open_blocking(path: impl AsRef<Path>) -> Result<Self> {
        Self::builder(path).open_blocking()
    }

    /// Returns a builder for the options of an opening.
    pub fn builder(path: impl AsRef<Path>) -> DbBuilder {
        DbBuilder::new(path.as_ref())
    }

    /// Returns the report of the opening, such as the replayed records of the WAL and a torn tail.
    #[must_use]
    pub fn open_report(&self) -> &OpenReport {
        &self.engine.report
    }

    /// Returns the duplicate policy of the database.
    ///
    /// The policy applies to series that were created without another policy.
    #[must_use]
    pub fn duplicates(&self) -> DuplicatePolicy {
        self.engine.duplicates
    }

    /// Returns the handle of the series with a key, in the newest state.
    ///
    /// The call creates nothing, reads no file and never waits. To create a series see
    /// [`create_series`](Self::create_series); to list series see [`Snapshot::list_series`].
    ///
    /// # Errors
    /// [`Error::SeriesNotFound`](crate::Error::SeriesNotFound) if there is no such series;
    /// [`Error::TypeMismatch`](crate::Error::TypeMismatch) if the series has another value type.
    ///
    /// ```
    /// # let dir = tempfile::tempdir().unwrap();
    /// use timestrata::{Db, Error, SeriesKey};
    ///
    /// let db = Db::open_blocking(dir.path().join("db"))?;
    /// let key = SeriesKey::new("turns").tag("motor", "left");
    /// assert!(matches!(db.series::<u64>(&key), Err(Error::SeriesNotFound { .. })));
    /// let created = db.create_series(key.clone()).value_type::<u64>().blocking()?;
    /// assert_eq!(db.series::<u64>(&key)?, created);
    /// # Ok::<(), timestrata::Error>(())
    /// ```
    pub fn series<T: Scalar>(&self, key: &SeriesKey) -> Result<Series<T>> {
        self.snapshot().series(key)
    }

    /// Returns the id, value type and duplicate policy of a series with points, in the newest state.
    ///
    /// See [`Snapshot::find_series`].
    #[must_use]
    pub fn find_series(&self, key: &SeriesKey) -> Option<SeriesInfo> {
        self.snapshot().find_series(key)
    }

    /// Makes every acknowledged write durable, whatever durability it was written with.
    ///
    /// # Errors
    /// - [`Error::OutcomeUnknown`](crate::Error::OutcomeUnknown) if the sync fails; the database is read-only from then
    ///   on;
    /// - [`Error::ReadOnly`](crate::Error::ReadOnly), of kind [`Reopen`](crate::ErrorKind::Reopen), if an earlier sync
    ///   failed;
    /// - [`Error::Closed`](crate::Error::Closed), and [`Error::EnginePanicked`](crate::Error::EnginePanicked) of kind
    ///   [`Bug`](crate::ErrorKind::Bug).
    pub async fn sync(&self) -> Result<()> {
        self.request(|reply| WriterCommand::Sync { reply }).await
    }

    /// Blocking variant of [`sync`](Self::sync).
    ///
    /// # Errors
    /// As for `sync`.
    pub fn sync_blocking(&self) -> Result<()> {
        block_on(self.sync())
    }

    /// Moves every point that was written before the call from memory to SSTs.
    ///
    /// Writes never require this call: the engine flushes by size and age.
    ///
    /// # Errors
    /// The error of the flush, such as [`Error::Io`](crate::Error::Io) of kind
    /// [`StorageFull`](crate::ErrorKind::StorageFull). An error loses no point, and the engine retries the flush by
    /// itself. [`Error::ReadOnly`](crate::Error::ReadOnly) of kind [`Reopen`](crate::ErrorKind::Reopen),
    /// [`Error::Closed`](crate::Error::Closed), and [`Error::EnginePanicked`](crate::Error::EnginePanicked) of kind
    /// [`Bug`](crate::ErrorKind::Bug).
    pub async fn flush(&self) -> Result<()> {
        self.request(|reply| WriterCommand::Flush { reply }).await
    }

    /// Blocking variant of [`flush`](Self::flush).
    ///
    /// # Errors
    /// As for `flush`.
    pub fn flush_blocking(&self) -> Result<()> {
        block_on(self.flush())
    }

    /// Returns an immutable view of the database with every acknowledged batch.
    ///
    /// Later writes do not change the view. The call takes constant time and never waits. A snapshot may be kept for
    /// hours; it keeps the memory and the files that it sees, and the lock of the directory. A snapshot can be taken
    /// from a closed database, but its reads of files return [`Error::Closed`](crate::Error::Closed).
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let owner = self.engine.owner();
        if !owner.is_current() {
            return snapshot_in_child(self.engine.opening_id, owner);
        }
        let runtime = self.runtime.clone();
        Snapshot::new(self.engine.version(), self.engine.read_context(), self.engine.opening_id, owner, runtime)
    }

    /// Returns a watch on the database: each call of [`SnapshotWatch::next`] waits for a newer snapshot.
    #[must_use]
    pub fn watch(&self) -> SnapshotWatch {
        let owner = self.engine.owner();
        let context = if owner.is_current() { self.engine.read_context() } else { None };
        let context = context.map_or_else(Weak::new, |context| Arc::downgrade(&context));
        let watch = Arc::clone(self.engine.version_watch());
        SnapshotWatch::new(watch, context, self.engine.opening_id, owner, self.runtime.clone())
    }

    /// Returns the current counts and sizes.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats::collect(&self.engine)
    }

    /// Flushes, syncs and stops.
    ///
    /// Every later write, flush, sync, delete, compaction or backup by another clone of the handle, and every creation of
    /// series, returns [`Error::Closed`](crate::Error::Closed).
    ///
    /// Snapshots can still be read; they keep the lock of the directory until they are dropped.
    ///
    /// # Errors
    /// The error of the flush or the sync, as for [`flush`](Self::flush) and [`sync`](Self::sync). The database is
    /// closed all the same, and the WAL holds every write that was acknowledged as synced.
    /// [`Error::Closed`](crate::Error::Closed) if another handle has closed the database.
    pub async fn close(self) -> Result<()> {
        self.engine.check_owner()?;
        if !self.engine.has_threads() {
            return self.engine.close().await;
        }
        run_on_new_thread("timestrata-close", move || self.close_blocking()).await
    }

    /// Blocking variant of [`close`](Self::close).
    ///
    /// # Errors
    /// As for `close`.
    pub fn close_blocking(self) -> Result<()> {
        block_on(self.engine.close())
    }

    /// Sends a command to the writer and waits for the reply.
    ///
    /// The future needs no runtime; the blocking variants poll it, too.
    async fn request<T>(&self, command: impl FnOnce(ReplySender<Result<T>>) -> WriterCommand) -> Result<T> {
        self.engine.check_owner()?;
        let (reply, receiver) = reply_channel();
        self.send_command(command(reply)).await;
        receiver.recv().await.unwrap_or_else(|| Err(self.engine.unanswered_error()))
    }

    /// Sends a command to the writer once the queue has room for it.
    async fn send_command(&self, command: WriterCommand) {
        let (engine, caller) = (&self.engine, Some(self.caller.id));
        if command.is_control() {
            // These need a permit, too: a caller that stops waiting leaves its command in the queue, so the number of
            // commands must be bounded.
            let permit = engine.control_permits.acquire(1).await;
            return engine.send(command, caller, Some(permit));
        }
        let bytes = command.byte_len() + COMMAND_BYTES;
        if command.is_delete() && !self.caller.has_waiting_request() {
            let permit = self.delete_permit(bytes).await;
            return engine.send(command, caller, Some(permit));
        }
        let waiting = self.caller.begin_request();
        let permit = engine.permits.acquire(bytes).await;
        engine.send(command, caller, Some(permit));
        drop(waiting);
    }

    /// Returns a permit for a delete, which must not wait behind stalled writes for room in the queue.
    ///
    /// Deletes have a share of the queue of their own. Those that wait behind a write of their handle may fill it, so the
    /// room for writes is used, too, if there is some.
    async fn delete_permit(&self, bytes: usize) -> Permit {
        let engine = &self.engine;
        let free = engine.delete_permits.try_acquire(bytes).or_else(|| engine.permits.try_acquire(bytes));
        match free {
            Some(permit) => permit,
            None => engine.delete_permits.acquire(bytes).await,
        }
    }
}

/// Returns the empty snapshot that a forked child gets.
fn snapshot_in_child(opening_id: u64, owner: OwnerProcess) -> Snapshot {
    let empty = Version::from_durable(SeriesIndex::default(), &DurableState::default(), Cutoffs::default());
    Snapshot::new(Arc::new(empty), None, opening_id, owner, Runtime::default())
}
