//! Compares the whole engine with a multiset of points in a BTreeMap: after any sequence of writes, flushes, closes and
//! reopenings, every scan, window and latest point equals the result of simple code over the points, bit for bit.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::time::Duration;

use proptest::prelude::*;
use timestrata::{Aggregate, Batch, Db, Scalar, Selector, Series, SeriesKey, Snapshot, Timestamp, Value, ValueType};

use crate::common::{Home, at, key};

const TYPES: [ValueType; 6] =
    [ValueType::F64, ValueType::I64, ValueType::U64, ValueType::Bool, ValueType::F64, ValueType::I64];

type Range = (Bound<i64>, Bound<i64>);

#[derive(Debug, Clone)]
enum Step {
    /// Batches of (series, time, bits), written one after the other. The flag selects writes by key instead of by
    /// `Series`.
    Write(Vec<Vec<(usize, i64, u64)>>, bool),
    Flush,
    Drop,
    Close,
    Scan(usize, Range),
    Windows(Range, Option<u64>, Aggregate),
    Hold,
    LookBack,
}

fn time() -> impl Strategy<Value = i64> {
    prop_oneof![
        12 => 0..60_i64,
        4 => -5_000..5_000_i64,
        2 => prop::sample::select(vec![i64::MIN, i64::MIN + 1, i64::MAX - 1, i64::MAX, 0, -1]),
        1 => any::<i64>(),
    ]
}

fn bits() -> impl Strategy<Value = u64> {
    let specials = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, 0.0, f64::MIN_POSITIVE / 2.0, f64::MAX];
    let mut specials: Vec<u64> = specials.into_iter().map(f64::to_bits).collect();
    // A signalling NaN, a NaN with a payload, and both ends of the integers.
    specials.extend([
        0x7ff0_0000_0000_0001,
        0xfff8_dead_beef_0000,
        i64::MIN.cast_unsigned(),
        i64::MAX.cast_unsigned(),
        u64::MAX,
    ]);
    prop_oneof![
        4 => (-5_000..5_000_i32).prop_map(|cents| (f64::from(cents) / 100.0).to_bits()),
        3 => 0..1_000_u64,
        2 => prop::sample::select(specials),
        1 => any::<u64>(),
    ]
}

