//! Read-only opening: a handle that reads a database beside the process that writes it.

use std::panic::{RefUnwindSafe, UnwindSafe};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::{SnapshotWatch, Stats, snapshot_in_child};
use crate::engine::store::RefreshReport;
use crate::engine::threads::{ReaderEngine, run_on_new_thread};
use crate::platform::env::Env;
use crate::query::{Runtime, Snapshot};
use crate::types::duplicate_policy::DuplicatePolicy;
use crate::types::error::{Error, Result};
use crate::types::options::Options;
use crate::types::point::Scalar;
use crate::types::series::{Series, SeriesInfo, SeriesKey};

/// Default of [`DbReaderBuilder::max_held_files`]: half of the usual limit of descriptors per process.
const MAX_HELD_FILES: usize = 512;

/// Options of a read-only opening; made by [`DbBuilder::read_only`](super::DbBuilder::read_only).
#[derive(Debug, Clone)]
#[must_use = "nothing is opened before `open` or `open_blocking`"]
pub struct DbReaderBuilder {
    dir: PathBuf,
    options: Options,
    env: Arc<dyn Env>,
    max_held_files: usize,
    runtime: Runtime,
    /// `true` if the caller has set the memory budget.
    has_memory_budget: bool,
}

// A builder only holds options and the stateless access to the operating system.
impl UnwindSafe for DbReaderBuilder {}
impl RefUnwindSafe for DbReaderBuilder {}

impl DbReaderBuilder {
    pub(super) fn new(
        dir: PathBuf,
        options: Options,
        env: Arc<dyn Env>,
        runtime: Runtime,
        has_memory_budget: bool,
    ) -> Self {
        Self { dir, options, env, max_held_files: MAX_HELD_FILES, runtime, has_memory_budget }
    }

    /// Sets the memory budget in bytes. Default: that of the [`DbBuilder`](super::DbBuilder), or 1 GiB.
    ///
    /// Most of it is for the records that the database has not flushed yet: a reader holds them in memory, as the
    /// database does. If they need more, the call fails with
    /// [`Error::UnflushedLogTooLarge`](crate::Error::UnflushedLogTooLarge). Minimum: 64 MiB.
    pub fn memory_budget(mut self, bytes: usize) -> Self {
        self.options.memory_budget = bytes;
        self.has_memory_budget = true;
        self
    }

    /// Sets how many files are kept open for all snapshots of the reader together. Default: 512.
    ///
    /// The writer may remove a file at any time. What is open stays readable. If a snapshot has more files, a read of
    /// the others may fail with [`Error::SnapshotExpired`](crate::Error::SnapshotExpired).
    pub fn max_held_files(mut self, files: usize) -> Self {
        self.max_held_files = files;
        self
    }

    /// Opens the database on a new thread, so that no runtime is needed and none is blocked.
    ///
    /// # Errors
    /// - [`Error::DatabaseNotFound`](crate::Error::DatabaseNotFound), of kind
    ///   [`NotFound`](crate::ErrorKind::NotFound), if there is no database;
    /// - [`Error::UnflushedLogTooLarge`](crate::Error::UnflushedLogTooLarge), of kind
    ///   [`LimitExceeded`](crate::ErrorKind::LimitExceeded), if the unflushed log exceeds the memory budget;
    /// - [`Error::SnapshotExpired`](crate::Error::SnapshotExpired), of kind [`Busy`](crate::ErrorKind::Busy), if the
    ///   writer overtook each of many attempts to read the files;
    /// - otherwise as for [`Db::open`](super::Db::open). It is never `Locked`.
    pub async fn open(self) -> Result<DbReader> {
        run_on_new_thread("timestrata-open", move || self.open_blocking()).await
    }

    /// Blocking variant of [`open`](Self::open).
    ///
    /// # Errors
    /// As for `open`.
    pub fn open_blocking(self) -> Result<DbReader> {
        let (options, shared) = self.runtime.share_with_opening(self.options, self.has_memory_budget)?;
        let engine = ReaderEngine::open(self.env, &self.dir, &options, self.max_held_files, shared)?;
        Ok(DbReader { engine: Arc::new(engine), runtime: self.runtime })
    }
}

