//! Columns of doubles: constant, ALP with exceptions, or raw.
//!
//! ```text
//!  ALP column:  codec id, scale, exception count, exception positions, exception values, digits (a column of integers)
//! ```
//!
//! Invariants:
//! - Every value is decoded bit for bit, including NaN payloads and the signs of zeros.
//! - No column is more than one byte longer than its values as 64-bit words.

use std::vec::IntoIter;

use super::alp::DecimalScale;
#[cfg(any(test, feature = "testing"))]
use super::decode_column;
use super::integer::{self, IntegerDecoder};
use super::varint::{ColumnReader, write_u64};
use super::{CodecError, CodecScratch, MAX_BLOCK_POINTS, VECTOR_LEN, codec_id, pco};

/// Length of a double in bytes.
const WORD: usize = size_of::<f64>();

/// Appends `values`, at most [`MAX_BLOCK_POINTS`], to `out` as one self-describing column.
///
/// # Panics
///
/// If there are more than [`MAX_BLOCK_POINTS`] values.
pub fn encode_floats(values: &[f64], scratch: &mut CodecScratch, out: &mut Vec<u8>) {
    assert!(values.len() <= MAX_BLOCK_POINTS, "a block holds at most {MAX_BLOCK_POINTS} values");
    let Some((first, rest)) = values.split_first() else {
        return out.push(codec_id::RAW);
    };
    if rest.iter().all(|value| value.to_bits() == first.to_bits()) {
        out.push(codec_id::CONSTANT);
        return out.extend(first.to_bits().to_le_bytes());
    }
    let before = out.len();
    if let Some(scale) = DecimalScale::fit(values) {
        write_alp(scale, values, scratch, out);
        // A raw column decodes faster and more simply, so ALP must save at least five per cent of the raw words.
        if (out.len() - before) * 100 <= values.len() * WORD * 95 {
            return;
        }
        out.truncate(before);
    }
    out.push(codec_id::RAW);
    out.extend(values.iter().flat_map(|value| value.to_bits().to_le_bytes()));
}

/// Appends an ALP column.
fn write_alp(scale: DecimalScale, values: &[f64], scratch: &mut CodecScratch, out: &mut Vec<u8>) {
    let CodecScratch { integers, digits } = scratch;
    scale.encode(values, digits);
    out.push(codec_id::ALP);
    scale.write(out);
    write_u64(digits.exceptions.len() as u64, out);
    out.extend(digits.exceptions.iter().flat_map(|position| position.to_le_bytes()));
    out.extend(digits.exceptions.iter().flat_map(|&position| values[usize::from(position)].to_bits().to_le_bytes()));
    integer::encode(&digits.digits, integers, out);
}

/// Decoder of a column of doubles, vector by vector.
///
/// After an error, further results have no meaning, but the decoder still neither panics nor loops without bound.
#[derive(Debug)]
pub struct FloatDecoder<'a> {
    payload: FloatPayload<'a>,
    /// Number of values that are neither decoded nor skipped yet.
    remaining: usize,
}

/// Content of a column behind its header, by codec.
#[derive(Debug)]
enum FloatPayload<'a> {
    Raw(ColumnReader<'a>),
    Constant(f64),
    Alp { scale: DecimalScale, digits: IntegerDecoder<'a>, exceptions: AlpExceptions<'a> },
    Pco(IntoIter<f64>),
}

impl<'a> FloatDecoder<'a> {
    /// Reads the header of a column of `count` values. The column must be all of `bytes`.
    ///
    /// A pco column is decoded completely.
    ///
    /// # Errors
    ///
    /// If `count` exceeds [`MAX_BLOCK_POINTS`], the header is not that of a column of `count` doubles (the header of an
    /// ALP column includes the exceptions), or a pco column is invalid.
    pub fn new(bytes: &'a [u8], count: usize) -> Result<Self, CodecError> {
        if count > MAX_BLOCK_POINTS {
            return Err(CodecError::TOO_MANY);
        }
        let mut reader = ColumnReader::new(bytes);
        let payload = match reader.byte()? {
            codec_id::RAW => {
                if bytes.len() != 1 + count * WORD {
                    return Err(CodecError::RAW_LENGTH);
                }
                FloatPayload::Raw(reader)
            }
            _ if count == 0 => return Err(CodecError::NOT_EMPTY),
            codec_id::CONSTANT => {
                let (words, _) = reader.take(WORD)?.as_chunks();
                reader.finish()?;
                FloatPayload::Constant(words.first().map_or(0.0, |word| f64_of(*word)))
            }
            codec_id::ALP => FloatPayload::Alp {
                scale: DecimalScale::read(&mut reader)?,
                exceptions: AlpExceptions::read(&mut reader, count)?,
                digits: IntegerDecoder::without_pco(reader.take_rest(), count)?,
            },
            codec_id::PCO => FloatPayload::Pco(pco::decode(reader.take_rest(), count)?.into_iter()),
            _ => return Err(CodecError::UNKNOWN),
        };
        Ok(Self { payload, remaining: count })
    }

