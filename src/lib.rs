#![forbid(unsafe_code)]
#![allow(dead_code)]

pub(crate) mod env;
mod error;
pub(crate) mod latest;
mod options;
mod point;
mod query;
mod series;
pub(crate) mod sync;
pub(crate) mod version;

pub use error::{Error, Result};
pub use options::Durability;
pub use point::{Batch, Point, Sample, Timestamp, Value, ValueType};
pub use query::{
    Aggregate, ColumnChunk, Columns, PointStream, Query, QueryScan, Scan, ScanIter, Select, SeriesInfo, SeriesWindows,
    Window, Windows,
};
pub use series::{Series, SeriesId, SeriesKey};
