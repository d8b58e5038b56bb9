//! Every aggregate over random windows against plain ones written down from their definitions.
//! The same points are laid out anew in sources and runs, and must give the same bits.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::merge::BoxSource;
use crate::merge::testing::{Runs, points, ranges, split, times};
use crate::point::{Point, Value};

const AGGREGATES: [Aggregate; 7] = [
    Aggregate::Count,
    Aggregate::Sum,
    Aggregate::Mean,
    Aggregate::Min,
    Aggregate::Max,
    Aggregate::First,
    Aggregate::Last,
];

/// A value as type and bits, so that NaN equals itself and -0.0 differs from 0.0.
type Bits = (crate::point::ValueType, u64);

fn bits(value: Value) -> Bits {
    (value.value_type(), value.to_bits())
}

fn count<T>(values: &[T]) -> f64 {
    f64::from(u32::try_from(values.len()).unwrap())
}

#[expect(clippy::cast_precision_loss, reason = "what is promised of sums beyond the type's range")]
fn nearest(sum: i128) -> f64 {
    sum as f64
}

/// A type of values with its aggregates as the documentation defines them.
trait Naive: Measure {
    fn any_sources(sources: Vec<BoxSource<Self>>) -> AnySources;
    fn sum(values: &[Self]) -> Value;
    fn mean(values: &[Self]) -> f64;
    /// Less than, of values that are not NaN.
    fn less(a: &Self, b: &Self) -> bool;
    fn is_nan(self) -> bool {
        false
    }
}

impl Naive for f64 {
    fn any_sources(sources: Vec<BoxSource<f64>>) -> AnySources {
        AnySources::F64(Sources::plain(sources))
    }

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
        let mean = <f64 as Naive>::sum(values).as_f64() / count(values);
        if mean.is_nan() { f64::NAN } else { mean }
    }

    fn less(a: &f64, b: &f64) -> bool {
        a.total_cmp(b).is_lt()
    }

    fn is_nan(self) -> bool {
        f64::is_nan(self)
    }
}

macro_rules! naive_integer {
    ($($ty:ty, $variant:ident;)*) => {$(
        impl Naive for $ty {
            fn any_sources(sources: Vec<BoxSource<$ty>>) -> AnySources {
                AnySources::$variant(Sources::plain(sources))
            }

            fn sum(values: &[$ty]) -> Value {
                let sum: i128 = values.iter().map(|value| i128::from(*value)).sum();
                <$ty>::try_from(sum).map_or(Value::F64(nearest(sum)), Value::from)
            }

            fn mean(values: &[$ty]) -> f64 {
                nearest(values.iter().map(|value| i128::from(*value)).sum()) / count(values)
            }

            fn less(a: &$ty, b: &$ty) -> bool {
                a < b
            }
        }
    )*};
}

naive_integer! { i64, I64; u64, U64; }

impl Naive for bool {
    fn any_sources(sources: Vec<BoxSource<bool>>) -> AnySources {
        AnySources::Bool(Sources::plain(sources))
    }

    fn sum(values: &[bool]) -> Value {
        Value::U64(values.iter().filter(|value| **value).count() as u64)
    }

    fn mean(values: &[bool]) -> f64 {
        count(&values.iter().filter(|value| **value).collect::<Vec<_>>()) / count(values)
    }

    fn less(a: &bool, b: &bool) -> bool {
        !a & b
    }
}

fn naive<T: Naive>(aggregate: Aggregate, values: &[T]) -> Value {
    let ordered = values.iter().copied().filter(|value| !value.is_nan());
    let nan = Value::F64(f64::NAN);
    match aggregate {
        Aggregate::Count => Value::U64(values.len() as u64),
        Aggregate::Sum => T::sum(values),
        Aggregate::Mean => Value::F64(<T as Naive>::mean(values)),
        Aggregate::Min => ordered.reduce(|a, b| if T::less(&b, &a) { b } else { a }).map_or(nan, Into::into),
        Aggregate::Max => ordered.reduce(|a, b| if T::less(&a, &b) { b } else { a }).map_or(nan, Into::into),
        Aggregate::First => values[0].into(),
        Aggregate::Last => values[values.len() - 1].into(),
    }
}

/// The windows of sorted points by the definition: floor division, in numbers that cannot overflow.
fn naive_windows<T: Naive>(sorted: &[Point<T>], cut: Cut, aggregate: Aggregate) -> Vec<(Timestamp, Bits)> {
    let number = |point: &Point<T>| match cut {
        Cut::Whole { .. } => 0,
        Cut::Every(every) => i128::from(point.timestamp.as_nanos()).div_euclid(i128::from(every)),
    };
    let window = |points: &[Point<T>]| {
        let start = match cut {
            Cut::Whole { start } => start.unwrap_or(points[0].timestamp),
            Cut::Every(every) => {
                let start = number(&points[0]) * i128::from(every);
                Timestamp::from_nanos(i64::try_from(start).unwrap_or(i64::MIN))
            }
        };
        let values: Vec<_> = points.iter().map(|point| point.value).collect();
        (start, bits(naive(aggregate, &values)))
    };
    sorted.chunk_by(|a, b| number(a) == number(b)).map(window).collect()
}

fn found<T: Naive>(sources: &[Runs<T>], range: TimeRange, cut: Cut, aggregate: Aggregate) -> Vec<(Timestamp, Bits)> {
    let sources = T::any_sources(sources.iter().map(|runs| runs.clone().boxed()).collect());
    let windows = windows(sources, range, cut, aggregate, &Wanted::ALWAYS).unwrap();
    windows.into_iter().map(|window| (window.start, bits(window.value))).collect()
}

