//! Writes one SST, series by series, and makes it durable.
//! Promises that the file is whole and durable when `finish` returns, and that nothing of it is left after an error;
//! memory grows with its index alone.
//! Must not know of memtables, levels' rules or the manifest.

use std::ops::RangeInclusive;

use uuid::Uuid;

use super::block::{BlockEncoder, points_per_block};
use super::codec::MAX_POINTS;
use super::dictionary::{DictionaryWriter, SeriesEntry};
use super::footer::{FORMAT_VERSION, Footer, Header, trailing_crc};
use super::index::{BlockEntry, IndexWriter, MAX_BLOCK_BYTES};
use super::seal::Seal;
use super::statistics::{MIN_POINTS_FOR_STATISTICS, Statistics};
use super::top::Top;
use crate::bytes::Extent;
use crate::env::{Dir, DirFile, Open, SyncStep};
use crate::error::Result;
use crate::point::ValueType;
use crate::series::SeriesId;
use crate::version::{FileId, Rectangle, SstMeta};

/// Bytes gathered before they are written: enough that a system call's cost vanishes, and few enough for a compaction
/// that writes dozens of files at once.
const BUFFER_BYTES: usize = 256 << 10;

/// An SST in the making. Dropped unfinished, it removes what it wrote.
#[derive(Debug)]
pub(crate) struct SstWriter {
    output: Output,
    uuid: Uuid,
    id: FileId,
    level: u8,
    seal: Seal,
    header_crc: u32,
    encoder: BlockEncoder,
    dictionary: DictionaryWriter,
    index: IndexWriter,
    totals: Totals,
    current: Option<Current>,
    pending: Pending,
}

/// The series that is being added.
#[derive(Debug)]
struct Current {
    id: SeriesId,
    ty: ValueType,
    points: usize,
    times: Option<(i64, i64)>,
}

/// Points of the current series that are in no block yet: at most what two blocks hold, so that the last two can be of
/// equal size.
#[derive(Debug, Default)]
struct Pending {
    timestamps: Vec<i64>,
    bits: Vec<u64>,
}

/// What the footer will say of the points.
#[derive(Debug, Default)]
struct Totals {
    rectangle: Option<Rectangle>,
    series: u64,
    blocks: u64,
    points: u64,
}

impl SstWriter {
    /// Begins a file under a temporary name.
    pub(crate) fn create(dir: &Dir, uuid: Uuid, id: FileId, level: u8) -> Result<Self> {
        let header = Header { version: FORMAT_VERSION, uuid, id }.encode();
        let mut output = Output::create(dir, &super::temporary_name(id))?;
        output.buffer.extend_from_slice(&header);
        Ok(Self {
            output,
            uuid,
            id,
            level,
            seal: Seal::new(uuid, id),
            header_crc: trailing_crc(&header),
            encoder: BlockEncoder::default(),
            dictionary: DictionaryWriter::default(),
            index: IndexWriter::default(),
            totals: Totals::default(),
            current: None,
            pending: Pending::default(),
        })
    }

    /// Adds all points of a series; one without points leaves no trace. Values are as in `Sample::to_bits`. Points of one
    /// timestamp keep their order.
    ///
    /// # Panics
    /// If ids do not ascend, timestamps descend, or there are not as many values as timestamps.
    pub(crate) fn add_series(
        &mut self,
        id: SeriesId,
        key_hash: u64,
        ty: ValueType,
        timestamps: &[i64],
        bits: &[u64],
    ) -> Result<()> {
        if timestamps.is_empty() {
            return Ok(());
        }
        self.begin_series(id, key_hash, ty);
        self.note(timestamps, bits);
        self.add_blocks(timestamps, bits)?;
        self.end_series()
    }

    /// Begins a series, whose points come by [`push`](Self::push); it has at least one.
    ///
    /// # Panics
    /// If ids do not ascend.
    pub(crate) fn begin_series(&mut self, id: SeriesId, key_hash: u64, ty: ValueType) {
        assert!(self.totals.rectangle.is_none_or(|so_far| so_far.last_series < id), "series {id} does not ascend");
        assert!(self.current.is_none(), "series {id} begins inside another");
        self.dictionary.push(SeriesEntry { id, key_hash, ty });
        self.current = Some(Current { id, ty, points: 0, times: None });
    }

