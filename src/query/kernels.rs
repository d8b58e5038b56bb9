//! Kernels per value type: running sums and extremes over slices.
//!
//! The compiler can vectorise the loops.
//!
//! The results of `add`, `least` and `greatest` depend only on the sequence of values, not on its division into slices.
//! `add_sum`, which adds the sum of a whole run, may round differently.

use super::series_chunk::ValueSlice;
use crate::state::merge::RunSum;
use crate::types::point::{STALE_MARKER_BITS, Scalar};

/// A value type with the operations of aggregates.
pub(super) trait AggregateScalar: Scalar {
    /// State of a running sum.
    type Sum: Default;
    /// State of a running sum of differences.
    type DeltaSum: Copy + Default;

    /// Returns values from the bits that encode them. `buffer` is used if they must be converted.
    fn from_bit_slice<'a>(bits: &'a [u64], buffer: &'a mut Vec<Self>) -> &'a [Self];

    fn add(sum: &mut Self::Sum, values: &[Self]);

    /// Adds the sum of `count` values.
    fn add_sum(sum: &mut Self::Sum, total: RunSum, count: u64);

    fn finish_sum(sum: &Self::Sum) -> RunSum;

    /// Returns the sum of a complete sequence of values.
    #[inline]
    fn sum_of(values: &[Self]) -> RunSum {
        let mut sum = Self::Sum::default();
        Self::add(&mut sum, values);
        Self::finish_sum(&sum)
    }

    /// Returns the least of the values that have an order, if any.
    fn least(values: &[Self]) -> Option<Self>;

    /// Returns the greatest of the values that have an order, if any.
    fn greatest(values: &[Self]) -> Option<Self>;

    /// Returns `true` if the value has an order, that is, is not NaN.
    fn is_ordered(self) -> bool;

    /// Returns `true` for the floats 0.0 and -0.0.
    fn is_float_zero(self) -> bool;

    /// Returns `true` for a float with the [bits of a stale marker](STALE_MARKER_BITS).
    fn is_stale_marker(self) -> bool;

    /// Returns the nearest double.
    fn to_f64(self) -> f64;

    /// Adds the increase from one value to the next. After a decrease, a counter reset, that is the difference from 0.
    fn add_increase(sum: &mut Self::DeltaSum, from: Self, to: Self);

    /// Returns the sum of differences, independent of the type.
    fn delta_sum(sum: Self::DeltaSum) -> RunSum;

    /// Returns the state that continues a sum of differences.
    fn delta_sum_of(sum: RunSum) -> Self::DeltaSum;

    /// Returns values as a slice of any type.
    fn slice(values: &[Self]) -> ValueSlice<'_>;

    /// Returns `true` if the second value is less than the first; both have an order.
    fn is_decrease(from: Self, to: Self) -> bool;
}

/// Combines two optional extremes.
pub(super) fn combine_extreme<T: Copy>(a: Option<T>, b: Option<T>, best: impl Fn(&[T]) -> Option<T>) -> Option<T> {
    match (a, b) {
        (Some(a), Some(b)) => best(&[a, b]),
        (a, b) => a.or(b),
    }
}

/// Number of independent chains of additions or comparisons, enough for the processor's vector units.
pub(super) const LANES: usize = 8;

/// Eight partial sums.
///
/// `add` adds the n-th value of a window to lane n modulo 8, wherever slices begin, so that the rounding does not depend
/// on the slices. The sum of a run (`add_sum`) is added to one lane and may round differently.
pub(super) struct LaneSum {
    lanes: [f64; LANES],
    /// Lane of the next value.
    next: usize,
}

impl Default for LaneSum {
    /// Returns lanes of -0.0, the only double whose addition changes no other double.
    fn default() -> Self {
        Self { lanes: [-0.0; LANES], next: 0 }
    }
}

impl LaneSum {
    fn add(&mut self, values: &[f64]) {
        let (head, rest) = values.split_at(values.len().min((LANES - self.next) % LANES));
        for (lane, value) in self.lanes[self.next..].iter_mut().zip(head) {
            *lane += value;
        }
        let (rows, tail) = rest.as_chunks::<LANES>();
        let mut lanes = self.lanes;
        for row in rows {
            for (lane, value) in lanes.iter_mut().zip(row) {
                *lane += value;
            }
        }
        for (lane, value) in lanes.iter_mut().zip(tail) {
            *lane += value;
        }
        self.lanes = lanes;
        self.next = (self.next + values.len()) % LANES;
    }

