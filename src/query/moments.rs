//! Mean and variance, without cancellation.
//!
//! The variance takes one pass. The n-th value is added to lane n modulo 8, wherever slices begin and end, so the bits
//! depend only on the sequence. Integers are first reduced by the first value of the window, exactly: timestamps in
//! nanoseconds since 1970 are larger than 2^53, and a double would round their differences away.

use super::kernels::{LANES, canonical_nan, i128_to_f64};

/// Returns the quotient of an integer sum and a count, rounded once to the nearest double, ties to even.
///
/// `count` is at least 1. Not inlined, so that means of doubles are.
#[expect(clippy::cast_precision_loss, reason = "the conversion is the one rounding step, or exact")]
#[inline(never)]
pub(super) fn mean_of_integers(sum: i128, count: u64) -> f64 {
    const EXACT: u64 = 1 << 53;
    let magnitude = sum.unsigned_abs();
    if magnitude <= u128::from(EXACT) && count <= EXACT {
        // Both are exact as doubles, so the division is the only rounding.
        return i128_to_f64(sum) / count as f64;
    }
    let divisor = u128::from(count);
    if magnitude == 0 {
        return 0.0;
    }
    let (mut quotient, mut rest) = (magnitude / divisor, magnitude % divisor);
    let mut scale = 1.0_f64;
    // 55 bits hold a significand, the bit that decides the rounding, and one bit for a rest. Each step appends 64 bits:
    // the quotient has less than 55 and the rest less than 64, so nothing overflows.
    while quotient >> 54 == 0 {
        let dividend = rest << 64;
        (quotient, rest) = ((quotient << 64) | (dividend / divisor), dividend % divisor);
        scale /= 18_446_744_073_709_551_616.0;
    }
    // A rest is below the deciding bit: as the lowest bit it only breaks ties.
    let rounded = (quotient | u128::from(rest > 0)) as f64 * scale;
    if sum < 0 { -rounded } else { rounded }
}

/// Count, mean and sum of squared differences from the mean (B. P. Welford, Technometrics 1962).
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Moments {
    count: u64,
    /// Integer that was subtracted from every value; 0 for doubles.
    origin: i128,
    /// Mean of the values minus the origin.
    mean: f64,
    squares: f64,
}

#[expect(clippy::cast_precision_loss, reason = "no window holds 2^53 points")]
impl Moments {
    /// Merges two states (T. F. Chan, G. H. Golub, R. J. LeVeque, 1979).
    pub(super) fn merge(self, other: Self) -> Self {
        if self.count == 0 || other.count == 0 {
            return if self.count == 0 { other } else { self };
        }
        let count = self.count + other.count;
        let share = other.count as f64 / count as f64;
        let distance = i128_to_f64(other.origin - self.origin) + (other.mean - self.mean);
        Self {
            count,
            origin: self.origin,
            mean: self.mean + distance * share,
            squares: self.squares + other.squares + distance * distance * (self.count as f64 * share),
        }
    }

    /// Returns the population variance; NaN if a value is NaN or infinite.
    pub(super) fn variance(self) -> f64 {
        canonical_nan(self.squares / self.count as f64)
    }

    /// Returns the sample variance; `None` for fewer than two values.
    pub(super) fn sample_variance(self) -> Option<f64> {
        (self.count > 1).then(|| canonical_nan(self.squares / (self.count - 1) as f64))
    }
}

/// Moments of the values of a window, with those of other windows or series that were merged into them.
#[derive(Debug, Clone, Default)]
pub(super) struct MomentState {
    pub(super) lanes: LaneMoments,
    merged: Moments,
}

impl MomentState {
    pub(super) fn total(&self) -> Moments {
        self.merged.merge(self.lanes.total())
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.merged = self.total().merge(other.total());
        self.lanes = LaneMoments::default();
    }
}

/// Eight lanes; each value is added to the next lane in turn.
#[derive(Debug, Clone, Default)]
pub(super) struct LaneMoments {
    /// The first value of the window, if the values are integers.
    origin: Option<i128>,
    means: [f64; LANES],
    squares: [f64; LANES],
    count: u64,
}

#[expect(clippy::cast_precision_loss, reason = "no window holds 2^53 points")]
impl LaneMoments {
    /// Adds integers. A window has only integers or only doubles.
    pub(super) fn add_integers(&mut self, values: impl Iterator<Item = i128>) {
        let mut values = values.peekable();
        let Some(first) = values.peek() else { return };
        let origin = *self.origin.get_or_insert(*first);
        self.add(values.map(|value| i128_to_f64(value - origin)));
    }

    pub(super) fn add(&mut self, values: impl Iterator<Item = f64>) {
        for value in values {
            let lane = self.lane();
            // Number of values in the lane, including this one.
            let held = (self.count / LANES as u64 + 1) as f64;
            let distance = value - self.means[lane];
            self.means[lane] += distance / held;
            self.squares[lane] += distance * (value - self.means[lane]);
            self.count += 1;
        }
    }

