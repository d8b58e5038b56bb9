//! Reading: snapshots, scans and queries.
//!
//! A query selects series, merges the sources of each into columns of points, and aggregates the columns into windows.
//! It works on any [`catalog::Catalog`]. Only `snapshot`, `version_cursor`, `sst_cursor`, `sst_source` and `memtable_source` deal with versions, files
//! and memtables.

mod accumulator;
mod admission;
mod aggregate;
mod arithmetic;
mod builder;
mod catalog;
mod column;
mod distinct;
mod equal_windows;
mod execute;
mod explain;
mod fill;
mod fold;
mod group;
mod kernels;
mod latest;
mod latest_each;
mod latest_search;
mod limits;
mod listing;
mod memory;
mod memtable_source;
mod moments;
mod offload;
mod operator;
mod paged_listing;
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
mod running_query;
mod runtime;
mod scan;
mod series_chunk;
mod series_scan;
mod series_scan_stream;
mod sliding;
mod slots;
mod snapshot;
mod sst_cursor;
mod sst_source;
mod stale_markers;
mod storage_share;
mod stream;
mod summary_windows;
#[cfg(test)]
mod test_cursor;
mod value_sketch;
mod version_cursor;
mod window_aggregator;
mod window_function;
mod window_grid;
mod window_output;
mod zone;

pub use aggregate::{Aggregate, QuantileLevel};
pub use builder::{Edge, Query};
pub use column::{Column, ColumnValues};
pub use explain::ExplainReport;
pub use fill::Fill;
pub use fold::Fold;
pub(crate) use offload::run_offloaded;
pub use paged_listing::{Listing, Page};
pub use period::Period;
pub use points::QueryPoints;
pub use result::{SeriesWindows, Window, Windows};
pub use running_query::{QueryThread, RunningQuery};
pub use runtime::{Runtime, RuntimeBuilder, RuntimeStats};
pub use scan::{Scan, ScanChunk, ScanChunks, ScanIter};
pub use series_chunk::{OwnedSeriesChunk, PointSummary, SeriesChunk, ValueSlice, ValueVec};
pub use series_scan::{Projection, ScanCancellation, SeriesScan, SeriesScanCursor};
pub use series_scan_stream::SeriesScanStream;
pub use snapshot::Snapshot;
pub use stream::ScanStream;
pub use summary_windows::SummaryWindows;
pub use window_function::WindowFunction;
pub use zone::Zone;
