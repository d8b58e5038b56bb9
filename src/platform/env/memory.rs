//! Files in memory, for databases of tests: no call reaches the disk, and no sync has a cost.
//!
//! The content of a file is a list of chunks; a chunk of zeros takes no memory until something else is written to it, so
//! that preallocated segments of the WAL cost nothing. A file exists until its last name and its last handle are gone,
//! as on Unix. Directories cannot be held open: files are found by their paths.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use uuid::Uuid;

use super::{DirEntry, Env, File, FileLock, OpenMode, OsEnv, SyncStep};

/// Size of a chunk of a file, in bytes.
const CHUNK_BYTES: usize = 64 << 10;
/// Maximum file length, so that no arithmetic overflows and no file exceeds the memory by a wrong offset.
const MAX_FILE_BYTES: u64 = 1 << 40;

/// File system in memory with the clocks and the randomness of the operating system.
#[derive(Debug, Clone, Default)]
pub(crate) struct MemoryEnv {
    shared: Arc<Mutex<MemoryState>>,
}

#[derive(Debug, Default)]
struct MemoryState {
    files: BTreeMap<PathBuf, MemoryFile>,
    dirs: BTreeSet<PathBuf>,
    /// Locks that are held, by the path of the lock file: `None` for the exclusive lock, or the number of shared ones.
    locks: HashMap<PathBuf, Option<usize>>,
}

impl MemoryEnv {
    fn state(&self) -> MutexGuard<'_, MemoryState> {
        // No call panics between two changes.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self, path: &Path, exclusive: bool) -> io::Result<Option<Box<dyn FileLock>>> {
        let path = normalize(path);
        let mut state = self.state();
        if exclusive && !state.files.contains_key(&path) {
            state.create(&path)?;
        }
        let file = state.file(&path)?;
        let held = match (state.locks.get(&path), exclusive) {
            (None, true) => None,
            (None, false) => Some(1),
            (Some(Some(holders)), false) => Some(holders + 1),
            (Some(_), _) => return Ok(None),
        };
        state.locks.insert(path.clone(), held);
        Ok(Some(Box::new(MemoryLock { env: self.clone(), path, file })))
    }
}

/// Returns the path without `.` components: the current directory of the process is the root of the files.
fn normalize(path: &Path) -> PathBuf {
    path.components().filter(|part| *part != std::path::Component::CurDir).collect()
}

impl MemoryState {
    fn is_dir(&self, path: &Path) -> bool {
        // The root, and the current directory.
        path.parent().is_none() || self.dirs.contains(path)
    }

