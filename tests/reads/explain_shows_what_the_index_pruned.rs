//! Queries use the catalog, the index and the statistics; the explain report and the counters show the saved work.

use timestrata::{Aggregate, Batch, Db, ExplainReport, Query, Selector, SeriesKey, Timestamp};

use crate::common::Home;

/// Points per series and file: two full blocks and a partial one.
const POINTS: i64 = 20_000;
const BLOCKS: u64 = 3;
const SERIES: i64 = 4;

/// Database with two files, one after the other in time, of four series with three blocks each; one point per second.
fn filled(home: &Home) -> Db {
    let db = home.open();
    for part in 0..2 {
        let mut batch = Batch::new();
        for series in 0..SERIES {
            let key = SeriesKey::new("load").tag("host", series.to_string());
            for n in part * POINTS..(part + 1) * POINTS {
                batch.push_key(&key, Timestamp::from_secs(n), u64::try_from(n % 100).unwrap());
            }
        }
        db.write_blocking(batch).unwrap();
        db.flush_blocking().unwrap();
    }
    assert_eq!(db.stats().files, 2);
    db
}

fn of(db: &Db, host: &str) -> Query {
    db.snapshot().query(Selector::metric("load").tag("host", host)).aggregate(Aggregate::Sum)
}

fn explained(query: Query) -> ExplainReport {
    let (answer, explain) = query.clone().explain_blocking().unwrap();
    assert_eq!(answer, query.clone().run_blocking().unwrap());
    assert_eq!(answer, query.statistics(false).run_blocking().unwrap());
    let all = explain.blocks_pruned_by_series
        + explain.blocks_pruned_by_time
        + explain.blocks_hidden
        + explain.blocks_by_statistics
        + explain.blocks_decoded;
    assert_eq!(all, explain.blocks, "each block in one place: {explain:?}");
    explain
}

#[test]
fn explain_shows_what_the_index_pruned() {
    let home = Home::new();
    let db = filled(&home);
    let others = 2 * BLOCKS * 3;

    let whole = explained(of(&db, "1"));
    assert_eq!((whole.series, whole.series_selected, whole.files), (4, 1, 2));
    assert_eq!((whole.files_pruned_by_series, whole.files_pruned_by_time), (0, 0));
    assert_eq!((whole.blocks, whole.blocks_pruned_by_series), (24, others));
    assert_eq!((whole.blocks_by_statistics, whole.blocks_decoded, whole.bytes_read), (2 * BLOCKS, 0, 0));
    assert_eq!(whole.points_by_statistics, 40_000);

    // The range needs the first file only, and a part of the first block: the other blocks are skipped.
    let range = Timestamp::from_secs(100)..Timestamp::from_secs(8_000);
    let edge = explained(of(&db, "1").range(range));
    assert_eq!((edge.files_pruned_by_time, edge.blocks_pruned_by_time), (1, 12 + 2));
    assert_eq!((edge.blocks_by_statistics, edge.blocks_decoded, edge.points_decoded), (0, 1, 8_192));
    assert!(edge.bytes_read > 0 && edge.bytes_read < 8_192 * 16);

    // The blocks at both edges are decoded, the blocks between them are not.
    let range = Timestamp::from_secs(100)..Timestamp::from_secs(39_000);
    let inner = explained(of(&db, "1").range(range));
    assert_eq!((inner.blocks_by_statistics, inner.blocks_decoded), (4, 2));

    let none = explained(of(&db, "no such host"));
    assert_eq!((none.series_selected, none.files_pruned_by_series, none.blocks_pruned_by_series), (0, 2, 24));
}

#[test]
fn statistics_answer_only_what_lies_in_one_window_and_is_seen_whole() {
    let home = Home::new();
    let db = filled(&home);
    let hour = std::time::Duration::from_hours(1);
    let decoded = |query: Query| {
        let explain = explained(query);
        (explain.blocks_by_statistics, explain.blocks_decoded, explain.blocks_hidden)
    };
    assert_eq!(decoded(of(&db, "1").every(hour)), (0, 6, 0), "blocks are longer than windows");
    assert_eq!(decoded(of(&db, "1").every(hour * 1_000)), (6, 0, 0));
    assert_eq!(decoded(of(&db, "1").aggregate(Aggregate::StdDev)), (0, 6, 0), "an aggregate needs the points");
    assert_eq!(decoded(of(&db, "1").aggregates([Aggregate::First, Aggregate::Last, Aggregate::Spread])), (6, 0, 0));
    assert_eq!(decoded(of(&db, "1").top(1, Aggregate::quantile(0.5))), (0, 6, 0), "the ranking needs them");

    // A late point in the memtable lies in the time range of one block.
    let mut late = Batch::new();
    late.push_key(&SeriesKey::new("load").tag("host", "1"), Timestamp::from_secs(9_000), 7_u64);
    db.write_blocking(late).unwrap();
    assert_eq!(decoded(of(&db, "1")), (5, 1, 0));
    assert_eq!(decoded(of(&db, "2")), (6, 0, 0), "another series does not care");

    // One block is hidden whole, two in part.
    let select = Selector::metric("load").tag("host", "2");
    db.delete_blocking(select, Timestamp::from_secs(8_000)..Timestamp::from_secs(16_500)).unwrap();
    assert_eq!(decoded(of(&db, "2")), (3, 2, 1));

    // The last block is hidden whole, the block before it in part.
    let select = Selector::metric("load").tag("host", "3");
    db.delete_blocking(select, Timestamp::from_secs(30_000)..).unwrap();
    assert_eq!(decoded(of(&db, "3")), (4, 1, 1));

    // An empty series does not count as a series.
    db.delete_blocking(Selector::metric("load").tag("host", "0"), ..).unwrap();
    assert_eq!(explained(of(&db, "1")).series, 3);
}

#[test]
fn the_sign_of_a_zero_minimum_comes_from_the_points() {
    let home = Home::new();
    let db = home.open();
    let zeros = (0..200).map(|n| (n, if n == 150 { -0.0 } else { 0.0 }));
    db.write_blocking(crate::common::batch(&SeriesKey::new("zeros"), zeros)).unwrap();
    db.flush_blocking().unwrap();
    let query = |aggregate| db.snapshot().query(Selector::metric("zeros")).aggregate(aggregate);
    let (answer, explain) = query(Aggregate::Min).explain_blocking().unwrap();
    assert_eq!(answer.series[0].values[0].get(0).map(|least| least.as_f64().to_bits()), Some((-0.0_f64).to_bits()));
    assert_eq!((explain.blocks_by_statistics, explain.blocks_decoded), (0, 1));
    assert_eq!(query(Aggregate::Sum).explain_blocking().unwrap().1.blocks_by_statistics, 1);
}

#[test]
fn its_text_names_every_count() {
    let home = Home::new();
    let explain = explained(of(&filled(&home), "0"));
    let text = explain.to_string();
    assert!(
        text.starts_with("series: 1 of 4 selected\nfiles: 2, pruned by series 0, by time 0\nblocks: 24,"),
        "{text}"
    );
    assert!(text.contains("answered by statistics 6, decoded 0\n"), "{text}");
}
