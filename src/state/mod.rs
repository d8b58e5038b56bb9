//! Pure state: the version, the memtable, the merge of sources, and the rules that change them.
//!
//! No module here uses files, clocks or a runtime, so that loom-tests can compile these files over loom's `sync`.
//!
//! Order of the modules; each one imports only modules below it:
//!
//! ```text
//! version          one state of the database, and the steps from one version to the next
//! merge, memtable  k-way merge of sources; points in memory
//! series_index     series by id, by key and by tag; empty series
//! log_record       one record of the WAL
//! metric_metadata  metadata of all metrics, and a change of them
//! tombstone        a delete
//! rectangle, hidden_ranges, series_map, file_id, watch
//! ```

pub(crate) mod file_id;
pub(crate) mod hidden_ranges;
pub(crate) mod log_record;
pub(crate) mod memtable;
pub(crate) mod merge;
pub(crate) mod metric_metadata;
pub(crate) mod rectangle;
pub(crate) mod series_index;
pub(crate) mod series_map;
pub(crate) mod tombstone;
pub(crate) mod version;
pub(crate) mod watch;