    /// Decodes the next vector into the front of `out`, and returns its length: [`VECTOR_LEN`], less for the last
    /// vector, and 0 at the end.
    ///
    /// # Errors
    ///
    /// If the vector is invalid, or bytes remain behind the last one. The contents of `out` then have no meaning.
    pub fn next(&mut self, out: &mut [f64; VECTOR_LEN]) -> Result<usize, CodecError> {
        let len = self.remaining.min(VECTOR_LEN);
        self.fill(&mut out[..len])?;
        Ok(len)
    }

    /// Skips the next vector without unpacking it, and returns its length; 0 at the end.
    ///
    /// # Errors
    ///
    /// If the header of the vector is invalid, the vector is truncated, or bytes remain behind the last one. The packed
    /// values are not checked.
    pub fn skip(&mut self) -> Result<usize, CodecError> {
        let len = self.remaining.min(VECTOR_LEN);
        self.remaining -= len;
        match &mut self.payload {
            FloatPayload::Raw(reader) => {
                reader.take(len * WORD)?;
            }
            FloatPayload::Constant(_) => {}
            FloatPayload::Alp { digits, exceptions, .. } => {
                digits.skip()?;
                exceptions.skip(len);
            }
            FloatPayload::Pco(values) => values.by_ref().take(len).for_each(drop),
        }
        Ok(len)
    }

    /// Decodes the next vector into `out`, which must have the length of the vector (0 at the end).
    fn fill(&mut self, out: &mut [f64]) -> Result<(), CodecError> {
        assert_eq!(out.len(), self.remaining.min(VECTOR_LEN), "the length of the buffer is not that of the vector");
        self.remaining -= out.len();
        match &mut self.payload {
            FloatPayload::Raw(reader) => {
                let bytes = reader.take(size_of_val(out))?;
                for (value, word) in out.iter_mut().zip(bytes.as_chunks().0) {
                    *value = f64_of(*word);
                }
            }
            FloatPayload::Constant(value) => out.fill(*value),
            FloatPayload::Alp { scale, digits, exceptions } => {
                // The digits are decoded where the doubles will be.
                let words = bytemuck::cast_slice_mut::<f64, i64>(out);
                digits.fill(words)?;
                scale.decode(words);
                exceptions.apply(out);
            }
            FloatPayload::Pco(values) => take_front(values, out),
        }
        Ok(())
    }
}

/// Moves the first `out.len()` values of an iterator, which must have as many, to `out`.
pub(super) fn take_front<T: Copy>(values: &mut IntoIter<T>, out: &mut [T]) {
    let taken = out.len();
    out.copy_from_slice(&values.as_slice()[..taken]);
    values.by_ref().take(taken).for_each(drop);
}

/// Exceptions of an ALP column that are not applied or skipped yet, in the order of their positions.
#[derive(Debug)]
struct AlpExceptions<'a> {
    /// Positions in the block, as little-endian `u16`.
    positions: &'a [[u8; 2]],
    words: &'a [[u8; WORD]],
    /// Position in the block at which the next vector begins.
    base: usize,
}

impl<'a> AlpExceptions<'a> {
    /// Reads the exceptions of a column of `count` values.
    fn read(reader: &mut ColumnReader<'a>, count: usize) -> Result<Self, CodecError> {
        let exceptions = usize::try_from(reader.u64()?).unwrap_or(usize::MAX);
        if exceptions > count {
            return Err(CodecError("there are more exceptions than values"));
        }
        let (positions, _) = reader.take(exceptions * 2)?.as_chunks();
        let (words, _) = reader.take(exceptions * WORD)?.as_chunks();
        if !positions.is_sorted_by(|&a, &b| position_of(a) < position_of(b))
            || positions.last().is_some_and(|&last| position_of(last) >= count)
        {
            return Err(CodecError("exception positions do not ascend within the block"));
        }
        Ok(Self { positions, words, base: 0 })
    }

