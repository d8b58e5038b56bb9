//! The block index: an entry a block, in pages that can each be decoded alone, with a way into their middle.
//! Promises that entries of a decoded page ascend by series and time and adjoin in the file.
//! Must not read files, nor know how pages are found or kept.

use super::codec::MAX_POINTS;
use super::seal::SEAL_LEN;
use super::statistics::Statistics;
use super::top::{PAGE_BYTES, PageKey, Pages};
use crate::bytes::{Flaw, Reader, put_varint, put_zigzag};
use crate::point::ValueType;
use crate::series::SeriesId;

/// What is known of a block without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BlockEntry {
    pub(crate) series: SeriesId,
    pub(crate) ty: ValueType,
    /// Points in the block, 1 to 8,192.
    pub(crate) count: u32,
    pub(crate) first_time: i64,
    pub(crate) last_time: i64,
    /// Where the block begins in the file.
    pub(crate) offset: u64,
    /// With its checksum.
    pub(crate) len: u32,
    /// Absent from small blocks.
    pub(crate) statistics: Option<Statistics>,
}

impl BlockEntry {
    pub(super) fn key(&self) -> PageKey {
        PageKey { series: self.series, time: self.first_time }
    }

    pub(super) fn end(&self) -> u64 {
        self.offset.saturating_add(u64::from(self.len))
    }
}

/// Entries between two places where coding starts afresh, so that a search can begin there. At 16 the fresh starts
/// cost about a byte an entry, and a search decodes a dozen entries instead of a thousand.
const RESTART_EVERY: usize = 16;

/// A block is never longer: both columns raw, with room for what codecs and block add.
pub(super) const MAX_BLOCK_BYTES: usize = 2 * size_of::<u64>() * MAX_POINTS + 256;

/// Tag 1, series 5, count 3, length 5, two times of 10, offset 10, and statistics of 1 x 10 + 3 x 10 + 19.
const MAX_ENTRY_BYTES: usize = 103;

const TYPE_BITS: u8 = 0b0111;
const HAS_STATISTICS: u8 = 0b1000;
const HAS_NAN: u8 = 0b1_0000;

/// What the next entry is coded against; at a fresh start all zero.
#[derive(Debug, Clone, Copy, Default)]
struct Previous {
    series: u32,
    first_time: i64,
    last_time: i64,
    end: u64,
}

impl Previous {
    fn of(entry: &BlockEntry) -> Self {
        let BlockEntry { series, first_time, last_time, .. } = *entry;
        Self { series: series.get(), first_time, last_time, end: entry.end() }
    }

    /// A block of the same series begins near its predecessor's end, one of another series near its begin.
    fn time(&self, same_series: bool) -> i64 {
        if same_series { self.last_time } else { self.first_time }
    }

    /// Blocks that were cut alike last equally long.
    fn span(&self) -> i64 {
        self.last_time.wrapping_sub(self.first_time)
    }
}

fn encode_entry(entry: &BlockEntry, previous: Previous, fresh: bool, out: &mut Vec<u8>) {
    let statistics = entry.statistics.as_ref();
    let mut tag = entry.ty as u8;
    tag |= statistics.map_or(0, |statistics| HAS_STATISTICS | if statistics.has_nan { HAS_NAN } else { 0 });
    out.push(tag);
    let step = entry.series.get() - previous.series;
    put_varint(out, u64::from(step));
    put_varint(out, u64::from(entry.count));
    put_varint(out, u64::from(entry.len));
    put_zigzag(out, entry.first_time.wrapping_sub(previous.time(step == 0)));
    put_zigzag(out, entry.last_time.wrapping_sub(entry.first_time).wrapping_sub(previous.span()));
    if fresh {
        put_varint(out, entry.offset);
    }
    if let Some(statistics) = statistics {
        statistics.encode(entry.ty, out);
    }
}

fn decode_entry(reader: &mut Reader<'_>, previous: Previous, fresh: bool) -> Result<BlockEntry, Flaw> {
    let tag = reader.u8()?;
    let ty = ValueType::from_code(tag & TYPE_BITS).ok_or(Flaw("a block's value type is unknown"))?;
    let has_nan = tag & HAS_NAN != 0;
    if tag > TYPE_BITS | HAS_STATISTICS | HAS_NAN || has_nan && (tag & HAS_STATISTICS == 0 || ty != ValueType::F64) {
        return Err(Flaw("a block's tag is unknown"));
    }
    let step = reader.varint_u32()?;
    let series = previous.series.checked_add(step).ok_or(Flaw("a block's series id overflows"))?;
    let (count, len) = (reader.varint_u32()?, reader.varint_u32()?);
    if count == 0 || count as usize > MAX_POINTS {
        return Err(Flaw("a block's count is out of bounds"));
    }
    if len as usize <= SEAL_LEN || len as usize > MAX_BLOCK_BYTES {
        return Err(Flaw("a block's length is out of bounds"));
    }
    let first_time = previous.time(step == 0).wrapping_add(reader.zigzag()?);
    let last_time = first_time.wrapping_add(previous.span()).wrapping_add(reader.zigzag()?);
    if last_time < first_time {
        return Err(Flaw("a block ends before it begins"));
    }
    let offset = if fresh { reader.varint()? } else { previous.end };
    let statistics = if tag & HAS_STATISTICS == 0 { None } else { Some(Statistics::decode(ty, has_nan, reader)?) };
    let series = SeriesId::new(series);
    Ok(BlockEntry { series, ty, count, first_time, last_time, offset, len, statistics })
}

