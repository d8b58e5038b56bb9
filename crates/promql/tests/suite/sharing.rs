//! Equal parts of a query are evaluated once, with the same answer and the same annotations.

use std::time::Duration;

use timestrata::{Batch, Db, SeriesKey, Timestamp};
use timestrata_promql::{Engine, EngineOptions, QueryResult, QueryValue};

use crate::runner::parser_options;

fn run(query: &str) -> QueryResult {
    let db = Db::builder("sharing").in_memory().open_blocking().unwrap();
    let mut batch = Batch::new();
    for series in 0..4 {
        let key = SeriesKey::new("x").tag("host", (series % 2).to_string()).tag("id", series.to_string());
        for time in 0..100 {
            batch.push_key(&key, Timestamp::from_secs(time * 10), f64::from(series) + 1.0);
        }
    }
    db.write_blocking(batch).unwrap();
    let engine = Engine::new(EngineOptions { parser: parser_options(), ..EngineOptions::default() });
    let (start, end) = (Timestamp::from_secs(100), Timestamp::from_secs(900));
    engine.range(&db.snapshot(), query, start, end, Duration::from_secs(50)).unwrap().run_blocking().unwrap()
}

/// Returns the values of all series and the annotations.
fn answer(result: &QueryResult) -> (Vec<Vec<f64>>, Vec<String>) {
    let QueryValue::Matrix(list) = &result.value else { panic!("{result:?}") };
    let values = list.iter().map(|series| series.points.iter().map(|(_, value)| *value).collect()).collect();
    (values, result.annotations.iter().map(ToString::to_string).collect())
}

#[test]
fn equal_parts_are_evaluated_once_and_annotated_at_each_place() {
    let shared = run("sum by (host) (rate(x[1m])) + sum by (host) (rate(x[1m])) + sum by (host) (rate(x[1m]))");
    assert_eq!((shared.statistics.shared_parts, shared.statistics.leaves, shared.statistics.reads), (2, 1, 1));
    // The same query with other spaces: each part is another text.
    let apart = run("sum by (host) (rate(x[1m])) + sum by (host)  (rate( x[1m])) + sum by (host) ( rate(x[1m] ))");
    assert_eq!((apart.statistics.shared_parts, apart.statistics.leaves), (0, 1));
    let ((values, texts), (expected, _)) = (answer(&shared), answer(&apart));
    assert_eq!(values, expected);
    let places: Vec<&str> = texts.iter().filter_map(|text| text.rsplit(' ').next()).collect();
    assert_eq!(places, ["(1:21)", "(1:51)", "(1:81)"], "{texts:?}");
}

#[test]
fn parts_with_other_steps_or_only_one_place_are_not_shared() {
    // The subquery has steps of its own.
    let result = run("sum(x) + max_over_time(sum(x)[2m:10s])");
    assert_eq!((result.statistics.shared_parts, result.statistics.reads), (0, 1));
    let result = run("sum(count(x) + count(x)) + sum(count(x) + count(x))");
    assert_eq!(result.statistics.shared_parts, 2);
    assert_eq!(answer(&result).0, vec![vec![16.0; 17]]);
}
