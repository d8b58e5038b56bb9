//! An [`Env`] that keeps files in memory, for decoders that read through a directory.
//!
//! Real files would be the greatest cost of a fuzz run. The environment never fails; the simulated disk covers faults
//! and power loss.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use uuid::Uuid;

use crate::platform::env::{Dir, DirEntry, Env, File, FileLock, OpenMode, SyncStep};
use crate::sync::{Arc, Mutex};

/// Calls `run` with a directory that holds one file.
pub(crate) fn with_file<R>(name: &str, bytes: Vec<u8>, run: impl FnOnce(&Dir) -> R) -> R {
    let memory = MemoryEnv::default();
    memory.names.lock().insert(Path::new(MEMORY_DIR).join(name), MemoryFile::new(bytes));
    run(&Dir::new(std::sync::Arc::new(memory), MEMORY_DIR))
}

/// Calls `run` with an empty directory.
pub(crate) fn with_directory<R>(run: impl FnOnce(&Dir) -> R) -> R {
    run(&Dir::new(std::sync::Arc::new(MemoryEnv::default()), MEMORY_DIR))
}

const MEMORY_DIR: &str = "memory";

#[derive(Debug, Default)]
struct MemoryEnv {
    names: Mutex<BTreeMap<PathBuf, MemoryFile>>,
}

/// Contents of a file, shared by its directory entry and all open handles.
#[derive(Debug, Clone)]
struct MemoryFile(Arc<Mutex<Vec<u8>>>);

impl MemoryFile {
    fn new(bytes: Vec<u8>) -> Self {
        Self(Arc::new(Mutex::new(bytes)))
    }
}

impl Env for MemoryEnv {
    fn open(&self, path: &Path, how: OpenMode) -> io::Result<Box<dyn File>> {
        let mut names = self.names.lock();
        match (how, names.get(path)) {
            (OpenMode::Create, Some(_)) => Err(io::ErrorKind::AlreadyExists.into()),
            (OpenMode::Create, None) => {
                let file = MemoryFile::new(Vec::new());
                names.insert(path.to_owned(), file.clone());
                Ok(Box::new(file))
            }
            (_, Some(file)) => Ok(Box::new(file.clone())),
            (_, None) => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut names = self.names.lock();
        let file = names.remove(from).ok_or(io::ErrorKind::NotFound)?;
        names.insert(to.to_owned(), file);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.names.lock().remove(path).map(drop).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn hard_link(&self, _from: &Path, _to: &Path) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<DirEntry>> {
        let names = self.names.lock();
        let entry = |(path, file): (&PathBuf, &MemoryFile)| {
            let name = path.strip_prefix(dir).ok()?.to_str()?.to_owned();
            Some(DirEntry { name, len: file.0.lock().len() as u64, is_dir: false })
        };
        Ok(names.iter().filter_map(entry).collect())
    }

    fn create_dir(&self, _dir: &Path) -> io::Result<()> {
        Ok(())
    }

    fn sync_dir(&self, _dir: &Path, _step: SyncStep) -> io::Result<()> {
        Ok(())
    }

    fn try_lock(&self, _path: &Path) -> io::Result<Option<Box<dyn FileLock>>> {
        // No decoder takes a lock. Opening a database on these files fails here.
        Err(io::ErrorKind::Unsupported.into())
    }

    fn monotonic_now(&self) -> Duration {
        Duration::ZERO
    }

    fn wall_clock_nanos(&self) -> i64 {
        0
    }

    fn random_uuid(&self) -> Uuid {
        Uuid::nil()
    }
}

impl File for MemoryFile {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let bytes = self.0.lock();
        let found = usize::try_from(offset).ok().and_then(|from| bytes.get(from..)?.get(..buffer.len()));
        buffer.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut own = self.0.lock();
        let from = usize::try_from(offset).map_err(|_| io::ErrorKind::FileTooLarge)?;
        let end = from + bytes.len();
        if own.len() < end {
            own.resize(end, 0);
        }
        own[from..end].copy_from_slice(bytes);
        Ok(())
    }

    fn sync(&self, _step: SyncStep) -> io::Result<()> {
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.0.lock().len() as u64)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let len = usize::try_from(len).map_err(|_| io::ErrorKind::FileTooLarge)?;
        self.0.lock().resize(len, 0);
        Ok(())
    }
}
