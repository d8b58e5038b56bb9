//! Compares every aggregate over random windows with a naive implementation of its definition.
//! Other layouts of the same points in sources and runs must give the same bits.

use proptest::prelude::*;

use super::*;
use crate::query::aggregate::Aggregate;
use crate::query::catalog::SeriesSources;
use crate::query::limits::{Deadline, QueryLimits};
use crate::query::memory::QueryMemory;
use crate::query::offload::CancelToken;
use crate::query::runtime::Runtime;
use crate::query::test_cursor::{SourcesCursor, bits_sources};
use crate::query::window_grid::WindowGrid;
use crate::testing::merge::{VecSource, points, ranges, split, times};
use crate::types::duplicate_policy::DuplicatePolicy;
use crate::types::point::{Point, Value};
use crate::types::series::{SeriesId, SeriesInfo, SeriesKey};
use crate::types::time_range::TimeRange;

const PLAIN: [Aggregate; 8] = [
    Aggregate::Count,
    Aggregate::Sum,
    Aggregate::SumAsF64,
    Aggregate::Mean,
    Aggregate::Min,
    Aggregate::Max,
    Aggregate::First,
    Aggregate::Last,
];

/// Returns every aggregate; quantiles with three levels.
fn aggregates() -> Vec<Aggregate> {
    let more =
        ["spread", "variance", "stddev", "p0", "p50", "p99", "increase", "rate", "delta", "derivative", "integral"];
    let newer = [
        "first_time",
        "last_time",
        "mode",
        "distinct",
        "sample_variance",
        "sample_stddev",
        "changes",
        "resets",
        "quantile_linear(0.3)",
        "quantile_nearest(0.7)",
    ];
    let more = more.iter().chain(&newer);
    PLAIN.into_iter().chain(more.map(|name| name.parse().unwrap())).collect()
}

/// Type and bits of a value, so that NaN equals itself and -0.0 differs from 0.0.
type BitPattern = (crate::types::point::ValueType, u64);

fn bits(value: Value) -> BitPattern {
    (value.value_type(), value.to_bits())
}

fn count<T>(values: &[T]) -> f64 {
    f64::from(u32::try_from(values.len()).unwrap())
}

#[expect(clippy::cast_precision_loss, reason = "what is promised of sums beyond the type's range")]
fn i128_to_f64(sum: i128) -> f64 {
    sum as f64
}

/// Scalar with naive implementations of its aggregates, as the documentation defines them.
trait NaiveAggregate: AggregateScalar {
    fn sum(values: &[Self]) -> Value;
    fn mean(values: &[Self]) -> f64;
    /// Returns `true` if `a` is less than `b`; neither may be NaN.
    fn less(a: &Self, b: &Self) -> bool;
    /// Returns the difference `more - less` as the nearest double.
    fn less_by(more: Self, less: Self) -> f64;
    /// Returns the sum of the increases; a decrease is a counter reset: an increase from 0.
    fn increase(values: &[Self]) -> f64;
    fn is_nan(self) -> bool {
        false
    }
}

impl NaiveAggregate for f64 {
    fn sum(values: &[f64]) -> Value {
        let mut lanes = [None; 8];
        for (n, value) in values.iter().enumerate() {
            lanes[n % 8] = Some(lanes[n % 8].map_or(*value, |sum: f64| sum + value));
        }
        let pair = |a: Option<f64>, b: Option<f64>| a.zip(b).map(|(a, b)| a + b).or(a).or(b);
        let halves = [0, 4].map(|n| pair(pair(lanes[n], lanes[n + 1]), pair(lanes[n + 2], lanes[n + 3])));
        let sum = pair(halves[0], halves[1]).unwrap();
        Value::F64(if sum.is_nan() { f64::NAN } else { sum })
    }

    fn mean(values: &[f64]) -> f64 {
        let mean = <f64 as NaiveAggregate>::sum(values).as_f64() / count(values);
        if mean.is_nan() { f64::NAN } else { mean }
    }

    fn less(a: &f64, b: &f64) -> bool {
        a.total_cmp(b).is_lt()
    }

    fn less_by(more: f64, less: f64) -> f64 {
        if (more - less).is_nan() { f64::NAN } else { more - less }
    }

