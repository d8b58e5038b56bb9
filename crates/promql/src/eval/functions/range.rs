//! Functions over the samples of one series in a window.

use super::super::kahan::{KahanMean, KahanSum};
use super::super::number::{count, seconds};
use super::super::window::Window;
use super::quantile::quantile;
use super::rate::{self, Change};
use super::regression;
use crate::ast::{Function, RangeExtension};

/// Scalar arguments of a range function at one step.
pub(crate) type Arguments = [f64; 2];

/// Evaluates a range function for a window with at least one sample; `None` if there is no result.
///
/// `buffer` is reused between calls. A function that takes no range vector has no result.
pub(crate) fn evaluate(
    function: Function,
    extension: Option<RangeExtension>,
    window: &Window<'_>,
    arguments: Arguments,
    buffer: &mut Vec<f64>,
) -> Option<f64> {
    use Function as F;
    let values = window.values;
    let [first_argument, second_argument] = arguments;
    match function {
        F::Rate => change(window, extension, Change { is_counter: true, is_rate: true }),
        F::Increase => change(window, extension, Change { is_counter: true, is_rate: false }),
        F::Delta => change(window, extension, Change { is_counter: false, is_rate: false }),
        F::Irate => rate::instant(window, true),
        F::Idelta => rate::instant(window, false),
        F::Changes => compared_values(window, extension).map(rate::changes),
        F::Resets => compared_values(window, extension).map(rate::resets),
        F::Deriv => regression::line(window, *window.times.first()?).map(|(slope, _)| slope),
        F::PredictLinear => {
            regression::line(window, window.step_time).map(|(slope, value)| slope * first_argument + value)
        }
        F::DoubleExponentialSmoothing => regression::double_exponential(values, first_argument, second_argument),
        F::SumOverTime => Some(sum(values)),
        F::AvgOverTime => mean(values),
        F::CountOverTime => Some(count(values.len())),
        F::PresentOverTime | F::AbsentOverTime => Some(1.0),
        F::MinOverTime => extremum(values, |value, least| value < least).map(|(_, value)| value),
        F::MaxOverTime => extremum(values, |value, greatest| value > greatest).map(|(_, value)| value),
        F::TsOfMinOverTime => time_at(window, extremum(values, |value, least| value <= least)),
        F::TsOfMaxOverTime => time_at(window, extremum(values, |value, greatest| value >= greatest)),
        F::FirstOverTime => values.first().copied(),
        F::LastOverTime => values.last().copied(),
        F::TsOfFirstOverTime => window.times.first().map(|time| seconds(*time)),
        F::TsOfLastOverTime => window.times.last().map(|time| seconds(*time)),
        F::QuantileOverTime => Some(quantile(first_argument, refilled(buffer, values.iter().copied()))),
        F::MadOverTime if values.iter().any(|value| value.is_nan()) => Some(f64::NAN),
        F::MadOverTime => {
            let median = quantile(0.5, refilled(buffer, values.iter().copied()));
            Some(quantile(0.5, refilled(buffer, values.iter().map(|value| (value - median).abs()))))
        }
        F::StdvarOverTime => Some(variance(values)),
        F::StddevOverTime => Some(variance(values).sqrt()),
        _ => None,
    }
}

fn change(window: &Window<'_>, extension: Option<RangeExtension>, change: Change) -> Option<f64> {
    match extension {
        None => rate::extrapolated(window, change),
        Some(extension) => rate::extended(window, change, extension == RangeExtension::Smoothed),
    }
}

fn compared_values<'a>(window: &Window<'a>, extension: Option<RangeExtension>) -> Option<&'a [f64]> {
    if extension == Some(RangeExtension::Anchored) { rate::anchored_values(window) } else { Some(window.values) }
}

fn refilled(buffer: &mut Vec<f64>, values: impl Iterator<Item = f64>) -> &mut [f64] {
    buffer.clear();
    buffer.extend(values);
    buffer
}

fn sum(values: &[f64]) -> f64 {
    let mut sum = KahanSum::default();
    for value in values {
        sum.add(*value);
    }
    sum.total()
}

