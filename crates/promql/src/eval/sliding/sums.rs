//! Sums and means of windows.
//!
//! A compensated sum depends on the value at which it begins, so those of overlapping windows share no work in general.
//! They do where every partial sum is exact, because all values are multiples of one power of two and the sums have at most
//! 53 bits: whole numbers, halves, `f32` of similar sizes. Then a sum is the difference of two prefix sums. Elsewhere four
//! windows are summed side by side: each addition waits for the one before it, but not for those of other windows.

use super::super::budget::StopCheck;
use super::super::column::{Column, MISSING};
use super::super::kahan::{self, KahanMean, KahanSum};
use super::super::number::count;
use super::bounds::Bounds;

/// Windows that are summed side by side.
const LANES: usize = 4;

/// Sums each window.
pub(super) fn sums(values: &[f64], bounds: &Bounds, prefix: &mut Vec<f64>, stop: &mut StopCheck) -> Column {
    if is_exact(values) {
        let sum = exact_sums(values, prefix);
        return bounds.column(sum);
    }
    let empty = KahanSum::default();
    by_lanes(values, (bounds, stop), empty, KahanSum::add_finite, |sum, window| {
        // Sums that are not finite are computed again.
        if sum.sum.is_finite() { sum.total() } else { kahan::sum(window) }
    })
}

/// Computes the mean of each window.
pub(super) fn means(values: &[f64], bounds: &Bounds, prefix: &mut Vec<f64>, stop: &mut StopCheck) -> Column {
    if is_exact(values) {
        let sum = exact_sums(values, prefix);
        return bounds.column(|first, behind| sum(first, behind) / count(behind - first));
    }
    let empty = KahanSum::default();
    by_lanes(values, (bounds, stop), empty, KahanSum::add_finite, |sum, window| {
        if sum.sum.is_finite() { KahanMean::of_sum(sum, window.len()).mean() } else { kahan::mean(window) }
    })
}

/// Computes the population variance of each window by Welford's method with compensated sums.
pub(super) fn variances(values: &[f64], bounds: &Bounds, stop: &mut StopCheck) -> Column {
    by_lanes(values, (bounds, stop), Variance::default(), Variance::add, |variance, _| variance.value())
}

/// Mean and sum of squared differences.
#[derive(Debug, Clone, Copy, Default)]
struct Variance {
    count: f64,
    mean: KahanSum,
    squares: KahanSum,
}

impl Variance {
    #[inline]
    fn add(&mut self, value: f64) {
        self.count += 1.0;
        let difference = value - (self.mean.sum + self.mean.compensation);
        self.mean.add(difference / self.count);
        self.squares.add(difference * (value - (self.mean.sum + self.mean.compensation)));
    }

    fn value(self) -> f64 {
        (self.squares.sum + self.squares.compensation) / self.count
    }
}

/// Returns `true` if all sums of consecutive values are exact.
fn is_exact(values: &[f64]) -> bool {
    const MANTISSA: u64 = (1 << 52) - 1;
    // Exponent of the least power of two of which all values are multiples, and the sum of the magnitudes.
    let (mut least, mut total) = (i32::MAX, 0.0_f64);
    for block in values.chunks(64) {
        for value in block {
            let bits = value.to_bits();
            let exponent = i32::from(u16::try_from((bits >> 52) & 0x7ff).unwrap_or(0));
            let is_zero = *value == 0.0;
            if (exponent == 0 && !is_zero) || exponent == 0x7ff {
                return false;
            }
            let zeros = ((bits & MANTISSA) | (1 << 52)).trailing_zeros();
            let own = exponent - 1075 + i32::try_from(zeros).unwrap_or(0);
            least = least.min(if is_zero { i32::MAX } else { own });
            total += value.abs();
        }
        // One bit less than sums can have, since the total may be rounded.
        if total >= 2.0_f64.powi(least.saturating_add(52)) {
            return false;
        }
    }
    true
}

/// Returns the sum of each range of values; all sums must be exact.
fn exact_sums<'a>(values: &[f64], prefix: &'a mut Vec<f64>) -> impl Fn(usize, usize) -> f64 + use<'a> {
    prefix.clear();
    prefix.push(0.0);
    let mut total = 0.0;
    for value in values {
        total += value;
        prefix.push(total);
    }
    let upto = move |at: usize| prefix.get(at).copied().unwrap_or(f64::NAN);
    move |first: usize, behind: usize| upto(behind) - upto(first)
}

/// Folds each window from its first value to its last one, four windows side by side, and computes a value from the state
/// and the values of the window.
fn by_lanes<State: Copy>(
    values: &[f64],
    (bounds, stop): (&Bounds, &mut StopCheck),
    empty: State,
    add: impl Fn(&mut State, f64),
    result: impl Fn(State, &[f64]) -> f64,
) -> Column {
    let window = |(first, behind): &(usize, usize)| values.get(*first..*behind).unwrap_or(&[]);
    let value = |state: State, window: &[f64]| if window.is_empty() { MISSING } else { result(state, window) };
    let add_all = |state: &mut State, values: &[f64]| values.iter().for_each(|value| add(state, *value));
    let mut column = Vec::with_capacity(bounds.list().len());
    let (groups, rest) = bounds.list().as_chunks::<LANES>();
    for group in groups {
        let windows = group.each_ref().map(window);
        if stop.is_due(windows.iter().map(|window| window.len()).sum()) {
            break;
        }
        let common = windows.iter().map(|window| window.len()).min().unwrap_or(0);
        let [one, two, three, four] = windows.map(|window| window.get(..common).unwrap_or(&[]));
        let mut states = [empty; LANES];
        for (((one, two), three), four) in one.iter().zip(two).zip(three).zip(four) {
            let values = [*one, *two, *three, *four];
            for (state, value) in states.iter_mut().zip(values) {
                add(state, value);
            }
        }
        for (mut state, window) in states.into_iter().zip(windows) {
            add_all(&mut state, window.get(common..).unwrap_or(&[]));
            column.push(value(state, window));
        }
    }
    for ends in rest {
        let (mut state, window) = (empty, window(ends));
        add_all(&mut state, window);
        column.push(value(state, window));
    }
    bounds.column_of(column)
}
