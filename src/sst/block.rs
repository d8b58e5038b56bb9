//! A block: points of one series as a column of timestamps and a column of values, under one checksum.
//! Promises that what is decoded is what the index says of it, or an error, and that buffers are then as they were.
//! Must not know where blocks stand in a file.

use std::ops::Range;

use uuid::Uuid;

use super::codec::{Dense, FloatDecoder, IntegerDecoder, Scratch, VECTOR, encode_floats, encode_integers};
use super::index::BlockEntry;
use super::seal::SEAL_LEN;
use crate::bytes::{Flaw, Reader, put_varint};
use crate::error::Result;
use crate::point::ValueType;
use crate::version::FileId;

/// The buffers of an encoder, kept from block to block.
#[derive(Debug, Default)]
pub(super) struct BlockEncoder {
    scratch: Scratch,
    timestamps: Vec<u8>,
    integers: Vec<i64>,
    floats: Vec<f64>,
    /// For a file that is to be dense: columns of timestamps, and of values.
    dense: Option<Box<[Dense; 2]>>,
}

impl BlockEncoder {
    /// An encoder that takes more time for fewer bytes.
    pub(super) fn dense() -> Self {
        Self { dense: Some(Box::default()), ..Self::default() }
    }

    /// Lets go of its buffers, and of nothing that it has learnt.
    pub(super) fn shrink(&mut self) {
        *self = Self { dense: self.dense.take(), ..Self::default() };
    }

