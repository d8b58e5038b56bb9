//! Index entries: one per block, and one per run of a packed block.
//!
//! An entry is delta-coded against the entry before; the first one of each restart, against the base of its page. Runs
//! have entries of a form of their own, since a packed block has hundreds: mostly a run differs from the one before only
//! in its length, and takes two bytes.
//!
//! ```text
//!  block:  flags | series, count, length, first time, duration | offset, at a restart           | statistics
//!  run:    flags | series, count, times, if they differ from what is expected; length | place, if new | statistics
//! ```

use super::checksum::CHECKSUM_BYTES;
use super::codec::MAX_BLOCK_POINTS;
use super::packed_block::{MAX_PACKED_BLOCK_BYTES, MAX_RUN_POINTS};
use super::statistics::{BlockStatistics, StatisticsFlags};
use super::top_page::PageKey;
use crate::format::bytes::{ByteReader, DecodeError, Extent, put_varint, put_zigzag, put_zigzag_i128};
use crate::types::point::ValueType;
use crate::types::series::SeriesId;
use crate::types::time_range::TimeRange;

/// Index entry of a block or of a run of a packed block: series, number and times of the points, place, and statistics of
/// the values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BlockEntry {
    pub(crate) series: SeriesId,
    pub(crate) ty: ValueType,
    /// Number of points, 1 to 8,192; at most 127 in a run.
    pub(crate) count: u32,
    pub(crate) first_time: i64,
    pub(crate) last_time: i64,
    /// Offset of the block or run in the file.
    pub(crate) offset: u64,
    /// Length of the block in bytes, with its checksum; length of the run.
    pub(crate) len: u32,
    /// Packed block of the run; `None` for a block.
    pub(crate) packed: Option<PackedExtent>,
    /// `None` for fewer than 64 points.
    pub(crate) statistics: Option<BlockStatistics>,
}

/// Place of a packed block in the file. The length includes the checksum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PackedExtent {
    pub(crate) offset: u64,
    pub(crate) len: u32,
}

impl PackedExtent {
    fn end(self) -> u64 {
        self.offset.saturating_add(u64::from(self.len))
    }
}

/// Place of a block or run in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    offset: u64,
    len: u32,
    packed: Option<PackedExtent>,
}

impl Place {
    /// Returns the file offset behind the block or run.
    fn end(self) -> u64 {
        self.offset.saturating_add(u64::from(self.len))
    }

    /// Returns the extent under one checksum: of the block, or of the packed block of the run.
    fn checked_extent(self) -> Extent {
        match self.packed {
            Some(packed) => Extent { offset: packed.offset, len: u64::from(packed.len) },
            None => Extent { offset: self.offset, len: u64::from(self.len) },
        }
    }

    /// Returns `true` if nothing but the checksum is between this place and the end of its extent.
    fn ends_extent(self) -> bool {
        self.packed.is_none_or(|packed| self.end().saturating_add(CHECKSUM_BYTES as u64) == packed.end())
    }

    /// Returns `true` if this place is directly behind `before` in the file.
    pub(super) fn adjoins(self, before: Self) -> bool {
        if self.packed.is_some() && self.packed == before.packed {
            return self.offset == before.end();
        }
        before.ends_extent() && self.checked_extent().offset == before.checked_extent().end()
    }
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

    pub(super) fn place(&self) -> Place {
        Place { offset: self.offset, len: self.len, packed: self.packed }
    }

    /// Returns the extent that is read and checked for the points: the block, or the packed block of the run.
    pub(crate) fn checked_extent(&self) -> Extent {
        self.place().checked_extent()
    }

    /// Returns `true` if the extent that is read has no other points behind those of the entry.
    pub(super) fn ends_extent(&self) -> bool {
        self.place().ends_extent()
    }
}

/// Maximum length of a block in bytes, with its checksum: both columns raw, and room for the overhead of codecs and
/// block.
pub(crate) const MAX_BLOCK_BYTES: usize = 2 * size_of::<u64>() * MAX_BLOCK_POINTS + 256;

/// Upper bound of the length of an entry in bytes: two bytes of flags, series 5, count 3, length 5, two times of 10 each,
/// place 10 + 3 + 3, and statistics of 1 x 10 + 3 x 10 + 19.
pub(super) const MAX_ENTRY_BYTES: usize = 110;

