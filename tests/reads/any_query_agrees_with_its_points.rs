//! Random histories of writes, late points, deletes, flushes and merges, under each duplicate policy, with random
//! queries after each step: windows, aggregates, groups, fill and rank are compared with a computation from the points.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use timestrata::{Aggregate, Batch, Db, DuplicatePolicy, Fill, Selector, SeriesKey, Value, Windows};

use crate::common::{Home, at};

const POLICIES: [DuplicatePolicy; 3] =
    [DuplicatePolicy::KeepAll, DuplicatePolicy::KeepLast, DuplicatePolicy::KeepFirst];
const ZONES: [&str; 4] = ["a", "a", "b", "b"];
const SERIES: usize = 4;

fn key(series: usize) -> SeriesKey {
    SeriesKey::new("m").tag("n", series.to_string()).tag("zone", ZONES[series])
}

#[derive(Debug, Clone)]
enum Act {
    /// A number of points at equal intervals, beginning at a time.
    Write {
        series: usize,
        from: i64,
        step: i64,
        count: i64,
        seed: i64,
    },
    Delete {
        series: usize,
        from: i64,
        len: i64,
    },
    Flush,
    Compact,
    Ask(Question),
}

#[derive(Debug, Clone)]
struct Question {
    aggregates: Vec<Aggregate>,
    every: Option<i64>,
    range: Option<(i64, i64)>,
    group: usize,
    fill: usize,
    rank: Option<(usize, Aggregate, bool)>,
}

fn aggregates() -> impl Strategy<Value = Aggregate> {
    let names = [
        "count",
        "sum",
        "sum as f64",
        "mean",
        "min",
        "max",
        "first",
        "last",
        "spread",
        "variance",
        "p10",
        "p90",
        "increase",
        "rate",
        "delta",
        "derivative",
        "integral",
    ];
    prop::sample::select(names.to_vec()).prop_map(|name| name.parse().unwrap())
}

fn questions() -> impl Strategy<Value = Question> {
    let statistics =
        prop::sample::select(vec![Aggregate::Sum, Aggregate::Min, Aggregate::Max, Aggregate::First, Aggregate::Last]);
    let columns = prop_oneof![prop::collection::vec(aggregates(), 1..4), prop::collection::vec(statistics, 1..4)];
    let every = prop::option::of(prop::sample::select(vec![7_i64, 100, 450, 3_000]));
    let range = prop::option::of((-100..3_000_i64, -10..3_000_i64).prop_map(|(from, len)| (from, from + len)));
    let rank = prop::option::weighted(0.3, (0..4_usize, aggregates(), any::<bool>()));
    (columns, every, range, 0..3_usize, 0..5_usize, rank).prop_map(|(aggregates, every, range, group, fill, rank)| {
        Question { aggregates, every, range, group, fill, rank }
    })
}

fn acts() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (0..SERIES, 0..2_500_i64, 0..4_i64, 1..400_i64, any::<i16>())
            .prop_map(|(series, from, step, count, seed)| Act::Write { series, from, step, count, seed: seed.into() }),
        1 => (0..SERIES, 0..2_500_i64, 0..700_i64).prop_map(|(series, from, len)| Act::Delete { series, from, len }),
        2 => Just(Act::Flush),
        1 => Just(Act::Compact),
        5 => questions().prop_map(Act::Ask),
    ]
}

/// Returns mostly small whole numbers, whose sums are exact; and sometimes zeros of both signs, NaN and infinity.
fn value(seed: i64, n: i64) -> f64 {
    let mixed = (seed.wrapping_mul(6_364_136) ^ n.wrapping_mul(1_442_695)).rem_euclid(997);
    match mixed {
        0 if seed % 5 == 0 => f64::NAN,
        1 if seed % 7 == 0 => f64::INFINITY,
        2..5 => -0.0,
        5..9 => 0.0,
        // No value is below zero, so that a zero is the minimum.
        _ if seed % 3 == 0 => f64::from(i32::try_from(mixed).unwrap()),
        _ => f64::from(i32::try_from(mixed - 300).unwrap()),
    }
}

/// The points that were written: one vector per series, in order of arrival.
#[derive(Default)]
struct Oracle {
    points: [Vec<(i64, f64)>; SERIES],
}

impl Oracle {
    /// Returns the visible points of a series in time order.
    fn seen(&self, series: usize, range: Option<(i64, i64)>, duplicates: DuplicatePolicy) -> Vec<(i64, f64)> {
        let inside = |at: i64| range.is_none_or(|(from, until)| from <= at && at < until);
        let mut points: Vec<_> = self.points[series].iter().copied().filter(|(at, _)| inside(*at)).collect();
        points.sort_by_key(|(at, _)| *at);
        let twins = points.chunk_by(|a, b| a.0 == b.0);
        match duplicates {
            DuplicatePolicy::KeepAll => points,
            DuplicatePolicy::KeepLast => twins.map(|twins| twins[twins.len() - 1]).collect(),
            DuplicatePolicy::KeepFirst => twins.map(|twins| twins[0]).collect(),
        }
    }
}

