//! What the index says of a block's values, so that a query that covers the block need not read it.
//! Promises numbers that depend on the values and their order alone, so that `verify` can compute them again.

use crate::bytes::{Flaw, Reader, put_varint, put_zigzag, put_zigzag_wide};
use crate::point::ValueType;

/// A block of fewer points goes without: 40 bytes of statistics on doubles would weigh on each of its points as much as
/// the point itself (about a byte), and reading so small a block costs little more than reading them.
pub(crate) const MIN_POINTS_FOR_STATISTICS: usize = 64;

/// Values as in `Sample::to_bits`, of the block's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Statistics {
    /// The smallest value; NaN counts for neither minimum nor maximum, unless there is nothing else: then both are
    /// the first value. 0.0 and -0.0 are equal, so either may stand here for both.
    pub(crate) min: u64,
    pub(crate) max: u64,
    pub(crate) first: u64,
    pub(crate) last: u64,
    pub(crate) sum: Sum,
    /// Whether any value is NaN; the sum is NaN then.
    pub(crate) has_nan: bool,
}

/// The sum of a block's values.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Sum {
    /// Of doubles: eight running sums, each of every eighth value, added up from the first to the last.
    Float(f64),
    /// Of integers, exact; of booleans, how many are true.
    Integer(i128),
}

/// Bit for bit, since a NaN that was written must compare equal to itself.
impl PartialEq for Sum {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Float(one), Self::Float(other)) => one.to_bits() == other.to_bits(),
            (Self::Integer(one), Self::Integer(other)) => one == other,
            _ => false,
        }
    }
}

impl Eq for Sum {}

/// Running values side by side: eight additions do not wait for one another.
const LANES: usize = 8;

impl Statistics {
    /// Of the values of one block, at least one.
    pub(super) fn of(ty: ValueType, bits: &[u64]) -> Self {
        match ty {
            ValueType::F64 => Self::of_floats(bits),
            ValueType::I64 => {
                let values = || bits.iter().map(|bits| bits.cast_signed());
                let (min, max) = (values().min().unwrap_or(0), values().max().unwrap_or(0));
                let sum = values().map(i128::from).sum();
                Self::of_integers(bits, min.cast_unsigned(), max.cast_unsigned(), sum)
            }
            ValueType::U64 | ValueType::Bool => {
                let values = || bits.iter().copied();
                let (min, max) = (values().min().unwrap_or(0), values().max().unwrap_or(0));
                Self::of_integers(bits, min, max, values().map(i128::from).sum())
            }
        }
    }

    fn of_integers(bits: &[u64], min: u64, max: u64, sum: i128) -> Self {
        let (first, last) = (bits[0], bits[bits.len() - 1]);
        Self { min, max, first, last, sum: Sum::Integer(sum), has_nan: false }
    }

    fn of_floats(bits: &[u64]) -> Self {
        let mut sums = [0.0; LANES];
        let mut mins = [f64::INFINITY; LANES];
        let mut maxs = [f64::NEG_INFINITY; LANES];
        let mut nans = [false; LANES];
        for chunk in bits.chunks(LANES) {
            for (lane, bits) in chunk.iter().enumerate() {
                let value = f64::from_bits(*bits);
                sums[lane] += value;
                // Written as comparisons, which a NaN fails: one instruction each.
                mins[lane] = if value < mins[lane] { value } else { mins[lane] };
                maxs[lane] = if value > maxs[lane] { value } else { maxs[lane] };
                nans[lane] |= value.is_nan();
            }
        }
        let (first, last) = (bits[0], bits[bits.len() - 1]);
        // Not `f64::min`, which may take either zero, and not the same one on every machine.
        let min = mins.into_iter().fold(f64::INFINITY, |min, lane| if lane < min { lane } else { min });
        let max = maxs.into_iter().fold(f64::NEG_INFINITY, |max, lane| if lane > max { lane } else { max });
        // Untouched bounds cross only where every value is NaN.
        let (min, max) = if min <= max { (min.to_bits(), max.to_bits()) } else { (first, first) };
        let has_nan = nans.contains(&true);
        // The bits of a NaN that arithmetic makes differ between machines; the file's must not.
        let sum = sums.into_iter().fold(0.0, |sum, lane| sum + lane);
        let sum = if sum.is_nan() { f64::NAN } else { sum };
        Self { min, max, first, last, sum: Sum::Float(sum), has_nan }
    }

