//! Times of a block: a column of integers, or no bytes where they are at equal distances.
//!
//! The first and the last time of a block are in its index entry, so times at equal distances need nothing else:
//!
//! ```text
//!  index entry:  first 10, last 40, 4 points        times:  10, 20, 30, 40
//! ```
//!
//! Invariant: stored times have the count, the first and the last time of the index entry, and never decrease. A partial
//! decoding checks only the vectors that it reads.

use std::ops::Range;

use fearless_simd::Level;

use super::codec::short::even_step;
use super::codec::vectors::{any_decreases, fill_line};
use super::codec::{IntegerDecoder, VECTOR_LEN};
use super::index_entry::BlockEntry;
use crate::format::bytes::DecodeError;
use crate::types::time_range::TimeRange;

/// Decodes the times of a block up to the end of a range, and checks their order and the times of the index entry.
///
/// Appends the vectors that overlap the range, and returns the range of their indices in the block. The last time of a
/// column is checked only if the column is decoded to its end.
///
/// # Errors
/// If a decoded vector is invalid or contradicts `entry`.
pub(super) fn decode_times<Time>(
    column: &[u8],
    entry: &BlockEntry,
    range: TimeRange,
    integers: &mut [i64; VECTOR_LEN],
    out: &mut Vec<Time>,
    time: impl Fn(i64) -> Time,
) -> Result<Range<usize>, DecodeError> {
    if range.covers(entry.times()) {
        out.reserve(entry.count as usize);
    }
    if column.is_empty() {
        return decode_even_times(entry, range, integers, out, time);
    }
    let mut decoder = IntegerDecoder::new(column, entry.count as usize)?;
    let mut kept = 0..0;
    let mut previous = entry.first_time;
    let mut first = true;
    for number in 0.. {
        let len = decoder.next(integers)?;
        let Some((vector, &last)) = integers.get(..len).and_then(|vector| Some((vector, vector.last()?))) else {
            break;
        };
        let starts_right = if first { vector[0] == previous } else { vector[0] >= previous };
        if !starts_right || any_decreases(Level::new(), vector) {
            return Err(DecodeError("a block's timestamps do not ascend from the first time of its index entry"));
        }
        if vector[0] > range.last() {
            return Ok(kept);
        }
        if last >= range.first() {
            out.extend(vector.iter().map(|&nanos| time(nanos)));
            kept = with_index(kept, number);
        }
        (previous, first) = (last, false);
    }
    if previous == entry.last_time {
        Ok(kept)
    } else {
        Err(DecodeError("a block's last time differs from its index entry"))
    }
}

/// Appends the vectors of times at equal distances that overlap a range, and returns the range of their indices.
fn decode_even_times<Time>(
    entry: &BlockEntry,
    range: TimeRange,
    integers: &mut [i64; VECTOR_LEN],
    out: &mut Vec<Time>,
    time: impl Fn(i64) -> Time,
) -> Result<Range<usize>, DecodeError> {
    let step = even_step(entry.first_time, entry.last_time, entry.count as usize)?;
    let time_at = |point: usize| entry.first_time.wrapping_add(step.wrapping_mul(i64::try_from(point).unwrap_or(0)));
    let mut kept = 0..0;
    for (number, start) in (0..entry.count as usize).step_by(VECTOR_LEN).enumerate() {
        let vector = &mut integers[..(entry.count as usize - start).min(VECTOR_LEN)];
        if time_at(start) > range.last() {
            break;
        }
        if time_at(start + vector.len() - 1) >= range.first() {
            fill_line(Level::new(), time_at(start), step, vector);
            out.extend(vector.iter().map(|&nanos| time(nanos)));
            kept = with_index(kept, number);
        }
    }
    Ok(kept)
}

/// Returns the range of indices of kept vectors with that of the next one.
fn with_index(kept: Range<usize>, number: usize) -> Range<usize> {
    if kept.is_empty() { number..number + 1 } else { kept.start..number + 1 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::point::ValueType;
    use crate::types::series::SeriesId;

    fn decode(
        first_time: i64,
        last_time: i64,
        count: u32,
        range: TimeRange,
    ) -> Result<(Range<usize>, Vec<i64>), DecodeError> {
        let entry = BlockEntry {
            series: SeriesId::new(1),
            ty: ValueType::F64,
            count,
            first_time,
            last_time,
            offset: 40,
            len: 9,
            packed: None,
            statistics: None,
        };
        let mut out = Vec::new();
        decode_times(&[], &entry, range, &mut [0; VECTOR_LEN], &mut out, |time| time).map(|kept| (kept, out))
    }

    #[test]
    fn times_at_equal_distances_take_no_bytes_and_are_decoded_for_a_range() {
        let all: Vec<i64> = (0..2_500).map(|at| 10 * at - 7).collect();
        let of = |from, to| decode(-7, 24_983, 2_500, TimeRange::new(from, to));
        assert_eq!(of(i64::MIN, i64::MAX), Ok((0..3, all.clone())));
        assert_eq!(of(10_240, 10_300), Ok((1..2, all[1_024..2_048].to_vec())));
        assert_eq!(of(10_233, 10_233), Ok((1..2, all[1_024..2_048].to_vec())));
        assert_eq!(of(10_223, 10_223), Ok((0..1, all[..1_024].to_vec())));
        assert_eq!(of(20_473, 30_000), Ok((2..3, all[2_048..].to_vec())));
        assert_eq!(of(30_000, 40_000), Ok((0..0, Vec::new())));
        assert_eq!(of(-9, -8), Ok((0..0, Vec::new())));
        assert_eq!(decode(5, 5, 3, TimeRange::ALL), Ok((0..1, vec![5; 3])));
        assert_eq!(decode(i64::MIN, i64::MAX, 2, TimeRange::ALL), Ok((0..1, vec![i64::MIN, i64::MAX])));
    }

    #[test]
    fn ends_that_are_no_multiple_of_a_step_apart_are_refused() {
        assert!(decode(0, 10, 4, TimeRange::ALL).is_err());
        assert!(decode(0, 1, 1, TimeRange::ALL).is_err());
        assert!(decode(i64::MIN, i64::MAX, 3, TimeRange::ALL).is_err());
    }
}
