//! The operating system's files. Reads and writes name their offset, so one open file serves many threads.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use uuid::Uuid;

use super::{Entry, Env, File, Lock, Open, SyncStep};
use crate::point::Timestamp;

/// The operating system's file system.
#[derive(Debug)]
pub(crate) struct OsEnv;

impl Env for OsEnv {
    fn open(&self, path: &Path, how: Open) -> io::Result<Box<dyn File>> {
        let mut options = fs::OpenOptions::new();
        options.read(true).write(how != Open::Read).create_new(how == Open::Create);
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

    fn list(&self, dir: &Path) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            let meta = match entry.metadata() {
                // Renamed or removed since it was listed: it is not in the directory.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                meta => meta?,
            };
            let name = entry.file_name().to_string_lossy().into_owned();
            entries.push(Entry { name, len: meta.len(), is_dir: meta.is_dir() });
        }
        Ok(entries)
    }

    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        fs::create_dir_all(dir)
    }

    #[cfg(unix)]
    fn sync_dir(&self, dir: &Path, _step: SyncStep) -> io::Result<()> {
        fs::File::open(dir)?.sync_all()
    }

    /// Elsewhere a directory cannot be opened as a file; the file system orders renames itself (NTFS logs them).
    #[cfg(not(unix))]
    fn sync_dir(&self, _dir: &Path, _step: SyncStep) -> io::Result<()> {
        Ok(())
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Lock>>> {
        let file = fs::OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        let taken = file.try_lock();
        held(file, taken)
    }

    /// Opened for reading alone, so that a database on a read-only file system can be looked at too.
    fn lock_shared(&self, path: &Path) -> io::Result<Option<Box<dyn Lock>>> {
        let file = fs::File::open(path)?;
        let taken = file.try_lock_shared();
        held(file, taken)
    }

    fn now(&self) -> Duration {
        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        START.elapsed()
    }

    fn wall(&self) -> i64 {
        Timestamp::now().as_nanos()
    }

    fn unique(&self) -> Uuid {
        Uuid::new_v4()
    }
}

fn held(file: fs::File, taken: Result<(), fs::TryLockError>) -> io::Result<Option<Box<dyn Lock>>> {
    match taken {
        Ok(()) => Ok(Some(Box::new(OsLock(file)))),
        Err(fs::TryLockError::WouldBlock) => Ok(None),
        Err(fs::TryLockError::Error(error)) => Err(error),
    }
}

#[derive(Debug)]
struct OsFile(fs::File);

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

#[derive(Debug)]
struct OsLock(fs::File);

impl Lock for OsLock {
    fn sign(&self) -> io::Result<()> {
        self.0.set_len(0)?;
        (&self.0).write_all(std::process::id().to_string().as_bytes())
    }
}

/// Unlocked by name and not by closing: a process that is being started shares the descriptor between fork and exec, and
/// would hold the lock for that moment.
impl Drop for OsLock {
    fn drop(&mut self) {
        // Closing it follows, which frees it, too.
        drop(self.0.unlock());
    }
}
