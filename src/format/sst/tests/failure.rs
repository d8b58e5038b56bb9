//! Tests of storage errors during the writing of an SST: no file remains.

use std::io;

use super::*;
use crate::platform::env::{DirEntry, Env, File, FileLock, OpenFile, OpenMode, SyncStep};
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::testing::faulty_env::{EnvCall, EnvFault, FaultyEnv};

/// Environment of the operating system in which one of the changing operations fails.
#[derive(Debug)]
struct FailingEnv {
    /// Number of operations before the operation that fails.
    remaining: Arc<AtomicU64>,
    inner: OsEnv,
}

/// File of a [`FailingEnv`].
#[derive(Debug)]
struct FailingFile {
    remaining: Arc<AtomicU64>,
    inner: Box<dyn File>,
}

/// Counts an operation; fails if no operation is left before the failing one.
fn fail_in_turn(remaining: &AtomicU64) -> io::Result<()> {
    match remaining.fetch_sub(1, Ordering::Relaxed) {
        0 => Err(io::Error::other("injected")),
        _ => Ok(()),
    }
}

impl Env for FailingEnv {
    fn open(&self, path: &Path, how: OpenMode) -> io::Result<Box<dyn File>> {
        fail_in_turn(&self.remaining)?;
        Ok(Box::new(FailingFile { remaining: Arc::clone(&self.remaining), inner: self.inner.open(path, how)? }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fail_in_turn(&self.remaining)?;
        self.inner.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.inner.remove(path)
    }

    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.inner.hard_link(from, to)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<DirEntry>> {
        self.inner.list(dir)
    }

    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        self.inner.create_dir(dir)
    }

    fn remove_dir(&self, dir: &Path) -> io::Result<()> {
        self.inner.remove_dir(dir)
    }

    fn sync_dir(&self, dir: &Path, step: SyncStep) -> io::Result<()> {
        assert_eq!(step, SyncStep::SstDirectory);
        fail_in_turn(&self.remaining)?;
        self.inner.sync_dir(dir, step)
    }

    fn try_lock(&self, path: &Path) -> io::Result<Option<Box<dyn FileLock>>> {
        self.inner.try_lock(path)
    }

    fn monotonic_now(&self) -> std::time::Duration {
        self.inner.monotonic_now()
    }

    fn wall_clock_nanos(&self) -> i64 {
        self.inner.wall_clock_nanos()
    }

    fn random_uuid(&self) -> uuid::Uuid {
        self.inner.random_uuid()
    }
}

impl File for FailingFile {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.inner.read_at(offset, buffer)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let failed = fail_in_turn(&self.remaining);
        // A full disk may write a part of the bytes.
        self.inner.write_at(offset, if failed.is_err() { &bytes[..bytes.len() / 2] } else { bytes })?;
        failed
    }

    fn sync(&self, step: SyncStep) -> io::Result<()> {
        assert_eq!(step, SyncStep::SstData);
        fail_in_turn(&self.remaining)?;
        self.inner.sync(step)
    }

    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.inner.set_len(len)
    }
}

#[test]
fn an_error_at_any_step_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    // Incompressible values, so that the buffer is written several times.
    let bits: Vec<u64> = (0..200_000).map(noise).collect();
    let timestamps: Vec<i64> = (0..200_000).collect();
    let try_with = |remaining: u64| {
        let env = FailingEnv { remaining: Arc::new(AtomicU64::new(remaining)), inner: OsEnv };
        let dir = Dir::new(Arc::new(env), folder.path());
        let mut writer = SstWriter::create(&dir, DATABASE, FileId::new(1), 0)?;
        writer.add_series(SeriesId::new(1), 0, ValueType::U64, &timestamps, &bits)?;
        persist_ssts(&dir, vec![writer.finish(1..=1, 0)?])
    };
    let mut steps = 0;
    while let Err(error) = try_with(steps) {
        assert_eq!(error.io_kind(), Some(io::ErrorKind::Other), "{error}");
        assert_eq!(dir(folder.path()).list().unwrap(), [], "after a failure at step {steps}");
        steps += 1;
    }
    // Create, writes of six full buffers and of the rest, sync, rename, sync of the directory.
    assert_eq!(steps, 11);
    assert_eq!(dir(folder.path()).list().unwrap().len(), 1);
}

#[test]
fn a_file_whose_temporary_name_is_taken_is_not_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let dir = dir(folder.path());
    let taken: OpenFile = dir.open(&sst_temp_name(FileId::new(1)), OpenMode::Create).unwrap();
    taken.write_at(0, b"existing").unwrap();
    SstWriter::create(&dir, DATABASE, FileId::new(1), 0).unwrap_err();
    assert_eq!(taken.len().unwrap(), 8);
}

#[test]
fn a_failed_sync_of_the_directory_since_the_rename_leaves_no_file() {
    let temp = tempfile::tempdir().unwrap();
    let env = FaultyEnv::default();
    let dir = env.dir(temp.path());
    let mut writer = SstWriter::create(&dir, DATABASE, FileId::new(1), L0).unwrap();
    let series = TestSeries::new(1, 0..10, |_| 1.5);
    writer.begin_series(series.entry(L0));
    writer.push(&series.timestamps, &series.bits).unwrap();
    writer.end_series().unwrap();
    let pending = writer.finish(10..=20, 3).unwrap();
    // Of another thread: it covered the new name.
    env.inject_for_kind(EnvCall::SyncDir(SyncStep::WalDirectory), 0, 1, EnvFault::Error(io::ErrorKind::Other));
    assert!(dir.sync(SyncStep::WalDirectory).is_err());
    assert!(persist_ssts(&dir, vec![pending]).is_err());
    assert!(dir.list().unwrap().is_empty());
}
