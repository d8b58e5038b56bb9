//! Blocks: 1 to 8,192 points of one series, as a column of timestamps and a column of values under one checksum.
//!
//! ```text
//!  ┌────────────┬──────────────────────┬──────────────────┬──────────┐
//!  │ length t   │ column of timestamps │ column of values │ checksum │
//!  │ (varint)   │ t bytes              │ the rest         │ 4 bytes  │
//!  └────────────┴──────────────────────┴──────────────────┴──────────┘
//! ```
//!
//! Timestamps at equal distances have no column: `t` is 0, and they follow from the index entry.
//!
//! [`BlockEncoder`] appends blocks to a buffer. [`BlockScratch`] loads a block, or the packed block of a run, and
//! decodes it.
//!
//! Invariants:
//! - A decoded block has the count, the first time and the last time of its index entry, and its timestamps never
//!   decrease; otherwise decoding fails.
//! - If decoding fails, the caller's buffers are unchanged.

use std::ops::Range;

use fearless_simd::Level;
use uuid::Uuid;

use super::block_times::decode_times;
use super::checksum::CHECKSUM_BYTES;
use super::codec::short::are_even_times;
use super::codec::vectors::any_decreases;
use super::codec::{
    CodecScratch, DenseEncoder, FloatDecoder, IntegerDecoder, VECTOR_LEN, encode_floats, encode_integers,
};
use super::index_entry::{BlockEntry, PackedExtent};
use super::packed_block::{PackedHeader, RunColumns};
use crate::format::bytes::{ByteReader, DecodeError, put_varint};
use crate::state::file_id::FileId;
use crate::types::error::Result;
use crate::types::point::ValueType;
use crate::types::time_range::TimeRange;

/// Encoder of blocks. It reuses its buffers from block to block.
#[derive(Debug, Default)]
pub(crate) struct BlockEncoder {
    scratch: CodecScratch,
    timestamps: Vec<u8>,
    integers: Vec<i64>,
    floats: Vec<f64>,
    /// Encoders of the timestamps and of the values of a file of the base; `None` for other levels.
    dense: Option<Box<[DenseEncoder; 2]>>,
}

impl BlockEncoder {
    /// Creates an encoder whose blocks take fewer bytes and more encoding time: see [`DenseEncoder`].
    pub(crate) fn dense() -> Self {
        Self { dense: Some(Box::default()), ..Self::default() }
    }

    /// Frees all buffers except those of the dense encoders, which also keep their backoff state.
    pub(crate) fn release_buffers(&mut self) {
        *self = Self { dense: self.dense.take(), ..Self::default() };
    }

    /// Appends a block of 1 to 8,192 points, without its checksum, to `out`. `bits` are values as `Scalar::to_bits`
    /// returns them.
    pub(crate) fn encode(&mut self, ty: ValueType, timestamps: &[i64], bits: &[u64], out: &mut Vec<u8>) {
        let Self { scratch, dense, .. } = self;
        let (dense_times, dense_values) = match dense.as_deref_mut() {
            Some([times, values]) => (Some(times), Some(values)),
            None => (None, None),
        };
        self.timestamps.clear();
        if !are_even_times(timestamps) {
            put_integers(timestamps, dense_times, scratch, &mut self.timestamps);
        }
        put_varint(out, self.timestamps.len() as u64);
        out.extend_from_slice(&self.timestamps);
        if ty == ValueType::F64 {
            self.floats.clear();
            self.floats.extend(bits.iter().map(|&bits| f64::from_bits(bits)));
            match dense_values {
                Some(dense) => dense.encode_floats(&self.floats, scratch, out),
                None => encode_floats(&self.floats, scratch, out),
            }
        } else {
            self.integers.clear();
            self.integers.extend(bits.iter().map(|bits| bits.cast_signed()));
            put_integers(&self.integers, dense_values, scratch, out);
        }
    }
}

fn put_integers(values: &[i64], dense: Option<&mut DenseEncoder>, scratch: &mut CodecScratch, out: &mut Vec<u8>) {
    match dense {
        Some(dense) => dense.encode_integers(values, scratch, out),
        None => encode_integers(values, scratch, out),
    }
}

/// Part of a block that a reader needs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BlockPart {
    pub(crate) range: TimeRange,
    pub(crate) columns: Columns,
}