fn bound() -> impl Strategy<Value = Bound<i64>> {
    prop_oneof![
        3 => time().prop_map(Bound::Included),
        2 => time().prop_map(Bound::Excluded),
        2 => Just(Bound::Unbounded),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let batch = prop_oneof![
        8 => prop::collection::vec((0..TYPES.len(), time(), bits()), 0..12),
        // A run in time order, long enough for chunks, blocks and their statistics.
        2 => (0..TYPES.len(), 0..100_i64, prop::collection::vec(bits(), 30..300)).prop_map(|(series, from, bits)| {
            bits.into_iter().zip(from..).map(|(bits, time)| (series, time, bits)).collect()
        }),
    ];
    let aggregates = [
        Aggregate::Count,
        Aggregate::Sum,
        Aggregate::SumAsF64,
        Aggregate::Mean,
        Aggregate::Min,
        Aggregate::Max,
        Aggregate::First,
        Aggregate::Last,
    ];
    let every = prop::option::of(prop_oneof![1..40_u64, Just(1_000), Just(i64::MAX.cast_unsigned())]);
    prop_oneof![
        8 => (prop::collection::vec(batch, 1..4), any::<bool>()).prop_map(|(batches, by_key)| Step::Write(batches, by_key)),
        2 => Just(Step::Flush),
        1 => Just(Step::Drop),
        1 => Just(Step::Close),
        3 => (0..TYPES.len(), (bound(), bound())).prop_map(|(series, range)| Step::Scan(series, range)),
        3 => ((bound(), bound()), every, prop::sample::select(aggregates.to_vec()))
            .prop_map(|(range, every, aggregate)| Step::Windows(range, every, aggregate)),
        1 => Just(Step::Hold),
        1 => Just(Step::LookBack),
    ]
}

/// Expected content: for each series the values by time, and for each time the values in order of arrival.
#[derive(Debug, Clone, Default)]
struct Oracle([BTreeMap<i64, Vec<u64>>; TYPES.len()]);

fn inside(range: Range, time: i64) -> bool {
    (match range.0 {
        Bound::Included(from) => from <= time,
        Bound::Excluded(from) => from < time,
        Bound::Unbounded => true,
    }) && match range.1 {
        Bound::Included(to) => time <= to,
        Bound::Excluded(to) => time < to,
        Bound::Unbounded => true,
    }
}

impl Oracle {
    fn points(&self, series: usize, range: Range) -> Vec<(i64, u64)> {
        let all = self.0[series].iter().flat_map(|(time, bits)| bits.iter().map(|bits| (*time, *bits)));
        all.filter(|(time, _)| inside(range, *time)).collect()
    }

    fn count(&self) -> u64 {
        self.0.iter().flat_map(BTreeMap::values).map(|bits| bits.len() as u64).sum()
    }

    /// Returns start and values of each window.
    fn windows(&self, series: usize, range: Range, every: Option<u64>) -> Vec<(i64, Vec<u64>)> {
        let mut windows: Vec<(i128, i64, Vec<u64>)> = Vec::new();
        for (time, bits) in self.points(series, range) {
            let (number, start) = match every {
                Some(every) => {
                    let number = i128::from(time).div_euclid(i128::from(every));
                    (number, i64::try_from(number * i128::from(every)).unwrap_or(i64::MIN))
                }
                None => (
                    0,
                    match range.0 {
                        Bound::Included(from) => from,
                        Bound::Excluded(from) => from + 1,
                        Bound::Unbounded => time,
                    },
                ),
            };
            match windows.last_mut() {
                Some((last, _, values)) if *last == number => values.push(bits),
                _ => windows.push((number, start, vec![bits])),
            }
        }
        windows.into_iter().map(|(_, start, values)| (start, values)).collect()
    }
}

fn value(ty: ValueType, bits: u64) -> Value {
    match ty {
        ValueType::F64 => f64::from_bits(bits).into(),
        ValueType::I64 => bits.cast_signed().into(),
        ValueType::U64 => bits.into(),
        ValueType::Bool => (bits & 1 == 1).into(),
    }
}

fn bits_of(value: Value) -> (ValueType, u64) {
    let bits = match value {
        Value::F64(value) => value.to_bits(),
        Value::I64(value) => value.cast_unsigned(),
        Value::U64(value) => value,
        Value::Bool(value) => u64::from(value),
        other => panic!("{other:?}"),
    };
    (value.value_type(), bits)
}

/// Computes an aggregate as the documentation of `Aggregate` defines it, in the simplest code.
///
/// A sum of integers that exceeds their type is a double; the query must fail.
#[expect(clippy::cast_precision_loss, reason = "the nearest double is what is promised")]
fn aggregated(aggregate: Aggregate, ty: ValueType, values: &[u64]) -> Value {
    let typed: Vec<Value> = values.iter().map(|bits| value(ty, *bits)).collect();
    let doubles = || typed.iter().map(|value| value.as_f64());
    let wide = |value: &Value| match value {
        Value::I64(value) => i128::from(*value),
        Value::U64(value) => i128::from(*value),
        Value::Bool(value) => i128::from(*value),
        other => panic!("{other:?}"),
    };
    let exact = || typed.iter().map(wide).sum::<i128>();
    let lanes = || {
        let mut lanes = [-0.0_f64; 8];
        doubles().enumerate().for_each(|(n, value)| lanes[n % 8] += value);
        let pairs = |lanes: &[f64]| (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]);
        pairs(&lanes[..4]) + pairs(&lanes[4..])
    };
    let one_nan = |value: f64| if value.is_nan() { f64::NAN } else { value };
    let count = values.len() as u64;
    match (aggregate, ty) {
        (Aggregate::Count, _) => count.into(),
        (Aggregate::First, _) => typed[0],
        (Aggregate::Last, _) => typed[typed.len() - 1],
        (Aggregate::Sum | Aggregate::SumAsF64, ValueType::F64) => one_nan(lanes()).into(),
        (Aggregate::Mean, ValueType::F64) => one_nan(lanes() / count as f64).into(),
        (Aggregate::Sum, ValueType::I64) => i64::try_from(exact()).map_or((exact() as f64).into(), Value::from),
        (Aggregate::SumAsF64, _) => (exact() as f64).into(),
        (Aggregate::Sum, _) => u64::try_from(exact()).map_or((exact() as f64).into(), Value::from),
        (Aggregate::Mean, _) => timestrata::testing::exact_mean(exact(), count).into(),
        (Aggregate::Min | Aggregate::Max, ValueType::F64) => {
            let mut ordered: Vec<f64> = doubles().filter(|value| !value.is_nan()).collect();
            ordered.sort_by(f64::total_cmp);
            let best = if aggregate == Aggregate::Min { ordered.first() } else { ordered.last() };
            best.copied().unwrap_or(f64::NAN).into()
        }
        (Aggregate::Min, _) => *typed.iter().min_by_key(|value| wide(value)).unwrap(),
        (_, _) => *typed.iter().max_by_key(|value| wide(value)).unwrap(),
    }
}

