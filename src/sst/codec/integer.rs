//! A column of integers: constant, or on a grid and flattened by the scheme that comes out smallest, or raw.
//! Promises that every vector is decoded or passed over from its own bytes alone (but for pco's, which come all at once), and
//! that no column is longer than raw words by more than three bytes.
//! Must not know whether the integers are times, counts, flags or a decimal's digits.

use std::vec::IntoIter;

use super::float::take_front;
use super::grid::Grid;
use super::patch::{self, Frame, Plan};
use super::scheme::Scheme;
use super::varint::{Reader, write_i64};
use super::{CodecError, MAX_POINTS, Scratch, VECTOR, id, pco};

const MAX_VECTORS: usize = MAX_POINTS / VECTOR;

#[derive(Debug, Default)]
pub(super) struct Buffers {
    quotients: Vec<i64>,
    flat: Vec<i64>,
    frames: patch::Buffers,
}

/// Appends `values`, at most [`MAX_POINTS`], to `out` as one self-describing column.
///
/// All arithmetic wraps, so `u64` values cast to `i64` bit for bit serve as well; booleans go in as 0 and 1.
///
/// # Panics
///
/// If there are more than [`MAX_POINTS`] values.
pub fn encode_integers(values: &[i64], scratch: &mut Scratch, out: &mut Vec<u8>) {
    encode(values, &mut scratch.integers, out);
}

pub(super) fn encode(values: &[i64], buffers: &mut Buffers, out: &mut Vec<u8>) {
    assert!(values.len() <= MAX_POINTS, "a block holds at most {MAX_POINTS} values");
    let Some((&first, rest)) = values.split_first() else {
        return write_raw(values, out);
    };
    if rest.iter().all(|&value| value == first) {
        out.push(id::CONSTANT);
        return write_i64(first, out);
    }
    let before = out.len();
    let grid = Grid::of(values);
    let Buffers { quotients, flat, frames } = buffers;
    let quotients = if grid.step == 1 {
        values
    } else {
        grid.divide(values, quotients);
        quotients
    };
    let survey = Survey::smallest(quotients, flat);
    let len = 1 + grid.encoded_len() + survey.len;
    if len >= raw_len(values.len()) {
        return write_raw(values, out);
    }
    out.push(survey.scheme.id());
    grid.write(out);
    for (vector, plan) in quotients.chunks(VECTOR).zip(&survey.plans) {
        let line = survey.scheme.flatten(vector, flat);
        survey.scheme.write_line(line, out);
        plan.write(flat, frames, out);
    }
    assert_eq!(out.len() - before, len, "the length was foretold wrongly");
}

/// What a block comes to under one scheme, found without packing it.
struct Survey {
    scheme: Scheme,
    plans: [Plan; MAX_VECTORS],
    /// Bytes of all vectors.
    len: usize,
}

impl Survey {
    /// Differences come first, being mostly the smallest, so that the others are soon given up. Of equals, though, those
    /// that decode without a running sum win.
    fn smallest(values: &[i64], flat: &mut Vec<i64>) -> Self {
        let mut best = Self::of(Scheme::Delta, values, flat, usize::MAX);
        for scheme in [Scheme::Linear, Scheme::For] {
            let survey = Self::of(scheme, values, flat, best.len);
            if survey.len <= best.len {
                best = survey;
            }
        }
        // Differencing doubles noise: where differences are not the best, their differences are not either.
        if best.scheme == Scheme::Delta {
            let survey = Self::of(Scheme::Delta2, values, flat, best.len);
            if survey.len < best.len {
                best = survey;
            }
        }
        best
    }

    /// Gives up, with a length past `limit`, as soon as it is passed.
    fn of(scheme: Scheme, values: &[i64], flat: &mut Vec<i64>, limit: usize) -> Self {
        let mut survey = Self { scheme, plans: Default::default(), len: 0 };
        for (vector, plan) in values.chunks(VECTOR).zip(&mut survey.plans) {
            let line = scheme.flatten(vector, flat);
            *plan = Plan::for_values(flat);
            survey.len += scheme.line_len(line) + plan.encoded_len(vector.len());
            if survey.len > limit {
                break;
            }
        }
        survey
    }
}

const fn raw_len(count: usize) -> usize {
    1 + count * size_of::<i64>()
}

fn write_raw(values: &[i64], out: &mut Vec<u8>) {
    out.push(id::RAW);
    out.extend(values.iter().flat_map(|value| value.to_le_bytes()));
}

/// Decodes a column of integers vector by vector.
///
/// After an error the decoder is of no more use, though it keeps its promises: no panic, no endless loop.
#[derive(Debug)]
pub struct IntegerDecoder<'a> {
    body: Body<'a>,
    /// Values not yet decoded or passed over.
    left: usize,
}

