//! Packing of one column of a batch: the minimum, then the distance of each value from it.
//!
//! Each distance is stored in as many bytes as the largest distance needs.
//! Values are packed into whole bytes, not bits, because packing must not be slower than the disk.

use crate::format::bytes::{ByteReader, DecodeResult, put_u64};
use crate::types::series::SeriesId;

/// Type whose values map to `u64`s of the same order, and back.
pub(super) trait SortableBits: Copy + Ord {
    fn to_sortable(self) -> u64;
    fn from_sortable(bits: u64) -> Self;
}

impl SortableBits for u64 {
    fn to_sortable(self) -> u64 {
        self
    }

    fn from_sortable(bits: u64) -> Self {
        bits
    }
}

/// Sign bit of an `i64`. It is flipped, so that negative timestamps come before positive ones.
const SIGN: u64 = 1 << 63;

impl SortableBits for i64 {
    fn to_sortable(self) -> u64 {
        self.cast_unsigned() ^ SIGN
    }

    fn from_sortable(bits: u64) -> Self {
        (bits ^ SIGN).cast_signed()
    }
}

impl SortableBits for SeriesId {
    fn to_sortable(self) -> u64 {
        u64::from(self.get())
    }

    /// Converts a number above `u32::MAX` to `u32::MAX`, an invalid id that the record decoder refuses.
    fn from_sortable(bits: u64) -> Self {
        Self::new(u32::try_from(bits).unwrap_or(u32::MAX))
    }
}

/// Appends width, minimum and distances. The count is not stored; the reader gets it from the record.
pub(super) fn put_column<T: SortableBits>(out: &mut Vec<u8>, values: &[T]) {
    let (min, max) = min_max(values);
    let width = width_of(max - min);
    out.push(width);
    put_u64(out, min);
    let at = out.len();
    out.resize(at + values.len() * usize::from(width), 0);
    let packed = &mut out[at..];
    match width {
        0 => {}
        1 => pack::<1, T>(packed, values, min),
        2 => pack::<2, T>(packed, values, min),
        3 => pack_by_eight::<3, T>(packed, values, min),
        4 => pack::<4, T>(packed, values, min),
        5 => pack_by_eight::<5, T>(packed, values, min),
        6 => pack_by_eight::<6, T>(packed, values, min),
        7 => pack_by_eight::<7, T>(packed, values, min),
        _ => pack::<8, T>(packed, values, min),
    }
}

/// Returns minimum and maximum as sortable numbers; zeros for an empty column.
fn min_max<T: SortableBits>(values: &[T]) -> (u64, u64) {
    let Some(first) = values.first() else { return (0, 0) };
    let (mut min, mut max) = ([*first; LANES], [*first; LANES]);
    let (chunks, rest) = values.as_chunks::<LANES>();
    for chunk in chunks {
        for lane in 0..LANES {
            min[lane] = min[lane].min(chunk[lane]);
            max[lane] = max[lane].max(chunk[lane]);
        }
    }
    let min = min.iter().chain(rest).min().unwrap_or(first);
    let max = max.iter().chain(rest).max().unwrap_or(first);
    (min.to_sortable(), max.to_sortable())
}

/// Number of independent comparisons per step of [`min_max`], so that the CPU can overlap them.
const LANES: usize = 4;

/// Returns the number of bytes, 0 to 8, that the numbers up to `range` need.
fn width_of(range: u64) -> u8 {
    let bits = u64::BITS - range.leading_zeros();
    u8::try_from(bits.div_ceil(8)).unwrap_or(8)
}

/// Packs values one by one. A value is one store if the width is a power of two.
fn pack<const W: usize, T: SortableBits>(out: &mut [u8], values: &[T], min: u64) {
    for (chunk, value) in out.as_chunks_mut::<W>().0.iter_mut().zip(values) {
        chunk.copy_from_slice(&value.to_sortable().wrapping_sub(min).to_le_bytes()[..W]);
    }
}

