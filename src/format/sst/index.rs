//! Block index: one entry per block, in pages that can be decoded one by one and searched.
//!
//! Entries are delta-coded against the entry before. Every 16th entry, from the first one on, is a restart (LevelDB's
//! term): it is coded against zeros, and a table at the end of the page has its offset. The last number of the page is
//! the number of restarts. A search bisects the restarts, and then decodes at most 16 entries that it does not need:
//!
//! ```text
//!  page:  ┌─────────┬─────────┬─────┬──────────┬──────────┬─────┬───────────────────┬───────────┐
//!         │ entry 0 │ entry 1 │ ... │ entry 16 │ entry 17 │ ... │ restarts (u16 ..) │ count u16 │
//!         └─────────┴─────────┴─────┴──────────┴──────────┴─────┴───────────────────┴───────────┘
//!           restart                   restart                     offsets of entries 0, 16, ...
//! ```
//!
//! Invariants of a page whose entries were all decoded:
//! - Series ids never decrease, and each block of a series begins no earlier than the block before it ends. (The two
//!   times may be equal.)
//! - In the file, each block begins where the block before it ends, also at restarts, which store the offset.
//! - The table has the offsets of the entries 0, 16, 32, ...

use super::checksum::CHECKSUM_BYTES;
use super::codec::MAX_BLOCK_POINTS;
use super::statistics::{BlockStatistics, StatisticsFlags};
use super::top_page::{MAX_PAGE_BYTES, PageBuilder, PageKey};
use crate::format::bytes::{ByteReader, DecodeError, put_varint, put_zigzag};
use crate::types::point::ValueType;
use crate::types::series::SeriesId;
use crate::types::time_range::TimeRange;

/// Index entry of a block: series, number and times of the points, place of the block, and statistics of the values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BlockEntry {
    pub(crate) series: SeriesId,
    pub(crate) ty: ValueType,
    /// Number of points, 1 to 8,192.
    pub(crate) count: u32,
    pub(crate) first_time: i64,
    pub(crate) last_time: i64,
    /// Offset of the block in the file.
    pub(crate) offset: u64,
    /// Length of the block in bytes, with its checksum.
    pub(crate) len: u32,
    /// `None` for blocks of fewer than 64 points.
    pub(crate) statistics: Option<BlockStatistics>,
}

impl BlockEntry {
    /// Returns the times of the first and the last point as a range.
    pub(crate) fn times(&self) -> TimeRange {
        TimeRange::new(self.first_time, self.last_time)
    }

    /// Returns the sort key of the entry: series and first time.
    pub(crate) fn key(&self) -> PageKey {
        PageKey { series: self.series, time: self.first_time }
    }

    /// Returns the file offset behind the block.
    pub(crate) fn end(&self) -> u64 {
        self.offset.saturating_add(u64::from(self.len))
    }
}

/// Number of entries from one restart to the next. At 16, restarts cost about one byte per entry, and a search decodes
/// about a dozen entries instead of a thousand.
const RESTART_INTERVAL: usize = 16;

/// Maximum length of a block in bytes, with its checksum: both columns raw, and room for the overhead of codecs and
/// block.
pub(crate) const MAX_BLOCK_BYTES: usize = 2 * size_of::<u64>() * MAX_BLOCK_POINTS + 256;

/// Upper bound of the length of an entry in bytes: flags 1, series 5, count 3, length 5, two times of 10 each, offset
/// 10, and statistics of 1 x 10 + 3 x 10 + 19.
const MAX_ENTRY_BYTES: usize = 103;

/// Mask of the value type in the flags of an entry.
const TYPE_BITS: u8 = 0b0111;
/// Flag: statistics follow.
const HAS_STATISTICS: u8 = 0b1000;
/// Flag: a value of the block is NaN.
const HAS_NAN: u8 = 0b1_0000;
/// Flag: a value of the block is NaN, and none is the stale marker.
const HAS_NO_STALE_MARKER: u8 = 0b10_0000;
/// Flag: the times of the block are distinct; see [`BlockStatistics::has_distinct_times`].
const HAS_DISTINCT_TIMES: u8 = 0b100_0000;
/// Flags of statistics.
const STATISTICS_BITS: u8 = HAS_NAN | HAS_NO_STALE_MARKER | HAS_DISTINCT_TIMES;

