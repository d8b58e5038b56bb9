//! Compensated summation (Kahan, improved by Neumaier 1974).

/// Running sum with its compensation.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct KahanSum {
    /// Sum without the compensation.
    pub(crate) sum: f64,
    /// Lost low-order part of the sum.
    pub(crate) compensation: f64,
}

/// Returns a sum and what its rounding lost, exactly (D. Knuth, The Art of Computer Programming 2, 4.2.2).
///
/// Neumaier's method gets the same error by a comparison of the magnitudes; without it, sums that do not depend on each
/// other run side by side.
#[inline]
pub(crate) fn two_sum(one: f64, other: f64) -> (f64, f64) {
    let sum = one + other;
    let other_part = sum - one;
    (sum, (one - (sum - other_part)) + (other - other_part))
}

/// Returns the sum of values.
pub(crate) fn sum(values: &[f64]) -> f64 {
    let mut sum = KahanSum::default();
    for value in values {
        sum.add(*value);
    }
    sum.total()
}

/// Returns the mean of values; NaN without values.
pub(crate) fn mean(values: &[f64]) -> f64 {
    let Some((first, rest)) = values.split_first() else { return f64::NAN };
    let mut mean = KahanMean::new(*first);
    for value in rest {
        mean.add(*value);
    }
    mean.mean()
}

impl KahanSum {
    /// Starts with a first value.
    pub(crate) fn new(first: f64) -> Self {
        Self { sum: first, compensation: 0.0 }
    }

    /// Adds a value.
    #[inline]
    pub(crate) fn add(&mut self, value: f64) {
        let (next, lost) = two_sum(self.sum, value);
        self.compensation = if next.is_infinite() { 0.0 } else { self.compensation + lost };
        self.sum = next;
    }

    /// Adds a value to a sum whose compensation has no meaning once the sum is not finite.
    #[inline]
    pub(crate) fn add_finite(&mut self, value: f64) {
        let (next, lost) = two_sum(self.sum, value);
        self.compensation += lost;
        self.sum = next;
    }

    /// Returns the sum with its compensation.
    pub(crate) fn total(self) -> f64 {
        if self.sum.is_infinite() { self.sum } else { self.sum + self.compensation }
    }
}

/// Mean by a compensated sum, which becomes an incremental mean where the sum would overflow.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KahanMean {
    /// Sum; once `is_incremental`, the mean.
    state: KahanSum,
    count: f64,
    is_incremental: bool,
}

impl KahanMean {
    /// Starts with a first value.
    pub(crate) fn new(first: f64) -> Self {
        Self { state: KahanSum::new(first), count: 1.0, is_incremental: false }
    }

    /// Returns the mean of values whose sum is finite.
    pub(crate) fn of_sum(sum: KahanSum, count: usize) -> Self {
        Self { state: sum, count: super::number::count(count), is_incremental: false }
    }

    /// Adds a value.
    #[inline]
    pub(crate) fn add(&mut self, value: f64) {
        self.count += 1.0;
        if !self.is_incremental {
            let mut next = self.state;
            next.add(value);
            if !next.sum.is_infinite() {
                self.state = next;
                return;
            }
            self.is_incremental = true;
            self.state.sum /= self.count - 1.0;
            self.state.compensation /= self.count - 1.0;
        }
        let weight = (self.count - 1.0) / self.count;
        self.state.sum *= weight;
        self.state.compensation *= weight;
        self.state.add(value / self.count);
    }

    /// Returns the mean.
    pub(crate) fn mean(self) -> f64 {
        let KahanSum { sum, compensation } = self.state;
        if self.is_incremental { sum + compensation } else { sum / self.count + compensation / self.count }
    }
}

#[cfg(test)]
#[allow(clippy::float_cmp, clippy::cast_precision_loss, reason = "the values are exact")]
mod tests {
    use super::*;

    #[test]
    fn a_compensated_sum_keeps_small_values_beside_large_ones() {
        let mut sum = KahanSum::default();
        for value in [2.0, 8.0, 1e100, -1e100] {
            sum.add(value);
        }
        assert_eq!(sum.total(), 10.0);
        sum.add(f64::INFINITY);
        sum.add(1.0);
        assert_eq!(sum.total(), f64::INFINITY);
    }

    #[test]
    fn a_mean_does_not_overflow() {
        let mut mean = KahanMean::new(1e308);
        for _ in 0..9 {
            mean.add(1e308);
        }
        assert!((mean.mean() / 1e308 - 1.0).abs() < 1e-12);
    }
}
