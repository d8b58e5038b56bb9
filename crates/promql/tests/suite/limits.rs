//! Limits end a query with an error that names them, and no query panics.

use std::time::Duration;

use timestrata::{Batch, Db, SeriesKey, Snapshot, Timestamp};
use timestrata_promql::{Engine, EngineOptions, QueryError, QueryResult};

use crate::runner::parser_options;

fn snapshot() -> Snapshot {
    let db = Db::builder("limits").in_memory().open_blocking().unwrap();
    let mut batch = Batch::new();
    for series in 0..10 {
        let key = SeriesKey::new("x").tag("id", series.to_string());
        for time in 0..100 {
            batch.push_key(&key, Timestamp::from_secs(time), time);
        }
        batch.push_key(&key, Timestamp::from_secs(200), (1_i64 << 60) + 1);
    }
    db.write_blocking(batch).unwrap();
    db.snapshot()
}

fn run(options: &EngineOptions, query: &str) -> Result<QueryResult, QueryError> {
    let engine = Engine::new(EngineOptions { parser: parser_options(), ..options.clone() });
    let (start, end) = (Timestamp::from_secs(0), Timestamp::from_secs(200));
    engine.range(&snapshot(), query, start, end, Duration::from_secs(1))?.run_blocking()
}

#[test]
fn each_limit_names_itself_and_its_option() {
    let limits = [
        (EngineOptions { max_samples: 100, ..EngineOptions::default() }, "samples", "max_samples"),
        (EngineOptions { max_series: 9, ..EngineOptions::default() }, "series", "max_series"),
        (EngineOptions { max_steps: 200, ..EngineOptions::default() }, "steps", "max_steps"),
        (EngineOptions { max_memory_bytes: 1_000, ..EngineOptions::default() }, "bytes of memory", "max_memory_bytes"),
    ];
    for (options, limited, named) in limits {
        match run(&options, "sum(rate(x[10s]))") {
            Err(QueryError::LimitExceeded { what, option, .. }) => assert_eq!((what, option), (limited, named)),
            other => panic!("{limited}: {other:?}"),
        }
    }
    let timeout = EngineOptions { timeout: Some(Duration::ZERO), ..EngineOptions::default() };
    assert!(matches!(run(&timeout, "x"), Err(QueryError::Timeout { .. })));
}

#[test]
fn a_cancelled_query_ends() {
    let query = Engine::default().instant(&snapshot(), "sum(x)", Timestamp::from_secs(5)).unwrap();
    query.cancellation().cancel();
    assert!(matches!(query.run_blocking(), Err(QueryError::Cancelled)));
}

#[test]
fn rounded_integers_are_reported() {
    let found = run(&EngineOptions::default(), "x").unwrap();
    let texts: Vec<String> = found.annotations.iter().map(ToString::to_string).collect();
    assert_eq!(texts, ["PromQL info: integers beyond 2^53 are rounded to floats for metric name \"x\" (1:1)"]);
}

#[test]
fn extreme_times_and_lengths_do_not_panic() {
    for query in [
        "rate(x[290y])",
        "delta(x[290y] smoothed)",
        "increase(x[290y] anchored offset -290y)",
        "sum_over_time(x[1h:1h] @ 9e9)",
        "x @ -9.9e9 offset 200y",
        "max_over_time(vector(1)[290y:1ms])",
        "predict_linear(x[200y], 1e300)",
        "x offset -290y",
        "year(vector(1e300)) + year(vector(-1e300))",
        "topk(1e300, x)",
        "round(x, 0) % 0 ^ x",
    ] {
        // A result or an error, but no panic.
        let answer = run(&EngineOptions::default(), query);
        assert!(answer.is_ok() || answer.is_err(), "{query}");
    }
}

#[test]
fn a_deep_expression_is_evaluated() {
    let deep = format!("1{}", " + 1".repeat(240));
    assert!(run(&EngineOptions::default(), &deep).is_ok());
    let deep = format!("{}x{}", "abs(".repeat(120), ")".repeat(120));
    assert!(run(&EngineOptions::default(), &deep).is_ok());
}

#[test]
fn a_future_runs_without_a_runtime_and_stops_when_it_is_dropped() {
    use std::future::Future;
    use std::sync::Arc;
    use std::task::{Context, Poll, Wake, Waker};

    struct Unpark(std::thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    let query = Engine::default().instant(&snapshot(), "count(x)", Timestamp::from_secs(5)).unwrap();
    let mut future = std::pin::pin!(query.run());
    let result = loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(result) => break result,
            Poll::Pending => std::thread::park_timeout(Duration::from_secs(1)),
        }
    };
    assert_eq!(result.unwrap().statistics.series, 10);

    let query = Engine::default().instant(&snapshot(), "count(x)", Timestamp::from_secs(5)).unwrap();
    let cancellation = query.cancellation();
    let mut future = Box::pin(query.run());
    let _ = future.as_mut().poll(&mut context);
    drop(future);
    cancellation.cancel();
}

#[test]
fn values_that_are_repeated_for_all_steps_count_as_samples() {
    let options = EngineOptions { max_samples: 1_000, ..EngineOptions::default() };
    let error = run(&options, "x @ 50");
    assert!(matches!(error, Err(QueryError::LimitExceeded { option: "max_samples", .. })), "{error:?}");
}

#[test]
fn annotations_of_many_metrics_are_kept_up_to_a_number() {
    let db = Db::builder("limits").in_memory().open_blocking().unwrap();
    let mut batch = Batch::new();
    for number in 0..1_200 {
        for second in [0, 10] {
            let key = SeriesKey::new(format!("metric_{number}")).tag("number", number.to_string());
            batch.push_key(&key, Timestamp::from_secs(second), second);
        }
    }
    db.write_blocking(batch).unwrap();
    let text = "sum(rate({__name__=~\"metric_.*\"}[1m]))";
    let query = Engine::default().instant(&db.snapshot(), text, Timestamp::from_secs(10)).unwrap();
    let annotations = query.run_blocking().unwrap().annotations;
    assert_eq!(annotations.len(), 1_001);
    assert_eq!(annotations[1_000].to_string(), "PromQL info: 200 more info annotations omitted (1:1)");
}

#[test]
fn duplicates_at_steps_without_the_other_side_are_found_in_one_pass() {
    let db = Db::builder("limits").in_memory().open_blocking().unwrap();
    let mut batch = Batch::new();
    for number in 0..2_000 {
        batch.push_key(&SeriesKey::new("one").tag("s", number.to_string()), Timestamp::from_secs(600), 1.0);
        batch.push_key(&SeriesKey::new("many").tag("s", number.to_string()), Timestamp::from_secs(100_000), 1.0);
    }
    db.write_blocking(batch).unwrap();
    let range = |query: &str| {
        let (start, end) = (Timestamp::from_secs(600), Timestamp::from_secs(100_000));
        let query = Engine::default().range(&db.snapshot(), query, start, end, Duration::from_secs(100)).unwrap();
        query.run_blocking()
    };
    // Where `one` has duplicates, `many` has no value.
    assert_eq!(range("many * on () one").unwrap().value, timestrata_promql::QueryValue::Matrix(Vec::new()));
    assert!(range("one * on () one").is_err());
}