/// The same of visible points handed over in slices of these lengths, with no merge to join short ones.
fn folded<T: Naive>(visible: &[Point<T>], lengths: &[usize], cut: Cut, aggregate: Aggregate) -> Vec<(Timestamp, Bits)> {
    let mut folding = Folding { cut, aggregate, windows: Vec::new(), open: None };
    for slice in split(visible, lengths) {
        let timestamps: Vec<_> = slice.iter().map(|point| point.timestamp).collect();
        let values: Vec<_> = slice.iter().map(|point| point.value).collect();
        folding.add(&timestamps, &values);
    }
    folding.finish();
    folding.windows.into_iter().map(|window| (window.start, bits(window.value))).collect()
}

/// Two layouts of the same points: all in one run, and in two consecutive sources of random runs.
fn layouts<T: Naive>(sorted: &[Point<T>], at: usize, lengths: &[usize]) -> [Vec<Runs<T>>; 2] {
    let (older, newer) = sorted.split_at(at.min(sorted.len()));
    [vec![Runs::new(vec![sorted.to_vec()])], vec![Runs::new(split(older, lengths)), Runs::new(split(newer, lengths))]]
}

#[derive(Debug, Clone)]
struct Case<T> {
    sorted: Vec<Point<T>>,
    range: TimeRange,
    cut: Cut,
    at: usize,
    lengths: Vec<usize>,
}

fn cases<T: Naive>(values: impl Strategy<Value = T> + 'static) -> impl Strategy<Value = Case<T>> {
    let cut = prop_oneof![
        prop::option::of(times()).prop_map(|start| Cut::Whole { start: start.map(Timestamp::from_nanos) }),
        (1..30_i64).prop_map(Cut::Every),
        (1..=i64::MAX).prop_map(Cut::Every),
        Just(Cut::Every(i64::MAX)),
    ];
    let pairs = prop::collection::vec((times(), values), 0..120);
    (pairs, ranges(), cut, 0..120_usize, prop::collection::vec(0..30_usize, 1..4)).prop_map(
        |(mut pairs, range, cut, at, lengths)| {
            pairs.sort_by_key(|(at, _)| *at);
            Case { sorted: points(&pairs), range, cut, at, lengths }
        },
    )
}

fn holds<T: Naive>(case: &Case<T>) -> Result<(), TestCaseError> {
    let Case { sorted, range, cut, at, lengths } = case;
    let inside = |point: &&Point<T>| range.as_inclusive().contains(&point.timestamp.as_nanos());
    let visible: Vec<_> = sorted.iter().filter(inside).copied().collect();
    for aggregate in AGGREGATES {
        let expected = naive_windows(&visible, *cut, aggregate);
        for sources in layouts(sorted, *at, lengths) {
            prop_assert_eq!(found(&sources, *range, *cut, aggregate), expected.clone(), "{}", aggregate);
        }
        prop_assert_eq!(folded(&visible, lengths, *cut, aggregate), expected, "{} in slices", aggregate);
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
        let mut state = State::new(Aggregate::Sum);
        state.add(values);
        state.finish()
    };
    assert_eq!(sum(&[i64::MAX, i64::MAX, -i64::MAX]), Value::I64(i64::MAX));
    assert_eq!(sum(&[i64::MAX, 1]), Value::F64(9_223_372_036_854_775_808.0));
    assert_eq!(sum(&[i64::MIN, -1]), Value::F64(-9_223_372_036_854_775_808.0));
}

#[test]
fn windows_at_both_ends_of_time_are_cut_there() {
    let at = Timestamp::from_nanos;
    assert_eq!(Cut::Every(10).window(at(-1)), (at(-10), -1));
    assert_eq!(Cut::Every(10).window(at(0)), (at(0), 9));
    assert_eq!(Cut::Every(10).window(at(-10)), (at(-10), -1));
    assert_eq!(Cut::Every(10).window(Timestamp::MIN), (Timestamp::MIN, -9_223_372_036_854_775_801));
    assert_eq!(Cut::Every(10).window(Timestamp::MAX), (at(9_223_372_036_854_775_800), i64::MAX));
    assert_eq!(Cut::Every(i64::MAX).window(Timestamp::MIN), (Timestamp::MIN, -i64::MAX - 1));
    assert_eq!(Cut::Every(i64::MAX).window(at(-1)), (at(-i64::MAX), -1));
    assert_eq!(Cut::Every(i64::MAX).window(Timestamp::MAX), (Timestamp::MAX, i64::MAX));
    assert_eq!(Cut::Every(1).window(Timestamp::MIN), (Timestamp::MIN, i64::MIN));
}

#[test]
fn a_length_of_nothing_or_of_more_than_time_is_refused() {
    assert_eq!(Cut::every(Duration::from_nanos(1)).unwrap(), Cut::Every(1));
    let longest = Duration::from_nanos(u64::try_from(i64::MAX).unwrap());
    assert_eq!(Cut::every(longest).unwrap(), Cut::Every(i64::MAX));
    for bad in [Duration::ZERO, longest + Duration::from_nanos(1), Duration::MAX] {
        assert!(matches!(Cut::every(bad), Err(Error::InvalidQuery { .. })), "{bad:?}");
    }
}
