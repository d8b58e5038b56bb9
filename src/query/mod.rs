//! Reading: snapshots, scans and queries.
//!
//! A query selects series, merges the sources of each into columns of points, and aggregates the columns into windows.
//! It works on any [`catalog::Catalog`]. Only `snapshot`, `sst_source` and `memtable_source` deal with versions, files
//! and memtables.

mod accumulator;
mod aggregate;
mod arithmetic;
mod builder;
mod catalog;
mod column;
mod distinct;
mod execute;
mod explain;
mod fill;
mod fold;
mod group;
mod kernels;
mod latest;
mod limits;
mod listing;
mod memtable_source;
mod moments;
mod offload;
mod operator;
mod parallel;
mod partial;
mod period;
mod plan;
mod points;
mod quantile;
mod rank;
mod rates;
mod regression;
mod result;
mod scan;
mod sliding;
mod snapshot;
mod sst_source;
mod stream;
mod window_aggregator;
mod window_function;
mod window_grid;
mod zone;

pub use aggregate::{Aggregate, QuantileLevel};
pub use builder::{Edge, Query};
pub use catalog::SeriesInfo;
pub use column::{Column, ColumnValues};
pub use explain::ExplainReport;
pub use fill::Fill;
pub use fold::{BlockSummary, Fold, ValueSlice};
pub(crate) use offload::run_offloaded;
pub use period::Period;
pub use points::QueryPoints;
pub use result::{SeriesWindows, Window, Windows};
pub use scan::{Scan, ScanChunk, ScanChunks, ScanIter};
pub use snapshot::Snapshot;
pub use stream::ScanStream;
pub use window_function::WindowFunction;
pub use zone::Zone;
