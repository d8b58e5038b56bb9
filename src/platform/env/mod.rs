//! Files, clocks and randomness behind a trait, which tests implement with a simulated disk.
//! A call reads a block or writes a group of records, so the cost of dynamic dispatch is negligible.

mod dir;
mod dir_handle;
mod memory;
mod os;
#[cfg(unix)]
mod os_dir;
mod owner_process;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

pub(crate) use dir::{Dir, FailedSyncs, IdleFiles};
pub(crate) use dir_handle::{ChangeTimes, DirHandle};
pub(crate) use memory::MemoryEnv;
pub(crate) use os::OsEnv;
pub(crate) use owner_process::OwnerProcess;

/// Place in the code that syncs; lets a test inject a fault at exactly that place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(not(feature = "testing"), expect(unreachable_pub, reason = "the simulated disk's tests name syncs"))]
pub enum SyncStep {
    /// WAL records or a sync mark. Under `Durability::Sync` it comes before the acknowledgement.
    WalGroup,
    /// The active segment, before the header of the next segment records its length.
    WalSegmentEnd,
    /// A segment header in a spare or new file, before the file is renamed to a segment.
    WalHeader,
    /// The directory, after a file was renamed to a segment.
    WalDirectory,
    /// The bytes of an SST, before it is renamed to its final name.
    SstData,
    /// The directory, after all SSTs of a flush or compaction were renamed to their final names.
    SstDirectory,
    /// Series definitions, before the manifest edit that names the new length of the series log.
    SeriesLogData,
    /// A rewritten series log, before the manifest edit that names it.
    SeriesLogRewrite,
    /// The directory, after a rewritten series log was created.
    SeriesLogRewriteDirectory,
    /// A manifest edit, before its version is published.
    ManifestEdit,
    /// A new or rewritten manifest, before it is renamed and replaces the old one.
    ManifestRewrite,
    /// The directory, after a new or rewritten manifest was renamed.
    ManifestDirectory,
    /// A reserve: written blocks that are overwritten while the disk is full.
    Reserve,
    /// A parent directory, after a directory in it was created for a database or a backup.
    ParentDirectory,
    /// An SST that a backup copied, before the backup's manifest names it.
    BackupCopy,
    /// A backup's directory, before its manifest names the files in it.
    BackupDirectory,
    /// The directory, by a reader without a lock, before it shows the state of a rewritten manifest.
    ReaderDirectory,
}

#[cfg(feature = "testing")]
impl SyncStep {
    /// All steps. A test with an exhaustive match checks that the list is complete.
    pub const ALL: [Self; 17] = [
        Self::WalGroup,
        Self::WalSegmentEnd,
        Self::WalHeader,
        Self::WalDirectory,
        Self::SstData,
        Self::SstDirectory,
        Self::SeriesLogData,
        Self::SeriesLogRewrite,
        Self::SeriesLogRewriteDirectory,
        Self::ManifestEdit,
        Self::ManifestRewrite,
        Self::ManifestDirectory,
        Self::Reserve,
        Self::ParentDirectory,
        Self::BackupCopy,
        Self::BackupDirectory,
        Self::ReaderDirectory,
    ];
}

/// Mode in which a file is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OpenMode {
    /// For reading; it must exist.
    Read,
    /// For reading and writing; it must exist.
    Write,
    /// For reading and writing; it must not exist.
    Create,
}

/// Entry of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DirEntry {
    pub(crate) name: String,
    pub(crate) len: u64,
    pub(crate) is_dir: bool,
}

