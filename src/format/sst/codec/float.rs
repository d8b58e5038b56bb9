//! Columns of doubles: constant, ALP with exceptions or with corrections, numbers in a table, or raw.
//!
//! ```text
//!  ALP column:       codec id, scale, exception count, exception positions, exception values, digits (a column of integers)
//!  corrected column: codec id, scale, length, corrections (a column of integers), digits (a column of integers)
//!  distinct column:  codec id, number of values, length, values (a column of doubles), numbers (a column of integers)
//! ```
//!
//! Invariants:
//! - Every value is decoded bit for bit, including NaN payloads and the signs of zeros.
//! - No column is more than one byte longer than its values as 64-bit words.

use std::vec::IntoIter;

use super::alp::DecimalScale;
use super::corrected;
#[cfg(any(test, feature = "testing"))]
use super::decode_column;
use super::distinct::{self, MAX_DISTINCT};
use super::integer::{self, IntegerDecoder};
use super::varint::{ColumnReader, write_u64};
use super::{CodecError, CodecScratch, MAX_BLOCK_POINTS, VECTOR_LEN, codec_id, pco};

/// Length of a double in bytes.
const WORD: usize = size_of::<f64>();

/// Corrections are tried if more than one value in so many is an exception of ALP: they then take less than the exceptions.
const MIN_CORRECTED_PART: usize = 64;

/// Maximum length of a column with corrections or a table, in per cent of an ALP column, which is decoded a little faster.
const MAX_PERCENT_OF_ALP: usize = 90;
/// Maximum length of a column with corrections or a table, in per cent of raw words, which are decoded several times as fast.
const MAX_PERCENT_OF_RAW: usize = 80;

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
    let start = out.len();
    let exceptions = write_alp_or_raw(values, scratch, out);
    if exceptions * MIN_CORRECTED_PART > values.len() {
        replace_by_corrected(values, scratch, start, out);
    }
    replace_by_distinct(values, scratch, start, out);
}

/// Appends an ALP column or raw words, and returns the number of values that are not stored as digits.
fn write_alp_or_raw(values: &[f64], scratch: &mut CodecScratch, out: &mut Vec<u8>) -> usize {
    let start = out.len();
    if let Some(scale) = DecimalScale::fit(values) {
        write_alp(scale, values, scratch, out);
        // A raw column decodes faster and more simply, so ALP must save at least five per cent of the raw words.
        if (out.len() - start) * 100 <= values.len() * WORD * 95 {
            return scratch.digits.exceptions.len();
        }
        out.truncate(start);
    }
    out.push(codec_id::RAW);
    out.extend(values.iter().flat_map(|value| value.to_bits().to_le_bytes()));
    values.len()
}

/// Replaces the column `out[start..]` by one with corrections if that is clearly shorter.
fn replace_by_corrected(values: &[f64], scratch: &mut CodecScratch, start: usize, out: &mut Vec<u8>) {
    let Some(scale) = corrected::fit(values) else { return };
    let CodecScratch { integers, corrected, columns: [column, corrections], .. } = scratch;
    corrected.split(scale, values);
    corrections.clear();
    integer::encode(&corrected.corrections, integers, corrections);
    column.clear();
    column.push(codec_id::CORRECTED);
    scale.write(column);
    write_u64(corrections.len() as u64, column);
    column.extend_from_slice(corrections);
    integer::encode(&corrected.digits, integers, column);
    replace_if_clearly_shorter(column, start, out);
}

/// Replaces the column `out[start..]` by numbers in a table if that is clearly shorter.
fn replace_by_distinct(values: &[f64], scratch: &mut CodecScratch, start: usize, out: &mut Vec<u8>) {
    let len = out.len() - start;
    // Numbers of fewer bits than a value takes, and a table of at most a quarter of the column.
    let bits = u32::try_from(len * 8 / values.len()).unwrap_or(u32::MAX).min(MAX_DISTINCT.ilog2());
    let max = (1 << bits).min(len / (4 * WORD));
    let mut distinct = std::mem::take(&mut scratch.distinct);
    if max > 1 && distinct.find(values, max) {
        let [mut column, mut table] = std::mem::take(&mut scratch.columns);
        table.clear();
        write_alp_or_raw(&distinct.table, scratch, &mut table);
        column.clear();
        column.push(codec_id::DISTINCT);
        write_u64(distinct.table.len() as u64, &mut column);
        write_u64(table.len() as u64, &mut column);
        column.extend_from_slice(&table);
        integer::encode(&distinct.numbers, &mut scratch.integers, &mut column);
        replace_if_clearly_shorter(&column, start, out);
        scratch.columns = [column, table];
    }
    scratch.distinct = distinct;
}

/// Replaces the ALP or raw column `out[start..]` by another one that has a part of its length: at most
/// [`MAX_PERCENT_OF_ALP`] or [`MAX_PERCENT_OF_RAW`] per cent.
fn replace_if_clearly_shorter(column: &[u8], start: usize, out: &mut Vec<u8>) {
    let max_percent = if out[start] == codec_id::RAW { MAX_PERCENT_OF_RAW } else { MAX_PERCENT_OF_ALP };
    if column.len() * 100 <= (out.len() - start) * max_percent {
        out.truncate(start);
        out.extend_from_slice(column);
    }
}