    /// Writes the exceptions of the next vector into its decoded values.
    fn apply(&mut self, out: &mut [f64]) {
        let start = self.base;
        let (positions, words) = self.take_until(out.len());
        for (&position, &word) in positions.iter().zip(words) {
            out[position_of(position) - start] = f64_of(word);
        }
    }

    /// Skips the exceptions of the next `len` values.
    fn skip(&mut self, len: usize) {
        self.take_until(len);
    }

    /// Removes and returns the exceptions of the next `len` values. They are the first ones, since positions ascend and
    /// earlier exceptions are already removed.
    fn take_until(&mut self, len: usize) -> (&'a [[u8; 2]], &'a [[u8; WORD]]) {
        self.base += len;
        let count = self.positions.partition_point(|&position| position_of(position) < self.base);
        let (positions, later_positions) = self.positions.split_at(count);
        let (words, later_words) = self.words.split_at(count);
        (self.positions, self.words) = (later_positions, later_words);
        (positions, words)
    }
}

fn position_of(bytes: [u8; 2]) -> usize {
    usize::from(u16::from_le_bytes(bytes))
}

fn f64_of(word: [u8; WORD]) -> f64 {
    f64::from_bits(u64::from_le_bytes(word))
}

/// Replaces the contents of `out` by the `count` doubles of the column `bytes`.
///
/// # Errors
///
/// If `bytes` is not exactly one column of `count` doubles; `out` is then empty.
#[cfg(any(test, feature = "testing"))]
pub fn decode_floats(bytes: &[u8], count: usize, out: &mut Vec<f64>) -> Result<(), CodecError> {
    decode_column(FloatDecoder::new(bytes, count), count, out, FloatDecoder::fill)
}

#[cfg(test)]
mod tests {
    use super::super::codec_name;
    use super::*;

    fn encoded(values: &[f64]) -> Vec<u8> {
        let mut bytes = Vec::new();
        encode_floats(values, &mut CodecScratch::default(), &mut bytes);
        let mut back = vec![7.0];
        decode_floats(&bytes, values.len(), &mut back).unwrap();
        assert!(back.iter().map(|v| v.to_bits()).eq(values.iter().map(|v| v.to_bits())));
        bytes
    }

    #[test]
    fn the_codec_depends_on_the_values() {
        assert_eq!(codec_name(&encoded(&[])), "raw");
        assert_eq!(codec_name(&encoded(&[-0.0; 9])), "constant");
        assert_eq!(codec_name(&encoded(&[0.0, -0.0])), "raw");
        assert_eq!(codec_name(&encoded(&(0..99).map(|i| f64::from(i % 7) / 10.0).collect::<Vec<_>>())), "alp");
        assert_eq!(codec_name(&encoded(&(1..99).map(|i| f64::from(i).sqrt().sin()).collect::<Vec<_>>())), "raw");
        assert_eq!(codec_name(&encoded(&[1e308, 5e-324, 1e300, 3e-310])), "raw");
    }

    #[test]
    fn exceptions_belong_to_their_vector_after_a_skip_too() {
        let mut values: Vec<f64> = (0..3000).map(|i| f64::from(i) / 10.0).collect();
        for position in [0, 1023, 1024, 1500, 2047, 2048, 2999] {
            values[position] = f64::NAN;
        }
        let bytes = encoded(&values);
        let mut decoder = FloatDecoder::new(&bytes, values.len()).unwrap();
        let mut vector = [0.0; VECTOR_LEN];
        assert_eq!(decoder.skip(), Ok(1024));
        assert_eq!(decoder.next(&mut vector), Ok(1024));
        assert!(vector.iter().map(|v| v.to_bits()).eq(values[1024..2048].iter().map(|v| v.to_bits())));
        assert_eq!(decoder.skip(), Ok(952));
        assert_eq!(decoder.skip(), Ok(0));
        assert_eq!(decoder.next(&mut vector), Ok(0));
    }

    #[test]
    fn exceptions_out_of_order_or_range_are_refused() {
        let mut values: Vec<f64> = (0..100).map(|i| f64::from(i % 5)).collect();
        (values[3], values[9]) = (f64::NAN, f64::INFINITY);
        let bytes = encoded(&values);
        assert_eq!(bytes[3..8], [2, 3, 0, 9, 0]);
        for (at, byte) in [(1, 19), (2, 19), (3, 101), (4, 9), (6, 3), (6, 100), (7, 1)] {
            let mut bad = bytes.clone();
            bad[at] = byte;
            assert!(decode_floats(&bad, values.len(), &mut Vec::new()).is_err(), "byte {at} = {byte}");
        }
    }
}
