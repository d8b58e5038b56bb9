//! Mean and variance in one pass, without cancellation.
//! The n-th value is added to lane n modulo 8, wherever slices begin and end, so the bits depend only on the sequence.

use super::kernels::{LANES, canonical_nan};

/// Count, mean and sum of squared differences from the mean (B. P. Welford, Technometrics 1962).
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Moments {
    count: u64,
    mean: f64,
    squares: f64,
}

#[expect(clippy::cast_precision_loss, reason = "no window holds 2^53 points")]
impl Moments {
    /// Merges two states (T. F. Chan, G. H. Golub, R. J. LeVeque, 1979).
    pub(super) fn join(self, other: Self) -> Self {
        if self.count == 0 || other.count == 0 {
            return if self.count == 0 { other } else { self };
        }
        let count = self.count + other.count;
        let share = other.count as f64 / count as f64;
        let distance = other.mean - self.mean;
        Self {
            count,
            mean: self.mean + distance * share,
            squares: self.squares + other.squares + distance * distance * (self.count as f64 * share),
        }
    }

    /// Returns the population variance; NaN if a value is NaN or infinite.
    pub(super) fn variance(self) -> f64 {
        canonical_nan(self.squares / self.count as f64)
    }
}

/// Eight lanes; each value is added to the next lane in turn.
#[derive(Debug, Clone, Default)]
pub(super) struct LaneMoments {
    means: [f64; LANES],
    squares: [f64; LANES],
    count: u64,
}

#[expect(clippy::cast_precision_loss, reason = "no window holds 2^53 points")]
impl LaneMoments {
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
            *lane =
                Moments { count: self.count / LANES as u64 + more, mean: self.means[at], squares: self.squares[at] };
        }
        let pair = |at: usize| lanes[at].join(lanes[at + 1]);
        pair(0).join(pair(2)).join(pair(4).join(pair(6)))
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