/// The points of one series in a window, and the last non-NaN point of that series before the window.
type Seen = (Option<(i64, f64)>, Vec<(i64, f64)>);

fn one_series(aggregate: Aggregate, (before, points): &Seen) -> Option<f64> {
    let chain: Vec<_> = before.iter().chain(points).copied().filter(|(_, value)| !value.is_nan()).collect();
    let secs = |from: i64, to: i64| f64::from(i32::try_from(to - from).unwrap()) / 1e9;
    let (first, last) = (*chain.first()?, *chain.last()?);
    let pairs = || chain.windows(2).map(|pair| (pair[0], pair[1]));
    pairs().next()?;
    let up = |((_, a), (_, b)): ((i64, f64), (i64, f64))| if b < a { b } else { b - a };
    let area = |((from, a), (to, b)): ((i64, f64), (i64, f64))| f64::midpoint(a, b) * secs(from, to);
    let took = secs(first.0, last.0);
    match aggregate {
        Aggregate::Increase => Some(pairs().map(up).sum()),
        Aggregate::Rate => (took > 0.0).then(|| pairs().map(up).sum::<f64>() / took),
        Aggregate::Delta => Some(last.1 - first.1),
        Aggregate::Derivative => (took > 0.0).then(|| (last.1 - first.1) / took),
        _ => Some(pairs().map(area).sum()),
    }
}

/// Computes an aggregate of one window over several series, in the order of their ids.
fn naive(aggregate: Aggregate, series: &[Seen]) -> Option<Value> {
    let values: Vec<f64> = series.iter().flat_map(|(_, points)| points).map(|(_, value)| *value).collect();
    let mut ordered: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
    ordered.sort_by(f64::total_cmp);
    let count = f64::from(u32::try_from(values.len()).unwrap());
    let nan = f64::NAN;
    let (min, max) = (ordered.first().copied().unwrap_or(nan), ordered.last().copied().unwrap_or(nan));
    let sum: f64 = values.iter().sum();
    let timed = || series.iter().flat_map(|(_, points)| points);
    Some(Value::F64(match aggregate {
        Aggregate::Count => return Some(Value::U64(values.len() as u64)),
        Aggregate::Sum | Aggregate::SumAsF64 => sum,
        Aggregate::Mean => sum / count,
        Aggregate::Min => min,
        Aggregate::Max => max,
        // Of points at equal times, `first` takes the first one and `last` the last one: `min_by_key` and `max_by_key`
        // do the same.
        Aggregate::First => timed().min_by_key(|(at, _)| *at)?.1,
        Aggregate::Last => timed().max_by_key(|(at, _)| *at)?.1,
        Aggregate::Spread => max - min,
        Aggregate::Variance => {
            let mean = sum / count;
            values.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / count
        }
        Aggregate::Quantile(share) => {
            let place = share.as_f64() * (f64::from(u32::try_from(ordered.len()).unwrap()) - 1.0);
            let at = (0..ordered.len()).rev().find(|at| f64::from(u32::try_from(*at).unwrap()) <= place + 1e-6);
            at.map_or(nan, |at| ordered[at])
        }
        steps => series.iter().filter_map(|seen| one_series(steps, seen)).reduce(|a, b| a + b)?,
    }))
}

type Rows = BTreeMap<i64, Vec<Option<Value>>>;

/// Returns name, number of series with a point, and rows of each group, in the order of the result.
fn naive_answer(question: &Question, oracle: &Oracle, duplicates: DuplicatePolicy) -> Vec<((String, usize), Rows)> {
    let name = |series: usize| match question.group {
        0 => key(series).to_string(),
        1 => format!("m{{zone=\"{}\"}}", ZONES[series]),
        _ => "m".to_owned(),
    };
    let mut groups: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    (0..SERIES).for_each(|series| groups.entry(name(series)).or_default().push(series));
    let mut answer = Vec::new();
    for (name, members) in groups {
        let seen: Vec<_> = members.iter().map(|series| oracle.seen(*series, question.range, duplicates)).collect();
        let whole: Vec<Seen> = seen.iter().map(|points| (None, points.clone())).collect();
        let present = seen.iter().filter(|points| !points.is_empty()).count();
        let mut rows = windows(question, &seen);
        if rows.is_empty() {
            continue;
        }
        fill(question, &mut rows);
        answer.push((question.rank.map(|(_, by, _)| naive(by, &whole).map(Value::as_f64)), (name, present), rows));
    }
    if let Some((count, _, greatest)) = question.rank {
        let rank = |value: Option<f64>| value.filter(|value| !value.is_nan());
        answer.sort_by(|(a, ..), (b, ..)| match (a.and_then(rank), b.and_then(rank)) {
            (Some(a), Some(b)) => {
                if greatest {
                    b.total_cmp(&a)
                } else {
                    a.total_cmp(&b)
                }
            }
            (a, b) => b.is_some().cmp(&a.is_some()),
        });
        answer.truncate(count);
    }
    answer.into_iter().map(|(_, name, rows)| (name, rows)).collect()
}

