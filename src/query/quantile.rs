//! State of quantiles: the exact values while they are few, otherwise a sketch.
//!
//! The result depends only on the set of values, not on their order or on how states were merged.

use std::fmt;

use super::kernels::{AggregateScalar, canonical_nan};
use super::value_sketch::ValueSketch;

/// Maximum number of values that are kept exactly: 2 KiB, about the size of a sketch.
const MAX_EXACT_VALUES: usize = 256;
/// Number of values that are converted to doubles together.
const CHUNK_LEN: usize = 64;

/// Quantile state of a window.
#[derive(Clone, Default)]
pub(super) struct QuantileState {
    /// Values other than NaN, until there are more than [`MAX_EXACT_VALUES`].
    exact: Vec<f64>,
    /// All values, once there are more than [`MAX_EXACT_VALUES`].
    sketch: Option<Box<ValueSketch>>,
}

impl fmt::Debug for QuantileState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sketched = self.sketch.as_ref().map_or(0, |sketch| sketch.count());
        f.debug_struct("QuantileState")
            .field("exact", &self.exact.len())
            .field("sketched", &sketched)
            .finish_non_exhaustive()
    }
}

impl QuantileState {
    /// Adds values as doubles; NaN is left out.
    pub(super) fn push<T: AggregateScalar>(&mut self, values: &[T]) {
        let mut buffer = [0.0; CHUNK_LEN];
        for chunk in values.chunks(CHUNK_LEN) {
            let doubles = &mut buffer[..chunk.len()];
            doubles.iter_mut().zip(chunk).for_each(|(double, value)| *double = value.to_f64());
            if doubles.iter().fold(false, |any, double| any | double.is_nan()) {
                doubles.iter().filter(|double| !double.is_nan()).for_each(|double| self.add(&[*double]));
            } else {
                self.add(doubles);
            }
        }
    }

    /// Adds values, none of which may be NaN.
    fn add(&mut self, values: &[f64]) {
        if let Some(sketch) = &mut self.sketch {
            return sketch.add_all(values);
        }
        if self.exact.len() + values.len() <= MAX_EXACT_VALUES {
            return self.exact.extend_from_slice(values);
        }
        let sketch = self.sketch.insert(Box::default());
        sketch.add_all(&std::mem::take(&mut self.exact));
        sketch.add_all(values);
    }

    pub(super) fn merge(&mut self, other: &Self) {
        match (&mut self.sketch, &other.sketch) {
            (_, None) => {}
            (Some(own), Some(sketch)) => own.merge(sketch),
            (None, Some(sketch)) => {
                self.sketch = Some(sketch.clone());
                let exact = std::mem::take(&mut self.exact);
                self.add(&exact);
            }
        }
        self.add(&other.exact);
    }

    /// Returns the quantile of a level from 0 to 1; NaN if there is no value.
    pub(super) fn value_at(&self, level: f64, method: QuantileMethod) -> f64 {
        let mut exact = self.exact.clone();
        let count = self.sketch.as_ref().map_or(exact.len() as u64, |sketch| sketch.count());
        if count == 0 {
            return f64::NAN;
        }
        let mut value = |index: u64| match &self.sketch {
            Some(sketch) => sketch.value_at(index),
            None => nth_value(&mut exact, usize::try_from(index).unwrap_or(usize::MAX)),
        };
        canonical_nan(match method {
            QuantileMethod::Lower => value(rank_of_level(level, count)),
            QuantileMethod::Nearest => value(nearest_rank(level, count)),
            QuantileMethod::Linear => {
                let (index, fraction) = (rank_of_level(level, count), fraction_of_level(level, count));
                let low = value(index);
                if fraction > 0.0 { interpolate(low, value(index + 1), fraction) } else { low }
            }
        })
    }

    /// Returns the approximate bytes on the heap.
    pub(super) fn byte_len(&self) -> usize {
        self.exact.capacity() * size_of::<f64>() + self.sketch.as_deref().map_or(0, ValueSketch::byte_len)
    }
}

/// Returns the value at an index in ascending order, the greatest one beyond the end. Changes the order of the values.
fn nth_value(values: &mut [f64], index: usize) -> f64 {
    let Some(last) = values.len().checked_sub(1) else { return f64::NAN };
    *values.select_nth_unstable_by(index.min(last), f64::total_cmp).1
}

/// Value between two neighbours that a quantile is.
#[derive(Debug, Clone, Copy)]
pub(super) enum QuantileMethod {
    /// The value at the index `level * (count - 1)`, rounded down.
    Lower,
    /// The least value such that at least the fraction `level` of all values are not greater.
    Nearest,
    /// The linear interpolation at the index `level * (count - 1)`.
    Linear,
}

/// Returns the value at a fraction of the way from one value to a greater one.
#[expect(clippy::float_cmp, reason = "equal infinities have no difference")]
fn interpolate(low: f64, high: f64, fraction: f64) -> f64 {
    let rise = high - low;
    if low == high {
        low
    } else if rise.is_infinite() && low.is_finite() && high.is_finite() {
        low * (1.0 - fraction) + high * fraction
    } else {
        low + rise * fraction
    }
}

/// Returns the part of `share * (count - 1)` behind the point; 0 within a millionth of a whole number.
#[expect(clippy::cast_precision_loss, reason = "no window holds 2^53 points")]
fn fraction_of_level(share: f64, count: u64) -> f64 {
    let fraction = share * count.saturating_sub(1) as f64 - rank_of_level(share, count) as f64;
    if fraction > 1e-6 { fraction } else { 0.0 }
}

