//! State of quantiles: the exact values while they are few, otherwise a sketch.
//!
//! The result depends only on the set of values, not on their order or on how states were merged.

use std::collections::BTreeMap;
use std::fmt;

use sketches_ddsketch::{Config, DDSketch};

use super::kernels::canonical_nan;

/// Maximum number of values that are kept exactly: 2 KiB, about the size of a sketch.
const MAX_EXACT_VALUES: usize = 256;
/// Documented bound of the sketch's relative error.
const RELATIVE_ERROR: f64 = 0.01;
/// Maximum number of bins.
///
/// All doubles of one sign need fewer at this error, so bins are never collapsed.
const MAX_BINS: u32 = 80_000;

/// Quantile state of a window.
#[derive(Clone, Default)]
pub(super) struct QuantileState {
    /// Values other than NaN, until there are more than [`MAX_EXACT_VALUES`].
    exact: Vec<f64>,
    /// All values, once there are more than [`MAX_EXACT_VALUES`].
    sketch: Option<Box<ValueSketch>>,
}

/// Counts of values in bins of a bounded relative error.
#[derive(Clone)]
struct ValueSketch {
    /// Finite values of more than `f64::MIN_POSITIVE` in either direction.
    normal: DDSketch,
    /// Number of negative values in `normal`.
    negatives: u64,
    /// Number of values in each bin of zero and the subnormals, by [`small_bin`].
    ///
    /// `DDSketch` counts them all as 0; and where doubles are this coarse, its rounding would exceed the error.
    small: BTreeMap<i64, u64>,
    /// Number of negative infinities. `above` counts the positive ones.
    below: u64,
    above: u64,
    /// Least and greatest finite value by `f64::total_cmp`.
    least: f64,
    greatest: f64,
}

impl fmt::Debug for QuantileState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sketched = self.sketch.as_ref().map_or(0, |sketch| sketch.finite());
        f.debug_struct("QuantileState")
            .field("exact", &self.exact.len())
            .field("sketched", &sketched)
            .finish_non_exhaustive()
    }
}

/// Returns the bin of zero, a subnormal or `MIN_POSITIVE`: the bits without the sign, cut to 8 digits, then the sign.
///
/// The bits of these doubles are multiples of the least one. What is cut off is less than 2^-7 of the value.
fn small_bin(value: f64) -> i64 {
    let bits = value.abs().to_bits();
    let cut = (u64::BITS - bits.leading_zeros()).saturating_sub(8);
    let bin = i64::try_from(bits >> cut << cut).unwrap_or(i64::MAX);
    if value < 0.0 { -bin } else { bin }
}

/// Returns the value of a bin, which [`small_bin`] computed: the least absolute value in the bin, with its sign.
fn small_value(bin: i64) -> f64 {
    let value = f64::from_bits(bin.unsigned_abs());
    if bin < 0 { -value } else { value }
}

impl ValueSketch {
    fn new() -> Self {
        Self {
            normal: DDSketch::new(Config::new(RELATIVE_ERROR, MAX_BINS, f64::MIN_POSITIVE)),
            negatives: 0,
            small: BTreeMap::new(),
            below: 0,
            above: 0,
            least: f64::INFINITY,
            greatest: f64::NEG_INFINITY,
        }
    }

    fn add(&mut self, value: f64) {
        if value.is_infinite() {
            *(if value > 0.0 { &mut self.above } else { &mut self.below }) += 1;
            return;
        }
        if value.abs() > f64::MIN_POSITIVE {
            self.negatives += u64::from(value < 0.0);
            self.normal.add(value);
        } else {
            *self.small.entry(small_bin(value)).or_default() += 1;
        }
        self.extend_bounds(value, value);
    }

    fn extend_bounds(&mut self, least: f64, greatest: f64) {
        self.least = if least.total_cmp(&self.least).is_lt() { least } else { self.least };
        self.greatest = if greatest.total_cmp(&self.greatest).is_gt() { greatest } else { self.greatest };
    }

