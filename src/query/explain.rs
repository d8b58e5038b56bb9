//! Counters of a query's reads, and the report made of them.
//!
//! The counters cover one query only, also if other queries read the same files at the same time.

use std::fmt;
use std::time::Duration;

use std::sync::atomic::{AtomicU64, Ordering};

/// Counters of one query, shared by its threads.
#[derive(Debug, Default)]
pub(crate) struct ReadCounters {
    /// `true` if pruned blocks are counted, too, which requires reading their index entries.
    counts_pruning: bool,
    blocks_by_time: AtomicU64,
    blocks_hidden: AtomicU64,
    blocks_by_statistics: AtomicU64,
    blocks_decoded: AtomicU64,
    points_by_statistics: AtomicU64,
    points_decoded: AtomicU64,
    bytes_read: AtomicU64,
}

fn add(counter: &AtomicU64, count: u64) {
    counter.fetch_add(count, Ordering::Relaxed);
}

impl ReadCounters {
    /// Returns counters that count pruned blocks, too.
    pub(super) fn with_pruning() -> Self {
        Self { counts_pruning: true, ..Self::default() }
    }

    pub(super) fn counts_pruning(&self) -> bool {
        self.counts_pruning
    }

    pub(super) fn add_pruned_by_time(&self, blocks: usize) {
        add(&self.blocks_by_time, blocks as u64);
    }

    pub(super) fn add_hidden(&self, blocks: usize) {
        if blocks > 0 {
            add(&self.blocks_hidden, blocks as u64);
        }
    }

    pub(super) fn add_from_statistics(&self, points: u32) {
        add(&self.blocks_by_statistics, 1);
        add(&self.points_by_statistics, u64::from(points));
    }

    pub(super) fn add_decoded(&self, points: u32, bytes: u32) {
        add(&self.blocks_decoded, 1);
        add(&self.points_decoded, u64::from(points));
        add(&self.bytes_read, u64::from(bytes));
    }

    /// Returns the report of these counters and of the counts from the version; the caller adds the times.
    pub(super) fn to_report(&self, pruning: PruningCounts) -> ExplainReport {
        let get = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let blocks_pruned_by_time = pruning.blocks_by_time + get(&self.blocks_by_time);
        let blocks_hidden = get(&self.blocks_hidden);
        let (by_statistics, decoded) = (get(&self.blocks_by_statistics), get(&self.blocks_decoded));
        let counted = blocks_pruned_by_time + blocks_hidden + by_statistics + decoded;
        ExplainReport {
            series: pruning.series,
            series_selected: pruning.series_selected,
            files: pruning.files,
            files_pruned_by_series: pruning.files_by_series,
            files_pruned_by_time: pruning.files_by_time,
            blocks: pruning.blocks,
            blocks_pruned_by_series: pruning.blocks.saturating_sub(counted),
            blocks_pruned_by_time,
            blocks_hidden,
            blocks_by_statistics: by_statistics,
            blocks_decoded: decoded,
            points_by_statistics: get(&self.points_by_statistics),
            points_decoded: get(&self.points_decoded),
            bytes_read: get(&self.bytes_read),
            ..ExplainReport::default()
        }
    }
}

/// Counts that the version alone yields for a selection in a range, without reading a file.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct PruningCounts {
    pub(crate) series: u64,
    pub(crate) series_selected: u64,
    pub(crate) files: u64,
    pub(crate) files_by_series: u64,
    pub(crate) files_by_time: u64,
    pub(crate) blocks: u64,
    /// Blocks in files that are pruned by time.
    pub(crate) blocks_by_time: u64,
}

/// Counts and times of one query: what was pruned, answered by statistics, and decoded.
///
/// Made by [`Query::explain`](crate::Query::explain). Each block of each file is counted once: as pruned by series or
/// by time, hidden, answered by statistics, or decoded. Points in memtables are not counted.
///
/// [`Display`](fmt::Display) writes a few lines of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ExplainReport {
    /// Listed series of the snapshot.
    pub series: u64,
    /// Series that match the selector.
    pub series_selected: u64,
    /// Files of the snapshot.
    pub files: u64,
    /// Files that cannot hold a selected series; they were not read.
    pub files_pruned_by_series: u64,
    /// Other files that lie outside the range; they were not read.
    pub files_pruned_by_time: u64,
    /// Blocks of all files.
    pub blocks: u64,
    /// Blocks of other series, and blocks of files that are hidden entirely and were not opened.
    pub blocks_pruned_by_series: u64,
    /// Blocks outside the range.
    ///
    /// These are all blocks of the files pruned by time, and the blocks of the selected series in other files.
    pub blocks_pruned_by_time: u64,
    /// Blocks that a delete or retention hides entirely.
    pub blocks_hidden: u64,
    /// Blocks answered by their statistics in the index; they were not read.
    pub blocks_by_statistics: u64,
    /// Blocks that were read and decoded.
    pub blocks_decoded: u64,
    /// Points in the blocks answered by statistics.
    pub points_by_statistics: u64,
    /// Points in the decoded blocks.
    pub points_decoded: u64,
    /// Bytes of the decoded blocks, without pages of the index.
    pub bytes_read: u64,
    /// Threads that read.
    pub threads: usize,
    /// Time to select the series.
    pub selecting: Duration,
    /// Time to read and aggregate; elapsed time, not a sum over threads.
    pub reading: Duration,
    /// Elapsed time of the whole query, including grouping, filling and ordering.
    pub total: Duration,
}

/// Writes the report as lines of text, without a line break at the end.
impl fmt::Display for ExplainReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "series: {} of {} selected", self.series_selected, self.series)?;
        writeln!(
            f,
            "files: {}, pruned by series {}, by time {}",
            self.files, self.files_pruned_by_series, self.files_pruned_by_time
        )?;
        writeln!(
            f,
            "blocks: {}, pruned by series {}, by time {}, hidden {}, answered by statistics {}, decoded {}",
            self.blocks,
            self.blocks_pruned_by_series,
            self.blocks_pruned_by_time,
            self.blocks_hidden,
            self.blocks_by_statistics,
            self.blocks_decoded
        )?;
        writeln!(
            f,
            "points of blocks: {} by statistics, {} decoded of {} bytes",
            self.points_by_statistics, self.points_decoded, self.bytes_read
        )?;
        write!(
            f,
            "time: {:?}, of which selecting {:?}, reading {:?}, on {} threads",
            self.total, self.selecting, self.reading, self.threads
        )
    }
}