/// Values of the previous entry, against which the next entry is delta-coded; all zero at a restart.
#[derive(Debug, Clone, Copy, Default)]
struct EntryDeltaBase {
    series: u32,
    first_time: i64,
    last_time: i64,
    end: u64,
}

impl EntryDeltaBase {
    fn of(entry: &BlockEntry) -> Self {
        let BlockEntry { series, first_time, last_time, .. } = *entry;
        Self { series: series.get(), first_time, last_time, end: entry.end() }
    }

    /// Returns the prediction of the first time of the next block: the last time of the previous block if the series is
    /// the same, else its first time.
    fn time(&self, same_series: bool) -> i64 {
        if same_series { self.last_time } else { self.first_time }
    }

    /// Returns the prediction of the duration of the next block: the duration of the previous block. Blocks with equal
    /// counts mostly have similar durations.
    fn span(&self) -> i64 {
        self.last_time.wrapping_sub(self.first_time)
    }
}

fn encode_entry(entry: &BlockEntry, previous: EntryDeltaBase, at_restart: bool, out: &mut Vec<u8>) {
    let statistics = entry.statistics.as_ref();
    let flags = statistics.map_or(0, |statistics| HAS_STATISTICS | encode_flags(statistics.flags()));
    out.push(entry.ty as u8 | flags);
    let step = entry.series.get() - previous.series;
    put_varint(out, u64::from(step));
    put_varint(out, u64::from(entry.count));
    put_varint(out, u64::from(entry.len));
    put_zigzag(out, entry.first_time.wrapping_sub(previous.time(step == 0)));
    put_zigzag(out, entry.last_time.wrapping_sub(entry.first_time).wrapping_sub(previous.span()));
    if at_restart {
        put_varint(out, entry.offset);
    }
    if let Some(statistics) = statistics {
        statistics.encode(entry.ty, out);
    }
}

fn encode_flags(flags: StatisticsFlags) -> u8 {
    let StatisticsFlags { has_nan, has_stale_marker, has_distinct_times } = flags;
    let flag = |is_set, flag| if is_set { flag } else { 0 };
    flag(has_nan, HAS_NAN)
        | flag(has_nan && !has_stale_marker, HAS_NO_STALE_MARKER)
        | flag(has_distinct_times, HAS_DISTINCT_TIMES)
}

/// Returns the flags of the statistics of a block; `None` if it has no statistics.
fn decode_flags(ty: ValueType, flags: u8) -> Result<Option<StatisticsFlags>, DecodeError> {
    let has = |flag| flags & flag != 0;
    let is_known = flags <= TYPE_BITS | HAS_STATISTICS | STATISTICS_BITS
        && (has(HAS_STATISTICS) || !has(STATISTICS_BITS))
        && (ty == ValueType::F64 || !has(HAS_NAN))
        && (has(HAS_NAN) || !has(HAS_NO_STALE_MARKER));
    if !is_known {
        return Err(DecodeError("a block's flags are unknown"));
    }
    let has_stale_marker = has(HAS_NAN) && !has(HAS_NO_STALE_MARKER);
    let (has_nan, has_distinct_times) = (has(HAS_NAN), has(HAS_DISTINCT_TIMES));
    Ok(has(HAS_STATISTICS).then_some(StatisticsFlags { has_nan, has_stale_marker, has_distinct_times }))
}

