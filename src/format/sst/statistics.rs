//! Statistics of a block: minimum, maximum, first, last and sum of its values, and flags.
//!
//! They are stored in the index entry of each block of 64 points or more. A query can use the statistics of a block
//! that lies completely in a window instead of reading the block.
//!
//! Statistics are a function of the points and their order only, on every machine. So `verify` can compute them again
//! and compare them bit for bit. For doubles, the order of the additions is fixed:
//!
//! ```text
//!  values:   v0 v1 v2 v3 v4 v5 v6 v7 | v8 v9 ...
//!  lane i sums v[i], v[i + 8], ...;  sum = ((lane 0 + lane 1) + lane 2) + ... + lane 7
//! ```
//!
//! All sums start at 0.0. Eight independent lanes let the processor overlap the additions. Sums of integers are exact
//! in 128 bits.

use fearless_simd::{Level, Simd, dispatch};

use super::codec::vectors::all_increase;
use super::decimal_statistics::FloatStatistics;
use crate::format::bytes::{ByteReader, DecodeError, put_varint, put_zigzag, put_zigzag_i128};
use crate::types::point::{STALE_MARKER_BITS, ValueType};

/// Minimum number of points of a block with statistics. In a smaller block of doubles, statistics of 15 to 41 bytes
/// would take about as much space per point as the point itself (about a byte), and reading the block costs little more
/// than reading statistics.
pub(crate) const MIN_POINTS_FOR_STATISTICS: usize = 64;

/// Statistics of one block. Values are encoded as in `Scalar::to_bits`, by the type of the block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BlockStatistics {
    /// Minimum. Minimum and maximum ignore NaN; if all values are NaN, both are the first value. 0.0 and -0.0 are
    /// equal; if both are the minimum or maximum, their positions determine which one is stored.
    pub(crate) min: u64,
    pub(crate) max: u64,
    pub(crate) first: u64,
    pub(crate) last: u64,
    pub(crate) sum: BlockSum,
    /// `true` if any value is NaN; the sum is then NaN. (A sum with infinities of both signs is NaN, too.)
    pub(crate) has_nan: bool,
    /// `true` if a double may be the stale marker; `false` without NaN.
    pub(crate) has_stale_marker: bool,
    /// `true` if the series has no two points of one time in the block, nor one in its file at the block's first or last
    /// time; `false` if unknown.
    pub(crate) has_distinct_times: bool,
}

/// Timestamps of a block, with those of the points before and after it in its series and file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BlockTimes<'a> {
    pub(crate) before: Option<i64>,
    pub(crate) timestamps: &'a [i64],
    pub(crate) after: Option<i64>,
}

impl BlockTimes<'_> {
    /// Returns `true` if no point has the time of another one.
    pub(crate) fn are_distinct(self) -> bool {
        let is_apart = |other: Option<i64>, own: Option<&i64>| other.is_none() || other.as_ref() != own;
        is_apart(self.before, self.timestamps.first())
            && is_apart(self.after, self.timestamps.last())
            && all_increase(Level::new(), self.timestamps)
    }
}

/// Flags of an index entry that belong to its statistics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StatisticsFlags {
    pub(crate) has_nan: bool,
    pub(crate) has_stale_marker: bool,
    pub(crate) has_distinct_times: bool,
}

/// The sum of a block's values.
#[derive(Debug, Clone, Copy)]
pub(crate) enum BlockSum {
    /// Sum of doubles: eight partial sums, each of every eighth value, which are added from the first to the last.
    Float(f64),
    /// Exact sum of integers; for booleans, the number of `true` values.
    Integer(i128),
}

/// Compares doubles bit for bit, since a stored NaN must be equal to itself.
impl PartialEq for BlockSum {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Float(one), Self::Float(other)) => one.to_bits() == other.to_bits(),
            (Self::Integer(one), Self::Integer(other)) => one == other,
            _ => false,
        }
    }
}

impl Eq for BlockSum {}

