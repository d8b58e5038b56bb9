//! Columns of integers: timestamps, counters, booleans, and the digits of ALP.
//!
//! The encoder tries, in this order: constant; a grid and the [`Scheme`] with the fewest bytes; raw words if the packed
//! column is not shorter. To find the scheme, the encoder computes the exact length under each scheme without packing,
//! vector by vector, and stops as soon as the length exceeds that of the best scheme so far. `Delta2` is tried only if
//! `Delta` is better than `Linear` and `For`.
//!
//! ```text
//!  packed column:  codec id, grid, vector, vector, ...       vector:  scheme parameters, PFOR frame
//! ```
//!
//! Invariants:
//! - Each vector is decoded or skipped from its own bytes, the scheme and the grid only (except in pco columns, which
//!   are decoded at once).
//! - No column is more than three bytes longer than its values as 64-bit words.

use std::vec::IntoIter;

use fearless_simd::Level;

use super::alp::DecimalScale;
#[cfg(any(test, feature = "testing"))]
use super::decode_column;
use super::float::take_front;
use super::grid::Grid;
use super::pfor::{PforBuffers, PforFrame, PforPlan};
use super::running_sum::{PackedDifferences, sum_differences};
use super::scheme::Scheme;
use super::varint::{ColumnReader, write_i64};
use super::vectors::map_words;
use super::{CodecError, CodecScratch, MAX_BLOCK_POINTS, VECTOR_LEN, codec_id, pco};

/// Maximum number of vectors in a column.
const MAX_VECTORS: usize = MAX_BLOCK_POINTS / VECTOR_LEN;

/// Buffers of the encoder of integers.
#[derive(Debug, Default)]
pub(super) struct IntegerBuffers {
    quotients: Vec<i64>,
    flat: Vec<i64>,
    pfor: PforBuffers,
}

/// Appends `values`, at most [`MAX_BLOCK_POINTS`], to `out` as one self-describing column.
///
/// All arithmetic wraps, so `u64` values can be passed cast to `i64` bit for bit. Booleans are 0 and 1.
///
/// # Panics
///
/// If there are more than [`MAX_BLOCK_POINTS`] values.
pub fn encode_integers(values: &[i64], scratch: &mut CodecScratch, out: &mut Vec<u8>) {
    encode(values, &mut scratch.integers, out);
}

/// Appends a column as [`encode_integers`] does, but takes only the buffers for integers.
pub(super) fn encode(values: &[i64], buffers: &mut IntegerBuffers, out: &mut Vec<u8>) {
    assert!(values.len() <= MAX_BLOCK_POINTS, "a block holds at most {MAX_BLOCK_POINTS} values");
    let Some((&first, rest)) = values.split_first() else {
        return write_raw(values, out);
    };
    if rest.iter().all(|&value| value == first) {
        out.push(codec_id::CONSTANT);
        return write_i64(first, out);
    }
    let before = out.len();
    let grid = Grid::fit(values);
    let IntegerBuffers { quotients, flat, pfor } = buffers;
    let quotients = if grid.step == 1 {
        values
    } else {
        grid.divide(values, quotients);
        quotients
    };
    let scheme_plan = SchemePlan::smallest(quotients, flat);
    let len = 1 + grid.encoded_len() + scheme_plan.len;
    if len >= raw_len(values.len()) {
        return write_raw(values, out);
    }
    out.push(scheme_plan.scheme.id());
    grid.write(out);
    for (vector, plan) in quotients.chunks(VECTOR_LEN).zip(&scheme_plan.plans) {
        let params = scheme_plan.scheme.flatten(vector, flat);
        scheme_plan.scheme.write_params(params, out);
        plan.write(flat, pfor, out);
    }
    assert_eq!(out.len() - before, len, "the computed length of the column is wrong");
}

/// Encoding plan of a column under one scheme, computed without packing.
struct SchemePlan {
    scheme: Scheme,
    plans: [PforPlan; MAX_VECTORS],
    /// Length of all vectors in bytes, with parameters; greater than the limit if planning stopped early.
    len: usize,
}

