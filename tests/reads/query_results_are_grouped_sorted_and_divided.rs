//! Groups of series with and without a tag, of several types and metrics; the windows that are returned; arithmetic on
//! results.

use std::time::Duration;

use timestrata::{Aggregate, Batch, Db, Fill, Query, Selector, SeriesKey, Value, Windows};

use crate::common::{Home, at};

fn host(metric: &str, host: &str) -> SeriesKey {
    SeriesKey::new(metric).tag("host", host)
}

/// Database with errors and requests of two hosts, and of a third series of doubles that has no host.
fn filled(home: &Home) -> Db {
    let db = home.open();
    let mut batch = Batch::new();
    for n in 0..6_u32 {
        let time = at(i64::from(n) * 10);
        batch.push_key(&host("errors", "a"), time, u64::from(n % 2));
        batch.push_key(&host("requests", "a"), time, u64::from(n + 1));
        if n != 2 {
            batch.push_key(&host("requests", "b"), time, u64::from(10 * n));
        }
        batch.push_key(&SeriesKey::new("requests"), time, 0.5);
    }
    db.write_blocking(batch).unwrap();
    db
}

fn query(db: &Db, metric: &str) -> Query {
    db.snapshot().query(Selector::metric(metric)).every(Duration::from_nanos(20)).aggregate(Aggregate::Sum)
}

fn rows(answer: &Windows) -> Vec<(String, Vec<i64>, Vec<Option<Value>>)> {
    let starts = |starts: &[timestrata::Timestamp]| starts.iter().map(|start| start.as_nanos()).collect();
    answer.series.iter().map(|row| (row.key.to_string(), starts(&row.starts), row.values[0].iter().collect())).collect()
}

#[test]
fn a_tag_that_is_not_there_makes_a_group_of_its_own() {
    let home = Home::new();
    let db = filled(&home);
    let answer = query(&db, "requests").group_by(["host", "rack"]).run_blocking().unwrap();
    let values = |values: [u64; 3]| values.map(|value| Some(Value::U64(value))).to_vec();
    assert_eq!(
        rows(&answer),
        [
            ("requests".to_owned(), vec![0, 20, 40], vec![Some(Value::F64(1.0)); 3]),
            (host("requests", "a").to_string(), vec![0, 20, 40], values([3, 7, 11])),
            (host("requests", "b").to_string(), vec![0, 20, 40], values([10, 30, 90])),
        ]
    );
}

#[test]
fn types_and_metrics_of_a_group_come_together_as_doubles() {
    let home = Home::new();
    let db = filled(&home);
    let all = db.snapshot().query(Selector::all()).aggregates([Aggregate::Sum, Aggregate::Max, Aggregate::Last]);
    let answer = all.aggregate(Aggregate::Count).group_all().run_blocking().unwrap();
    let row = &answer.series[0];
    assert_eq!((row.key.metric(), row.members, row.len()), ("", 4, 1));
    let expected = [Value::F64(157.0), Value::F64(50.0), Value::F64(0.5), Value::U64(23)];
    assert_eq!(row.row(0).collect::<Vec<_>>(), expected.map(Some));
}

#[test]
fn windows_are_filled_then_ordered_then_left_out() {
    let home = Home::new();
    let db = filled(&home);
    let own =
        || query(&db, "errors").every(Duration::from_nanos(5)).range(at(0)..at(24)).fill(Fill::Value(9_u64.into()));
    let answer = own().newest_first().offset(1).limit(3).run_blocking().unwrap();
    let values = [Value::U64(9), Value::U64(1), Value::U64(9)].map(Some).to_vec();
    assert_eq!(rows(&answer), [(host("errors", "a").to_string(), vec![15, 10, 5], values)]);
    assert!(own().offset(5).run_blocking().unwrap().is_empty(), "a row without windows is none");
    assert!(own().limit(0).run_blocking().unwrap().is_empty());
}

#[test]
fn the_best_rows_are_the_best_of_the_whole_range() {
    let home = Home::new();
    let db = filled(&home);
    let keys = |query: Query| -> Vec<String> {
        query.run_blocking().unwrap().series.iter().map(|row| row.key.to_string()).collect()
    };
    let (a, b) = (host("requests", "a").to_string(), host("requests", "b").to_string());
    assert_eq!(keys(query(&db, "requests").top(2, Aggregate::Max)), [b.clone(), a.clone()]);
    assert_eq!(keys(query(&db, "requests").bottom(2, Aggregate::Count)), [b, "requests".to_owned()]);
    assert!(keys(query(&db, "requests").top(0, Aggregate::Max)).is_empty());
}

#[test]
fn answers_are_divided_where_tags_and_windows_meet() {
    let home = Home::new();
    let db = filled(&home);
    let requests = query(&db, "requests").aggregate(Aggregate::Count).run_blocking().unwrap();
    let errors = query(&db, "errors").range(at(20)..).run_blocking().unwrap();
    let share = errors.div(&requests);
    assert_eq!(share.columns, ["sum / sum", "sum / count"]);
    assert_eq!((share.series.len(), share.series[0].members, share.series[0].key.metric()), (1, 2, ""));
    assert_eq!(share.series[0].starts, [at(20), at(40)]);
    assert_eq!(
        share.series[0].values,
        [[1.0 / 7.0, 1.0 / 11.0], [0.5, 0.5]].map(|column| column.map(|v| Some(v.into())))
    );
    assert_eq!(requests.sub(&requests).columns, ["sum - sum", "count - count"]);
    let sums = requests.add(&requests).mul(&requests);
    assert_eq!(sums.series.len(), 3);
    assert!(errors.div(&query(&db, "nothing").run_blocking().unwrap()).is_empty());
}
