//! Functions over the samples of one series in a window.

use super::super::window::Window;
use super::quantile::quantile;
use super::rate::{self, Change};
use super::regression;
use crate::ast::{Function, RangeExtension};

/// Scalar arguments of a range function at one step.
pub(crate) type Arguments = [f64; 2];

/// Evaluates a range function for a window with at least one sample; `None` if there is no result.
///
/// The functions are those that are computed window by window; see [`sliding`](super::super::sliding) for the others.
/// `buffer` is reused between calls.
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
        F::Rate => extended(window, extension, Change { is_counter: true, is_rate: true }),
        F::Increase => extended(window, extension, Change { is_counter: true, is_rate: false }),
        F::Delta => extended(window, extension, Change { is_counter: false, is_rate: false }),
        F::Irate => rate::instant(window, true),
        F::Idelta => rate::instant(window, false),
        F::Changes => compared_values(window, extension).map(rate::changes),
        F::Resets => compared_values(window, extension).map(rate::resets),
        F::Deriv => regression::line(window, *window.times.first()?).map(|(slope, _)| slope),
        F::PredictLinear => {
            regression::line(window, window.step_time).map(|(slope, value)| slope * first_argument + value)
        }
        // Invalid factors are an error wherever there is a sample.
        F::DoubleExponentialSmoothing if !arguments.iter().all(|factor| is_factor(*factor)) => Some(f64::NAN),
        F::DoubleExponentialSmoothing => regression::double_exponential(values, first_argument, second_argument),
        F::QuantileOverTime => Some(quantile(first_argument, refilled(buffer, values.iter().copied()))),
        F::MadOverTime if values.iter().any(|value| value.is_nan()) => Some(f64::NAN),
        F::MadOverTime => {
            let median = quantile(0.5, refilled(buffer, values.iter().copied()));
            Some(quantile(0.5, refilled(buffer, values.iter().map(|value| (value - median).abs()))))
        }
        _ => None,
    }
}

/// Returns `true` for a valid factor of `double_exponential_smoothing`.
pub(crate) fn is_factor(factor: f64) -> bool {
    !(factor <= 0.0 || factor >= 1.0)
}

fn extended(window: &Window<'_>, extension: Option<RangeExtension>, change: Change) -> Option<f64> {
    rate::extended(window, change, extension? == RangeExtension::Smoothed)
}

fn compared_values<'a>(window: &Window<'a>, extension: Option<RangeExtension>) -> Option<&'a [f64]> {
    if extension == Some(RangeExtension::Anchored) { rate::anchored_values(window) } else { Some(window.values) }
}

fn refilled(buffer: &mut Vec<f64>, values: impl Iterator<Item = f64>) -> &mut [f64] {
    buffer.clear();
    buffer.extend(values);
    buffer
}
