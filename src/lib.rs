#![forbid(unsafe_code)]
#![allow(dead_code)]

pub(crate) mod actor;
pub(crate) mod bytes;
pub(crate) mod env;
mod error;
pub(crate) mod latest;
pub(crate) mod manifest;
pub(crate) mod memtable;
mod options;
mod point;
mod query;
mod series;
pub(crate) mod sst;
pub(crate) mod sync;
pub(crate) mod version;
pub(crate) mod wal;

pub use error::{Error, Result};
pub use options::Durability;
pub use point::{Batch, Point, Sample, Timestamp, Value, ValueType};
pub use query::{
    Aggregate, ColumnChunk, Columns, PointStream, Query, QueryScan, Scan, ScanIter, Select, SeriesInfo, SeriesWindows,
    Window, Windows,
};
pub use series::{Series, SeriesId, SeriesKey};
