//! Steps between consecutive points of a series, for increase, rate, delta, derivative, integral, changes and resets.
//!
//! A step belongs to the window of its later point, so the last point of a window is kept for the next one.
//! NaN points are skipped.

use super::aggregate::Aggregate;
use super::kernels::{AggregateScalar, add_run_sums, canonical_nan, i128_to_f64, sum_to_f64};
use super::partial::as_integer;
use crate::state::merge::RunSum;
use crate::types::point::{Timestamp, Value};

/// Results of the steps of one window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct WindowRates {
    pub(super) increase: f64,
    pub(super) rate: Option<f64>,
    pub(super) delta: f64,
    pub(super) derivative: Option<f64>,
    pub(super) integral: f64,
    pub(super) changes: u64,
    pub(super) resets: u64,
}

impl WindowRates {
    /// Adds the values of the same window of another series.
    fn merge(self, other: Self) -> Self {
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
            changes: self.changes + other.changes,
            resets: self.resets + other.resets,
        }
    }
}

/// Consecutive steps of one series.
#[derive(Debug, Clone, Copy)]
struct StepRun {
    /// First point of the first step; it may lie in an earlier window.
    from: (i64, Value),
    /// Last point of the last step.
    to: (i64, Value),
    increase: RunSum,
    area: f64,
    changes: u64,
    resets: u64,
}

impl StepRun {
    /// Adds the steps that follow.
    fn append(&mut self, later: Self) {
        self.to = later.to;
        self.increase = add_run_sums(self.increase, later.increase);
        self.area += later.area;
        self.changes += later.changes;
        self.resets += later.resets;
    }

    fn rates(self) -> WindowRates {
        let increase = canonical_nan(sum_to_f64(self.increase));
        let delta = match (as_integer(self.from.1), as_integer(self.to.1)) {
            (Some(from), Some(to)) => i128_to_f64(to - from),
            // Added to 0.0, like the sum of the steps: a difference of -0.0 becomes 0.0.
            _ => canonical_nan(0.0 + (self.to.1.as_f64() - self.from.1.as_f64())),
        };
        let took = seconds(self.from.0, self.to.0);
        let over = |change: f64| (took > 0.0).then(|| canonical_nan(change / took));
        WindowRates {
            increase,
            rate: over(increase),
            delta,
            derivative: over(delta),
            integral: canonical_nan(self.area),
            changes: self.changes,
            resets: self.resets,
        }
    }
}

/// What a query needs of each step besides its ends. What is not needed is not computed, and its results are not valid.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct StepParts {
    increase: bool,
    area: bool,
    changes: bool,
}

impl StepParts {
    /// Returns the parts that an aggregate needs.
    pub(super) fn of(aggregate: Aggregate) -> Self {
        Self {
            increase: matches!(aggregate, Aggregate::Increase | Aggregate::Rate),
            area: matches!(aggregate, Aggregate::Integral),
            changes: matches!(aggregate, Aggregate::Changes | Aggregate::Resets),
        }
    }

    fn union(self, other: Self) -> Self {
        Self {
            increase: self.increase || other.increase,
            area: self.area || other.area,
            changes: self.changes || other.changes,
        }
    }
}

/// State of the steps of a window.
#[derive(Debug, Clone, Default)]
pub(super) struct StepState {
    parts: StepParts,
    /// Last point that is not NaN, of this or an earlier window.
    previous: Option<(i64, Value)>,
    run: Option<StepRun>,
    /// Sum of the results of other series.
    others: Option<WindowRates>,
}

impl StepState {
    pub(super) fn new(parts: StepParts) -> Self {
        Self { parts, ..Self::default() }
    }

    /// Computes what another state computes, too.
    pub(super) fn require_parts_of(&mut self, other: &Self) {
        self.parts = self.parts.union(other.parts);
    }

    /// Sets the point before the first step; a NaN is skipped.
    pub(super) fn start_after<T: AggregateScalar>(&mut self, time: Timestamp, value: T) {
        if value.is_ordered() {
            self.previous = Some((time.as_nanos(), value.into()));
        }
    }

    pub(super) fn push<T: AggregateScalar>(&mut self, timestamps: &[Timestamp], values: &[T]) {
        match self.parts {
            StepParts { increase: false, area: false, changes: false } => {
                self.push_parts::<T, false, false, false>(timestamps, values);
            }
            StepParts { increase: true, area: false, changes: false } => {
                self.push_parts::<T, true, false, false>(timestamps, values);
            }
            _ => self.push_parts::<T, true, true, true>(timestamps, values),
        }
    }

