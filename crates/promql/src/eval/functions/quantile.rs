//! Quantiles of lists of values.

use std::cmp::Ordering;

use super::super::number;

/// Compares values with NaN as the least.
pub(crate) fn nan_first(one: f64, other: f64) -> Ordering {
    one.partial_cmp(&other).unwrap_or_else(|| other.is_nan().cmp(&one.is_nan()))
}

/// Returns a quantile by linear interpolation between the closest ranks; the values are sorted in place.
///
/// NaN counts as the least value. Without values and for a level of NaN the result is NaN; below 0 it is `-Inf`, above 1
/// `+Inf`.
pub(crate) fn quantile(level: f64, values: &mut [f64]) -> f64 {
    // Selection instead of a sort: two order statistics are needed.
    interpolated(level, values.len(), |lower| {
        let (_, low, above) = values.select_nth_unstable_by(lower, |one, other| nan_first(*one, *other));
        let low = *low;
        (low, above.iter().copied().min_by(|one, other| nan_first(*one, *other)).unwrap_or(low))
    })
}

/// Returns a quantile of a number of values. `ranks` returns the values at a rank and at the next one, or the last one twice.
pub(crate) fn interpolated(level: f64, count: usize, ranks: impl FnOnce(usize) -> (f64, f64)) -> f64 {
    let Some(last) = count.checked_sub(1).filter(|_| !level.is_nan()) else { return f64::NAN };
    if level < 0.0 {
        return f64::NEG_INFINITY;
    }
    if level > 1.0 {
        return f64::INFINITY;
    }
    let rank = level * number::count(last);
    let (low, high) = ranks(number::index(rank.floor()).min(last));
    let weight = rank - rank.floor();
    // Which of -0 and 0 has a rank is not defined: the result is 0.
    low * (1.0 - weight) + high * weight + 0.0
}

#[cfg(test)]
#[allow(clippy::float_cmp, clippy::cast_precision_loss, reason = "the values are exact")]
mod tests {
    use super::*;

    #[test]
    fn quantiles_interpolate_between_ranks_and_nan_is_least() {
        let table: [(f64, &[f64], f64); 7] = [
            (0.8, &[1.0, 0.0], 0.8),
            (0.8, &[4.0, 0.0, 1.0], 2.8),
            (0.8, &[0.0, 1.0, f64::NAN], 0.6),
            (0.5, &[7.0], 7.0),
            (1.0, &[3.0, 1.0, 2.0], 3.0),
            (-0.1, &[1.0], f64::NEG_INFINITY),
            (1.1, &[1.0], f64::INFINITY),
        ];
        for (level, values, expected) in table {
            let found = quantile(level, &mut values.to_vec());
            assert!((found - expected).abs() < 1e-12 || found == expected, "{level} of {values:?}: {found}");
        }
        assert!(quantile(0.2, &mut [0.0, 1.0, f64::NAN]).is_nan() && quantile(0.5, &mut []).is_nan());
        assert!(quantile(f64::NAN, &mut [1.0]).is_nan());
    }
}
