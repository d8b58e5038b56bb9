//! Reading: selecting series, merging their sources into columns, folding columns into windows.
//! Queries work on any `Catalog`; what turns a version, its files and memtables into sources stands in `snapshot`,
//! `table` and `memory` alone.

mod aggregate;
mod blocking;
mod builder;
mod catalog;
mod fold;
mod listing;
mod memory;
mod result;
mod scan;
mod select;
mod snapshot;
mod stream;
mod table;
mod windows;

pub use aggregate::Aggregate;
pub(crate) use blocking::unblock;
pub use builder::{Query, QueryScan};
pub use catalog::SeriesInfo;
pub use result::{SeriesWindows, Window, Windows};
pub use scan::{ColumnChunk, Columns, Scan, ScanIter};
pub use select::Select;
pub use snapshot::Snapshot;
pub use stream::PointStream;