/// Appends an ALP column.
fn write_alp(scale: DecimalScale, values: &[f64], scratch: &mut CodecScratch, out: &mut Vec<u8>) {
    let CodecScratch { integers, digits, .. } = scratch;
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
    Corrected { scale: DecimalScale, digits: IntegerDecoder<'a>, corrections: IntegerDecoder<'a> },
    Distinct { table: Vec<f64>, numbers: IntegerDecoder<'a> },
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
            codec_id::CORRECTED => FloatPayload::Corrected {
                scale: DecimalScale::read(&mut reader)?,
                corrections: IntegerDecoder::without_pco(take_column(&mut reader)?, count)?,
                digits: IntegerDecoder::without_pco(reader.take_rest(), count)?,
            },
            codec_id::DISTINCT => FloatPayload::Distinct {
                table: read_table(&mut reader, count)?,
                numbers: IntegerDecoder::without_pco(reader.take_rest(), count)?,
            },
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
            FloatPayload::Corrected { digits, corrections, .. } => {
                // Both are skipped, so that they stay at the same vector after an error.
                let skipped = digits.skip();
                corrections.skip().and(skipped)?;
            }
            FloatPayload::Distinct { numbers, .. } => {
                numbers.skip()?;
            }
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
                digits.fill_scaled(Some(*scale), words)?;
                exceptions.apply(out);
            }
            FloatPayload::Pco(values) => take_front(values, out),
            FloatPayload::Corrected { scale, digits, corrections } => {
                let words = bytemuck::cast_slice_mut::<f64, i64>(out);
                let mut buffer = [0; VECTOR_LEN];
                let buffer = &mut buffer[..words.len()];
                // Both are filled, so that they stay at the same vector after an error.
                let filled = digits.fill(words);
                corrections.fill(buffer).and(filled)?;
                scale.decode(words);
                corrected::correct(buffer, words);
            }
            FloatPayload::Distinct { table, numbers } => {
                let words = bytemuck::cast_slice_mut::<f64, i64>(out);
                numbers.fill(words)?;
                if !distinct::look_up(table, words) {
                    return Err(CodecError("a number is not in the table of its column"));
                }
            }
        }
        Ok(())
    }
}

/// Reads the length of a column, and the column.
fn take_column<'a>(reader: &mut ColumnReader<'a>) -> Result<&'a [u8], CodecError> {
    let len = usize::try_from(reader.u64()?).map_err(|_| CodecError::TRUNCATED)?;
    reader.take(len)
}

/// Reads the table of a column of `count` values: a raw or an ALP column of its own.
fn read_table(reader: &mut ColumnReader<'_>, count: usize) -> Result<Vec<f64>, CodecError> {
    let len = usize::try_from(reader.u64()?).unwrap_or(usize::MAX);
    if len == 0 || len > count.min(MAX_DISTINCT) {
        return Err(CodecError("the number of distinct values is out of range"));
    }
    let column = take_column(reader)?;
    if !matches!(column.first(), Some(&(codec_id::RAW | codec_id::ALP))) {
        return Err(CodecError::UNKNOWN);
    }
    let mut table = vec![0.0; len];
    FloatDecoder::new(column, len)?.fill(&mut table)?;
    Ok(table)
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
    fn doubles_beside_decimals_are_stored_with_corrections() {
        let mut values: Vec<f64> = (0..3000).map(|i| f64::from(i * 7_919 % 100_003) * 1.150_78).collect();
        values[2000] = f64::NAN;
        let bytes = encoded(&values);
        assert_eq!(codec_name(&bytes), "corrected");
        assert!(bytes.len() < values.len() * 5, "{}", bytes.len());
        let mut decoder = FloatDecoder::new(&bytes, values.len()).unwrap();
        let mut vector = [0.0; VECTOR_LEN];
        assert_eq!((decoder.skip(), decoder.next(&mut vector)), (Ok(1024), Ok(1024)));
        assert!(vector.iter().map(|v| v.to_bits()).eq(values[1024..2048].iter().map(|v| v.to_bits())));
    }

    #[test]
    fn few_distinct_doubles_are_stored_in_a_table() {
        let values: Vec<f64> = (0..3000).map(|i| f64::from(i * i % 37).sqrt()).collect();
        let bytes = encoded(&values);
        assert_eq!(codec_name(&bytes), "distinct");
        assert!(bytes.len() < values.len(), "{}", bytes.len());
        let mut decoder = FloatDecoder::new(&bytes, values.len()).unwrap();
        let mut vector = [0.0; VECTOR_LEN];
        assert_eq!((decoder.skip(), decoder.next(&mut vector)), (Ok(1024), Ok(1024)));
        assert_eq!(vector[..], values[1024..2048]);
        let (table, len) = (usize::from(bytes[1]), bytes.len());
        let refuses = |change: &dyn Fn(&mut Vec<u8>)| {
            let mut bad = bytes.clone();
            change(&mut bad);
            assert!(decode_floats(&bad, values.len(), &mut Vec::new()).is_err(), "{:?}", &bad[..8]);
        };
        // A value less in the table, none, another length, a table in a table, and a cut.
        refuses(&|bytes| bytes[1] -= 1);
        refuses(&|bytes| bytes[1] = 0);
        refuses(&|bytes| bytes[2] ^= 1);
        refuses(&|bytes| bytes[4] = codec_id::DISTINCT);
        refuses(&|bytes| bytes.truncate(len - 1));
        // A number behind the table: the raw table has a value less, and is shorter.
        refuses(&|bytes| {
            bytes[1] -= 1;
            bytes.drain(5 + table * WORD - WORD..5 + table * WORD);
            let mut len = Vec::new();
            write_u64(1 + (table as u64 - 1) * WORD as u64, &mut len);
            bytes.splice(2..4, len);
        });
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
