#![allow(clippy::cast_precision_loss, reason = "small numbers")]

use super::super::functions::rate::{Change, KnownDurations, changes, extrapolated, instant, resets};
use super::super::kahan;
use super::super::number::SECOND;
use super::super::window::Window;
use super::*;

const FUNCTIONS: [Function; 22] = [
    Function::CountOverTime,
    Function::PresentOverTime,
    Function::FirstOverTime,
    Function::LastOverTime,
    Function::TsOfFirstOverTime,
    Function::TsOfLastOverTime,
    Function::MinOverTime,
    Function::MaxOverTime,
    Function::TsOfMinOverTime,
    Function::TsOfMaxOverTime,
    Function::Changes,
    Function::Resets,
    Function::SumOverTime,
    Function::AvgOverTime,
    Function::QuantileOverTime,
    Function::Rate,
    Function::Increase,
    Function::Delta,
    Function::Irate,
    Function::Idelta,
    Function::MadOverTime,
    Function::StdvarOverTime,
];

/// Computes a function of one window alone, from its definition.
fn alone(function: Function, window: &Window<'_>) -> Option<f64> {
    use Function as F;
    let (times, values) = (window.times, window.values);
    let extremum = |replaces: fn(f64, f64) -> bool| {
        let best = values.iter().enumerate().fold((0, values[0]), |(at, best), (index, value)| {
            if replaces(*value, best) || best.is_nan() { (index, *value) } else { (at, best) }
        });
        (best.1, seconds(times[best.0]))
    };
    let change = |is_counter, is_rate| {
        let resets = values.windows(2).filter(|pair| is_counter && pair[1] < pair[0]).map(|pair| pair[0]);
        extrapolated(window, Change { is_counter, is_rate }, resets, &mut KnownDurations::default())
    };
    match function {
        F::CountOverTime => Some(values.len() as f64),
        F::PresentOverTime => Some(1.0),
        F::FirstOverTime => values.first().copied(),
        F::LastOverTime => values.last().copied(),
        F::TsOfFirstOverTime => times.first().map(|time| seconds(*time)),
        F::TsOfLastOverTime => times.last().map(|time| seconds(*time)),
        F::MinOverTime => Some(extremum(|value, best| value < best).0),
        F::MaxOverTime => Some(extremum(|value, best| value > best).0),
        F::TsOfMinOverTime => Some(extremum(|value, best| value <= best).1),
        F::TsOfMaxOverTime => Some(extremum(|value, best| value >= best).1),
        F::Changes => Some(changes(values)),
        F::Resets => Some(resets(values)),
        F::SumOverTime => Some(kahan::sum(values)),
        F::AvgOverTime => Some(kahan::mean(values)),
        F::Rate => change(true, true),
        F::Increase => change(true, false),
        F::Delta => change(false, false),
        F::Irate => instant(window, true),
        F::Idelta => instant(window, false),
        F::StdvarOverTime => {
            let (mut mean, mut squares, mut count) = (kahan::KahanSum::default(), kahan::KahanSum::default(), 0.0);
            for value in values {
                count += 1.0;
                let difference = value - (mean.sum + mean.compensation);
                mean.add(difference / count);
                squares.add(difference * (value - (mean.sum + mean.compensation)));
            }
            Some((squares.sum + squares.compensation) / count)
        }
        _ => range::evaluate(function, None, window, [0.7, 0.0], &mut Vec::new()),
    }
}

/// Generator of numbers (a linear congruential one).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    fn value(&mut self, kind: u64) -> f64 {
        let number = self.below(2_000) as f64 - 1_000.0;
        match (kind, self.below(12)) {
            (1, 0) => f64::NAN,
            (2, 0) => f64::INFINITY,
            (2, 1) => f64::NEG_INFINITY,
            (3, 0..6) => 1.5e308,
            (4, _) => number / 8.0,
            (5, 0..4) => -0.0,
            (5, 4..8) => 0.0,
            (0 | 1 | 5, _) => number,
            _ => number / 7.0 * 10.0_f64.powi(i32::try_from(self.below(30)).unwrap() - 15),
        }
    }
}

fn bits(value: Option<f64>) -> Option<u64> {
    value.map(|value| if value.is_nan() { f64::NAN.to_bits() } else { value.to_bits() })
}