fn decode_entry(
    reader: &mut ByteReader<'_>,
    previous: EntryDeltaBase,
    at_restart: bool,
) -> Result<BlockEntry, DecodeError> {
    let flags = reader.u8()?;
    let ty = ValueType::from_code(flags & TYPE_BITS).ok_or(DecodeError("a block's value type is unknown"))?;
    let statistics_flags = decode_flags(ty, flags)?;
    let step = reader.varint_u32()?;
    let series = previous.series.checked_add(step).ok_or(DecodeError("a block's series id overflows"))?;
    let (count, len) = (reader.varint_u32()?, reader.varint_u32()?);
    if count == 0 || count as usize > MAX_BLOCK_POINTS {
        return Err(DecodeError("a block's count is out of bounds"));
    }
    if len as usize <= CHECKSUM_BYTES || len as usize > MAX_BLOCK_BYTES {
        return Err(DecodeError("a block's length is out of bounds"));
    }
    let first_time = previous.time(step == 0).wrapping_add(reader.zigzag_i64()?);
    let last_time = first_time.wrapping_add(previous.span()).wrapping_add(reader.zigzag_i64()?);
    if last_time < first_time {
        return Err(DecodeError("a block ends before it begins"));
    }
    let offset = if at_restart { reader.varint_u64()? } else { previous.end };
    let statistics = match statistics_flags {
        Some(flags) => Some(BlockStatistics::decode(ty, flags, reader)?),
        None => None,
    };
    let series = SeriesId::new(series);
    Ok(BlockEntry { series, ty, count, first_time, last_time, offset, len, statistics })
}

/// Builder of the index pages from entries in ascending order.
#[derive(Debug, Default)]
pub(crate) struct IndexWriter {
    pages: PageBuilder,
    /// Encoded entries of the current page.
    page: Vec<u8>,
    /// Key of the first entry of the current page; `None` if the page is empty.
    first: Option<PageKey>,
    /// Encoded offsets of the restarts of the current page.
    restarts: Vec<u8>,
    /// Number of entries in the current page.
    entry_count: usize,
    previous: EntryDeltaBase,
}

impl IndexWriter {
    /// Adds the next entry, in a new page if the current page could otherwise exceed [`MAX_PAGE_BYTES`].
    pub(crate) fn push(&mut self, entry: &BlockEntry) {
        let page_len = self.page.len() + self.restarts.len() + size_of::<u16>() + CHECKSUM_BYTES;
        if page_len + MAX_ENTRY_BYTES + size_of::<u16>() > MAX_PAGE_BYTES {
            self.end_page();
        }
        self.first.get_or_insert(entry.key());
        let at_restart = self.entry_count.is_multiple_of(RESTART_INTERVAL);
        if at_restart {
            self.restarts.extend_from_slice(&page_offset_u16(self.page.len()).to_le_bytes());
            self.previous = EntryDeltaBase::default();
        }
        encode_entry(entry, self.previous, at_restart, &mut self.page);
        self.previous = EntryDeltaBase::of(entry);
        self.entry_count += 1;
    }

    fn end_page(&mut self) {
        if let Some(first) = self.first.take() {
            let restarts = page_offset_u16(self.restarts.len() / size_of::<u16>());
            self.page.append(&mut self.restarts);
            self.page.extend_from_slice(&restarts.to_le_bytes());
            self.pages.push(first, &self.page);
            self.page.clear();
            self.entry_count = 0;
        }
    }

    /// Ends the current page and returns all pages.
    pub(crate) fn finish(mut self) -> PageBuilder {
        self.end_page();
        self.pages
    }
}

/// Converts a number, which must be at most [`MAX_PAGE_BYTES`].
#[expect(clippy::cast_possible_truncation, reason = "asserted at compile time")]
fn page_offset_u16(number: usize) -> u16 {
    const { assert!(MAX_PAGE_BYTES <= u16::MAX as usize) };
    number as u16
}

/// An index page without its checksum, which the caller has checked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct IndexPage<'a> {
    entries: &'a [u8],
    restarts: &'a [[u8; 2]],
}

impl<'a> IndexPage<'a> {
    /// Splits a page into entries and restarts. Decodes no entry.
    ///
    /// # Errors
    /// If the page has no restart, or is too short for its number of restarts.
    pub(crate) fn new(page: &'a [u8]) -> Result<Self, DecodeError> {
        let error = DecodeError("an index page is too short for its restarts");
        let (body, count) = page.split_last_chunk().ok_or(error)?;
        let table = usize::from(u16::from_le_bytes(*count)) * size_of::<u16>();
        let at = body.len().checked_sub(table).ok_or(error)?;
        let (entries, table) = body.split_at(at);
        if table.is_empty() { Err(error) } else { Ok(Self { entries, restarts: table.as_chunks().0 }) }
    }