fn windows(question: &Question, seen: &[Vec<(i64, f64)>]) -> Rows {
    let first = seen.iter().filter_map(|points| points.first()).map(|(at, _)| *at).min().unwrap_or(0);
    let start = |at: i64| match question.every {
        Some(every) => at.div_euclid(every) * every,
        None => question.range.map_or(first, |(from, _)| from),
    };
    let mut windows: BTreeMap<i64, Vec<Seen>> = BTreeMap::new();
    for points in seen {
        let mut before = None;
        for window in points.chunk_by(|a, b| start(a.0) == start(b.0)) {
            windows.entry(start(window[0].0)).or_default().push((before, window.to_vec()));
            before = window.iter().rev().find(|(_, value)| !value.is_nan()).copied().or(before);
        }
    }
    let row = |seen: Vec<Seen>| question.aggregates.iter().map(|aggregate| naive(*aggregate, &seen)).collect();
    let rows = windows.into_iter().map(|(start, seen)| (start, row(seen)));
    rows.filter(|(_, row): &(i64, Vec<_>)| row.iter().any(Option::is_some)).collect()
}

const FILLS: [Fill; 5] = [Fill::None, Fill::Null, Fill::Previous, Fill::Linear, Fill::Value(Value::I64(-7))];

fn fill(question: &Question, rows: &mut Rows) {
    let Some(every) = question.every.filter(|_| FILLS[question.fill] != Fill::None) else { return };
    let own = (*rows.keys().next().unwrap(), *rows.keys().last().unwrap());
    let (from, until) = question.range.map_or(own, |(from, until)| (from, until - 1));
    let mut start = from.div_euclid(every) * every;
    while start <= until {
        rows.entry(start).or_insert_with(|| vec![None; question.aggregates.len()]);
        start += every;
    }
    for column in 0..question.aggregates.len() {
        let known: Vec<(i64, Value)> = rows.iter().filter_map(|(start, row)| Some((*start, row[column]?))).collect();
        for (start, row) in rows.iter_mut().filter(|(_, row)| row[column].is_none()) {
            let before = known.iter().rev().find(|(at, _)| at < start);
            let after = known.iter().find(|(at, _)| at > start);
            let double = |n: i64| f64::from(i32::try_from(n).unwrap());
            row[column] = match FILLS[question.fill] {
                Fill::Previous => before.map(|(_, value)| *value),
                Fill::Linear => before.zip(after).map(|((from, low), (to, high))| {
                    let share = double(start - from) / double(to - from);
                    Value::F64(low.as_f64() + (high.as_f64() - low.as_f64()) * share)
                }),
                Fill::Value(value) => Some(value),
                _ => None,
            };
        }
        // No column of doubles or counts has the type of the fill value, -7; only doubles represent it.
        if matches!(FILLS[question.fill], Fill::Linear | Fill::Value(_)) {
            let values = rows.values_mut().filter_map(|row| row[column].as_mut());
            values.for_each(|value| *value = Value::F64(value.as_f64()));
        }
    }
}

fn near(found: Option<Value>, expected: Option<Value>, aggregate: Aggregate, is_filled: bool) -> bool {
    let (Some(found), Some(expected)) = (found, expected) else { return found.is_none() && expected.is_none() };
    let (a, b) = (found.as_f64(), expected.as_f64());
    let within = match aggregate {
        // A value between two quantiles of the sketch has the errors of both, and they may be of any size below 1,000.
        Aggregate::Quantile(_) if is_filled => 10.0,
        // Quantiles of more than 256 values come from the sketch.
        Aggregate::Quantile(_) => 0.01 * b.abs(),
        // Sums of whole numbers are exact in any order; quotients and areas are rounded.
        Aggregate::Variance | Aggregate::Rate | Aggregate::Derivative | Aggregate::Integral | Aggregate::Mean => {
            1e-9 * b.abs().max(1.0)
        }
        _ if is_filled => 1e-9 * b.abs(),
        _ => 0.0,
    };
    let same_zero =
        matches!(aggregate, Aggregate::Min | Aggregate::Max | Aggregate::First | Aggregate::Last) && within == 0.0;
    found.value_type() == expected.value_type()
        && if a.is_nan() || b.is_nan() || a.is_infinite() {
            a.is_nan() && b.is_nan() || a.total_cmp(&b).is_eq()
        } else {
            (a - b).abs() <= within && (!same_zero || a.to_bits() == b.to_bits())
        }
}

