//! Counts of the distinct values of a window, for `distinct` and `mode`.
//!
//! The counts are exact. Their number is bounded, because a window may hold any number of points.

use std::collections::HashMap;

use super::kernels::AggregateScalar;
use super::partial::OrderedNumber;
use crate::types::point::{Value, ValueType};

/// Maximum number of distinct values of a window: about 2 MiB of counts.
pub(super) const MAX_DISTINCT_VALUES: usize = 65_536;

/// Number of points for each distinct value of a window.
#[derive(Debug, Clone)]
pub(super) struct DistinctValues {
    ty: ValueType,
    /// Number of points for the bits of each value but NaN; -0.0 counts as 0.0.
    counts: HashMap<u64, u64>,
    /// Number of points whose value is NaN.
    nans: u64,
    /// `true` if there were more than [`MAX_DISTINCT_VALUES`] values; nothing is counted then.
    is_exceeded: bool,
}

impl Default for DistinctValues {
    fn default() -> Self {
        Self { ty: ValueType::F64, counts: HashMap::new(), nans: 0, is_exceeded: false }
    }
}

impl DistinctValues {
    pub(super) fn push<T: AggregateScalar>(&mut self, values: &[T]) {
        self.ty = T::TYPE;
        // Equal values often follow one another, and then need one look-up.
        let mut run: Option<(u64, u64)> = None;
        for value in values {
            if !value.is_ordered() {
                self.nans += 1;
                continue;
            }
            let bits = if value.is_float_zero() { 0 } else { value.to_bits() };
            match &mut run {
                Some((last, count)) if *last == bits => *count += 1,
                _ => {
                    if let Some((last, count)) = run.replace((bits, 1)) {
                        self.count(last, count);
                    }
                }
            }
        }
        if let Some((last, count)) = run {
            self.count(last, count);
        }
    }

    fn count(&mut self, bits: u64, points: u64) {
        if self.is_exceeded {
            return;
        }
        *self.counts.entry(bits).or_default() += points;
        if self.counts.len() > MAX_DISTINCT_VALUES {
            self.is_exceeded = true;
            self.counts = HashMap::new();
        }
    }

    /// Adds the counts of other points. Values of several types count as doubles.
    pub(super) fn merge(&mut self, mut other: Self) {
        if self.ty != other.ty {
            self.convert_to_f64();
            other.convert_to_f64();
        }
        self.nans += other.nans;
        self.is_exceeded |= other.is_exceeded;
        other.counts.into_iter().for_each(|(bits, points)| self.count(bits, points));
        if self.is_exceeded {
            self.counts = HashMap::new();
        }
    }

    /// Makes all values count as doubles.
    pub(super) fn convert_to_f64(&mut self) {
        if self.ty == ValueType::F64 {
            return;
        }
        let counts = std::mem::take(&mut self.counts);
        for (bits, points) in counts {
            let double = Value::from_bits(self.ty, bits).as_f64();
            *self.counts.entry(double.to_bits()).or_default() += points;
        }
        self.ty = ValueType::F64;
    }

    /// Returns the number of distinct values; `None` if there were too many.
    pub(super) fn distinct(&self) -> Option<Value> {
        let count = self.counts.len() as u64 + u64::from(self.nans > 0);
        (!self.is_exceeded).then_some(Value::U64(count))
    }

    /// Returns the value of most points, the least of several; `None` if there were too many.
    pub(super) fn mode(&self) -> Option<Value> {
        if self.is_exceeded {
            return None;
        }
        let value = |bits: u64| Value::from_bits(self.ty, bits);
        let best = self.counts.iter().max_by(|(a, many), (b, more)| {
            let by_value = || OrderedNumber::from(value(**b)).compare(value(**a).into());
            many.cmp(more).then_with(by_value)
        });
        Some(best.map_or(Value::F64(f64::NAN), |(bits, _)| value(*bits)))
    }

    /// Returns the approximate bytes on the heap.
    pub(super) fn byte_len(&self) -> usize {
        self.counts.capacity() * (size_of::<(u64, u64)>() + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of<T: AggregateScalar>(values: &[T]) -> DistinctValues {
        let mut distinct = DistinctValues::default();
        values.chunks(3).for_each(|slice| distinct.push(slice));
        distinct
    }

    #[test]
    fn zeros_are_one_value_and_nan_another() {
        let zeros = of(&[0.0, -0.0, f64::NAN, -0.0, 5.0, 5.0, f64::from_bits(0x7ff8_0000_0000_0001)]);
        assert_eq!((zeros.distinct(), zeros.mode()), (Some(Value::U64(3)), Some(Value::F64(0.0))));
        let nans = of(&[f64::NAN]);
        assert_eq!(nans.distinct(), Some(Value::U64(1)));
        assert!(nans.mode().is_some_and(|mode| mode.as_f64().is_nan()));
    }

    #[test]
    fn the_least_of_equally_frequent_values_is_the_mode() {
        assert_eq!(of(&[3_i64, -7, 3, -7, 9]).mode(), Some(Value::I64(-7)));
        assert_eq!(of(&[true, false]).mode(), Some(Value::Bool(false)));
        assert_eq!(of(&[u64::MAX, 1, u64::MAX]).mode(), Some(Value::U64(u64::MAX)));
    }

    #[test]
    fn values_of_several_types_count_as_doubles() {
        let mut mixed = of(&[1_i64, 2]);
        mixed.merge(of(&[1.0, 2.5]));
        mixed.merge(of(&[true]));
        assert_eq!((mixed.distinct(), mixed.mode()), (Some(Value::U64(3)), Some(Value::F64(1.0))));
    }

    #[test]
    fn more_values_than_the_bound_have_no_count() {
        let many: Vec<u64> = (0..MAX_DISTINCT_VALUES as u64).collect();
        let mut bounded = of(&many);
        assert_eq!(bounded.distinct(), Some(Value::U64(MAX_DISTINCT_VALUES as u64)));
        bounded.merge(of(&[u64::MAX]));
        assert_eq!((bounded.distinct(), bounded.mode(), bounded.byte_len()), (None, None, 0));
        let mut other = of(&[1_u64]);
        other.merge(bounded);
        assert_eq!(other.distinct(), None);
    }
}
