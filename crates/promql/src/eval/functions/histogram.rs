//! Quantiles and fractions of classic histograms, whose buckets are series with the label `le`.

/// Relative difference of two bucket counts that is taken for a rounding error.
const SMALL_DIFFERENCE: f64 = 1e-12;

/// Bucket of a classic histogram.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bucket {
    /// Upper bound, inclusive.
    pub(crate) upper: f64,
    /// Number of observations up to the bound.
    pub(crate) count: f64,
}

/// Counts of buckets that fell with a rising bound, which cannot be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct ForcedMonotonicity {
    /// Least upper bound of a bucket that was corrected.
    pub(crate) least: f64,
    /// Greatest one.
    pub(crate) greatest: f64,
    /// Greatest correction.
    pub(crate) difference: f64,
}

/// Returns a quantile of a histogram, by linear interpolation within a bucket, and what had to be corrected.
///
/// The lowest bucket begins at 0 if its bound is positive. NaN without observations, with fewer than two buckets or
/// without the bucket `+Inf`.
pub(crate) fn quantile(level: f64, buckets: &mut Vec<Bucket>) -> (f64, Option<ForcedMonotonicity>) {
    if level.is_nan() {
        return (f64::NAN, None);
    }
    if level < 0.0 {
        return (f64::NEG_INFINITY, None);
    }
    if level > 1.0 {
        return (f64::INFINITY, None);
    }
    if !prepare(buckets) {
        return (f64::NAN, None);
    }
    let forced = force_monotonicity(buckets);
    let [.., below, last] = &buckets[..] else { return (f64::NAN, None) };
    if last.count == 0.0 {
        return (f64::NAN, None);
    }
    let rank = level * last.count;
    let at = first_reaching(&buckets[..buckets.len() - 1], rank);
    if at == buckets.len() - 1 {
        return (below.upper, forced);
    }
    let bucket = buckets[at];
    if at == 0 {
        let value = if bucket.upper <= 0.0 { bucket.upper } else { bucket.upper * (rank / bucket.count) };
        return (value, forced);
    }
    let previous = buckets[at - 1];
    let share = (rank - previous.count) / (bucket.count - previous.count);
    (previous.upper + (bucket.upper - previous.upper) * share, forced)
}

/// Returns the index of the first bucket whose count is at least a rank; the number of buckets if none is.
///
/// A bisection with the middles of Go's `sort.Search`: counts of NaN make the result depend on them. NaN is no count of
/// at least anything.
fn first_reaching(buckets: &[Bucket], rank: f64) -> usize {
    let (mut first, mut behind) = (0, buckets.len());
    while first < behind {
        let middle = first.midpoint(behind);
        if buckets.get(middle).is_some_and(|bucket| bucket.count >= rank) {
            behind = middle;
        } else {
            first = middle + 1;
        }
    }
    first
}

/// Returns the fraction of observations between two bounds.
pub(crate) fn fraction(lower: f64, upper: f64, buckets: &mut Vec<Bucket>) -> f64 {
    if !prepare(buckets) {
        return f64::NAN;
    }
    let total = buckets.last().map_or(0.0, |bucket| bucket.count);
    if total == 0.0 || lower.is_nan() || upper.is_nan() {
        return f64::NAN;
    }
    if lower >= upper {
        return 0.0;
    }
    let below = |bound| observations_below(bound, buckets).unwrap_or(total).min(total);
    (below(upper) - below(lower)) / total
}

/// Returns the estimated number of observations below a bound; `None` if the bound is beyond the last bucket.
fn observations_below(bound: f64, buckets: &[Bucket]) -> Option<f64> {
    let mut rank = 0.0;
    for (index, bucket) in buckets.iter().enumerate() {
        let start = match index.checked_sub(1).and_then(|previous| buckets.get(previous)) {
            Some(previous) => previous.upper,
            None if bucket.upper > 0.0 => 0.0,
            None => f64::NEG_INFINITY,
        };
        if start >= bound {
            return Some(rank);
        }
        if bucket.upper > bound {
            // Nothing is known within a bucket without a lower bound: all of it counts as below.
            if start == f64::NEG_INFINITY {
                return Some(bucket.count);
            }
            return Some(rank + (bucket.count - rank) * (bound - start) / (bucket.upper - start));
        }
        rank = bucket.count;
    }
    None
}

/// Sorts the buckets and merges those of one bound. Returns `false` without the bucket `+Inf`.
#[expect(clippy::float_cmp, reason = "equal bounds are one bucket")]
fn prepare(buckets: &mut Vec<Bucket>) -> bool {
    buckets.sort_by(|one, other| one.upper.total_cmp(&other.upper));
    buckets.dedup_by(|next, kept| {
        let is_same = next.upper == kept.upper;
        if is_same {
            kept.count += next.count;
        }
        is_same
    });
    buckets.last().is_some_and(|last| last.upper == f64::INFINITY)
}