    fn increase(values: &[f64]) -> f64 {
        let steps = values.windows(2).map(|pair| if pair[1] < pair[0] { pair[1] } else { pair[1] - pair[0] });
        let sum = steps.fold(0.0, |sum, step| sum + step);
        if sum.is_nan() { f64::NAN } else { sum }
    }

    fn is_nan(self) -> bool {
        f64::is_nan(self)
    }
}

macro_rules! naive_integer {
    ($($ty:ty;)*) => {$(
        impl NaiveAggregate for $ty {
            fn sum(values: &[$ty]) -> Value {
                // A sum beyond the type is a double here; the query makes it an error.
                let sum: i128 = values.iter().map(|value| i128::from(*value)).sum();
                <$ty>::try_from(sum).map_or(Value::F64(i128_to_f64(sum)), Value::from)
            }

            fn mean(values: &[$ty]) -> f64 {
                crate::testing::exact_mean(values.iter().map(|value| i128::from(*value)).sum(), values.len() as u64)
            }

            fn less(a: &$ty, b: &$ty) -> bool {
                a < b
            }

            fn less_by(more: $ty, less: $ty) -> f64 {
                i128_to_f64(i128::from(more) - i128::from(less))
            }

            fn increase(values: &[$ty]) -> f64 {
                let wide = |value: $ty| i128::from(value);
                let step = |pair: &[$ty]| wide(pair[1]) - if pair[1] < pair[0] { 0 } else { wide(pair[0]) };
                i128_to_f64(values.windows(2).map(step).sum())
            }
        }
    )*};
}

naive_integer! { i64; u64; }

impl NaiveAggregate for bool {
    fn sum(values: &[bool]) -> Value {
        Value::U64(values.iter().filter(|value| **value).count() as u64)
    }

    fn mean(values: &[bool]) -> f64 {
        count(&values.iter().filter(|value| **value).collect::<Vec<_>>()) / count(values)
    }

    fn less(a: &bool, b: &bool) -> bool {
        !a & b
    }

    fn less_by(more: bool, less: bool) -> f64 {
        f64::from(u8::from(more)) - f64::from(u8::from(less))
    }

    fn increase(values: &[bool]) -> f64 {
        count(&values.windows(2).filter(|pair| !pair[0] & pair[1]).collect::<Vec<_>>())
    }
}

/// Returns the aggregate of a window's points; `before` is the last earlier point that is not NaN.
fn naive<T: NaiveAggregate>(aggregate: Aggregate, points: &[Point<T>], before: Option<Point<T>>) -> Option<Value> {
    let values: Vec<T> = points.iter().map(|point| point.value).collect();
    let ordered: Vec<T> = values.iter().copied().filter(|value| !NaiveAggregate::is_nan(*value)).collect();
    let best = |less: fn(&T, &T) -> bool| ordered.iter().copied().reduce(|a, b| if less(&b, &a) { b } else { a });
    let (min, max) = (best(T::less), best(|a, b| T::less(b, a)));
    let nan = Value::F64(f64::NAN);
    Some(match aggregate {
        Aggregate::Count => Value::U64(values.len() as u64),
        Aggregate::Sum => T::sum(&values),
        Aggregate::SumAsF64 => Value::F64(T::sum(&values).as_f64()),
        Aggregate::Mean => Value::F64(<T as NaiveAggregate>::mean(&values)),
        Aggregate::Min => min.map_or(nan, Into::into),
        Aggregate::Max => max.map_or(nan, Into::into),
        Aggregate::First => values[0].into(),
        Aggregate::Last => values[values.len() - 1].into(),
        Aggregate::Spread => Value::F64(min.zip(max).map_or(f64::NAN, |(min, max)| T::less_by(max, min))),
        Aggregate::Quantile(share) => {
            let mut sorted: Vec<f64> = ordered.iter().map(|value| value.to_f64()).collect();
            sorted.sort_by(f64::total_cmp);
            let place = (share.as_f64() * count(&sorted[1.min(sorted.len())..]) + 1e-6).floor();
            let at = (0..sorted.len()).rev().find(|at| f64::from(u32::try_from(*at).unwrap()) <= place);
            Value::F64(at.map_or(f64::NAN, |at| sorted[at]))
        }
        Aggregate::FirstTime => Value::I64(points[0].timestamp.as_nanos()),
        Aggregate::LastTime => Value::I64(points[points.len() - 1].timestamp.as_nanos()),
        Aggregate::Mode | Aggregate::Distinct => naive_distinct(aggregate, &values),
        Aggregate::QuantileLinear(share) => Value::F64(naive_linear(share.as_f64(), &ordered)),
        Aggregate::QuantileNearest(share) => {
            let mut sorted: Vec<f64> = ordered.iter().map(|value| value.to_f64()).collect();
            sorted.sort_by(f64::total_cmp);
            // The least value that is not below the fraction of all.
            let reached = |at: &usize| count(&sorted[..=*at]) >= share.as_f64() * count(&sorted) - 1e-6;
            Value::F64((0..sorted.len()).find(reached).map_or(f64::NAN, |at| sorted[at]))
        }
        Aggregate::SampleVariance | Aggregate::SampleStdDev if values.len() < 2 => return None,
        Aggregate::Variance | Aggregate::StdDev | Aggregate::SampleVariance | Aggregate::SampleStdDev => nan,
        _ => naive_steps(aggregate, points, before)?,
    })
}

