//! Handle of a directory: the operations on its files.
//!
//! Where the platform allows, the handle holds the directory open. Its operations then need no descriptor but that of
//! an opened file, and reach the same directory whatever happens to its path or to the current directory of the
//! process.

use std::fmt;
use std::io;
#[cfg(unix)]
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{DirEntry, Env, File, FileLock, OpenMode, SyncStep};

/// Times of a directory in seconds and nanoseconds: of its last modification and of the last change of its properties.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ChangeTimes(pub(super) [i64; 4]);

/// Handle of a directory. Names are those of files directly in it.
pub(crate) trait DirHandle: fmt::Debug + Send + Sync {
    /// Returns the path by which the directory was opened.
    fn path(&self) -> &Path;
    /// Returns the absolute path at the time of opening, where the directory is held open; else [`path`](Self::path).
    fn absolute_path(&self) -> &Path {
        self.path()
    }
    /// Opens or creates a file; see [`OpenMode`].
    fn open(&self, name: &str, how: OpenMode) -> io::Result<Box<dyn File>>;
    /// Returns `true` if there is an entry of this name. Takes no descriptor where the directory is held open.
    fn exists(&self, name: &str) -> io::Result<bool>;
    /// Renames a file within the directory; replaces `to` if it exists.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Creates a hard link of the same name in another directory, where it must not exist.
    fn link_into(&self, name: &str, target: &dyn DirHandle) -> io::Result<()>;
    /// Returns the entries, in unspecified order. A name that is not UTF-8 is converted lossily.
    fn list(&self) -> io::Result<Vec<DirEntry>>;
    /// Returns the names of the entries, in unspecified order, without a look at each entry.
    fn list_names(&self) -> io::Result<Vec<String>>;
    /// Returns the times of the last change of the entries; `None` if they are not known.
    ///
    /// A later change in the same moment may leave them equal.
    fn change_times(&self) -> Option<ChangeTimes> {
        None
    }
    /// Makes the entries durable. Opens nothing where the directory is held open.
    fn sync(&self, step: SyncStep) -> io::Result<()>;
    /// Takes the lock of a file: the exclusive one, creating the file if needed, or the shared one.
    ///
    /// `None` if another handle's lock prevents it.
    fn try_lock_file(&self, name: &str, exclusive: bool) -> io::Result<Option<Box<dyn FileLock>>>;
    /// Takes the exclusive or the shared lock of the directory itself; `None` if another handle's lock prevents it.
    ///
    /// # Errors
    /// `Unsupported` by default; other errors if the file system cannot lock directories.
    fn try_lock(&self, _exclusive: bool) -> io::Result<Option<Box<dyn FileLock>>> {
        Err(io::ErrorKind::Unsupported.into())
    }
    /// Returns `false` if the path of the directory now names nothing, or another directory.
    ///
    /// `true` also if that cannot be found out.
    fn is_at_its_path(&self) -> bool;
    /// Returns `false` if the directory is held open, and its file system does not tell whether its path leads to it.
    fn can_find_its_path(&self) -> bool {
        true
    }
    /// Returns the descriptor of a directory that is held open.
    #[cfg(unix)]
    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}

/// Directory whose files are found by their paths.
#[derive(Debug)]
pub(super) struct PathDir {
    pub(super) env: Arc<dyn Env>,
    pub(super) path: PathBuf,
}

impl DirHandle for PathDir {
    fn path(&self) -> &Path {
        &self.path
    }

    fn open(&self, name: &str, how: OpenMode) -> io::Result<Box<dyn File>> {
        self.env.open(&self.path.join(name), how)
    }

    fn exists(&self, name: &str) -> io::Result<bool> {
        match self.open(name, OpenMode::Read) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.env.rename(&self.path.join(from), &self.path.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.env.remove(&self.path.join(name))
    }

    fn link_into(&self, name: &str, target: &dyn DirHandle) -> io::Result<()> {
        self.env.hard_link(&self.path.join(name), &target.path().join(name))
    }

    fn list(&self) -> io::Result<Vec<DirEntry>> {
        self.env.list(&self.path)
    }

    fn list_names(&self) -> io::Result<Vec<String>> {
        self.env.list_names(&self.path)
    }

    fn sync(&self, step: SyncStep) -> io::Result<()> {
        self.env.sync_dir(&self.path, step)
    }

    fn try_lock_file(&self, name: &str, exclusive: bool) -> io::Result<Option<Box<dyn FileLock>>> {
        let path = self.path.join(name);
        if exclusive { self.env.try_lock(&path) } else { self.env.try_lock_shared(&path) }
    }

    fn is_at_its_path(&self) -> bool {
        self.env.is_dir_at_its_path(&self.path)
    }
}