    fn total(&self) -> f64 {
        let lane = &self.lanes;
        canonical_nan(((lane[0] + lane[1]) + (lane[2] + lane[3])) + ((lane[4] + lane[5]) + (lane[6] + lane[7])))
    }
}

/// Returns the sum of fewer than [`LANES`] values, each in a lane of its own, as [`LaneSum`] does.
///
/// The lanes stay in registers, since storing them costs more than a few additions. The number of values is a constant
/// in each case, so no lane is tested, and the additions of -0.0, which change nothing, are left out.
#[inline]
fn sum_of_few(values: &[f64]) -> f64 {
    fn sum<const N: usize>(values: &[f64]) -> f64 {
        let first = values.first_chunk::<N>();
        let lane = |at: usize| first.and_then(|values| values.get(at)).copied().unwrap_or(-0.0);
        LaneSum { lanes: std::array::from_fn(lane), next: 0 }.total()
    }
    match values.len() {
        0 => sum::<0>(values),
        1 => sum::<1>(values),
        2 => sum::<2>(values),
        3 => sum::<3>(values),
        4 => sum::<4>(values),
        5 => sum::<5>(values),
        6 => sum::<6>(values),
        _ => sum::<7>(values),
    }
}

/// Replaces any NaN by the canonical NaN, since processor and compiler may choose different bits.
pub(super) fn canonical_nan(value: f64) -> f64 {
    if value.is_nan() { f64::NAN } else { value }
}

impl AggregateScalar for f64 {
    type Sum = LaneSum;
    type DeltaSum = f64;

    #[inline]
    fn from_bit_slice<'a>(bits: &'a [u64], _: &'a mut Vec<f64>) -> &'a [f64] {
        bytemuck::cast_slice(bits)
    }

    fn add(sum: &mut LaneSum, values: &[f64]) {
        sum.add(values);
    }

    fn add_sum(sum: &mut LaneSum, total: RunSum, count: u64) {
        sum.lanes[sum.next] += sum_to_f64(total);
        sum.next = (sum.next + usize::try_from(count % LANES as u64).unwrap_or(0)) % LANES;
    }

    #[inline]
    fn finish_sum(sum: &LaneSum) -> RunSum {
        RunSum::Float(sum.total())
    }

    #[inline]
    fn sum_of(values: &[f64]) -> RunSum {
        let mut sum = LaneSum::default();
        if values.len() < LANES {
            return RunSum::Float(sum_of_few(values));
        }
        sum.add(values);
        RunSum::Float(sum.total())
    }

    fn least(values: &[f64]) -> Option<f64> {
        let least = fold_lanes(values, f64::INFINITY, |best, value| if value < best { value } else { best });
        resolve_extreme(values, least, f64::INFINITY, -0.0)
    }

    fn greatest(values: &[f64]) -> Option<f64> {
        let greatest = fold_lanes(values, f64::NEG_INFINITY, |best, value| if value > best { value } else { best });
        resolve_extreme(values, greatest, f64::NEG_INFINITY, 0.0)
    }

    fn is_ordered(self) -> bool {
        !self.is_nan()
    }

    fn is_float_zero(self) -> bool {
        self == 0.0
    }

    #[inline]
    fn is_stale_marker(self) -> bool {
        self.to_bits() == STALE_MARKER_BITS
    }

    fn to_f64(self) -> f64 {
        self
    }

    // Without a branch, which a gauge would mispredict at every second point.
    #[inline]
    fn add_increase(sum: &mut f64, from: f64, to: f64) {
        *sum += if to < from { to } else { to - from };
    }

    fn delta_sum(sum: f64) -> RunSum {
        RunSum::Float(sum)
    }

    fn delta_sum_of(sum: RunSum) -> f64 {
        sum_to_f64(sum)
    }

    fn slice(values: &[f64]) -> ValueSlice<'_> {
        ValueSlice::F64(values)
    }

    fn is_decrease(from: f64, to: f64) -> bool {
        to < from
    }
}

/// Folds in lanes with a comparison that is false for NaN.
fn fold_lanes(values: &[f64], start: f64, better: impl Fn(f64, f64) -> f64) -> f64 {
    let mut lanes = [start; LANES];
    let (rows, tail) = values.as_chunks::<LANES>();
    for row in rows {
        for (lane, value) in lanes.iter_mut().zip(row) {
            *lane = better(*lane, *value);
        }
    }
    for (lane, value) in lanes.iter_mut().zip(tail) {
        *lane = better(*lane, *value);
    }
    lanes.into_iter().fold(start, better)
}