/// Returns the number of distinct values, or the most frequent value.
fn naive_distinct<T: NaiveAggregate>(aggregate: Aggregate, values: &[T]) -> Value {
    // -0.0 counts as 0.0, and every NaN as one value.
    let same = |a: &T, b: &T| a == b || NaiveAggregate::is_nan(*a) && NaiveAggregate::is_nan(*b);
    let mut groups: Vec<(T, usize)> = Vec::new();
    for value in values {
        match groups.iter_mut().find(|(own, _)| same(own, value)) {
            Some((_, count)) => *count += 1,
            None => groups.push((*value, 1)),
        }
    }
    if aggregate == Aggregate::Distinct {
        return Value::U64(groups.len() as u64);
    }
    groups.retain(|(value, _)| !NaiveAggregate::is_nan(*value));
    let better = |a: &(T, usize), b: &(T, usize)| b.1 > a.1 || b.1 == a.1 && T::less(&b.0, &a.0);
    let mode = groups.into_iter().reduce(|a, b| if better(&a, &b) { b } else { a });
    let value = mode.map_or(Value::F64(f64::NAN), |(value, _)| value.into());
    if value == Value::F64(0.0) { Value::F64(0.0) } else { value }
}

/// Returns the quantile at `level * (n - 1)`, with the difference split where it would overflow.
fn naive_linear<T: NaiveAggregate>(level: f64, ordered: &[T]) -> f64 {
    let mut sorted: Vec<f64> = ordered.iter().map(|value| value.to_f64()).collect();
    sorted.sort_by(f64::total_cmp);
    if sorted.is_empty() {
        return f64::NAN;
    }
    let place = level * count(&sorted[1..]);
    let at = (0..sorted.len()).rev().find(|at| f64::from(u32::try_from(*at).unwrap()) <= place + 1e-6).unwrap();
    let share = place - f64::from(u32::try_from(at).unwrap());
    let (low, high) = (sorted[at], sorted[(at + 1).min(sorted.len() - 1)]);
    let rise = high - low;
    if share <= 1e-6 || rise == 0.0 || low.to_bits() == high.to_bits() {
        return low;
    }
    let value = if rise.is_infinite() && low.is_finite() && high.is_finite() {
        low * (1.0 - share) + high * share
    } else {
        low + rise * share
    };
    if value.is_nan() { f64::NAN } else { value }
}

