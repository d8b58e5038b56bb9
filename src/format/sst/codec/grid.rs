//! Grid of a column of integers: `value = offset + step * quotient`.
//!
//! The step is the greatest common divisor of the differences of the values. The quotients are encoded instead of the
//! values: nanosecond timestamps at multiples of ten seconds become small numbers.
//!
//! All arithmetic wraps modulo 2^64, so every value is restored exactly, whether it is signed or unsigned.

use fearless_simd::Level;

use super::CodecError;
use super::varint::{ColumnReader, len_i64, len_u64, write_i64, write_u64};
use super::vectors::{are_equidistant, map_into};

/// Step and offset of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Grid {
    /// From 1 to 2^63; 1 if the differences have no greater common divisor.
    pub(crate) step: u64,
    /// Remainder of the first value divided by `step`, with the sign of that value.
    ///
    /// Its magnitude is below `step`. It is 0, and takes one byte, if the values are multiples of the step.
    pub(crate) offset: i64,
}

/// Number of first values that are tested before the others.
const START_LEN: usize = 64;

impl Grid {
    const UNIT: Self = Self { step: 1, offset: 0 };

    /// Returns the grid with the greatest step that contains all of `values`, which must not all be equal.
    ///
    /// The differences from the first value are taken modulo 2^64, as `i64`.
    pub(crate) fn fit(values: &[i64]) -> Self {
        let first = values[0];
        if let Some(step) = equal_step(values) {
            return Self::with_step(step, first);
        }
        // The step of some values is a multiple of that of all: most columns are known by their first values.
        let start = &values[..values.len().min(START_LEN)];
        if start.len() < values.len() && start.iter().any(|value| *value != first) && Self::fit(start) == Self::UNIT {
            return Self::UNIT;
        }
        let differing_bits = values.iter().fold(0, |bits, &value| bits | value.wrapping_sub(first));
        assert!(differing_bits != 0, "a constant column has no grid");
        let shift = differing_bits.trailing_zeros();
        let odd = odd_divisor(values, shift);
        Self::with_step(odd << shift, first)
    }

    fn with_step(step: u64, first: i64) -> Self {
        if step == 1 {
            return Self::UNIT;
        }
        let quotient = first_quotient(first, step);
        Self { step, offset: first.wrapping_sub(quotient.wrapping_mul(step.cast_signed())) }
    }

    /// Replaces the contents of `quotients` by the quotients of `values`, for which the grid was fitted.
    ///
    /// The divisions are exact. Each one is a shift, for the power of two in the step, and a multiplication by the
    /// inverse of the odd part of the step modulo 2^64.
    pub(crate) fn divide(self, values: &[i64], quotients: &mut Vec<i64>) {
        let shift = self.step.trailing_zeros();
        let inverse = inverse_of_odd(self.step >> shift).cast_signed();
        let first = values[0];
        let base = first_quotient(first, self.step);
        quotients.resize(values.len(), 0);
        map_into(
            Level::new(),
            values,
            quotients,
            #[inline(always)]
            move |value: i64| {
                let steps = (value.wrapping_sub(first) >> shift).wrapping_mul(inverse);
                base.wrapping_add(steps)
            },
        );
    }

    /// Returns the number of bytes that [`write`](Self::write) appends.
    pub(crate) const fn encoded_len(self) -> usize {
        len_u64(self.step) + if self.step == 1 { 0 } else { len_i64(self.offset) }
    }

    /// Appends the grid.
    pub(crate) fn write(self, out: &mut Vec<u8>) {
        write_u64(self.step, out);
        if self.step != 1 {
            write_i64(self.offset, out);
        }
    }

    /// Reads a grid. Refuses a step that is 0 or above 2^63, and an offset whose magnitude is not below the step.
    pub(crate) fn read(reader: &mut ColumnReader<'_>) -> Result<Self, CodecError> {
        let step = reader.u64()?;
        if step == 1 {
            return Ok(Self::UNIT);
        }
        if step == 0 || step > 1 << 63 {
            return Err(CodecError("the grid's step is out of range"));
        }
        let offset = reader.i64()?;
        if offset.unsigned_abs() >= step {
            return Err(CodecError("the grid's offset is not below its step"));
        }
        Ok(Self { step, offset })
    }
}