/// Mask of the value type in the flags of a block.
const TYPE_BITS: u8 = 0b0111;
/// Flag of a block: statistics follow.
const HAS_STATISTICS: u8 = 0b1000;
/// Flag of statistics: a value of the block is NaN.
const HAS_NAN: u8 = 0b1_0000;
/// Flag of statistics: a value of the block is NaN, and none is the stale marker.
const HAS_NO_STALE_MARKER: u8 = 0b10_0000;
/// Flag of statistics: the times of the block are distinct; see [`BlockStatistics::has_distinct_times`].
const HAS_DISTINCT_TIMES: u8 = 0b100_0000;
/// Flags of statistics.
const STATISTICS_BITS: u8 = HAS_NAN | HAS_NO_STALE_MARKER | HAS_DISTINCT_TIMES;

/// Flag: the entry is that of a run.
const IS_RUN: u8 = 0b1000_0000;
/// Mask of the value type minus 1 in the flags of a run.
const RUN_TYPE_BITS: u8 = 0b0011;
/// Flag of a run: flags of statistics and statistics follow.
const RUN_HAS_STATISTICS: u8 = 0b0100;
/// Flag of a run: the place follows, since the run is the first one of its packed block or at a restart.
const RUN_HAS_PLACE: u8 = 0b1000;
/// Flag of a run: the series follows, since it is not the next one.
const RUN_HAS_SERIES: u8 = 0b1_0000;
/// Flag of a run: the count follows, since it is not that of the entry before.
const RUN_HAS_COUNT: u8 = 0b10_0000;
/// Flag of a run: the times follow, since they are not those of the entry before.
const RUN_HAS_TIMES: u8 = 0b100_0000;

/// Values of the previous entry, against which the next entry is delta-coded; those of the page at a restart.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct EntryDeltaBase {
    pub(super) series: u32,
    count: u32,
    pub(super) first_time: i64,
    pub(super) last_time: i64,
    /// `None` at a restart.
    pub(super) place: Option<Place>,
}

impl EntryDeltaBase {
    pub(super) fn of(entry: &BlockEntry) -> Self {
        let BlockEntry { series, count, first_time, last_time, .. } = *entry;
        Self { series: series.get(), count, first_time, last_time, place: Some(entry.place()) }
    }

