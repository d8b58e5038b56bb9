//! Running state of the open window of one series, filled in one pass over its points.

use super::aggregate::Aggregate;
use super::kernels::{AggregateScalar, combine_extreme};
use super::operator::{EmptyStates, Operator, OperatorState};
use super::partial::{PartialAggregate, mean, total};
use crate::state::merge::{RunSum, RunSummary};
use crate::types::point::{Timestamp, Value};

/// Parts of a window's state that the operators need.
#[expect(clippy::struct_excessive_bools, reason = "each part is needed or not, independently")]
#[derive(Debug, Clone)]
pub(super) struct AccumulatorParts {
    sum: bool,
    least: bool,
    greatest: bool,
    first: bool,
    last: bool,
    /// `true` if a fold needs the last point before each window.
    fold_steps: bool,
    operators: EmptyStates,
}

impl AccumulatorParts {
    pub(super) fn of(operators: &[Operator]) -> Self {
        let states = OperatorState::all_of(operators);
        let mut needs = Self {
            sum: false,
            least: false,
            greatest: false,
            first: false,
            last: false,
            fold_steps: states.iter().any(OperatorState::is_fold_of_steps),
            operators: states.into(),
        };
        for operator in operators {
            let Operator::Aggregate(aggregate) = operator else { continue };
            match aggregate {
                Aggregate::Sum | Aggregate::SumAsF64 | Aggregate::Mean => needs.sum = true,
                Aggregate::Min => needs.least = true,
                Aggregate::Max => needs.greatest = true,
                Aggregate::First | Aggregate::FirstTime => needs.first = true,
                Aggregate::Last | Aggregate::LastTime | Aggregate::Prediction(_) => needs.last = true,
                Aggregate::Spread => (needs.least, needs.greatest) = (true, true),
                // Everything else has a state of its own, see `OperatorState`.
                _ => {}
            }
        }
        needs
    }

    /// Returns `true` if the points are needed and a run summary is not enough.
    fn needs_points(&self) -> bool {
        !self.operators.iter().all(OperatorState::uses_summaries)
    }

    /// Returns `true` if a run summary has everything that is needed.
    ///
    /// A summary does not distinguish the two zeros.
    pub(super) fn answered_by<T: AggregateScalar>(&self, summary: &RunSummary<T>) -> bool {
        let unclear = self.least && summary.min.is_float_zero() || self.greatest && summary.max.is_float_zero();
        // The last number before a NaN is not in the summary.
        let lacks_step = self.fold_steps && !summary.last.is_ordered();
        !self.needs_points() && !unclear && !lacks_step
    }
}

/// Running state of a window of one series.
pub(super) struct Accumulator<T: AggregateScalar> {
    needs: AccumulatorParts,
    count: u64,
    sum: T::Sum,
    least: Option<T>,
    greatest: Option<T>,
    first: Option<(i64, T)>,
    last: Option<(i64, T)>,
    /// Last point with a number, of this window or before it, if folds need it.
    step_source: Option<(Timestamp, T)>,
    operators: Vec<OperatorState>,
}

impl<T: AggregateScalar> Accumulator<T> {
    pub(super) fn new(needs: AccumulatorParts) -> Self {
        let sum = T::Sum::default();
        let operators = needs.operators.to_vec();
        let step_source = None;
        Self { needs, count: 0, sum, least: None, greatest: None, first: None, last: None, step_source, operators }
    }

    pub(super) fn needs(&self) -> &AccumulatorParts {
        &self.needs
    }