/// Returns the distance of neighbouring values if it is the same everywhere and no difference from the first value
/// exceeds `i64`: it is then the greatest common divisor of these differences.
fn equal_step(values: &[i64]) -> Option<u64> {
    let (first, last) = (values.first()?, values.last()?);
    let step = values.get(1)?.checked_sub(*first).filter(|step| *step != 0)?;
    let total = i64::try_from(values.len() - 1).ok()?.checked_mul(step);
    (total.is_some() && last.checked_sub(*first) == total && are_equidistant(Level::new(), step, values))
        .then(|| step.unsigned_abs())
}

/// Returns `first / step`, rounded towards zero. Its magnitude is not greater than that of `first`; -2^63 / 1 wraps to
/// itself.
fn first_quotient(first: i64, step: u64) -> i64 {
    let magnitude = (first.unsigned_abs() / step).cast_signed();
    if first < 0 { magnitude.wrapping_neg() } else { magnitude }
}

/// Returns the odd part of the greatest common divisor of the differences from the first value. Each difference must be
/// a multiple of `1 << shift`.
fn odd_divisor(values: &[i64], shift: u32) -> u64 {
    let first = values[0];
    let mut divisor = 0;
    // Tests divisibility without a division: `m` is a multiple of an odd `d` if and only if the product of `m` and the
    // inverse of `d` modulo 2^64 is at most `u64::MAX / d`.
    let (mut inverse, mut limit) = (0u64, 0u64);
    for value in values {
        let magnitude = value.wrapping_sub(first).unsigned_abs() >> shift;
        if magnitude == 0 || (divisor != 0 && magnitude.wrapping_mul(inverse) <= limit) {
            continue;
        }
        divisor = gcd(divisor, magnitude);
        divisor >>= divisor.trailing_zeros();
        if divisor == 1 {
            break;
        }
        inverse = inverse_of_odd(divisor);
        limit = u64::MAX / divisor;
    }
    divisor
}

/// Returns the greatest common divisor by Euclid's algorithm.
const fn gcd(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// Returns the `x` with `odd * x == 1` modulo 2^64, by Newton's iteration: `odd` is its own inverse modulo 2^3, and
/// each of the five steps doubles the number of correct bits.
fn inverse_of_odd(odd: u64) -> u64 {
    assert!(odd % 2 == 1, "only odd numbers have an inverse modulo 2^64");
    (0..5).fold(odd, |x, _| x.wrapping_mul(2u64.wrapping_sub(odd.wrapping_mul(x))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(values: &[i64]) -> Grid {
        let grid = Grid::fit(values);
        let mut quotients = Vec::new();
        grid.divide(values, &mut quotients);
        for (value, quotient) in values.iter().zip(&quotients) {
            assert_eq!(*value, grid.offset.wrapping_add(grid.step.cast_signed().wrapping_mul(*quotient)), "{values:?}");
        }
        let mut bytes = Vec::new();
        grid.write(&mut bytes);
        assert_eq!(bytes.len(), grid.encoded_len());
        assert_eq!(Grid::read(&mut ColumnReader::new(&bytes)), Ok(grid));
        grid
    }

    #[test]
    fn the_step_is_the_greatest_common_divisor_of_the_differences() {
        assert_eq!(check(&[7, 17, 47]), Grid { step: 10, offset: 7 });
        assert_eq!(check(&[-7, -19, 5]), Grid { step: 12, offset: -7 });
        assert_eq!(check(&[1, 2]).step, 1);
        assert_eq!(check(&[0, i64::MIN]).step, 1 << 63);
        assert_eq!(check(&[-1, i64::MAX]).step, 1 << 63);
        assert_eq!(check(&[i64::MIN, i64::MIN + 6, i64::MIN + 18]).step, 6);
    }

    #[test]
    fn grids_hold_at_the_ends_of_the_range() {
        check(&[i64::MIN, i64::MAX]);
        check(&[i64::MAX, i64::MIN, 0]);
        check(&[i64::MIN, i64::MAX - 2, i64::MIN + 9]);
        check(&[i64::MAX, i64::MIN + 5]);
    }

    #[test]
    fn bad_grids_are_refused() {
        for bytes in [&[0][..], &[2], &[2, 4], &[3, 5]] {
            assert!(Grid::read(&mut ColumnReader::new(bytes)).is_err(), "{bytes:?}");
        }
    }
}