    /// Doubles as they are; integers as the minimum and distances from it, which fit 64 bits whatever the sign.
    pub(super) fn encode(&self, ty: ValueType, out: &mut Vec<u8>) {
        let Self { min, max, first, last, .. } = *self;
        match self.sum {
            Sum::Float(sum) => {
                for bits in [min, max, first, last, sum.to_bits()] {
                    out.extend_from_slice(&bits.to_le_bytes());
                }
            }
            Sum::Integer(sum) => {
                if ty == ValueType::I64 {
                    put_zigzag(out, min.cast_signed());
                } else {
                    put_varint(out, min);
                }
                for bits in [max, first, last] {
                    put_varint(out, bits.wrapping_sub(min));
                }
                put_zigzag_wide(out, sum);
            }
        }
    }

    pub(super) fn decode(ty: ValueType, has_nan: bool, reader: &mut Reader<'_>) -> Result<Self, Flaw> {
        if ty == ValueType::F64 {
            let (min, max, first, last) = (reader.u64()?, reader.u64()?, reader.u64()?, reader.u64()?);
            let sum = Sum::Float(f64::from_bits(reader.u64()?));
            return Ok(Self { min, max, first, last, sum, has_nan });
        }
        let min = if ty == ValueType::I64 { reader.zigzag()?.cast_unsigned() } else { reader.varint()? };
        let mut above = || Ok::<_, Flaw>(min.wrapping_add(reader.varint()?));
        let (max, first, last) = (above()?, above()?, above()?);
        let sum = Sum::Integer(reader.zigzag_wide()?);
        if ty == ValueType::Bool && min.max(max).max(first).max(last) > 1 {
            return Err(Flaw("the statistics of booleans are no booleans"));
        }
        Ok(Self { min, max, first, last, sum, has_nan })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::point::Sample;

    fn of<T: Sample>(values: &[T]) -> Statistics {
        let bits: Vec<u64> = values.iter().map(|value| value.to_bits()).collect();
        let statistics = Statistics::of(T::TYPE, &bits);
        let mut out = Vec::new();
        statistics.encode(T::TYPE, &mut out);
        let back = Statistics::decode(T::TYPE, statistics.has_nan, &mut Reader::new(&out));
        assert_eq!(back, Ok(statistics));
        statistics
    }

    #[test]
    fn integers_of_both_kinds_reach_their_ends() {
        let signed = of(&[3, i64::MIN, i64::MAX, -3]);
        assert_eq!((signed.min, signed.max), (i64::MIN.to_bits(), i64::MAX.to_bits()));
        assert_eq!((signed.first, signed.last, signed.sum), (3, (-3i64).to_bits(), Sum::Integer(-1)));
        let unsigned = of(&[u64::MAX; 100]);
        assert_eq!(unsigned.sum, Sum::Integer(i128::from(u64::MAX) * 100));
        assert_eq!(of(&[true, false, true]).sum, Sum::Integer(2));
    }

    #[test]
    fn nan_counts_for_neither_end_and_is_told() {
        let some = of(&[f64::NAN, 2.0, -1.0, f64::NAN]);
        assert_eq!((some.min, some.max, some.has_nan), ((-1.0f64).to_bits(), 2.0f64.to_bits(), true));
        assert_eq!(some.sum, Sum::Float(f64::NAN));
        let all = of(&[f64::NAN; 3]);
        assert_eq!((all.min, all.max), (f64::NAN.to_bits(), f64::NAN.to_bits()));
        let none = of(&[f64::INFINITY, f64::NEG_INFINITY]);
        assert_eq!((none.min, none.has_nan), (f64::NEG_INFINITY.to_bits(), false));
        assert_eq!(of(&[f64::INFINITY; 9]).min, f64::INFINITY.to_bits());
    }

    #[test]
    fn sums_run_in_eight_lanes() {
        let values: Vec<f64> = (0..100).map(|i| 0.1 * f64::from(i)).collect();
        let mut lanes = [0.0; 8];
        values.iter().enumerate().for_each(|(i, value)| lanes[i % 8] += value);
        assert_eq!(of(&values).sum, Sum::Float(lanes.iter().sum()));
    }
}
