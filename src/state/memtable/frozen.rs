//! Frozen memtables, which wait to be flushed.

use super::view::MemtableView;
use crate::state::file_id::FileId;
use crate::state::metric_metadata::MetadataMap;
use crate::state::series_index::SeriesIndex;

/// A memtable that takes no more records and waits to be flushed.
#[derive(Debug)]
pub(crate) struct FrozenMemtable {
    /// Number of the freeze; the SSTs of the flush get it, too.
    /// Freezes and compactions share one sequence.
    pub(crate) generation: u64,
    pub(crate) view: MemtableView,
    /// Series index at the time of the freeze, for the keys, types and duplicate policies of its series.
    pub(crate) series: SeriesIndex,
    /// Metadata of metrics at the time of the freeze: those that the manifest has once this memtable is flushed.
    pub(crate) metadata: MetadataMap,
    /// Smallest seq of its records.
    pub(crate) min_seq: u64,
    /// Greatest seq of its records. All of its records lie in WAL segments before `next_wal_segment`.
    pub(crate) max_seq: u64,
    /// WAL segment that the freeze opened: the WAL floor once this memtable is flushed.
    /// Unused (id 0) in a replay, after which the opening moves the floor.
    pub(crate) next_wal_segment: FileId,
}
