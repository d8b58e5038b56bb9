//! What the version knows of an SST without touching it: identity, rectangle, seqs, place in the levels.
//! The same entry stands in the manifest.

use std::ops::RangeInclusive;

use crate::series::SeriesId;

/// The number in a file's name, one sequence for WAL segments and SSTs; never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) struct FileId(u64);

impl FileId {
    pub(crate) const fn new(id: u64) -> Self {
        Self(id)
    }

    pub(crate) const fn get(self) -> u64 {
        self.0
    }

    pub(crate) const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// Series and time that a file covers, all four ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rectangle {
    pub(crate) first_series: SeriesId,
    pub(crate) last_series: SeriesId,
    pub(crate) first_time: i64,
    pub(crate) last_time: i64,
}

impl Rectangle {
    /// Whether any of these series and times could lie inside.
    pub(crate) fn meets(&self, series: SeriesId, times: &RangeInclusive<i64>) -> bool {
        self.first_series <= series
            && series <= self.last_series
            && self.first_time <= *times.end()
            && *times.start() <= self.last_time
    }
}

/// One SST as the manifest and the version name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SstMeta {
    pub(crate) id: FileId,
    /// The file's length in bytes.
    pub(crate) len: u64,
    /// The CRC that ends the footer, and with it speaks for the whole file.
    pub(crate) footer_crc: u32,
    pub(crate) rectangle: Rectangle,
    pub(crate) min_seq: u64,
    pub(crate) max_seq: u64,
    pub(crate) points: u64,
    pub(crate) blocks: u64,
    pub(crate) series: u64,
    /// 0 for what flushes wrote.
    pub(crate) level: u8,
    /// Given at install; within a level the greater one is newer.
    pub(crate) age: u64,
}
