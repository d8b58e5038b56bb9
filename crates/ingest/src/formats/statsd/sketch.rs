//! Quantiles of the values of an interval, within one percent.
//!
//! The sketch is DDSketch (Masson, Rim and Lee, VLDB 2019): a value counts in the bin of its logarithm, so that the
//! relative error of a quantile is bounded, whatever the distribution is.

use std::collections::BTreeMap;

/// Largest relative error of a quantile.
const ERROR: f64 = 0.01;
/// Values closer to zero than this one count as zero.
const MIN_SIZE: f64 = 1e-9;

/// Weighted values by bins.
#[derive(Debug, Clone, Default)]
pub(super) struct Sketch {
    /// Weights by bin. The bins of negative values are below those of zero and of positive ones.
    bins: BTreeMap<(i8, i32), f64>,
    weight: f64,
}

impl Sketch {
    /// Returns the number of bins.
    #[cfg(test)]
    pub(super) fn bins(&self) -> usize {
        self.bins.len()
    }

    /// Returns `true` if a value has a bin already.
    pub(super) fn has_bin(&self, value: f64) -> bool {
        self.bins.contains_key(&bin(value))
    }

    /// Adds a finite value with a weight.
    pub(super) fn add(&mut self, value: f64, weight: f64) {
        *self.bins.entry(bin(value)).or_default() += weight;
        self.weight += weight;
    }

    /// Returns the value below which this part of the weight lies; `None` without values.
    pub(super) fn quantile(&self, level: f64) -> Option<f64> {
        let wanted = level * self.weight;
        let mut below = 0.0;
        let mut last = None;
        for (bin, weight) in &self.bins {
            below += weight;
            last = Some(*bin);
            if below >= wanted {
                break;
            }
        }
        last.map(middle)
    }
}

fn growth() -> f64 {
    (1.0 + ERROR) / (1.0 - ERROR)
}

/// Returns the bin of a finite value; bins are in the order of their values.
fn bin(value: f64) -> (i8, i32) {
    let size = value.abs();
    if size < MIN_SIZE {
        return (0, 0);
    }
    #[expect(clippy::cast_possible_truncation, reason = "the logarithms of doubles are below 40,000 in this base")]
    let place = (size.ln() / growth().ln()).ceil() as i32;
    if value < 0.0 { (-1, -place) } else { (1, place) }
}

/// Returns the value of a bin that is closest to all others, in parts.
fn middle((sign, place): (i8, i32)) -> f64 {
    let size = |place: i32| 2.0 * growth().powi(place) / (1.0 + growth());
    match sign {
        0 => 0.0,
        1 => size(place),
        _ => -size(-place),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_within_one_percent() {
        let mut sketch = Sketch::default();
        assert_eq!(sketch.quantile(0.5), None);
        for value in -1_000..=10_000 {
            sketch.add(f64::from(value), 1.0);
        }
        for (level, exact) in [(0.0, -1_000.0), (0.5, 4_500.0), (0.9, 8_900.0), (0.99, 9_890.0), (1.0, 10_000.0)] {
            let found = sketch.quantile(level).unwrap();
            assert!((found - exact).abs() <= 0.0101 * f64::abs(exact), "{level}: {found}");
        }
        assert!(sketch.bins() < 1_000 && sketch.has_bin(0.0) && !sketch.has_bin(1e300));
    }

    #[test]
    fn weights_and_extreme_values_count() {
        let mut sketch = Sketch::default();
        for (value, weight) in [(1.0, 1.0), (f64::MAX, 10.0), (-f64::MAX, 1.0), (5e-324, 1.0)] {
            sketch.add(value, weight);
        }
        let found = sketch.quantile(0.5).unwrap();
        assert!(found / f64::MAX > 0.98, "{found}");
        assert!(sketch.quantile(0.0).unwrap() / f64::MAX < -0.98);
        assert_eq!(sketch.quantile(0.1), Some(0.0));
    }
}
