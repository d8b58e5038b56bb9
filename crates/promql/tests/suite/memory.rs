//! Limits on memory hold for what is allocated: a query that exceeds one ends before it has allocated much more.

use std::time::Duration;

use timestrata::{Batch, Db, SeriesKey, Snapshot, Timestamp};
use timestrata_promql::{Engine, EngineOptions, QueryError};

use crate::runner::parser_options;

const MIB: u64 = 1 << 20;
/// Limit of every query.
const LIMIT: u64 = 2 * MIB;
/// Allocations that are not counted: label sets, lists of rows, and blocks that are read.
const UNCOUNTED: u64 = 2 * MIB;

/// Returns a store of series that live all the time (`many`), one after the other (`one`), or whose values return after a
/// long time (`values`), or for a short time at each end (`pair`).
fn snapshot() -> Snapshot {
    let db = Db::builder("memory").in_memory().open_blocking().unwrap();
    let mut batch = Batch::new();
    for number in 0..100 {
        let text = number.to_string();
        let many = SeriesKey::new("many").tag("k", &*text).tag("instance", &*text).tag("job", "j");
        let bucket = SeriesKey::new("h").tag("k", &*text).tag("le", "+Inf");
        let lower = SeriesKey::new("h").tag("k", &*text).tag("le", "1");
        for time in 0..200 {
            let at = Timestamp::from_secs(25 * time);
            batch.push_key(&many, at, number * time);
            batch.push_key(&bucket, at, 10 * time);
            batch.push_key(&lower, at, 5 * time);
        }
        let at = Timestamp::from_secs(50 * number);
        batch.push_key(&SeriesKey::new("one").tag("pod", &*text), at, 1.0);
        for (version, second) in [("1", 0), ("2", 4_990)] {
            let pair = SeriesKey::new("pair").tag("k", &*text).tag("version", version);
            batch.push_key(&pair, Timestamp::from_secs(second), 1.0);
        }
        for version in 0..20 {
            let info = SeriesKey::new("target_info").tag("instance", &*text).tag("job", "j");
            let at = Timestamp::from_secs(250 * version);
            batch.push_key(&info.tag("version", version.to_string()), at, 1.0);
        }
    }
    for time in 0..1_000_u32 {
        let value = f64::from(time % 500) * 1.5;
        batch.push_key(&SeriesKey::new("values"), Timestamp::from_secs(5 * i64::from(time)), value);
        batch.push_key(
            &SeriesKey::new("values").tag("q", "1"),
            Timestamp::from_secs(5 * i64::from(time)),
            value + 0.25,
        );
    }
    db.write_blocking(batch).unwrap();
    db.snapshot()
}

fn engine(max_memory_bytes: u64) -> Engine {
    Engine::new(EngineOptions {
        parser: parser_options(),
        // The counter of allocations is that of one thread.
        threads: Some(1),
        max_memory_bytes,
        // The rows of `one` do not overlap.
        lookback: Duration::from_secs(50),
        ..EngineOptions::default()
    })
}

/// Runs a query over 5,000 steps; returns its error, and the most bytes that it held at a time.
fn run(snapshot: &Snapshot, query: &str, max_memory_bytes: u64) -> (Option<QueryError>, u64) {
    let (start, end) = (Timestamp::from_secs(0), Timestamp::from_secs(4_999));
    let query = engine(max_memory_bytes).range(snapshot, query, start, end, Duration::from_secs(1)).unwrap();
    let mut error = None;
    let allocations = allocation_counter::measure(|| error = query.run_blocking().err());
    (error, allocations.bytes_max)
}

#[test]
fn a_query_ends_before_it_allocates_much_more_than_its_limit() {
    let snapshot = snapshot();
    for query in [
        "many",
        "many @ 600",
        "many + many @ 600",
        "count_values(\"v\", values)",
        "many * on () group_left () one",
        "many * on () group_left (pod) one",
        "many and many",
        "many unless on (k) one",
        "one or many",
        "topk(50, many)",
        "topk(90, many)",
        "many + many",
        "sum by (k) (many)",
        "max_over_time(many[100s:1s])",
        "max_over_time(vector(1)[1d:100ms])",
        "histogram_quantiles(h, \"q\", 0.1, 0.5, 0.9)",
        "histogram_quantiles(h, \"q\", scalar(values) / 1500)",
        "info(many)",
        "label_replace(pair, \"version\", \"\", \"k\", \".*\")",
        "abs(many) - abs(many)",
        "label_replace(many, \"a\", \"$1\", \"k\", \"(.*)\")",
    ] {
        let (error, most) = run(&snapshot, query, LIMIT);
        assert!(
            matches!(error, Some(QueryError::LimitExceeded { option: "max_memory_bytes", .. })),
            "{query}: {error:?}, {most} bytes"
        );
        assert!(most < 2 * LIMIT + UNCOUNTED, "{query}: {most} bytes");
    }
}

#[test]
fn rows_that_match_one_row_after_the_other_share_their_memory() {
    let snapshot = snapshot();
    // 100 rows of 5,000 cells, twice (operand and result), and the points of the answer.
    let (error, most) = run(&snapshot, "many * on () group_left () one", 24 * MIB);
    assert!(error.is_none(), "{error:?}, {most} bytes");
}

#[test]
fn points_of_an_answer_count_as_memory() {
    let snapshot = snapshot();
    // Columns of 4 MB, and points of 8 MB.
    let columns_only = run(&snapshot, "many", 6 * MIB).0;
    assert!(matches!(columns_only, Some(QueryError::LimitExceeded { option: "max_memory_bytes", .. })));
    assert!(run(&snapshot, "many", 16 * MIB).0.is_none());
}