fn own_key(series: usize) -> SeriesKey {
    key("any", series)
}

/// Returns the points of a scan as bits, for any type. Checks that the collected scan and the iterator agree.
fn scanned<T: Scalar>(snapshot: &Snapshot, series: Series<T>, range: Range) -> Vec<(i64, u64)> {
    let range = (range.0.map(at), range.1.map(at));
    let points = snapshot.scan(series, range).collect_blocking().unwrap();
    let one_by_one: Vec<_> = snapshot.scan(series, range).into_iter().map(Result::unwrap).collect();
    let as_bits = |points: &[timestrata::Point<T>]| -> Vec<(i64, u64)> {
        points.iter().map(|point| (point.timestamp.as_nanos(), bits_of(point.value.into()).1)).collect()
    };
    assert_eq!(as_bits(&points), as_bits(&one_by_one));
    as_bits(&points)
}

fn scan(snapshot: &Snapshot, series: usize, range: Range) -> Vec<(i64, u64)> {
    match snapshot.find_series(&own_key(series)).map(|info| info.value_type) {
        None => Vec::new(),
        Some(ValueType::F64) => scanned::<f64>(snapshot, snapshot.series(&own_key(series)).unwrap(), range),
        Some(ValueType::I64) => scanned::<i64>(snapshot, snapshot.series(&own_key(series)).unwrap(), range),
        Some(ValueType::U64) => scanned::<u64>(snapshot, snapshot.series(&own_key(series)).unwrap(), range),
        Some(ValueType::Bool) => scanned::<bool>(snapshot, snapshot.series(&own_key(series)).unwrap(), range),
    }
}

fn latest(snapshot: &Snapshot, series: usize) -> Option<(i64, u64)> {
    fn of<T: Scalar>(snapshot: &Snapshot, key: &SeriesKey) -> Option<(i64, u64)> {
        let latest = snapshot.latest_blocking::<T>(snapshot.series(key).unwrap()).unwrap();
        latest.map(|point| (point.timestamp.as_nanos(), bits_of(point.value.into()).1))
    }
    let key = own_key(series);
    match snapshot.find_series(&key)?.value_type {
        ValueType::F64 => of::<f64>(snapshot, &key),
        ValueType::I64 => of::<i64>(snapshot, &key),
        ValueType::U64 => of::<u64>(snapshot, &key),
        ValueType::Bool => of::<bool>(snapshot, &key),
    }
}

/// A bool keeps only its lowest bit.
fn stored(series: usize, bits: u64) -> u64 {
    if TYPES[series] == ValueType::Bool { bits & 1 } else { bits }
}

fn expect_all(snapshot: &Snapshot, oracle: &Oracle) {
    for series in 0..TYPES.len() {
        let expected = oracle.points(series, (Bound::Unbounded, Bound::Unbounded));
        assert_eq!(scan(snapshot, series, (Bound::Unbounded, Bound::Unbounded)), expected, "series {series}");
        assert_eq!(latest(snapshot, series), expected.last().copied(), "latest of series {series}");
    }
}

