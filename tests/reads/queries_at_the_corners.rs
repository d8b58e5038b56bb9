//! Queries at the corners: midnights that do not exist, series without points in the range, subnormals, sums beyond
//! their type, moments of large integers.

use timestrata::{
    Aggregate, Batch, Db, ErrorKind, Fill, Period, Query, Selector, SeriesKey, Timestamp, Value, Windows, Zone,
};

use crate::common::{Home, at};

/// Nanoseconds since 1970, in 2026.
const NANOS: i64 = 1_780_000_000_000_000_001;

fn key(metric: &str, host: &str) -> SeriesKey {
    SeriesKey::new(metric).tag("host", host)
}

fn write<T: Into<Value> + Copy>(db: &Db, key: &SeriesKey, points: &[(i64, T)]) {
    let mut batch = Batch::new();
    for (nanos, value) in points {
        batch.push_key(key, at(*nanos), *value);
    }
    db.write_blocking(batch).unwrap();
}

fn query(db: &Db, selector: Selector, aggregate: &str) -> Query {
    db.snapshot().query(selector).aggregate(aggregate.parse::<Aggregate>().unwrap())
}

/// Returns the only value of a query of all series as one group.
fn value(db: &Db, aggregate: &str) -> Value {
    let answer = query(db, Selector::all(), aggregate).group_all().run_blocking().unwrap();
    answer.series[0].values[0].get(0).unwrap()
}

fn names(answer: &Windows) -> Vec<(String, usize)> {
    answer.series.iter().map(|row| (row.key.to_string(), row.members)).collect()
}

/// Clocks that go from 23:30 to 00:30 at the end of Saturday, 2026-03-28: Sunday has no midnight.
#[test]
fn a_day_without_a_midnight_begins_at_its_first_moment() {
    let home = Home::new();
    let db = home.open();
    let mut batch = Batch::new();
    let times = ["2026-03-28T22:50:00Z", "2026-03-29T04:35:00Z", "2026-03-29T04:45:00Z", "2026-03-29T12:00:00Z"];
    for (time, host) in times.iter().zip(["a", "a", "b", "a"]) {
        batch.push_key(&key("kwh", host), time.parse().unwrap(), 1.0);
    }
    db.write_blocking(batch).unwrap();
    let zone = Zone::rules("EST5EDT,M3.5.6/23:30,M11.1.0").unwrap();
    let days = query(&db, Selector::all(), "count").every(Period::days(1)).zone(zone).group_all();
    let answer = days.run_blocking().unwrap();
    let starts = ["2026-03-28T05:00:00Z", "2026-03-29T04:30:00Z"].map(|text| text.parse::<Timestamp>().unwrap());
    assert_eq!(answer.series[0].starts, starts);
    assert_eq!(answer.series[0].values, [[Some(Value::U64(1)), Some(Value::U64(3))]]);
}

#[test]
fn a_group_is_named_by_the_series_that_have_points_in_the_range() {
    let home = Home::new();
    let db = home.open();
    write(&db, &key("requests", "a"), &[(10, 1.0), (20, 1.0)]);
    write(&db, &key("requests", "b"), &[(20, 2.0)]);
    write(&db, &key("errors", "a"), &[(90, 1.0)]);
    write(&db, &key("jobs", "a"), &[(10, 1_u64)]);
    db.flush_blocking().unwrap();
    db.delete_blocking(Selector::metric("jobs"), at(0)..at(50)).unwrap();
    let grouped = |db: &Db| {
        let grouped = query(db, Selector::all(), "sum").range(at(0)..at(50)).group_by(["host"]);
        names(&grouped.run_blocking().unwrap())
    };
    let expected = [(key("requests", "a").to_string(), 1), (key("requests", "b").to_string(), 1)];
    assert_eq!(grouped(&db), expected, "before the compaction");
    db.compact_blocking().unwrap();
    assert_eq!(grouped(&db), expected, "after the compaction");
}

