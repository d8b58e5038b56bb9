//! Random histories with random queries of overlapping windows, both edges, lookback, window functions and every
//! operator that is computed from points, compared with a computation from the definition: over memtables, files,
//! overlaps and deletes, under each duplicate policy, with statistics on and off, on one and two threads.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use timestrata::{
    Aggregate, Db, DuplicatePolicy, Edge, Fill, Fold, Query, Selector, SeriesKey, Timestamp, Value, ValueSlice,
    WindowFunction, Windows,
};

use crate::common::{Home, at};

const POLICIES: [DuplicatePolicy; 3] =
    [DuplicatePolicy::KeepAll, DuplicatePolicy::KeepLast, DuplicatePolicy::KeepFirst];
const SERIES: usize = 3;
const NAMES: [&str; 31] = [
    "count",
    "sum",
    "mean",
    "min",
    "max",
    "first",
    "last",
    "spread",
    "variance",
    "stddev",
    "p50",
    "increase",
    "rate",
    "delta",
    "derivative",
    "integral",
    "first_time",
    "last_time",
    "mode",
    "distinct",
    "sample_variance",
    "sample_stddev",
    "changes",
    "resets",
    "quantile_linear(0.3)",
    "quantile_nearest(0.3)",
    "quantile_linear(1)",
    "slope",
    "prediction(0s)",
    "prediction(0.0000005s)",
    "fold",
];
const FUNCTIONS: [&str; 8] = [
    "moving_mean(3)",
    "moving_sum(2)",
    "moving_min(4)",
    "moving_max(1)",
    "cumulative_sum",
    "cumulative_min",
    "cumulative_max",
    "cumulative_count",
];

fn key(series: usize) -> SeriesKey {
    SeriesKey::new("m").tag("n", series.to_string())
}

#[derive(Debug, Clone)]
enum Act {
    Write { series: usize, from: i64, step: i64, count: i64, seed: i64 },
    Delete { series: usize, from: i64, len: i64 },
    Flush,
    Compact,
    Ask(Question),
}

#[derive(Debug, Clone)]
struct Question {
    columns: Vec<&'static str>,
    every: i64,
    over: Option<i64>,
    closed: Edge,
    lookback: Option<i64>,
    range: Option<(i64, i64)>,
    is_grouped: bool,
    function: Option<&'static str>,
    is_filled: bool,
    threads: usize,
}

fn questions() -> impl Strategy<Value = Question> {
    let columns = prop::collection::vec(prop::sample::select(NAMES.to_vec()), 1..5);
    let lengths = (
        prop::sample::select(vec![7_i64, 100, 450]),
        prop::option::of(prop::sample::select(vec![3_i64, 7, 100, 250, 900, 2_000])),
    );
    let range = prop::option::of((-100..2_500_i64, 1..2_500_i64).prop_map(|(from, len)| (from, from + len)));
    let lookback = prop::option::of(prop::sample::select(vec![0_i64, 40, 600, i64::MAX]));
    let function = prop::option::weighted(0.3, prop::sample::select(FUNCTIONS.to_vec()));
    let edge = prop::sample::select(vec![Edge::Start, Edge::End]);
    (columns, lengths, edge, lookback, range, any::<bool>(), function, any::<bool>(), 1..3_usize).prop_map(
        |(columns, (every, over), closed, lookback, range, is_grouped, function, is_filled, threads)| Question {
            columns,
            every,
            over,
            closed,
            lookback,
            range,
            is_grouped,
            function,
            is_filled,
            threads,
        },
    )
}

fn acts() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (0..SERIES, 0..2_500_i64, 0..6_i64, 1..300_i64, any::<i16>())
            .prop_map(|(series, from, step, count, seed)| Act::Write { series, from, step, count, seed: seed.into() }),
        1 => (0..SERIES, 0..2_500_i64, 0..700_i64).prop_map(|(series, from, len)| Act::Delete { series, from, len }),
        2 => Just(Act::Flush),
        1 => Just(Act::Compact),
        5 => questions().prop_map(Act::Ask),
    ]
}

