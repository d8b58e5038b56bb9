//! Files, the clock and chance behind a trait: the operating system's here, a simulated disk in tests.
//! A call is a block or a group of writes, so dynamic dispatch costs nothing that can be measured.

#[cfg(test)]
pub(crate) mod faulty;
mod os;
#[cfg(feature = "testing")]
pub(crate) mod sim;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

pub(crate) use os::OsEnv;

/// Which sync this is, so that a fault can be planted at exactly one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(not(feature = "testing"), expect(unreachable_pub, reason = "the simulated disk's tests name syncs"))]
pub enum SyncStep {
    /// A group of WAL records, before it is acknowledged.
    WalGroup,
    /// The full segment, before its successor's header names its length.
    WalPredecessor,
    /// A segment's header inside a spare, before the spare takes its name.
    WalHeader,
    /// The directory, after a spare took a segment's name.
    WalDirectory,
    /// An SST's bytes, before its name is reported.
    Sst,
    /// The directory, after an SST took its name.
    SstDirectory,
    /// Series definitions, before the edit that names their length.
    SeriesLog,
    /// The directory, after the series log was made.
    SeriesLogDirectory,
    /// A manifest edit, before its version is published.
    ManifestEdit,
    /// A rewritten manifest, before it replaces the old one.
    ManifestRewrite,
    /// The directory, after the rewritten manifest took its name.
    ManifestDirectory,
    /// The parent directory, after the database's own was made.
    ParentDirectory,
    /// An SST that a backup could not link and copied, before the backup's manifest names it.
    BackupCopy,
    /// A backup's directory, before its manifest names the files in it.
    BackupDirectory,
}

#[cfg(feature = "testing")]
impl SyncStep {
    /// Every one of them; a match keeps the list whole.
    pub const ALL: [Self; 14] = [
        Self::WalGroup,
        Self::WalPredecessor,
        Self::WalHeader,
        Self::WalDirectory,
        Self::Sst,
        Self::SstDirectory,
        Self::SeriesLog,
        Self::SeriesLogDirectory,
        Self::ManifestEdit,
        Self::ManifestRewrite,
        Self::ManifestDirectory,
        Self::ParentDirectory,
        Self::BackupCopy,
        Self::BackupDirectory,
    ];
}

/// How a file is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Open {
    /// For reading; it must exist.
    Read,
    /// For reading and writing; it must exist.
    Write,
    /// For reading and writing; it must not exist.
    Create,
}

/// A name in a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) len: u64,
    pub(crate) is_dir: bool,
}

/// What the engine asks of the world around it.
pub(crate) trait Env: fmt::Debug + Send + Sync {
    fn open(&self, path: &Path, how: Open) -> io::Result<Box<dyn File>>;
    /// Replaces `to` if it exists.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Gives a file a second name, `to`, which must not exist: both are the same bytes from then on. Not every file system
    /// can, nor across two; whoever asks has another way.
    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// The names in a directory, in no order.
    fn list(&self, dir: &Path) -> io::Result<Vec<Entry>>;
    /// Makes a directory and those above it; it may exist.
    fn create_dir(&self, dir: &Path) -> io::Result<()>;
    /// Makes names in a directory survive a power loss.
    fn sync_dir(&self, dir: &Path, step: SyncStep) -> io::Result<()>;
    /// Takes the lock that a file stands for, making the file if need be; `None` if someone else holds it.
    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Lock>>>;
    /// Takes the lock for reading, together with others who do; `NotFound` if the file is not there, which is then
    /// not made. A lock so taken is never signed.
    fn lock_shared(&self, path: &Path) -> io::Result<Option<Box<dyn Lock>>> {
        self.open(path, Open::Read)?;
        self.lock(path)
    }
    /// Time since some fixed moment, for timers alone: it never goes back, whatever the wall clock does.
    fn now(&self) -> Duration;
    /// Nanoseconds since the Unix epoch by the wall clock, to hold timestamps against: it may be wrong, and may jump
    /// either way.
    fn wall(&self) -> i64;
    /// A number that nothing else bears.
    fn unique(&self) -> Uuid;
}

/// An open file. Offsets are the caller's: nothing moves by itself.
pub(crate) trait File: fmt::Debug + Send + Sync {
    /// Fills the buffer, or fails with `UnexpectedEof`.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()>;
    /// Writes all bytes; after an error any prefix of them may be there.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;
    /// Makes bytes and length survive a power loss.
    fn sync(&self, step: SyncStep) -> io::Result<()>;
    fn len(&self) -> io::Result<u64>;
    fn set_len(&self, len: u64) -> io::Result<()>;
}

/// A held lock; dropped, it is free again.
pub(crate) trait Lock: fmt::Debug + Send + Sync {
    /// Leaves this process' number for who finds the lock held.
    fn sign(&self) -> io::Result<()>;
}

/// A directory of an [`Env`], which turns what the operating system says into [`Error`](crate::Error)s that name
/// the file.
#[derive(Debug, Clone)]
pub(crate) struct Dir {
    env: Arc<dyn Env>,
    path: PathBuf,
}

impl Dir {
    pub(crate) fn new(env: Arc<dyn Env>, path: impl Into<PathBuf>) -> Self {
        Self { env, path: path.into() }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn file_path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    pub(crate) fn env(&self) -> &Arc<dyn Env> {
        &self.env
    }

    pub(crate) fn open(&self, name: &str, how: Open) -> crate::Result<DirFile> {
        let path = self.file_path(name);
        let action = if how == Open::Create { "create" } else { "open" };
        match self.env.open(&path, how) {
            Ok(file) => Ok(DirFile { file, path }),
            Err(error) => Err(crate::Error::io(action, path, error)),
        }
    }

    pub(crate) fn rename(&self, from: &str, to: &str) -> crate::Result<()> {
        let renamed = self.env.rename(&self.file_path(from), &self.file_path(to));
        renamed.map_err(|error| crate::Error::io("rename", self.file_path(from), error))
    }

    pub(crate) fn remove(&self, name: &str) -> crate::Result<()> {
        let path = self.file_path(name);
        self.env.remove(&path).map_err(|error| crate::Error::io("remove", path, error))
    }

    pub(crate) fn list(&self) -> crate::Result<Vec<Entry>> {
        self.env.list(&self.path).map_err(|error| crate::Error::io("list", &self.path, error))
    }

    pub(crate) fn sync(&self, step: SyncStep) -> crate::Result<()> {
        self.env.sync_dir(&self.path, step).map_err(|error| crate::Error::io("sync", &self.path, error))
    }
}

/// An open file together with its path, for errors that name it.
#[derive(Debug)]
pub(crate) struct DirFile {
    file: Box<dyn File>,
    path: PathBuf,
}

impl DirFile {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The same open file under the name that it was given meanwhile, so that errors name it.
    pub(crate) fn renamed(self, path: PathBuf) -> Self {
        Self { path, ..self }
    }

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

    pub(crate) fn corrupt(&self, offset: u64, what: impl Into<String>) -> crate::Error {
        crate::Error::corrupt(&self.path, offset, what)
    }
}