/// Interface to the operating system.
pub(crate) trait Env: fmt::Debug + Send + Sync {
    /// Opens a directory, so that its files are found through it and not through its path.
    ///
    /// `None` if the platform cannot hold a directory open; its files are then found by their paths.
    fn open_dir(&self, _path: &Path) -> io::Result<Option<Arc<dyn DirHandle>>> {
        Ok(None)
    }
    /// Returns `false` if the path of a directory now names nothing, or another directory than the one in use.
    ///
    /// Asked only about directories that are not held open. `true` also if that cannot be found out.
    fn is_dir_at_its_path(&self, _path: &Path) -> bool {
        true
    }
    /// Opens or creates a file; see [`OpenMode`].
    fn open(&self, path: &Path, how: OpenMode) -> io::Result<Box<dyn File>>;
    /// Renames a file; replaces `to` if it exists.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Creates a hard link `to`, which must not exist. Not every file system supports hard links.
    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Returns the entries of a directory, in unspecified order.
    ///
    /// A name that is not UTF-8 is converted lossily.
    fn list(&self, dir: &Path) -> io::Result<Vec<DirEntry>>;
    /// Returns the names of the entries of a directory, in unspecified order, without a look at each entry.
    ///
    /// The default implementation calls [`list`](Self::list).
    fn list_names(&self, dir: &Path) -> io::Result<Vec<String>> {
        Ok(self.list(dir)?.into_iter().map(|entry| entry.name).collect())
    }
    /// Creates a directory and its missing parents; succeeds if the directory exists.
    fn create_dir(&self, dir: &Path) -> io::Result<()>;
    /// Removes an empty directory.
    fn remove_dir(&self, dir: &Path) -> io::Result<()>;
    /// Makes the entries of a directory durable.
    fn sync_dir(&self, dir: &Path, step: SyncStep) -> io::Result<()>;
    /// Takes the exclusive lock of a file and creates the file if needed.
    ///
    /// `None` if another handle holds a lock of the file.
    fn try_lock(&self, path: &Path) -> io::Result<Option<Box<dyn FileLock>>>;
    /// Takes a shared lock of a file; `None` if another handle holds the exclusive lock.
    ///
    /// Does not create the file: fails with `NotFound` if it does not exist. The default implementation takes the
    /// exclusive lock.
    fn try_lock_shared(&self, path: &Path) -> io::Result<Option<Box<dyn FileLock>>> {
        self.open(path, OpenMode::Read)?;
        self.try_lock(path)
    }
    /// Returns the time since a fixed moment, for timers and durations. It never decreases.
    fn monotonic_now(&self) -> Duration;
    /// Returns the wall clock in nanoseconds since the Unix epoch.
    ///
    /// It may be wrong and may jump in both directions.
    fn wall_clock_nanos(&self) -> i64;
    /// Returns a random, unique id.
    fn random_uuid(&self) -> Uuid;
}

/// Open file. Callers pass offsets; there is no file position.
pub(crate) trait File: fmt::Debug + Send + Sync {
    /// Fills the buffer, or fails with `UnexpectedEof`.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()>;
    /// Writes all bytes; after an error any prefix of them may be in the file.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;
    /// Makes the bytes and the length of the file durable.
    fn sync(&self, step: SyncStep) -> io::Result<()>;
    fn len(&self) -> io::Result<u64>;
    fn set_len(&self, len: u64) -> io::Result<()>;
}

/// Lock of a file, released when dropped.
pub(crate) trait FileLock: fmt::Debug + Send + Sync {
    /// Replaces the content of the lock file by the id of this process.
    fn write_pid(&self) -> io::Result<()>;
}

/// Open file with its path, which errors name.
#[derive(Debug)]
pub(crate) struct OpenFile {
    file: Box<dyn File>,
    path: PathBuf,
}

impl OpenFile {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the same open file with the path after a rename.
    pub(crate) fn with_path(self, path: PathBuf) -> Self {
        Self { path, ..self }
    }

    /// Fills the buffer.
    ///
    /// # Errors
    /// `Corrupt` if the file ends before; else the error of the operating system.
    pub(crate) fn read_at(&self, offset: u64, buffer: &mut [u8]) -> crate::Result<()> {
        self.file.read_at(offset, buffer).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => crate::Error::corrupt(
                &self.path,
                offset,
                format!("{} bytes expected, the file ends before", buffer.len()),
            ),
            _ => crate::Error::io("read", &self.path, error),
        })
    }

    pub(crate) fn write_at(&self, offset: u64, bytes: &[u8]) -> crate::Result<()> {
        self.file.write_at(offset, bytes).map_err(|error| crate::Error::io("write", &self.path, error))
    }

    pub(crate) fn sync(&self, step: SyncStep) -> crate::Result<()> {
        self.file.sync(step).map_err(|error| crate::Error::io("sync", &self.path, error))
    }

    pub(crate) fn len(&self) -> crate::Result<u64> {
        self.file.len().map_err(|error| crate::Error::io("measure", &self.path, error))
    }

    pub(crate) fn set_len(&self, len: u64) -> crate::Result<()> {
        self.file.set_len(len).map_err(|error| crate::Error::io("truncate", &self.path, error))
    }

    /// Returns the error of damage at an offset of this file.
    pub(crate) fn corrupt(&self, offset: u64, detail: impl Into<String>) -> crate::Error {
        crate::Error::corrupt(&self.path, offset, detail)
    }
}
