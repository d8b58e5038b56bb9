//! Sums and means of windows.
//!
//! A compensated sum depends on the value at which it begins, so those of overlapping windows share no work in general.
//! They do where every partial sum is exact, because all values are multiples of one power of two and the sums have at most
//! 53 bits: whole numbers, halves, `f32` of similar sizes. Then a sum is the difference of two prefix sums. Elsewhere four
//! windows are summed side by side: each addition waits for the one before it, but not for those of other windows.

use super::super::column::{Column, MISSING};
use super::super::kahan::{self, KahanMean, KahanSum};
use super::super::number::count;
use super::bounds::Bounds;

/// Windows that are summed side by side.
const LANES: usize = 4;

/// Sums each window.
pub(super) fn sums(values: &[f64], bounds: &Bounds, prefix: &mut Vec<f64>) -> Column {
    if is_exact(values) {
        let sum = exact_sums(values, prefix);
        return bounds.column(sum);
    }
    by_lanes(values, bounds, |sum, window| if sum.sum.is_finite() { sum.total() } else { kahan::sum(window) })
}

/// Computes the mean of each window.
pub(super) fn means(values: &[f64], bounds: &Bounds, prefix: &mut Vec<f64>) -> Column {
    if is_exact(values) {
        let sum = exact_sums(values, prefix);
        return bounds.column(|first, behind| sum(first, behind) / count(behind - first));
    }
    by_lanes(values, bounds, |sum, window| {
        if sum.sum.is_finite() { KahanMean::of_sum(sum, window.len()).mean() } else { kahan::mean(window) }
    })
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

/// Sums all windows, and computes a value from each sum and the values of the window.
///
/// Sums that are not finite must be computed again: the lanes do not reset the compensation.
fn by_lanes(values: &[f64], bounds: &Bounds, result: impl Fn(KahanSum, &[f64]) -> f64) -> Column {
    let window = |(first, behind): &(usize, usize)| values.get(*first..*behind).unwrap_or(&[]);
    let value = |sum: KahanSum, window: &[f64]| if window.is_empty() { MISSING } else { result(sum, window) };
    let mut column = Vec::with_capacity(bounds.list().len());
    let (groups, rest) = bounds.list().as_chunks::<LANES>();
    for group in groups {
        let windows = [window(&group[0]), window(&group[1]), window(&group[2]), window(&group[3])];
        let sums = sum_lanes(windows);
        column.extend(sums.into_iter().zip(windows).map(|(sum, window)| value(sum, window)));
    }
    for ends in rest {
        let window = window(ends);
        column.push(value(add_all(KahanSum::default(), window), window));
    }
    bounds.column_of(column)
}

/// Sums four windows side by side.
fn sum_lanes(windows: [&[f64]; LANES]) -> [KahanSum; LANES] {
    let common = windows.iter().map(|window| window.len()).min().unwrap_or(0);
    let [one, two, three, four] = windows.map(|window| window.get(..common).unwrap_or(&[]));
    let (mut sums, mut lost) = ([0.0; LANES], [0.0; LANES]);
    for (((one, two), three), four) in one.iter().zip(two).zip(three).zip(four) {
        let values = [*one, *two, *three, *four];
        for lane in 0..LANES {
            let (sum, error) = kahan::two_sum(sums[lane], values[lane]);
            sums[lane] = sum;
            lost[lane] += error;
        }
    }
    let mut totals = [KahanSum::default(); LANES];
    for (lane, total) in totals.iter_mut().enumerate() {
        let sum = KahanSum { sum: sums[lane], compensation: lost[lane] };
        *total = add_all(sum, windows[lane].get(common..).unwrap_or(&[]));
    }
    totals
}

fn add_all(mut sum: KahanSum, values: &[f64]) -> KahanSum {
    for value in values {
        sum.add(*value);
    }
    sum
}
