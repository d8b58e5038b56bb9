//! Directory with its environment: operations on files, whose errors name the file.
//!
//! If a file cannot be opened for lack of descriptors, idle files are closed and the call is tried once more.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::dir_handle::{ChangeTimes, DirHandle, PathDir};
use super::{DirEntry, Env, FileLock, OpenFile, OpenMode, SyncStep};

/// Owner of open files that nothing reads at the moment.
pub(crate) trait IdleFiles: fmt::Debug + Send + Sync {
    /// Closes the idle files and returns their number.
    fn close_idle(&self) -> usize;
}

/// Directory of an [`Env`].
///
/// Errors of the operating system are converted to [`Error`](crate::Error)s that name the file.
#[derive(Debug, Clone)]
pub(crate) struct Dir {
    env: Arc<dyn Env>,
    handle: Arc<dyn DirHandle>,
    /// Owners of idle files, shared by all clones. Owners that were dropped are removed at the next registration.
    idle: Arc<Mutex<Vec<Weak<dyn IdleFiles>>>>,
    /// Number of failed syncs of all clones. The lock is held during a sync.
    failed_syncs: Arc<Mutex<FailedSyncs>>,
}

/// Number of syncs of a directory that have failed; see [`Dir::sync_names`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct FailedSyncs(u64);

impl Dir {
    /// Creates a directory whose files are found by their paths. Opens nothing.
    pub(crate) fn new(env: Arc<dyn Env>, path: impl Into<PathBuf>) -> Self {
        let handle = Arc::new(PathDir { env: Arc::clone(&env), path: path.into() });
        Self { env, handle, idle: Arc::default(), failed_syncs: Arc::default() }
    }

    /// Creates another directory of the same environment, for which the same idle files are closed.
    pub(crate) fn other(&self, path: impl Into<PathBuf>) -> Self {
        Self { idle: Arc::clone(&self.idle), ..Self::new(Arc::clone(&self.env), path) }
    }

    /// Opens the directory, where the platform can hold one open: see [`DirHandle`].
    pub(crate) fn hold(&self) -> crate::Result<Self> {
        let opened = self.retry_without_idle(|| self.env.open_dir(self.path()));
        let opened = opened.map_err(|error| crate::Error::io("open", self.path(), error))?;
        Ok(Self { handle: opened.unwrap_or_else(|| Arc::clone(&self.handle)), ..self.clone() })
    }

    pub(crate) fn path(&self) -> &Path {
        self.handle.path()
    }

    /// See [`DirHandle::absolute_path`].
    pub(crate) fn absolute_path(&self) -> &Path {
        self.handle.absolute_path()
    }

