//! `deriv`, `predict_linear` and `double_exponential_smoothing`.

use super::super::kahan::KahanSum;
use super::super::number::seconds;
use super::super::window::Window;

/// Slope per second, and value at a reference time, of the line through the samples by least squares.
///
/// `None` for fewer than two samples.
#[expect(clippy::float_cmp, reason = "equal values have a slope of exactly zero")]
pub(crate) fn line(window: &Window<'_>, reference: i64) -> Option<(f64, f64)> {
    let first = *window.values.first()?;
    if window.values.len() < 2 {
        return None;
    }
    if window.values.iter().all(|value| *value == first) {
        return Some(if first.is_infinite() { (f64::NAN, f64::NAN) } else { (0.0, first) });
    }
    // Sums of x, y, xy and xx.
    let mut sums = [KahanSum::default(); 4];
    for (time, y) in window.times.iter().zip(window.values) {
        let x = seconds(time.saturating_sub(reference));
        for (sum, value) in sums.iter_mut().zip([x, *y, x * y, x * x]) {
            sum.add(value);
        }
    }
    let [x, y, xy, xx] = sums.map(|sum| sum.sum + sum.compensation);
    let n = super::super::number::count(window.values.len());
    let slope = (xy - x * y / n) / (xx - x * x / n);
    Some((slope, y / n - slope * x / n))
}

/// Returns the last value of double exponential smoothing (Holt's linear method); `None` for fewer than two samples.
pub(crate) fn double_exponential(values: &[f64], smoothing: f64, trend_factor: f64) -> Option<f64> {
    let [first, second, ..] = *values else { return None };
    let (mut before, mut smoothed, mut trend) = (0.0, first, second - first);
    for (index, value) in values.iter().enumerate().skip(1) {
        if index > 1 {
            trend = trend_factor * (smoothed - before) + (1.0 - trend_factor) * trend;
        }
        let next = smoothing * value + (1.0 - smoothing) * (smoothed + trend);
        (before, smoothed) = (smoothed, next);
    }
    Some(smoothed)
}

#[cfg(test)]
#[allow(clippy::float_cmp, clippy::cast_precision_loss, reason = "the values are exact")]
mod tests {
    use super::super::super::number::SECOND;
    use super::*;

    #[test]
    fn a_line_goes_through_its_points() {
        let times = [0, 10 * SECOND, 20 * SECOND];
        let window = |values| Window { times: &times, values, start: 0, end: 20 * SECOND, step_time: 20 * SECOND };
        let (slope, at_end) = line(&window(&[1.0, 6.0, 11.0]), 20 * SECOND).unwrap();
        assert!((slope - 0.5).abs() < 1e-12 && (at_end - 11.0).abs() < 1e-12);
        assert_eq!(line(&window(&[4.0, 4.0, 4.0]), 0), Some((0.0, 4.0)));
        assert!(line(&window(&[f64::INFINITY; 3]), 0).unwrap().0.is_nan());
        assert_eq!(line(&window(&[]), 0), None);
    }

    #[test]
    fn smoothing_follows_a_straight_line() {
        let values: Vec<f64> = (0..20).map(|n| f64::from(n) * 10.0).collect();
        assert!((double_exponential(&values, 0.01, 0.1).unwrap() - 190.0).abs() < 1e-9);
        assert_eq!(double_exponential(&[1.0], 0.5, 0.5), None);
    }
}
