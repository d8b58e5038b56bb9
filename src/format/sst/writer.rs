//! Writer of one SST.
//!
//! The caller adds series in ascending order of ids, and the points of each series in time order, in pieces of any
//! length.
//!
//! Blocks are full, except that the last two blocks of a series share their points equally (to within one point), so
//! that a series of more than one block has no tiny block. For that, the writer holds back up to two blocks of points:
//!
//! ```text
//!  pushed:   |<-- full block -->|<-- full block -->|<------ held back: at most 2 blocks ------>|
//!                 written             written            at end_series: cut in equal halves
//!                                                        if it is more than one block
//! ```
//!
//! A series of at most 127 points becomes a run of a packed block, which ends when it is full or a longer series follows.
//!
//! `finish` appends dictionary, index, top page and footer, syncs the file, and renames it.
//!
//! Invariants:
//! - The file is complete and durable when `finish` returns. Its directory entry is not: see
//!   [`persist_ssts`](super::persist_ssts).
//! - If `finish` fails, or the writer is dropped before it, the file is removed.
//! - Memory is bounded by two blocks of points, a packed block, the buffers of the encoder and the write buffer, plus the
//!   index and the dictionary, which grow with the file.

use std::ops::RangeInclusive;

use uuid::Uuid;

use super::block::BlockEncoder;
use super::checksum::PartChecksum;
use super::codec::MAX_BLOCK_POINTS;
use super::dictionary::{DictionaryEntry, DictionaryKey, DictionaryWriter, stores_full_keys};
use super::file_writer::{PendingSst, SstFileWriter};
use super::header_footer::{SST_FORMAT_VERSION, SstFooter, SstHeader, trailing_crc};
use super::index::IndexWriter;
use super::index_entry::{BlockEntry, MAX_BLOCK_BYTES, PackedExtent};
use super::packed_block::{MAX_PACKED_BLOCK_BYTES, MAX_RUN_POINTS, PackedBlockEncoder};
use super::statistics::{BlockStatistics, BlockTimes, MIN_POINTS_FOR_STATISTICS};
use super::top_page::TopPage;
use crate::format::bytes::Extent;
use crate::platform::env::Dir;
use crate::state::file_id::FileId;
use crate::state::rectangle::Rectangle;
use crate::state::version::{BASE, SstMeta};
use crate::types::error::Result;
use crate::types::point::ValueType;
use crate::types::series::SeriesId;
use crate::types::time_range::TimeRange;

/// Writer of one SST. If the writer is dropped before [`finish`](Self::finish), the file is removed.
#[derive(Debug)]
pub(crate) struct SstWriter {
    output: SstFileWriter,
    uuid: Uuid,
    id: FileId,
    level: u8,
    checksum: PartChecksum,
    header_crc: u32,
    encoder: BlockEncoder,
    packed: PackedBlockEncoder,
    /// Entries of the runs of the current packed block, whose offsets are relative to the end of its header.
    packed_entries: Vec<BlockEntry>,
    dictionary: DictionaryWriter,
    index: IndexWriter,
    /// `None` between two series.
    series: Option<OpenSeries>,
    held: HeldPoints,
    /// Last time of the block before in the same series.
    last_block_end: Option<i64>,
    totals: SstTotals,
}

/// The series whose points are being added.
#[derive(Debug)]
struct OpenSeries {
    entry: DictionaryEntry,
    /// First and last time so far; `None` before the first point.
    times: Option<TimeRange>,
    point_count: u64,
}

/// The last points of the open series, held back until more points follow or the series ends.
#[derive(Debug, Default)]
struct HeldPoints {
    timestamps: Vec<i64>,
    bits: Vec<u64>,
}

/// Totals of the blocks written so far, for the footer.
#[derive(Debug, Default)]
struct SstTotals {
    /// `None` before the first series ends.
    rectangle: Option<Rectangle>,
    series_count: u64,
    block_count: u64,
    point_count: u64,
}