    /// Appends a block without its checksum. Values are as in `Sample::to_bits`.
    pub(super) fn encode(&mut self, ty: ValueType, timestamps: &[i64], bits: &[u64], out: &mut Vec<u8>) {
        let Self { scratch, dense, .. } = self;
        let (dense_times, dense_values) = match dense.as_deref_mut() {
            Some([times, values]) => (Some(times), Some(values)),
            None => (None, None),
        };
        self.timestamps.clear();
        put_integers(timestamps, dense_times, scratch, &mut self.timestamps);
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

fn put_integers(values: &[i64], dense: Option<&mut Dense>, scratch: &mut Scratch, out: &mut Vec<u8>) {
    match dense {
        Some(dense) => dense.encode_integers(values, scratch, out),
        None => encode_integers(values, scratch, out),
    }
}

/// The buffers of a reader of blocks; keep one per thread of reading. What it holds between calls has no meaning.
#[derive(Debug)]
pub(crate) struct BlockScratch {
    /// Bytes of the file: one block, or several that adjoin.
    raw: Vec<u8>,
    /// Which file's, and from which offset on.
    held: Option<(Uuid, FileId, u64)>,
    /// Bytes to read at once where blocks are read one after the other.
    ahead: usize,
    /// Where in `raw` the block last asked for lies.
    block: Range<usize>,
    vectors: Vectors,
}

/// One vector of each kind: small enough to stay in the first-level cache between decoding and copying out.
#[derive(Debug)]
struct Vectors {
    integers: Box<[i64; VECTOR]>,
    floats: Box<[f64; VECTOR]>,
}

impl BlockScratch {
    /// What it holds on to.
    pub(crate) fn byte_len(&self) -> usize {
        self.raw.capacity() + size_of::<[i64; VECTOR]>() + size_of::<[f64; VECTOR]>()
    }
}

impl Default for BlockScratch {
    fn default() -> Self {
        let vectors = Vectors { integers: Box::new([0; VECTOR]), floats: Box::new([0.0; VECTOR]) };
        Self { raw: Vec::new(), held: None, ahead: 0, block: 0..0, vectors }
    }
}

/// The two columns of a block whose checksum was right, as stored: of timestamps and of values.
pub(super) fn columns(block: &[u8]) -> Result<(&[u8], &[u8]), Flaw> {
    let mut reader = Reader::new(block);
    let len = usize::try_from(reader.varint()?).map_err(|_| Flaw("a column's length is out of bounds"))?;
    let timestamps = reader.bytes(len)?;
    let values = reader.bytes(reader.remaining())?;
    Ok((timestamps, values))
}

/// Some hundreds of small blocks, or one of the largest.
const AHEAD_BYTES: usize = 128 << 10;

impl BlockScratch {
    /// For reading the blocks of a file in order: what adjoins is read along, for a block of thirty points costs a
    /// system call's time otherwise. Without it just what is asked for is read.
    pub(crate) fn reading_ahead() -> Self {
        Self::reading_ahead_at_most(AHEAD_BYTES)
    }

    /// The same where many files are read beside each other, and memory is short.
    pub(crate) fn reading_ahead_at_most(bytes: usize) -> Self {
        Self { ahead: bytes.min(AHEAD_BYTES), ..Self::default() }
    }

    /// Gets hold of a block's bytes, through `read` unless they were read along before, and tells how many it read.
    pub(super) fn load(
        &mut self,
        (uuid, id): (Uuid, FileId),
        entry: &BlockEntry,
        blocks_end: u64,
        read: impl FnOnce(u64, &mut [u8]) -> Result<()>,
    ) -> Result<usize> {
        let len = entry.len as usize;
        let start = match self.held {
            Some((held_uuid, held_id, from)) if (held_uuid, held_id) == (uuid, id) => entry.offset.checked_sub(from),
            _ => None,
        };
        let start = start.and_then(|start| usize::try_from(start).ok());
        let held = start.map(|start| start..start.saturating_add(len)).filter(|block| block.end <= self.raw.len());
        if let Some(block) = held {
            self.block = block;
            return Ok(0);
        }
        let left = usize::try_from(blocks_end.saturating_sub(entry.offset)).unwrap_or(usize::MAX);
        self.held = None;
        self.raw.resize(len.max(self.ahead.min(left)), 0);
        read(entry.offset, &mut self.raw)?;
        self.held = Some((uuid, id, entry.offset));
        self.block = 0..len;
        Ok(self.raw.len())
    }

    /// The block last loaded, its checksum included.
    pub(super) fn sealed_block(&self) -> &[u8] {
        self.raw.get(self.block.clone()).unwrap_or_default()
    }

    /// Appends the points of the block last loaded, whose checksum was right.
    pub(super) fn decode<Time, Value>(
        &mut self,
        entry: &BlockEntry,
        times: (&mut Vec<Time>, impl Fn(i64) -> Time),
        values: (&mut Vec<Value>, impl Fn(u64) -> Value),
    ) -> Result<(), Flaw> {
        let (times, time) = times;
        let (values, value) = values;
        let before = (times.len(), values.len());
        let decoded = columns(&self.raw[unsealed(&self.block)]).and_then(|(timestamp_column, value_column)| {
            decode_times(timestamp_column, entry, &mut self.vectors.integers, times, time)?;
            decode_values(value_column, entry, &mut self.vectors, values, value)
        });
        if decoded.is_err() {
            times.truncate(before.0);
            values.truncate(before.1);
        }
        decoded
    }
}

/// A loaded block less its checksum, which `load`'s caller found there.
fn unsealed(block: &Range<usize>) -> Range<usize> {
    block.start..block.end - SEAL_LEN
}

fn decode_times<Time>(
    column: &[u8],
    entry: &BlockEntry,
    integers: &mut [i64; VECTOR],
    out: &mut Vec<Time>,
    time: impl Fn(i64) -> Time,
) -> Result<(), Flaw> {
    let mut decoder = IntegerDecoder::new(column, entry.count as usize)?;
    out.reserve(entry.count as usize);
    let mut previous = entry.first_time;
    let mut first = true;
    loop {
        let len = decoder.next(integers)?;
        let Some((vector, &last)) = integers.get(..len).and_then(|vector| Some((vector, vector.last()?))) else {
            break;
        };
        let starts_right = if first { vector[0] == previous } else { vector[0] >= previous };
        if !starts_right || any_falls(vector) {
            return Err(Flaw("a block's timestamps do not rise from where its index entry says"));
        }
        out.extend(vector.iter().map(|&nanos| time(nanos)));
        (previous, first) = (last, false);
    }
    if previous == entry.last_time {
        Ok(())
    } else {
        Err(Flaw("a block ends at another time than its index entry says"))
    }
}

/// Whether any timestamp is smaller than the one before it.
///
/// Without a way out half way, and without comparisons, which processors before SSE4.2 do not make side by side on 64
/// bits: `next < one` is the sign of their difference, mended where that overflows (Hacker's Delight, 2-12).
fn any_falls(timestamps: &[i64]) -> bool {
    let pairs = timestamps.iter().zip(timestamps.get(1..).unwrap_or_default());
    let signs = pairs.fold(0, |signs, (&one, &next)| {
        let difference = next.wrapping_sub(one);
        signs | (difference ^ ((next ^ one) & (difference ^ next)))
    });
    signs < 0
}

fn decode_values<Value>(
    column: &[u8],
    entry: &BlockEntry,
    vectors: &mut Vectors,
    out: &mut Vec<Value>,
    value: impl Fn(u64) -> Value,
) -> Result<(), Flaw> {
    let count = entry.count as usize;
    out.reserve(count);
    if entry.ty == ValueType::F64 {
        let mut decoder = FloatDecoder::new(column, count)?;
        loop {
            let len = decoder.next(&mut vectors.floats)?;
            if len == 0 {
                return Ok(());
            }
            out.extend(vectors.floats[..len].iter().map(|float| value(float.to_bits())));
        }
    }
    let mut decoder = IntegerDecoder::new(column, count)?;
    loop {
        let len = decoder.next(&mut vectors.integers)?;
        if len == 0 {
            return Ok(());
        }
        let vector = &vectors.integers[..len];
        if entry.ty == ValueType::Bool && vector.iter().fold(0, |all, bits| all | bits) & !1 != 0 {
            return Err(Flaw("a column of booleans holds another value"));
        }
        out.extend(vector.iter().map(|bits| value(bits.cast_unsigned())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fall_is_seen_at_any_distance() {
        let ends = [i64::MIN, i64::MIN + 1, -1, 0, 1, i64::MAX - 1, i64::MAX];
        for one in ends {
            for next in ends {
                assert_eq!(any_falls(&[i64::MIN, one, next, i64::MAX]), next < one, "{one}, {next}");
            }
        }
        assert!(!any_falls(&[]) && !any_falls(&[5]));
    }
}
