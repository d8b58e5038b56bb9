//! Files opened, index pages read, blocks and vectors decoded by queries and scans of a fixed layout: each is counted once,
//! whatever the windows, and what statistics answer, deletes or retention hide, or a projection omits is not decoded.
//!
//! Each of three files has 10,000 points of two series: two blocks of 5,000 points, which are five vectors each.

use std::time::Duration;

use timestrata::{Aggregate, Batch, Db, Edge, Projection, Query, Selector, SeriesKey, SeriesScan, SummaryWindows};

use crate::common::{Home, at, key};

const SERIES: usize = 2;
const FILE_POINTS: i64 = 10_000;
const FILES: i64 = 3;
const BLOCK_POINTS: i64 = 5_000;

fn filled(home: &Home) {
    let db = home.open();
    for file in 0..FILES {
        let mut batch = Batch::new();
        for n in file * FILE_POINTS..(file + 1) * FILE_POINTS {
            // Steps of different lengths, so that no column is a constant.
            (0..SERIES).for_each(|series| batch.push_key(&key("m", series), at(n), (n * n) % 1_009));
        }
        db.write_blocking(batch).unwrap();
        db.flush_blocking().unwrap();
    }
    db.close_blocking().unwrap();
}

/// Counts of one read.
#[derive(Debug, PartialEq, Eq)]
struct Reads {
    files: u64,
    index_pages: u64,
    blocks: u64,
    vectors: u64,
}

fn reads(files: u64, index_pages: u64, blocks: u64, vectors: u64) -> Reads {
    Reads { files, index_pages, blocks, vectors }
}

fn count(db: &Db, read: impl FnOnce()) -> Reads {
    let before = db.stats();
    read();
    let after = db.stats();
    Reads {
        files: after.files_opened - before.files_opened,
        index_pages: after.index_pages_read - before.index_pages_read,
        blocks: after.blocks_decoded - before.blocks_decoded,
        vectors: after.vectors_decoded - before.vectors_decoded,
    }
}

fn of_query(db: &Db, build: impl FnOnce(Query) -> Query) -> Reads {
    let query = build(db.snapshot().query(Selector::metric("m"))).threads(1);
    count(db, || drop(query.run_blocking().unwrap()))
}

fn of_scan(db: &Db, build: impl FnOnce(SeriesScan) -> SeriesScan) -> Reads {
    let scan = build(db.snapshot().scan_series(Selector::metric("m")));
    count(db, || {
        for mut cursor in scan.partitions(2).unwrap() {
            while cursor.next_chunk().unwrap().is_some() {}
        }
    })
}

fn nanos(nanos: i64) -> Duration {
    Duration::from_nanos(nanos.unsigned_abs())
}

#[test]
fn the_first_query_opens_each_file_and_reads_each_index_page_once() {
    let home = Home::new();
    filled(&home);
    let db = home.open();
    assert_eq!(of_query(&db, |query| query.aggregate(Aggregate::Sum)), reads(3, 3, 0, 0), "by statistics");
    let points = of_query(&db, |query| query.aggregate(Aggregate::Variance));
    assert_eq!(points, reads(0, 0, 12, 60), "files and index pages are cached");
}

#[test]
fn windows_decode_each_block_once() {
    let home = Home::new();
    filled(&home);
    let db = home.open();
    let every = |query: Query| query.every(nanos(1_000)).aggregate(Aggregate::Sum);
    assert_eq!(of_query(&db, every), reads(3, 3, 12, 60));
    let overlapping = of_query(&db, |query| every(query).over(nanos(2_500)).closed(Edge::End));
    assert_eq!(overlapping, reads(0, 0, 12, 60), "each point lies in two or three windows");
    let all = of_query(&db, |query| query.every(nanos(1_000)).aggregates(timestrata::testing::all_aggregates()));
    assert_eq!(all, reads(0, 0, 12, 60), "all aggregates in one pass");
    let ranked = of_query(&db, |query| every(query).top(1, Aggregate::Max));
    assert_eq!(ranked, reads(0, 0, 12, 60), "the rank is computed in the same pass");
}