#[derive(Debug)]
enum Body<'a> {
    Raw(Reader<'a>),
    Constant(i64),
    Packed { scheme: Scheme, grid: Grid, reader: Reader<'a> },
    Pco(IntoIter<i64>),
}

impl<'a> IntegerDecoder<'a> {
    /// Reads the head of a column of `count` values, which must be the whole of `bytes`.
    ///
    /// # Errors
    ///
    /// If the head is no head of an integer column of that many values.
    pub fn new(bytes: &'a [u8], count: usize) -> Result<Self, CodecError> {
        if count > MAX_POINTS {
            return Err(CodecError::TOO_MANY);
        }
        let mut reader = Reader::new(bytes);
        let body = match reader.byte()? {
            id::RAW => {
                if bytes.len() != raw_len(count) {
                    return Err(CodecError::RAW_LENGTH);
                }
                Body::Raw(reader)
            }
            _ if count == 0 => return Err(CodecError::NOT_EMPTY),
            id::CONSTANT => {
                let value = reader.i64()?;
                reader.finish()?;
                Body::Constant(value)
            }
            id::PCO => Body::Pco(pco::decode(reader.take_rest(), count)?.into_iter()),
            id => {
                let scheme = Scheme::from_id(id).ok_or(CodecError::UNKNOWN)?;
                Body::Packed { scheme, grid: Grid::read(&mut reader)?, reader }
            }
        };
        Ok(Self { body, left: count })
    }

    /// The same for the digits of an ALP column, which never take a codec that is not decoded vector by vector.
    pub(super) fn packed(bytes: &'a [u8], count: usize) -> Result<Self, CodecError> {
        if bytes.first() == Some(&id::PCO) { Err(CodecError::UNKNOWN) } else { Self::new(bytes, count) }
    }

    /// Decodes the next vector to the front of `out`, and returns its length: [`VECTOR`], or less for the last, or 0 at
    /// the end.
    ///
    /// # Errors
    ///
    /// If the bytes are no vector, or bytes trail the last one. The contents of `out` then have no meaning.
    pub fn next(&mut self, out: &mut [i64; VECTOR]) -> Result<usize, CodecError> {
        let len = self.left.min(VECTOR);
        self.fill(&mut out[..len])?;
        Ok(len)
    }

    /// Passes over the next vector without unpacking it, and returns its length, 0 at the end.
    ///
    /// # Errors
    ///
    /// If the vector's head is wrong, or bytes trail the last one. What is packed is not looked at.
    pub fn skip(&mut self) -> Result<usize, CodecError> {
        let len = self.left.min(VECTOR);
        if len == 0 {
            return Ok(0);
        }
        self.left -= len;
        match &mut self.body {
            Body::Raw(reader) => {
                reader.take(len * size_of::<i64>())?;
            }
            Body::Constant(_) => {}
            Body::Packed { scheme, reader, .. } => {
                scheme.read_line(reader, len)?;
                Frame::read(reader, len)?;
            }
            Body::Pco(values) => values.by_ref().take(len).for_each(drop),
        }
        self.finish_if_last()?;
        Ok(len)
    }

    /// Decodes the next vector, whose length `out` must have; nothing at the end.
    pub(super) fn fill(&mut self, out: &mut [i64]) -> Result<(), CodecError> {
        assert_eq!(out.len(), self.left.min(VECTOR), "vectors are decoded whole");
        if out.is_empty() {
            return Ok(());
        }
        self.left -= out.len();
        match &mut self.body {
            Body::Raw(reader) => {
                let bytes = reader.take(size_of_val(out))?;
                for (value, word) in out.iter_mut().zip(bytes.as_chunks().0) {
                    *value = i64::from_le_bytes(*word);
                }
            }
            Body::Constant(value) => out.fill(*value),
            Body::Packed { scheme, grid, reader } => unpack(*scheme, *grid, reader, out)?,
            Body::Pco(values) => take_front(values, out),
        }
        self.finish_if_last()
    }

    fn finish_if_last(&self) -> Result<(), CodecError> {
        match self.body {
            Body::Raw(reader) | Body::Packed { reader, .. } if self.left == 0 => reader.finish(),
            _ => Ok(()),
        }
    }
}

fn unpack(scheme: Scheme, grid: Grid, reader: &mut Reader<'_>, out: &mut [i64]) -> Result<(), CodecError> {
    let mut line = scheme.read_line(reader, out.len())?;
    let frame = Frame::read(reader, out.len())?;
    frame.unpack(out)?;
    // The grid's step goes into everything that is summed, so that the sums are values and not quotients.
    let step = grid.step.cast_signed();
    if step != 1 && !frame.is_flat() {
        for value in &mut *out {
            *value = value.wrapping_mul(step);
        }
    }
    line.start = line.start.wrapping_mul(step).wrapping_add(grid.offset);
    line.slope = line.slope.wrapping_mul(step);
    scheme.restore(line, frame.reference.wrapping_mul(step), out);
    Ok(())
}

/// Replaces the contents of `out` by the `count` integers of the column `bytes`.
///
/// # Errors
///
/// If `bytes` is not exactly one integer column of `count` values; `out` is then empty.
pub fn decode_integers(bytes: &[u8], count: usize, out: &mut Vec<i64>) -> Result<(), CodecError> {
    let result = IntegerDecoder::new(bytes, count).and_then(|mut decoder| {
        out.resize(count, 0);
        out.chunks_mut(VECTOR).try_for_each(|vector| decoder.fill(vector))
    });
    if result.is_err() {
        out.clear();
    }
    result
}

#[cfg(test)]
mod tests {
    use super::super::codec_name;
    use super::*;

    fn encoded(values: &[i64]) -> Vec<u8> {
        let mut bytes = Vec::new();
        encode_integers(values, &mut Scratch::default(), &mut bytes);
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
    fn a_vector_is_passed_over_as_it_is_decoded() {
        let values: Vec<i64> = (0..2500).map(|i| i * i % 1000).collect();
        let bytes = encoded(&values);
        let mut decoder = IntegerDecoder::new(&bytes, values.len()).unwrap();
        let mut vector = [0; VECTOR];
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
        assert!(decode_integers(&bytes, MAX_POINTS + 1, &mut out).is_err());
        assert!(decode_integers(&bytes, 0, &mut out).is_err());
        assert!(decode_integers(&[], 0, &mut out).is_err());
        assert!(decode_integers(&[id::PCO, 0], 1, &mut out).is_err());
        let tail = [&bytes[..], &[0]].concat();
        assert_eq!(decode_integers(&tail, 100, &mut out), Err(CodecError("bytes trail the column")));
    }
}
