//! Aggregation of one window: the running states that its aggregates need, filled in one pass.
//!
//! An accumulator has the value type of its series. The partial aggregate that it yields is independent of the type, so
//! that groups can merge series of different types.

use std::cmp::Ordering;

use super::aggregate::Aggregate;
use super::kernels::{AggregateScalar, canonical_nan, combine_extreme, i128_to_f64, sum_to_f64};
use super::moments::{LaneMoments, Moments, mean_of_integers};
use super::quantile::QuantileState;
use super::rates::{RateAccumulator, WindowRates};
use crate::state::merge::{RunSum, RunSummary};
use crate::types::point::{Timestamp, Value, ValueType};

/// Parts of a window's state that the aggregates need.
#[expect(clippy::struct_excessive_bools, reason = "each part is needed or not, independently")]
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct AccumulatorParts {
    sum: bool,
    least: bool,
    greatest: bool,
    first: bool,
    last: bool,
    moments: bool,
    quantiles: bool,
    steps: bool,
}

impl AccumulatorParts {
    pub(super) fn of(aggregates: &[Aggregate]) -> Self {
        let mut needs = Self::default();
        for aggregate in aggregates {
            match aggregate {
                Aggregate::Count => {}
                Aggregate::Sum | Aggregate::SumAsF64 | Aggregate::Mean => needs.sum = true,
                Aggregate::Min => needs.least = true,
                Aggregate::Max => needs.greatest = true,
                Aggregate::First => needs.first = true,
                Aggregate::Last => needs.last = true,
                Aggregate::Spread => (needs.least, needs.greatest) = (true, true),
                Aggregate::Variance | Aggregate::StdDev => needs.moments = true,
                Aggregate::Quantile(_) => needs.quantiles = true,
                Aggregate::Increase
                | Aggregate::Rate
                | Aggregate::Delta
                | Aggregate::Derivative
                | Aggregate::Integral => needs.steps = true,
            }
        }
        needs
    }

    /// Returns `true` if the points are needed and a run summary is not enough.
    fn needs_points(self) -> bool {
        self.moments || self.quantiles || self.steps
    }

    /// Returns `true` if a run summary has everything that is needed.
    ///
    /// A summary does not distinguish the two zeros.
    pub(super) fn answered_by<T: AggregateScalar>(self, summary: &RunSummary<T>) -> bool {
        let unclear = self.least && summary.min.is_float_zero() || self.greatest && summary.max.is_float_zero();
        !self.needs_points() && !unclear
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
    rare: Option<Box<ExtendedAccumulator<T>>>,
}

/// State of rarely used aggregates, allocated on demand.
struct ExtendedAccumulator<T: AggregateScalar> {
    moments: LaneMoments,
    quantiles: QuantileState,
    steps: RateAccumulator<T>,
}

impl<T: AggregateScalar> Accumulator<T> {
    pub(super) fn new(needs: AccumulatorParts) -> Self {
        let rare = || ExtendedAccumulator {
            moments: LaneMoments::default(),
            quantiles: QuantileState::default(),
            steps: RateAccumulator::default(),
        };
        let rare = needs.needs_points().then(|| Box::new(rare()));
        let sum = T::Sum::default();
        Self { needs, count: 0, sum, least: None, greatest: None, first: None, last: None, rare }
    }

    pub(super) fn needs(&self) -> AccumulatorParts {
        self.needs
    }

    /// Adds the next points of the window, in time order.
    #[inline]
    pub(super) fn add(&mut self, timestamps: &[Timestamp], values: &[T]) {
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
        if let Some(rare) = &mut self.rare {
            if self.needs.moments {
                if T::TYPE == ValueType::F64 {
                    rare.moments.add(values.iter().map(|value| value.to_f64()));
                } else {
                    rare.moments.add_integers(values.iter().filter_map(|value| as_integer((*value).into())));
                }
            }
            if self.needs.quantiles {
                rare.quantiles.add(values.iter().map(|value| value.to_f64()));
            }
            if self.needs.steps {
                rare.steps.add(timestamps, values);
            }
        }
    }

