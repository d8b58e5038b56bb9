#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub(crate) mod actor;
pub(crate) mod bytes;
mod db;
pub(crate) mod engine;
pub(crate) mod env;
mod error;
mod finding;
mod inspect;
pub(crate) mod latest;
pub(crate) mod manifest;
pub(crate) mod memtable;
pub(crate) mod merge;
mod options;
#[cfg(feature = "planted")]
pub(crate) mod planted;
mod point;
mod query;
mod series;
pub(crate) mod sst;
pub(crate) mod store;
pub(crate) mod sync;
#[cfg(feature = "testing")]
#[doc(hidden)]
pub mod testing;
mod verify;
pub(crate) mod version;
pub(crate) mod wal;

pub use actor::Ack;
pub use db::{Builder, Changes, Db, LevelStats, Stats, TryWriteError, WorkStats};
pub use error::{Error, Result};
pub use finding::Finding;
pub use inspect::{
    Inspection, ManifestInspection, SeriesLogInspection, SpareInspection, SstInspection, WalInspection, inspect,
};
pub use options::{Duplicates, Durability};
pub use point::{
    Batch, MAX_BATCH_BYTES, MAX_BATCH_POINTS, Point, RefusedFor, RefusedPoint, Sample, Timestamp, Value, ValueType,
};
pub use query::{
    Aggregate, ColumnChunk, Columns, Every, Explain, Fill, PointStream, Query, QueryScan, Scan, ScanIter, Select,
    SeriesInfo, SeriesWindows, Share, Snapshot, Window, Windows, Zone,
};
pub use series::{MAX_KEY_BYTES, MAX_TAGS, Series, SeriesId, SeriesKey};
pub use store::{BackupReport, ForgivenTail, OpenReport};
pub use verify::{VerifyReport, verify};
