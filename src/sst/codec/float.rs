//! A column of doubles: constant, or decimal digits packed as integers with exceptions kept whole (ALP), or raw.
//! Promises every value back bit for bit, the payload of a NaN and the sign of a zero included, and no column longer
//! than raw words by more than a byte.
//! Must not know how integers are packed.

use std::vec::IntoIter;

use super::alp::Scale;
use super::integer::{self, IntegerDecoder};
use super::varint::{Reader, write_u64};
use super::{CodecError, MAX_POINTS, Scratch, VECTOR, id, pco};

const WORD: usize = size_of::<f64>();

/// Appends `values`, at most [`MAX_POINTS`], to `out` as one self-describing column.
///
/// # Panics
///
/// If there are more than [`MAX_POINTS`] values.
pub fn encode_floats(values: &[f64], scratch: &mut Scratch, out: &mut Vec<u8>) {
    assert!(values.len() <= MAX_POINTS, "a block holds at most {MAX_POINTS} values");
    let Some((first, rest)) = values.split_first() else {
        return out.push(id::RAW);
    };
    if rest.iter().all(|value| value.to_bits() == first.to_bits()) {
        out.push(id::CONSTANT);
        return out.extend(first.to_bits().to_le_bytes());
    }
    let before = out.len();
    if let Some(scale) = Scale::of(values) {
        write_alp(scale, values, scratch, out);
        // Raw decodes faster and with less to go wrong: five per cent is the least gain worth giving that up for.
        if (out.len() - before) * 100 <= values.len() * WORD * 95 {
            return;
        }
        out.truncate(before);
    }
    out.push(id::RAW);
    out.extend(values.iter().flat_map(|value| value.to_bits().to_le_bytes()));
}

fn write_alp(scale: Scale, values: &[f64], scratch: &mut Scratch, out: &mut Vec<u8>) {
    let Scratch { integers, digits } = scratch;
    scale.encode(values, digits);
    out.push(id::ALP);
    scale.write(out);
    write_u64(digits.exceptions.len() as u64, out);
    out.extend(digits.exceptions.iter().flat_map(|position| position.to_le_bytes()));
    out.extend(digits.exceptions.iter().flat_map(|&position| values[usize::from(position)].to_bits().to_le_bytes()));
    integer::encode(&digits.digits, integers, out);
}

/// Decodes a column of doubles vector by vector.
///
/// After an error the decoder is of no more use, though it keeps its promises: no panic, no endless loop.
#[derive(Debug)]
pub struct FloatDecoder<'a> {
    body: Body<'a>,
    /// Values not yet decoded or passed over.
    left: usize,
}

#[derive(Debug)]
enum Body<'a> {
    Raw(Reader<'a>),
    Constant(f64),
    Alp {
        scale: Scale,
        digits: IntegerDecoder<'a>,
        /// One vector's digits on their way to doubles. On the heap and no longer than the column, since to clear and to
        /// move 8 KiB in place would cost a block of some tens of values more than all the rest.
        buffer: Vec<i64>,
        exceptions: Exceptions<'a>,
    },
    Pco(IntoIter<f64>),
}

impl<'a> FloatDecoder<'a> {
    /// Reads the head of a column of `count` values, which must be the whole of `bytes`.
    ///
    /// # Errors
    ///
    /// If the head is no head of a column of that many doubles.
    pub fn new(bytes: &'a [u8], count: usize) -> Result<Self, CodecError> {
        if count > MAX_POINTS {
            return Err(CodecError::TOO_MANY);
        }
        let mut reader = Reader::new(bytes);
        let body = match reader.byte()? {
            id::RAW => {
                if bytes.len() != 1 + count * WORD {
                    return Err(CodecError::RAW_LENGTH);
                }
                Body::Raw(reader)
            }
            _ if count == 0 => return Err(CodecError::NOT_EMPTY),
            id::CONSTANT => {
                let (words, _) = reader.take(WORD)?.as_chunks();
                reader.finish()?;
                Body::Constant(words.first().map_or(0.0, |word| f64_of(*word)))
            }
            id::ALP => Body::Alp {
                scale: Scale::read(&mut reader)?,
                exceptions: Exceptions::read(&mut reader, count)?,
                digits: IntegerDecoder::packed(reader.take_rest(), count)?,
                buffer: vec![0; count.min(VECTOR)],
            },
            id::PCO => Body::Pco(pco::decode(reader.take_rest(), count)?.into_iter()),
            _ => return Err(CodecError::UNKNOWN),
        };
        Ok(Self { body, left: count })
    }

    /// Decodes the next vector to the front of `out`, and returns its length: [`VECTOR`], or less for the last, or 0 at
    /// the end.
    ///
    /// # Errors
    ///
    /// If the bytes are no vector, or bytes trail the last one. The contents of `out` then have no meaning.
    pub fn next(&mut self, out: &mut [f64; VECTOR]) -> Result<usize, CodecError> {
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
        self.left -= len;
        match &mut self.body {
            Body::Raw(reader) => {
                reader.take(len * WORD)?;
            }
            Body::Constant(_) => {}
            Body::Alp { digits, exceptions, .. } => {
                digits.skip()?;
                exceptions.skip(len);
            }
            Body::Pco(values) => values.by_ref().take(len).for_each(drop),
        }
        Ok(len)
    }