    pub(crate) fn file_path(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    pub(crate) fn env(&self) -> &Arc<dyn Env> {
        &self.env
    }

    /// Adds an owner of idle files, which are closed when no descriptor is left.
    pub(crate) fn add_idle_files(&self, owner: Weak<dyn IdleFiles>) {
        let mut owners = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        owners.retain(|owner| owner.strong_count() > 0);
        owners.push(owner);
    }

    /// Returns `true` if any idle file was closed.
    fn close_idle_files(&self) -> bool {
        // The lock is not held while files are closed.
        let owners = self.idle.lock().unwrap_or_else(PoisonError::into_inner).clone();
        owners.iter().filter_map(Weak::upgrade).map(|owner| owner.close_idle()).sum::<usize>() > 0
    }

    /// Repeats a call once that failed for lack of descriptors, if closing idle files has freed some.
    fn retry_without_idle<R>(&self, call: impl Fn() -> io::Result<R>) -> io::Result<R> {
        match call() {
            Err(error) if is_out_of_descriptors(&error) && self.close_idle_files() => call(),
            other => other,
        }
    }

    pub(crate) fn open(&self, name: &str, how: OpenMode) -> crate::Result<OpenFile> {
        let path = self.file_path(name);
        let action = if how == OpenMode::Create { "create" } else { "open" };
        match self.retry_without_idle(|| self.handle.open(name, how)) {
            Ok(file) => Ok(OpenFile { file, path }),
            Err(error) => Err(crate::Error::io(action, path, error)),
        }
    }

    /// Returns `true` if there is an entry of this name.
    pub(crate) fn exists(&self, name: &str) -> crate::Result<bool> {
        self.handle.exists(name).map_err(|error| crate::Error::io("find", self.file_path(name), error))
    }

    pub(crate) fn rename(&self, from: &str, to: &str) -> crate::Result<()> {
        self.handle.rename(from, to).map_err(|error| crate::Error::io("rename", self.file_path(from), error))
    }

    pub(crate) fn remove(&self, name: &str) -> crate::Result<()> {
        self.handle.remove(name).map_err(|error| crate::Error::io("remove", self.file_path(name), error))
    }

    /// Creates a hard link of the same name in another directory.
    ///
    /// # Errors
    /// That of the operating system: not every file system has hard links, and no link leads to another file system.
    pub(crate) fn link_into(&self, name: &str, target: &Self) -> io::Result<()> {
        self.handle.link_into(name, &*target.handle)
    }

    pub(crate) fn list(&self) -> crate::Result<Vec<DirEntry>> {
        let listed = self.retry_without_idle(|| self.handle.list());
        listed.map_err(|error| crate::Error::io("list", self.path(), error))
    }

    pub(crate) fn list_names(&self) -> crate::Result<Vec<String>> {
        let listed = self.retry_without_idle(|| self.handle.list_names());
        listed.map_err(|error| crate::Error::io("list", self.path(), error))
    }

    /// Returns the times of the last change of the entries; `None` if they are not known.
    pub(crate) fn change_times(&self) -> Option<ChangeTimes> {
        self.handle.change_times()
    }

    /// Makes all names durable, except those that an earlier, failed sync covered.
    pub(crate) fn sync(&self, step: SyncStep) -> crate::Result<()> {
        self.counted_sync(step, None)
    }

    /// Returns the number of failed syncs so far, for [`sync_names`](Self::sync_names).
    ///
    /// Waits for a sync that runs.
    pub(crate) fn failed_syncs(&self) -> FailedSyncs {
        *self.failed_syncs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes all names durable that have changed since the number of failed syncs was `failed_before`.
    ///
    /// # Errors
    /// Also if the sync of another thread has failed since: the system reports a failure once, and no later sync
    /// covers the names again.
    pub(crate) fn sync_names(&self, step: SyncStep, failed_before: FailedSyncs) -> crate::Result<()> {
        self.counted_sync(step, Some(failed_before))
    }

    fn counted_sync(&self, step: SyncStep, failed_before: Option<FailedSyncs>) -> crate::Result<()> {
        let mut failed = self.failed_syncs.lock().unwrap_or_else(PoisonError::into_inner);
        let mut synced = self.handle.sync(step);
        if synced.is_err() {
            failed.0 += 1;
        } else if failed_before.is_some_and(|before| before != *failed) {
            synced = Err(io::Error::other("an earlier sync of the same names has failed"));
        }
        synced.map_err(|error| crate::Error::io("sync", self.path(), error))
    }

    /// Takes the lock of a file; see [`DirHandle::try_lock_file`].
    pub(crate) fn try_lock_file(&self, name: &str, exclusive: bool) -> crate::Result<Option<Box<dyn FileLock>>> {
        let taken = self.retry_without_idle(|| self.handle.try_lock_file(name, exclusive));
        taken.map_err(|error| crate::Error::io("lock", self.file_path(name), error))
    }

    /// Takes a lock of the directory itself; see [`DirHandle::try_lock`].
    pub(crate) fn try_lock(&self, exclusive: bool) -> io::Result<Option<Box<dyn FileLock>>> {
        self.retry_without_idle(|| self.handle.try_lock(exclusive))
    }

    /// See [`DirHandle::can_find_its_path`].
    pub(crate) fn can_find_its_path(&self) -> bool {
        self.handle.can_find_its_path()
    }

    /// Checks that the directory is still the one that its path names.
    ///
    /// # Errors
    /// `DirectoryMoved`. No error if that cannot be found out.
    pub(crate) fn check_place(&self) -> crate::Result<()> {
        if self.handle.is_at_its_path() {
            return Ok(());
        }
        Err(crate::Error::DirectoryMoved { dir: self.path().to_owned() })
    }
}

/// Returns `true` for `EMFILE` and `ENFILE`, whose numbers are the same on every Unix.
fn is_out_of_descriptors(error: &io::Error) -> bool {
    cfg!(unix) && matches!(error.raw_os_error(), Some(23 | 24))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::faulty_env::{EnvCall, EnvFault, FaultyEnv};
    use SyncStep::{SstDirectory, WalDirectory};

    #[test]
    fn a_failed_sync_of_another_thread_is_an_error_for_the_names_before_it() {
        let temp = tempfile::tempdir().unwrap();
        let env = FaultyEnv::default();
        let dir = env.dir(temp.path()).hold().unwrap();
        let before = dir.failed_syncs();
        env.inject_for_kind(EnvCall::SyncDir(SstDirectory), 0, 1, EnvFault::Error(io::ErrorKind::Other));
        let other = dir.clone();
        std::thread::spawn(move || assert!(other.sync(SstDirectory).is_err())).join().unwrap();
        assert!(dir.sync_names(WalDirectory, before).is_err());
        // Names that change from now on are not affected.
        let since = dir.failed_syncs();
        assert!(since > before && dir.sync_names(WalDirectory, since).is_ok());
        assert!(dir.other(temp.path()).failed_syncs() < since, "another directory counts for itself");
    }
}
