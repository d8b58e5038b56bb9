//! How a window's values become one: running states that take slices, in tight loops the compiler can vectorise.
//! The answer depends on the sequence of values alone, never on how it was cut into slices; it knows no time.

use super::aggregate::Aggregate;
use crate::point::{Sample, Value};

/// A type of values as aggregates see it.
pub(super) trait Measure: Sample {
    /// A running sum.
    type Sum: Default;

    fn add(sum: &mut Self::Sum, values: &[Self]);

    fn total(sum: &Self::Sum) -> Value;

    /// The sum divided by the number of values, which is not 0.
    fn mean(sum: &Self::Sum, count: u64) -> f64;

    /// The least of the values that have an order, if any has.
    fn least(values: &[Self]) -> Option<Self>;

    /// The greatest of the values that have an order, if any has.
    fn greatest(values: &[Self]) -> Option<Self>;
}

/// What is kept of a window's values so far.
pub(super) enum State<T: Measure> {
    Count(u64),
    Sum(T::Sum),
    Mean(T::Sum, u64),
    Min(Option<T>),
    Max(Option<T>),
    First(Option<T>),
    Last(Option<T>),
}

impl<T: Measure> State<T> {
    pub(super) fn new(aggregate: Aggregate) -> Self {
        match aggregate {
            Aggregate::Count => Self::Count(0),
            Aggregate::Sum => Self::Sum(T::Sum::default()),
            Aggregate::Mean => Self::Mean(T::Sum::default(), 0),
            Aggregate::Min => Self::Min(None),
            Aggregate::Max => Self::Max(None),
            Aggregate::First => Self::First(None),
            Aggregate::Last => Self::Last(None),
        }
    }

    /// Takes the next values of the window.
    pub(super) fn add(&mut self, values: &[T]) {
        match self {
            Self::Count(count) => *count += values.len() as u64,
            Self::Sum(sum) => T::add(sum, values),
            Self::Mean(sum, count) => {
                T::add(sum, values);
                *count += values.len() as u64;
            }
            Self::Min(least) => *least = join(*least, T::least(values), T::least),
            Self::Max(greatest) => *greatest = join(*greatest, T::greatest(values), T::greatest),
            Self::First(first) => *first = first.or_else(|| values.first().copied()),
            Self::Last(last) => *last = values.last().copied().or(*last),
        }
    }

    /// The window's value, once it has taken at least one.
    pub(super) fn finish(&self) -> Value {
        match self {
            Self::Count(count) => Value::U64(*count),
            Self::Sum(sum) => T::total(sum),
            Self::Mean(sum, count) => Value::F64(T::mean(sum, *count)),
            // Only NaN has no order, and a window without any value is not made.
            Self::Min(best) | Self::Max(best) | Self::First(best) | Self::Last(best) => {
                best.map_or(Value::F64(f64::NAN), Into::into)
            }
        }
    }
}

fn join<T: Copy>(a: Option<T>, b: Option<T>, best: impl Fn(&[T]) -> Option<T>) -> Option<T> {
    match (a, b) {
        (Some(a), Some(b)) => best(&[a, b]),
        (a, b) => a.or(b),
    }
}

/// Independent chains of additions or comparisons: enough to keep the processor's vector units busy.
const LANES: usize = 8;

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
fn one_nan(value: f64) -> f64 {
    if value.is_nan() { f64::NAN } else { value }
}

impl Measure for f64 {
    type Sum = LaneSum;

    fn add(sum: &mut LaneSum, values: &[f64]) {
        sum.add(values);
    }

    fn total(sum: &LaneSum) -> Value {
        Value::F64(sum.total())
    }

    #[expect(clippy::cast_precision_loss, reason = "no window holds 2^53 points")]
    fn mean(sum: &LaneSum, count: u64) -> f64 {
        one_nan(sum.total() / count as f64)
    }

    fn least(values: &[f64]) -> Option<f64> {
        let least = fold_lanes(values, f64::INFINITY, |best, value| if value < best { value } else { best });
        settle(values, least, f64::INFINITY, -0.0)
    }

    fn greatest(values: &[f64]) -> Option<f64> {
        let greatest = fold_lanes(values, f64::NEG_INFINITY, |best, value| if value > best { value } else { best });
        settle(values, greatest, f64::NEG_INFINITY, 0.0)
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

macro_rules! measure_integer {
    ($($ty:ty),*) => {$(
        impl Measure for $ty {
            /// Holds 2^63 values of 64 bits, more than there can be.
            type Sum = i128;

            fn add(sum: &mut i128, values: &[$ty]) {
                *sum += values.iter().map(|value| i128::from(*value)).sum::<i128>();
            }

            #[expect(clippy::cast_precision_loss, reason = "the nearest f64 is what is promised beyond the type's range")]
            fn total(sum: &i128) -> Value {
                <$ty>::try_from(*sum).map_or(Value::F64(*sum as f64), Value::from)
            }

            #[expect(clippy::cast_precision_loss, reason = "a mean is a double, whatever the type of the values")]
            fn mean(sum: &i128, count: u64) -> f64 {
                *sum as f64 / count as f64
            }

            fn least(values: &[$ty]) -> Option<$ty> {
                values.iter().copied().min()
            }

            fn greatest(values: &[$ty]) -> Option<$ty> {
                values.iter().copied().max()
            }
        }
    )*};
}

measure_integer!(i64, u64);

impl Measure for bool {
    /// How many are true.
    type Sum = u64;

    fn add(sum: &mut u64, values: &[bool]) {
        *sum += values.iter().map(|value| u64::from(*value)).sum::<u64>();
    }

    fn total(sum: &u64) -> Value {
        Value::U64(*sum)
    }

    #[expect(clippy::cast_precision_loss, reason = "no window holds 2^53 points")]
    fn mean(sum: &u64, count: u64) -> f64 {
        *sum as f64 / count as f64
    }

    fn least(values: &[bool]) -> Option<bool> {
        values.iter().copied().min()
    }

    fn greatest(values: &[bool]) -> Option<bool> {
        values.iter().copied().max()
    }
}
