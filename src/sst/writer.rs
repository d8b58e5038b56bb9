//! Writes one SST, series by series and each column by column, and makes it durable.
//! Promises that the file is whole when `finish` returns, and that nothing of it is left after an error; it holds back two
//! blocks of points and the bytes not yet written, and else grows with its index and its series alone.
//! Must not know of memtables, levels' rules or the manifest.

use std::ops::RangeInclusive;

use uuid::Uuid;

use super::block::BlockEncoder;
use super::codec::MAX_POINTS;
use super::dictionary::{DictionaryWriter, SeriesEntry, SeriesName, carries_keys};
use super::footer::{FORMAT_VERSION, Footer, Header, trailing_crc};
use super::index::{BlockEntry, IndexWriter, MAX_BLOCK_BYTES};
use super::output::{NamedSst, Output};
use super::seal::Seal;
use super::statistics::{MIN_POINTS_FOR_STATISTICS, Statistics};
use super::top::Top;
use crate::bytes::Extent;
use crate::env::Dir;
use crate::error::Result;
use crate::point::ValueType;
use crate::series::SeriesId;
use crate::version::{BASE, FileId, Rectangle, SstMeta};

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
    series: Option<Begun>,
    held: Held,
    totals: Totals,
}

/// The series whose points are coming.
#[derive(Debug)]
struct Begun {
    entry: SeriesEntry,
    /// First and last time so far; `None` before the first point.
    times: Option<(i64, i64)>,
    points: u64,
}

/// The last points of a series, held back so that its last two blocks can be cut evenly: none is then tiny.
#[derive(Debug, Default)]
struct Held {
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
            encoder: if level == BASE { BlockEncoder::dense() } else { BlockEncoder::default() },
            dictionary: DictionaryWriter::default(),
            index: IndexWriter::default(),
            series: None,
            held: Held::default(),
            totals: Totals::default(),
        })
    }

    /// The same writer, gathering so many bytes before it writes, as far as that makes sense.
    pub(crate) fn gathering(mut self, bytes: usize) -> Self {
        self.output.write_after(bytes);
        self
    }

    /// Adds all points of a series to a file of level 0: see [`push`](Self::push).
    #[cfg(test)]
    pub(crate) fn add_series(
        &mut self,
        id: SeriesId,
        key_hash: u64,
        ty: ValueType,
        timestamps: &[i64],
        bits: &[u64],
    ) -> Result<()> {
        self.begin_series(SeriesEntry { id, ty, name: SeriesName::Hash(key_hash) });
        self.push(timestamps, bits)?;
        self.end_series()
    }

    /// Begins a series; one that gets no points leaves no trace.
    ///
    /// # Panics
    /// If ids do not ascend, the series before has not ended, or the name is not of the level's kind.
    pub(crate) fn begin_series(&mut self, entry: SeriesEntry) {
        let id = entry.id;
        assert!(self.series.is_none(), "series {id} begins inside another");
        let is_whole = matches!(entry.name, SeriesName::Key(..));
        assert!(is_whole == carries_keys(self.level), "series {id} is named as in another level");
        assert!(self.totals.rectangle.is_none_or(|so_far| so_far.last_series < id), "series {id} does not ascend");
        self.series = Some(Begun { entry, times: None, points: 0 });
    }

    /// Adds the next points of the series that has begun. Values are as in `Sample::to_bits`. Points of one timestamp keep
    /// their order.
    ///
    /// # Panics
    /// If no series has begun, timestamps descend, or there are not as many values as timestamps.
    pub(crate) fn push(&mut self, timestamps: &[i64], bits: &[u64]) -> Result<()> {
        assert_eq!(timestamps.len(), bits.len(), "a value for each timestamp");
        let Some(series) = &mut self.series else { panic!("points of no series") };
        let (SeriesEntry { id, ty, .. }, before) = (&series.entry, series.times);
        let (id, ty) = (*id, *ty);
        let (Some(&first), Some(&last)) = (timestamps.first(), timestamps.last()) else {
            return Ok(());
        };
        let ascends = before.is_none_or(|(_, newest)| newest <= first) && timestamps.is_sorted();
        assert!(ascends, "timestamps of series {id} descend");
        series.times = Some((before.map_or(first, |(first, _)| first), last));
        series.points += timestamps.len() as u64;
        let mut from = 0;
        while self.held.timestamps.len() + timestamps.len() - from > 2 * MAX_POINTS {
            if self.held.timestamps.is_empty() {
                let block = from..from + MAX_POINTS;
                self.add_block(id, ty, &timestamps[block.clone()], &bits[block])?;
                from += MAX_POINTS;
            } else {
                let more = MAX_POINTS.saturating_sub(self.held.timestamps.len());
                self.held.timestamps.extend_from_slice(&timestamps[from..from + more]);
                self.held.bits.extend_from_slice(&bits[from..from + more]);
                from += more;
                self.add_held_block(id, ty, MAX_POINTS)?;
            }
        }
        self.held.timestamps.extend_from_slice(&timestamps[from..]);
        self.held.bits.extend_from_slice(&bits[from..]);
        Ok(())
    }

    /// Ends the series that has begun.
    ///
    /// # Panics
    /// If none has.
    pub(crate) fn end_series(&mut self) -> Result<()> {
        let Some(Begun { entry, times, points }) = self.series.take() else { panic!("no series to end") };
        let Some((first_time, last_time)) = times else { return Ok(()) };
        let SeriesEntry { id, ty, .. } = entry;
        self.dictionary.push(&entry);
        let left = self.held.timestamps.len();
        if left > MAX_POINTS {
            self.add_held_block(id, ty, left.div_ceil(2))?;
        }
        self.add_held_block(id, ty, self.held.timestamps.len())?;
        if points > MAX_POINTS as u64 / 2 {
            // What a long series needed: of many writers at work at once, one is inside a series.
            self.held = Held::default();
            self.encoder.shrink();
        }
        self.totals.add_series(Rectangle { first_series: id, last_series: id, first_time, last_time }, points);
        Ok(())
    }

    /// A block of the first points held back.
    fn add_held_block(&mut self, series: SeriesId, ty: ValueType, points: usize) -> Result<()> {
        let mut held = std::mem::take(&mut self.held);
        let added = self.add_block(series, ty, &held.timestamps[..points], &held.bits[..points]);
        held.timestamps.drain(..points);
        held.bits.drain(..points);
        self.held = held;
        added
    }

    fn add_block(&mut self, series: SeriesId, ty: ValueType, timestamps: &[i64], bits: &[u64]) -> Result<()> {
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

    /// Writes what follows the blocks, makes the bytes durable, and gives the file its name, which is not durable yet:
    /// see [`keep_all`](super::keep_all).
    ///
    /// # Panics
    /// If no point was added, or a series has begun and not ended.
    pub(crate) fn finish(mut self, seqs: RangeInclusive<u64>, age: u64) -> Result<NamedSst> {
        assert!(self.series.is_none(), "a series has not ended");
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
        self.output.name_file(SstMeta { age, ..footer.meta(trailing_crc(&bytes)) })
    }
}

impl Totals {
    fn add_series(&mut self, added: Rectangle, points: u64) {
        let so_far = self.rectangle.unwrap_or(added);
        self.rectangle = Some(Rectangle {
            first_series: so_far.first_series,
            last_series: added.last_series,
            first_time: so_far.first_time.min(added.first_time),
            last_time: so_far.last_time.max(added.last_time),
        });
        self.series += 1;
        self.points += points;
    }
}