    /// Returns the approximate bytes that the states hold on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        self.operators.iter().map(OperatorState::byte_len).sum()
    }

    /// Sets the point before the first point of the range.
    pub(super) fn start_after(&mut self, time: Timestamp, value: T) {
        let steps = self.operators.iter_mut().filter(|operator| !operator.is_fold_of_steps());
        steps.for_each(|operator| operator.start_after(time, value));
        self.step_source = Some((time, value));
    }

    /// Gives folds the point before the window, once, before its first point.
    fn begin_folds(&mut self) {
        if let Some((time, value)) = self.step_source.filter(|_| self.needs.fold_steps && self.count == 0) {
            let folds = self.operators.iter_mut().filter(|operator| operator.is_fold_of_steps());
            folds.for_each(|fold| fold.start_after(time, value));
        }
    }

    /// Adds the next points of the window, in time order.
    #[inline]
    pub(super) fn add(&mut self, timestamps: &[Timestamp], values: &[T]) {
        self.begin_folds();
        self.count += values.len() as u64;
        if self.needs.sum {
            T::add(&mut self.sum, values);
        }
        if self.needs.least {
            self.least = combine_extreme(self.least, T::least(values), T::least);
        }
        if self.needs.greatest {
            self.greatest = combine_extreme(self.greatest, T::greatest(values), T::greatest);
        }
        if self.needs.first && self.first.is_none() {
            self.first = timestamps.first().zip(values.first()).map(|(at, value)| (at.as_nanos(), *value));
        }
        if self.needs.last {
            let last = timestamps.last().zip(values.last()).map(|(at, value)| (at.as_nanos(), *value));
            self.last = last.or(self.last);
        }
        if self.needs.fold_steps {
            let mut points = timestamps.iter().zip(values).rev();
            let last = points.find(|(_, value)| value.is_ordered()).map(|(at, value)| (*at, *value));
            self.step_source = last.or(self.step_source);
        }
        for operator in &mut self.operators {
            operator.push(timestamps, values);
        }
    }

    /// Adds the points of a run by their summary, which must have all needed parts.
    pub(super) fn add_summary(&mut self, summary: &RunSummary<T>) {
        self.begin_folds();
        self.count += summary.count;
        if self.needs.sum {
            T::add_sum(&mut self.sum, summary.sum, summary.count);
        }
        let ordered = |value: T| value.is_ordered().then_some(value);
        if self.needs.least {
            self.least = combine_extreme(self.least, ordered(summary.min), T::least);
        }
        if self.needs.greatest {
            self.greatest = combine_extreme(self.greatest, ordered(summary.max), T::greatest);
        }
        if self.needs.first {
            self.first = self.first.or(Some((summary.range.first(), summary.first)));
        }
        if self.needs.last {
            self.last = Some((summary.range.last(), summary.last));
        }
        if self.needs.fold_steps {
            self.step_source = Some((Timestamp::from_nanos(summary.range.last()), summary.last));
        }
        for operator in &mut self.operators {
            operator.push_summary(summary);
        }
    }

    /// Returns the partial aggregate of the window and resets the state for the next window.
    #[inline]
    pub(super) fn take(&mut self) -> PartialAggregate {
        let timed = |point: Option<(i64, T)>| point.map(|(at, value)| (at, value.into()));
        let cell = PartialAggregate {
            ty: T::TYPE,
            is_mixed: false,
            count: self.count,
            sum: if self.needs.sum { T::finish_sum(&std::mem::take(&mut self.sum)) } else { RunSum::Integer(0) },
            min: self.least.take().map(Into::into),
            max: self.greatest.take().map(Into::into),
            first: timed(self.first.take()),
            last: timed(self.last.take()),
            operators: {
                let states = self.operators.iter_mut().zip(self.needs.operators.iter());
                states.map(|(state, empty)| state.take(empty)).collect()
            },
        };
        self.count = 0;
        cell
    }
}

/// Returns the value of a window whose aggregate needs only count and sum.
#[inline]
pub(super) fn value_of_points<T: AggregateScalar>(aggregate: Aggregate, values: &[T]) -> Value {
    match aggregate {
        Aggregate::Count => Value::U64(values.len() as u64),
        Aggregate::Mean => Value::F64(mean(T::sum_of(values), values.len() as u64)),
        _ => total(T::sum_of(values), T::TYPE, aggregate == Aggregate::SumAsF64),
    }
}