/// Number of partial sums: eight additions in flight hide the latency of one addition.
const LANES: usize = 8;

impl BlockStatistics {
    /// Computes the statistics of one block. There must be at least one value; values are encoded as in
    /// `Scalar::to_bits`.
    pub(crate) fn of(ty: ValueType, times: BlockTimes<'_>, bits: &[u64]) -> Self {
        Self { has_distinct_times: times.are_distinct(), ..Self::of_values(ty, bits) }
    }

    fn of_values(ty: ValueType, bits: &[u64]) -> Self {
        match ty {
            ValueType::F64 => Self::of_floats(bits),
            ValueType::I64 => {
                let (min, max, sum) = bounds_and_sum(
                    bits,
                    (i64::MAX, i64::MIN),
                    u64::cast_signed,
                    #[inline(always)]
                    |value| value >> 32,
                );
                Self::of_integers(bits, min.cast_unsigned(), max.cast_unsigned(), sum)
            }
            ValueType::U64 | ValueType::Bool => {
                let (min, max, sum) = bounds_and_sum(
                    bits,
                    (u64::MAX, 0),
                    #[inline(always)]
                    |bits| bits,
                    #[inline(always)]
                    |value| (value >> 32).cast_signed(),
                );
                Self::of_integers(bits, min, max, sum)
            }
        }
    }

    /// Returns the flags, which the index entry has.
    pub(crate) fn flags(&self) -> StatisticsFlags {
        let Self { has_nan, has_stale_marker, has_distinct_times, .. } = *self;
        StatisticsFlags { has_nan, has_stale_marker, has_distinct_times }
    }

    fn of_integers(bits: &[u64], min: u64, max: u64, sum: i128) -> Self {
        let (first, last) = (bits[0], bits[bits.len() - 1]);
        let (has_nan, has_stale_marker, has_distinct_times) = (false, false, false);
        Self { min, max, first, last, sum: BlockSum::Integer(sum), has_nan, has_stale_marker, has_distinct_times }
    }

    fn of_floats(bits: &[u64]) -> Self {
        let [sums, mins, maxs] = float_lanes(bits);
        let (first, last) = (bits[0], bits[bits.len() - 1]);
        // Of 0.0 and -0.0, `f64::min` may return either, depending on the machine. A comparison is deterministic.
        let min = mins.into_iter().fold(f64::INFINITY, |min, lane| if lane < min { lane } else { min });
        let max = maxs.into_iter().fold(f64::NEG_INFINITY, |max, lane| if lane > max { lane } else { max });
        // If every value is NaN, both bounds keep their initial values, so that `min > max`; otherwise `min <= max`.
        let (min, max) = if min <= max { (min.to_bits(), max.to_bits()) } else { (first, first) };
        // The bits of a computed NaN differ between machines; the bits in the file must be the same.
        let sum = sums.into_iter().fold(0.0, |sum, lane| sum + lane);
        let sum = if sum.is_nan() { f64::NAN } else { sum };
        // A NaN makes every sum with it NaN.
        let has_nan = sum.is_nan() && bits.iter().any(|bits| f64::from_bits(*bits).is_nan());
        let has_stale_marker = has_nan && bits.contains(&STALE_MARKER_BITS);
        let (sum, has_distinct_times) = (BlockSum::Float(sum), false);
        Self { min, max, first, last, sum, has_nan, has_stale_marker, has_distinct_times }
    }

    /// Appends the statistics without their flags, which are among the flags of the index entry.
    ///
    /// Doubles are stored as decimals or as their bits: see [`FloatStatistics`]. Of integers, the minimum and the sum are
    /// stored as such, and the other values as unsigned differences from the minimum.
    pub(crate) fn encode(&self, ty: ValueType, out: &mut Vec<u8>) {
        let Self { min, max, first, last, .. } = *self;
        match self.sum {
            BlockSum::Float(sum) => {
                let [min, max, first, last] = [min, max, first, last].map(f64::from_bits);
                FloatStatistics { min, max, first, last, sum }.encode(out);
            }
            BlockSum::Integer(sum) => {
                if ty == ValueType::I64 {
                    put_zigzag(out, min.cast_signed());
                } else {
                    put_varint(out, min);
                }
                for bits in [max, first, last] {
                    put_varint(out, bits.wrapping_sub(min));
                }
                put_zigzag_i128(out, sum);
            }
        }
    }