#[test]
fn sliding_windows_have_the_bits_of_windows_computed_alone() {
    let mut random = Random(3);
    let mut scratch = Scratch::default();
    let mut compared = 0;
    for round in 0..70 {
        let mut samples = Samples::default();
        let (mut time, gap) = (0, 1 + random.below(30));
        for _ in 0..random.below(150) {
            let distance = if random.below(20) == 0 { random.below(400) } else { 1 + random.below(gap) };
            time += i64::try_from(distance).unwrap() * SECOND / 4;
            samples.push(time, random.value(round % 7));
        }
        let steps = Steps { start: -SECOND, step: SECOND * i64::try_from(1 + random.below(9)).unwrap(), count: 90 };
        let anchor = Anchor { at: None, offset: i64::try_from(random.below(3)).unwrap() * SECOND };
        let extent = Extent { range: i64::try_from(1 + random.below(60)).unwrap() * SECOND, before: 0, after: 0 };
        for function in FUNCTIONS {
            let range = RangeFunction { function, extension: None, steps: &steps, anchor, extent };
            let column = range.column(&samples, |_| [0.7, 0.0], &mut scratch);
            for step in 0..steps.count {
                let (step_time, end) = (steps.at(step), anchor.time(steps.at(step)));
                let within = |time: &i64| *time > end - extent.range && *time <= end;
                let first = samples.times.iter().position(within).unwrap_or(0);
                let behind = samples.times.iter().rposition(within).map_or(0, |at| at + 1);
                let (times, values) = (&samples.times[first..behind], &samples.values[first..behind]);
                let window = Window { times, values, start: end - extent.range, end, step_time };
                let expected = if times.is_empty() { None } else { alone(function, &window) };
                let found = Some(column.at(step)).filter(|value| super::super::column::is_present(*value));
                assert_eq!(bits(found), bits(expected), "{function:?} {round} {step} {window:?}");
                compared += usize::from(found.is_some());
            }
        }
    }
    assert!(compared > 20_000, "{compared}");
}

#[test]
fn functions_over_time_combine_the_values_of_a_window() {
    use Function as F;
    let over = |function: Function, values: &[f64], arguments: Arguments| {
        let mut samples = Samples::default();
        values.iter().zip(0..).for_each(|(value, at)| samples.push(at * SECOND, *value));
        let (steps, extent) = (Steps::instant(10 * SECOND), Extent { range: 11 * SECOND, before: 0, after: 0 });
        let anchor = Anchor { at: None, offset: 0 };
        let range = RangeFunction { function, extension: None, steps: &steps, anchor, extent };
        range.column(&samples, |_| arguments, &mut Scratch::default()).at(0)
    };
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
        assert!((found - expected).abs() < 1e-9, "{at}: {found:?}");
    }
    assert!(over(F::MinOverTime, &[f64::NAN; 2], [0.0; 2]).is_nan());
    assert!(!super::super::column::is_present(over(F::Abs, &values, [0.0; 2])));
}

#[test]
fn a_column_of_long_windows_ends_early_once_the_query_must_end() {
    let mut samples = Samples::default();
    for (at, second) in (0..20_000_u32).zip(0..) {
        samples.push(second * SECOND, f64::from(at) / 7.0);
    }
    let steps = Steps { start: 10_000 * SECOND, step: 2 * SECOND, count: 5_000 };
    let anchor = Anchor { at: None, offset: 0 };
    let extent = Extent { range: 10_000 * SECOND, before: 0, after: 0 };
    let cancelled = std::sync::Arc::<super::super::cancellation::Cancellation>::default();
    cancelled.cancel();
    let budget = super::super::budget::Budget::new(crate::EngineOptions::default(), cancelled);
    for function in [
        Function::QuantileOverTime,
        Function::MadOverTime,
        Function::SumOverTime,
        Function::AvgOverTime,
        Function::StddevOverTime,
        Function::PredictLinear,
        Function::DoubleExponentialSmoothing,
    ] {
        let range = RangeFunction { function, extension: None, steps: &steps, anchor, extent };
        let column = range.column(&samples, |_| [0.7, 0.5], &mut Scratch::new(budget.stop_check()));
        // A check for each 2^18 samples, or values that are moved.
        assert!((1..1_000).contains(&column.count()), "{function:?}: {}", column.count());
    }
}
