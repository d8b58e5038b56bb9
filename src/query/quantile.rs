//! State of quantiles: the exact values while they are few, otherwise a sketch.
//!
//! The result depends only on the set of values, not on their order or on how states were merged.

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
    /// Finite values, once there are more than [`MAX_EXACT_VALUES`] values.
    sketch: Option<Box<DDSketch>>,
    /// Number of negative infinities, which the sketch does not support. `above` counts the positive ones.
    below: u64,
    above: u64,
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
    pub(super) fn add(&mut self, values: impl Iterator<Item = f64>) {
        for value in values.filter(|value| !value.is_nan()) {
            match &mut self.sketch {
                None if self.exact.len() < MAX_EXACT_VALUES => self.exact.push(value),
                None => {
                    self.sketch =
                        Some(Box::new(DDSketch::new(Config::new(RELATIVE_ERROR, MAX_BINS, f64::MIN_POSITIVE))));
                    let exact = std::mem::take(&mut self.exact);
                    self.add(exact.into_iter().chain([value]));
                }
                Some(_) if value == f64::INFINITY => self.above += 1,
                Some(_) if value == f64::NEG_INFINITY => self.below += 1,
                Some(sketch) => sketch.add(value),
            }
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        match (&mut self.sketch, &other.sketch) {
            (_, None) => {}
            (Some(own), Some(sketch)) => {
                let merged = own.merge(sketch);
                debug_assert!(merged.is_ok(), "all sketches are of one configuration");
            }
            (None, Some(sketch)) => {
                self.sketch = Some(sketch.clone());
                let exact = std::mem::take(&mut self.exact);
                self.add(exact.into_iter());
            }
        }
        self.below += other.below;
        self.above += other.above;
        self.add(other.exact.iter().copied());
    }

    /// Returns the value at a quantile level from 0 to 1; NaN if there is no value.
    pub(super) fn value_at(&self, share: f64) -> f64 {
        let Some(sketch) = &self.sketch else { return self.exact_at(share) };
        let finite = sketch.count() as u64;
        let rank = rank_of_level(share, self.below + finite + self.above);
        if rank < self.below {
            return f64::NEG_INFINITY;
        }
        if rank >= self.below + finite {
            return f64::INFINITY;
        }
        let (min, max) = (sketch.min().unwrap_or(f64::NAN), sketch.max().unwrap_or(f64::NAN));
        let within = rank - self.below;
        let last = finite - 1;
        if within == 0 || within == last {
            return if within == 0 { min } else { max };
        }
        // Slightly above the index, so that the sketch's rounding down gives the index.
        #[expect(clippy::cast_precision_loss, reason = "no window holds 2^53 points")]
        let found = sketch.quantile((within as f64 + 0.25) / last as f64).ok().flatten();
        canonical_nan(found.map_or(f64::NAN, |value| value.clamp(min, max)))
    }

    fn exact_at(&self, share: f64) -> f64 {
        let mut sorted = self.exact.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        let at = usize::try_from(rank_of_level(share, sorted.len() as u64)).unwrap_or(usize::MAX);
        sorted.get(at).copied().unwrap_or(f64::NAN)
    }

    /// Returns the approximate bytes on the heap.
    pub(super) fn byte_len(&self) -> usize {
        self.exact.capacity() * size_of::<f64>()
            + self.sketch.as_ref().map_or(0, |sketch| sketch.length() * size_of::<u64>())
    }
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
        let at = |share| few.value_at(share);
        assert_eq!([at(0.0), at(0.5), at(0.67), at(1.0)], [1.0, 2.0, 3.0, f64::INFINITY]);
        assert!(of(&[f64::NAN]).value_at(0.5).is_nan());

        let mut values: Vec<f64> = (0..5_000_i32).map(|n| f64::from(n - 2_500) * 1.37).collect();
        values.extend([f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN_POSITIVE, -1e-300]);
        let many = of(&values);
        values.sort_unstable_by(f64::total_cmp);
        for share in [0.0, 0.000_2, 0.01, 0.25, 0.5, 0.75, 0.999, 0.999_9, 1.0] {
            let exact = values[usize::try_from(rank_of_level(share, values.len() as u64)).unwrap()];
            let found = many.value_at(share);
            assert!((found - exact).abs() <= exact.abs() * 0.01 || found == exact, "{share}: {found}, not {exact}");
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
                assert_eq!(joined.value_at(share).to_bits(), whole.value_at(share).to_bits(), "{length} {share}");
            }
        }
    }
}