/// Completes the result of [`fold_lanes`].
///
/// A result equal to `start` means that `start` occurred, or that no value has an order. A zero may be 0.0 or -0.0;
/// `best_zero` is the extreme if it occurs.
#[expect(clippy::float_cmp, reason = "both are values of the slice or constants, not results of arithmetic")]
fn resolve_extreme(values: &[f64], best: f64, start: f64, best_zero: f64) -> Option<f64> {
    if best == start && !values.contains(&start) {
        return None;
    }
    if best != 0.0 {
        return Some(best);
    }
    let has_best_zero = values.iter().any(|value| value.to_bits() == best_zero.to_bits());
    Some(if has_best_zero { best_zero } else { -best_zero })
}

/// Converts a sum to the nearest double.
pub(super) fn sum_to_f64(total: RunSum) -> f64 {
    match total {
        RunSum::Float(sum) => sum,
        RunSum::Integer(sum) => i128_to_f64(sum),
    }
}

/// Adds two sums; a sum of integers and doubles is a double.
pub(super) fn add_run_sums(one: RunSum, other: RunSum) -> RunSum {
    match (one, other) {
        (RunSum::Integer(one), RunSum::Integer(other)) => RunSum::Integer(one + other),
        (one, other) => RunSum::Float(sum_to_f64(one) + sum_to_f64(other)),
    }
}

/// Converts to the nearest double.
#[expect(clippy::cast_precision_loss, reason = "the nearest double is the documented result")]
pub(super) fn i128_to_f64(integer: i128) -> f64 {
    integer as f64
}

macro_rules! impl_for_integer {
    ($($ty:ty, $variant:ident, $from_bits:ident;)*) => {$(
        impl AggregateScalar for $ty {
            /// The sum of 2^63 values of 64 bits fits, so the sum cannot overflow.
            type Sum = i128;
            type DeltaSum = i128;

            fn from_bit_slice<'a>(bits: &'a [u64], buffer: &'a mut Vec<$ty>) -> &'a [$ty] {
                $from_bits(bits, buffer)
            }

            fn add(sum: &mut i128, values: &[$ty]) {
                *sum += values.iter().map(|value| i128::from(*value)).sum::<i128>();
            }

            fn add_sum(sum: &mut i128, total: RunSum, _: u64) {
                if let RunSum::Integer(total) = total {
                    *sum += total;
                }
            }

            fn finish_sum(sum: &i128) -> RunSum {
                RunSum::Integer(*sum)
            }

            fn least(values: &[$ty]) -> Option<$ty> {
                values.iter().copied().min()
            }

            fn greatest(values: &[$ty]) -> Option<$ty> {
                values.iter().copied().max()
            }

            fn is_ordered(self) -> bool {
                true
            }

            fn is_float_zero(self) -> bool {
                false
            }

            fn is_stale_marker(self) -> bool {
                false
            }

            fn to_f64(self) -> f64 {
                i128_to_f64(i128::from(self))
            }

            #[inline]
            fn add_increase(sum: &mut i128, from: $ty, to: $ty) {
                *sum += i128::from(to) - if to < from { 0 } else { i128::from(from) };
            }

            fn delta_sum(sum: i128) -> RunSum {
                RunSum::Integer(sum)
            }

            fn delta_sum_of(sum: RunSum) -> i128 {
                if let RunSum::Integer(sum) = sum { sum } else { 0 }
            }

            fn slice(values: &[$ty]) -> ValueSlice<'_> {
                ValueSlice::$variant(values)
            }

            fn is_decrease(from: $ty, to: $ty) -> bool {
                to < from
            }
        }
    )*};
}

impl_for_integer! { i64, I64, signed_from_bits; u64, U64, unsigned_from_bits; bool, Bool, bools_from_bits; }

fn signed_from_bits<'a>(bits: &'a [u64], _: &'a mut Vec<i64>) -> &'a [i64] {
    bytemuck::cast_slice(bits)
}

fn unsigned_from_bits<'a>(bits: &'a [u64], _: &'a mut Vec<u64>) -> &'a [u64] {
    bits
}

fn bools_from_bits<'a>(bits: &'a [u64], buffer: &'a mut Vec<bool>) -> &'a [bool] {
    buffer.clear();
    buffer.extend(bits.iter().map(|bits| *bits != 0));
    buffer
}
