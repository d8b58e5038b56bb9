//! Options of an opening, each with a default. The opening checks the options.

use std::panic::{RefUnwindSafe, UnwindSafe};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::{Db, DbReaderBuilder};
use crate::engine::actor::CancelFlag;
use crate::engine::threads::{Engine, run_on_new_thread};
use crate::platform::env::{Env, MemoryEnv, OsEnv};
use crate::query::Runtime;
use crate::types::duplicate_policy::DuplicatePolicy;
use crate::types::error::Result;
use crate::types::options::{Durability, Options};

/// Options of an opening; made by [`Db::builder`].
///
/// Options that are out of bounds make the opening fail with [`Error::InvalidOption`](crate::Error::InvalidOption). See
/// also the retention options [`retain_for`](Self::retain_for), [`retain_series_for`](Self::retain_series_for) and
/// [`retain_bytes`](Self::retain_bytes).
///
/// ```
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("metrics.db");
/// use std::time::Duration;
/// use timestrata::{Db, Durability};
///
/// let db = Db::builder(path)
///     .durability(Durability::Interval(Duration::from_millis(200)))
///     .memory_budget(256 << 20)
///     .open_blocking()?;
/// # db.close_blocking()?;
/// # Ok::<(), timestrata::Error>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "nothing is opened before `open` or `open_blocking`"]
pub struct DbBuilder {
    dir: PathBuf,
    pub(super) options: Options,
    env: Arc<dyn Env>,
    runtime: Runtime,
    /// `true` if the caller has set the memory budget.
    has_memory_budget: bool,
}

// A builder only holds options and access to files; that in memory changes under a lock, whole steps at a time.
impl UnwindSafe for DbBuilder {}
impl RefUnwindSafe for DbBuilder {}

impl DbBuilder {
    pub(super) fn new(dir: &Path) -> Self {
        Self {
            dir: dir.to_owned(),
            options: Options::default(),
            env: Arc::new(OsEnv),
            runtime: Runtime::default(),
            has_memory_budget: false,
        }
    }

