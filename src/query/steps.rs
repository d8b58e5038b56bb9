//! Steps from one point of a series to its next: what rates, changes and areas are made of.
//! A step belongs to the window of its later point; what was seen last is carried from window to window.

use super::fold::{Measure, one_nan};
use crate::point::Timestamp;

/// What the steps of one window come to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct StepSums {
    pub(super) increase: f64,
    pub(super) rate: Option<f64>,
    pub(super) delta: f64,
    pub(super) derivative: Option<f64>,
    pub(super) integral: f64,
}

impl StepSums {
    /// Both added up: of two series, or of one in two windows but for what is divided by time.
    pub(super) fn join(self, other: Self) -> Self {
        let both = |a: Option<f64>, b: Option<f64>| match (a, b) {
            (Some(a), Some(b)) => Some(one_nan(a + b)),
            (a, b) => a.or(b),
        };
        Self {
            increase: one_nan(self.increase + other.increase),
            rate: both(self.rate, other.rate),
            delta: one_nan(self.delta + other.delta),
            derivative: both(self.derivative, other.derivative),
            integral: one_nan(self.integral + other.integral),
        }
    }
}

/// The steps of one series.
pub(super) struct Steps<T: Measure> {
    /// The last point seen, of whatever window.
    previous: Option<(i64, T)>,
    /// Where the window's first step began.
    from: Option<(i64, T)>,
    increase: T::Rise,
    area: f64,
}

impl<T: Measure> Default for Steps<T> {
    fn default() -> Self {
        Self { previous: None, from: None, increase: T::Rise::default(), area: 0.0 }
    }
}

impl<T: Measure> Steps<T> {
    pub(super) fn add(&mut self, timestamps: &[Timestamp], values: &[T]) {
        for (timestamp, value) in timestamps.iter().zip(values) {
            if !value.is_ordered() {
                continue;
            }
            let (at, value) = (timestamp.as_nanos(), *value);
            if let Some((before, last)) = self.previous {
                self.from.get_or_insert((before, last));
                if T::falls(last, value) {
                    T::rise_anew(&mut self.increase, value);
                } else {
                    T::rise(&mut self.increase, last, value);
                }
                self.area += f64::midpoint(last.double(), value.double()) * seconds(before, at);
            }
            self.previous = Some((at, value));
        }
    }

    /// What the window's steps came to, if it had any; the next ones belong to another window.
    pub(super) fn take(&mut self) -> Option<StepSums> {
        let ((begun, from), (ended, to)) = (self.from.take()?, self.previous?);
        let (mut change, area) = (T::Rise::default(), std::mem::take(&mut self.area));
        T::rise(&mut change, from, to);
        let (increase, delta) = (T::risen(std::mem::take(&mut self.increase)), T::risen(change));
        let took = seconds(begun, ended);
        let over = |change: f64| (took > 0.0).then(|| one_nan(change / took));
        Some(StepSums { increase, rate: over(increase), delta, derivative: over(delta), integral: one_nan(area) })
    }
}

/// The seconds from one time to a later one.
#[expect(clippy::cast_precision_loss, reason = "a double of seconds is what is promised")]
fn seconds(from: i64, to: i64) -> f64 {
    to.abs_diff(from) as f64 / 1e9
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "these values are exact")]
mod tests {
    use super::*;

    fn of<T: Measure>(points: &[(i64, T)]) -> Steps<T> {
        let mut steps = Steps::default();
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