/// Returns small whole numbers, whose sums are exact, and sometimes NaN or a zero of either sign.
fn value(seed: i64, n: i64) -> f64 {
    match (seed.wrapping_mul(6_364_136) ^ n.wrapping_mul(1_442_695)).rem_euclid(997) {
        0 if seed % 5 == 0 => f64::NAN,
        1 => -0.0,
        mixed => f64::from(i32::try_from(mixed % 40 - 9).unwrap()),
    }
}

fn double(n: usize) -> f64 {
    f64::from(u32::try_from(n).unwrap())
}

/// Returns a number of nanoseconds as seconds.
fn seconds(nanos: i64) -> f64 {
    f64::from(i32::try_from(nanos).unwrap()) / 1e9
}

/// A fold whose value depends on the order of the points: a polynomial of their values, modulo a prime.
#[derive(Clone, Default)]
struct OrderHash {
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

type Points = Vec<(i64, f64)>;
/// The points of one series in a window, and the last non-NaN point of that series before them.
type Seen = (Option<(i64, f64)>, Points);

fn visible(points: &Points, duplicates: DuplicatePolicy) -> Points {
    let mut points = points.clone();
    points.sort_by_key(|(at, _)| *at);
    let twins = points.chunk_by(|a, b| a.0 == b.0);
    match duplicates {
        DuplicatePolicy::KeepAll => points,
        DuplicatePolicy::KeepLast => twins.map(|twins| twins[twins.len() - 1]).collect(),
        DuplicatePolicy::KeepFirst => twins.map(|twins| twins[0]).collect(),
    }
}

/// Computes an aggregate of the steps of one series.
fn of_steps(name: &str, (before, points): &Seen) -> Option<f64> {
    let chain: Points = before.iter().chain(points).copied().filter(|(_, value)| !value.is_nan()).collect();
    let (first, last) = (*chain.first()?, *chain.last()?);
    let pairs = || chain.windows(2).map(|pair| (pair[0], pair[1]));
    pairs().next()?;
    let up = |((_, a), (_, b)): ((i64, f64), (i64, f64))| if b < a { b } else { b - a };
    let took = seconds(last.0 - first.0);
    match name {
        "increase" => Some(pairs().map(up).sum()),
        "rate" => (took > 0.0).then(|| pairs().map(up).sum::<f64>() / took),
        "delta" => Some(last.1 - first.1),
        "derivative" => (took > 0.0).then(|| (last.1 - first.1) / took),
        #[expect(clippy::float_cmp, reason = "the definition")]
        "changes" => Some(double(pairs().filter(|(a, b)| a.1 != b.1).count())),
        "resets" => Some(double(pairs().filter(|(a, b)| b.1 < a.1).count())),
        _ => Some(pairs().map(|(a, b)| f64::midpoint(a.1, b.1) * seconds(b.0 - a.0)).sum()),
    }
}

/// Returns slope per second and value at a time of the least-squares line.
fn line(points: &Points, to: i64) -> Option<(f64, f64)> {
    let points: Vec<(f64, f64)> =
        points.iter().filter(|(_, value)| !value.is_nan()).map(|(at, value)| (seconds(*at), *value)).collect();
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / double(points.len());
    let (time, value) = (mean(|point| point.0), mean(|point| point.1));
    let squares: f64 = points.iter().map(|point| (point.0 - time) * (point.0 - time)).sum();
    let products: f64 = points.iter().map(|point| (point.0 - time) * (point.1 - value)).sum();
    let slope = products / squares;
    let times: std::collections::BTreeSet<u64> = points.iter().map(|point| point.0.to_bits()).collect();
    (times.len() > 1).then(|| (slope, value + slope * (seconds(to) - time)))
}

fn quantile(sorted: &[f64], name: &str) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let place = |level: f64| level * double(last);
    let below = |place: f64| (0..=last).rev().find(|at| double(*at) <= place + 1e-6).unwrap();
    match name {
        "p50" => sorted[below(place(0.5))],
        "quantile_nearest(0.3)" => {
            *(0..=last).find(|at| double(at + 1) >= 0.3 * double(last + 1) - 1e-6).map(|at| &sorted[at]).unwrap()
        }
        name => {
            let level = if name.ends_with("(1)") { 1.0 } else { 0.3 };
            let at = below(place(level));
            let (low, high) = (sorted[at], sorted[(at + 1).min(last)]);
            low + (high - low) * (place(level) - double(at)).max(0.0)
        }
    }
}

