//! The metadata of a file is known without reading the file: opening a database opens no SST, planning decodes no
//! block, and a query reads only what it needs.

use timestrata::{Db, Selector, Stats};

use crate::common::{Home, at, batch, key};

const SERIES: usize = 4;
const POINTS: i64 = 40_000;

fn cost(db: &Db, act: impl FnOnce(&Db)) -> Stats {
    let before = db.stats();
    act(db);
    let mut stats = db.stats();
    stats.files_opened -= before.files_opened;
    stats.index_pages_read -= before.index_pages_read;
    stats.blocks_decoded -= before.blocks_decoded;
    stats.bytes_read -= before.bytes_read;
    stats
}

/// Writes three files, one after the other in time, each with five blocks of each series.
fn three_files(home: &Home) {
    let db = home.open();
    for file in 0..3 {
        for series in 0..SERIES {
            let times = file * POINTS..(file + 1) * POINTS;
            db.write_blocking(batch(&key("m", series), times.map(|n| (n, n * n)))).unwrap();
        }
        db.flush_blocking().unwrap();
    }
    db.close_blocking().unwrap();
}

#[test]
fn opening_and_planning_decode_no_block() {
    let home = Home::new();
    three_files(&home);
    let db = home.open();
    let stats = db.stats();
    assert_eq!((stats.files, stats.file_points), (3, 3 * SERIES as u64 * POINTS.cast_unsigned()));
    assert_eq!((stats.files_opened, stats.index_pages_read, stats.blocks_decoded, stats.bytes_read), (0, 0, 0, 0));
    let snapshot = db.snapshot();
    let series = snapshot.series::<i64>(&key("m", 1)).unwrap();

    let spent = cost(&db, |_| {
        drop(snapshot.list_series(&Selector::all()));
        drop(snapshot.scan(series, ..));
        drop(snapshot.scan(series, at(5)..at(7)).chunks());
        drop(snapshot.query(Selector::all()).points());
    });
    assert_eq!((spent.files_opened, spent.bytes_read), (0, 0), "what reads nothing costs nothing");

    // One point in the middle of the second file needs one file, one index page and one block.
    let middle = POINTS + POINTS / 2;
    let spent = cost(&db, |_| {
        let points = snapshot.scan(series, at(middle)..=at(middle)).collect_blocking().unwrap();
        assert_eq!(points[0].value, middle * middle);
    });
    assert_eq!((spent.files_opened, spent.index_pages_read, spent.blocks_decoded), (1, 1, 1), "{spent:?}");
    assert!(spent.bytes_read < spent.file_bytes / 3, "{spent:?}");

    // The same read again: file and index page are cached.
    let spent = cost(&db, |_| drop(snapshot.scan(series, at(middle)..=at(middle)).collect_blocking().unwrap()));
    assert_eq!((spent.files_opened, spent.index_pages_read, spent.blocks_decoded), (0, 0, 1), "{spent:?}");

    // Ranges between files, before all files and after all files: no file is opened.
    let spent = cost(&db, |_| {
        assert!(snapshot.scan(series, ..at(0)).collect_blocking().unwrap().is_empty());
        assert!(snapshot.scan(series, at(3 * POINTS)..).collect_blocking().unwrap().is_empty());
    });
    assert_eq!((spent.files_opened, spent.blocks_decoded, spent.bytes_read), (0, 0, 0));

    // The latest point is in the index of the last file: no block is read for it.
    let spent = cost(&db, |_| {
        assert_eq!(snapshot.latest_blocking(series).unwrap().unwrap().timestamp, at(3 * POINTS - 1));
    });
    assert_eq!((spent.files_opened, spent.blocks_decoded), (1, 0), "{spent:?}");

    // All points of one series: a quarter of all blocks.
    let spent = cost(&db, |_| {
        assert_eq!(
            snapshot.scan(series, ..).into_iter().map(Result::unwrap).map(|point| point.timestamp).max(),
            Some(at(3 * POINTS - 1))
        );
    });
    assert_eq!((spent.files_opened, spent.blocks_decoded), (1, 15), "{spent:?}");
}

/// A scan reads blocks on demand, not ahead.
#[test]
fn a_scan_dropped_half_way_has_read_half_at_most() {
    let home = Home::new();
    three_files(&home);
    let db = home.open();
    let snapshot = db.snapshot();
    let series = snapshot.series::<i64>(&key("m", 2)).unwrap();
    let spent = cost(&db, |_| {
        let mut points = snapshot.scan(series, ..).into_iter();
        assert_eq!(points.next().unwrap().unwrap().timestamp, at(0));
    });
    assert_eq!((spent.files_opened, spent.blocks_decoded), (1, 1), "{spent:?}");
}