    /// Adds points of the series that was begun, in time order, behind those before.
    ///
    /// # Panics
    /// If none was begun, timestamps descend, or there are not as many values as timestamps.
    pub(crate) fn push(&mut self, timestamps: &[i64], bits: &[u64]) -> Result<()> {
        self.note(timestamps, bits);
        self.pending.timestamps.extend_from_slice(timestamps);
        self.pending.bits.extend_from_slice(bits);
        let full = (self.pending.timestamps.len() / MAX_POINTS).saturating_sub(1) * MAX_POINTS;
        if full > 0 {
            self.add_pending(full, MAX_POINTS)?;
        }
        Ok(())
    }

    /// Ends the series that was begun.
    pub(crate) fn end_series(&mut self) -> Result<()> {
        let rest = self.pending.timestamps.len();
        if rest > 0 {
            self.add_pending(rest, points_per_block(rest))?;
        }
        if let Some(Current { id, points, times: Some((first_time, last_time)), .. }) = self.current.take() {
            let added = Rectangle { first_series: id, last_series: id, first_time, last_time };
            self.totals.add_series(added, points);
        }
        Ok(())
    }

    fn note(&mut self, timestamps: &[i64], bits: &[u64]) {
        assert_eq!(timestamps.len(), bits.len(), "a value for each timestamp");
        let Some(current) = &mut self.current else { panic!("points of no series") };
        let (Some(&first), Some(&last)) = (timestamps.first(), timestamps.last()) else { return };
        let follows = current.times.is_none_or(|(_, newest)| newest <= first);
        assert!(follows && timestamps.is_sorted(), "timestamps of series {} descend", current.id);
        current.times = Some((current.times.map_or(first, |(earliest, _)| earliest), last));
        current.points += timestamps.len();
    }

    /// Adds the first `count` of the points that wait, as blocks of so many each.
    fn add_pending(&mut self, count: usize, points: usize) -> Result<()> {
        let Pending { timestamps, bits } = std::mem::take(&mut self.pending);
        for (timestamps, bits) in timestamps[..count].chunks(points).zip(bits[..count].chunks(points)) {
            self.add_block(timestamps, bits)?;
        }
        self.pending = Pending { timestamps, bits };
        self.pending.timestamps.drain(..count);
        self.pending.bits.drain(..count);
        Ok(())
    }

    fn add_blocks(&mut self, timestamps: &[i64], bits: &[u64]) -> Result<()> {
        let points = points_per_block(timestamps.len());
        let mut blocks = timestamps.chunks(points).zip(bits.chunks(points));
        blocks.try_for_each(|(timestamps, bits)| self.add_block(timestamps, bits))
    }


    fn add_block(&mut self, timestamps: &[i64], bits: &[u64]) -> Result<()> {
        let Some(Current { id: series, ty, .. }) = self.current else { panic!("a block of no series") };
        assert!(!bits.is_empty() && bits.len() <= MAX_POINTS, "a block of {} points", bits.len());
        let offset = self.output.position();
        let start = self.output.buffer.len();
        self.encoder.encode(ty, timestamps, bits, &mut self.output.buffer);
        self.seal.close(offset, &mut self.output.buffer, start);
        let bytes = self.output.buffer.len() - start;
        assert!(bytes <= MAX_BLOCK_BYTES, "a block of {bytes} bytes");
        #[expect(clippy::cast_possible_truncation, reason = "both are bounded by the assertions above")]
        let (count, len) = (bits.len() as u32, bytes as u32);
        let statistics = (bits.len() >= MIN_POINTS_FOR_STATISTICS).then(|| Statistics::of(ty, bits));
        let (first_time, last_time) = (timestamps[0], timestamps[timestamps.len() - 1]);
        self.index.push(&BlockEntry { series, ty, count, first_time, last_time, offset, len, statistics });
        self.totals.blocks += 1;
        self.output.write_if_full()
    }

