//! What the version knows of an SST without touching it: identity, rectangle, seqs, place in the levels.
//! The same entry stands in the manifest.

use std::ops::RangeInclusive;

use super::dyadic::DyadicBox;
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
    /// Its series, both ends included.
    pub(crate) fn series(&self) -> RangeInclusive<SeriesId> {
        self.first_series..=self.last_series
    }

    /// Whether the two share any series and time.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        self.first_series <= other.last_series
            && other.first_series <= self.last_series
            && self.first_time <= other.last_time
            && other.first_time <= self.last_time
    }

    /// Whether all of the other lies inside.
    pub(crate) fn contains(&self, other: &Self) -> bool {
        self.first_series <= other.first_series
            && other.last_series <= self.last_series
            && self.first_time <= other.first_time
            && other.last_time <= self.last_time
    }

    /// The smallest rectangle that holds both.
    pub(crate) fn join(&self, other: &Self) -> Self {
        Self {
            first_series: self.first_series.min(other.first_series),
            last_series: self.last_series.max(other.last_series),
            first_time: self.first_time.min(other.first_time),
            last_time: self.last_time.max(other.last_time),
        }
    }

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
    /// The oldest record that it holds points of.
    pub(crate) min_seq: u64,
    /// Every record up to this one that could change its points has done so: those that it holds, and the deletes that
    /// were carried out when it was made. A tombstone applies to it if and only if its seq is greater.
    pub(crate) max_seq: u64,
    pub(crate) points: u64,
    pub(crate) blocks: u64,
    pub(crate) series: u64,
    /// [`L0`] for what flushes wrote, then the tiers, then [`BASE`].
    pub(crate) level: u8,
    /// Given at install; within a level the greater one is newer.
    pub(crate) age: u64,
    /// The space that the file may fill, its rectangle inside; cuts by size alone narrow it. Of the base it means nothing.
    pub(crate) space: DyadicBox,
    /// The uuid of the database that wrote it, if that is another one: of a backup's files. 0: this one.
    pub(crate) origin: u128,
}

/// What flushes write.
pub(crate) const L0: u8 = 0;
/// The deepest tier: between `L0` and it, files of one level may overlap.
pub(crate) const LAST_TIER: u8 = 6;
/// The base: no two of its files overlap in both series and time.
pub(crate) const BASE: u8 = 7;
