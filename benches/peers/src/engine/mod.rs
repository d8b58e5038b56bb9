//! The engines behind one trait, each through its natural interface.

#[cfg(feature = "chronix")]
mod chronix;
mod duckdb;
mod fjall;
mod redb;
mod sqlite;
mod timestrata;
mod tsink;

use std::error::Error;
use std::path::Path;

pub(crate) use duckdb::{INSTALL as DUCKDB_INSTALL, Python, write_samples, write_samples_of_clients};

use crate::total::Total;
use crate::workload::{RangeRead, Sample};

/// Any error of an engine: only its text matters.
pub(crate) type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// When a write is acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// After an fsync or fdatasync of everything that the next opening needs.
    Durable,
    /// Before; `close` makes everything durable.
    NoFsync,
}

/// An open database. Any thread may call it.
pub(crate) trait Engine: Send + Sync {
    /// Creates or looks up the series 0 to `count`, where the engine has handles or keys for them. Part of an ingest.
    fn declare(&mut self, count: u32) -> Result<()>;

    /// Writes the points of one call, and returns when they are acknowledged.
    fn write(&self, batch: &[Sample]) -> Result<()>;

    /// Makes everything durable and releases the directory.
    fn close(self: Box<Self>) -> Result<()>;

    /// Reads every point.
    fn scan(&self) -> Result<Total>;

    /// Reads one series in a range of time.
    fn range(&self, read: &RangeRead) -> Result<Total>;

    /// Reads the latest point of each of the series. The newest of all points is given, for an engine that can only read
    /// ranges.
    fn latest(&self, series: &[u32], newest_nanos: i64) -> Result<Total>;
}

/// Opens the database in an existing directory, which is empty the first time.
pub(crate) type Open = fn(&Path, Mode) -> Result<Box<dyn Engine>>;

/// How an engine of the table is run.
pub(crate) enum Runner {
    /// In a child process of this program.
    InProcess(Open),
    /// The same, if this build has the engine; else how to get it.
    Feature(Option<Open>, &'static str),
    /// In a child process of Python.
    Python,
}

impl Runner {
    /// Returns how to open the engine in this process.
    pub(crate) fn open(&self) -> Option<Open> {
        match self {
            Self::InProcess(open) | Self::Feature(Some(open), _) => Some(*open),
            Self::Feature(None, _) | Self::Python => None,
        }
    }
}

#[cfg(feature = "chronix")]
const CHRONIX: Option<Open> = Some(chronix::open);
#[cfg(not(feature = "chronix"))]
const CHRONIX: Option<Open> = None;

/// A column of the table.
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    pub(crate) runner: Runner,
    /// `false` if the writes of several threads take turns at a lock of this program.
    pub(crate) takes_many_writers: bool,
}

/// The columns of the table, ourselves first.
pub(crate) const PEERS: &[Peer] = &[
    Peer { name: "timestrata", runner: Runner::InProcess(timestrata::open), takes_many_writers: true },
    Peer { name: "fjall", runner: Runner::InProcess(fjall::open), takes_many_writers: true },
    Peer { name: "redb", runner: Runner::InProcess(redb::open), takes_many_writers: false },
    Peer { name: "SQLite", runner: Runner::InProcess(sqlite::open), takes_many_writers: false },
    Peer { name: "tsink", runner: Runner::InProcess(tsink::open), takes_many_writers: true },
    Peer {
        name: "chronix",
        runner: Runner::Feature(CHRONIX, "not built: add `--features chronix`"),
        takes_many_writers: true,
    },
    Peer { name: "DuckDB", runner: Runner::Python, takes_many_writers: true },
];

/// Returns the entry of an engine, whatever the case of its name.
pub(crate) fn peer(name: &str) -> Option<&'static Peer> {
    PEERS.iter().find(|peer| peer.name.eq_ignore_ascii_case(name))
}
