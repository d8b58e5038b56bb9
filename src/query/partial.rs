//! Partial aggregates: the mergeable state of one window.
//!
//! An accumulator has the value type of its series. The partial aggregate that it yields is independent of the type, so
//! that groups can merge series of different types.

use std::cmp::Ordering;
use std::time::Duration;

use super::aggregate::Aggregate;
use super::distinct::DistinctValues;
use super::kernels::{add_run_sums, canonical_nan, i128_to_f64};
use super::moments::{Moments, mean_of_integers};
use super::operator::{Operator, OperatorState};
use super::quantile::QuantileMethod;
use super::rates::WindowRates;
use super::regression::Regression;
use super::sliding::Append;
use crate::state::merge::RunSum;
use crate::types::point::{Value, ValueType};

/// Mergeable state of a window, independent of the value type.
#[derive(Debug, Clone)]
pub(super) struct PartialAggregate {
    pub(super) ty: ValueType,
    /// `true` if values of several types were merged; all values then count as doubles.
    pub(super) is_mixed: bool,
    pub(super) count: u64,
    pub(super) sum: RunSum,
    pub(super) min: Option<Value>,
    pub(super) max: Option<Value>,
    pub(super) first: Option<(i64, Value)>,
    pub(super) last: Option<(i64, Value)>,
    pub(super) operators: Vec<OperatorState>,
}

impl PartialAggregate {
    /// Merges the same window of another series with a greater id.
    pub(super) fn merge(&mut self, other: Self) {
        self.is_mixed |= other.is_mixed || self.ty != other.ty;
        self.count += other.count;
        self.sum = add_run_sums(self.sum, other.sum);
        self.min = extreme_value(self.min, other.min, Ordering::Less);
        self.max = extreme_value(self.max, other.max, Ordering::Greater);
        if other.first.is_some_and(|(at, _)| self.first.is_none_or(|(own, _)| at < own)) {
            self.first = other.first;
        }
        if other.last.is_some_and(|(at, _)| self.last.is_none_or(|(own, _)| at >= own)) {
            self.last = other.last;
        }
        for (own, other) in self.operators.iter_mut().zip(other.operators) {
            own.merge_series(other);
        }
    }

    /// Makes all values count as doubles, because other windows of the row have values of another type.
    pub(super) fn set_mixed(&mut self) {
        self.is_mixed = true;
        self.operators.iter_mut().for_each(OperatorState::set_mixed);
    }

    /// Returns the value of an operator; see [`value`](Self::value).
    pub(super) fn value_of(&self, operator: &Operator, end: impl Fn() -> Option<i128>) -> Option<Value> {
        match operator {
            Operator::Aggregate(Aggregate::Prediction(after)) => self.prediction(*after, end()),
            Operator::Aggregate(aggregate) => self.value(*aggregate),
            Operator::Fold(fold) => {
                let mut folds = self.operators.iter().filter_map(|state| match state {
                    OperatorState::Fold(state) => Some(state),
                    _ => None,
                });
                folds.nth(fold.index)?.value()
            }
        }
    }

    /// Returns the prediction for a time after the end of the window, or after the last point of a window without end.
    fn prediction(&self, after: Duration, end: Option<i128>) -> Option<Value> {
        let regression = self.regression()?;
        let end = end.or_else(|| self.last.map(|(at, _)| at.into()))?;
        let after = i128::try_from(after.as_nanos()).unwrap_or(i128::MAX / 2);
        regression.value_at(end + after).map(Value::F64)
    }

    fn moments(&self) -> Option<Moments> {
        self.operators.iter().find_map(|state| match state {
            OperatorState::Moments(moments) => Some(moments.total()),
            _ => None,
        })
    }

    fn rates(&self) -> Option<WindowRates> {
        self.operators.iter().find_map(|state| match state {
            OperatorState::Steps(steps) => steps.rates(),
            _ => None,
        })
    }

    fn quantile(&self, level: f64, method: QuantileMethod) -> Option<Value> {
        self.operators.iter().find_map(|state| match state {
            OperatorState::Quantiles(values) => Some(Value::F64(values.value_at(level, method))),
            _ => None,
        })
    }

    fn distinct(&self) -> Option<&DistinctValues> {
        self.operators.iter().find_map(|state| match state {
            OperatorState::Distinct(values) => Some(values),
            _ => None,
        })
    }

    fn regression(&self) -> Option<&Regression> {
        self.operators.iter().find_map(|state| match state {
            OperatorState::Regression(regression) => Some(regression),
            _ => None,
        })
    }

    /// Returns the value by which an aggregate ranks a row. A sum of integers is exact, whatever its size.
    pub(super) fn rank_value(&self, aggregate: Aggregate, end: Option<i128>) -> Option<OrderedNumber> {
        match (aggregate, self.sum) {
            (Aggregate::Sum, RunSum::Integer(sum)) => Some(OrderedNumber::Integer(sum)),
            (Aggregate::Prediction(after), _) => self.prediction(after, end).map(OrderedNumber::from),
            _ => self.value(aggregate).map(OrderedNumber::from),
        }
    }