    /// Adds the points of a run by their summary, which must have all needed parts.
    pub(super) fn add_summary(&mut self, summary: &RunSummary<T>) {
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
            rare: self.rare.as_mut().map(|rare| {
                Box::new(ExtendedPartial {
                    moments: std::mem::take(&mut rare.moments).total(),
                    quantiles: std::mem::take(&mut rare.quantiles),
                    steps: rare.steps.take(),
                })
            }),
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

/// Mergeable state of a window, independent of the value type.
#[derive(Debug, Clone)]
pub(super) struct PartialAggregate {
    ty: ValueType,
    /// `true` if values of several types were merged; all values then count as doubles.
    is_mixed: bool,
    count: u64,
    sum: RunSum,
    min: Option<Value>,
    max: Option<Value>,
    first: Option<(i64, Value)>,
    last: Option<(i64, Value)>,
    rare: Option<Box<ExtendedPartial>>,
}

#[derive(Debug, Clone)]
struct ExtendedPartial {
    moments: Moments,
    quantiles: QuantileState,
    steps: Option<WindowRates>,
}

impl PartialAggregate {
    /// Merges the same window of another series with a greater id.
    pub(super) fn merge(&mut self, other: Self) {
        self.is_mixed |= other.is_mixed || self.ty != other.ty;
        self.count += other.count;
        self.sum = match (self.sum, other.sum) {
            (RunSum::Integer(one), RunSum::Integer(other)) => RunSum::Integer(one + other),
            (one, other) => RunSum::Float(sum_to_f64(one) + sum_to_f64(other)),
        };
        self.min = extreme_value(self.min, other.min, Ordering::Less);
        self.max = extreme_value(self.max, other.max, Ordering::Greater);
        if other.first.is_some_and(|(at, _)| self.first.is_none_or(|(own, _)| at < own)) {
            self.first = other.first;
        }
        if other.last.is_some_and(|(at, _)| self.last.is_none_or(|(own, _)| at >= own)) {
            self.last = other.last;
        }
        match (&mut self.rare, other.rare) {
            (Some(own), Some(other)) => own.merge(&other),
            (own, other) => *own = own.take().or(other),
        }
    }

    /// Makes all values count as doubles, because other windows of the row have values of another type.
    pub(super) fn set_mixed(&mut self) {
        self.is_mixed = true;
    }

    /// Returns the value by which an aggregate ranks a row. A sum of integers is exact, whatever its size.
    pub(super) fn rank_value(&self, aggregate: Aggregate) -> Option<OrderedNumber> {
        match (aggregate, self.sum) {
            (Aggregate::Sum, RunSum::Integer(sum)) => Some(OrderedNumber::Integer(sum)),
            _ => self.value(aggregate).map(OrderedNumber::from),
        }
    }

    /// Returns the value of an aggregate; `None` if the aggregate needs steps and the window has none.
    ///
    /// A sum of integers that exceeds the range of their type is a double, which the caller must refuse.
    #[inline]
    pub(super) fn value(&self, aggregate: Aggregate) -> Option<Value> {
        let nan = Value::F64(f64::NAN);
        let rare = self.rare.as_deref();
        let steps = |of: fn(WindowRates) -> Option<f64>| rare.and_then(|rare| rare.steps).and_then(of).map(Value::F64);
        let value = match aggregate {
            Aggregate::Count => Value::U64(self.count),
            Aggregate::Sum => total(self.sum, self.ty, self.is_mixed),
            Aggregate::SumAsF64 => total(self.sum, self.ty, true),
            Aggregate::Mean => Value::F64(mean(self.sum, self.count)),
            // Only NaN has no order, and a window without values does not exist.
            Aggregate::Min => self.min.map_or(nan, |value| self.widened(value)),
            Aggregate::Max => self.max.map_or(nan, |value| self.widened(value)),
            Aggregate::First => self.widened(self.first?.1),
            Aggregate::Last => self.widened(self.last?.1),
            Aggregate::Spread => self.min.zip(self.max).map_or(nan, |(min, max)| Value::F64(difference(min, max))),
            Aggregate::Variance => Value::F64(rare?.moments.variance()),
            Aggregate::StdDev => Value::F64(rare?.moments.variance().sqrt()),
            Aggregate::Quantile(level) => Value::F64(rare?.quantiles.value_at(level.as_f64())),
            Aggregate::Increase => return steps(|sums| Some(sums.increase)),
            Aggregate::Rate => return steps(|sums| sums.rate),
            Aggregate::Delta => return steps(|sums| Some(sums.delta)),
            Aggregate::Derivative => return steps(|sums| sums.derivative),
            Aggregate::Integral => return steps(|sums| Some(sums.integral)),
        };
        Some(value)
    }

    fn widened(&self, value: Value) -> Value {
        if self.is_mixed { Value::F64(value.as_f64()) } else { value }
    }

    /// Returns the approximate size in bytes, including the heap.
    pub(super) fn byte_len(&self) -> usize {
        let rare = self.rare.as_ref();
        size_of::<Self>() + rare.map_or(0, |rare| size_of::<ExtendedPartial>() + rare.quantiles.byte_len())
    }
}

impl ExtendedPartial {
    fn merge(&mut self, other: &Self) {
        self.moments = self.moments.merge(other.moments);
        self.quantiles.merge(&other.quantiles);
        self.steps = match (self.steps, other.steps) {
            (Some(one), Some(other)) => Some(one.merge(other)),
            (one, other) => one.or(other),
        };
    }
}

/// Returns a sum in the type of its series if it fits; otherwise, or if `as_f64`, as a double.
fn total(sum: RunSum, ty: ValueType, as_f64: bool) -> Value {
    match sum {
        RunSum::Float(sum) => Value::F64(canonical_nan(sum)),
        RunSum::Integer(sum) if as_f64 => Value::F64(i128_to_f64(sum)),
        RunSum::Integer(sum) if ty == ValueType::I64 => {
            i64::try_from(sum).map_or(Value::F64(i128_to_f64(sum)), Value::from)
        }
        RunSum::Integer(sum) => u64::try_from(sum).map_or(Value::F64(i128_to_f64(sum)), Value::from),
    }
}

/// Returns the mean; that of integers is the correctly rounded quotient.
#[expect(clippy::cast_precision_loss, reason = "no window holds 2^53 points")]
fn mean(sum: RunSum, count: u64) -> f64 {
    match sum {
        RunSum::Float(sum) => canonical_nan(sum / count as f64),
        RunSum::Integer(sum) => mean_of_integers(sum, count),
    }
}

/// Returns the value as an integer; `None` for a double.
pub(super) fn as_integer(value: Value) -> Option<i128> {
    match value {
        Value::F64(_) => None,
        Value::I64(value) => Some(value.into()),
        Value::U64(value) => Some(value.into()),
        Value::Bool(value) => Some(value.into()),
    }
}

/// Number of either kind. Comparisons round nothing, so that they are a total order of numbers other than NaN.
#[derive(Debug, Clone, Copy)]
pub(super) enum OrderedNumber {
    Integer(i128),
    Float(f64),
}

impl From<Value> for OrderedNumber {
    fn from(value: Value) -> Self {
        as_integer(value).map_or_else(|| Self::Float(value.as_f64()), Self::Integer)
    }
}

impl OrderedNumber {
    pub(super) fn is_nan(self) -> bool {
        matches!(self, Self::Float(float) if float.is_nan())
    }

    /// Compares two numbers other than NaN; -0.0 is less than 0.
    pub(super) fn compare(self, other: Self) -> Ordering {
        match (self, other) {
            (Self::Integer(a), Self::Integer(b)) => a.cmp(&b),
            (Self::Float(a), Self::Float(b)) => a.total_cmp(&b),
            (Self::Integer(a), Self::Float(b)) => compare_with_float(a, b),
            (Self::Float(a), Self::Integer(b)) => compare_with_float(b, a).reverse(),
        }
    }
}

fn compare_with_float(integer: i128, float: f64) -> Ordering {
    // The addition makes -0.0 to 0.0.
    let whole = float.trunc() + 0.0;
    #[expect(clippy::cast_possible_truncation, reason = "exact, or the bound that is nearest to a larger double")]
    integer.cmp(&(whole as i128)).then(whole.total_cmp(&float))
}

fn extreme_value(one: Option<Value>, other: Option<Value>, wanted: Ordering) -> Option<Value> {
    let (Some(a), Some(b)) = (one, other) else { return one.or(other) };
    Some(if OrderedNumber::from(b).compare(a.into()) == wanted { b } else { a })
}

fn difference(from: Value, to: Value) -> f64 {
    match (as_integer(from), as_integer(to)) {
        (Some(from), Some(to)) => i128_to_f64(to - from),
        _ => canonical_nan(to.as_f64() - from.as_f64()),
    }
}
