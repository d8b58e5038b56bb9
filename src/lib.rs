#![doc = include_str!("../README.md")]
//!
//! # How names are formed
//!
//! - Types are nouns. What a call makes carries the name of the call first: [`Scan`], [`ScanIter`], [`ScanChunks`],
//!   [`ScanChunk`], [`ScanStream`]; [`Query`], [`QueryPoints`].
//! - A call that waits is an `async fn`, and has a blocking variant with the suffix `_blocking`. A builder that is awaited,
//!   such as [`CreateSeries`], has a method `blocking`.
//! - `create_*` writes durably. `series` and `find_series` look up one key; `list_*` and `count_*` take a [`Selector`].
//!   None of the lookups reads a file or waits.
//! - `*_each` returns one result for each selected series. `*_limit` bounds a list.
//! - `checked_*` returns an `Option`, `try_*` a `Result`, `as_*` a cheap view or conversion, `validate` a `Result<()>`.
//!
//! # Cargo features
//!
//! - `tokio-rt` (default): inside a tokio runtime, reads of files run on the runtime's blocking pool. Without the feature
//!   they run where the future is polled; no other behaviour changes.
//! - `serde`: `Serialize` and `Deserialize` for timestamps, values, keys, selectors and the results of queries, and
//!   `Serialize` for statistics and reports.
#![forbid(unsafe_code)]

mod db;
mod engine;
mod format;
mod platform;
mod query;
#[cfg(feature = "serde")]
mod serde_impls;
mod state;
#[cfg(feature = "testing")]
#[doc(hidden)]
pub mod testing;
mod types;

// A path of its own, because the loom models replace this module by one over loom's types.
pub(crate) use platform::sync;

pub use db::{
    CreateManySeries, CreateSeries, Db, DbBuilder, DbReader, DbReaderBuilder, JobStats, LevelStats, SnapshotWatch,
    Stats, WriteOptions, WriteReport,
};
pub use engine::actor::Ack;
pub use engine::store::{
    BackupReport, DiskUsage, FailedFlush, FileUsage, OpenReport, PendingRetention, ReadOnlyState, RefreshReport,
    TornTail, WalStats, disk_usage,
};
pub use engine::verify::{VerifyReport, verify};
pub use format::finding::Finding;
pub use format::inspect::{
    Inspection, ManifestInspection, ReserveInspection, SeriesLogInspection, SpareInspection, SstInspection,
    WalInspection, inspect,
};
pub use query::{
    Aggregate, Cardinality, Column, ColumnValues, Edge, ExplainReport, Fill, Fold, Listing, MetricCardinality,
    OwnedSeriesChunk, Page, Period, PointSummary, Projection, QuantileLevel, Query, QueryPoints, QueryThread,
    RunningQuery, Runtime, RuntimeBuilder, RuntimeStats, Scan, ScanCancellation, ScanChunk, ScanChunks, ScanIter,
    ScanStream, SeriesChunk, SeriesScan, SeriesScanCursor, SeriesScanStream, SeriesWindows, Snapshot, SummaryWindows,
    TagCardinality, TagKeyCardinality, ValueSlice, ValueVec, Window, WindowFunction, Windows, Zone,
};
pub use types::duplicate_policy::DuplicatePolicy;
pub use types::error::{Error, ErrorKind, RejectionCode, Result, SkippedPoint, WrittenPiece};
pub use types::metric_metadata::{MAX_METRIC_DESCRIPTION_BYTES, MAX_METRIC_UNIT_BYTES, MetricKind, MetricMetadata};
pub use types::options::Durability;
pub use types::point::{
    Batch, MAX_BATCH_BYTES, MAX_BATCH_POINTS, Point, RejectReason, RejectedPoint, STALE_MARKER_BITS, Scalar, Timestamp,
    Value, ValueType,
};
pub use types::selector::Selector;
pub use types::series::{CachedSeries, MAX_SERIES_KEY_BYTES, MAX_SERIES_TAGS, Series, SeriesId, SeriesInfo, SeriesKey};