impl BlockPart {
    /// All points with timestamps and values.
    pub(crate) const WHOLE: Self = Self { range: TimeRange::ALL, columns: Columns::Both };
}

/// Columns of a block that a reader needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Columns {
    Both,
    /// Timestamps; the values are not decoded.
    Timestamps,
}

/// Maximum read-ahead in bytes: hundreds of small blocks. A longer block is still read as a whole.
const BLOCK_READ_AHEAD_BYTES: usize = 128 << 10;

/// Buffers for reading blocks, one set per reading thread: the bytes that were read, and one vector of each kind.
#[derive(Debug)]
pub(crate) struct BlockScratch {
    /// Bytes of the file: one block, or several adjoining ones.
    raw: Vec<u8>,
    /// Database, file and offset of the bytes in `raw`; `None` if `raw` has no valid content.
    loaded_from: Option<(Uuid, FileId, u64)>,
    /// Minimum length of a read in bytes, except at the end of the blocks; 0 to read single blocks.
    read_ahead_bytes: usize,
    /// Range of the last loaded block in `raw`.
    block: Range<usize>,
    /// Place of the packed block in `raw` whose checksum was valid and whose header was read.
    checked_packed: Option<PackedExtent>,
    header: PackedHeader,
    vectors: VectorBuffers,
}

/// Buffers for one decoded vector of each kind. A vector stays in the processor's first-level cache until it is copied
/// to the caller.
#[derive(Debug)]
struct VectorBuffers {
    integers: Box<[i64; VECTOR_LEN]>,
    floats: Box<[f64; VECTOR_LEN]>,
}

impl Default for BlockScratch {
    fn default() -> Self {
        let vectors = VectorBuffers { integers: Box::new([0; VECTOR_LEN]), floats: Box::new([0.0; VECTOR_LEN]) };
        Self {
            raw: Vec::new(),
            loaded_from: None,
            read_ahead_bytes: 0,
            block: 0..0,
            checked_packed: None,
            header: PackedHeader::default(),
            vectors,
        }
    }
}

impl BlockScratch {
    /// Creates buffers for reading the blocks of a file in order. Each read also reads the blocks that follow, since
    /// one system call per block of thirty points would take most of the time.
    ///
    /// Buffers that [`default`](Self::default) creates read single blocks.
    pub(crate) fn with_read_ahead() -> Self {
        Self::with_read_ahead_limit(BLOCK_READ_AHEAD_BYTES)
    }

    /// Creates buffers with a read-ahead of `bytes`, at most [`BLOCK_READ_AHEAD_BYTES`].
    ///
    /// A small read-ahead is for many files that are read at the same time.
    pub(crate) fn with_read_ahead_limit(bytes: usize) -> Self {
        Self { read_ahead_bytes: bytes.min(BLOCK_READ_AHEAD_BYTES), ..Self::default() }
    }

    /// Changes the read-ahead of the next reads, in bytes; at most [`BLOCK_READ_AHEAD_BYTES`].
    pub(crate) fn set_read_ahead(&mut self, bytes: usize) {
        self.read_ahead_bytes = bytes.min(BLOCK_READ_AHEAD_BYTES);
    }

    /// Returns the memory of the buffers in bytes.
    pub(crate) fn byte_len(&self) -> usize {
        self.raw.capacity() + size_of::<[i64; VECTOR_LEN]>() + size_of::<[f64; VECTOR_LEN]>()
    }

