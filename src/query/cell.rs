//! One window of one series or group: running states of whatever its aggregates need, filled in one pass.
//! Series fold their own type; the cells that come of it have none, so that a group may join any of them.

use std::cmp::Ordering;

use super::aggregate::Aggregate;
use super::fold::{Measure, better, nearest, one_nan};
use super::moments::{LaneMoments, Moments};
use super::quantile::Quantiles;
use super::steps::{StepSums, Steps};
use crate::merge::{Summary, Total};
use crate::point::{Timestamp, Value, ValueType};

/// What has to be kept of a window's points.
#[expect(clippy::struct_excessive_bools, reason = "each is a part of its own, wanted or not")]
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Needs {
    sum: bool,
    least: bool,
    greatest: bool,
    first: bool,
    last: bool,
    moments: bool,
    quantiles: bool,
    steps: bool,
}

impl Needs {
    pub(super) fn of(aggregates: &[Aggregate]) -> Self {
        let mut needs = Self::default();
        for aggregate in aggregates {
            match aggregate {
                Aggregate::Count => {}
                Aggregate::Sum | Aggregate::Mean => needs.sum = true,
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

    /// Whether the points themselves are needed, and no summary will do.
    fn points(self) -> bool {
        self.moments || self.quantiles || self.steps
    }

    /// Whether a summary can stand for its points. Of two zeros only the points tell which is there.
    pub(super) fn met_by<T: Measure>(self, summary: &Summary<T>) -> bool {
        let unclear = self.least && summary.min.is_zero_double() || self.greatest && summary.max.is_zero_double();
        !self.points() && !unclear
    }
}

/// A window of one series in the making.
pub(super) struct Acc<T: Measure> {
    needs: Needs,
    count: u64,
    sum: T::Sum,
    least: Option<T>,
    greatest: Option<T>,
    first: Option<(i64, T)>,
    last: Option<(i64, T)>,
    rare: Option<Box<RareAcc<T>>>,
}

/// What few queries ask for.
struct RareAcc<T: Measure> {
    moments: LaneMoments,
    quantiles: Quantiles,
    steps: Steps<T>,
}

impl<T: Measure> Acc<T> {
    pub(super) fn new(needs: Needs) -> Self {
        let rare =
            || RareAcc { moments: LaneMoments::default(), quantiles: Quantiles::default(), steps: Steps::default() };
        let rare = needs.points().then(|| Box::new(rare()));
        let sum = T::Sum::default();
        Self { needs, count: 0, sum, least: None, greatest: None, first: None, last: None, rare }
    }

    pub(super) fn needs(&self) -> Needs {
        self.needs
    }

    /// Takes the next points of the window, in time order.
    #[inline]
    pub(super) fn add(&mut self, timestamps: &[Timestamp], values: &[T]) {
        self.count += values.len() as u64;
        if self.needs.sum {
            T::add(&mut self.sum, values);
        }
        if self.needs.least {
            self.least = better(self.least, T::least(values), T::least);
        }
        if self.needs.greatest {
            self.greatest = better(self.greatest, T::greatest(values), T::greatest);
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
                rare.moments.add(values.iter().map(|value| value.double()));
            }
            if self.needs.quantiles {
                rare.quantiles.add(values.iter().map(|value| value.double()));
            }
            if self.needs.steps {
                rare.steps.add(timestamps, values);
            }
        }
    }

    /// Takes points of which the needs are met by their summary.
    pub(super) fn add_summary(&mut self, summary: &Summary<T>) {
        self.count += summary.count;
        if self.needs.sum {
            T::add_total(&mut self.sum, summary.sum, summary.count);
        }
        let ordered = |value: T| value.is_ordered().then_some(value);
        if self.needs.least {
            self.least = better(self.least, ordered(summary.min), T::least);
        }
        if self.needs.greatest {
            self.greatest = better(self.greatest, ordered(summary.max), T::greatest);
        }
        if self.needs.first {
            self.first = self.first.or(Some((summary.first_time, summary.first)));
        }
        if self.needs.last {
            self.last = Some((summary.last_time, summary.last));
        }
    }

    /// The window as a cell; what is added next belongs to another one.
    #[inline]
    pub(super) fn take(&mut self) -> Cell {
        let timed = |point: Option<(i64, T)>| point.map(|(at, value)| (at, value.into()));
        let cell = Cell {
            ty: T::TYPE,
            is_mixed: false,
            count: self.count,
            sum: if self.needs.sum { T::total(&std::mem::take(&mut self.sum)) } else { Total::Integer(0) },
            min: self.least.take().map(Into::into),
            max: self.greatest.take().map(Into::into),
            first: timed(self.first.take()),
            last: timed(self.last.take()),
            rare: self.rare.as_mut().map(|rare| {
                Box::new(RareCell {
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

/// The value of a window that takes count and sum alone, of all its values.
#[inline]
pub(super) fn plain<T: Measure>(aggregate: Aggregate, values: &[T]) -> Value {
    match aggregate {
        Aggregate::Count => Value::U64(values.len() as u64),
        Aggregate::Mean => Value::F64(mean(T::total_of(values), values.len() as u64)),
        _ => total(T::total_of(values), T::TYPE, false),
    }
}

/// A window, or several joined, whatever their type.
#[derive(Debug, Clone)]
pub(super) struct Cell {
    ty: ValueType,
    /// Whether values of several types came together: then all count as doubles.
    is_mixed: bool,
    count: u64,
    sum: Total,
    min: Option<Value>,
    max: Option<Value>,
    first: Option<(i64, Value)>,
    last: Option<(i64, Value)>,
    rare: Option<Box<RareCell>>,
}

#[derive(Debug, Clone)]
struct RareCell {
    moments: Moments,
    quantiles: Quantiles,
    steps: Option<StepSums>,
}

impl Cell {
    /// Takes in the same window of another series, which stands behind by its key.
    pub(super) fn join(&mut self, other: Self) {
        self.is_mixed |= other.is_mixed || self.ty != other.ty;
        self.count += other.count;
        self.sum = match (self.sum, other.sum) {
            (Total::Integer(one), Total::Integer(other)) => Total::Integer(one + other),
            (one, other) => Total::Float(double(one) + double(other)),
        };
        self.min = best(self.min, other.min, Ordering::Less);
        self.max = best(self.max, other.max, Ordering::Greater);
        if other.first.is_some_and(|(at, _)| self.first.is_none_or(|(own, _)| at < own)) {
            self.first = other.first;
        }
        if other.last.is_some_and(|(at, _)| self.last.is_none_or(|(own, _)| at >= own)) {
            self.last = other.last;
        }
        match (&mut self.rare, other.rare) {
            (Some(own), Some(other)) => own.join(&other),
            (own, other) => *own = own.take().or(other),
        }
    }

    /// What an aggregate makes of it; `None` where steps are missing.
    #[inline]
    pub(super) fn value(&self, aggregate: Aggregate) -> Option<Value> {
        let nan = Value::F64(f64::NAN);
        let rare = self.rare.as_deref();
        let steps = |of: fn(StepSums) -> Option<f64>| rare.and_then(|rare| rare.steps).and_then(of).map(Value::F64);
        let value = match aggregate {
            Aggregate::Count => Value::U64(self.count),
            Aggregate::Sum => total(self.sum, self.ty, self.is_mixed),
            Aggregate::Mean => Value::F64(mean(self.sum, self.count)),
            // Only NaN has no order, and a window without any value is not made.
            Aggregate::Min => self.min.map_or(nan, |value| self.widened(value)),
            Aggregate::Max => self.max.map_or(nan, |value| self.widened(value)),
            Aggregate::First => self.widened(self.first?.1),
            Aggregate::Last => self.widened(self.last?.1),
            Aggregate::Spread => self.min.zip(self.max).map_or(nan, |(min, max)| Value::F64(distance(min, max))),
            Aggregate::Variance => Value::F64(rare?.moments.variance()),
            Aggregate::StdDev => Value::F64(rare?.moments.variance().sqrt()),
            Aggregate::Quantile(share) => Value::F64(rare?.quantiles.at(share.get())),
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

    /// What it holds on to beside itself, about.
    pub(super) fn byte_len(&self) -> usize {
        let rare = self.rare.as_ref();
        size_of::<Self>() + rare.map_or(0, |rare| size_of::<RareCell>() + rare.quantiles.byte_len())
    }
}

impl RareCell {
    fn join(&mut self, other: &Self) {
        self.moments = self.moments.join(other.moments);
        self.quantiles.join(&other.quantiles);
        self.steps = match (self.steps, other.steps) {
            (Some(one), Some(other)) => Some(one.join(other)),
            (one, other) => one.or(other),
        };
    }
}

/// A sum in its series' type, if it fits.
fn total(sum: Total, ty: ValueType, is_mixed: bool) -> Value {
    match sum {
        Total::Float(sum) => Value::F64(one_nan(sum)),
        Total::Integer(sum) if is_mixed => Value::F64(nearest(sum)),
        Total::Integer(sum) if ty == ValueType::I64 => i64::try_from(sum).map_or(Value::F64(nearest(sum)), Value::from),
        Total::Integer(sum) => u64::try_from(sum).map_or(Value::F64(nearest(sum)), Value::from),
    }
}

#[expect(clippy::cast_precision_loss, reason = "no window holds 2^53 points")]
fn mean(sum: Total, count: u64) -> f64 {
    one_nan(double(sum) / count as f64)
}

fn double(total: Total) -> f64 {
    match total {
        Total::Float(sum) => sum,
        Total::Integer(sum) => nearest(sum),
    }
}

/// An integer of whatever type; `None` of a double.
pub(super) fn integer(value: Value) -> Option<i128> {
    match value {
        Value::F64(_) => None,
        Value::I64(value) => Some(value.into()),
        Value::U64(value) => Some(value.into()),
        Value::Bool(value) => Some(value.into()),
    }
}

fn best(one: Option<Value>, other: Option<Value>, wanted: Ordering) -> Option<Value> {
    let (Some(a), Some(b)) = (one, other) else { return one.or(other) };
    let order = match (integer(a), integer(b)) {
        (Some(a), Some(b)) => b.cmp(&a),
        _ => b.as_f64().total_cmp(&a.as_f64()),
    };
    Some(if order == wanted { b } else { a })
}

fn distance(from: Value, to: Value) -> f64 {
    match (integer(from), integer(to)) {
        (Some(from), Some(to)) => nearest(to - from),
        _ => one_nan(to.as_f64() - from.as_f64()),
    }
}