impl SchemePlan {
    /// Returns the plan with the fewest bytes among the schemes that are tried.
    ///
    /// `Delta` is tried first: it mostly takes the fewest bytes, so planning the others stops early. On equal lengths,
    /// `Linear` and `For` are preferred, since they decode without a running sum of the flat values.
    fn smallest(values: &[i64], flat: &mut Vec<i64>) -> Self {
        let mut best = Self::for_scheme(Scheme::Delta, values, flat, usize::MAX);
        for scheme in [Scheme::Linear, Scheme::For] {
            let scheme_plan = Self::for_scheme(scheme, values, flat, best.len);
            if scheme_plan.len <= best.len {
                best = scheme_plan;
            }
        }
        // Each differencing doubles the variance of noise. So if `Delta` is not the best, `Delta2` is not expected to
        // be better.
        if best.scheme == Scheme::Delta {
            let scheme_plan = Self::for_scheme(Scheme::Delta2, values, flat, best.len);
            if scheme_plan.len < best.len {
                best = scheme_plan;
            }
        }
        best
    }

    /// Plans a column under one scheme. Stops as soon as the length exceeds `limit`; the plan is then incomplete.
    fn for_scheme(scheme: Scheme, values: &[i64], flat: &mut Vec<i64>, limit: usize) -> Self {
        let mut scheme_plan = Self { scheme, plans: Default::default(), len: 0 };
        for (vector, plan) in values.chunks(VECTOR_LEN).zip(&mut scheme_plan.plans) {
            let params = scheme.flatten(vector, flat);
            *plan = PforPlan::for_values(flat);
            scheme_plan.len += scheme.params_len(params) + plan.encoded_len(vector.len());
            if scheme_plan.len > limit {
                break;
            }
        }
        scheme_plan
    }
}

/// Returns the length of a raw column in bytes.
const fn raw_len(count: usize) -> usize {
    1 + count * size_of::<i64>()
}

fn write_raw(values: &[i64], out: &mut Vec<u8>) {
    out.push(codec_id::RAW);
    out.extend(values.iter().flat_map(|value| value.to_le_bytes()));
}

/// Decoder of a column of integers, vector by vector.
///
/// After an error, further results have no meaning, but the decoder still neither panics nor loops without bound.
#[derive(Debug)]
pub struct IntegerDecoder<'a> {
    payload: IntegerPayload<'a>,
    /// Number of values that are neither decoded nor skipped yet.
    remaining: usize,
}

