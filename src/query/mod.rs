//! Reading: selecting series, merging their sources into columns, folding columns into windows.
//! It works on any `Catalog` and its `Source`s, and knows neither files, memtables nor the version.

mod aggregate;
mod blocking;
mod builder;
mod catalog;
mod fold;
mod memory;
mod merge;
mod range;
mod result;
mod scan;
mod select;
mod snapshot;
mod source;
mod stream;
mod table;
#[cfg(test)]
mod testing;
mod windows;

pub use aggregate::Aggregate;
pub(crate) use blocking::unblock;
pub use builder::{Query, QueryScan};
pub use catalog::SeriesInfo;
pub(crate) use range::TimeRange;
pub use result::{SeriesWindows, Window, Windows};
pub use scan::{ColumnChunk, Columns, Scan, ScanIter};
pub use select::Select;
pub use snapshot::Snapshot;
pub use stream::PointStream;