    /// Yields all entries.
    pub(crate) fn all_blocks(self) -> IndexEntryIter<'a> {
        self.entries_from_restart(0)
    }

    /// Yields the entries from the last restart whose key is less than `key` on.
    ///
    /// Begins with the first restart if no restart has a smaller key. The restart is found by binary search. The caller
    /// skips the entries that it does not need: see [`TopPage::seek`](super::top_page::TopPage::seek).
    ///
    /// # Errors
    /// If the entry at a restart is invalid or missing.
    pub(crate) fn seek(self, key: PageKey) -> Result<IndexEntryIter<'a>, DecodeError> {
        let (mut low, mut high) = (0, self.restarts.len());
        while low < high {
            let middle = low.midpoint(high);
            match self.entries_from_restart(middle).next() {
                Some(Ok(entry)) if entry.key() < key => low = middle + 1,
                Some(Ok(_)) => high = middle,
                Some(Err(error)) => return Err(error),
                None => return Err(DecodeError("a restart of an index page lies behind the entries")),
            }
        }
        Ok(self.entries_from_restart(low.saturating_sub(1)))
    }

    fn entries_from_restart(self, restart: usize) -> IndexEntryIter<'a> {
        let offset = self.restarts.get(restart).map_or(0, |at| usize::from(u16::from_le_bytes(*at)));
        let number = restart * RESTART_INTERVAL;
        self.entries_from(EntryPosition { offset, number, previous: EntryDeltaBase::default() })
    }

    /// Yields the entries from a position of this page on.
    pub(super) fn entries_from(self, position: EntryPosition) -> IndexEntryIter<'a> {
        let reader = ByteReader::new(self.entries.get(position.offset..).unwrap_or_default());
        IndexEntryIter { page: self, reader, number: position.number, previous: position.previous }
    }
}

/// Position in a page: the entry that is decoded next.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct EntryPosition {
    /// Offset of the entry in the page.
    offset: usize,
    /// Number of the entry in the page, from 0.
    pub(super) number: usize,
    previous: EntryDeltaBase,
}

/// Iterator over the entries of a page. It ends after the first error.
#[derive(Debug)]
pub(crate) struct IndexEntryIter<'a> {
    page: IndexPage<'a>,
    reader: ByteReader<'a>,
    /// Number of the next entry in the page, from 0.
    number: usize,
    previous: EntryDeltaBase,
}

impl IndexEntryIter<'_> {
    /// Returns the position of the next entry.
    pub(super) fn position(&self) -> EntryPosition {
        let offset = self.page.entries.len() - self.reader.remaining();
        EntryPosition { offset, number: self.number, previous: self.previous }
    }

    fn decode(&mut self) -> Result<BlockEntry, DecodeError> {
        let at_restart = self.number.is_multiple_of(RESTART_INTERVAL);
        let before = self.previous;
        if at_restart {
            let at = self.page.entries.len() - self.reader.remaining();
            let restart = self.page.restarts.get(self.number / RESTART_INTERVAL);
            if restart.map(|at| usize::from(u16::from_le_bytes(*at))) != Some(at) {
                return Err(DecodeError("a restart of an index page is not at its entry"));
            }
            self.previous = EntryDeltaBase::default();
        }
        let entry = decode_entry(&mut self.reader, self.previous, at_restart)?;
        let follows = (before.series, before.last_time) <= (entry.series.get(), entry.first_time);
        if before.end != 0 && (!follows || entry.offset != before.end) {
            return Err(DecodeError("a block does not follow the block before it"));
        }
        self.previous = EntryDeltaBase::of(&entry);
        self.number += 1;
        Ok(entry)
    }
}

impl Iterator for IndexEntryIter<'_> {
    type Item = Result<BlockEntry, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.reader.is_empty() {
            return None;
        }
        let entry = self.decode();
        if entry.is_err() {
            self.reader = ByteReader::new(&[]);
        }
        Some(entry)
    }
}