    fn push_parts<T: AggregateScalar, const INCREASE: bool, const AREA: bool, const CHANGES: bool>(
        &mut self,
        timestamps: &[Timestamp],
        values: &[T],
    ) {
        let mut points = timestamps.iter().zip(values).filter(|(_, value)| value.is_ordered());
        let carried = self.previous.and_then(|(at, value)| Some((at, T::try_from(value).ok()?)));
        let first = || points.next().map(|(at, value)| (at.as_nanos(), *value));
        let Some(from) = carried.or_else(first) else { return };
        let (mut last, mut increase) = (from, T::DeltaSum::default());
        // The area is added to that of the slices before, so that it has the same bits for all slices.
        let (mut area, mut changes, mut resets) = (self.run.map_or(0.0, |run| run.area), 0, 0);
        if let Some(run) = &self.run {
            increase = T::delta_sum_of(run.increase);
        }
        let mut has_step = false;
        for (time, value) in points {
            let (at, value) = (time.as_nanos(), *value);
            has_step = true;
            if INCREASE {
                T::add_increase(&mut increase, last.1, value);
            }
            if CHANGES {
                let is_reset = T::is_decrease(last.1, value);
                resets += u64::from(is_reset);
                changes += u64::from(is_reset | T::is_decrease(value, last.1));
            }
            if AREA {
                area += f64::midpoint(last.1.to_f64(), value.to_f64()) * seconds(last.0, at);
            }
            last = (at, value);
        }
        let to = (last.0, last.1.into());
        self.previous = Some(to);
        if !has_step {
            return;
        }
        let increase = T::delta_sum(increase);
        match &mut self.run {
            Some(run) => {
                (run.to, run.increase, run.area) = (to, increase, area);
                (run.changes, run.resets) = (run.changes + changes, run.resets + resets);
            }
            None => self.run = Some(StepRun { from: (from.0, from.1.into()), to, increase, area, changes, resets }),
        }
    }

    /// Returns the steps of the window; the last point is kept for the next window.
    pub(super) fn take(&mut self) -> Self {
        Self { parts: self.parts, previous: self.previous, run: self.run.take(), others: self.others.take() }
    }

    /// Adds the steps of later points of the same series.
    pub(super) fn append(&mut self, later: &Self) {
        match (&mut self.run, later.run) {
            (Some(run), Some(later)) => run.append(later),
            (run, later) => *run = run.or(later),
        }
    }

    /// Adds the results of another series.
    pub(super) fn merge_series(&mut self, other: &Self) {
        self.others = match (self.rates(), other.rates()) {
            (Some(one), Some(other)) => Some(one.merge(other)),
            (one, other) => one.or(other),
        };
        self.run = None;
    }

    /// Returns the results; `None` without a step.
    pub(super) fn rates(&self) -> Option<WindowRates> {
        match (self.others, self.run) {
            (Some(others), Some(run)) => Some(others.merge(run.rates())),
            (others, run) => others.or_else(|| run.map(StepRun::rates)),
        }
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

    fn all_parts() -> StepState {
        StepState::new(StepParts { increase: true, area: true, changes: true })
    }

    fn of<T: AggregateScalar>(points: &[(i64, T)]) -> StepState {
        let mut steps = all_parts();
        for (secs, value) in points {
            steps.push(&[Timestamp::from_secs(*secs)], &[*value]);
        }
        steps
    }

    #[test]
    fn a_counter_that_begins_again_counts_from_nothing() {
        let sums = of(&[(0, 10_u64), (10, 25), (20, 5), (30, 8), (40, 8)]).rates().unwrap();
        assert_eq!((sums.increase, sums.rate, sums.delta), (23.0, Some(23.0 / 40.0), -2.0));
        assert_eq!((sums.integral, sums.changes, sums.resets), (175.0 + 150.0 + 65.0 + 80.0, 3, 1));
    }

    #[test]
    fn a_step_belongs_to_the_window_of_its_later_point() {
        let mut steps = of(&[(0, 1.0), (10, 4.0)]);
        let mut first = steps.take();
        assert_eq!(first.rates().unwrap().increase, 3.0);
        steps.push(&[Timestamp::from_secs(20)], &[6.0]);
        let second = steps.take();
        let sums = second.rates().unwrap();
        assert_eq!((sums.increase, sums.delta, sums.derivative), (2.0, 2.0, Some(0.2)));
        assert!(steps.take().rates().is_none(), "no step, no value");
        first.append(&second);
        let both = first.rates().unwrap();
        assert_eq!((both.increase, both.delta, both.derivative), (5.0, 5.0, Some(0.25)));
    }

    #[test]
    fn the_point_before_the_first_window_is_only_the_start_of_a_step() {
        let mut steps = all_parts();
        steps.start_after(Timestamp::from_secs(0), 1.0);
        steps.start_after(Timestamp::from_secs(5), f64::NAN);
        assert!(steps.clone().take().rates().is_none());
        steps.push(&[Timestamp::from_secs(10)], &[4.0]);
        assert_eq!(steps.rates().unwrap().rate, Some(0.3));
    }

    #[test]
    fn one_point_nan_and_equal_times_make_no_rate() {
        assert!(of(&[(0, 1.0)]).rates().is_none());
        assert!(of(&[(0, 1.0), (5, f64::NAN)]).rates().is_none());
        let twins = of(&[(0, 1.0), (0, 4.0)]).rates().unwrap();
        assert_eq!((twins.increase, twins.rate, twins.derivative), (3.0, None, None));
        let huge = of(&[(0, u64::MAX - 1), (1, u64::MAX)]).rates().unwrap();
        assert_eq!(huge.delta, 1.0);
        let endless = of(&[(0, 0.0), (1, f64::INFINITY), (2, f64::INFINITY)]).rates().unwrap();
        assert!(endless.increase.is_nan() && endless.delta == f64::INFINITY);
        assert_eq!((endless.changes, endless.resets), (1, 0));
    }
}
