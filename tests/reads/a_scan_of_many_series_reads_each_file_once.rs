//! A scan of many series returns the points of single scans, in any number of partitions, and reads each index page and
//! each block once. Summaries replace the blocks that lie in one window.

use std::collections::BTreeMap;
use std::time::Duration;

use timestrata::{
    Batch, Db, Error, PointSummary, Projection, Selector, SeriesChunk, SeriesKey, SeriesScan, Snapshot, SummaryWindows,
    Timestamp, Value, ValueSlice,
};

use crate::common::{Home, at};

const SERIES: usize = 40;

/// Points of each series: timestamps and values.
type Points = BTreeMap<String, Vec<(i64, Value)>>;

fn key(series: usize) -> SeriesKey {
    // The order of the keys differs from that of the ids.
    SeriesKey::new("m").tag("n", format!("{:02}", (series * 7) % SERIES))
}

fn value(series: usize, n: i64) -> Value {
    match series % 4 {
        0 => Value::F64(f64::from(i32::try_from(n).unwrap()) / 4.0),
        1 => Value::I64(-n),
        2 => Value::U64(n.unsigned_abs()),
        _ => Value::Bool(n % 3 == 0),
    }
}

/// Creates a database with `files` files of 300 points per series that follow one another in time, a file of late
/// points, a delete, and points in the memtable.
fn filled(home: &Home, files: i64) -> Db {
    let db = home.open();
    let write = |times: &mut dyn Iterator<Item = i64>| {
        let mut batch = Batch::new();
        for n in times {
            (0..SERIES).for_each(|series| batch.push_key(&key(series), at(n), value(series, n)));
        }
        db.write_blocking(batch).unwrap();
    };
    for file in 0..files {
        write(&mut (file * 300..file * 300 + 300));
        db.flush_blocking().unwrap();
    }
    write(&mut (0..20).map(|n| n * 7));
    db.flush_blocking().unwrap();
    db.delete_blocking(Selector::metric("m").tag("n", "14"), at(100)..at(450)).unwrap();
    write(&mut (files * 300..files * 300 + 30));
    db
}

fn collect(chunks: &mut Points, chunk: &SeriesChunk<'_>) {
    assert_eq!(chunk.timestamps.len(), chunk.values.len());
    let points = chunks.entry(chunk.series.to_string()).or_default();
    let values = (0..chunk.values.len()).map(|index| chunk.values.get(index).unwrap());
    points.extend(chunk.timestamps.iter().map(|at| at.as_nanos()).zip(values));
}

fn read(scan: SeriesScan, partitions: usize) -> Points {
    let mut points = Points::new();
    let mut last_id = None;
    for mut cursor in scan.partitions(partitions).unwrap() {
        while let Some(chunk) = cursor.next_chunk().unwrap() {
            assert!(last_id <= Some(chunk.series.id), "the ids of the series ascend");
            last_id = Some(chunk.series.id);
            collect(&mut points, &chunk);
        }
    }
    points
}

fn expected(snapshot: &Snapshot, range: std::ops::Range<i64>) -> Points {
    let items = snapshot.query(Selector::metric("m")).range(at(range.start)..at(range.end)).points();
    let mut points = Points::new();
    for item in items {
        let (series, point) = item.unwrap();
        points.entry(series.to_string()).or_default().push((point.timestamp.as_nanos(), point.value));
    }
    points
}

#[test]
fn a_scan_returns_the_points_of_single_scans() {
    let home = Home::new();
    let db = filled(&home, 3);
    for place in ["files and memtable", "compacted"] {
        let snapshot = db.snapshot();
        let scan = || snapshot.scan_series(Selector::metric("m"));
        for range in [i64::MIN..i64::MAX, 90..460, 300..301, 50..50] {
            let expected = expected(&snapshot, range.clone());
            for partitions in [1, 3, 1_000] {
                for chunk_points in [1, 100, 8_192] {
                    let scan = scan().range(at(range.start)..at(range.end)).chunk_points(chunk_points);
                    assert_eq!(read(scan, partitions), expected, "{place} {range:?} {partitions} {chunk_points}");
                }
            }
        }
        db.compact_blocking().unwrap();
    }
}

#[test]
fn a_projection_leaves_out_a_column_and_decodes_no_value_that_is_not_needed() {
    let home = Home::new();
    let db = filled(&home, 2);
    db.flush_blocking().unwrap();
    let snapshot = db.snapshot();
    let all = expected(&snapshot, i64::MIN..i64::MAX);
    let scan = |projection| snapshot.scan_series(Selector::metric("m")).projection(projection).cursor().unwrap();
    let before = db.stats().vectors_decoded;
    let (mut cursor, mut times) = (scan(Projection::Timestamps), BTreeMap::<String, Vec<i64>>::new());
    while let Some(chunk) = cursor.next_chunk().unwrap() {
        assert!(chunk.values.is_empty());
        let own = times.entry(chunk.series.to_string()).or_default();
        own.extend(chunk.timestamps.iter().map(|at| at.as_nanos()));
    }
    assert_eq!(db.stats().vectors_decoded, before, "no value is decoded");
    for (series, points) in &all {
        assert_eq!(times[series], points.iter().map(|(at, _)| *at).collect::<Vec<_>>());
    }
    let (mut cursor, mut count) = (scan(Projection::Values), 0);
    while let Some(chunk) = cursor.next_chunk().unwrap() {
        assert!(chunk.timestamps.is_empty());
        count += chunk.values.len();
    }
    assert_eq!(count, all.values().map(Vec::len).sum::<usize>());
}