impl SstWriter {
    /// Creates the file under its temporary name, which must not exist. Files of the base use the dense encoders.
    pub(crate) fn create(dir: &Dir, uuid: Uuid, id: FileId, level: u8) -> Result<Self> {
        let header = SstHeader { version: SST_FORMAT_VERSION, uuid, id }.encode();
        let mut output = SstFileWriter::create(dir, &super::sst_temp_name(id))?;
        output.buffer.extend_from_slice(&header);
        Ok(Self {
            output,
            uuid,
            id,
            level,
            checksum: PartChecksum::new(uuid, id),
            header_crc: trailing_crc(&header),
            encoder: if level == BASE { BlockEncoder::dense() } else { BlockEncoder::default() },
            packed: PackedBlockEncoder::default(),
            packed_entries: Vec::new(),
            dictionary: DictionaryWriter::default(),
            index: IndexWriter::default(),
            series: None,
            held: HeldPoints::default(),
            last_block_end: None,
            totals: SstTotals::default(),
        })
    }

    /// Sets the size of the write buffer in bytes, clamped to the bounds of the file writer.
    pub(crate) fn with_buffer_bytes(mut self, bytes: usize) -> Self {
        self.output.set_buffer_bytes(bytes);
        self
    }

    /// Adds a series with all of its points to a file of level 0: see [`push`](Self::push).
    #[cfg(test)]
    pub(crate) fn add_series(
        &mut self,
        id: SeriesId,
        key_hash: u16,
        ty: ValueType,
        timestamps: &[i64],
        bits: &[u64],
    ) -> Result<()> {
        self.begin_series(DictionaryEntry { id, ty, key: DictionaryKey::Hash(key_hash) });
        self.push(timestamps, bits)?;
        self.end_series()
    }

    /// Begins a series. A series that gets no points is omitted from the file.
    ///
    /// # Panics
    /// If ids do not ascend, the previous series has not ended, or the key is not of the kind that the level stores.
    pub(crate) fn begin_series(&mut self, entry: DictionaryEntry) {
        let id = entry.id;
        assert!(self.series.is_none(), "series {id} begins inside another");
        let has_full_key = matches!(entry.key, DictionaryKey::Key(..));
        assert!(
            has_full_key == stores_full_keys(self.level),
            "the key of series {id} is not of the kind that the level stores"
        );
        assert!(self.totals.rectangle.is_none_or(|so_far| so_far.last_series < id), "series {id} does not ascend");
        self.series = Some(OpenSeries { entry, times: None, point_count: 0 });
        self.last_block_end = None;
    }

    /// Adds the next points of the open series. Values are encoded as in `Scalar::to_bits`. Points with equal
    /// timestamps keep their order.
    ///
    /// # Panics
    /// If no series is open, a timestamp is smaller than the one before it, or the numbers of timestamps and values
    /// differ.
    pub(crate) fn push(&mut self, timestamps: &[i64], bits: &[u64]) -> Result<()> {
        assert_eq!(timestamps.len(), bits.len(), "the numbers of timestamps and values differ");
        let Some(series) = &mut self.series else { panic!("no series is open") };
        let (DictionaryEntry { id, ty, .. }, before) = (&series.entry, series.times);
        let (id, ty) = (*id, *ty);
        let (Some(&first), Some(&last)) = (timestamps.first(), timestamps.last()) else {
            return Ok(());
        };
        let ascends = before.is_none_or(|before| before.last() <= first) && timestamps.is_sorted();
        assert!(ascends, "timestamps of series {id} descend");
        series.times = Some(TimeRange::new(before.map_or(first, TimeRange::first), last));
        series.point_count += timestamps.len() as u64;
        let mut from = 0;
        while self.held.timestamps.len() + timestamps.len() - from > 2 * MAX_BLOCK_POINTS {
            if self.held.timestamps.is_empty() {
                let block = from..from + MAX_BLOCK_POINTS;
                let after = timestamps.get(block.end).copied();
                self.add_block((id, ty), &timestamps[block.clone()], &bits[block], after)?;
                from += MAX_BLOCK_POINTS;
            } else {
                let more = MAX_BLOCK_POINTS.saturating_sub(self.held.timestamps.len());
                self.held.timestamps.extend_from_slice(&timestamps[from..from + more]);
                self.held.bits.extend_from_slice(&bits[from..from + more]);
                from += more;
                self.write_held_block(id, ty, MAX_BLOCK_POINTS, timestamps.get(from).copied())?;
            }
        }
        self.held.timestamps.extend_from_slice(&timestamps[from..]);
        self.held.bits.extend_from_slice(&bits[from..]);
        Ok(())
    }

