#![forbid(unsafe_code)]
#![allow(dead_code)]

pub(crate) mod actor;
pub(crate) mod env;
mod error;
pub(crate) mod latest;
pub(crate) mod memtable;
mod options;
mod point;
mod series;
pub(crate) mod sst;
pub(crate) mod sync;
pub(crate) mod version;

pub use error::{Error, Result};
pub use options::Durability;
pub use point::{Batch, Point, Sample, Timestamp, Value, ValueType};
pub use series::{Series, SeriesId, SeriesKey};
