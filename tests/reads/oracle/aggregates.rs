//! Each aggregate by its definition, over the points of one window.

use std::collections::BTreeSet;

use timestrata::{Aggregate, Fold, QuantileLevel, Timestamp, Value, ValueSlice, ValueType};

use super::{Operator, Points, double};

/// A value of an expected result.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Estimate {
    pub(crate) number: f64,
    pub(crate) value_type: ValueType,
    /// Greatest allowed difference from the number.
    pub(crate) error: f64,
    /// `true` if a zero must have this sign.
    pub(crate) has_sign: bool,
}

impl Estimate {
    pub(crate) fn of(number: f64, value_type: ValueType, error: f64) -> Self {
        Self { number, value_type, error, has_sign: false }
    }

    fn exact(number: f64) -> Self {
        Self::of(number, ValueType::F64, 0.0)
    }
}

/// The points of one series in a window, and the last point before them whose value is a number.
pub(crate) struct WindowPoints {
    pub(crate) before: Option<(i64, f64)>,
    pub(crate) points: Points,
}

/// Number of points up to which quantiles are exact.
const EXACT_QUANTILE_POINTS: usize = 256;
const NANOS_PER_SEC: f64 = 1e9;

fn whole(nanos: i64) -> f64 {
    f64::from(i32::try_from(nanos).unwrap())
}

/// Computes a column of one window over several series in the order of their ids. `end` is the end of the window, which is
/// not included.
pub(crate) fn compute(
    operator: Operator,
    series: &[WindowPoints],
    end: i64,
    series_type: ValueType,
) -> Option<Estimate> {
    let all: Points = series.iter().flat_map(|series| &series.points).copied().collect();
    match operator {
        Operator::OrderHash => {
            let hash = |hash: u64, (at, value): &(i64, f64)| (hash * 31 + OrderHash::of(*at, *value)) % PRIME;
            Some(Estimate::exact(f64::from(u32::try_from(all.iter().fold(0, hash)).unwrap())))
        }
        Operator::Aggregate(aggregate) => of_aggregate(aggregate, series, &all, end, series_type),
    }
}

fn of_aggregate(
    aggregate: Aggregate,
    series: &[WindowPoints],
    all: &Points,
    end: i64,
    series_type: ValueType,
) -> Option<Estimate> {
    let count = double(all.len());
    let sum: f64 = all.iter().map(|(_, value)| value).sum();
    let earliest = || all.iter().min_by_key(|(at, _)| *at).copied();
    let latest = || all.iter().max_by_key(|(at, _)| *at).copied();
    let typed = |number| Some(Estimate::of(number, series_type, 0.0));
    let signed = |number| Some(Estimate { has_sign: true, ..Estimate::of(number, series_type, 0.0) });
    let time = |(at, _): (i64, f64)| Estimate::of(whole(at), ValueType::I64, 0.0);
    match aggregate {
        Aggregate::Count => Some(Estimate::of(count, ValueType::U64, 0.0)),
        Aggregate::Sum => typed(sum),
        Aggregate::SumAsF64 => Some(Estimate::exact(sum)),
        // The sum is exact, and the quotient is rounded once.
        Aggregate::Mean => Some(Estimate::exact(sum / count)),
        // Of points at equal times `min_by_key` returns the first one and `max_by_key` the last one.
        Aggregate::First => signed(earliest()?.1),
        Aggregate::Last => signed(latest()?.1),
        Aggregate::FirstTime => earliest().map(time),
        Aggregate::LastTime => latest().map(time),
        Aggregate::Variance | Aggregate::StdDev | Aggregate::SampleVariance | Aggregate::SampleStdDev => {
            moment(aggregate, all)
        }
        Aggregate::Slope => line(all, end).map(|(slope, _)| Estimate::of(slope, ValueType::F64, slope_error(slope))),
        Aggregate::Prediction(after) => {
            let to = end + i64::try_from(after.as_nanos()).unwrap();
            line(all, to).map(|(_, value)| Estimate::of(value, ValueType::F64, 1e-7 * value.abs().max(10.0)))
        }
        Aggregate::Increase
        | Aggregate::Rate
        | Aggregate::Delta
        | Aggregate::Derivative
        | Aggregate::Integral
        | Aggregate::Changes
        | Aggregate::Resets => series
            .iter()
            .filter_map(|series| steps(aggregate, series))
            .reduce(|a, b| Estimate::of(a.number + b.number, a.value_type, a.error + b.error)),
        of_values => of_sorted(of_values, all, series_type),
    }
}