    /// Loads the block of an entry, or the packed block of its run, and returns the number of bytes that were read: 0 if
    /// the previous read covers the block.
    ///
    /// `read` fills a buffer from a file offset. `blocks_end` is the file offset behind the last block.
    ///
    /// # Errors
    /// If `read` fails. The buffers then have no valid content.
    pub(crate) fn load(
        &mut self,
        (uuid, id): (Uuid, FileId),
        entry: &BlockEntry,
        blocks_end: u64,
        read: impl FnOnce(u64, &mut [u8]) -> Result<()>,
    ) -> Result<usize> {
        let extent = entry.checked_extent();
        // An extent is at most as long as the longest block.
        let len = usize::try_from(extent.len).unwrap_or(usize::MAX);
        let start = match self.loaded_from {
            Some((raw_uuid, raw_id, from)) if (raw_uuid, raw_id) == (uuid, id) => extent.offset.checked_sub(from),
            _ => None,
        };
        let start = start.and_then(|start| usize::try_from(start).ok());
        let loaded = start.map(|start| start..start.saturating_add(len)).filter(|block| block.end <= self.raw.len());
        if let Some(block) = loaded {
            self.block = block;
            return Ok(0);
        }
        let remaining = usize::try_from(blocks_end.saturating_sub(extent.offset)).unwrap_or(usize::MAX);
        (self.loaded_from, self.checked_packed) = (None, None);
        self.raw.resize(len.max(self.read_ahead_bytes.min(remaining)), 0);
        read(extent.offset, &mut self.raw)?;
        self.loaded_from = Some((uuid, id, extent.offset));
        self.block = 0..len;
        Ok(self.raw.len())
    }

    /// Returns the last loaded block with its checksum.
    pub(crate) fn checksummed_block(&self) -> &[u8] {
        self.raw.get(self.block.clone()).unwrap_or_default()
    }

    /// Returns `true` if the last loaded block is the packed block of the entry's run, and was checked before.
    pub(crate) fn is_checked(&self, entry: &BlockEntry) -> bool {
        entry.packed.is_some() && entry.packed == self.checked_packed
    }

    /// Reads the header of the packed block, if the entry is that of a run. The caller has checked the checksum.
    pub(crate) fn set_checked(&mut self, entry: &BlockEntry) -> Result<(), DecodeError> {
        let Some(packed) = entry.packed else { return Ok(()) };
        self.checked_packed = None;
        self.header.read(&self.raw[without_checksum(&self.block)])?;
        self.checked_packed = Some(packed);
        Ok(())
    }

    /// Returns the length of the header of the packed block that was checked last.
    pub(super) fn packed_header_len(&self) -> usize {
        self.header.len
    }

    /// Returns the number of modes of the packed block that was checked last.
    pub(super) fn packed_mode_count(&self) -> usize {
        self.header.mode_count()
    }

    /// Returns the encoded columns of a run of the last loaded packed block.
    pub(super) fn run_columns(&self, entry: &BlockEntry) -> Result<RunColumns<'_>, DecodeError> {
        run_columns(&self.raw[without_checksum(&self.block)], &self.header, entry)
    }

    /// Decodes the vectors of the last loaded block that overlap `range`, and appends their points to two buffers.
    ///
    /// The first and the last of these vectors may have points outside the range. Returns the number of vectors of
    /// values that were decoded; with `Columns::Timestamps` that is 0, and the appended values have no meaning. The
    /// caller has checked the checksum of the block. Each buffer is paired with the function that converts a stored
    /// number to an element.
    ///
    /// # Errors
    /// If a decoded vector is invalid or contradicts `entry`. The buffers are then unchanged.
    pub(crate) fn decode<Time, Value: Clone>(
        &mut self,
        entry: &BlockEntry,
        BlockPart { range, columns }: BlockPart,
        times: (&mut Vec<Time>, impl Fn(i64) -> Time),
        values: (&mut Vec<Value>, impl Fn(u64) -> Value),
    ) -> Result<usize, DecodeError> {
        let (times, time) = times;
        let (values, value) = values;
        let before = (times.len(), values.len());
        let block = &self.raw[without_checksum(&self.block)];
        let decoded = if entry.packed.is_some() {
            run_columns(block, &self.header, entry).and_then(|run| {
                let part = BlockPart { range, columns };
                decode_run(run, entry, part, &mut self.vectors, (&mut *times, time), (&mut *values, value))
            })
        } else {
            split_columns(block).and_then(|(timestamp_column, value_column)| {
                let kept = decode_times(timestamp_column, entry, range, &mut self.vectors.integers, times, time)?;
                if columns == Columns::Timestamps {
                    values.resize(before.1 + times.len() - before.0, value(0));
                    return Ok(0);
                }
                decode_values(value_column, entry, kept.clone(), &mut self.vectors, values, value)?;
                Ok(kept.len())
            })
        };
        if decoded.is_err() {
            times.truncate(before.0);
            values.truncate(before.1);
        }
        decoded
    }
}

