//! Reading: selecting series, merging their sources into columns, folding columns into windows.
//! Queries work on any `Catalog`; what turns a version, its files and memtables into sources stands in `snapshot`,
//! `table` and `memory` alone.

mod aggregate;
mod answer;
mod arithmetic;
mod blocking;
mod builder;
mod catalog;
mod cell;
mod cut;
mod explain;
mod fill;
mod fold;
mod group;
mod limits;
mod listing;
mod memory;
mod moments;
mod newest;
mod quantile;
mod rank;
mod read;
mod result;
mod scan;
mod select;
mod snapshot;
mod steps;
mod stream;
mod table;
mod windows;

pub use aggregate::{Aggregate, Share};
pub(crate) use blocking::unblock;
pub use builder::{Query, QueryScan};
pub use catalog::SeriesInfo;
pub use cut::{Every, Zone};
pub use explain::Explain;
pub use fill::Fill;
pub use result::{SeriesWindows, Window, Windows};
pub use scan::{ColumnChunk, Columns, Scan, ScanIter};
pub use select::Select;
pub use snapshot::Snapshot;
pub use stream::PointStream;