    /// Ends the open series: writes the points that are held back, and adds the series to the dictionary.
    ///
    /// # Panics
    /// If no series is open.
    pub(crate) fn end_series(&mut self) -> Result<()> {
        let Some(OpenSeries { entry, times, point_count }) = self.series.take() else { panic!("no series is open") };
        let Some(times) = times else { return Ok(()) };
        let DictionaryEntry { id, ty, .. } = entry;
        self.dictionary.push(&entry);
        let held = self.held.timestamps.len();
        if point_count <= MAX_RUN_POINTS as u64 {
            self.add_run(id, ty)?;
            self.totals.add_series(Rectangle::of_series(id, times), point_count);
            return Ok(());
        }
        if held > MAX_BLOCK_POINTS {
            self.write_held_block(id, ty, held.div_ceil(2), None)?;
        }
        self.write_held_block(id, ty, self.held.timestamps.len(), None)?;
        if point_count > MAX_BLOCK_POINTS as u64 / 2 {
            // Frees the large buffers of a long series: many writers may be open at once, and only one of them has an
            // open series.
            self.held = HeldPoints::default();
            self.encoder.release_buffers();
        }
        self.totals.add_series(Rectangle::of_series(id, times), point_count);
        Ok(())
    }

    /// Writes a block of the first `points` points that are held back. `after` is the time behind all of them.
    fn write_held_block(&mut self, series: SeriesId, ty: ValueType, points: usize, after: Option<i64>) -> Result<()> {
        let mut held = std::mem::take(&mut self.held);
        let after = held.timestamps.get(points).copied().or(after);
        let written = self.add_block((series, ty), &held.timestamps[..points], &held.bits[..points], after);
        held.timestamps.drain(..points);
        held.bits.drain(..points);
        self.held = held;
        written
    }

    /// Encodes a block into the write buffer, adds its index entry, and writes the buffer if it is full.
    ///
    /// `after` is the time of the next point of the series.
    fn add_block(
        &mut self,
        (series, ty): (SeriesId, ValueType),
        timestamps: &[i64],
        bits: &[u64],
        after: Option<i64>,
    ) -> Result<()> {
        assert!(
            !bits.is_empty() && bits.len() <= MAX_BLOCK_POINTS,
            "a block of {} points is out of bounds",
            bits.len()
        );
        self.end_packed_block();
        let offset = self.output.position();
        let start = self.output.buffer.len();
        self.encoder.encode(ty, timestamps, bits, &mut self.output.buffer);
        self.checksum.append(offset, &mut self.output.buffer, start);
        let bytes = self.output.buffer.len() - start;
        assert!(bytes <= MAX_BLOCK_BYTES, "a block of {bytes} bytes is too long");
        #[expect(clippy::cast_possible_truncation, reason = "both are bounded by the assertions above")]
        let (count, len) = (bits.len() as u32, bytes as u32);
        let times = BlockTimes { before: self.last_block_end, timestamps, after };
        let statistics = (bits.len() >= MIN_POINTS_FOR_STATISTICS).then(|| BlockStatistics::of(ty, times, bits));
        self.last_block_end = timestamps.last().copied();
        let (first_time, last_time) = (timestamps[0], timestamps[timestamps.len() - 1]);
        let packed = None;
        self.index.push(&BlockEntry { series, ty, count, first_time, last_time, offset, len, packed, statistics });
        self.totals.block_count += 1;
        self.output.write_if_full()
    }