/// Returns an aggregate of the steps between consecutive points; `None` if it has no value.
fn naive_steps<T: NaiveAggregate>(
    aggregate: Aggregate,
    points: &[Point<T>],
    before: Option<Point<T>>,
) -> Option<Value> {
    let seen: Vec<Point<T>> =
        before.into_iter().chain(points.iter().copied()).filter(|point| !NaiveAggregate::is_nan(point.value)).collect();
    let (first, last) = (*seen.first()?, *seen.last()?);
    let secs = |a: &Point<T>, b: &Point<T>| b.timestamp.as_nanos().abs_diff(a.timestamp.as_nanos());
    #[expect(clippy::cast_precision_loss, reason = "as documented: a double of seconds")]
    let secs = |a: &Point<T>, b: &Point<T>| secs(a, b) as f64 / 1e9;
    let pairs = || seen.windows(2).map(|pair| (pair[0], pair[1]));
    pairs().next()?;
    let steps: Vec<T> = seen.iter().map(|point| point.value).collect();
    let (took, increase) = (secs(&first, &last), T::increase(&steps));
    // Added to 0.0, like the sum of the steps: a difference of -0.0 becomes 0.0.
    let delta = 0.0 + T::less_by(last.value, first.value);
    let nan = |value: f64| if value.is_nan() { f64::NAN } else { value };
    let count_of = |is_counted: fn(&T, &T) -> bool| {
        Some(Value::U64(pairs().filter(|(a, b)| is_counted(&a.value, &b.value)).count() as u64))
    };
    let value = match aggregate {
        Aggregate::Changes => return count_of(|a, b| a != b),
        Aggregate::Resets => return count_of(|a, b| a != b && T::less(b, a)),
        Aggregate::Increase => Some(increase),
        Aggregate::Delta => Some(delta),
        Aggregate::Rate => (took > 0.0).then(|| nan(increase / took)),
        Aggregate::Derivative => (took > 0.0).then(|| nan(delta / took)),
        _ => {
            let area = |(a, b): (Point<T>, Point<T>)| f64::midpoint(a.value.to_f64(), b.value.to_f64()) * secs(&a, &b);
            Some(nan(pairs().map(area).fold(0.0, |sum, area| sum + area)))
        }
    };
    value.map(Value::F64)
}

/// Returns the population variance, computed in two passes.
fn two_passes(values: &[f64]) -> f64 {
    let mean = values.iter().sum::<f64>() / count(values);
    values.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / count(values)
}

/// Returns the windows of sorted points by their definition: floor division in `i128`.
fn naive_windows<T: NaiveAggregate>(
    sorted: &[Point<T>],
    cut: &WindowGrid,
    aggregate: Aggregate,
) -> Vec<(Timestamp, Option<BitPattern>)> {
    let number = |point: &Point<T>| match cut {
        WindowGrid::Fixed { nanos, phase } => {
            (i128::from(point.timestamp.as_nanos()) - i128::from(*phase)).div_euclid(i128::from(*nanos))
        }
        _ => 0,
    };
    let mut before: Option<Point<T>> = None;
    let mut windows = Vec::new();
    for points in sorted.chunk_by(|a, b| number(a) == number(b)) {
        let start = match cut {
            WindowGrid::Whole { start } => start.unwrap_or(points[0].timestamp),
            WindowGrid::Fixed { nanos, phase } => {
                let start = number(&points[0]) * i128::from(*nanos) + i128::from(*phase);
                Timestamp::from_nanos(i64::try_from(start).unwrap_or(i64::MIN))
            }
            _ => unreachable!("calendars and overlapping windows are tested by themselves"),
        };
        windows.push((start, naive(aggregate, points, before).map(bits)));
        before = points.iter().rev().find(|point| !NaiveAggregate::is_nan(point.value)).copied().or(before);
    }
    windows.retain(|(_, value)| value.is_some());
    windows
}

fn plan(range: TimeRange, cut: &WindowGrid, aggregate: Aggregate) -> QueryPlan {
    QueryPlan {
        range,
        counted_from: range.first(),
        range_end: None,
        grid: cut.clone(),
        overlap: None,
        operators: vec![Operator::Aggregate(aggregate)],
        rank_by: None,
        merges_series: false,
        statistics: true,
    }
}

fn rows(part: SeriesOutput) -> Vec<(Timestamp, Option<BitPattern>)> {
    let WindowOutput::Final(rows) = part.windows else { panic!("nothing is joined here") };
    rows.starts.into_iter().zip(rows.values[0].iter()).map(|(start, value)| (start, value.map(bits))).collect()
}

fn series_of(value_type: ValueType) -> SeriesInfo {
    let duplicates = DuplicatePolicy::KeepAll;
    SeriesInfo { id: SeriesId::new(0), key: SeriesKey::new("m"), value_type, duplicates, seq: 1 }
}

fn unlimited_budget() -> QueryBudget<'static> {
    let limits = QueryLimits::default();
    let memory = QueryMemory::new(Runtime::default(), limits.memory_bytes);
    let deadline = Deadline::new(None, std::time::Instant::now());
    QueryBudget::new(&CancelToken::NEVER, Runtime::default(), limits, (deadline, memory))
}