/// Packs eight values at a time as whole 64-bit words, for widths that are not a power of two.
///
/// With such a width a single value would take two or three stores.
fn pack_by_eight<const W: usize, T: SortableBits>(out: &mut [u8], values: &[T], min: u64) {
    let (eights, rest) = values.as_chunks::<8>();
    let (packed, tail) = out.split_at_mut(eights.len() * 8 * W);
    for (chunk, eight) in packed.chunks_exact_mut(8 * W).zip(eights) {
        let mut words = [0_u64; 8];
        for (at, value) in eight.iter().enumerate() {
            let offset = value.to_sortable().wrapping_sub(min);
            let (word, bit) = (at * W / 8, at * W % 8 * 8);
            words[word] |= offset << bit;
            if bit + 8 * W > 64 {
                words[word + 1] |= offset >> (64 - bit);
            }
        }
        for (bytes, word) in chunk.as_chunks_mut::<8>().0.iter_mut().zip(words) {
            *bytes = word.to_le_bytes();
        }
    }
    pack::<W, T>(tail, rest, min);
}

/// Replaces the content of `values` by `count` values that are read.
pub(super) fn read_column<T: SortableBits>(
    reader: &mut ByteReader<'_>,
    count: usize,
    values: &mut Vec<T>,
) -> DecodeResult<()> {
    let (width, min) = (reader.u8()?, reader.u64()?);
    values.clear();
    if width > 8 {
        return Err(format!("a column with {width} bytes per value"));
    }
    let packed = reader.bytes(count * usize::from(width))?;
    match width {
        0 => values.resize(count, T::from_sortable(min)),
        1 => unpack::<1, T>(packed, min, values),
        2 => unpack::<2, T>(packed, min, values),
        3 => unpack::<3, T>(packed, min, values),
        4 => unpack::<4, T>(packed, min, values),
        5 => unpack::<5, T>(packed, min, values),
        6 => unpack::<6, T>(packed, min, values),
        7 => unpack::<7, T>(packed, min, values),
        _ => unpack::<8, T>(packed, min, values),
    }
    Ok(())
}

fn unpack<const W: usize, T: SortableBits>(packed: &[u8], min: u64, values: &mut Vec<T>) {
    values.extend(packed.as_chunks::<W>().0.iter().map(|chunk| {
        let mut bytes = [0; 8];
        bytes[..W].copy_from_slice(chunk);
        T::from_sortable(min.wrapping_add(u64::from_le_bytes(bytes)))
    }));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn round_trip<T: SortableBits + PartialEq + std::fmt::Debug>(values: &[T], width: Option<u8>) {
        let mut out = Vec::new();
        put_column(&mut out, values);
        assert!(width.is_none_or(|width| width == out[0]), "{out:?}");
        let (mut reader, mut back) = (ByteReader::new(&out), Vec::<T>::new());
        read_column(&mut reader, values.len(), &mut back).unwrap();
        assert_eq!(back, values);
        assert_eq!(reader.expect_end(), Ok(()));
    }

    proptest! {
        #[test]
        fn any_values_round_trip(base: u64, spread in 0_u32..64, values: Vec<u64>) {
            let values: Vec<u64> = values.iter().map(|value| base.wrapping_add(value >> spread)).collect();
            round_trip(&values, None);
            let times: Vec<i64> = values.iter().map(|value| value.cast_signed()).collect();
            round_trip(&times, None);
        }
    }

    #[test]
    fn each_width_is_used_up_to_its_greatest_distance() {
        for width in 1..=8_u8 {
            let most = u64::MAX >> (64 - 8 * u32::from(width));
            round_trip(&[0, most], Some(width));
            round_trip(&[u64::MAX - most, u64::MAX], Some(width));
            let below_zero = -i64::try_from(most / 2).unwrap() - 1;
            round_trip(&[below_zero, below_zero.wrapping_add_unsigned(most)], Some(width));
        }
        round_trip(&[7_u64; 5], Some(0));
        round_trip::<u64>(&[], Some(0));
        round_trip(&[i64::MIN, i64::MAX], Some(8));
        round_trip(&[SeriesId::new(0), SeriesId::new((1 << 31) - 1)], Some(4));
    }
}
