//! What each type of values can do: running sums and extremes over slices, in tight loops the compiler can vectorise.
//! The answer depends on the sequence of values alone, never on how it was cut into slices; it knows no time.

use crate::merge::Total;
use crate::point::Sample;

/// A type of values as aggregates see it.
pub(super) trait Measure: Sample {
    /// A running sum.
    type Sum: Default;
    /// A running sum of differences.
    type Rise: Copy + Default;

    fn add(sum: &mut Self::Sum, values: &[Self]);

    /// Takes the sum of so many values at once.
    fn add_total(sum: &mut Self::Sum, total: Total, count: u64);

    fn total(sum: &Self::Sum) -> Total;

    /// The sum of values that are all there are.
    #[inline]
    fn total_of(values: &[Self]) -> Total {
        let mut sum = Self::Sum::default();
        Self::add(&mut sum, values);
        Self::total(&sum)
    }

    /// The least of the values that have an order, if any has.
    fn least(values: &[Self]) -> Option<Self>;

    /// The greatest of the values that have an order, if any has.
    fn greatest(values: &[Self]) -> Option<Self>;

    /// Whether it has an order.
    fn is_ordered(self) -> bool;

    /// Whether another value that equals it may stand before or behind it in the order.
    fn is_zero_double(self) -> bool;

    /// The nearest double.
    fn double(self) -> f64;

    /// Adds a difference.
    fn rise(sum: &mut Self::Rise, from: Self, to: Self);

    /// Adds a value, as the difference from 0.
    fn rise_anew(sum: &mut Self::Rise, to: Self);

    /// The nearest double.
    fn risen(sum: Self::Rise) -> f64;

    /// Whether it is less, of two values that have an order.
    fn falls(from: Self, to: Self) -> bool;
}

/// The best of two, of which either may be missing.
pub(super) fn better<T: Copy>(a: Option<T>, b: Option<T>, best: impl Fn(&[T]) -> Option<T>) -> Option<T> {
    match (a, b) {
        (Some(a), Some(b)) => best(&[a, b]),
        (a, b) => a.or(b),
    }
}

/// Independent chains of additions or comparisons: enough to keep the processor's vector units busy.
pub(super) const LANES: usize = 8;

/// Eight partial sums. The n-th value of a window goes to lane n modulo 8 wherever slices begin and end, so that the
/// rounding is the same for every layout of the points.
pub(super) struct LaneSum {
    lanes: [f64; LANES],
    /// The lane of the next value.
    next: usize,
}

impl Default for LaneSum {
    /// -0.0, the one double that changes no other when added to it.
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
        one_nan(((lane[0] + lane[1]) + (lane[2] + lane[3])) + ((lane[4] + lane[5]) + (lane[6] + lane[7])))
    }
}

/// Which NaN arithmetic gives is left to the processor and the compiler; here it is always the same.
pub(super) fn one_nan(value: f64) -> f64 {
    if value.is_nan() { f64::NAN } else { value }
}

impl Measure for f64 {
    type Sum = LaneSum;
    type Rise = f64;

    #[inline]
    fn add(sum: &mut LaneSum, values: &[f64]) {
        sum.add(values);
    }

    fn add_total(sum: &mut LaneSum, total: Total, count: u64) {
        let total = match total {
            Total::Float(total) => total,
            Total::Integer(total) => nearest(total),
        };
        sum.lanes[sum.next] += total;
        sum.next = (sum.next + usize::try_from(count % LANES as u64).unwrap_or(0)) % LANES;
    }

    #[inline]
    fn total(sum: &LaneSum) -> Total {
        Total::Float(sum.total())
    }

    #[inline]
    fn total_of(values: &[f64]) -> Total {
        let mut sum = LaneSum::default();
        if values.len() < LANES {
            // In registers: lanes that go through memory cost more than a few additions.
            let lane = |at: usize| values.get(at).copied().unwrap_or(-0.0);
            sum.lanes = [lane(0), lane(1), lane(2), lane(3), lane(4), lane(5), lane(6), -0.0];
        } else {
            sum.add(values);
        }
        Total::Float(sum.total())
    }

    fn least(values: &[f64]) -> Option<f64> {
        let least = fold_lanes(values, f64::INFINITY, |best, value| if value < best { value } else { best });
        settle(values, least, f64::INFINITY, -0.0)
    }

    fn greatest(values: &[f64]) -> Option<f64> {
        let greatest = fold_lanes(values, f64::NEG_INFINITY, |best, value| if value > best { value } else { best });
        settle(values, greatest, f64::NEG_INFINITY, 0.0)
    }

    fn is_ordered(self) -> bool {
        !self.is_nan()
    }

    fn is_zero_double(self) -> bool {
        self == 0.0
    }

    fn double(self) -> f64 {
        self
    }

    fn rise(sum: &mut f64, from: f64, to: f64) {
        *sum += to - from;
    }

    fn rise_anew(sum: &mut f64, to: f64) {
        *sum += to;
    }

    fn risen(sum: f64) -> f64 {
        one_nan(sum)
    }

    fn falls(from: f64, to: f64) -> bool {
        to < from
    }
}

/// Folds with a comparison that NaN fails, in lanes that know no order among equals.
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

/// Settles what comparison leaves open: whether the start was met or nothing had an order, and which zero is best.
#[expect(clippy::float_cmp, reason = "both are values of the slice or constants, not results of arithmetic")]
fn settle(values: &[f64], best: f64, start: f64, best_zero: f64) -> Option<f64> {
    if best == start && !values.contains(&start) {
        return None;
    }
    if best != 0.0 {
        return Some(best);
    }
    let has_best_zero = values.iter().any(|value| value.to_bits() == best_zero.to_bits());
    Some(if has_best_zero { best_zero } else { -best_zero })
}

/// The nearest double.
#[expect(clippy::cast_precision_loss, reason = "the nearest is what the name promises")]
pub(super) fn nearest(integer: i128) -> f64 {
    integer as f64
}

macro_rules! measure_integer {
    ($($ty:ty),*) => {$(
        impl Measure for $ty {
            /// Holds 2^63 values of 64 bits, more than there can be.
            type Sum = i128;
            type Rise = i128;

            fn add(sum: &mut i128, values: &[$ty]) {
                *sum += values.iter().map(|value| i128::from(*value)).sum::<i128>();
            }

            fn add_total(sum: &mut i128, total: Total, _: u64) {
                if let Total::Integer(total) = total {
                    *sum += total;
                }
            }

            fn total(sum: &i128) -> Total {
                Total::Integer(*sum)
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

            fn is_zero_double(self) -> bool {
                false
            }

            fn double(self) -> f64 {
                nearest(i128::from(self))
            }

            fn rise(sum: &mut i128, from: $ty, to: $ty) {
                *sum += i128::from(to) - i128::from(from);
            }

            fn rise_anew(sum: &mut i128, to: $ty) {
                *sum += i128::from(to);
            }

            fn risen(sum: i128) -> f64 {
                nearest(sum)
            }

            fn falls(from: $ty, to: $ty) -> bool {
                to < from
            }
        }
    )*};
}

measure_integer!(i64, u64, bool);