/// Computes a column of one window, whose end is not included, over several series in key order.
fn naive(name: &str, series: &[Seen], end: i64) -> Option<f64> {
    let all: Points = series.iter().flat_map(|(_, points)| points).copied().collect();
    let values: Vec<f64> = all.iter().map(|(_, value)| *value).collect();
    let mut sorted: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
    sorted.sort_by(f64::total_cmp);
    let (min, max) = (sorted.first().copied().unwrap_or(f64::NAN), sorted.last().copied().unwrap_or(f64::NAN));
    let mean = values.iter().sum::<f64>() / double(values.len());
    let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
    let of_sample = || (values.len() > 1).then(|| squares / double(values.len() - 1));
    let whole = |time: i64| f64::from(i32::try_from(time).unwrap());
    Some(match name {
        "count" => double(values.len()),
        "sum" => values.iter().sum(),
        "mean" => mean,
        "min" => min,
        "max" => max,
        "first" => all.iter().min_by_key(|(at, _)| *at)?.1,
        "last" => all.iter().max_by_key(|(at, _)| *at)?.1,
        "first_time" => whole(all.iter().min_by_key(|(at, _)| *at)?.0),
        "last_time" => whole(all.iter().max_by_key(|(at, _)| *at)?.0),
        "spread" => max - min,
        "variance" => squares / double(values.len()),
        "stddev" => (squares / double(values.len())).sqrt(),
        "sample_variance" => of_sample()?,
        "sample_stddev" => of_sample()?.sqrt(),
        "mode" | "distinct" => {
            let mut counts: Vec<(f64, usize)> = Vec::new();
            for value in &sorted {
                match counts.last_mut() {
                    // Added to 0.0, -0.0 becomes 0.0.
                    Some((last, count)) if last.to_bits() == (value + 0.0).to_bits() => *count += 1,
                    _ => counts.push((value + 0.0, 1)),
                }
            }
            let most = counts.iter().map(|(_, count)| *count).max().unwrap_or(0);
            let mode = counts.iter().find(|(_, count)| *count == most).map_or(f64::NAN, |(value, _)| *value);
            let nans = usize::from(sorted.len() < values.len());
            if name == "mode" { mode } else { double(counts.len() + nans) }
        }
        "slope" => line(&all, end)?.0,
        "prediction(0s)" => line(&all, end)?.1,
        "prediction(0.0000005s)" => line(&all, end + 500)?.1,
        "fold" => {
            let hash = |hash: u64, (at, value): &(i64, f64)| (hash * 31 + OrderHash::of(*at, *value)) % PRIME;
            f64::from(u32::try_from(all.iter().fold(0, hash)).unwrap())
        }
        name if name.contains("quantile") || name == "p50" => quantile(&sorted, name),
        steps => series.iter().filter_map(|seen| of_steps(steps, seen)).reduce(|a, b| a + b)?,
    })
}

type Rows = BTreeMap<i64, Vec<Option<f64>>>;

/// Computes the rows of one group from the visible points of its series, by the definition of the windows.
fn naive_rows(question: &Question, series: &[Points]) -> Rows {
    let (from, until) = question.range.unwrap_or((i64::MIN, i64::MAX));
    let length = question.over.unwrap_or(question.every);
    let shift = i64::from(question.closed == Edge::End);
    let inside =
        |points: &Points| -> Points { points.iter().copied().filter(|(at, _)| *at >= from && *at < until).collect() };
    let all: Points = series.iter().flat_map(inside).collect();
    let Some(first) = all.iter().map(|(at, _)| *at).min() else { return Rows::new() };
    let last = all.iter().map(|(at, _)| *at).max().unwrap();
    let mut rows = Rows::new();
    let mut start = (first - length - question.every).div_euclid(question.every) * question.every;
    while start <= last {
        let is_in_window = |at: i64| at - shift >= start && at - shift < start + length;
        let seen: Vec<Seen> = series
            .iter()
            .filter(|points| inside(points).iter().any(|(at, _)| is_in_window(*at)))
            .map(|points| {
                let oldest = match question.lookback {
                    Some(age) if question.range.is_some() => from.saturating_sub(age),
                    _ => from,
                };
                let points = || points.iter().copied().filter(|(at, _)| *at >= oldest && *at < until);
                let is_before = |at: i64| at - shift < start || at < from;
                let before = points().rfind(|(at, value)| is_before(*at) && !value.is_nan());
                (before, points().filter(|(at, _)| *at >= from && is_in_window(*at)).collect())
            })
            .collect();
        let row: Vec<_> = question.columns.iter().map(|name| naive(name, &seen, start + length)).collect();
        if !seen.is_empty() && row.iter().any(Option::is_some) {
            rows.insert(start, row);
        }
        start += question.every;
    }
    rows
}

