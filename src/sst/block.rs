//! A block: points of one series as a column of timestamps and a column of values, under one checksum.
//! Promises that what is decoded is what the index says of it, or an error, and that buffers are then as they were.
//! Must not know where blocks stand in a file.

use super::bytes::{Flaw, Reader, put_varint};
use super::codec::{FloatDecoder, IntegerDecoder, MAX_POINTS, Scratch, VECTOR, encode_floats, encode_integers};
use super::index::BlockEntry;
use crate::point::ValueType;

/// Points in each block when so many points of one series are cut: as even as can be, so that none is tiny.
pub(super) fn points_per_block(points: usize) -> usize {
    let blocks = points.div_ceil(MAX_POINTS).max(1);
    points.div_ceil(blocks)
}

/// The buffers of an encoder, kept from block to block.
#[derive(Debug, Default)]
pub(super) struct BlockEncoder {
    scratch: Scratch,
    timestamps: Vec<u8>,
    integers: Vec<i64>,
    floats: Vec<f64>,
}

impl BlockEncoder {
    /// Appends a block without its checksum. Values are as in `Sample::to_bits`.
    pub(super) fn encode(&mut self, ty: ValueType, timestamps: &[i64], bits: &[u64], out: &mut Vec<u8>) {
        self.timestamps.clear();
        encode_integers(timestamps, &mut self.scratch, &mut self.timestamps);
        put_varint(out, self.timestamps.len() as u64);
        out.extend_from_slice(&self.timestamps);
        if ty == ValueType::F64 {
            self.floats.clear();
            self.floats.extend(bits.iter().map(|&bits| f64::from_bits(bits)));
            encode_floats(&self.floats, &mut self.scratch, out);
        } else {
            self.integers.clear();
            self.integers.extend(bits.iter().map(|bits| bits.cast_signed()));
            encode_integers(&self.integers, &mut self.scratch, out);
        }
    }
}

/// The buffers of a reader of blocks; keep one per thread of reading. What it holds between calls has no meaning.
#[derive(Debug)]
pub(crate) struct BlockScratch {
    pub(super) raw: Vec<u8>,
    vectors: Vectors,
}

/// One vector of each kind: small enough to stay in the first-level cache between decoding and copying out.
#[derive(Debug)]
struct Vectors {
    integers: Box<[i64; VECTOR]>,
    floats: Box<[f64; VECTOR]>,
}

impl Default for BlockScratch {
    fn default() -> Self {
        let vectors = Vectors { integers: Box::new([0; VECTOR]), floats: Box::new([0.0; VECTOR]) };
        Self { raw: Vec::new(), vectors }
    }
}

/// The two columns of a block whose checksum was right, as stored: of timestamps and of values.
pub(super) fn columns(block: &[u8]) -> Result<(&[u8], &[u8]), Flaw> {
    let mut reader = Reader::new(block);
    let len = usize::try_from(reader.varint()?).map_err(|_| Flaw("a column's length is out of bounds"))?;
    let timestamps = reader.take(len)?;
    let values = reader.take(reader.remaining())?;
    Ok((timestamps, values))
}

impl BlockScratch {
    /// Appends the points of the block in `self.raw`, of which `len` bytes come before its checksum.
    pub(super) fn decode<Time, Value>(
        &mut self,
        len: usize,
        entry: &BlockEntry,
        times: (&mut Vec<Time>, impl Fn(i64) -> Time),
        values: (&mut Vec<Value>, impl Fn(u64) -> Value),
    ) -> Result<(), Flaw> {
        let (times, time) = times;
        let (values, value) = values;
        let before = (times.len(), values.len());
        let block = self.raw.get(..len).unwrap_or_default();
        let decoded = columns(block).and_then(|(timestamp_column, value_column)| {
            decode_times(timestamp_column, entry, &mut self.vectors, times, time)?;
            decode_values(value_column, entry, &mut self.vectors, values, value)
        });
        if decoded.is_err() {
            times.truncate(before.0);
            values.truncate(before.1);
        }
        decoded
    }
}

fn decode_times<Time>(
    column: &[u8],
    entry: &BlockEntry,
    vectors: &mut Vectors,
    out: &mut Vec<Time>,
    time: impl Fn(i64) -> Time,
) -> Result<(), Flaw> {
    let mut decoder = IntegerDecoder::new(column, entry.count as usize)?;
    out.reserve(entry.count as usize);
    let mut previous = entry.first_time;
    let mut first = true;
    loop {
        let len = decoder.next(&mut vectors.integers)?;
        let Some((vector, &last)) = vectors.integers.get(..len).and_then(|vector| Some((vector, vector.last()?)))
        else {
            break;
        };
        let starts_right = if first { vector[0] == previous } else { vector[0] >= previous };
        // Not `is_sorted`, which leaves early: without a way out the comparisons run many at a time.
        let falls = vector.iter().zip(&vector[1..]).fold(0, |falls, (one, next)| falls | u8::from(one > next));
        if !starts_right || falls != 0 {
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
    fn blocks_are_cut_evenly() {
        for (points, expected) in [(1, 1), (8192, 8192), (8193, 4097), (16_384, 8192), (16_385, 5462), (0, 0)] {
            assert_eq!(points_per_block(points), expected, "{points}");
        }
    }
}