fn mean(values: &[f64]) -> Option<f64> {
    let (first, rest) = values.split_first()?;
    let mut mean = KahanMean::new(*first);
    for value in rest {
        mean.add(*value);
    }
    Some(mean.mean())
}

/// Returns index and value of the value that replaces all others; any value replaces NaN.
fn extremum(values: &[f64], replaces: impl Fn(f64, f64) -> bool) -> Option<(usize, f64)> {
    let (mut at, mut best) = (0, *values.first()?);
    for (index, value) in values.iter().enumerate() {
        if replaces(*value, best) || best.is_nan() {
            (at, best) = (index, *value);
        }
    }
    Some((at, best))
}

fn time_at(window: &Window<'_>, found: Option<(usize, f64)>) -> Option<f64> {
    found.and_then(|(at, _)| window.times.get(at)).map(|time| seconds(*time))
}

/// Returns the population variance by Welford's method with compensated sums.
fn variance(values: &[f64]) -> f64 {
    let (mut mean, mut squares, mut n) = (KahanSum::default(), KahanSum::default(), 0.0);
    for value in values {
        n += 1.0;
        let delta = value - (mean.sum + mean.compensation);
        mean.add(delta / n);
        squares.add(delta * (value - (mean.sum + mean.compensation)));
    }
    (squares.sum + squares.compensation) / n
}

#[cfg(test)]
#[allow(clippy::float_cmp, clippy::cast_precision_loss, reason = "the values are exact")]
mod tests {
    use super::super::super::number::SECOND;
    use super::*;

    fn over(function: Function, values: &[f64], arguments: Arguments) -> Option<f64> {
        let times: Vec<i64> = (0..values.len()).map(|n| i64::try_from(n).unwrap() * SECOND).collect();
        let window = Window { times: &times, values, start: -SECOND, end: 10 * SECOND, step_time: 10 * SECOND };
        evaluate(function, None, &window, arguments, &mut Vec::new())
    }

    #[test]
    fn functions_over_time_combine_the_values_of_a_window() {
        use Function as F;
        let values = [4.0, f64::NAN, 2.0, 9.0, 2.0];
        let clean = [4.0, 2.0, 9.0, 2.0];
        let table = [
            (over(F::SumOverTime, &clean, [0.0; 2]), 17.0),
            (over(F::AvgOverTime, &clean, [0.0; 2]), 4.25),
            (over(F::CountOverTime, &values, [0.0; 2]), 5.0),
            (over(F::MinOverTime, &values, [0.0; 2]), 2.0),
            (over(F::MaxOverTime, &values, [0.0; 2]), 9.0),
            (over(F::TsOfMinOverTime, &values, [0.0; 2]), 4.0),
            (over(F::TsOfMaxOverTime, &values, [0.0; 2]), 3.0),
            (over(F::FirstOverTime, &values, [0.0; 2]), 4.0),
            (over(F::LastOverTime, &values, [0.0; 2]), 2.0),
            (over(F::TsOfLastOverTime, &values, [0.0; 2]), 4.0),
            (over(F::QuantileOverTime, &clean, [0.5, 0.0]), 3.0),
            (over(F::MadOverTime, &[4.0, 6.0, 2.0, 1.0, 999.0], [0.0; 2]), 2.0),
            (over(F::StdvarOverTime, &[0.0, 8.0, 8.0, 2.0, 3.0], [0.0; 2]), 10.56),
            (over(F::PredictLinear, &[0.0, 1.0, 2.0], [5.0, 0.0]), 15.0),
            (over(F::PresentOverTime, &values, [0.0; 2]), 1.0),
        ];
        for (at, (found, expected)) in table.into_iter().enumerate() {
            assert!(found.is_some_and(|found| (found - expected).abs() < 1e-9), "{at}: {found:?}");
        }
        assert_eq!(over(F::Abs, &values, [0.0; 2]), None);
        assert!(over(F::MinOverTime, &[f64::NAN; 2], [0.0; 2]).unwrap().is_nan());
    }
}