/// Splits a block without its checksum into its encoded columns: timestamps, empty if they are even, and values.
pub(crate) fn split_columns(block: &[u8]) -> Result<(&[u8], &[u8]), DecodeError> {
    let mut reader = ByteReader::new(block);
    let len = usize::try_from(reader.varint_u64()?)
        .map_err(|_| DecodeError("the length of a block's column is out of bounds"))?;
    let timestamps = reader.bytes(len)?;
    let values = reader.bytes(reader.remaining())?;
    Ok((timestamps, values))
}

/// Returns the range of a block without its checksum. The caller of `decode` has checked that the checksum exists.
fn without_checksum(block: &Range<usize>) -> Range<usize> {
    block.start..block.end - CHECKSUM_BYTES
}

/// Returns the encoded columns of a run of a packed block without its checksum.
fn run_columns<'a>(block: &'a [u8], header: &PackedHeader, entry: &BlockEntry) -> Result<RunColumns<'a>, DecodeError> {
    let start = entry.packed.and_then(|packed| entry.offset.checked_sub(packed.offset));
    let start = start.and_then(|start| usize::try_from(start).ok());
    let start = start.ok_or(DecodeError("a run lies outside its packed block"))?;
    Ok(header.columns(block, start..start.saturating_add(entry.len as usize), entry.count as usize)?)
}

/// Decodes a run, which is one vector, if it overlaps the range; see [`BlockScratch::decode`].
fn decode_run<Time, Value: Clone>(
    run: RunColumns<'_>,
    entry: &BlockEntry,
    BlockPart { range, columns }: BlockPart,
    vectors: &mut VectorBuffers,
    (times, time): (&mut Vec<Time>, impl Fn(i64) -> Time),
    (values, value): (&mut Vec<Value>, impl Fn(u64) -> Value),
) -> Result<usize, DecodeError> {
    if !range.overlaps(entry.times()) {
        return Ok(0);
    }
    let are_even = run.are_times_even();
    let decoded = run.decode_times(entry, &mut vectors.integers)?;
    if !are_even && any_decreases(Level::new(), decoded) {
        return Err(DecodeError("a run's timestamps do not ascend"));
    }
    times.extend(decoded.iter().map(|&nanos| time(nanos)));
    if columns == Columns::Timestamps {
        values.resize(values.len() + decoded.len(), value(0));
        return Ok(0);
    }
    let decoded = run.decode_values(entry, &mut vectors.integers, &mut vectors.floats)?;
    if entry.ty == ValueType::Bool && are_not_booleans(decoded) {
        return Err(DecodeError("a column of booleans contains a value other than 0 and 1"));
    }
    values.extend(decoded.iter().map(|bits| value(bits.cast_unsigned())));
    Ok(1)
}

fn are_not_booleans(values: &[i64]) -> bool {
    values.iter().fold(0, |all, bits| all | bits) & !1 != 0
}

/// Decodes the vectors `kept` of a column of values by the value type of the index entry.
fn decode_values<Value>(
    column: &[u8],
    entry: &BlockEntry,
    kept: Range<usize>,
    vectors: &mut VectorBuffers,
    out: &mut Vec<Value>,
    value: impl Fn(u64) -> Value,
) -> Result<(), DecodeError> {
    let count = entry.count as usize;
    out.reserve((kept.len() * VECTOR_LEN).min(count));
    if entry.ty == ValueType::F64 {
        let mut decoder = FloatDecoder::new(column, count)?;
        for _ in 0..kept.start {
            decoder.skip()?;
        }
        for _ in kept {
            let len = decoder.next(&mut vectors.floats)?;
            out.extend(vectors.floats[..len].iter().map(|float| value(float.to_bits())));
        }
        return Ok(());
    }
    let mut decoder = IntegerDecoder::new(column, count)?;
    for _ in 0..kept.start {
        decoder.skip()?;
    }
    for _ in kept {
        let len = decoder.next(&mut vectors.integers)?;
        let vector = &vectors.integers[..len];
        if entry.ty == ValueType::Bool && are_not_booleans(vector) {
            return Err(DecodeError("a column of booleans contains a value other than 0 and 1"));
        }
        out.extend(vector.iter().map(|bits| value(bits.cast_unsigned())));
    }
    Ok(())
}
