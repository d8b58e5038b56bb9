//! Helpers shared by the test binaries: a temporary database directory, points, and directories as bytes.

#![allow(dead_code, reason = "each test binary uses its own part of it")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use timestrata::{Batch, Db, DbBuilder, Durability, Point, Scalar, SeriesKey, Snapshot, Timestamp};

/// Directory for one database, removed at the end of the test.
pub(crate) struct Home {
    dir: tempfile::TempDir,
}

impl Home {
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    /// Creates the directory in memory if the system has such a place. For tests that end processes, whose results do
    /// not depend on the disk.
    pub(crate) fn in_memory() -> Self {
        tempfile::tempdir_in("/dev/shm").map_or_else(|_| Self::new(), |dir| Self { dir })
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.dir.path().join("db")
    }

    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Returns options that make writes fast, for tests that do not test durability.
    pub(crate) fn builder(&self) -> DbBuilder {
        Db::builder(self.path()).durability(Durability::Os)
    }

    pub(crate) fn open(&self) -> Db {
        self.builder().open_blocking().unwrap()
    }

    /// Returns options with memtables and segments that a few batches fill.
    pub(crate) fn small(&self) -> DbBuilder {
        self.builder().flush_at_bytes(16 << 10).wal_segment_bytes(16 << 10)
    }
}

/// Blocks this thread for `time`.
pub(crate) fn pause(time: Duration) {
    let (_nobody_speaks, never) = std::sync::mpsc::channel::<()>();
    never.recv_timeout(time).unwrap_err();
}

pub(crate) fn at(nanos: i64) -> Timestamp {
    Timestamp::from_nanos(nanos)
}

pub(crate) fn key(name: &str, n: usize) -> SeriesKey {
    SeriesKey::new(name).tag("n", n.to_string())
}

/// Returns a batch of one series, given by its key.
pub(crate) fn batch<T: Scalar>(key: &SeriesKey, points: impl IntoIterator<Item = (i64, T)>) -> Batch {
    let mut batch = Batch::new();
    for (nanos, value) in points {
        batch.push_key(key, at(nanos), value);
    }
    batch
}

/// Returns times and values of a whole series in scan order. A missing series has no points.
pub(crate) fn all<T: Scalar>(snapshot: &Snapshot, key: &SeriesKey) -> Vec<(i64, T)> {
    match snapshot.series::<T>(key) {
        Ok(series) => pairs(&snapshot.scan(series, ..).collect_blocking().unwrap()),
        Err(timestrata::Error::SeriesNotFound { .. }) => Vec::new(),
        Err(error) => panic!("{error}"),
    }
}

pub(crate) fn pairs<T: Copy>(points: &[Point<T>]) -> Vec<(i64, T)> {
    points.iter().map(|point| (point.timestamp.as_nanos(), point.value)).collect()
}

/// Returns the names in a directory.
pub(crate) fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort_unstable();
    names
}

/// Returns every file of a directory with its bytes.
pub(crate) fn contents(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    names(dir).into_iter().map(|name| (name.clone(), std::fs::read(dir.join(name)).unwrap())).collect()
}

/// Returns `true` if the name is the name of an SST. The engine writes the extension in lower case only.
pub(crate) fn is_sst(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|end| end == "sst")
}

/// Returns the names with the given ending.
pub(crate) fn ending<'a>(names: &'a [String], end: &str) -> Vec<&'a String> {
    names.iter().filter(|name| name.ends_with(end)).collect()
}

/// Copies a directory of files.
pub(crate) fn copy_dir(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for name in names(from) {
        std::fs::copy(from.join(&name), to.join(&name)).unwrap();
    }
}

/// Replaces the contents of a directory with exactly these files.
pub(crate) fn restore(dir: &Path, files: &BTreeMap<String, Vec<u8>>) {
    for name in names(dir) {
        std::fs::remove_file(dir.join(name)).unwrap();
    }
    for (name, bytes) in files {
        std::fs::write(dir.join(name), bytes).unwrap();
    }
}
