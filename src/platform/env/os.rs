//! Files of the operating system.
//!
//! Reads and writes pass their offset, so one open file serves many threads.

use std::fs;
use std::io::{self, Seek as _, Write as _};
use std::path::Path;
#[cfg(unix)]
use std::sync::Arc;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use uuid::Uuid;

#[cfg(unix)]
use super::DirHandle;
use super::{DirEntry, Env, File, FileLock, OpenMode, OwnerProcess, SyncStep};
use crate::types::point::Timestamp;

/// The file system of the operating system.
#[derive(Debug)]
pub(crate) struct OsEnv;

impl Env for OsEnv {
    #[cfg(unix)]
    fn open_dir(&self, path: &Path) -> io::Result<Option<Arc<dyn DirHandle>>> {
        super::os_dir::OsDir::open(path).map(Some)
    }

    fn open(&self, path: &Path, how: OpenMode) -> io::Result<Box<dyn File>> {
        let mut options = fs::OpenOptions::new();
        options.read(true).write(how != OpenMode::Read).create_new(how == OpenMode::Create);
        Ok(Box::new(OsFile(options.open(path)?)))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::hard_link(from, to)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<DirEntry>> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            let meta = match entry.metadata() {
                // The entry was renamed or removed after it was listed.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                meta => meta?,
            };
            let name = entry.file_name().to_string_lossy().into_owned();
            entries.push(DirEntry { name, len: meta.len(), is_dir: meta.is_dir() });
        }
        Ok(entries)
    }

    fn list_names(&self, dir: &Path) -> io::Result<Vec<String>> {
        fs::read_dir(dir)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
    }

    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        fs::create_dir_all(dir)
    }

    fn remove_dir(&self, dir: &Path) -> io::Result<()> {
        fs::remove_dir(dir)
    }

    #[cfg(unix)]
    fn sync_dir(&self, dir: &Path, _step: SyncStep) -> io::Result<()> {
        fs::File::open(dir)?.sync_all()
    }

    /// Does nothing: other systems cannot open a directory as a file, and NTFS logs renames itself.
    #[cfg(not(unix))]
    fn sync_dir(&self, _dir: &Path, _step: SyncStep) -> io::Result<()> {
        Ok(())
    }

    fn try_lock(&self, path: &Path) -> io::Result<Option<Box<dyn FileLock>>> {
        let file = fs::OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        lock_or_none(file, true)
    }

    /// Opens the file for reading only, so that a database on a read-only file system can be verified.
    fn try_lock_shared(&self, path: &Path) -> io::Result<Option<Box<dyn FileLock>>> {
        lock_or_none(fs::File::open(path)?, false)
    }

    fn monotonic_now(&self) -> Duration {
        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        START.elapsed()
    }

    fn wall_clock_nanos(&self) -> i64 {
        Timestamp::now().as_nanos()
    }

    fn random_uuid(&self) -> Uuid {
        Uuid::new_v4()
    }
}

/// Takes the exclusive or the shared lock of a file or directory; `None` if another handle's lock prevents it.
pub(super) fn lock_or_none(file: fs::File, exclusive: bool) -> io::Result<Option<Box<dyn FileLock>>> {
    match if exclusive { file.try_lock() } else { file.try_lock_shared() } {
        Ok(()) => Ok(Some(Box::new(OsLock { file, owner: OwnerProcess::current() }))),
        Err(fs::TryLockError::WouldBlock) => Ok(None),
        Err(fs::TryLockError::Error(error)) => Err(error),
    }
}

/// Open file of the operating system.
#[derive(Debug)]
pub(super) struct OsFile(pub(super) fs::File);

impl File for OsFile {
    #[cfg(unix)]
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(&self.0, buffer, offset)
    }

    #[cfg(unix)]
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        std::os::unix::fs::FileExt::write_all_at(&self.0, bytes, offset)
    }

    #[cfg(windows)]
    fn read_at(&self, mut offset: u64, mut buffer: &mut [u8]) -> io::Result<()> {
        while !buffer.is_empty() {
            let read = std::os::windows::fs::FileExt::seek_read(&self.0, buffer, offset)?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            offset += read as u64;
            buffer = &mut buffer[read..];
        }
        Ok(())
    }

    #[cfg(windows)]
    fn write_at(&self, mut offset: u64, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let written = std::os::windows::fs::FileExt::seek_write(&self.0, bytes, offset)?;
            if written == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            offset += written as u64;
            bytes = &bytes[written..];
        }
        Ok(())
    }

    fn sync(&self, _step: SyncStep) -> io::Result<()> {
        self.0.sync_data()
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }
}

/// Locked file.
#[derive(Debug)]
struct OsLock {
    file: fs::File,
    owner: OwnerProcess,
}

impl FileLock for OsLock {
    fn write_pid(&self) -> io::Result<()> {
        let pid = std::process::id().to_string();
        // Written over the former id before the file is cut, so that a full disk has room for it.
        (&self.file).rewind()?;
        (&self.file).write_all(pid.as_bytes())?;
        self.file.set_len(pid.len() as u64)
    }
}

/// Unlocks before the file is closed.
///
/// Between fork and exec a child process shares the descriptor, so closing it in this process alone would not release
/// the lock. A child that was only forked must not unlock: the lock belongs to the shared descriptor.
impl Drop for OsLock {
    fn drop(&mut self) {
        if self.owner.is_current() {
            // An error is ignored: the following close releases the lock, too.
            drop(self.file.unlock());
        }
    }
}