/// Content of a column behind its header, by codec.
#[derive(Debug)]
enum IntegerPayload<'a> {
    Raw(ColumnReader<'a>),
    Constant(i64),
    Packed { scheme: Scheme, grid: Grid, reader: ColumnReader<'a> },
    Pco(IntoIter<i64>),
}

impl<'a> IntegerDecoder<'a> {
    /// Reads the header of a column of `count` values. The column must be all of `bytes`.
    ///
    /// A pco column is decoded completely.
    ///
    /// # Errors
    ///
    /// If `count` exceeds [`MAX_BLOCK_POINTS`], the header is not that of a column of `count` integers, or a pco column
    /// is invalid.
    pub fn new(bytes: &'a [u8], count: usize) -> Result<Self, CodecError> {
        if count > MAX_BLOCK_POINTS {
            return Err(CodecError::TOO_MANY);
        }
        let mut reader = ColumnReader::new(bytes);
        let payload = match reader.byte()? {
            codec_id::RAW => {
                if bytes.len() != raw_len(count) {
                    return Err(CodecError::RAW_LENGTH);
                }
                IntegerPayload::Raw(reader)
            }
            _ if count == 0 => return Err(CodecError::NOT_EMPTY),
            codec_id::CONSTANT => {
                let value = reader.i64()?;
                reader.finish()?;
                IntegerPayload::Constant(value)
            }
            codec_id::PCO => IntegerPayload::Pco(pco::decode(reader.take_rest(), count)?.into_iter()),
            id => {
                let scheme = Scheme::from_id(id).ok_or(CodecError::UNKNOWN)?;
                IntegerPayload::Packed { scheme, grid: Grid::read(&mut reader)?, reader }
            }
        };
        Ok(Self { payload, remaining: count })
    }

    /// Reads a header as [`new`](Self::new) does, but refuses pco.
    ///
    /// The digits of an ALP column must be decodable vector by vector.
    pub(super) fn without_pco(bytes: &'a [u8], count: usize) -> Result<Self, CodecError> {
        if bytes.first() == Some(&codec_id::PCO) { Err(CodecError::UNKNOWN) } else { Self::new(bytes, count) }
    }

    /// Decodes the next vector into the front of `out`, and returns its length: [`VECTOR_LEN`], less for the last
    /// vector, and 0 at the end.
    ///
    /// # Errors
    ///
    /// If the vector is invalid, or bytes remain behind the last one. The contents of `out` then have no meaning.
    pub fn next(&mut self, out: &mut [i64; VECTOR_LEN]) -> Result<usize, CodecError> {
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
        if len == 0 {
            return Ok(0);
        }
        self.remaining -= len;
        match &mut self.payload {
            IntegerPayload::Raw(reader) => {
                reader.take(len * size_of::<i64>())?;
            }
            IntegerPayload::Constant(_) => {}
            IntegerPayload::Packed { scheme, reader, .. } => {
                scheme.read_params(reader, len)?;
                PforFrame::read(reader, len)?;
            }
            IntegerPayload::Pco(values) => values.by_ref().take(len).for_each(drop),
        }
        self.finish_if_last()?;
        Ok(len)
    }

    /// Decodes the next vector into `out`, which must have the length of the vector (0 at the end).
    pub(super) fn fill(&mut self, out: &mut [i64]) -> Result<(), CodecError> {
        self.fill_scaled(None, out)
    }

    /// Decodes the next vector as [`fill`](Self::fill) does, and, if the values are the digits of a scale, converts them to
    /// the bits of their doubles.
    pub(super) fn fill_scaled(&mut self, scale: Option<DecimalScale>, out: &mut [i64]) -> Result<(), CodecError> {
        assert_eq!(out.len(), self.remaining.min(VECTOR_LEN), "the length of the buffer is not that of the vector");
        if out.is_empty() {
            return Ok(());
        }
        self.remaining -= out.len();
        match &mut self.payload {
            IntegerPayload::Raw(reader) => {
                let bytes = reader.take(size_of_val(out))?;
                for (value, word) in out.iter_mut().zip(bytes.as_chunks().0) {
                    *value = i64::from_le_bytes(*word);
                }
            }
            IntegerPayload::Constant(value) => out.fill(*value),
            IntegerPayload::Packed { scheme, grid, reader } => {
                unpack(*scheme, *grid, reader, scale, out)?;
                return self.finish_if_last();
            }
            IntegerPayload::Pco(values) => take_front(values, out),
        }
        if let Some(scale) = scale {
            scale.decode(out);
        }
        self.finish_if_last()
    }

    /// Checks that no bytes remain behind the last vector.
    fn finish_if_last(&self) -> Result<(), CodecError> {
        match self.payload {
            IntegerPayload::Raw(reader) | IntegerPayload::Packed { reader, .. } if self.remaining == 0 => {
                reader.finish()
            }
            _ => Ok(()),
        }
    }
}

/// Decodes one vector of a packed column, whose values are the digits of `scale`, if any.
fn unpack(
    scheme: Scheme,
    grid: Grid,
    reader: &mut ColumnReader<'_>,
    scale: Option<DecimalScale>,
    out: &mut [i64],
) -> Result<(), CodecError> {
    let mut params = scheme.read_params(reader, out.len())?;
    let frame = PforFrame::read(reader, out.len())?;
    // Multiplies all summands by the step of the grid and adds its offset once, so that the sums are values instead of
    // quotients.
    let step = grid.step.cast_signed();
    params.start = params.start.wrapping_mul(step).wrapping_add(grid.offset);
    params.slope = params.slope.wrapping_mul(step);
    let reference = frame.reference.wrapping_mul(step);
    if scheme == Scheme::Delta
        && step == 1
        && let Some((bytes, width)) = frame.without_patches()
        && let Some(differences) = PackedDifferences::new(bytes, width, params.start, reference)
    {
        return differences.restore(scale, out);
    }
    if frame.is_constant() {
        scheme.restore_constant(params, reference, out);
    } else {
        frame.unpack(out)?;
        if step != 1 {
            map_words(
                Level::new(),
                out,
                #[inline(always)]
                move |word| word.wrapping_mul(step),
            );
        }
        if scheme == Scheme::Delta && scale.is_some() {
            sum_differences(Level::new(), params.start, reference, scale, out);
            return Ok(());
        }
        scheme.restore(params, reference, out);
    }
    if let Some(scale) = scale {
        scale.decode(out);
    }
    Ok(())
}

/// Replaces the contents of `out` by the `count` integers of the column `bytes`.
///
/// # Errors
///
/// If `bytes` is not exactly one column of `count` integers; `out` is then empty.
#[cfg(any(test, feature = "testing"))]
pub fn decode_integers(bytes: &[u8], count: usize, out: &mut Vec<i64>) -> Result<(), CodecError> {
    decode_column(IntegerDecoder::new(bytes, count), count, out, IntegerDecoder::fill)
}

#[cfg(test)]
mod tests {
    use super::super::codec_name;
    use super::*;

    fn encoded(values: &[i64]) -> Vec<u8> {
        let mut bytes = Vec::new();
        encode_integers(values, &mut CodecScratch::default(), &mut bytes);
        let mut back = vec![7];
        decode_integers(&bytes, values.len(), &mut back).unwrap();
        assert_eq!(back, values);
        bytes
    }

    fn times(count: i64, step: i64) -> Vec<i64> {
        (0..count).map(|i| 1_760_000_000_000_000_000 + step * i).collect()
    }

    #[test]
    fn small_regular_blocks_of_times_take_few_bytes() {
        let bytes = encoded(&times(30, 10_000_000_000));
        // The example of docs/format.md: id, step, offset, slope, width, reference.
        assert_eq!(
            bytes,
            [&[4], &[0x80, 0xc8, 0xaf, 0xa0, 0x25][..], &[0, 2, 0], &[0x80, 0xb0, 0xec, 0xa7, 1]].concat()
        );
        assert!(encoded(&times(1, 0)).len() <= 10);
        assert!(encoded(&times(8192, 10_000_000_000)).len() < 100);
    }

    #[test]
    fn rare_jumps_in_regular_times_are_patched() {
        let mut values = times(8192, 1_000_000_000);
        for i in (100..8192).step_by(700) {
            values[i..].iter_mut().for_each(|time| *time += 37_123_456_789);
        }
        let bytes = encoded(&values);
        assert_eq!(codec_name(&bytes), "delta");
        assert!(bytes.len() < 400, "{}", bytes.len());
    }

    #[test]
    fn a_skipped_vector_has_the_length_of_a_decoded_one() {
        let values: Vec<i64> = (0..2500).map(|i| i * i % 1000).collect();
        let bytes = encoded(&values);
        let mut decoder = IntegerDecoder::new(&bytes, values.len()).unwrap();
        let mut vector = [0; VECTOR_LEN];
        assert_eq!(decoder.skip(), Ok(1024));
        assert_eq!(decoder.next(&mut vector), Ok(1024));
        assert_eq!(vector, values[1024..2048]);
        assert_eq!(decoder.skip(), Ok(452));
        assert_eq!(decoder.skip(), Ok(0));
        assert_eq!(decoder.next(&mut vector), Ok(0));
    }

    #[test]
    fn wrong_counts_ids_and_tails_are_refused() {
        let bytes = encoded(&times(100, 3));
        let mut out = Vec::new();
        assert!(decode_integers(&bytes, MAX_BLOCK_POINTS + 1, &mut out).is_err());
        assert!(decode_integers(&bytes, 0, &mut out).is_err());
        assert!(decode_integers(&[], 0, &mut out).is_err());
        assert!(decode_integers(&[codec_id::PCO, 0], 1, &mut out).is_err());
        let tail = [&bytes[..], &[0]].concat();
        assert_eq!(decode_integers(&tail, 100, &mut out), Err(CodecError("bytes remain behind the column")));
    }
}