#[test]
fn each_index_page_and_each_block_is_read_once() {
    let home = Home::new();
    let db = filled(&home, 4);
    db.compact_blocking().unwrap();
    db.flush_blocking().unwrap();
    drop(db);
    let db = home.open();
    let files = db.stats().files;
    let blocks: u64 = db
        .snapshot()
        .query(Selector::all())
        .aggregate(timestrata::Aggregate::Count)
        .statistics(false)
        .explain_blocking()
        .unwrap()
        .1
        .blocks_decoded;
    let before = db.stats();
    read(db.snapshot().scan_series(Selector::all()), 1);
    let after = db.stats();
    assert_eq!(after.blocks_decoded - before.blocks_decoded, blocks);
    assert!(after.index_pages_read <= files, "one page per file, and {files} files: {after:?}");
    assert!(after.files_opened <= files, "{after:?}");
}

fn add(own: &mut (u64, i128, i64, i64), summary: &PointSummary) {
    own.0 += summary.count;
    own.1 += summary.sum_integer().unwrap();
    own.2 = own.2.min(summary.first.timestamp.as_nanos());
    own.3 = own.3.max(summary.last.timestamp.as_nanos());
}

#[test]
fn summaries_replace_blocks_that_lie_in_one_window() {
    let home = Home::new();
    let db = filled(&home, 3);
    let snapshot = db.snapshot();
    let all = expected(&snapshot, i64::MIN..i64::MAX);
    let every = |nanos| SummaryWindows::every(Duration::from_nanos(nanos), at(0)).unwrap();
    let bounds = SummaryWindows::between([at(600), at(300)]);
    for (windows, are_summarized) in [(every(300), true), (every(1_000_000), true), (every(250), false), (bounds, true)]
    {
        let mut cursor =
            snapshot.scan_series(Selector::metric("m").tag("n", "07")).summaries(windows).cursor().unwrap();
        let (mut found, mut summaries) = ((0, 0, i64::MAX, i64::MIN), 0);
        while let Some(chunk) = cursor.next_chunk().unwrap() {
            if let Some(summary) = &chunk.summary {
                assert!(chunk.timestamps.is_empty() && chunk.values.is_empty() && !summary.has_nan);
                assert_eq!(summary.min, summary.last.value, "the values fall");
                assert_eq!(chunk.point_count(), summary.count);
                summaries += 1;
                add(&mut found, summary);
                continue;
            }
            let ValueSlice::I64(values) = chunk.values else { panic!("{:?}", chunk.values) };
            found.0 += values.len() as u64;
            found.1 += values.iter().map(|value| i128::from(*value)).sum::<i128>();
            found.2 = found.2.min(chunk.timestamps[0].as_nanos());
            found.3 = found.3.max(chunk.timestamps.last().unwrap().as_nanos());
        }
        let points = &all[&key(1).to_string()];
        let sum: i128 = points.iter().map(|(_, value)| i128::from(i64::try_from(*value).unwrap())).sum();
        assert_eq!(found, (points.len() as u64, sum, points[0].0, points.last().unwrap().0));
        assert_eq!(summaries > 0, are_summarized, "{summaries}");
    }
    assert!(SummaryWindows::every(Duration::ZERO, Timestamp::MIN).is_err());
}

#[tokio::test]
async fn a_stream_returns_the_same_chunks_and_a_scan_can_be_cancelled() {
    let home = Home::new();
    let db = filled(&home, 2);
    let snapshot = db.snapshot();
    let all = expected(&snapshot, i64::MIN..i64::MAX);
    let mut stream = snapshot.scan_series(Selector::metric("m")).cursor().unwrap().stream();
    let mut points = Points::new();
    while let Some(chunk) = stream.next().await {
        collect(&mut points, &chunk.unwrap().as_chunk());
    }
    assert_eq!(points, all);
    assert!(stream.next().await.is_none());

    let mut cursor = snapshot.scan_series(Selector::all()).cursor().unwrap();
    let cancellation = cursor.cancellation();
    assert!(cursor.next_chunk().unwrap().is_some());
    cancellation.cancel();
    assert!(matches!(cursor.next_chunk(), Err(Error::ScanCancelled)));
    assert!(cursor.next_chunk().unwrap().is_none());
    let mut nothing = snapshot.scan_series(Selector::metric("none")).cursor().unwrap();
    assert!(nothing.next_chunk().unwrap().is_none());
    assert!(snapshot.scan_series(Selector::all().tag_matches("a", "(")).cursor().is_err());
}
