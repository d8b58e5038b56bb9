//! What the tests of this folder share: a database in a directory of its own, points, directories as bytes.

#![allow(clippy::unwrap_used, reason = "a test that meets an error has failed")]
#![allow(dead_code, reason = "each test binary uses its own part of it")]

#[cfg(target_os = "linux")]
pub(crate) mod life;
pub(crate) mod processes;
#[cfg(target_os = "linux")]
pub(crate) mod strace;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::channel;
use std::time::Duration;

use timestrata::{Batch, Builder, Db, Durability, Point, Sample, SeriesKey, Snapshot, Timestamp};

/// A directory for one database, removed at the end of the test.
pub(crate) struct Home {
    dir: tempfile::TempDir,
}

impl Home {
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    /// In memory, where a system has such a place: for tests that end processes, and so do not care what is on a disk.
    pub(crate) fn in_memory() -> Self {
        tempfile::tempdir_in("/dev/shm").map_or_else(|_| Self::new(), |dir| Self { dir })
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.dir.path().join("db")
    }

    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Options that make writes fast: what is tested is not the disk.
    pub(crate) fn builder(&self) -> Builder {
        Db::builder(self.path()).durability(Durability::Os)
    }

    pub(crate) fn open(&self) -> Db {
        self.builder().open_blocking().unwrap()
    }

    /// Memtables and segments so small that a handful of batches fills them.
    pub(crate) fn small(&self) -> Builder {
        self.builder().flush_at_bytes(16 << 10).wal_segment_bytes(16 << 10)
    }
}

pub(crate) fn at(nanos: i64) -> Timestamp {
    Timestamp::from_nanos(nanos)
}

pub(crate) fn key(name: &str, n: usize) -> SeriesKey {
    SeriesKey::new(name).tag("n", n.to_string())
}

/// A batch for one series by its key.
pub(crate) fn batch<T: Sample>(key: &SeriesKey, points: impl IntoIterator<Item = (i64, T)>) -> Batch {
    let mut batch = Batch::new();
    for (nanos, value) in points {
        batch.push_key(key, at(nanos), value);
    }
    batch
}

/// Times and values of a whole series, in the order that a scan gives them; a series that is not there has none.
pub(crate) fn all<T: Sample>(snapshot: &Snapshot, key: &SeriesKey) -> Vec<(i64, T)> {
    match snapshot.typed::<T>(key) {
        Ok(series) => pairs(&snapshot.scan(series, ..).collect_blocking().unwrap()),
        Err(timestrata::Error::NoSuchSeries { .. }) => Vec::new(),
        Err(error) => panic!("{error}"),
    }
}

pub(crate) fn pairs<T: Copy>(points: &[Point<T>]) -> Vec<(i64, T)> {
    points.iter().map(|point| (point.timestamp.as_nanos(), point.value)).collect()
}

/// The names in a directory.
pub(crate) fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort_unstable();
    names
}

/// Every file of a directory with its bytes.
pub(crate) fn contents(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    names(dir).into_iter().map(|name| (name.clone(), std::fs::read(dir.join(name)).unwrap())).collect()
}

/// Whether a name is an SST's. Names are spelled in one way only.
pub(crate) fn is_sst(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|end| end == "sst")
}

/// The names that end so.
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

/// Makes a directory hold exactly these files.
pub(crate) fn restore(dir: &Path, files: &BTreeMap<String, Vec<u8>>) {
    for name in names(dir) {
        std::fs::remove_file(dir.join(name)).unwrap();
    }
    for (name, bytes) in files {
        std::fs::write(dir.join(name), bytes).unwrap();
    }
}

/// This test binary again, running one of its tests as a process of its own: that test finds `CHILD` set to `value`.
pub(crate) fn child(test: &str, value: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    give_orders(&mut command, test, value);
    command
}

/// The same, started by another program that takes a command line behind its own arguments.
pub(crate) fn child_of(mut starter: Command, test: &str, value: &str) -> Command {
    starter.arg(std::env::current_exe().unwrap());
    give_orders(&mut starter, test, value);
    starter
}

fn give_orders(command: &mut Command, test: &str, value: &str) {
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]).env(CHILD, value);
}

const CHILD: &str = "TIMESTRATA_TEST_CHILD";

/// What the parent told this process, if there is one.
pub(crate) fn told_by_parent() -> Option<String> {
    std::env::var(CHILD).ok()
}

/// Splitmix64: the same numbers for the same seed.
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

/// Lets time pass.
pub(crate) fn pause(time: Duration) {
    let (_nobody_speaks, never) = channel::<()>();
    never.recv_timeout(time).unwrap_err();
}

/// Every Rust source below a folder of this repository, by its path from the root, with its text.
pub(crate) fn sources(folder: &str) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut found, mut left) = (Vec::new(), vec![root.join(folder)]);
    while let Some(dir) = left.pop() {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                left.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/");
                found.push((name, std::fs::read_to_string(path).unwrap()));
            }
        }
    }
    found.sort_unstable();
    found
}
