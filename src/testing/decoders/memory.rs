//! Files in memory, for decoders that read through a directory: nothing else costs a fuzzer so much as real files do.
//! It promises what the trait says of a disk that never fails; faults and power loss are the simulated disk's part.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use uuid::Uuid;

use crate::env::{Dir, Entry, Env, File, Lock, Open, SyncStep};
use crate::sync::{Arc, Mutex};

/// Runs with a directory that holds one file. The only place that knows where such files lie.
pub(crate) fn with_file<R>(name: &str, bytes: Vec<u8>, run: impl FnOnce(&Dir) -> R) -> R {
    let memory = Memory::default();
    memory.names.lock().insert(Path::new(FOLDER).join(name), Bytes::new(bytes));
    run(&Dir::new(std::sync::Arc::new(memory), FOLDER))
}

/// Runs with an empty directory.
pub(crate) fn with_directory<R>(run: impl FnOnce(&Dir) -> R) -> R {
    run(&Dir::new(std::sync::Arc::new(Memory::default()), FOLDER))
}

const FOLDER: &str = "memory";

#[derive(Debug, Default)]
struct Memory {
    names: Mutex<BTreeMap<PathBuf, Bytes>>,
}

/// A file's bytes, shared by its name and whoever has it open.
#[derive(Debug, Clone)]
struct Bytes(Arc<Mutex<Vec<u8>>>);

impl Bytes {
    fn new(bytes: Vec<u8>) -> Self {
        Self(Arc::new(Mutex::new(bytes)))
    }
}

impl Env for Memory {
    fn open(&self, path: &Path, how: Open) -> io::Result<Box<dyn File>> {
        let mut names = self.names.lock();
        match (how, names.get(path)) {
            (Open::Create, Some(_)) => Err(io::ErrorKind::AlreadyExists.into()),
            (Open::Create, None) => {
                let file = Bytes::new(Vec::new());
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

    fn list(&self, dir: &Path) -> io::Result<Vec<Entry>> {
        let names = self.names.lock();
        let entry = |(path, file): (&PathBuf, &Bytes)| {
            let name = path.strip_prefix(dir).ok()?.to_str()?.to_owned();
            Some(Entry { name, len: file.0.lock().len() as u64, is_dir: false })
        };
        Ok(names.iter().filter_map(entry).collect())
    }

    fn create_dir(&self, _dir: &Path) -> io::Result<()> {
        Ok(())
    }

    fn sync_dir(&self, _dir: &Path, _step: SyncStep) -> io::Result<()> {
        Ok(())
    }

    fn lock(&self, _path: &Path) -> io::Result<Option<Box<dyn Lock>>> {
        // No decoder takes a lock: whoever opens a database over these files is told that they are none.
        Err(io::ErrorKind::Unsupported.into())
    }

    fn now(&self) -> Duration {
        Duration::ZERO
    }

    fn wall(&self) -> i64 {
        0
    }

    fn unique(&self) -> Uuid {
        Uuid::nil()
    }
}

impl File for Bytes {
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
