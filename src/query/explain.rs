//! What a query did: counted while it reads, told afterwards.
//! The counts are the query's own, whatever else reads the same files meanwhile.

use std::fmt;
use std::time::Duration;

use crate::sync::atomic::{AtomicU64, Ordering};

/// What one query did so far; its threads share it.
#[derive(Debug, Default)]
pub(crate) struct Work {
    /// Whether what is passed over is counted too, at the cost of looking at it in the index.
    thorough: bool,
    blocks_by_time: AtomicU64,
    blocks_hidden: AtomicU64,
    blocks_by_statistics: AtomicU64,
    blocks_decoded: AtomicU64,
    points_by_statistics: AtomicU64,
    points_decoded: AtomicU64,
    bytes_read: AtomicU64,
}

fn add(to: &AtomicU64, count: u64) {
    to.fetch_add(count, Ordering::Relaxed);
}

impl Work {
    pub(super) fn thorough() -> Self {
        Self { thorough: true, ..Self::default() }
    }

    pub(super) fn is_thorough(&self) -> bool {
        self.thorough
    }

    pub(super) fn passed_by_time(&self, blocks: usize) {
        add(&self.blocks_by_time, blocks as u64);
    }

    pub(super) fn hidden(&self, blocks: usize) {
        if blocks > 0 {
            add(&self.blocks_hidden, blocks as u64);
        }
    }

    pub(super) fn summarised(&self, points: u32) {
        add(&self.blocks_by_statistics, 1);
        add(&self.points_by_statistics, u64::from(points));
    }

    pub(super) fn decoded(&self, points: u32, bytes: u32) {
        add(&self.blocks_decoded, 1);
        add(&self.points_decoded, u64::from(points));
        add(&self.bytes_read, u64::from(bytes));
    }

    /// The same as what is told; what the version knows and the time come from elsewhere.
    pub(super) fn told(&self, census: Census) -> Explain {
        let get = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let blocks_pruned_by_time = census.blocks_by_time + get(&self.blocks_by_time);
        let blocks_hidden = get(&self.blocks_hidden);
        let (by_statistics, decoded) = (get(&self.blocks_by_statistics), get(&self.blocks_decoded));
        let met = blocks_pruned_by_time + blocks_hidden + by_statistics + decoded;
        Explain {
            series: census.series,
            series_selected: census.series_selected,
            files: census.files,
            files_pruned_by_series: census.files_by_series,
            files_pruned_by_time: census.files_by_time,
            blocks: census.blocks,
            blocks_pruned_by_series: census.blocks.saturating_sub(met),
            blocks_pruned_by_time,
            blocks_hidden,
            blocks_by_statistics: by_statistics,
            blocks_decoded: decoded,
            points_by_statistics: get(&self.points_by_statistics),
            points_decoded: get(&self.points_decoded),
            bytes_read: get(&self.bytes_read),
            ..Explain::default()
        }
    }
}

/// What the version alone tells of a selection in a range, without any file.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Census {
    pub(crate) series: u64,
    pub(crate) series_selected: u64,
    pub(crate) files: u64,
    pub(crate) files_by_series: u64,
    pub(crate) files_by_time: u64,
    pub(crate) blocks: u64,
    /// In files that are pruned by time.
    pub(crate) blocks_by_time: u64,
}

/// How a query came to its answer: what it could pass over, what the index answered, what it had to decode.
///
/// Made by [`Query::explain`](crate::Query::explain). Every block of every file stands in exactly one of the counts:
/// pruned by series or by time, hidden, answered by statistics, or decoded. Points in memtables stand in none.
///
/// Its text is a line each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Explain {
    /// Series that the snapshot lists.
    pub series: u64,
    /// Those that match.
    pub series_selected: u64,
    /// Files of the snapshot.
    pub files: u64,
    /// Files that cannot hold a selected series; they were not touched.
    pub files_pruned_by_series: u64,
    /// Files that may hold one, but lie outside of the range; they were not touched.
    pub files_pruned_by_time: u64,
    /// Blocks of all files.
    pub blocks: u64,
    /// Blocks of other series, and those of files that are hidden whole and so were not opened.
    pub blocks_pruned_by_series: u64,
    /// Blocks outside of the range: of files pruned by time all, of others those of the selected series.
    pub blocks_pruned_by_time: u64,
    /// Blocks that a delete or retention hides whole.
    pub blocks_hidden: u64,
    /// Blocks whose statistics in the index answered: they were not read.
    pub blocks_by_statistics: u64,
    /// Blocks that were read and decoded.
    pub blocks_decoded: u64,
    /// Points in the blocks that statistics answered.
    pub points_by_statistics: u64,
    /// Points in the blocks that were decoded.
    pub points_decoded: u64,
    /// Bytes of the blocks that were decoded; pages of the index are not among them.
    pub bytes_read: u64,
    /// Threads that read.
    pub threads: usize,
    /// Time spent finding the series.
    pub selecting: Duration,
    /// Time spent reading and folding, on the clock and not summed over threads.
    pub reading: Duration,
    /// Time spent in all: the rest went into grouping, filling and ordering.
    pub total: Duration,
}

impl fmt::Display for Explain {
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