/// Returns `share * count`, rounded up with a tolerance of a millionth, minus 1, and at least 0.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "no window holds 2^53 points, and shares are from 0 to 1"
)]
fn nearest_rank(share: f64, count: u64) -> u64 {
    ((share * count as f64 - 1e-6).ceil().max(1.0) as u64).min(count) - 1
}

/// Returns `share * (count - 1)`, rounded down with a tolerance of a millionth.
///
/// With the tolerance, level 0.29 of 101 values is index 29, although the product is slightly less than 29.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "no window holds 2^53 points, and shares are from 0 to 1"
)]
fn rank_of_level(share: f64, count: u64) -> u64 {
    (share * count.saturating_sub(1) as f64 + 1e-6).floor() as u64
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "these values are exact")]
mod tests {
    use super::*;

    fn of(values: &[f64]) -> QuantileState {
        let mut quantiles = QuantileState::default();
        quantiles.push(values);
        quantiles
    }

    #[test]
    fn few_values_are_exact_and_many_within_the_bound() {
        let few = of(&[3.0, f64::NAN, 1.0, 2.0, f64::INFINITY]);
        let at = |share| few.value_at(share, QuantileMethod::Lower);
        assert_eq!([at(0.0), at(0.5), at(0.67), at(1.0)], [1.0, 2.0, 3.0, f64::INFINITY]);
        assert!(of(&[f64::NAN]).value_at(0.5, QuantileMethod::Lower).is_nan());

        let mut values: Vec<f64> = (0..5_000_i32).map(|n| f64::from(n - 2_500) * 1.37).collect();
        values.extend([f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN_POSITIVE, -1e-300]);
        let many = of(&values);
        values.sort_unstable_by(f64::total_cmp);
        for share in [0.0, 0.000_2, 0.01, 0.25, 0.5, 0.75, 0.999, 0.999_9, 1.0] {
            let exact = values[usize::try_from(rank_of_level(share, values.len() as u64)).unwrap()];
            let found = many.value_at(share, QuantileMethod::Lower);
            assert!((found - exact).abs() <= exact.abs() * 0.01 || found == exact, "{share}: {found}, not {exact}");
        }
    }

    #[test]
    fn subnormals_of_both_signs_keep_the_error() {
        let ends = [0, 1, 2, 40, 59, 61, 255, 257, 1_000, (1 << 52) - 1, 1 << 52, (1 << 52) + 1, 1 << 60];
        let mut values: Vec<f64> = (0..1_000_u64).map(|n| f64::from_bits(n * n * n * n * 3)).collect();
        values.extend(ends.map(f64::from_bits));
        values.extend(values.clone().iter().map(|value| -value));
        values.push(f64::NEG_INFINITY);
        let parts = values.chunks(300).map(of).reduce(|mut one, other| {
            one.merge(&other);
            one
        });
        let (whole, parts) = (of(&values), parts.unwrap());
        values.sort_unstable_by(f64::total_cmp);
        for share in (0..=1_000).map(|n| f64::from(n) / 1_000.0) {
            let exact = values[usize::try_from(rank_of_level(share, values.len() as u64)).unwrap()];
            let found = whole.value_at(share, QuantileMethod::Lower);
            assert!((found - exact).abs() <= exact.abs() * 0.01 || found == exact, "{share}: {found:e}, not {exact:e}");
            assert_eq!(parts.value_at(share, QuantileMethod::Lower).to_bits(), found.to_bits(), "{share}");
        }
    }

    #[test]
    fn joined_ones_answer_as_one_that_saw_all() {
        let values: Vec<f64> = (1..1_000_i32).map(|n| f64::from(n * 7_919 % 1_009) - 300.0).collect();
        let whole = of(&values);
        for length in [3, 100, 300, 700] {
            let mut joined = QuantileState::default();
            values.chunks(length).for_each(|part| joined.merge(&of(part)));
            for share in [0.0, 0.1, 0.5, 0.9, 1.0] {
                assert_eq!(
                    joined.value_at(share, QuantileMethod::Lower).to_bits(),
                    whole.value_at(share, QuantileMethod::Lower).to_bits(),
                    "{length} {share}"
                );
            }
        }
    }

    #[test]
    fn the_methods_differ_between_two_values() {
        let few = of(&[10.0, 20.0, 30.0, 40.0]);
        let at = |level, method| few.value_at(level, method);
        for (level, lower, nearest, linear) in [
            (0.0, 10.0, 10.0, 10.0),
            (0.25, 10.0, 10.0, 17.5),
            (0.26, 10.0, 20.0, 17.8),
            (0.5, 20.0, 20.0, 25.0),
            (1.0, 40.0, 40.0, 40.0),
        ] {
            assert_eq!(at(level, QuantileMethod::Lower), lower);
            assert_eq!(at(level, QuantileMethod::Nearest), nearest);
            assert!((at(level, QuantileMethod::Linear) - linear).abs() < 1e-12, "{level}");
        }
        assert_eq!(of(&[f64::INFINITY; 3]).value_at(0.4, QuantileMethod::Linear), f64::INFINITY);
        assert!(of(&[f64::NEG_INFINITY, f64::INFINITY]).value_at(0.4, QuantileMethod::Linear).is_nan());
        assert_eq!(of(&[f64::MIN, f64::MAX]).value_at(0.5, QuantileMethod::Linear), 0.0);
        let many = of(&(0..1_001_i32).map(f64::from).collect::<Vec<_>>());
        for (method, expected) in [(QuantileMethod::Nearest, 125.0), (QuantileMethod::Linear, 125.5)] {
            let found = many.value_at(0.125_5, method);
            assert!((found - expected).abs() <= 0.01 * expected, "{method:?}: {found}");
        }
    }
}