    /// Returns the base of the restarts of a page, whose entries mostly have similar times.
    pub(super) fn of_page(first_time: i64, last_time: i64) -> Self {
        Self { first_time, last_time, ..Self::default() }
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

/// Appends an entry.
pub(super) fn encode_entry(entry: &BlockEntry, previous: EntryDeltaBase, out: &mut Vec<u8>) {
    if let Some(packed) = entry.packed {
        return encode_run(entry, packed, previous, out);
    }
    let statistics = entry.statistics.as_ref();
    let flags = statistics.map_or(0, |statistics| HAS_STATISTICS | encode_flags(statistics.flags()));
    out.push(entry.ty as u8 | flags);
    let step = entry.series.get() - previous.series;
    put_varint(out, u64::from(step));
    put_varint(out, u64::from(entry.count));
    put_varint(out, u64::from(entry.len));
    put_times(entry, previous, step == 0, out);
    if previous.place.is_none() {
        put_varint(out, entry.offset);
    }
    if let Some(statistics) = statistics {
        statistics.encode(entry.ty, out);
    }
}

fn encode_run(entry: &BlockEntry, packed: PackedExtent, previous: EntryDeltaBase, out: &mut Vec<u8>) {
    let step = entry.series.get() - previous.series;
    let is_restart = previous.place.is_none();
    let has_place = previous.place.is_none_or(|place| place.packed != Some(packed));
    let has_times = (entry.first_time, entry.last_time) != (previous.first_time, previous.last_time) || step == 0;
    let flag = |is_set, flag| if is_set { flag } else { 0 };
    out.push(
        IS_RUN
            | (entry.ty as u8 - 1)
            | flag(entry.statistics.is_some(), RUN_HAS_STATISTICS)
            | flag(has_place, RUN_HAS_PLACE)
            | flag(step != 1, RUN_HAS_SERIES)
            | flag(entry.count != previous.count, RUN_HAS_COUNT)
            | flag(has_times, RUN_HAS_TIMES),
    );
    if step != 1 {
        put_varint(out, u64::from(step));
    }
    if entry.count != previous.count {
        put_varint(out, u64::from(entry.count));
    }
    if has_times {
        let (first, span) = (previous.time(step == 0), previous.span());
        put_scaled(out, entry.first_time.wrapping_sub(first));
        put_scaled(out, entry.last_time.wrapping_sub(entry.first_time).wrapping_sub(span));
    }
    put_varint(out, u64::from(entry.len));
    if has_place {
        if is_restart {
            put_varint(out, packed.offset);
        }
        put_varint(out, u64::from(packed.len));
        put_varint(out, entry.offset - packed.offset);
    }
    if let Some(statistics) = &entry.statistics {
        out.push(encode_flags(statistics.flags()));
        statistics.encode(entry.ty, out);
    }
}

fn put_times(entry: &BlockEntry, previous: EntryDeltaBase, same_series: bool, out: &mut Vec<u8>) {
    put_zigzag(out, entry.first_time.wrapping_sub(previous.time(same_series)));
    put_zigzag(out, entry.last_time.wrapping_sub(entry.first_time).wrapping_sub(previous.span()));
}

/// Units of the times of runs, by their codes: nanoseconds to seconds.
const UNITS: [i64; 4] = [1, 1_000, 1_000_000, 1_000_000_000];

/// Appends a difference of times in its largest unit: a zigzag number of 4 times the difference plus the unit's code.
fn put_scaled(out: &mut Vec<u8>, nanos: i64) {
    let code = UNITS.iter().rposition(|unit| nanos % unit == 0).unwrap_or(0);
    put_zigzag_i128(out, i128::from(nanos / UNITS[code]) * 4 + code as i128);
}

/// Reads a difference of times.
fn read_scaled(reader: &mut ByteReader<'_>) -> Result<i64, DecodeError> {
    let number = reader.zigzag_i128()?;
    let unit = UNITS[usize::from(number.to_le_bytes()[0] & 3)];
    let scaled = i64::try_from(number >> 2).ok().and_then(|count| count.checked_mul(unit));
    scaled.ok_or(DecodeError("a difference of times is out of range"))
}

fn encode_flags(flags: StatisticsFlags) -> u8 {
    let StatisticsFlags { has_nan, has_stale_marker, has_distinct_times } = flags;
    let flag = |is_set, flag| if is_set { flag } else { 0 };
    flag(has_nan, HAS_NAN)
        | flag(has_nan && !has_stale_marker, HAS_NO_STALE_MARKER)
        | flag(has_distinct_times, HAS_DISTINCT_TIMES)
}

/// Returns the flags of statistics of values of a type.
fn decode_flags(ty: ValueType, flags: u8) -> Result<StatisticsFlags, DecodeError> {
    let has = |flag| flags & flag != 0;
    let is_known = flags & !STATISTICS_BITS == 0
        && (ty == ValueType::F64 || !has(HAS_NAN))
        && (has(HAS_NAN) || !has(HAS_NO_STALE_MARKER));
    if !is_known {
        return Err(DecodeError("a block's flags are unknown"));
    }
    let has_stale_marker = has(HAS_NAN) && !has(HAS_NO_STALE_MARKER);
    let (has_nan, has_distinct_times) = (has(HAS_NAN), has(HAS_DISTINCT_TIMES));
    Ok(StatisticsFlags { has_nan, has_stale_marker, has_distinct_times })
}

/// Reads an entry.
pub(super) fn decode_entry(reader: &mut ByteReader<'_>, previous: EntryDeltaBase) -> Result<BlockEntry, DecodeError> {
    let flags = reader.u8()?;
    if flags & IS_RUN != 0 { decode_run(flags, reader, previous) } else { decode_block(flags, reader, previous) }
}

fn decode_block(flags: u8, reader: &mut ByteReader<'_>, previous: EntryDeltaBase) -> Result<BlockEntry, DecodeError> {
    let ty = ValueType::from_code(flags & TYPE_BITS).ok_or(DecodeError("a block's value type is unknown"))?;
    let has_statistics = flags & HAS_STATISTICS != 0;
    let statistics_flags = decode_flags(ty, flags & STATISTICS_BITS)?;
    if !has_statistics && flags & STATISTICS_BITS != 0 {
        return Err(DecodeError("a block's flags are unknown"));
    }
    let step = reader.varint_u32()?;
    let series = next_series(previous, step)?;
    let (count, len) = (reader.varint_u32()?, reader.varint_u32()?);
    if count == 0 || count as usize > MAX_BLOCK_POINTS {
        return Err(DecodeError("a block's count is out of bounds"));
    }
    if len as usize <= CHECKSUM_BYTES || len as usize > MAX_BLOCK_BYTES {
        return Err(DecodeError("a block's length is out of bounds"));
    }
    let (first_time, last_time) = read_times(reader, previous, step == 0)?;
    let offset = match previous.place {
        Some(place) => place.checked_extent().end(),
        None => reader.varint_u64()?,
    };
    let statistics = if has_statistics { Some(BlockStatistics::decode(ty, statistics_flags, reader)?) } else { None };
    Ok(BlockEntry { series, ty, count, first_time, last_time, offset, len, packed: None, statistics })
}

fn decode_run(flags: u8, reader: &mut ByteReader<'_>, previous: EntryDeltaBase) -> Result<BlockEntry, DecodeError> {
    let has = |flag| flags & flag != 0;
    let ty = ValueType::from_code((flags & RUN_TYPE_BITS) + 1).ok_or(DecodeError("a run's value type is unknown"))?;
    let step = if has(RUN_HAS_SERIES) { reader.varint_u32()? } else { 1 };
    let series = next_series(previous, step)?;
    let count = if has(RUN_HAS_COUNT) { reader.varint_u32()? } else { previous.count };
    if count == 0 || count as usize > MAX_RUN_POINTS {
        return Err(DecodeError("a run's count is out of bounds"));
    }
    let (first_time, last_time) = if has(RUN_HAS_TIMES) {
        times_of(read_scaled(reader)?, read_scaled(reader)?, previous, step == 0)?
    } else {
        (previous.first_time, previous.last_time)
    };
    let len = reader.varint_u32()?;
    let (packed, offset) = read_place(reader, previous.place, has(RUN_HAS_PLACE))?;
    let end = offset.saturating_add(u64::from(len)).saturating_add(CHECKSUM_BYTES as u64);
    if len == 0 || offset <= packed.offset || end > packed.end() {
        return Err(DecodeError("a run lies outside its packed block"));
    }
    let statistics = if has(RUN_HAS_STATISTICS) {
        let flags = decode_flags(ty, reader.u8()?)?;
        Some(BlockStatistics::decode(ty, flags, reader)?)
    } else {
        None
    };
    Ok(BlockEntry { series, ty, count, first_time, last_time, offset, len, packed: Some(packed), statistics })
}

/// Returns the packed block of a run, and the offset of the run in the file.
fn read_place(
    reader: &mut ByteReader<'_>,
    previous: Option<Place>,
    has_place: bool,
) -> Result<(PackedExtent, u64), DecodeError> {
    if !has_place {
        let place = previous.and_then(|place| Some((place.packed?, place.end())));
        return place.ok_or(DecodeError("a run has no packed block"));
    }
    let offset = match previous {
        Some(place) => place.checked_extent().end(),
        None => reader.varint_u64()?,
    };
    let len = reader.varint_u32()?;
    if len as usize > MAX_PACKED_BLOCK_BYTES {
        return Err(DecodeError("a packed block's length is out of bounds"));
    }
    Ok((PackedExtent { offset, len }, offset.saturating_add(reader.varint_u64()?)))
}

fn next_series(previous: EntryDeltaBase, step: u32) -> Result<SeriesId, DecodeError> {
    previous.series.checked_add(step).map(SeriesId::new).ok_or(DecodeError("a block's series id overflows"))
}

fn read_times(
    reader: &mut ByteReader<'_>,
    previous: EntryDeltaBase,
    same_series: bool,
) -> Result<(i64, i64), DecodeError> {
    times_of(reader.zigzag_i64()?, reader.zigzag_i64()?, previous, same_series)
}

/// Returns the first and the last time, of which the differences from what is expected are known.
fn times_of(first: i64, span: i64, previous: EntryDeltaBase, same_series: bool) -> Result<(i64, i64), DecodeError> {
    let first_time = previous.time(same_series).wrapping_add(first);
    let last_time = first_time.wrapping_add(previous.span()).wrapping_add(span);
    if last_time < first_time { Err(DecodeError("a block ends before it begins")) } else { Ok((first_time, last_time)) }
}