    /// Replaces the files and clocks of the operating system.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn env(mut self, env: Arc<dyn Env>) -> Self {
        self.env = env;
        self
    }

    /// Keeps the files of the database in memory and not on the disk, for tests.
    ///
    /// The path is then only a name. Everything works as on a disk that cannot fail: flushes and compactions, deletes and
    /// retention, statistics, watches, [read-only openings](Self::read_only). The files exist as long as a clone of this
    /// builder or a database or reader that it opened: open a clone of the builder again to see what a reopened
    /// database sees. Each call of `in_memory` makes new, empty files.
    ///
    /// A backup ([`Db::backup`]) is written into the same memory. [`verify`](crate::verify), [`inspect`](crate::inspect)
    /// and [`disk_usage`](crate::disk_usage) look at the disk and do not find the database, nor do other processes. The
    /// files take as much memory as they would take on the disk, which the memory budget does not include, apart from
    /// ranges of zeros.
    ///
    /// ```
    /// use timestrata::{Batch, Db, SeriesKey, Timestamp};
    ///
    /// let builder = Db::builder("test").in_memory();
    /// let db = builder.clone().open_blocking()?;
    /// let mut batch = Batch::new();
    /// batch.push_key(&SeriesKey::new("load"), Timestamp::from_secs(1), 0.5);
    /// db.write_blocking(batch)?;
    /// db.close_blocking()?;
    /// let db = builder.open_blocking()?;
    /// assert_eq!(db.stats().points, 1);
    /// assert!(!std::path::Path::new("test").exists());
    /// # Ok::<(), timestrata::Error>(())
    /// ```
    pub fn in_memory(mut self) -> Self {
        self.env = Arc::new(MemoryEnv::default());
        self
    }

    /// Sets the runtime, which several databases may share: threads, memory and admission of queries and, on request, one
    /// cache of index pages, and the memory of the databases.
    ///
    /// Default: the one that all databases of the process share.
    pub fn runtime(mut self, runtime: &Runtime) -> Self {
        self.runtime = runtime.clone();
        self
    }

    /// Sets whether the opening creates a database if there is none. Default: `true`.
    ///
    /// With `false`, the opening fails with [`Error::DatabaseNotFound`](crate::Error::DatabaseNotFound) if there is no
    /// database.
    pub fn create_if_missing(mut self, create: bool) -> Self {
        self.options.create = create;
        self
    }

    /// Sets the durability of writes that do not set their own.
    ///
    /// Default: [`Durability::Sync`].
    pub fn durability(mut self, durability: Durability) -> Self {
        self.options.durability = durability;
        self
    }

    /// Sets the memory budget in bytes. Default: 1 GiB.
    ///
    /// The budget covers memtables, queued writes, caches, and the buffers of flushes and compactions together.
    /// Minimum: 64 MiB, and 8 MiB more than the sum of three memtables, the queued writes (at most an eighth of the
    /// budget) and the index cache.
    ///
    /// The budget does not include the definitions of the series, some hundred bytes each and their keys
    /// ([`Stats::series_bytes`](super::Stats::series_bytes)); the memory that old snapshots keep
    /// ([`Stats::pinned_memtable_bytes`](super::Stats::pinned_memtable_bytes)); a batch larger than a memtable; and
    /// what the program itself holds, such as batches that are not written yet and results of reads.
    ///
    /// The budget has room for three memtables of [`flush_at_bytes`](Self::flush_at_bytes): the active one, one that is
    /// being flushed, and one that waits. When the active one is full, writes stall while the other two are in use, and
    /// while a compaction runs and level 0 has 256 files or more; [`Db::try_write`] returns
    /// [`Error::QueueFull`](crate::Error::QueueFull) once the queue is full. If flushes fail, stalled writes end with
    /// an error, see [`stall_timeout`](Self::stall_timeout). A failing compaction does not stall writes; files may
    /// accumulate then.
    ///
    /// If the [`Runtime`] bounds the memory of its databases
    /// ([`RuntimeBuilder::storage_memory_bytes`](crate::RuntimeBuilder::storage_memory_bytes)), the budget is a part of that
    /// memory, and the default is a quarter of it, at least 64 MiB.
    pub fn memory_budget(mut self, bytes: usize) -> Self {
        self.options.memory_budget = bytes;
        self.has_memory_budget = true;
        self
    }

    /// Sets the size in bytes at which the memtable is flushed.
    ///
    /// Default: 64 MiB, or an eighth of the budget if that is smaller. Maximum: a quarter of the budget. While no flush
    /// runs, a memtable of a quarter of it, and at least 16 MiB, is flushed if its series have about 1,000 points each.
    pub fn flush_at_bytes(mut self, bytes: usize) -> Self {
        self.options.flush_at_bytes = Some(bytes);
        self
    }

    /// Sets the age at which the memtable is flushed, counted from its first point. Default: 1 hour.
    pub fn flush_age(mut self, age: Duration) -> Self {
        self.options.flush_age = age;
        self
    }

    /// Sets how long after a failed flush a stalled write is answered with an error. Default: 5 seconds.
    ///
    /// Writes, deletes and creations of series stall while both frozen memtables wait for a flush. If flushes fail, for
    /// example on a full disk, the stall may last as long as the cause does. Once the time since the first of the
    /// failed flushes has passed, every stalled call ends with [`Error::WriteStalled`](crate::Error::WriteStalled),
    /// which names the failure of the last one: nothing of the call was applied, and it can be repeated. Later calls
    /// end at once, until a flush succeeds. [`Db::try_write`] ends at once after the first failed flush. While no flush
    /// fails, a stall ends when the flush does, however long it takes.
    ///
    /// With zero, no write waits for the retry of a failed flush; with [`Duration::MAX`], every write waits.
    pub fn stall_timeout(mut self, timeout: Duration) -> Self {
        self.options.stall_timeout = timeout;
        self
    }

    /// Sets the maximum number of series. Default: 1,000,000.
    ///
    /// A write that would create more series fails with [`Error::TooManySeries`](crate::Error::TooManySeries). The
    /// limit bounds the memory of the definitions of the series, which the memory budget does not include.
    pub fn max_series(mut self, series: u32) -> Self {
        self.options.max_series = series;
        self
    }

    /// Sets the maximum number of tags of a new series, from 1 to [`MAX_SERIES_TAGS`](crate::MAX_SERIES_TAGS) (256).
    /// Default: 64.
    ///
    /// A write that would create a series with more tags fails with [`Error::TooManyTags`](crate::Error::TooManyTags).
    /// The limit protects from senders that put values into names of tags. Existing series with more tags stay
    /// readable, and accept further writes. A database may be opened with another limit at any time.
    pub fn max_tags(mut self, tags: usize) -> Self {
        self.options.max_tags = tags;
        self
    }

    /// Sets the maximum length in bytes of the keys of all series together. Default: 256 MiB.
    ///
    /// The keys of empty series count until their definitions are dropped. The length of a key is that of its metric
    /// name and of its tag keys and tag values. A write that would create a series beyond the limit fails with
    /// [`Error::TooManyKeyBytes`](crate::Error::TooManyKeyBytes). As [`max_series`](Self::max_series), the limit bounds
    /// memory that the memory budget does not include.
    pub fn max_series_key_bytes(mut self, bytes: u64) -> Self {
        self.options.max_series_key_bytes = bytes;
        self
    }

    /// Sets the size in bytes of a segment of the write-ahead log. Default: 64 MiB.
    pub fn wal_segment_bytes(mut self, bytes: u64) -> Self {
        self.options.wal_segment_bytes = bytes;
        self
    }

    /// Sets the memory in bytes for cached pages of SST indexes.
    ///
    /// Default: 64 MiB, or an eighth of the budget if that is smaller, and less if large memtables leave little memory.
    /// Maximum: a quarter of the budget.
    pub fn index_cache_bytes(mut self, bytes: usize) -> Self {
        self.options.index_cache_bytes = Some(bytes);
        self
    }

    /// Sets the maximum number of data files that are kept open: half for reads, half for compactions. Default: 512.
    ///
    /// Minimum: 2. A process usually may have 1,024 descriptors. Besides these files, a database holds about six
    /// descriptors (its directory, the lock, the logs), and more while a call needs them: a read one for each file
    /// that it reads at that moment, a flush or compaction one for each file that it writes.
    ///
    /// If the process has no descriptor left, the files that nothing reads are closed, and the call is tried once more.
    /// If it still fails, it reports [`Error::OutOfResources`](crate::Error::OutOfResources), and later calls go on as
    /// soon as there are descriptors.
    pub fn max_open_files(mut self, files: usize) -> Self {
        self.options.max_open_files = files;
        self
    }

    /// Sets the duplicate policy: which points of one series at one timestamp are kept.
    ///
    /// The policy is fixed when the database is created. A series may be created with another policy, see
    /// [`CreateSeries::duplicates`](super::CreateSeries::duplicates).
    ///
    /// Default: the policy of an existing database, and [`DuplicatePolicy::KeepAll`] for a new one. If the database has
    /// another policy, the opening fails with [`Error::InvalidOption`](crate::Error::InvalidOption).
    pub fn duplicates(mut self, policy: DuplicatePolicy) -> Self {
        self.options.duplicates = Some(policy);
        self
    }

    /// Rejects batches with a point whose timestamp is further ahead of the wall clock than `by_more_than`.
    ///
    /// Default: no batch is rejected. The option protects from devices whose clock is wrong. The write fails with
    /// [`Error::RejectedPoints`](crate::Error::RejectedPoints), which lists the rejected points, and no point of the
    /// batch is written.
    pub fn reject_ahead_of_clock(mut self, by_more_than: Duration) -> Self {
        self.options.max_ahead_of_clock = Some(by_more_than);
        self
    }

    /// Rejects batches with a point whose timestamp is further behind the wall clock than `by_more_than`.
    ///
    /// Default: no batch is rejected. See [`reject_ahead_of_clock`](Self::reject_ahead_of_clock).
    pub fn reject_behind_clock(mut self, by_more_than: Duration) -> Self {
        self.options.max_behind_clock = Some(by_more_than);
        self
    }

    /// Returns a builder for a read-only opening, which needs no lock and may read while another process writes.
    ///
    /// Of the options of this builder only [`memory_budget`](Self::memory_budget) and
    /// [`index_cache_bytes`](Self::index_cache_bytes) have an effect on a reader.
    pub fn read_only(self) -> DbReaderBuilder {
        DbReaderBuilder::new(self.dir, self.options, self.env, self.runtime, self.has_memory_budget)
    }

    /// Opens the database on a new thread, so that no runtime is needed and none is blocked.
    ///
    /// If the future is dropped, the opening stops at its next step and releases the directory. It leaves the database as
    /// a crash would: complete, and at most partly recovered.
    ///
    /// # Errors
    /// [`Error::InvalidOption`](crate::Error::InvalidOption) of kind [`InvalidInput`](crate::ErrorKind::InvalidInput)
    /// if an option is out of bounds; [`Error::DatabaseNotFound`](crate::Error::DatabaseNotFound) of kind
    /// [`NotFound`](crate::ErrorKind::NotFound) if there is no database and
    /// [`create_if_missing`](Self::create_if_missing) is `false`; otherwise as for [`Db::open`].
    pub async fn open(self) -> Result<Db> {
        let cancel = CancelFlag::new();
        let _cancel_on_drop = CancelOnDrop(cancel.clone());
        run_on_new_thread("timestrata-open", move || self.open_unless_cancelled(&cancel)).await
    }

    /// Blocking variant of [`open`](Self::open).
    ///
    /// # Errors
    /// As for `open`.
    pub fn open_blocking(self) -> Result<Db> {
        self.open_unless_cancelled(&CancelFlag::new())
    }

    fn open_unless_cancelled(self, cancel: &CancelFlag) -> Result<Db> {
        let (options, shared) = self.runtime.share_with_opening(self.options, self.has_memory_budget)?;
        let engine = Engine::open(self.env, &self.dir, options, shared, cancel)?;
        Ok(Db::new(Arc::new(engine), self.runtime))
    }

    /// Opens the database without threads; the caller drives the actors.
    #[cfg(feature = "testing")]
    pub(crate) fn open_without_threads(self) -> Result<(Db, crate::engine::threads::Actors)> {
        let (engine, actors) = Engine::assemble(
            self.env,
            &self.dir,
            self.options,
            crate::engine::threads::SharedResources::default(),
            &CancelFlag::new(),
        )?;
        Ok((Db::new(Arc::new(engine), self.runtime), actors))
    }
}

/// Cancels an opening when its future is dropped.
struct CancelOnDrop(CancelFlag);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.set();
    }
}