    /// Decodes the next vector, whose length `out` must have; nothing at the end.
    fn fill(&mut self, out: &mut [f64]) -> Result<(), CodecError> {
        assert_eq!(out.len(), self.left.min(VECTOR), "vectors are decoded whole");
        self.left -= out.len();
        match &mut self.body {
            Body::Raw(reader) => {
                let bytes = reader.take(size_of_val(out))?;
                for (value, word) in out.iter_mut().zip(bytes.as_chunks().0) {
                    *value = f64_of(*word);
                }
            }
            Body::Constant(value) => out.fill(*value),
            Body::Alp { scale, digits, buffer, exceptions } => {
                let buffer = &mut buffer[..out.len()];
                digits.fill(buffer)?;
                scale.decode(buffer, out);
                exceptions.apply(out);
            }
            Body::Pco(values) => take_front(values, out),
        }
        Ok(())
    }
}

/// Values that were decoded all at once, on their way out.
pub(super) fn take_front<T: Copy>(values: &mut IntoIter<T>, out: &mut [T]) {
    let taken = out.len();
    out.copy_from_slice(&values.as_slice()[..taken]);
    values.by_ref().take(taken).for_each(drop);
}

/// The values that digits do not give back, in the order of their positions.
#[derive(Debug)]
struct Exceptions<'a> {
    positions: &'a [[u8; 2]],
    words: &'a [[u8; WORD]],
    /// The position at which the next vector starts.
    base: usize,
}

impl<'a> Exceptions<'a> {
    fn read(reader: &mut Reader<'a>, count: usize) -> Result<Self, CodecError> {
        let exceptions = usize::try_from(reader.u64()?).unwrap_or(usize::MAX);
        if exceptions > count {
            return Err(CodecError("there are more exceptions than values"));
        }
        let (positions, _) = reader.take(exceptions * 2)?.as_chunks();
        let (words, _) = reader.take(exceptions * WORD)?.as_chunks();
        if !positions.is_sorted_by(|&a, &b| position_of(a) < position_of(b))
            || positions.last().is_some_and(|&last| position_of(last) >= count)
        {
            return Err(CodecError("exception positions do not rise within the block"));
        }
        Ok(Self { positions, words, base: 0 })
    }

    /// Sets the exceptions of the next vector, `out`.
    fn apply(&mut self, out: &mut [f64]) {
        let start = self.base;
        let (positions, words) = self.pass(out.len());
        for (&position, &word) in positions.iter().zip(words) {
            out[position_of(position) - start] = f64_of(word);
        }
    }

    fn skip(&mut self, len: usize) {
        self.pass(len);
    }

    /// Takes off those of the next `len` values. They are sorted, and none is before `base`, as all of those are off.
    fn pass(&mut self, len: usize) -> (&'a [[u8; 2]], &'a [[u8; WORD]]) {
        self.base += len;
        let here = self.positions.partition_point(|&position| position_of(position) < self.base);
        let (positions, later_positions) = self.positions.split_at(here);
        let (words, later_words) = self.words.split_at(here);
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
pub fn decode_floats(bytes: &[u8], count: usize, out: &mut Vec<f64>) -> Result<(), CodecError> {
    let result = FloatDecoder::new(bytes, count).and_then(|mut decoder| {
        out.resize(count, 0.0);
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

    fn encoded(values: &[f64]) -> Vec<u8> {
        let mut bytes = Vec::new();
        encode_floats(values, &mut Scratch::default(), &mut bytes);
        let mut back = vec![7.0];
        decode_floats(&bytes, values.len(), &mut back).unwrap();
        assert!(back.iter().map(|v| v.to_bits()).eq(values.iter().map(|v| v.to_bits())));
        bytes
    }

    #[test]
    fn the_codec_follows_the_values() {
        assert_eq!(codec_name(&encoded(&[])), "raw");
        assert_eq!(codec_name(&encoded(&[-0.0; 9])), "constant");
        assert_eq!(codec_name(&encoded(&[0.0, -0.0])), "raw");
        assert_eq!(codec_name(&encoded(&(0..99).map(|i| f64::from(i % 7) / 10.0).collect::<Vec<_>>())), "alp");
        assert_eq!(codec_name(&encoded(&(1..99).map(|i| f64::from(i).sqrt().sin()).collect::<Vec<_>>())), "raw");
        assert_eq!(codec_name(&encoded(&[1e308, 5e-324, 1e300, 3e-310])), "raw");
    }

    #[test]
    fn exceptions_find_their_vector_also_after_a_skip() {
        let mut values: Vec<f64> = (0..3000).map(|i| f64::from(i) / 10.0).collect();
        for position in [0, 1023, 1024, 1500, 2047, 2048, 2999] {
            values[position] = f64::NAN;
        }
        let bytes = encoded(&values);
        let mut decoder = FloatDecoder::new(&bytes, values.len()).unwrap();
        let mut vector = [0.0; VECTOR];
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