/// Raises counts that are less than that of a lower bucket. Small differences are not reported.
#[expect(clippy::float_cmp, reason = "equal counts need no correction")]
fn force_monotonicity(buckets: &mut [Bucket]) -> Option<ForcedMonotonicity> {
    let mut forced: Option<ForcedMonotonicity> = None;
    let mut previous = buckets.first()?.count;
    for bucket in buckets.iter_mut().skip(1) {
        let count = bucket.count;
        if count == previous {
            continue;
        }
        if is_almost_equal(previous, count) {
            bucket.count = previous;
        } else if count < previous {
            bucket.count = previous;
            let (bound, difference) = (bucket.upper, previous - count);
            let known = forced.unwrap_or(ForcedMonotonicity { least: bound, greatest: bound, difference });
            forced = Some(ForcedMonotonicity {
                least: known.least.min(bound),
                greatest: known.greatest.max(bound),
                difference: known.difference.max(difference),
            });
        } else {
            previous = count;
        }
    }
    forced
}

fn is_almost_equal(one: f64, other: f64) -> bool {
    let difference = (one - other).abs();
    let sum = one.abs() + other.abs();
    if one == 0.0 || other == 0.0 || sum < f64::MIN_POSITIVE {
        return difference < SMALL_DIFFERENCE * f64::MIN_POSITIVE;
    }
    difference / sum.min(f64::MAX) < SMALL_DIFFERENCE
}

#[cfg(test)]
#[allow(clippy::float_cmp, clippy::cast_precision_loss, reason = "the values are exact")]
mod tests {
    use super::*;

    fn buckets(pairs: &[(f64, f64)]) -> Vec<Bucket> {
        pairs.iter().map(|(upper, count)| Bucket { upper: *upper, count: *count }).collect()
    }

    #[test]
    fn quantiles_lie_within_their_bucket() {
        let histogram = [(f64::INFINITY, 12.0), (0.1, 4.0), (0.2, 8.0), (0.2, 0.0)];
        for (level, expected) in [(0.25, 0.075), (0.5, 0.15), (0.9, 0.2), (0.0, 0.0)] {
            let (found, forced) = quantile(level, &mut buckets(&histogram));
            assert!((found - expected).abs() < 1e-12 && forced.is_none(), "{level}: {found}");
        }
        assert_eq!(quantile(-0.1, &mut buckets(&histogram)).0, f64::NEG_INFINITY);
        assert_eq!(quantile(1.1, &mut buckets(&histogram)).0, f64::INFINITY);
        for broken in [&histogram[1..], &histogram[..1], &[], &[(0.1, 0.0), (f64::INFINITY, 0.0)]] {
            assert!(quantile(0.5, &mut buckets(broken)).0.is_nan());
        }
        assert!(quantile(f64::NAN, &mut buckets(&histogram)).0.is_nan());
    }

    #[test]
    fn falling_counts_are_raised_and_reported() {
        let (_, forced) = quantile(0.5, &mut buckets(&[(1.0, 5.0), (2.0, 3.0), (3.0, 6.0), (f64::INFINITY, 6.0)]));
        assert_eq!(forced, Some(ForcedMonotonicity { least: 2.0, greatest: 2.0, difference: 2.0 }));
        let (_, forced) = quantile(0.5, &mut buckets(&[(1.0, 5.0), (2.0, 5.0 - 1e-15 * 5.0), (f64::INFINITY, 6.0)]));
        assert_eq!(forced, None);
    }

    #[test]
    fn a_count_of_nan_reaches_no_rank() {
        let histogram = [(1.0, 2.0), (2.0, f64::NAN), (f64::INFINITY, 10.0)];
        assert_eq!(quantile(0.9, &mut buckets(&histogram)).0, 2.0);
        assert_eq!(quantile(0.9, &mut buckets(&[(1.0, 2.0), (f64::INFINITY, f64::NAN)])).0, 1.0);
    }

    #[test]
    fn fractions_interpolate_within_a_bucket() {
        let histogram = [(0.1, 4.0), (0.2, 8.0), (f64::INFINITY, 12.0)];
        let table =
            [(0.0, 0.2, 2.0 / 3.0), (0.05, 0.15, 1.0 / 3.0), (f64::NEG_INFINITY, f64::INFINITY, 1.0), (1.0, 0.5, 0.0)];
        for (lower, upper, expected) in table {
            let found = fraction(lower, upper, &mut buckets(&histogram));
            assert!((found - expected).abs() < 1e-12, "{lower} {upper}: {found}");
        }
        assert!(fraction(f64::NAN, 1.0, &mut buckets(&histogram)).is_nan());
        assert!(fraction(0.0, 1.0, &mut buckets(&histogram[..2])).is_nan());
    }
}