/// Applies a window function by its definition.
fn apply(function: &str, every: i64, rows: &Rows) -> Rows {
    let windows = function.split_once('(').map(|(_, rest)| rest[..rest.len() - 1].parse::<i64>().unwrap());
    let starts: Vec<i64> = rows.keys().copied().collect();
    let mut applied = rows.clone();
    for (start, row) in &mut applied {
        for (column, value) in row.iter_mut().enumerate() {
            let is_taken = |at: &&i64| **at <= *start && windows.is_none_or(|windows| **at > start - windows * every);
            let taken: Vec<f64> = starts.iter().filter(is_taken).filter_map(|at| rows[at][column]).collect();
            let ordered = taken.iter().copied().filter(|value| !value.is_nan());
            let (sum, count) = (taken.iter().sum::<f64>(), double(taken.len()));
            *value = (!taken.is_empty()).then(|| match function.split('(').next().unwrap() {
                "moving_mean" => sum / count,
                "moving_sum" | "cumulative_sum" => sum,
                "moving_min" | "cumulative_min" => ordered.min_by(f64::total_cmp).unwrap_or(f64::NAN),
                "moving_max" | "cumulative_max" => ordered.max_by(f64::total_cmp).unwrap_or(f64::NAN),
                _ => count,
            });
            if function == "cumulative_count" && value.is_none() {
                *value = None;
            }
        }
    }
    applied
}

/// Adds the windows without a value from the first to the last window of the range, or of the row.
fn fill_with_null(question: &Question, rows: &mut Rows) {
    let Some((own_first, own_last)) = rows.keys().next().copied().zip(rows.keys().last().copied()) else { return };
    let (every, shift) = (question.every, i64::from(question.closed == Edge::End));
    let length = question.over.unwrap_or(every);
    let (first, last) = match question.range {
        None => (own_first, own_last),
        Some((from, until)) => {
            let first = (from - shift - length).div_euclid(every) * every + every;
            (first, (until - 1 - shift).div_euclid(every) * every)
        }
    };
    let mut start = first;
    while start <= last {
        rows.entry(start).or_insert_with(|| vec![None; question.columns.len()]);
        start += every;
    }
}

fn asked(db: &Db, question: &Question, statistics: bool) -> Windows {
    let nanos = |nanos: i64| Duration::from_nanos(nanos.unsigned_abs());
    let mut query: Query =
        db.snapshot().query(Selector::metric("m")).every(nanos(question.every)).closed(question.closed);
    for name in &question.columns {
        query = match *name {
            "fold" => query.fold("fold", OrderHash::default()),
            name => query.aggregate(name.parse::<Aggregate>().unwrap()),
        };
    }
    if let Some(over) = question.over {
        query = query.over(nanos(over));
    }
    if let Some(age) = question.lookback {
        query = query.lookback(nanos(age));
    }
    if let Some((from, until)) = question.range {
        query = query.range(at(from)..at(until));
    }
    if let Some(function) = question.function {
        query = query.window_function(function.parse::<WindowFunction>().unwrap());
    }
    if question.is_grouped {
        query = query.group_all();
    }
    let fill = if question.is_filled { Fill::Null } else { Fill::None };
    query.fill(fill).statistics(statistics).threads(question.threads).run_blocking().unwrap()
}

