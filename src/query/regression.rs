//! Linear regression of values over time, for `slope` and `prediction`.
//!
//! The sums are those of the distances from the running means (B. P. Welford, Technometrics 1962), merged by Chan's
//! formula and added with the rounding errors kept (A. Neumaier, ZAMM 1974). Times are relative to the first point, and
//! integers to the first value, exactly: neither nanoseconds since 1970 nor large counters cancel out.

use super::kernels::{AggregateScalar, canonical_nan, i128_to_f64};
use super::partial::as_integer;
use crate::types::point::Timestamp;

const NANOS_PER_SECOND: f64 = 1e9;

/// Sum of doubles with the sum of its rounding errors.
#[derive(Debug, Clone, Copy, Default)]
struct CompensatedSum {
    sum: f64,
    error: f64,
}

impl CompensatedSum {
    fn add(&mut self, value: f64) {
        let sum = self.sum + value;
        let larger_is_sum = self.sum.abs() >= value.abs();
        self.error += if larger_is_sum { (self.sum - sum) + value } else { (value - sum) + self.sum };
        self.sum = sum;
    }

    fn total(self) -> f64 {
        self.sum + self.error
    }
}

/// Regression of the points of a window; points whose value is NaN are ignored.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Regression {
    count: u64,
    /// Time of the first point.
    time_origin: i64,
    /// First value if it is an integer, otherwise 0.
    value_origin: i128,
    /// Mean time in nanoseconds from the origin.
    mean_time: CompensatedSum,
    /// Mean value minus the origin.
    mean_value: CompensatedSum,
    /// Sum of the squared distances of the times from their mean, in square nanoseconds.
    time_squares: CompensatedSum,
    /// Sum of the products of the distances of times and values from their means.
    products: CompensatedSum,
}

#[expect(clippy::cast_precision_loss, reason = "no window holds 2^53 points")]
impl Regression {
    pub(super) fn push<T: AggregateScalar>(&mut self, times: &[Timestamp], values: &[T]) {
        for (time, value) in times.iter().zip(values) {
            if !value.is_ordered() {
                continue;
            }
            let integer = as_integer((*value).into());
            if self.count == 0 {
                self.time_origin = time.as_nanos();
                self.value_origin = integer.unwrap_or(0);
            }
            let at = i128_to_f64(i128::from(time.as_nanos()) - i128::from(self.time_origin));
            let value = integer.map_or_else(|| value.to_f64(), |integer| i128_to_f64(integer - self.value_origin));
            self.count += 1;
            let count = self.count as f64;
            let (time_distance, value_distance) = (at - self.mean_time.total(), value - self.mean_value.total());
            self.mean_time.add(time_distance / count);
            self.mean_value.add(value_distance / count);
            self.time_squares.add(time_distance * (at - self.mean_time.total()));
            self.products.add(time_distance * (value - self.mean_value.total()));
        }
    }

    /// Adds other points, of any time.
    pub(super) fn merge(&mut self, other: &Self) {
        if self.count == 0 || other.count == 0 {
            if self.count == 0 {
                *self = *other;
            }
            return;
        }
        let count = self.count + other.count;
        let share = other.count as f64 / count as f64;
        let between = i128::from(other.time_origin) - i128::from(self.time_origin);
        let time_distance = i128_to_f64(between) + (other.mean_time.total() - self.mean_time.total());
        let value_distance =
            i128_to_f64(other.value_origin - self.value_origin) + (other.mean_value.total() - self.mean_value.total());
        let weight = self.count as f64 * share;
        self.time_squares.add(other.time_squares.total());
        self.time_squares.add(time_distance * time_distance * weight);
        self.products.add(other.products.total());
        self.products.add(time_distance * value_distance * weight);
        self.mean_time.add(time_distance * share);
        self.mean_value.add(value_distance * share);
        self.count = count;
    }

    /// Returns the slope per second; `None` without points at two times.
    pub(super) fn slope(&self) -> Option<f64> {
        let squares = self.time_squares.total();
        (squares > 0.0).then(|| canonical_nan(self.products.total() / squares * NANOS_PER_SECOND))
    }

    /// Returns the value of the line at a time in nanoseconds since 1970; `None` without points at two times.
    pub(super) fn value_at(&self, at: i128) -> Option<f64> {
        let slope = self.slope()? / NANOS_PER_SECOND;
        let distance = i128_to_f64(at - i128::from(self.time_origin)) - self.mean_time.total();
        let mean = i128_to_f64(self.value_origin) + self.mean_value.total();
        Some(canonical_nan(mean + slope * distance))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_790_000_000;

    fn of<T: AggregateScalar>(points: impl IntoIterator<Item = (i64, T)>) -> Regression {
        let mut regression = Regression::default();
        for (secs, value) in points {
            regression.push(&[Timestamp::from_secs(secs)], &[value]);
        }
        regression
    }

    fn near(found: Option<f64>, expected: f64) {
        let found = found.unwrap();
        assert!((found - expected).abs() <= 1e-12 * expected.abs(), "{found}, not {expected}");
    }

    #[test]
    fn a_line_is_found_whatever_its_distance_from_zero() {
        near(of((0..1_000).map(|n| (NOW + n, 3.0 + 0.25 * f64::from(i32::try_from(n).unwrap())))).slope(), 0.25);
        // Doubles near 2^60 are 128 apart, integers are exact.
        near(of((0..1_000).map(|n| (NOW + n, (1_i64 << 60) + 3 * n))).slope(), 3.0);
        let line = of([(NOW, 10.0), (NOW + 10, 15.0)]);
        near(line.value_at((i128::from(NOW) + 30) * 1_000_000_000), 25.0);
    }

    #[test]
    fn parts_are_merged_to_the_whole() {
        let points: Vec<(i64, f64)> =
            (0..500).map(|n| (NOW + n * n % 977, f64::from(i32::try_from(n * 7_919 % 1_009).unwrap()))).collect();
        let whole = of(points.iter().copied());
        for length in [1, 7, 100, 499] {
            let mut merged = Regression::default();
            points.chunks(length).for_each(|part| merged.merge(&of(part.iter().copied())));
            let (found, expected) = (merged.slope().unwrap(), whole.slope().unwrap());
            assert!((found - expected).abs() <= 1e-10 * expected.abs(), "{length}: {found}, not {expected}");
        }
    }

    #[test]
    fn one_time_and_nan_make_no_line() {
        assert_eq!(of([(1, 5.0)]).slope(), None);
        assert_eq!(of([(1, 5.0), (1, 7.0), (3, f64::NAN)]).slope(), None);
        assert!(of([(1, 5.0), (2, f64::INFINITY)]).slope().unwrap().is_nan());
    }
}