/// Of hundreds of points in a few nanoseconds, slopes are millions per second: relative to the spread.
fn slope_error(slope: f64) -> f64 {
    1e-9 * slope.abs().max(NANOS_PER_SEC)
}

fn moment(aggregate: Aggregate, all: &Points) -> Option<Estimate> {
    let mean = all.iter().map(|(_, value)| value).sum::<f64>() / double(all.len());
    let squares: f64 = all.iter().map(|(_, value)| (value - mean) * (value - mean)).sum();
    let number = match aggregate {
        Aggregate::Variance => squares / double(all.len()),
        Aggregate::StdDev => (squares / double(all.len())).sqrt(),
        _ if all.len() < 2 => return None,
        Aggregate::SampleVariance => squares / double(all.len() - 1),
        _ => (squares / double(all.len() - 1)).sqrt(),
    };
    Some(Estimate::of(number, ValueType::F64, 1e-9 * number.abs().max(1.0)))
}

/// Computes an aggregate of the ordered values. NaN is ignored unless all values are NaN.
fn of_sorted(aggregate: Aggregate, all: &Points, series_type: ValueType) -> Option<Estimate> {
    let mut sorted: Vec<f64> = all.iter().map(|(_, value)| *value).filter(|value| !value.is_nan()).collect();
    sorted.sort_by(f64::total_cmp);
    let (min, max) = (sorted.first().copied().unwrap_or(f64::NAN), sorted.last().copied().unwrap_or(f64::NAN));
    let signed = |number| Some(Estimate { has_sign: true, ..Estimate::of(number, series_type, 0.0) });
    match aggregate {
        Aggregate::Min => signed(min),
        Aggregate::Max => signed(max),
        Aggregate::Spread => Some(Estimate::exact(max - min)),
        Aggregate::Mode => Some(Estimate::of(mode(&sorted).0, series_type, 0.0)),
        Aggregate::Distinct => {
            let nans = usize::from(sorted.len() < all.len());
            Some(Estimate::of(double(mode(&sorted).1 + nans), ValueType::U64, 0.0))
        }
        Aggregate::Quantile(level) | Aggregate::QuantileLinear(level) | Aggregate::QuantileNearest(level) => {
            Some(quantile(aggregate, level, &sorted, all.len()))
        }
        other => panic!("the oracle has no definition of {other}"),
    }
}

/// Returns the most frequent value, the least of several, and the number of distinct values.
fn mode(sorted: &[f64]) -> (f64, usize) {
    let mut counts: Vec<(f64, usize)> = Vec::new();
    for value in sorted {
        match counts.last_mut() {
            // Added to 0.0, -0.0 becomes 0.0.
            Some((last, count)) if last.to_bits() == (value + 0.0).to_bits() => *count += 1,
            _ => counts.push((value + 0.0, 1)),
        }
    }
    let most = counts.iter().map(|(_, count)| *count).max().unwrap_or(0);
    let mode = counts.iter().find(|(_, count)| *count == most).map_or(f64::NAN, |(value, _)| *value);
    (mode, counts.len())
}

/// Computes a quantile; levels are whole millionths.
fn quantile(aggregate: Aggregate, level: QuantileLevel, sorted: &[f64], count: usize) -> Estimate {
    const MILLION: usize = 1_000_000;
    let Some(last) = sorted.len().checked_sub(1) else { return Estimate::exact(f64::NAN) };
    let millionths: usize = format!("{:.0}", level.as_f64() * 1e6).parse().unwrap();
    let place = millionths * last;
    let (low, high) = (sorted[place / MILLION], sorted[(place / MILLION + 1).min(last)]);
    let share = double(place % MILLION) / 1e6;
    let number = match aggregate {
        Aggregate::Quantile(_) => low,
        Aggregate::QuantileNearest(_) => sorted[(millionths * sorted.len()).div_ceil(MILLION).max(1) - 1],
        _ if share > 0.0 => low + (high - low) * share,
        _ => low,
    };
    let sketch = if count <= EXACT_QUANTILE_POINTS { 0.0 } else { 0.01 + 1e-9 };
    let error = match aggregate {
        Aggregate::QuantileLinear(_) => (sketch + 1e-12) * (low.abs() + high.abs()),
        _ => sketch * number.abs(),
    };
    Estimate::of(number, ValueType::F64, error)
}