    /// Returns the lane of the next value.
    #[expect(clippy::cast_possible_truncation, reason = "less than 8")]
    fn lane(&self) -> usize {
        (self.count % LANES as u64) as usize
    }

    pub(super) fn total(&self) -> Moments {
        let mut lanes = [Moments::default(); LANES];
        for (at, lane) in lanes.iter_mut().enumerate() {
            let more = u64::from(at < self.lane());
            let count = self.count / LANES as u64 + more;
            let origin = self.origin.unwrap_or_default();
            *lane = Moments { count, origin, mean: self.means[at], squares: self.squares[at] };
        }
        let pair = |at: usize| lanes[at].merge(lanes[at + 1]);
        pair(0).merge(pair(2)).merge(pair(4).merge(pair(6)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_values_near_each_other_do_not_cancel_out() {
        let mut lanes = LaneMoments::default();
        lanes.add((0..1_000).map(|n| 1e9 + f64::from(n % 2)));
        assert!((lanes.total().variance() - 0.25).abs() < 1e-9, "{:?}", lanes.total());
        let mut one = LaneMoments::default();
        one.add([7.0].into_iter());
        assert_eq!(one.total().variance().to_bits(), 0.0_f64.to_bits());
    }

    #[test]
    fn large_integers_near_each_other_have_an_exact_variance() {
        let now = 1_790_000_000_000_000_000_i128;
        let mut lanes = LaneMoments::default();
        lanes.add_integers([0, 2, 4].into_iter().map(|n| now + n));
        assert!((lanes.total().variance() - 8.0 / 3.0).abs() < 1e-12, "{lanes:?}");
        // Two windows with different first values are merged by their exact distance.
        let mut other = LaneMoments::default();
        other.add_integers([6, 8].into_iter().map(|n| now + n));
        assert!((lanes.total().merge(other.total()).variance() - 8.0).abs() < 1e-12);
        // Values that are spread over the whole range.
        let mut wide = LaneMoments::default();
        wide.add_integers([i128::from(i64::MIN), i128::from(u64::MAX)].into_iter());
        let half = (i128_to_f64(i128::from(u64::MAX)) - i128_to_f64(i128::from(i64::MIN))) / 2.0;
        assert!((wide.total().variance() / (half * half) - 1.0).abs() < 1e-12);
    }

    #[test]
    #[expect(clippy::cast_possible_truncation, reason = "the doubles are integers in the range")]
    fn a_mean_of_integers_is_rounded_once() {
        // 2^53 + 1 is no double: a sum that is rounded first gives another quotient.
        let odd = (1_i128 << 53) + 1;
        for (sum, count, expected) in [
            (odd * 3, 3, 9_007_199_254_740_992.0),
            (odd * 6 + 1, 6, 9_007_199_254_740_994.0),
            (i128::from(u64::MAX), 1, 18_446_744_073_709_551_616.0),
            (i128::from(i64::MIN) * 3, 3, -9_223_372_036_854_775_808.0),
            ((1 << 60) + 1, 1 << 60, 1.0),
            (7, 2, 3.5),
            (-1, 3, -1.0 / 3.0),
            (0, 9, 0.0),
        ] {
            assert_eq!(mean_of_integers(sum, count).to_bits(), f64::to_bits(expected), "{sum} / {count}");
        }
        // The quotient is nearer to the exact one than both neighbours: compared by integers.
        let mut chance = 42_u64;
        for _ in 0..20_000 {
            chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let (sum, count) = (i128::from(chance) << (chance >> 59), (chance >> 20) % 1_000_003 + 1);
            let mean = mean_of_integers(sum, count);
            let error = |double: f64| {
                // An integer as a double: the sums here are large enough.
                let scaled = double as i128;
                (sum - scaled * i128::from(count)).unsigned_abs()
            };
            if mean >= 9_007_199_254_740_992.0 {
                assert!(
                    error(mean) <= error(mean.next_up()) && error(mean) <= error(mean.next_down()),
                    "{sum} / {count}"
                );
            }
        }
    }

    #[test]
    fn what_is_not_finite_has_no_variance_and_slices_make_no_difference() {
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let mut lanes = LaneMoments::default();
            lanes.add([1.0, bad, 2.0].into_iter());
            assert!(lanes.total().variance().is_nan(), "{bad}");
        }
        let values: Vec<f64> = (0..100).map(|n| f64::from(n * n % 37) * 0.1).collect();
        let (mut whole, mut parts) = (LaneMoments::default(), LaneMoments::default());
        whole.add(values.iter().copied());
        values.chunks(7).for_each(|slice| parts.add(slice.iter().copied()));
        assert_eq!(whole.total().variance().to_bits(), parts.total().variance().to_bits());
    }
}