fn asked(db: &Db, question: &Question, statistics: bool) -> Windows {
    let mut query = db.snapshot().query(Selector::metric("m")).aggregates(question.aggregates.clone());
    if let Some(every) = question.every {
        query = query.every(Duration::from_nanos(every.unsigned_abs()));
    }
    if let Some((from, until)) = question.range {
        query = query.range(at(from)..at(until));
    }
    query = match question.group {
        0 => query,
        1 => query.group_by(["zone"]),
        _ => query.group_all(),
    };
    if let Some((count, by, greatest)) = question.rank {
        query = if greatest { query.top(count, by) } else { query.bottom(count, by) };
    }
    query.fill(FILLS[question.fill]).statistics(statistics).run_blocking().unwrap()
}

fn holds(db: &Db, question: &Question, oracle: &Oracle, duplicates: DuplicatePolicy) -> Result<(), TestCaseError> {
    let expected = naive_answer(question, oracle, duplicates);
    let is_filled = FILLS[question.fill] == Fill::Linear;
    for statistics in [true, false] {
        let answer = asked(db, question, statistics);
        // Rounding may change the order of groups whose rank values are equal, so the order is not compared.
        let ranked_by_quotient = question.rank.is_some_and(|(_, by, _)| near_ties(by));
        if ranked_by_quotient {
            prop_assert_eq!(answer.series.len(), expected.len());
            continue;
        }
        let names: Vec<_> = answer.series.iter().map(|series| (series.key.to_string(), series.members)).collect();
        let wanted: Vec<&(String, usize)> = expected.iter().map(|(name, _)| name).collect();
        prop_assert_eq!(names.iter().collect::<Vec<_>>(), wanted);
        for (series, ((name, _), rows)) in answer.series.iter().zip(&expected) {
            let starts: Vec<i64> = series.starts.iter().map(|start| start.as_nanos()).collect();
            prop_assert_eq!(starts, rows.keys().copied().collect::<Vec<_>>(), "{}", name);
            for (nth, (start, row)) in rows.iter().enumerate() {
                for ((found, expected), aggregate) in series.row(nth).zip(row).zip(&question.aggregates) {
                    let is_near = near(found, *expected, *aggregate, is_filled);
                    prop_assert!(is_near, "{name} {start} {aggregate} {statistics}: {found:?}, not {expected:?}");
                }
            }
        }
    }
    Ok(())
}

/// Returns `true` if rounding or the error of the sketch may make equal values of this aggregate differ.
fn near_ties(by: Aggregate) -> bool {
    !matches!(
        by,
        Aggregate::Count
            | Aggregate::Sum
            | Aggregate::SumAsF64
            | Aggregate::Min
            | Aggregate::Max
            | Aggregate::First
            | Aggregate::Last
            | Aggregate::Spread
            | Aggregate::Delta
            | Aggregate::Increase
    )
}

fn lives(acts: &[Act], duplicates: DuplicatePolicy) -> Result<(), TestCaseError> {
    let home = Home::in_memory();
    let db = home.builder().duplicates(duplicates).open_blocking().unwrap();
    // The ids are then in the order of the keys, in which the oracle combines the series of a group.
    db.create_many_series((0..SERIES).map(key)).blocking().unwrap();
    let mut oracle = Oracle::default();
    for act in acts {
        match act {
            Act::Write { series, from, step, count, seed } => {
                let points = (0..*count).map(|n| (from + n * step, value(*seed, n)));
                db.write_blocking(crate::common::batch(&key(*series), points.clone())).unwrap();
                oracle.points[*series].extend(points);
            }
            Act::Delete { series, from, len } => {
                let select = Selector::metric("m").tag("n", series.to_string());
                db.delete_blocking(select, at(*from)..at(from + len)).unwrap();
                oracle.points[*series].retain(|(at, _)| *at < *from || *at >= from + len);
            }
            Act::Flush => db.flush_blocking().unwrap(),
            Act::Compact => db.compact_blocking().unwrap(),
            Act::Ask(question) => holds(&db, question, &oracle, duplicates)?,
        }
    }
    db.write_blocking(Batch::new()).unwrap();
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn any_query_agrees_with_its_points(
        acts in prop::collection::vec(acts(), 1..24),
        last in prop::collection::vec(questions(), 3),
        policy in 0..3_usize,
    ) {
        let acts: Vec<Act> = acts.into_iter().chain(last.into_iter().map(Act::Ask)).collect();
        lives(&acts, POLICIES[policy])?;
    }
}