/// Returns `true` if the question is one that the engine refuses or that the oracle cannot compute exactly.
fn is_skipped(question: &Question) -> bool {
    let has_times = question.columns.iter().any(|name| name.ends_with("_time"));
    let adds = question.function.is_some_and(|function| function.contains("sum") || function.contains("mean"));
    has_times && adds
}

fn holds(
    db: &Db,
    question: &Question,
    points: &[Points; SERIES],
    duplicates: DuplicatePolicy,
) -> Result<(), TestCaseError> {
    if is_skipped(question) {
        return Ok(());
    }
    let visible: Vec<Points> = points.iter().map(|points| visible(points, duplicates)).collect();
    let groups: Vec<&[Points]> =
        if question.is_grouped { vec![&visible] } else { visible.iter().map(std::slice::from_ref).collect() };
    let mut expected: Vec<Rows> = groups.iter().map(|series| naive_rows(question, series)).collect();
    expected.retain(|rows| !rows.is_empty());
    for rows in &mut expected {
        if let Some(function) = question.function {
            *rows = apply(function, question.every, rows);
        }
        if question.is_filled {
            fill_with_null(question, rows);
        }
    }
    for statistics in [true, false] {
        let answer = asked(db, question, statistics);
        prop_assert_eq!(answer.series.len(), expected.len());
        for (series, rows) in answer.series.iter().zip(&expected) {
            let starts: Vec<i64> = series.starts.iter().map(|start| start.as_nanos()).collect();
            prop_assert_eq!(starts, rows.keys().copied().collect::<Vec<_>>());
            for (nth, (start, row)) in rows.iter().enumerate() {
                for ((found, expected), name) in series.row(nth).zip(row).zip(&question.columns) {
                    let is_near = near(found, *expected, name);
                    prop_assert!(is_near, "{start} {name} {statistics}: {found:?}, not {expected:?}");
                }
            }
        }
    }
    Ok(())
}

fn near(found: Option<Value>, expected: Option<f64>, name: &str) -> bool {
    let (Some(found), Some(expected)) = (found, expected) else { return found.is_none() && expected.is_none() };
    let (found, scale) = (found.as_f64(), expected.abs().max(1.0));
    let error = match name {
        // Quantiles of more than 256 values come from the sketch; interpolation adds the error of the other value.
        name if name.contains("quantile") || name == "p50" => 0.02 * scale + 0.2,
        // Of hundreds of points in a few nanoseconds, slopes are millions per second: relative to the spread.
        "slope" => 1e-9 * scale.max(1e9),
        name if name.starts_with("prediction") => 1e-7 * scale.max(10.0),
        _ => 1e-9 * scale,
    };
    found.is_nan() && expected.is_nan() || (found - expected).abs() <= error
}

fn lives(acts: &[Act], duplicates: DuplicatePolicy) -> Result<(), TestCaseError> {
    let home = Home::in_memory();
    let db = home.builder().duplicates(duplicates).open_blocking().unwrap();
    // The ids are then in the order of the keys, in which the oracle merges the series of a group.
    db.create_many_series((0..SERIES).map(key)).blocking().unwrap();
    let mut oracle: [Points; SERIES] = Default::default();
    for act in acts {
        match act {
            Act::Write { series, from, step, count, seed } => {
                let points = (0..*count).map(|n| (from + n * step, value(*seed, n)));
                db.write_blocking(crate::common::batch(&key(*series), points.clone())).unwrap();
                oracle[*series].extend(points);
            }
            Act::Delete { series, from, len } => {
                let select = Selector::metric("m").tag("n", series.to_string());
                db.delete_blocking(select, at(*from)..at(from + len)).unwrap();
                oracle[*series].retain(|(at, _)| *at < *from || *at >= from + len);
            }
            Act::Flush => db.flush_blocking().unwrap(),
            Act::Compact => db.compact_blocking().unwrap(),
            Act::Ask(question) => holds(&db, question, &oracle, duplicates)?,
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn windows_and_operators_agree_with_their_points(
        acts in prop::collection::vec(acts(), 1..16),
        last in prop::collection::vec(questions(), 4),
        policy in 0..3_usize,
    ) {
        let acts: Vec<Act> = acts.into_iter().chain(last.into_iter().map(Act::Ask)).collect();
        lives(&acts, POLICIES[policy])?;
    }
}