#[test]
fn a_range_and_its_lookback_decode_the_vectors_that_they_need() {
    let home = Home::new();
    filled(&home);
    let db = home.open();
    let increase =
        |query: Query, from: i64, until: i64| query.range(at(from)..at(until)).aggregate(Aggregate::Increase);
    let second_file = |query| increase(query, FILE_POINTS, 2 * FILE_POINTS);
    assert_eq!(of_query(&db, second_file), reads(1, 1, 4, 20));
    let with_lookback = of_query(&db, |query| second_file(query).lookback(nanos(5)));
    assert_eq!(with_lookback, reads(1, 1, 6, 22), "the last vector of the first file");
    let of_sums = of_query(&db, |query| {
        query.range(at(FILE_POINTS)..at(2 * FILE_POINTS)).aggregate(Aggregate::Sum).lookback(nanos(5))
    });
    assert_eq!(of_sums, reads(0, 0, 0, 0), "a sum has no step");
    let one_vector = of_query(&db, |query| increase(query, 100, 900));
    assert_eq!(one_vector, reads(0, 0, 2, 2));
}

#[test]
fn hidden_blocks_are_not_decoded() {
    let home = Home::new();
    filled(&home);
    let age = nanos(FILES * FILE_POINTS - 1 - BLOCK_POINTS);
    let db = home.builder().retain_for(age).retention_grace(Duration::ZERO).open_blocking().unwrap();
    db.apply_retention_now_blocking().unwrap();
    assert_eq!(db.stats().retention_cutoff, Some(at(BLOCK_POINTS)));
    let variance = |query: Query| query.aggregate(Aggregate::Variance);
    assert_eq!(of_query(&db, variance), reads(3, 3, 10, 50), "retention hides a block of each series");
    let one = Selector::metric("m").tag("n", "0");
    db.delete_blocking(one, at(FILE_POINTS)..at(FILE_POINTS + BLOCK_POINTS)).unwrap();
    assert_eq!(of_query(&db, variance), reads(0, 0, 9, 45), "a delete hides a block of one series");
    assert_eq!(of_query(&db, |query| query.aggregate(Aggregate::Max)), reads(0, 0, 0, 0), "other blocks are whole");
    db.delete_blocking(Selector::metric("m"), at(2 * FILE_POINTS)..at(2 * FILE_POINTS + 10)).unwrap();
    assert_eq!(of_query(&db, |query| query.aggregate(Aggregate::Max)), reads(0, 0, 2, 10), "two blocks are cut");
}

#[test]
fn a_scan_decodes_no_value_that_it_does_not_return() {
    let home = Home::new();
    filled(&home);
    let db = home.open();
    // Each partition opens its own cursors, but files and pages are shared.
    assert_eq!(of_scan(&db, |scan| scan), reads(3, 3, 12, 60));
    assert_eq!(of_scan(&db, |scan| scan.chunk_points(10)), reads(0, 0, 12, 60));
    assert_eq!(of_scan(&db, |scan| scan.projection(Projection::Values)), reads(0, 0, 12, 60));
    assert_eq!(of_scan(&db, |scan| scan.projection(Projection::Timestamps)), reads(0, 0, 12, 0));
    let windows = |length| SummaryWindows::every(nanos(length), at(0)).unwrap();
    assert_eq!(of_scan(&db, |scan| scan.summaries(windows(FILE_POINTS))), reads(0, 0, 0, 0));
    // The windows end within the first block of each file.
    let shifted = SummaryWindows::every(nanos(FILE_POINTS), at(BLOCK_POINTS / 2)).unwrap();
    assert_eq!(of_scan(&db, |scan| scan.summaries(shifted)), reads(0, 0, 6, 30));
}

#[test]
fn points_in_memory_decode_only_the_blocks_that_they_overlap() {
    let home = Home::new();
    filled(&home);
    let db = home.open();
    let write = |time: i64| {
        let mut batch = Batch::new();
        batch.push_key(&SeriesKey::new("m").tag("n", "0"), at(time), 7_i64);
        db.write_blocking(batch).unwrap();
    };
    write(FILES * FILE_POINTS);
    assert_eq!(of_query(&db, |query| query.aggregate(Aggregate::Sum)), reads(3, 3, 0, 0), "behind all blocks");
    write(FILE_POINTS + 5);
    assert_eq!(of_query(&db, |query| query.aggregate(Aggregate::Sum)), reads(0, 0, 1, 5), "within one block");
}