/// Handle of a read-only opening, which may read while another process writes the database.
///
/// It takes no lock and changes no byte, so it works in a directory that the program may only read, and on a full disk.
/// Clones are cheap and share the opening.
///
/// A reader shows what is durable: a prefix of the order of records, with whole batches only, which no power loss takes
/// back. A record that was synced is durable at once, but a reader knows it only when the writer has noted it in its
/// files: with the next write, or 100 ms after the last one. The reader sees nothing new before
/// [`refresh`](Self::refresh), or [`follow`](Self::follow), which calls it at an interval. What a reader shows never
/// goes back.
///
/// ```
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("weather.db");
/// use timestrata::{Batch, Db, SeriesKey, Timestamp};
///
/// let db = Db::open_blocking(&path)?;
/// let mut batch = Batch::new();
/// batch.push_key(&SeriesKey::new("temp"), Timestamp::from_secs(1), 3.5);
/// db.write_blocking(&mut batch)?;
/// db.flush_blocking()?;
///
/// // Usually in another process.
/// let reader = Db::builder(&path).read_only().open_blocking()?;
/// let temp = reader.series::<f64>(&SeriesKey::new("temp"))?;
/// assert_eq!(reader.snapshot().scan(temp, ..).collect_blocking()?.len(), 1);
///
/// batch.push_key(&SeriesKey::new("temp"), Timestamp::from_secs(2), 4.5);
/// db.write_blocking(&mut batch)?;
/// db.close_blocking()?;
/// assert!(reader.refresh_blocking()?.changed);
/// assert_eq!(reader.snapshot().scan(temp, ..).collect_blocking()?.len(), 2);
/// # Ok::<(), timestrata::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct DbReader {
    engine: Arc<ReaderEngine>,
    runtime: Runtime,
}

// See `Db`: a handle only loads whole versions, and a refresh that panicked reads everything again.
impl UnwindSafe for DbReader {}
impl RefUnwindSafe for DbReader {}

impl DbReader {
    /// Returns the newest snapshot that was read. The call takes constant time and never waits.
    ///
    /// A snapshot keeps the memory and the files that it sees.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let (owner, opening_id) = (self.engine.owner(), self.engine.opening_id);
        if !owner.is_current() {
            return snapshot_in_child(opening_id, owner);
        }
        let context = Arc::clone(self.engine.read_context());
        Snapshot::new(self.engine.version(), Some(context), opening_id, owner, self.runtime.clone())
    }

    /// Reads what the writer has made durable since the last call; [`snapshot`](Self::snapshot) then returns it.
    ///
    /// Reads only what is new, and if nothing is, a few hundred bytes. After an error the last snapshot stays, and a
    /// later call may succeed.
    ///
    /// # Errors
    /// As for [`DbReaderBuilder::open`]; [`Error::ForeignFile`](crate::Error::ForeignFile) of kind
    /// [`Corrupt`](crate::ErrorKind::Corrupt) if the directory now holds another database, or an older state.
    pub async fn refresh(&self) -> Result<RefreshReport> {
        let engine = Arc::clone(&self.engine);
        run_on_new_thread("timestrata-refresh", move || engine.refresh()).await
    }

    /// Blocking variant of [`refresh`](Self::refresh).
    ///
    /// # Errors
    /// As for `refresh`.
    pub fn refresh_blocking(&self) -> Result<RefreshReport> {
        self.engine.refresh()
    }

    /// Refreshes at an interval on a thread of its own, until the last clone of the handle is dropped.
    ///
    /// A second call replaces the interval. If a refresh fails, the last snapshot stays, the next refresh is tried after
    /// the interval, and [`follow_error`](Self::follow_error) returns the error.
    ///
    /// # Errors
    /// [`Error::InvalidOption`](crate::Error::InvalidOption) for an interval of zero;
    /// [`Error::ThreadStart`](crate::Error::ThreadStart).
    pub fn follow(&self, interval: Duration) -> Result<()> {
        self.engine.follow(interval)
    }

    /// Returns the error of the last refresh by [`follow`](Self::follow); `None` if it succeeded.
    #[must_use]
    pub fn follow_error(&self) -> Option<Error> {
        self.engine.follow_error()
    }

    /// Returns a watch on the reader: each call of [`SnapshotWatch::next`] waits for a newer snapshot.
    #[must_use]
    pub fn watch(&self) -> SnapshotWatch {
        let context = Arc::downgrade(self.engine.read_context());
        let (latest, owner) = (Arc::clone(self.engine.version_watch()), self.engine.owner());
        SnapshotWatch::new(latest, context, self.engine.opening_id, owner, self.runtime.clone())
    }

    /// Returns the handle of the series with a key; see [`Db::series`](super::Db::series).
    ///
    /// # Errors
    /// As for `Db::series`.
    pub fn series<T: Scalar>(&self, key: &SeriesKey) -> Result<Series<T>> {
        self.snapshot().series(key)
    }

    /// Returns the id, value type and duplicate policy of a series with points; see [`Snapshot::find_series`].
    #[must_use]
    pub fn find_series(&self, key: &SeriesKey) -> Option<SeriesInfo> {
        self.snapshot().find_series(key)
    }

    /// Returns the duplicate policy of the database.
    #[must_use]
    pub fn duplicates(&self) -> DuplicatePolicy {
        self.engine.duplicates
    }

    /// Returns the counts and sizes of the newest snapshot.
    ///
    /// What only the writer knows is 0: queued bytes, finished jobs, pinned files.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats::of_reader(&self.engine)
    }
}
