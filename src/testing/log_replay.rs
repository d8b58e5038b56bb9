//! Replay of a recorded log: the writer's operations are carried out one by one between the calls of a reader process.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use uuid::Uuid;

use super::sim::{DiskOp, DiskState, SeededRng, SimDisk};
use crate::platform::env::{DirEntry, Env, File, FileLock, OpenMode, SyncStep};
use crate::{Db, DbReader, Result};

/// A disk on which the operations of a recorded log happen again, while a reader has it open.
#[derive(Debug, Clone)]
pub struct LogReplay {
    disk: SimDisk,
    log: Arc<[DiskOp]>,
    state: Arc<Mutex<ReplayState>>,
}

#[derive(Debug)]
struct ReplayState {
    /// Number of operations that have happened.
    position: usize,
    rng: SeededRng,
    /// One call in so many is preceded by operations of the writer; 0: none.
    interleave_every: usize,
    /// Number of calls of the reader.
    calls: u64,
    /// Syncs by the reader, each with the position before it.
    syncs: Vec<(usize, DiskOp)>,
    /// Calls of the reader that would have changed the disk.
    changes: Vec<String>,
}

impl LogReplay {
    /// Creates a replay that begins at the state of the disk before the log.
    #[must_use]
    pub fn new(base: DiskState, log: &[DiskOp], seed: u64) -> Self {
        let disk = SimDisk::from_state(base, seed);
        disk.record(false);
        let state = ReplayState {
            position: 0,
            rng: SeededRng::new(seed),
            interleave_every: 0,
            calls: 0,
            syncs: Vec::new(),
            changes: Vec::new(),
        };
        Self { disk, log: log.into(), state: Arc::new(Mutex::new(state)) }
    }

    /// Opens the database for reading. Its calls see the disk at the position of the replay.
    ///
    /// # Errors
    /// Those of [`DbReaderBuilder::open`](crate::DbReaderBuilder::open).
    pub fn open_reader(&self, dir: &Path, max_held_files: usize) -> Result<DbReader> {
        let env = Arc::new(ReplayEnv { replay: self.clone(), env: self.disk.env() });
        Db::builder(dir).env(env).read_only().max_held_files(max_held_files).open_blocking()
    }

    /// Sets how often operations happen between two calls of the reader: before one call in `every`; 0: never.
    pub fn interleave_every(&self, every: usize) {
        self.with_state(|state| state.interleave_every = every);
    }

    /// Number of operations that have happened.
    #[must_use]
    pub fn position(&self) -> usize {
        self.with_state(|state| state.position)
    }

    /// Number of calls of the reader.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.with_state(|state| state.calls)
    }

    /// Syncs by the reader, each with the position before it.
    #[must_use]
    pub fn syncs(&self) -> Vec<(usize, DiskOp)> {
        self.with_state(|state| state.syncs.clone())
    }

    /// Calls by which the reader tried to change the disk or to lock it.
    #[must_use]
    pub fn changes(&self) -> Vec<String> {
        self.with_state(|state| state.changes.clone())
    }

    /// Lets the next operations happen.
    pub fn advance(&self, operations: usize) {
        let from = self.with_state(|state| {
            let from = state.position;
            state.position = self.log.len().min(from + operations);
            from
        });
        self.log.iter().skip(from).take(operations).for_each(|op| self.disk.carry_out(op));
    }

    fn with_state<R>(&self, act: impl FnOnce(&mut ReplayState) -> R) -> R {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Counts a call of the reader, and perhaps lets operations happen before it.
    fn step(&self) {
        let operations = self.with_state(|state| {
            state.calls += 1;
            let every = state.interleave_every;
            if every == 0 || state.rng.up_to(every - 1) > 0 { 0 } else { 1 + state.rng.up_to(7) }
        });
        self.advance(operations);
    }

    fn refuse<R>(&self, call: &str, path: &Path) -> io::Result<R> {
        self.with_state(|state| state.changes.push(format!("{call} {}", path.display())));
        Err(io::ErrorKind::PermissionDenied.into())
    }
}

/// Environment of the reader.
#[derive(Debug)]
struct ReplayEnv {
    replay: LogReplay,
    env: Arc<dyn Env>,
}

impl Env for ReplayEnv {
    fn open(&self, path: &Path, how: OpenMode) -> io::Result<Box<dyn File>> {
        if how != OpenMode::Read {
            return self.replay.refuse("open for writing", path);
        }
        self.replay.step();
        let file = self.env.open(path, how)?;
        Ok(Box::new(ReplayFile { replay: self.replay.clone(), file }))
    }

    fn rename(&self, from: &Path, _: &Path) -> io::Result<()> {
        self.replay.refuse("rename", from)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.replay.refuse("remove", path)
    }

    fn hard_link(&self, from: &Path, _: &Path) -> io::Result<()> {
        self.replay.refuse("link", from)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<DirEntry>> {
        self.replay.step();
        self.env.list(dir)
    }

    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        self.replay.refuse("create", dir)
    }

    fn remove_dir(&self, dir: &Path) -> io::Result<()> {
        self.replay.refuse("remove", dir)
    }

    fn sync_dir(&self, dir: &Path, step: SyncStep) -> io::Result<()> {
        self.replay.step();
        let op = DiskOp::SyncDir { dir: dir.to_owned(), step };
        self.replay.with_state(|state| state.syncs.push((state.position, op)));
        self.env.sync_dir(dir, step)
    }

    fn try_lock(&self, path: &Path) -> io::Result<Option<Box<dyn FileLock>>> {
        self.replay.refuse("lock", path)
    }

    fn monotonic_now(&self) -> Duration {
        self.env.monotonic_now()
    }

    fn wall_clock_nanos(&self) -> i64 {
        self.env.wall_clock_nanos()
    }

    fn random_uuid(&self) -> Uuid {
        self.env.random_uuid()
    }
}

/// Open file of the reader.
#[derive(Debug)]
struct ReplayFile {
    replay: LogReplay,
    file: Box<dyn File>,
}

impl File for ReplayFile {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.replay.step();
        self.file.read_at(offset, buffer)
    }

    fn write_at(&self, _: u64, _: &[u8]) -> io::Result<()> {
        self.replay.refuse("write", Path::new("a file"))
    }

    fn sync(&self, _: SyncStep) -> io::Result<()> {
        self.replay.refuse("sync", Path::new("a file"))
    }

    fn len(&self) -> io::Result<u64> {
        self.replay.step();
        self.file.len()
    }

    fn set_len(&self, _: u64) -> io::Result<()> {
        self.replay.refuse("truncate", Path::new("a file"))
    }
}
