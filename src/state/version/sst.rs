//! The metadata of an SST in versions and in the manifest: it is known without opening the file.

use super::dyadic_box::DyadicBox;
use crate::state::file_id::FileId;
use crate::state::rectangle::Rectangle;

/// Entry of an SST in the manifest and in versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SstMeta {
    pub(crate) id: FileId,
    /// Length of the file in bytes.
    pub(crate) file_len: u64,
    /// CRC at the end of the footer.
    /// It covers the whole file, through the checksums that the footer and other parts store of each other.
    pub(crate) footer_crc: u32,
    pub(crate) rectangle: Rectangle,
    /// Lower bound of the seqs of the records whose points it contains.
    /// It is the smallest seq of the flushed memtable or of the inputs.
    pub(crate) min_seq: u64,
    /// Upper bound of the seqs of the records whose points it contains.
    /// Every delete up to this seq was applied when the file or its inputs were written, so a tombstone applies to the
    /// file if and only if the seq of the tombstone is greater.
    pub(crate) max_seq: u64,
    pub(crate) points: u64,
    pub(crate) blocks: u64,
    /// Number of series.
    pub(crate) series: u64,
    /// [`L0`] for files of flushes, then the tiers, then [`BASE`].
    pub(crate) level: u8,
    /// Number of the freeze or compaction that wrote the file, or the generation of the newest input
    /// after a merge in place. Of two files of a level that overlap, the one with the greater generation is newer.
    pub(crate) generation: u64,
    /// Dyadic box by which the picker groups the SST. If it does not contain the rectangle, the picker
    /// uses a box that encloses both. Splits by size narrow it, splits at gaps do not. It has no meaning in the base.
    pub(crate) partition: DyadicBox,
    /// UUID of the database that wrote a file that came with a backup; 0 for files of this database.
    pub(crate) origin: u128,
}

/// The level that flushes write.
pub(crate) const L0: u8 = 0;
/// The deepest tier. Files of one level may overlap in the levels from `L0` to this one.
pub(crate) const LAST_TIER: u8 = 6;
/// The base: no two of its files overlap in both series and time.
pub(crate) const BASE: u8 = 7;