fn found<T: NaiveAggregate>(
    sources: &[VecSource<T>],
    range: TimeRange,
    cut: &WindowGrid,
    aggregate: Aggregate,
) -> Vec<(Timestamp, Option<BitPattern>)> {
    let sources = sources.to_vec();
    let boxed = move || sources.iter().map(|runs| runs.clone().boxed()).collect();
    let mut cursor = SourcesCursor::new(range, move |_: &SeriesInfo| {
        bits_sources(SeriesSources::<T>::without_hidden_ranges(boxed()))
    });
    cursor.start(&series_of(T::TYPE)).unwrap();
    let limits = unlimited_budget();
    rows(aggregate_series(&mut cursor, T::TYPE, &plan(range, cut, aggregate), &limits).unwrap())
}

/// Aggregates visible points in slices of these lengths, without a merge that joins short slices.
fn folded<T: NaiveAggregate>(
    visible: &[Point<T>],
    lengths: &[usize],
    cut: &WindowGrid,
    aggregate: Aggregate,
) -> Vec<(Timestamp, Option<BitPattern>)> {
    let plan = plan(TimeRange::ALL, cut, aggregate);
    let mut folding = WindowAggregator::new(&plan);
    for slice in split(visible, lengths) {
        let timestamps: Vec<_> = slice.iter().map(|point| point.timestamp).collect();
        let values: Vec<_> = slice.iter().map(|point| point.value).collect();
        folding.add(&timestamps, &values);
    }
    rows(folding.finish().unwrap())
}

/// Returns two layouts of the same points: one run, and two consecutive sources of random runs.
fn layouts<T: NaiveAggregate>(sorted: &[Point<T>], at: usize, lengths: &[usize]) -> [Vec<VecSource<T>>; 2] {
    let (older, newer) = sorted.split_at(at.min(sorted.len()));
    [
        vec![VecSource::new(vec![sorted.to_vec()])],
        vec![VecSource::new(split(older, lengths)), VecSource::new(split(newer, lengths))],
    ]
}

#[derive(Debug, Clone)]
struct WindowCase<T> {
    sorted: Vec<Point<T>>,
    range: TimeRange,
    cut: WindowGrid,
    at: usize,
    lengths: Vec<usize>,
}

fn cases<T: NaiveAggregate>(values: impl Strategy<Value = T> + 'static) -> impl Strategy<Value = WindowCase<T>> {
    let cut = prop_oneof![
        prop::option::of(times()).prop_map(|start| WindowGrid::Whole { start: start.map(Timestamp::from_nanos) }),
        (1..30_i64, 0..30_i64).prop_map(|(nanos, phase)| WindowGrid::Fixed { nanos, phase: phase % nanos }),
        (1..=i64::MAX).prop_map(|nanos| WindowGrid::Fixed { nanos, phase: 0 }),
        Just(WindowGrid::Fixed { nanos: i64::MAX, phase: 7 }),
    ];
    let pairs = prop::collection::vec((times(), values), 0..120);
    (pairs, ranges(), cut, 0..120_usize, prop::collection::vec(0..30_usize, 1..4)).prop_map(
        |(mut pairs, range, cut, at, lengths)| {
            pairs.sort_by_key(|(at, _)| *at);
            WindowCase { sorted: points(&pairs), range, cut, at, lengths }
        },
    )
}

fn holds<T: NaiveAggregate>(case: &WindowCase<T>) -> Result<(), TestCaseError> {
    let WindowCase { sorted, range, cut, at, lengths } = case;
    let inside = |point: &&Point<T>| range.contains(point.timestamp.as_nanos());
    let visible: Vec<_> = sorted.iter().filter(inside).copied().collect();
    for aggregate in aggregates() {
        let mut expected = naive_windows(&visible, cut, aggregate);
        if aggregate == Aggregate::Sum && T::TYPE != ValueType::F64 {
            // A sum beyond the type of its column is missing; the query makes it an error.
            let is_double = |value: &Option<BitPattern>| value.is_some_and(|(ty, _)| ty == ValueType::F64);
            expected.iter_mut().filter(|(_, value)| is_double(value)).for_each(|(_, value)| *value = None);
        }
        for (number, sources) in layouts(sorted, *at, lengths).into_iter().enumerate() {
            let found = found(&sources, *range, cut, aggregate);
            let is_variance = matches!(
                aggregate,
                Aggregate::Variance | Aggregate::StdDev | Aggregate::SampleVariance | Aggregate::SampleStdDev
            );
            if number == 0 && is_variance {
                near_two_passes(&visible, cut, aggregate, &found)?;
                // The first layout must be near the two-pass result; the others must have the same bits as the first.
                expected.clone_from(&found);
            }
            prop_assert_eq!(found, expected.clone(), "{}", aggregate);
        }
        prop_assert_eq!(folded(&visible, lengths, cut, aggregate), expected, "{} in slices", aggregate);
    }
    Ok(())
}

