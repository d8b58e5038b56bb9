//! Storage that fails under a writer: nothing of its file may stay.

use std::io;

use super::*;
use crate::env::{DirFile, Entry, Env, File, Lock, Open, SyncStep};
use crate::sync::atomic::{AtomicU64, Ordering};

/// The operating system's files, of which one operation that changes something fails.
#[derive(Debug)]
struct Failing {
    /// Operations until the one that fails.
    left: Arc<AtomicU64>,
    under: OsEnv,
}

#[derive(Debug)]
struct FailingFile {
    left: Arc<AtomicU64>,
    under: Box<dyn File>,
}

fn fail_in_turn(left: &AtomicU64) -> io::Result<()> {
    match left.fetch_sub(1, Ordering::Relaxed) {
        0 => Err(io::Error::other("planted")),
        _ => Ok(()),
    }
}

impl Env for Failing {
    fn open(&self, path: &Path, how: Open) -> io::Result<Box<dyn File>> {
        fail_in_turn(&self.left)?;
        Ok(Box::new(FailingFile { left: Arc::clone(&self.left), under: self.under.open(path, how)? }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fail_in_turn(&self.left)?;
        self.under.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.under.remove(path)
    }

    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.under.hard_link(from, to)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<Entry>> {
        self.under.list(dir)
    }

    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        self.under.create_dir(dir)
    }

    fn sync_dir(&self, dir: &Path, step: SyncStep) -> io::Result<()> {
        assert_eq!(step, SyncStep::SstDirectory);
        fail_in_turn(&self.left)?;
        self.under.sync_dir(dir, step)
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Lock>>> {
        self.under.lock(path)
    }

    fn now(&self) -> std::time::Duration {
        self.under.now()
    }

    fn wall(&self) -> i64 {
        self.under.wall()
    }

    fn unique(&self) -> uuid::Uuid {
        self.under.unique()
    }
}

impl File for FailingFile {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.under.read_at(offset, buffer)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let failed = fail_in_turn(&self.left);
        // A full disk takes some of it.
        self.under.write_at(offset, if failed.is_err() { &bytes[..bytes.len() / 2] } else { bytes })?;
        failed
    }

    fn sync(&self, step: SyncStep) -> io::Result<()> {
        assert_eq!(step, SyncStep::Sst);
        fail_in_turn(&self.left)?;
        self.under.sync(step)
    }

    fn len(&self) -> io::Result<u64> {
        self.under.len()
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.under.set_len(len)
    }
}

#[test]
fn an_error_at_any_step_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    // Incompressible, so that the buffer fills and is written more than once.
    let bits: Vec<u64> = (0..200_000).map(noise).collect();
    let timestamps: Vec<i64> = (0..200_000).collect();
    let try_with = |left: u64| {
        let env = Failing { left: Arc::new(AtomicU64::new(left)), under: OsEnv };
        let dir = Dir::new(Arc::new(env), folder.path());
        let mut writer = SstWriter::create(&dir, DATABASE, FileId::new(1), 0)?;
        writer.add_series(SeriesId::new(1), 0, ValueType::U64, &timestamps, &bits)?;
        writer.finish(1..=1, 0)
    };
    let mut steps = 0;
    while let Err(error) = try_with(steps) {
        assert!(error.to_string().contains("planted"), "{error}");
        assert_eq!(dir(folder.path()).list().unwrap(), [], "after a failure at step {steps}");
        steps += 1;
    }
    // Create, two full buffers and the rest, sync, rename, sync of the directory.
    assert_eq!(steps, 6);
    assert_eq!(dir(folder.path()).list().unwrap().len(), 1);
}

#[test]
fn a_file_whose_temporary_name_is_taken_is_not_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let dir = dir(folder.path());
    let taken: DirFile = dir.open(&temporary_name(FileId::new(1)), Open::Create).unwrap();
    taken.write_at(0, b"someone's").unwrap();
    SstWriter::create(&dir, DATABASE, FileId::new(1), 0).unwrap_err();
    assert_eq!(taken.len().unwrap(), 9);
}