    /// Writes what follows the blocks, makes the file durable, and gives it its name.
    ///
    /// # Panics
    /// If no point was added.
    pub(crate) fn finish(mut self, seqs: RangeInclusive<u64>, age: u64) -> Result<SstMeta> {
        let header_end = Header::LEN as u64;
        let blocks = Extent { offset: header_end, len: self.output.position() - header_end };
        let (dictionary_pages, index_pages) = (self.dictionary.finish(), self.index.finish());
        let dictionary = self.output.part(|offset| dictionary_pages.sealed(&self.seal, offset))?;
        let index = self.output.part(|offset| index_pages.sealed(&self.seal, offset))?;
        let top_page = Top::encode(&index_pages, &dictionary_pages);
        let top_crc = self.seal.crc(index.end(), &top_page);
        let top = self.output.part(|_| std::iter::once(top_page))?;
        let Some(rectangle) = self.totals.rectangle else { panic!("an SST holds at least one point") };
        let footer = Footer {
            blocks,
            dictionary,
            index,
            top,
            rectangle,
            min_seq: *seqs.start(),
            max_seq: *seqs.end(),
            points: self.totals.points,
            block_count: self.totals.blocks,
            series: self.totals.series,
            header_crc: self.header_crc,
            top_crc,
            level: self.level,
            uuid: self.uuid,
            id: self.id,
        };
        let bytes = footer.encode();
        self.output.buffer.extend_from_slice(&bytes);
        self.output.publish(&super::file_name(self.id))?;
        Ok(SstMeta { age, ..footer.meta(trailing_crc(&bytes)) })
    }
}

impl Totals {
    fn add_series(&mut self, added: Rectangle, points: usize) {
        let so_far = self.rectangle.unwrap_or(added);
        self.rectangle = Some(Rectangle {
            first_series: so_far.first_series,
            last_series: added.last_series,
            first_time: so_far.first_time.min(added.first_time),
            last_time: so_far.last_time.max(added.last_time),
        });
        self.series += 1;
        self.points += points as u64;
    }
}

/// A file that is written from its begin to its end, and removed unless it is published.
#[derive(Debug)]
struct Output {
    file: DirFile,
    dir: Dir,
    /// The name to remove; none once the file is to stay.
    name: Option<String>,
    buffer: Vec<u8>,
    /// Bytes of the file before the buffer.
    written: u64,
}

impl Output {
    fn create(dir: &Dir, name: &str) -> Result<Self> {
        let file = dir.open(name, Open::Create)?;
        // Room for the block that fills it, so that it never grows.
        let buffer = Vec::with_capacity(BUFFER_BYTES + MAX_BLOCK_BYTES);
        Ok(Self { file, dir: dir.clone(), name: Some(name.to_owned()), buffer, written: 0 })
    }

    /// Where the next byte will stand.
    fn position(&self) -> u64 {
        self.written + self.buffer.len() as u64
    }

    fn write_if_full(&mut self) -> Result<()> {
        if self.buffer.len() < BUFFER_BYTES { Ok(()) } else { self.write() }
    }

    fn write(&mut self) -> Result<()> {
        self.file.write_at(self.written, &self.buffer)?;
        self.written = self.position();
        self.buffer.clear();
        Ok(())
    }

    /// Appends a part, given piece by piece by what the part's offset begets.
    fn part<Pieces: Iterator<Item = Vec<u8>>>(&mut self, pieces: impl FnOnce(u64) -> Pieces) -> Result<Extent> {
        let offset = self.position();
        for piece in pieces(offset) {
            self.buffer.extend_from_slice(&piece);
            self.write_if_full()?;
        }
        Ok(Extent { offset, len: self.position() - offset })
    }

    /// Makes the file durable under its name.
    fn publish(mut self, name: &str) -> Result<()> {
        self.write()?;
        // Survives power loss after the rename, which would else leave a whole name over half a file.
        self.file.sync(SyncStep::Sst)?;
        // A process killed before this leaves a temporary name only, which recovery deletes unread.
        if let Some(temporary) = &self.name {
            self.dir.rename(temporary, name)?;
            self.name = Some(name.to_owned());
        }
        // Survives power loss after the manifest's edit, which must not outlive the name it names.
        self.dir.sync(SyncStep::SstDirectory)?;
        self.name = None;
        Ok(())
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if let Some(name) = &self.name
            && let Err(error) = self.dir.remove(name)
        {
            // Recovery removes it: no edit names it.
            tracing::warn!(%error, "an unfinished SST stays until the database is opened again");
        }
    }
}