    fn merge(&mut self, other: &Self) {
        let merged = self.normal.merge(&other.normal);
        debug_assert!(merged.is_ok(), "all sketches are of one configuration");
        self.negatives += other.negatives;
        for (bin, count) in &other.small {
            *self.small.entry(*bin).or_default() += count;
        }
        self.below += other.below;
        self.above += other.above;
        self.extend_bounds(other.least, other.greatest);
    }

    /// Returns the number of finite values.
    fn finite(&self) -> u64 {
        self.normal.count() as u64 + self.small.values().sum::<u64>()
    }

    fn count(&self) -> u64 {
        self.below + self.finite() + self.above
    }

    /// Returns the value at an index of all values in ascending order.
    fn value_at(&self, rank: u64) -> f64 {
        let finite = self.finite();
        if rank < self.below {
            return f64::NEG_INFINITY;
        }
        let within = rank - self.below;
        if within >= finite {
            return f64::INFINITY;
        }
        if within == 0 || within == finite - 1 {
            return if within == 0 { self.least } else { self.greatest };
        }
        self.finite_at(within).clamp(self.least, self.greatest)
    }

    /// Returns the value at an index of the finite values in ascending order.
    fn finite_at(&self, index: u64) -> f64 {
        if index < self.negatives {
            return self.normal_at(index);
        }
        let mut seen = self.negatives;
        for (bin, count) in &self.small {
            seen += count;
            if index < seen {
                return small_value(*bin);
            }
        }
        self.normal_at(index - (seen - self.negatives))
    }

    #[expect(clippy::cast_precision_loss, reason = "no window holds 2^53 points")]
    fn normal_at(&self, index: u64) -> f64 {
        let last = (self.normal.count() as u64).saturating_sub(1);
        if index == 0 || index >= last {
            let end = if index == 0 { self.normal.min() } else { self.normal.max() };
            return end.unwrap_or(f64::NAN);
        }
        // Slightly above the index, so that the sketch's rounding down gives the index.
        let found = self.normal.quantile((index as f64 + 0.25) / last as f64).ok().flatten();
        found.unwrap_or(f64::NAN)
    }
}

impl QuantileState {
    pub(super) fn add(&mut self, values: impl Iterator<Item = f64>) {
        for value in values.filter(|value| !value.is_nan()) {
            match &mut self.sketch {
                None if self.exact.len() < MAX_EXACT_VALUES => self.exact.push(value),
                None => {
                    let mut sketch = Box::new(ValueSketch::new());
                    std::mem::take(&mut self.exact).into_iter().chain([value]).for_each(|value| sketch.add(value));
                    self.sketch = Some(sketch);
                }
                Some(sketch) => sketch.add(value),
            }
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        match (&mut self.sketch, &other.sketch) {
            (_, None) => {}
            (Some(own), Some(sketch)) => own.merge(sketch),
            (None, Some(sketch)) => {
                self.sketch = Some(sketch.clone());
                let exact = std::mem::take(&mut self.exact);
                self.add(exact.into_iter());
            }
        }
        self.add(other.exact.iter().copied());
    }

    /// Returns the quantile of a level from 0 to 1; NaN if there is no value.
    pub(super) fn value_at(&self, level: f64, method: QuantileMethod) -> f64 {
        let mut sorted = self.exact.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        let count = self.sketch.as_ref().map_or(sorted.len() as u64, |sketch| sketch.count());
        if count == 0 {
            return f64::NAN;
        }
        let value = |index: u64| match &self.sketch {
            Some(sketch) => sketch.value_at(index),
            None => sorted.get(usize::try_from(index).unwrap_or(usize::MAX)).copied().unwrap_or(f64::NAN),
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
        let sketch = |sketch: &ValueSketch| {
            let bins = sketch.normal.length() * size_of::<u64>() + sketch.small.len() * size_of::<(i64, u64)>();
            size_of::<ValueSketch>() + bins
        };
        self.exact.capacity() * size_of::<f64>() + self.sketch.as_deref().map_or(0, sketch)
    }
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
        quantiles.add(values.iter().copied());
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