    /// Reads the statistics of a block of the type `ty`. Refuses booleans other than 0 and 1.
    pub(crate) fn decode(
        ty: ValueType,
        flags: StatisticsFlags,
        reader: &mut ByteReader<'_>,
    ) -> Result<Self, DecodeError> {
        let StatisticsFlags { has_nan, has_stale_marker, has_distinct_times } = flags;
        if ty == ValueType::F64 {
            let FloatStatistics { min, max, first, last, sum } = FloatStatistics::decode(reader)?;
            let [min, max, first, last] = [min, max, first, last].map(f64::to_bits);
            let sum = BlockSum::Float(sum);
            return Ok(Self { min, max, first, last, sum, has_nan, has_stale_marker, has_distinct_times });
        }
        let min = if ty == ValueType::I64 { reader.zigzag_i64()?.cast_unsigned() } else { reader.varint_u64()? };
        let mut above = || Ok::<_, DecodeError>(min.wrapping_add(reader.varint_u64()?));
        let (max, first, last) = (above()?, above()?, above()?);
        let sum = BlockSum::Integer(reader.zigzag_i128()?);
        if ty == ValueType::Bool && min.max(max).max(first).max(last) > 1 {
            return Err(DecodeError("the statistics of a column of booleans contain a value other than 0 and 1"));
        }
        Ok(Self { min, max, first, last, sum, has_nan, has_stale_marker, has_distinct_times })
    }
}

/// Returns sum, minimum and maximum of every eighth value, for each of eight lanes. The bounds ignore NaN.
fn float_lanes(bits: &[u64]) -> [[f64; LANES]; 3] {
    dispatch!(Level::new(), simd => simd.vectorize(
        #[inline(always)]
        move || {
            let (mut sums, mut mins, mut maxs) = ([0.0; LANES], [f64::INFINITY; LANES], [f64::NEG_INFINITY; LANES]);
            let mut add = |lane: usize, bits: u64| {
                let value = f64::from_bits(bits);
                sums[lane] += value;
                // Comparisons with NaN are false, so NaN is ignored; each line compiles to one instruction.
                mins[lane] = if value < mins[lane] { value } else { mins[lane] };
                maxs[lane] = if value > maxs[lane] { value } else { maxs[lane] };
            };
            let (rows, rest) = bits.as_chunks::<LANES>();
            for row in rows {
                for (lane, bits) in row.iter().enumerate() {
                    add(lane, *bits);
                }
            }
            for (lane, bits) in rest.iter().enumerate() {
                add(lane, *bits);
            }
            [sums, mins, maxs]
        }
    ))
}

