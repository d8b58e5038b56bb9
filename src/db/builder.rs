//! Options of an opening, each with a default; nothing is checked before the opening itself.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::Db;
use crate::engine::{Engine, off_thread};
use crate::env::{Env, OsEnv};
use crate::error::{Error, Result};
use crate::options::{Duplicates, Durability, Options};

/// Options of an opening; made by [`Db::builder`].
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
#[must_use = "nothing is opened before `open`"]
pub struct Builder {
    dir: PathBuf,
    pub(super) options: Options,
    env: Arc<dyn Env>,
}

impl Builder {
    pub(super) fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), options: Options::default(), env: Arc::new(OsEnv) }
    }

    /// Other files than the operating system's.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn env(mut self, env: Arc<dyn Env>) -> Self {
        self.env = env;
        self
    }

    /// Whether a database is made where there is none. Default: yes.
    pub fn create(mut self, create: bool) -> Self {
        self.options.create = create;
        self
    }

    /// When an acknowledged write is safe, unless the write says otherwise. Default: [`Durability::Sync`].
    pub fn durability(mut self, durability: Durability) -> Self {
        self.options.durability = durability;
        self
    }

    /// Bytes that memtables, queued writes, caches, and the buffers of flushes and merges may take together. Default: 1 GiB;
    /// at least 64 MiB, and 8 MiB more than what the other options take of it.
    ///
    /// On top come the definitions of the series, some hundred bytes each beside their names
    /// ([`Stats::series_bytes`](super::Stats::series_bytes)), what old snapshots hold
    /// ([`Stats::pinned_memory`](super::Stats::pinned_memory)), a batch larger than a memtable, and what the program itself
    /// holds: batches not written yet, results of reads.
    ///
    /// Three memtables of `flush_at_bytes` are reckoned with, of which two wait for the flusher. While they are full, and
    /// while a merge is under way with 256 files not merged yet, writes wait, and [`Db::try_write`] says
    /// [`Error::Overloaded`] once the queue is full. A merge that fails holds up no write: files may then pile up.
    pub fn memory_budget(mut self, bytes: usize) -> Self {
        self.options.memory_budget = bytes;
        self
    }

    /// Bytes allocated in the memtable at which it is flushed. Default: 64 MiB, or an eighth of a smaller budget; at
    /// most a quarter of it.
    pub fn flush_at_bytes(mut self, bytes: usize) -> Self {
        self.options.flush_at_bytes = Some(bytes);
        self
    }

    /// How long the first point of a memtable waits at most before it is flushed. Default: 1 hour.
    pub fn flush_age(mut self, age: Duration) -> Self {
        self.options.flush_age = age;
        self
    }

    /// How many series may exist; new ones beyond it are refused. Default: 1,000,000.
    ///
    /// It bounds what their definitions take in memory, which the memory budget does not count.
    pub fn max_series(mut self, series: u32) -> Self {
        self.options.max_series = series;
        self
    }

    /// Bytes at which a segment of the write-ahead log is full. Default: 64 MiB.
    pub fn wal_segment_bytes(mut self, bytes: u64) -> Self {
        self.options.wal_segment_bytes = bytes;
        self
    }

    /// Bytes of SST index kept in memory. Default: 64 MiB, or an eighth of a smaller budget, less where large memtables leave
    /// little; at most a quarter of it.
    pub fn index_cache_bytes(mut self, bytes: usize) -> Self {
        self.options.index_cache_bytes = Some(bytes);
        self
    }

    /// What becomes of several points of one series at one timestamp. Chosen when the database is made, for good; series
    /// made by [`Db::series_with`] may differ. Default: what the database was made with, and for a new one
    /// [`Duplicates::KeepAll`].
    ///
    /// The opening fails with [`Error::InvalidOption`] if the database was made with another.
    pub fn duplicates(mut self, duplicates: Duplicates) -> Self {
        self.options.duplicates = Some(duplicates);
        self
    }

    /// Refuses batches with a point whose timestamp is more than this ahead of the wall clock, as of a device whose clock
    /// is wrong. Default: no timestamp is refused.
    ///
    /// Such a write fails with [`Error::RefusedPoints`], which names each of the points, and writes nothing.
    pub fn refuse_ahead_of_clock(mut self, by_more_than: Duration) -> Self {
        self.options.refuse_ahead = Some(by_more_than);
        self
    }

    /// The same for timestamps more than this behind the wall clock, as of a device that was never told the time.
    pub fn refuse_behind_clock(mut self, by_more_than: Duration) -> Self {
        self.options.refuse_behind = Some(by_more_than);
        self
    }

    /// Opens the database on a thread of its own, so that neither a runtime is needed nor one blocked.
    ///
    /// # Errors
    /// [`Error::InvalidOption`] names an option out of bounds; the rest as for [`Db::open`].
    pub async fn open(self) -> Result<Db> {
        off_thread(move || self.open_blocking()).await.unwrap_or(Err(Error::Poisoned))
    }

    /// The blocking twin of [`open`](Self::open).
    ///
    /// # Errors
    /// As for `open`.
    pub fn open_blocking(self) -> Result<Db> {
        let engine = Engine::open(self.env, &self.dir, self.options)?;
        Ok(Db { engine: Arc::new(engine) })
    }

    /// Opens the database for someone who drives its actors himself.
    #[cfg(feature = "testing")]
    pub(crate) fn assemble(self) -> Result<(Db, crate::engine::Actors)> {
        let (engine, actors) = Engine::assemble(self.env, &self.dir, self.options)?;
        Ok((Db { engine: Arc::new(engine) }, actors))
    }
}