fn near_two_passes<T: NaiveAggregate>(
    visible: &[Point<T>],
    cut: &WindowGrid,
    aggregate: Aggregate,
    found: &[(Timestamp, Option<BitPattern>)],
) -> Result<(), TestCaseError> {
    let is_sample = matches!(aggregate, Aggregate::SampleVariance | Aggregate::SampleStdDev);
    let mut rest = visible;
    for (start, value) in found {
        // A window of one point has no sample variance and is not in the result.
        while is_sample && cut.window_at(rest[0].timestamp).0 != *start {
            rest = &rest[1..];
        }
        let (_, last) = cut.window_at(rest[0].timestamp);
        let length = rest.iter().take_while(|point| point.timestamp.as_nanos() <= last).count();
        let values: Vec<f64> = rest[..length].iter().map(|point| point.value.to_f64()).collect();
        rest = &rest[length..];
        let scale = values.iter().fold(0.0_f64, |most, value| most.max(value.abs()));
        let found = f64::from_bits(value.unwrap().1);
        let is_root = matches!(aggregate, Aggregate::StdDev | Aggregate::SampleStdDev);
        let found = if is_root { found * found } else { found };
        let degrees = if is_sample { count(&values) - 1.0 } else { count(&values) };
        let expected = two_passes(&values) * (count(&values) / degrees);
        // The squares of very large values overflow in one of the two computations, or in both; those of very small ones
        // are subnormal and have few bits.
        let near = (found - expected).abs() <= 1e-9 * scale * scale + f64::MIN_POSITIVE
            || !expected.is_finite()
            || scale > 1e150;
        prop_assert!(near, "{start}: {found}, not {expected}, of {values:?}");
        prop_assert!(scale.is_finite() && values.iter().all(|value| !value.is_nan()) || found.is_nan());
    }
    Ok(())
}

fn doubles() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => -1e3..1e3,
        2 => any::<f64>(),
        2 => prop::sample::select(vec![0.0, -0.0, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN]),
        1 => any::<u64>().prop_map(|bits| f64::from_bits(bits | 0x7ff0_0000_0000_0001)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn windows_of_doubles_are_those_of_the_definition(case in cases(doubles())) {
        holds(&case)?;
    }

    #[test]
    fn windows_of_zeros_and_nans_are_those_of_the_definition(
        case in cases(prop::sample::select(vec![0.0, -0.0, f64::NAN, f64::INFINITY]))
    ) {
        holds(&case)?;
    }

    #[test]
    fn windows_of_signed_integers_are_those_of_the_definition(case in cases(any::<i64>())) {
        holds(&case)?;
    }

    #[test]
    fn windows_of_unsigned_integers_are_those_of_the_definition(case in cases(prop_oneof![0..9_u64, any::<u64>()])) {
        holds(&case)?;
    }

    #[test]
    fn windows_of_booleans_are_those_of_the_definition(case in cases(any::<bool>())) {
        holds(&case)?;
    }
}

#[test]
fn integer_sums_keep_their_type_until_they_overflow_it() {
    let sum = |values: &[i64]| {
        let mut acc = Accumulator::new(AccumulatorParts::of(&[Operator::Aggregate(Aggregate::Sum)]));
        acc.add(&vec![Timestamp::MIN; values.len()], values);
        acc.take().value(Aggregate::Sum)
    };
    assert_eq!(sum(&[i64::MAX, i64::MAX, -i64::MAX]), Some(Value::I64(i64::MAX)));
    assert_eq!(sum(&[i64::MAX, 1]), Some(Value::F64(9_223_372_036_854_775_808.0)));
    assert_eq!(sum(&[i64::MIN, -1]), Some(Value::F64(-9_223_372_036_854_775_808.0)));
}