/// Returns minimum, maximum and exact sum of integers.
///
/// The halves of 32 bits are summed on their own, in 64 bits: a block has at most 2^16 values. `high_half` returns the
/// upper half of a value with its sign.
#[expect(clippy::inline_always, reason = "the code is compiled for the vector unit of its caller")]
#[inline(always)]
fn bounds_and_sum<T: Copy + Ord>(
    bits: &[u64],
    (max_value, min_value): (T, T),
    value_of: impl Fn(u64) -> T,
    high_half: impl Fn(T) -> i64,
) -> (T, T, i128) {
    dispatch!(Level::new(), simd => simd.vectorize(
        #[inline(always)]
        move || {
            let (mut min, mut max) = (max_value, min_value);
            let (mut low, mut high) = (0_u64, 0_i64);
            for &bits in bits {
                let value = value_of(bits);
                (min, max) = (min.min(value), max.max(value));
                low += bits & u64::from(u32::MAX);
                high += high_half(value);
            }
            (min, max, (i128::from(high) << 32) + i128::from(low))
        }
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::point::Scalar;

    fn statistics_of<T: Scalar>(values: &[T]) -> BlockStatistics {
        let bits: Vec<u64> = values.iter().map(|value| value.to_bits()).collect();
        let times: Vec<i64> = (0..).take(bits.len()).collect();
        let times = BlockTimes { before: None, timestamps: &times, after: None };
        let statistics = BlockStatistics::of(T::TYPE, times, &bits);
        let mut out = Vec::new();
        statistics.encode(T::TYPE, &mut out);
        let back = BlockStatistics::decode(T::TYPE, statistics.flags(), &mut ByteReader::new(&out));
        assert_eq!(back, Ok(statistics));
        statistics
    }

    #[test]
    fn statistics_of_integers_hold_at_the_ends_of_their_range() {
        let signed = statistics_of(&[3, i64::MIN, i64::MAX, -3]);
        assert_eq!((signed.min, signed.max), (i64::MIN.to_bits(), i64::MAX.to_bits()));
        assert_eq!((signed.first, signed.last, signed.sum), (3, (-3i64).to_bits(), BlockSum::Integer(-1)));
        let unsigned = statistics_of(&[u64::MAX; 100]);
        assert_eq!(unsigned.sum, BlockSum::Integer(i128::from(u64::MAX) * 100));
        let least = statistics_of(&[i64::MIN; 100]);
        assert_eq!(least.sum, BlockSum::Integer(i128::from(i64::MIN) * 100));
        assert_eq!(statistics_of(&[true, false, true]).sum, BlockSum::Integer(2));
    }

    #[test]
    fn times_are_distinct_within_the_block_and_from_its_neighbours() {
        let are_distinct = |before, timestamps, after| BlockTimes { before, timestamps, after }.are_distinct();
        assert!(are_distinct(None, &[1, 2, 4][..], None) && are_distinct(Some(0), &[1], Some(2)));
        assert!(!are_distinct(None, &[1, 2, 2][..], None));
        assert!(!are_distinct(Some(1), &[1, 2], None) && !are_distinct(None, &[1, 2], Some(2)));
    }

    #[test]
    fn the_stale_marker_is_told_from_other_nans() {
        let flags = |values: &[f64]| {
            let flags = statistics_of(values).flags();
            (flags.has_nan, flags.has_stale_marker, flags.has_distinct_times)
        };
        assert_eq!(flags(&[1.0, 2.0]), (false, false, true));
        assert_eq!(flags(&[1.0, f64::NAN]), (true, false, true));
        assert_eq!(flags(&[f64::from_bits(STALE_MARKER_BITS), f64::NAN]), (true, true, true));
    }

    #[test]
    fn nan_is_ignored_by_minimum_and_maximum_and_sets_the_flag() {
        let some = statistics_of(&[f64::NAN, 2.0, -1.0, f64::NAN]);
        assert_eq!((some.min, some.max, some.has_nan), ((-1.0f64).to_bits(), 2.0f64.to_bits(), true));
        assert_eq!(some.sum, BlockSum::Float(f64::NAN));
        let all = statistics_of(&[f64::NAN; 3]);
        assert_eq!((all.min, all.max), (f64::NAN.to_bits(), f64::NAN.to_bits()));
        let none = statistics_of(&[f64::INFINITY, f64::NEG_INFINITY]);
        assert_eq!((none.min, none.has_nan), (f64::NEG_INFINITY.to_bits(), false));
        assert_eq!(statistics_of(&[f64::INFINITY; 9]).min, f64::INFINITY.to_bits());
    }

    #[test]
    fn doubles_are_summed_in_eight_lanes() {
        let values: Vec<f64> = (0..100).map(|i| 0.1 * f64::from(i)).collect();
        let mut lanes = [0.0; 8];
        values.iter().enumerate().for_each(|(i, value)| lanes[i % 8] += value);
        assert_eq!(statistics_of(&values).sum, BlockSum::Float(lanes.iter().sum()));
    }
}