#[test]
fn an_integer_sum_that_overflows_is_an_error_that_names_the_way_out() {
    let home = Home::new();
    let db = home.open();
    write(&db, &key("bytes", "a"), &[(10, u64::MAX), (20, 1), (30, 5)]);
    write(&db, &key("steps", "a"), &[(10, i64::MIN), (20, -1)]);
    for (metric, ty, sum) in
        [("bytes", "u64", 18_446_744_073_709_551_616.0), ("steps", "i64", -9_223_372_036_854_775_808.0)]
    {
        let windows = |nanos, aggregate| {
            let query = query(&db, Selector::metric(metric), aggregate).every(std::time::Duration::from_nanos(nanos));
            [query.clone().run_blocking(), query.group_by(["host"]).run_blocking()]
        };
        for failed in windows(1_000, "sum") {
            let error = failed.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            let text = error.to_string();
            let expected = format!("the sum of {metric}{{host=\"a\"}} in the window at");
            assert!(text.starts_with(&expected) && text.contains(ty) && text.contains("`sum as f64`"), "{text}");
        }
        for answer in windows(1_000, "sum as f64") {
            let answer = answer.unwrap();
            assert_eq!(
                (answer.columns[0].as_str(), answer.series[0].values[0].get(0)),
                ("sum as f64", Some(Value::F64(sum)))
            );
        }
        for answer in windows(10, "sum") {
            assert!(
                answer.unwrap().series[0].values[0].iter().all(|value| value.unwrap().value_type().to_string() == ty)
            );
        }
    }
}

#[test]
fn rows_are_ranked_by_exact_sums_without_an_error() {
    let home = Home::new();
    let db = home.open();
    write(&db, &key("bytes", "a"), &[(10, u64::MAX), (20, 1)]);
    write(&db, &key("bytes", "b"), &[(10, u64::MAX), (20, 3)]);
    write(&db, &key("bytes", "c"), &[(10, 5_u64)]);
    write(&db, &key("bytes", "d"), &[(10, u64::MAX), (20, 2)]);
    let hosts = |query: Query| -> Vec<String> {
        let answer = query.run_blocking().unwrap();
        answer.series.iter().map(|row| row.key.tag_value("host").unwrap().to_owned()).collect()
    };
    let counts = query(&db, Selector::all(), "count");
    assert_eq!(hosts(counts.clone().top(3, Aggregate::Sum)), ["b", "d", "a"]);
    assert_eq!(hosts(counts.bottom(2, Aggregate::Sum)), ["c", "a"]);
    // The sums of the rows that are left out do not matter.
    let sums = query(&db, Selector::all(), "sum");
    assert_eq!(hosts(sums.clone().bottom(1, Aggregate::Sum)), ["c"]);
    let error = sums.top(1, Aggregate::Sum).run_blocking().unwrap_err().to_string();
    assert!(error.contains("bytes{host=\"b\"}"), "{error}");
}

#[test]
fn integers_and_doubles_are_ranked_by_their_exact_values() {
    let home = Home::new();
    let db = home.open();
    write(&db, &key("n", "a"), &[(10, 1_i64 << 53)]);
    write(&db, &key("n", "b"), &[(10, 9_007_199_254_740_992.0)]);
    write(&db, &key("n", "c"), &[(10, (1_i64 << 53) + 1)]);
    let answer = query(&db, Selector::all(), "max").top(3, Aggregate::Max).run_blocking().unwrap();
    let hosts: Vec<_> = answer.series.iter().map(|row| row.key.tag_value("host").unwrap()).collect();
    assert_eq!(hosts, ["c", "a", "b"]);
}

#[test]
fn all_windows_of_a_row_have_values_of_one_type() {
    let home = Home::new();
    let db = home.open();
    write(&db, &key("load", "a"), &[(5, 1_i64), (15, 2), (35, 4)]);
    write(&db, &key("load", "b"), &[(15, 2_u64)]);
    let windows = |fill| {
        let query = query(&db, Selector::all(), "max").aggregate(Aggregate::Count).fill(fill);
        query.every(std::time::Duration::from_nanos(10)).group_all().run_blocking().unwrap().series[0].values.clone()
    };
    assert_eq!(windows(Fill::None)[0], [1.0, 2.0, 4.0].map(|value| Some(Value::F64(value))));
    assert_eq!(windows(Fill::Linear)[1], [1.0, 2.0, 1.5, 1.0].map(|value| Some(Value::F64(value))));
    assert_eq!(windows(Fill::Value(Value::F64(0.0)))[1], [1_u64, 2, 0, 1].map(|value| Some(Value::U64(value))));
    assert_eq!(windows(Fill::Value(Value::F64(0.5)))[1], [1.0, 2.0, 0.5, 1.0].map(|value| Some(Value::F64(value))));
    assert_eq!(windows(Fill::Value(Value::U64(7)))[0], [1.0, 2.0, 7.0, 4.0].map(|value| Some(Value::F64(value))));
}