    fn file(&self, path: &Path) -> io::Result<MemoryFile> {
        match self.files.get(path) {
            Some(file) => Ok(file.clone()),
            None if self.is_dir(path) => Err(io::ErrorKind::IsADirectory.into()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    /// Checks that a new name may be created.
    fn check_new(&self, path: &Path) -> io::Result<()> {
        if self.files.contains_key(path) || self.is_dir(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        self.check_parent(path)
    }

    fn check_parent(&self, path: &Path) -> io::Result<()> {
        match path.parent() {
            Some(parent) if self.is_dir(parent) => Ok(()),
            Some(parent) if self.files.contains_key(parent) => Err(io::ErrorKind::NotADirectory.into()),
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn create(&mut self, path: &Path) -> io::Result<MemoryFile> {
        self.check_new(path)?;
        let file = MemoryFile::default();
        self.files.insert(path.to_owned(), file.clone());
        Ok(file)
    }

    fn unlock(&mut self, path: &Path) {
        match self.locks.get_mut(path) {
            Some(Some(holders)) if *holders > 1 => *holders -= 1,
            _ => drop(self.locks.remove(path)),
        }
    }
}

impl Env for MemoryEnv {
    fn open(&self, path: &Path, how: OpenMode) -> io::Result<Box<dyn File>> {
        let path = normalize(path);
        let mut state = self.state();
        let file = if how == OpenMode::Create { state.create(&path)? } else { state.file(&path)? };
        Ok(Box::new(file))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let (from, to) = (normalize(from), normalize(to));
        let mut state = self.state();
        let file = state.file(&from)?;
        if state.is_dir(&to) {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        state.check_parent(&to)?;
        state.files.remove(&from);
        state.files.insert(to, file);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let path = normalize(path);
        let mut state = self.state();
        state.file(&path)?;
        state.files.remove(&path);
        Ok(())
    }

    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()> {
        let (from, to) = (normalize(from), normalize(to));
        let mut state = self.state();
        let file = state.file(&from)?;
        state.check_new(&to)?;
        state.files.insert(to, file);
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<DirEntry>> {
        let dir = normalize(dir);
        let state = self.state();
        if !state.is_dir(&dir) {
            let is_file = state.files.contains_key(&dir);
            return Err(if is_file { io::ErrorKind::NotADirectory } else { io::ErrorKind::NotFound }.into());
        }
        let is_inside = |path: &Path| path.parent() == Some(&dir) && path != dir;
        let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let files = state.files.iter().filter(|(path, _)| is_inside(path));
        let files = files.map(|(path, file)| DirEntry { name: name(path), len: file.content().len, is_dir: false });
        let dirs = state.dirs.iter().filter(|path| is_inside(path));
        let dirs = dirs.map(|path| DirEntry { name: name(path), len: 0, is_dir: true });
        Ok(files.chain(dirs).collect())
    }

    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        let dir = normalize(dir);
        let mut state = self.state();
        if let Some(file) = dir.ancestors().find(|above| state.files.contains_key(*above)) {
            let kind = if file == dir { io::ErrorKind::AlreadyExists } else { io::ErrorKind::NotADirectory };
            return Err(kind.into());
        }
        state.dirs.extend(dir.ancestors().map(Path::to_owned));
        Ok(())
    }

    fn remove_dir(&self, dir: &Path) -> io::Result<()> {
        let dir = normalize(dir);
        let mut state = self.state();
        let is_inside = |path: &&PathBuf| path.parent() == Some(&dir);
        if state.files.keys().chain(&state.dirs).any(|path| is_inside(&path)) {
            return Err(io::ErrorKind::DirectoryNotEmpty.into());
        }
        if state.dirs.remove(&dir) { Ok(()) } else { Err(io::ErrorKind::NotFound.into()) }
    }

    fn sync_dir(&self, dir: &Path, _step: SyncStep) -> io::Result<()> {
        let is_dir = self.state().is_dir(&normalize(dir));
        if is_dir { Ok(()) } else { Err(io::ErrorKind::NotFound.into()) }
    }

    fn try_lock(&self, path: &Path) -> io::Result<Option<Box<dyn FileLock>>> {
        self.lock(path, true)
    }

    fn try_lock_shared(&self, path: &Path) -> io::Result<Option<Box<dyn FileLock>>> {
        self.lock(path, false)
    }

    fn monotonic_now(&self) -> Duration {
        OsEnv.monotonic_now()
    }

    fn wall_clock_nanos(&self) -> i64 {
        OsEnv.wall_clock_nanos()
    }

    fn random_uuid(&self) -> Uuid {
        OsEnv.random_uuid()
    }
}

/// Content of a file, shared by its names and its open handles.
#[derive(Debug, Clone, Default)]
struct MemoryFile(Arc<RwLock<FileContent>>);

#[derive(Debug, Default)]
struct FileContent {
    /// Chunks of `CHUNK_BYTES`; `None` for one of zeros. Bytes beyond the length of the file are zeros.
    chunks: Vec<Option<Box<[u8]>>>,
    len: u64,
}

impl MemoryFile {
    fn content(&self) -> std::sync::RwLockReadGuard<'_, FileContent> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn content_mut(&self) -> std::sync::RwLockWriteGuard<'_, FileContent> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FileContent {
    /// Sets the length. New bytes are zeros.
    fn set_len(&mut self, len: u64) -> io::Result<()> {
        if len > MAX_FILE_BYTES {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let bytes = usize::try_from(len).map_err(|_| io::ErrorKind::FileTooLarge)?;
        self.chunks.resize(bytes.div_ceil(CHUNK_BYTES), None);
        if let Some(Some(last)) = self.chunks.last_mut().filter(|_| len < self.len && bytes % CHUNK_BYTES > 0) {
            last[bytes % CHUNK_BYTES..].fill(0);
        }
        self.len = len;
        Ok(())
    }
}

/// Splits a range of a file at the ends of chunks: number of the chunk, range in it, range in the buffer.
fn parts(offset: usize, len: usize) -> impl Iterator<Item = (usize, std::ops::Range<usize>, std::ops::Range<usize>)> {
    let mut done = 0;
    std::iter::from_fn(move || {
        let (chunk, from) = ((offset + done) / CHUNK_BYTES, (offset + done) % CHUNK_BYTES);
        let count = (CHUNK_BYTES - from).min(len - done);
        let part = (chunk, from..from + count, done..done + count);
        done += count;
        (count > 0).then_some(part)
    })
}

impl File for MemoryFile {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let content = self.content();
        if buffer.is_empty() {
            return Ok(());
        }
        if offset.checked_add(buffer.len() as u64).is_none_or(|end| end > content.len) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let offset = usize::try_from(offset).map_err(|_| io::ErrorKind::UnexpectedEof)?;
        for (chunk, from, to) in parts(offset, buffer.len()) {
            match &content.chunks[chunk] {
                Some(bytes) => buffer[to].copy_from_slice(&bytes[from]),
                None => buffer[to].fill(0),
            }
        }
        Ok(())
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut content = self.content_mut();
        let end = offset.checked_add(bytes.len() as u64).ok_or(io::ErrorKind::FileTooLarge)?;
        if bytes.is_empty() {
            return Ok(());
        }
        if end > content.len {
            content.set_len(end)?;
        }
        let offset = usize::try_from(offset).map_err(|_| io::ErrorKind::FileTooLarge)?;
        for (chunk, to, from) in parts(offset, bytes.len()) {
            let (chunk, bytes) = (&mut content.chunks[chunk], &bytes[from]);
            if chunk.is_some() || bytes.iter().any(|byte| *byte != 0) {
                chunk.get_or_insert_with(|| vec![0; CHUNK_BYTES].into())[to].copy_from_slice(bytes);
            }
        }
        Ok(())
    }

    fn sync(&self, _step: SyncStep) -> io::Result<()> {
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.content().len)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.content_mut().set_len(len)
    }
}

/// Lock that is held.
#[derive(Debug)]
struct MemoryLock {
    env: MemoryEnv,
    path: PathBuf,
    file: MemoryFile,
}

impl FileLock for MemoryLock {
    fn write_pid(&self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.write_at(0, std::process::id().to_string().as_bytes())
    }
}

impl Drop for MemoryLock {
    fn drop(&mut self) {
        self.env.state().unlock(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(env: &MemoryEnv, path: &str) -> Box<dyn File> {
        env.open(Path::new(path), OpenMode::Create).unwrap()
    }

    fn kind<T>(result: io::Result<T>) -> io::ErrorKind {
        result.map(drop).unwrap_err().kind()
    }

    #[test]
    fn files_hold_what_was_written_across_chunks_and_zeros_elsewhere() {
        let env = MemoryEnv::default();
        let file = file(&env, "f");
        let bytes: Vec<u8> = (0..3 * CHUNK_BYTES).map(|n| u8::try_from(n % 251).unwrap()).collect();
        let offset = CHUNK_BYTES as u64 / 2;
        file.write_at(offset, &bytes).unwrap();
        let mut read = vec![1; bytes.len()];
        file.read_at(offset, &mut read).unwrap();
        assert_eq!((&read, file.len().unwrap()), (&bytes, offset + bytes.len() as u64));
        assert_eq!(kind(file.read_at(offset + 1, &mut read)), io::ErrorKind::UnexpectedEof);
        assert_eq!(kind(file.read_at(u64::MAX, &mut read)), io::ErrorKind::UnexpectedEof);
        // What was cut off is gone, also if the file grows again.
        file.set_len(offset + 10).unwrap();
        file.set_len(offset + bytes.len() as u64).unwrap();
        file.read_at(offset, &mut read).unwrap();
        assert!(read[..10] == bytes[..10] && read[10..].iter().all(|byte| *byte == 0));
        for wrong in [file.set_len(u64::MAX), file.write_at(u64::MAX, b"ab"), file.write_at(MAX_FILE_BYTES, b"ab")] {
            assert_eq!(kind(wrong), io::ErrorKind::FileTooLarge);
        }
        assert_eq!(file.len().unwrap(), offset + bytes.len() as u64);
    }

    #[test]
    fn zeros_take_no_memory() {
        let file = MemoryFile::default();
        file.set_len(1 << 30).unwrap();
        file.write_at(1 << 20, &vec![0; 1 << 20]).unwrap();
        assert!(file.content().chunks.iter().all(Option::is_none));
    }

    #[test]
    fn names_behave_as_on_a_file_system() {
        let env = MemoryEnv::default();
        let open = |path: &str, how| env.open(Path::new(path), how);
        assert_eq!(kind(open("a/f", OpenMode::Create)), io::ErrorKind::NotFound);
        env.create_dir(Path::new("./a/b")).unwrap();
        let first = file(&env, "a/f");
        first.write_at(0, b"1").unwrap();
        assert_eq!(kind(open("a/f", OpenMode::Create)), io::ErrorKind::AlreadyExists);
        assert_eq!(kind(open("a/b", OpenMode::Read)), io::ErrorKind::IsADirectory);
        assert_eq!(kind(open("a/f/g", OpenMode::Create)), io::ErrorKind::NotADirectory);
        assert_eq!(kind(env.create_dir(Path::new("a/f/g"))), io::ErrorKind::NotADirectory);
        env.hard_link(Path::new("a/f"), Path::new("a/b/g")).unwrap();
        assert_eq!(kind(env.hard_link(Path::new("a/f"), Path::new("a/b/g"))), io::ErrorKind::AlreadyExists);
        env.rename(Path::new("a/b/g"), Path::new("a/h")).unwrap();
        env.remove(Path::new("./a/f")).unwrap();
        assert_eq!(kind(env.remove(Path::new("a/f"))), io::ErrorKind::NotFound);
        assert_eq!(open("a/h", OpenMode::Write).unwrap().len().unwrap(), 1);
        let mut names = env.list_names(Path::new("a/.")).unwrap();
        names.sort();
        assert_eq!(names, ["b", "h"]);
        assert_eq!(kind(env.list(Path::new("c"))), io::ErrorKind::NotFound);
        // The removed file is readable through its handle.
        let mut byte = [0];
        first.read_at(0, &mut byte).unwrap();
        assert_eq!(byte, *b"1");
    }

    #[test]
    fn an_exclusive_lock_excludes_and_shared_ones_share() {
        let env = MemoryEnv::default();
        let path = Path::new("LOCK");
        assert_eq!(kind(env.try_lock_shared(path)), io::ErrorKind::NotFound);
        let held = env.try_lock(path).unwrap().unwrap();
        held.write_pid().unwrap();
        assert!(env.try_lock(path).unwrap().is_none() && env.try_lock_shared(path).unwrap().is_none());
        drop(held);
        let shared = [env.try_lock_shared(path).unwrap().unwrap(), env.try_lock_shared(path).unwrap().unwrap()];
        let [first, second] = shared;
        drop(first);
        assert!(env.try_lock(path).unwrap().is_none());
        drop(second);
        assert!(env.try_lock(path).unwrap().is_some());
    }
}