/// Computes an aggregate of the steps of one series; `None` without a step.
fn steps(aggregate: Aggregate, series: &WindowPoints) -> Option<Estimate> {
    let points = series.before.iter().chain(&series.points);
    let chain: Points = points.copied().filter(|(_, value)| !value.is_nan()).collect();
    let (first, last) = (*chain.first()?, *chain.last()?);
    let pairs = || chain.windows(2).map(|pair| (pair[0], pair[1]));
    pairs().next()?;
    let up = |((_, a), (_, b)): ((i64, f64), (i64, f64))| if b < a { b } else { b - a };
    let area =
        |((from, a), (to, b)): ((i64, f64), (i64, f64))| f64::midpoint(a, b) * (whole(to - from) / NANOS_PER_SEC);
    let seconds = whole(last.0 - first.0) / NANOS_PER_SEC;
    let quotient = |number: f64| {
        let number = number / seconds;
        (seconds > 0.0).then_some(Estimate::of(number, ValueType::F64, 1e-12 * number.abs()))
    };
    match aggregate {
        Aggregate::Increase => Some(Estimate::exact(pairs().map(up).sum())),
        Aggregate::Rate => quotient(pairs().map(up).sum()),
        Aggregate::Delta => Some(Estimate::exact(last.1 - first.1)),
        Aggregate::Derivative => quotient(last.1 - first.1),
        #[expect(clippy::float_cmp, reason = "the definition")]
        Aggregate::Changes => {
            Some(Estimate::of(double(pairs().filter(|(a, b)| a.1 != b.1).count()), ValueType::U64, 0.0))
        }
        Aggregate::Resets => {
            Some(Estimate::of(double(pairs().filter(|(a, b)| b.1 < a.1).count()), ValueType::U64, 0.0))
        }
        _ => {
            let size: f64 = pairs().map(|pair| area(pair).abs()).sum();
            Some(Estimate::of(pairs().map(area).sum(), ValueType::F64, 1e-12 * size))
        }
    }
}

/// Returns slope per second and value at a time of the least-squares line; `None` without points at two times.
fn line(points: &Points, to: i64) -> Option<(f64, f64)> {
    let points: Points = points.iter().copied().filter(|(_, value)| !value.is_nan()).collect();
    let times: BTreeSet<i64> = points.iter().map(|(at, _)| *at).collect();
    if times.len() < 2 {
        return None;
    }
    let points: Vec<(f64, f64)> = points.iter().map(|(at, value)| (whole(*at) / NANOS_PER_SEC, *value)).collect();
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / double(points.len());
    let (time, value) = (mean(|point| point.0), mean(|point| point.1));
    let squares: f64 = points.iter().map(|point| (point.0 - time) * (point.0 - time)).sum();
    let products: f64 = points.iter().map(|point| (point.0 - time) * (point.1 - value)).sum();
    let slope = products / squares;
    Some((slope, value + slope * (whole(to) / NANOS_PER_SEC - time)))
}

/// A fold whose value depends on the order of the points: a polynomial of their hashes, modulo a prime.
#[derive(Clone, Default)]
pub(crate) struct OrderHash {
    hash: u64,
    power: u64,
}

const PRIME: u64 = 1_000_003;

impl OrderHash {
    fn of(time: i64, value: f64) -> u64 {
        (value.to_bits() ^ time.cast_unsigned()) % PRIME
    }
}

impl Fold for OrderHash {
    const MERGES_SERIES: bool = true;

    fn push(&mut self, times: &[Timestamp], values: ValueSlice<'_>) {
        let mut at = 0;
        values.for_each_f64(|value| {
            let power = if self.power == 0 { 1 } else { self.power };
            self.hash = (self.hash * 31 + Self::of(times[at].as_nanos(), value)) % PRIME;
            self.power = power * 31 % PRIME;
            at += 1;
        });
    }

    fn merge(&mut self, later: Self) {
        self.hash = (self.hash * later.power + later.hash) % PRIME;
        self.power = self.power * later.power % PRIME;
    }

    fn finish(self) -> Option<Value> {
        Some(Value::F64(f64::from(u32::try_from(self.hash).unwrap())))
    }
}