#[test]
fn quantiles_of_subnormals_are_within_one_percent() {
    let home = Home::new();
    let db = home.open();
    let points: Vec<(i64, f64)> =
        (0..2_000).map(|n: i64| (n, f64::from_bits(1 + 37 * n.unsigned_abs().pow(3)))).collect();
    write(&db, &key("tiny", "a"), &points);
    for (level, index) in [("p0", 0), ("p10", 199), ("p50", 999), ("p90", 1_799), ("p100", 1_999)] {
        let (found, exact) = (value(&db, level).as_f64(), points[index].1);
        assert!((found - exact).abs() <= exact * 0.01, "{level}: {found:e}, not {exact:e}");
    }
}

#[test]
fn moments_of_large_integers_do_not_lose_their_small_differences() {
    let home = Home::new();
    let db = home.open();
    write(&db, &key("sent", "a"), &[(10, NANOS), (20, NANOS + 4)]);
    assert_eq!((value(&db, "variance"), value(&db, "stddev")), (Value::F64(4.0), Value::F64(2.0)));
    write(&db, &key("sent", "b"), &[(10, NANOS + 6), (20, NANOS + 2), (30, NANOS + 3)]);
    // The differences 0, 4, 6, 2, 3 have the mean 3 and the squared distances 9, 1, 9, 1, 0.
    let Value::F64(variance) = value(&db, "variance") else { panic!() };
    assert!((variance - 4.0).abs() <= 4e-9, "{variance}");
}

#[test]
fn the_mean_of_integers_is_the_nearest_double_of_the_quotient() {
    let home = Home::new();
    let db = home.open();
    // The sum is 3 * 2^53 + 10, so the mean is 2^53 + 3 + 1/3. The nearest double is 2^53 + 4. The nearest
    // double of the sum is 3 * 2^53 + 8, whose third lies below 2^53 + 3.
    let base = (1_i64 << 53) + 2;
    write(&db, &key("sum", "a"), &[(10, base), (20, base), (30, base + 4)]);
    assert_eq!(value(&db, "mean"), Value::F64(9_007_199_254_740_996.0));
}

#[test]
fn more_distinct_values_than_are_counted_are_an_error_that_names_the_window() {
    let home = Home::new();
    let db = home.open();
    let points: Vec<(i64, u64)> = (0..65_540).map(|n: i64| (n, n.unsigned_abs())).collect();
    for part in points.chunks(30_000) {
        write(&db, &key("ids", "a"), part);
    }
    write(&db, &key("ids", "b"), &[(1, 5_u64), (2, 5)]);
    let ids = |aggregate: &str| query(&db, Selector::metric("ids"), aggregate);
    for aggregate in ["distinct", "mode"] {
        let error = ids(aggregate).run_blocking().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LimitExceeded);
        let text = error.to_string();
        assert!(
            text.starts_with("ids{host=\"a\"} has more than 65536 distinct values in the window at 1970"),
            "{text}"
        );
        assert!(ids("count").top(1, aggregate.parse().unwrap()).run_blocking().is_err());
    }
    let counts = ids("distinct").every(std::time::Duration::from_nanos(65_536)).run_blocking().unwrap();
    assert_eq!(counts.series[0].values[0].as_u64(), Some(&[65_536, 4][..]));
    assert_eq!(counts.series[1].values[0].as_u64(), Some(&[1][..]));
}

#[test]
fn more_windows_than_memory_holds_are_refused_before_they_are_built() {
    let home = Home::new();
    let db = home.open();
    write(&db, &key("load", "a"), &[(NANOS, 1.0), (NANOS + 5, 2.0)]);
    let nanos = std::time::Duration::from_nanos;
    let query = query(&db, Selector::all(), "rate").every(nanos(1)).over(std::time::Duration::from_hours(1));
    for query in [query.clone(), query.group_all()] {
        let error = query.memory_limit(1 << 20).run_blocking().unwrap_err();
        assert!(matches!(error, timestrata::Error::QueryTooLarge { .. }), "{error}");
    }
}