    /// Adds the points that are held back, which are all points of their series, as a run to the packed block.
    fn add_run(&mut self, series: SeriesId, ty: ValueType) -> Result<()> {
        let HeldPoints { timestamps, bits } = &self.held;
        let run = self.packed.push(ty, timestamps, bits);
        let times = BlockTimes { before: None, timestamps, after: None };
        let statistics = (bits.len() >= MIN_POINTS_FOR_STATISTICS).then(|| BlockStatistics::of(ty, times, bits));
        #[expect(clippy::cast_possible_truncation, reason = "both are bounded by those of a packed block")]
        let (count, len) = (bits.len() as u32, run.len() as u32);
        let (first_time, last_time) = (timestamps[0], timestamps[timestamps.len() - 1]);
        let (offset, packed) = (run.start as u64, None);
        self.packed_entries.push(BlockEntry {
            series,
            ty,
            count,
            first_time,
            last_time,
            offset,
            len,
            packed,
            statistics,
        });
        self.totals.block_count += 1;
        self.held.timestamps.clear();
        self.held.bits.clear();
        if !self.packed.is_full() {
            return Ok(());
        }
        self.end_packed_block();
        self.output.write_if_full()
    }

    /// Appends the packed block to the write buffer, and the entries of its runs to the index.
    fn end_packed_block(&mut self) {
        if self.packed_entries.is_empty() {
            return;
        }
        let offset = self.output.position();
        let start = self.output.buffer.len();
        let header = self.packed.finish(&mut self.output.buffer);
        self.checksum.append(offset, &mut self.output.buffer, start);
        let bytes = self.output.buffer.len() - start;
        assert!(bytes <= MAX_PACKED_BLOCK_BYTES, "a packed block of {bytes} bytes is too long");
        #[expect(clippy::cast_possible_truncation, reason = "bounded by the assertion above")]
        let packed = PackedExtent { offset, len: bytes as u32 };
        let runs = offset + header as u64;
        for entry in self.packed_entries.drain(..) {
            self.index.push(&BlockEntry { offset: runs + entry.offset, packed: Some(packed), ..entry });
        }
    }

    /// Writes the parts behind the blocks, syncs the file, and renames it to its final name.
    ///
    /// `seqs` is the range from `min_seq` to `max_seq` of [`SstMeta`]; `generation` is the number of the freeze or
    /// compaction that writes the file. The directory entry is not durable yet: see
    /// [`persist_ssts`](super::persist_ssts).
    ///
    /// # Panics
    /// If a series is still open, or no point was added.
    pub(crate) fn finish(mut self, seqs: RangeInclusive<u64>, generation: u64) -> Result<PendingSst> {
        assert!(self.series.is_none(), "a series is still open");
        self.end_packed_block();
        let header_end = SstHeader::LEN as u64;
        let blocks = Extent { offset: header_end, len: self.output.position() - header_end };
        let (dictionary_pages, index_pages) = (self.dictionary.finish(), self.index.finish());
        let dictionary = self.output.write_part(|offset| dictionary_pages.with_checksums(&self.checksum, offset))?;
        let index = self.output.write_part(|offset| index_pages.with_checksums(&self.checksum, offset))?;
        let top_page_bytes = TopPage::encode(&index_pages, &dictionary_pages);
        let top_page_crc = self.checksum.compute(index.end(), &top_page_bytes);
        let top_page = self.output.write_part(|_| std::iter::once(top_page_bytes))?;
        let Some(rectangle) = self.totals.rectangle else { panic!("an SST holds at least one point") };
        let footer = SstFooter {
            blocks,
            dictionary,
            index,
            top_page,
            rectangle,
            min_seq: *seqs.start(),
            max_seq: *seqs.end(),
            point_count: self.totals.point_count,
            block_count: self.totals.block_count,
            series_count: self.totals.series_count,
            header_crc: self.header_crc,
            top_page_crc,
            level: self.level,
            uuid: self.uuid,
            id: self.id,
        };
        let bytes = footer.encode();
        self.output.buffer.extend_from_slice(&bytes);
        self.output.sync_and_rename(SstMeta { generation, ..footer.meta(trailing_crc(&bytes)) })
    }
}

impl SstTotals {
    fn add_series(&mut self, added: Rectangle, point_count: u64) {
        let so_far = self.rectangle.unwrap_or(added);
        self.rectangle = Some(Rectangle {
            first_series: so_far.first_series,
            last_series: added.last_series,
            times: so_far.times.union(added.times),
        });
        self.series_count += 1;
        self.point_count += point_count;
    }
}