#[derive(Debug, Default)]
pub(super) struct IndexWriter {
    pages: Pages,
    page: Vec<u8>,
    first: Option<PageKey>,
    /// Where in the page coding starts afresh.
    restarts: Vec<u8>,
    entries: usize,
    previous: Previous,
}

impl IndexWriter {
    pub(super) fn push(&mut self, entry: &BlockEntry) {
        let page_len = self.page.len() + self.restarts.len() + size_of::<u16>() + SEAL_LEN;
        if page_len + MAX_ENTRY_BYTES + size_of::<u16>() > PAGE_BYTES {
            self.end_page();
        }
        self.first.get_or_insert(entry.key());
        let fresh = self.entries.is_multiple_of(RESTART_EVERY);
        if fresh {
            self.restarts.extend_from_slice(&page_u16(self.page.len()).to_le_bytes());
            self.previous = Previous::default();
        }
        encode_entry(entry, self.previous, fresh, &mut self.page);
        self.previous = Previous::of(entry);
        self.entries += 1;
    }

    fn end_page(&mut self) {
        if let Some(first) = self.first.take() {
            let restarts = page_u16(self.restarts.len() / size_of::<u16>());
            self.page.append(&mut self.restarts);
            self.page.extend_from_slice(&restarts.to_le_bytes());
            self.pages.push(first, &self.page);
            self.page.clear();
            self.entries = 0;
        }
    }

    pub(super) fn finish(mut self) -> Pages {
        self.end_page();
        self.pages
    }
}

/// A number below [`PAGE_BYTES`].
#[expect(clippy::cast_possible_truncation, reason = "asserted at compile time")]
fn page_u16(number: usize) -> u16 {
    const { assert!(PAGE_BYTES <= u16::MAX as usize) };
    number as u16
}

/// A page whose checksum was right.
#[derive(Debug, Clone, Copy)]
pub(super) struct IndexPage<'a> {
    entries: &'a [u8],
    restarts: &'a [[u8; 2]],
}

impl<'a> IndexPage<'a> {
    pub(super) fn new(page: &'a [u8]) -> Result<Self, Flaw> {
        let flaw = Flaw("an index page's restarts do not fit it");
        let (body, count) = page.split_last_chunk().ok_or(flaw)?;
        let table = usize::from(u16::from_le_bytes(*count)) * size_of::<u16>();
        let at = body.len().checked_sub(table).ok_or(flaw)?;
        let (entries, table) = body.split_at(at);
        if table.is_empty() { Err(flaw) } else { Ok(Self { entries, restarts: table.as_chunks().0 }) }
    }

    /// All entries.
    pub(super) fn entries(self) -> IndexEntries<'a> {
        self.starting_at(0)
    }

    /// The entries from the last fresh start before the key: see [`Top::seek`](super::top::Top::seek).
    pub(super) fn seek(self, key: PageKey) -> Result<IndexEntries<'a>, Flaw> {
        let (mut low, mut high) = (0, self.restarts.len());
        while low < high {
            let middle = low.midpoint(high);
            match self.starting_at(middle).next() {
                Some(Ok(entry)) if entry.key() < key => low = middle + 1,
                Some(Ok(_)) => high = middle,
                Some(Err(flaw)) => return Err(flaw),
                None => return Err(Flaw("an index page ends before its restarts")),
            }
        }
        Ok(self.starting_at(low.saturating_sub(1)))
    }

    fn starting_at(self, restart: usize) -> IndexEntries<'a> {
        let start = self.restarts.get(restart).map_or(0, |at| usize::from(u16::from_le_bytes(*at)));
        let reader = Reader::new(self.entries.get(start..).unwrap_or_default());
        IndexEntries { page: self, reader, number: restart * RESTART_EVERY, previous: Previous::default() }
    }
}

/// Walks over a page's entries; after a flaw there is no next one.
#[derive(Debug)]
pub(super) struct IndexEntries<'a> {
    page: IndexPage<'a>,
    reader: Reader<'a>,
    /// Entries before this one in the page.
    number: usize,
    previous: Previous,
}

impl IndexEntries<'_> {
    fn decode(&mut self) -> Result<BlockEntry, Flaw> {
        let fresh = self.number.is_multiple_of(RESTART_EVERY);
        let before = self.previous;
        if fresh {
            let at = self.page.entries.len() - self.reader.remaining();
            let restart = self.page.restarts.get(self.number / RESTART_EVERY);
            if restart.map(|at| usize::from(u16::from_le_bytes(*at))) != Some(at) {
                return Err(Flaw("an index page's restarts do not meet its entries"));
            }
            self.previous = Previous::default();
        }
        let entry = decode_entry(&mut self.reader, self.previous, fresh)?;
        let follows = (before.series, before.last_time) <= (entry.series.get(), entry.first_time);
        if before.end != 0 && (!follows || entry.offset != before.end) {
            return Err(Flaw("a block does not follow the one before it"));
        }
        self.previous = Previous::of(&entry);
        self.number += 1;
        Ok(entry)
    }
}

impl Iterator for IndexEntries<'_> {
    type Item = Result<BlockEntry, Flaw>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.reader.is_empty() {
            return None;
        }
        let entry = self.decode();
        if entry.is_err() {
            self.reader = Reader::new(&[]);
        }
        Some(entry)
    }
}
