//! Steps between consecutive points of a series, for increase, rate, delta, derivative and integral.
//!
//! A step belongs to the window of its later point, so the last point of a window is kept for the next one.
//! NaN points are skipped.

use super::kernels::{AggregateScalar, canonical_nan};
use crate::types::point::Timestamp;

/// Increase, rate, delta, derivative and integral of one window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct WindowRates {
    pub(super) increase: f64,
    pub(super) rate: Option<f64>,
    pub(super) delta: f64,
    pub(super) derivative: Option<f64>,
    pub(super) integral: f64,
}

impl WindowRates {
    /// Adds the values of the same window of another series.
    pub(super) fn merge(self, other: Self) -> Self {
        let both = |a: Option<f64>, b: Option<f64>| match (a, b) {
            (Some(a), Some(b)) => Some(canonical_nan(a + b)),
            (a, b) => a.or(b),
        };
        Self {
            increase: canonical_nan(self.increase + other.increase),
            rate: both(self.rate, other.rate),
            delta: canonical_nan(self.delta + other.delta),
            derivative: both(self.derivative, other.derivative),
            integral: canonical_nan(self.integral + other.integral),
        }
    }
}

/// Accumulator of the steps of one series.
pub(super) struct RateAccumulator<T: AggregateScalar> {
    /// Last point that is not NaN, of this or an earlier window.
    previous: Option<(i64, T)>,
    /// First point of the first step of the window; it may lie in an earlier window.
    from: Option<(i64, T)>,
    increase: T::DeltaSum,
    area: f64,
}

impl<T: AggregateScalar> Default for RateAccumulator<T> {
    fn default() -> Self {
        Self { previous: None, from: None, increase: T::DeltaSum::default(), area: 0.0 }
    }
}

impl<T: AggregateScalar> RateAccumulator<T> {
    pub(super) fn add(&mut self, timestamps: &[Timestamp], values: &[T]) {
        for (timestamp, value) in timestamps.iter().zip(values) {
            if !value.is_ordered() {
                continue;
            }
            let (at, value) = (timestamp.as_nanos(), *value);
            if let Some((before, last)) = self.previous {
                self.from.get_or_insert((before, last));
                if T::is_decrease(last, value) {
                    T::add_reset(&mut self.increase, value);
                } else {
                    T::add_delta(&mut self.increase, last, value);
                }
                self.area += f64::midpoint(last.to_f64(), value.to_f64()) * seconds(before, at);
            }
            self.previous = Some((at, value));
        }
    }

    /// Returns the sums of the window, if it has steps, and resets them for the next window.
    pub(super) fn take(&mut self) -> Option<WindowRates> {
        let ((begun, from), (ended, to)) = (self.from.take()?, self.previous?);
        let (mut change, area) = (T::DeltaSum::default(), std::mem::take(&mut self.area));
        T::add_delta(&mut change, from, to);
        let (increase, delta) = (T::delta_sum_f64(std::mem::take(&mut self.increase)), T::delta_sum_f64(change));
        let took = seconds(begun, ended);
        let over = |change: f64| (took > 0.0).then(|| canonical_nan(change / took));
        Some(WindowRates {
            increase,
            rate: over(increase),
            delta,
            derivative: over(delta),
            integral: canonical_nan(area),
        })
    }
}

/// Returns the seconds between two times.
#[expect(clippy::cast_precision_loss, reason = "seconds as a double are the documented result")]
fn seconds(from: i64, to: i64) -> f64 {
    to.abs_diff(from) as f64 / 1e9
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "these values are exact")]
mod tests {
    use super::*;

    fn of<T: AggregateScalar>(points: &[(i64, T)]) -> RateAccumulator<T> {
        let mut steps = RateAccumulator::default();
        for (secs, value) in points {
            steps.add(&[Timestamp::from_secs(*secs)], &[*value]);
        }
        steps
    }

    #[test]
    fn a_counter_that_begins_again_counts_from_nothing() {
        let sums = of(&[(0, 10_u64), (10, 25), (20, 5), (30, 8)]).take().unwrap();
        assert_eq!((sums.increase, sums.rate, sums.delta), (23.0, Some(23.0 / 30.0), -2.0));
        assert_eq!(sums.integral, 175.0 + 150.0 + 65.0);
    }

    #[test]
    fn a_step_belongs_to_the_window_of_its_later_point() {
        let mut steps = of(&[(0, 1.0), (10, 4.0)]);
        assert_eq!(steps.take().unwrap().increase, 3.0);
        steps.add(&[Timestamp::from_secs(20)], &[6.0]);
        let sums = steps.take().unwrap();
        assert_eq!((sums.increase, sums.delta, sums.derivative), (2.0, 2.0, Some(0.2)));
        assert!(steps.take().is_none(), "no step, no value");
    }

    #[test]
    fn one_point_nan_and_equal_times_make_no_rate() {
        assert!(of(&[(0, 1.0)]).take().is_none());
        assert!(of(&[(0, 1.0), (5, f64::NAN)]).take().is_none());
        let twins = of(&[(0, 1.0), (0, 4.0)]).take().unwrap();
        assert_eq!((twins.increase, twins.rate, twins.derivative), (3.0, None, None));
        let huge = of(&[(0, u64::MAX - 1), (1, u64::MAX)]).take().unwrap();
        assert_eq!(huge.delta, 1.0);
        let endless = of(&[(0, 0.0), (1, f64::INFINITY), (2, f64::INFINITY)]).take().unwrap();
        assert!(endless.increase.is_nan() && endless.delta == f64::INFINITY);
    }
}