fn expect_windows(snapshot: &Snapshot, oracle: &Oracle, range: Range, every: Option<u64>, aggregate: Aggregate) {
    let bounds: (Bound<Timestamp>, Bound<Timestamp>) = (range.0.map(at), range.1.map(at));
    let mut query = snapshot.query(Selector::metric("any")).range(bounds).aggregate(aggregate);
    if let Some(every) = every {
        query = query.every(Duration::from_nanos(every));
    }
    // Statistics are off, so that doubles are summed in one defined order.
    let answer = query.statistics(false).run_blocking();
    let mut expected: BTreeMap<String, Vec<_>> = BTreeMap::new();
    let mut overflows = false;
    for (series, ty) in TYPES.iter().enumerate() {
        for (start, values) in oracle.windows(series, range, every) {
            let value = bits_of(aggregated(aggregate, *ty, &values));
            overflows |= aggregate == Aggregate::Sum && *ty != ValueType::F64 && value.0 == ValueType::F64;
            expected.entry(own_key(series).to_string()).or_default().push((start, value));
        }
    }
    if overflows {
        let error = answer.unwrap_err().to_string();
        assert!(error.contains("`sum as f64`"), "{error}");
        return expect_windows(snapshot, oracle, range, every, Aggregate::SumAsF64);
    }
    let answer = answer.unwrap();
    let found: BTreeMap<String, Vec<_>> = answer
        .series
        .iter()
        .map(|series| {
            let windows = series.windows().map(|window| (window.start.as_nanos(), bits_of(window.value.unwrap())));
            (series.key.to_string(), windows.collect())
        })
        .collect();
    assert_eq!(found, expected, "{aggregate} every {every:?} of {range:?}");
}

fn push_by_handle(db: &Db, batch: &mut Batch, series: usize, time: i64, bits: u64) {
    fn handle<T: Scalar>(db: &Db, series: usize) -> Series<T> {
        db.create_series(own_key(series)).value_type().blocking().unwrap()
    }
    match value(TYPES[series], bits) {
        Value::F64(value) => batch.push(handle(db, series), at(time), value),
        Value::I64(value) => batch.push(handle(db, series), at(time), value),
        Value::U64(value) => batch.push(handle(db, series), at(time), value),
        Value::Bool(value) => batch.push(handle(db, series), at(time), value),
        other => panic!("{other:?}"),
    }
}

fn write(db: &Db, oracle: &mut Oracle, points: Vec<(usize, i64, u64)>, by_key: bool) {
    let mut batch = Batch::new();
    for (series, time, bits) in points {
        if by_key {
            batch.push_key(&own_key(series), at(time), value(TYPES[series], bits));
        } else {
            push_by_handle(db, &mut batch, series, time, bits);
        }
        oracle.0[series].entry(time).or_default().push(stored(series, bits));
    }
    db.write_blocking(batch).unwrap();
}

fn run(steps: Vec<Step>, flush_at_bytes: usize) {
    let home = Home::new();
    let open = || home.builder().flush_at_bytes(flush_at_bytes).wal_segment_bytes(8 << 10).open_blocking().unwrap();
    let (mut db, mut oracle) = (open(), Oracle::default());
    let mut held: Vec<(Snapshot, Oracle)> = Vec::new();
    for step in steps {
        match step {
            Step::Write(batches, by_key) => {
                for points in batches {
                    write(&db, &mut oracle, points, by_key);
                }
            }
            Step::Flush => db.flush_blocking().unwrap(),
            Step::Drop | Step::Close => {
                if matches!(step, Step::Drop) {
                    drop(db);
                } else {
                    db.close_blocking().unwrap();
                }
                // Held snapshots are still readable, and dropping them releases the directory.
                for (snapshot, then) in held.drain(..) {
                    expect_all(&snapshot, &then);
                }
                db = open();
                expect_all(&db.snapshot(), &oracle);
            }
            Step::Scan(series, range) => {
                assert_eq!(scan(&db.snapshot(), series, range), oracle.points(series, range), "{series} {range:?}");
            }
            Step::Windows(range, every, aggregate) => {
                expect_windows(&db.snapshot(), &oracle, range, every, aggregate);
            }
            Step::Hold => held.push((db.snapshot(), oracle.clone())),
            Step::LookBack => {
                for (snapshot, then) in &held {
                    expect_all(snapshot, then);
                }
            }
        }
        assert_eq!(db.stats().points, oracle.count());
    }
    for (snapshot, then) in &held {
        expect_all(snapshot, then);
    }
    expect_all(&db.snapshot(), &oracle);
}

/// A case takes about 200 ms. `PROPTEST_CASES` sets the number of cases for a longer search.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").map_or(40, |cases| cases.parse().unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), max_shrink_iters: 300, ..ProptestConfig::default() })]

    #[test]
    fn any_history_reads_back_as_it_was_written(
        steps in prop::collection::vec(step(), 1..30),
        flush_at_bytes in prop::sample::select(vec![1_usize, 3_000, 20_000, 1 << 20]),
    ) {
        run(steps, flush_at_bytes);
    }
}