#[test]
fn overlapping_windows_at_the_ends_of_time_have_labels_that_exist() {
    let home = Home::new();
    let db = home.open();
    write(&db, &key("load", "a"), &[(i64::MIN, 1.0), (i64::MIN + 9, 2.0), (i64::MAX, 4.0)]);
    for edge in [timestrata::Edge::Start, timestrata::Edge::End] {
        for over in [4, 10, 25, i64::MAX.unsigned_abs()] {
            let windows = query(&db, Selector::all(), "count").every(std::time::Duration::from_nanos(1 << 62));
            let answer = windows.over(std::time::Duration::from_nanos(over)).closed(edge).run_blocking().unwrap();
            let ascends = |starts: &[Timestamp]| starts.windows(2).all(|pair| pair[0] < pair[1]);
            assert!(answer.series.iter().all(|row| ascends(&row.starts)), "{edge:?} {over}: {answer}");
        }
    }
}

#[test]
fn calendar_windows_contain_their_end_and_do_not_overlap() {
    let home = Home::new();
    let db = home.open();
    let mut batch = Batch::new();
    for time in
        ["2026-01-31T12:00:00Z", "2026-02-01T00:00:00Z", "2026-02-01T00:00:00.000000001Z", "2026-03-05T00:00:00Z"]
    {
        batch.push_key(&key("kwh", "a"), time.parse().unwrap(), 1.0);
    }
    db.write_blocking(batch).unwrap();
    let months = query(&db, Selector::all(), "count").every(Period::months(1)).fill(Fill::Null);
    let counts = |answer: Windows| answer.series[0].values[0].as_u64().unwrap().to_vec();
    assert_eq!(counts(months.clone().run_blocking().unwrap()), [1, 2, 1]);
    let ends = months.clone().closed(timestrata::Edge::End).run_blocking().unwrap();
    assert_eq!(ends.series[0].starts[0].to_string(), "2026-01-01T00:00:00Z");
    assert_eq!(counts(ends), [2, 1, 1]);
    let moving = months.clone().window_function(timestrata::WindowFunction::MovingSum(2)).run_blocking().unwrap();
    assert_eq!(counts(moving), [1, 3, 3]);
    let day = std::time::Duration::from_hours(24);
    for query in [months.over(day), query(&db, Selector::all(), "count").over(day)] {
        assert!(query.run_blocking().unwrap_err().to_string().contains("`over`"));
    }
    let times = query(&db, Selector::all(), "first_time").window_function(timestrata::WindowFunction::CumulativeSum);
    assert!(times.run_blocking().unwrap_err().to_string().contains("cumulative_sum of first_time"));
}

#[test]
fn the_point_before_the_range_is_read_from_any_layout() {
    let home = Home::new();
    let db = home.open();
    write(&db, &key("sent", "a"), &[(10, 100_u64), (40, 150)]);
    db.flush_blocking().unwrap();
    write(&db, &key("sent", "a"), &[(30, 140_u64), (60, 170), (80, 10)]);
    write(&db, &key("sent", "b"), &[(45, 7_u64)]);
    db.delete_blocking(Selector::metric("sent"), at(40)..at(41)).unwrap();
    let increase = |age: u64, group: bool| {
        let query = query(&db, Selector::all(), "increase").aggregate(Aggregate::Count).range(at(50)..at(90));
        let query = query.lookback(std::time::Duration::from_nanos(age)).top(5, Aggregate::Increase);
        let answer = if group { query.group_all() } else { query }.run_blocking().unwrap();
        assert_eq!((answer.series.len(), answer.series[0].members), (1, 1), "a series with a point before is left out");
        answer.series[0].row(0).collect::<Vec<_>>()
    };
    for group in [false, true] {
        // The point at 40 was deleted, so the one at 30 is the last before the range.
        for (age, value) in [(0, 10.0), (19, 10.0), (20, 40.0), (u64::MAX, 40.0)] {
            assert_eq!(increase(age, group), [Some(Value::F64(value)), Some(Value::U64(2))], "{age}");
        }
    }
}