    /// Returns the value of an aggregate; `None` if the aggregate needs steps or two points and the window has none.
    ///
    /// A prediction needs the end of the window, see [`value_of`](Self::value_of). A count of distinct values is `None`
    /// only if there are too many, which the caller must refuse. A sum of integers that exceeds the range of their type is a double, which the caller must refuse.
    #[inline]
    pub(super) fn value(&self, aggregate: Aggregate) -> Option<Value> {
        let nan = Value::F64(f64::NAN);
        let steps = |of: fn(WindowRates) -> Option<f64>| self.rates().and_then(of).map(Value::F64);
        let steps_count = |of: fn(WindowRates) -> u64| self.rates().map(of).map(Value::U64);
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
            Aggregate::FirstTime => Value::I64(self.first?.0),
            Aggregate::LastTime => Value::I64(self.last?.0),
            Aggregate::Variance => Value::F64(self.moments()?.variance()),
            Aggregate::StdDev => Value::F64(self.moments()?.variance().sqrt()),
            Aggregate::SampleVariance => Value::F64(self.moments()?.sample_variance()?),
            Aggregate::SampleStdDev => Value::F64(self.moments()?.sample_variance()?.sqrt()),
            Aggregate::Quantile(level) => return self.quantile(level.as_f64(), QuantileMethod::Lower),
            Aggregate::QuantileLinear(level) => return self.quantile(level.as_f64(), QuantileMethod::Linear),
            Aggregate::QuantileNearest(level) => return self.quantile(level.as_f64(), QuantileMethod::Nearest),
            Aggregate::Mode => self.widened(self.distinct()?.mode()?),
            Aggregate::Distinct => return self.distinct()?.distinct(),
            Aggregate::Slope => Value::F64(self.regression()?.slope()?),
            Aggregate::Prediction(after) => return self.prediction(after, None),
            Aggregate::Increase => return steps(|sums| Some(sums.increase)),
            Aggregate::Rate => return steps(|sums| sums.rate),
            Aggregate::Delta => return steps(|sums| Some(sums.delta)),
            Aggregate::Derivative => return steps(|sums| sums.derivative),
            Aggregate::Integral => return steps(|sums| Some(sums.integral)),
            Aggregate::Changes => return steps_count(|sums| sums.changes),
            Aggregate::Resets => return steps_count(|sums| sums.resets),
        };
        Some(value)
    }

    fn widened(&self, value: Value) -> Value {
        if self.is_mixed { Value::F64(value.as_f64()) } else { value }
    }

    pub(super) fn value_type(&self) -> ValueType {
        self.ty
    }

    /// Returns `true` if distinct values were counted and were too many.
    pub(super) fn has_too_many_values(&self) -> bool {
        self.distinct().is_some_and(|values| values.distinct().is_none())
    }
}

impl Append for PartialAggregate {
    /// Adds the next part of the window of the same series.
    fn append(&mut self, later: Self) {
        self.is_mixed |= later.is_mixed;
        self.count += later.count;
        self.sum = add_run_sums(self.sum, later.sum);
        self.min = extreme_value(self.min, later.min, Ordering::Less);
        self.max = extreme_value(self.max, later.max, Ordering::Greater);
        self.first = self.first.or(later.first);
        self.last = later.last.or(self.last);
        for (own, later) in self.operators.iter_mut().zip(later.operators) {
            own.append(later);
        }
    }

    fn byte_len(&self) -> usize {
        let operators = self.operators.iter().map(OperatorState::byte_len).sum::<usize>();
        size_of::<Self>() + self.operators.capacity() * size_of::<OperatorState>() + operators
    }
}

/// Returns a sum in the type of its series if it fits; otherwise, or if `as_f64`, as a double.
pub(super) fn total(sum: RunSum, ty: ValueType, as_f64: bool) -> Value {
    match sum {
        RunSum::Float(sum) => Value::F64(canonical_nan(sum)),
        RunSum::Integer(sum) if as_f64 => Value::F64(i128_to_f64(sum)),
        RunSum::Integer(sum) => integer_in_type(sum, ty == ValueType::I64),
    }
}

/// Returns an integer as `i64` or `u64` if it fits, otherwise as a double.
pub(super) fn integer_in_type(integer: i128, is_signed: bool) -> Value {
    let fitting = if is_signed {
        i64::try_from(integer).ok().map(Value::I64)
    } else {
        u64::try_from(integer).ok().map(Value::U64)
    };
    fitting.unwrap_or_else(|| Value::F64(i128_to_f64(integer)))
}

/// Returns the mean; that of integers is the correctly rounded quotient.
#[expect(clippy::cast_precision_loss, reason = "no window holds 2^53 points")]
pub(super) fn mean(sum: RunSum, count: u64) -> f64 {
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

pub(super) fn extreme_value(one: Option<Value>, other: Option<Value>, wanted: Ordering) -> Option<Value> {
    let (Some(a), Some(b)) = (one, other) else { return one.or(other) };
    Some(if OrderedNumber::from(b).compare(a.into()) == wanted { b } else { a })
}

fn difference(from: Value, to: Value) -> f64 {
    match (as_integer(from), as_integer(to)) {
        (Some(from), Some(to)) => i128_to_f64(to - from),
        _ => canonical_nan(to.as_f64() - from.as_f64()),
    }
}
