//! With `split`, a batch beyond its limits is written in pieces, which the report lists. If a piece fails, the error lists
//! the written ones, and the batch holds the rest.

use timestrata::{
    Batch, CachedSeries, Db, Error, MAX_BATCH_BYTES, MAX_BATCH_POINTS, SeriesKey, WriteOptions, WrittenPiece,
};

use crate::common::{Home, all, at, key};

fn split() -> WriteOptions {
    WriteOptions::new().split(true)
}

fn ranges(pieces: &[WrittenPiece]) -> Vec<std::ops::Range<usize>> {
    pieces.iter().map(|piece| piece.points.clone()).collect()
}

/// Key of `MAX_BATCH_BYTES / 2,048` bytes, so that somewhat less than 2,048 of them fill a batch.
fn long_key(n: usize) -> SeriesKey {
    key(&"m".repeat(MAX_BATCH_BYTES / 2_048 - 6), 10_000 + n)
}

#[test]
fn a_batch_of_too_many_points_is_cut_where_it_must_be() {
    let home = Home::new();
    let db = home.open();
    let len = MAX_BATCH_POINTS * 2 + 10;
    let times: Vec<_> = (0..i64::try_from(len).unwrap()).map(at).collect();
    let values: Vec<u64> = (0..len as u64).collect();
    let mut batch = Batch::new();
    batch.push_key_columns(&key("m", 0), &times, &values);
    assert!(matches!(db.write_blocking(&mut batch), Err(Error::TooLarge { .. })));
    let report = db.write_with_options_blocking(&mut batch, &split()).unwrap();
    assert!(batch.is_empty());
    let ends = [0, MAX_BATCH_POINTS, MAX_BATCH_POINTS * 2, len];
    assert_eq!(ranges(&report.pieces), ends.windows(2).map(|pair| pair[0]..pair[1]).collect::<Vec<_>>());
    assert_eq!(report.pieces.iter().map(|piece| piece.seq).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!((report.points, db.stats().points), (len, len as u64));
    let points = all::<u64>(&db.snapshot(), &key("m", 0));
    assert!(points.iter().zip(0_u64..).all(|((at, value), n)| *value == n && *at == i64::try_from(n).unwrap()));
}

#[test]
fn a_batch_of_too_many_key_bytes_is_cut_by_the_keys_of_each_piece() {
    for by_key in [true, false] {
        let home = Home::new();
        let db = home.open();
        let cached: Vec<_> = (0..2_500).map(|n| CachedSeries::new(long_key(n))).collect();
        let mut batch = Batch::new();
        for nanos in 0..2 {
            for series in &cached {
                if by_key {
                    batch.push_key(series.key(), at(nanos), 1.0);
                } else {
                    batch.push_cached(series, at(nanos), 1.0);
                }
            }
        }
        let report = db.write_with_options_blocking(batch, &split()).unwrap();
        let pieces = ranges(&report.pieces);
        let longest = pieces.iter().map(ExactSizeIterator::len).max().unwrap();
        assert!((1_900..2_048).contains(&longest), "{pieces:?}");
        assert_eq!((pieces.len(), db.stats().series, db.stats().points), (3, 2_500, 5_000), "{pieces:?}");
        // Once the database has the series, cached ones fit into one piece.
        let mut batch = Batch::new();
        for series in &cached {
            batch.push_cached(series, at(2), 1.0);
        }
        assert_eq!(db.write_with_options_blocking(batch, &split()).unwrap().pieces.len(), 1);
    }
}

/// Returns a batch of two pieces and six series, of which the first piece has one, and a database for three series.
fn limited(home: &Home) -> (Db, Batch) {
    let db = home.builder().max_series(3).open_blocking().unwrap();
    let times: Vec<_> = (0..i64::try_from(MAX_BATCH_POINTS).unwrap()).map(at).collect();
    let mut batch = Batch::new();
    batch.push_key_columns(&key("m", 0), &times, &vec![7_u64; MAX_BATCH_POINTS]);
    for n in 1..6 {
        batch.push_key(&key("m", n), at(1), n as u64);
    }
    (db, batch)
}

#[test]
fn if_a_piece_fails_the_error_lists_the_written_ones_and_the_batch_holds_the_rest() {
    let home = Home::new();
    let (db, mut batch) = limited(&home);
    let error = db.write_with_options_blocking(&mut batch, &split()).unwrap_err();
    assert!(!error.is_retryable() && error.kind() == timestrata::ErrorKind::LimitExceeded, "{error}");
    let Error::PartlyWritten { written, cause, skipped_count: 0, .. } = &error else { panic!("{error:?}") };
    assert!(matches!(**cause, Error::TooManySeries { cap: 3, .. }));
    assert_eq!((written.len(), written[0].points.clone(), batch.len()), (1, 0..MAX_BATCH_POINTS, 5));
    assert_eq!((db.stats().series, db.stats().points), (1, MAX_BATCH_POINTS as u64));
    drop(db);
    let db = home.builder().open_blocking().unwrap();
    let report = db.write_with_options_blocking(&mut batch, &split()).unwrap();
    assert_eq!((report.pieces.len(), report.pieces[0].points.clone(), report.points), (1, 0..5, 5));
    for n in 1..6 {
        assert_eq!(all::<u64>(&db.snapshot(), &key("m", n)), [(1, n as u64)]);
    }
    assert_eq!(db.stats().points, MAX_BATCH_POINTS as u64 + 5);
}

#[test]
fn an_error_of_the_first_piece_is_that_of_the_write() {
    let home = Home::new();
    let (db, mut batch) = limited(&home);
    db.create_many_series((0..3).map(|n| key("other", n))).blocking().unwrap();
    let error = db.write_with_options_blocking(&mut batch, &split()).unwrap_err();
    assert!(matches!(error, Error::TooManySeries { cap: 3, .. }), "{error}");
    assert_eq!((batch.len(), db.stats().points), (MAX_BATCH_POINTS + 5, 0));
    // What is known before the first piece fails the write before it, also if it is in the last one.
    let home = Home::new();
    let db = home.open();
    batch.push_key(&SeriesKey::new(""), at(1), 1.0);
    let error = db.write_with_options_blocking(&mut batch, &split()).unwrap_err();
    assert!(matches!(error, Error::InvalidName { .. }), "{error}");
    assert_eq!((batch.len(), db.stats().series), (MAX_BATCH_POINTS + 6, 0));
}

#[test]
fn pieces_leave_out_what_is_rejected_in_them() {
    let home = Home::new();
    let (db, mut batch) = limited(&home);
    batch.push_key(&SeriesKey::new(""), at(1), 1.0);
    batch.push_key(&key("m", 0), at(1), true);
    batch.push_key(&key("m", 2), at(2), 7_u64);
    let report = db.write_with_options_blocking(&mut batch, &split().skip_rejected(true)).unwrap();
    assert!(batch.is_empty());
    let skipped: Vec<_> = report.skipped.iter().map(|point| point.index - MAX_BATCH_POINTS).collect();
    assert_eq!((skipped, report.skipped_count, report.points), (vec![2, 3, 4, 5, 6], 5, MAX_BATCH_POINTS + 3));
    assert_eq!(all::<u64>(&db.snapshot(), &key("m", 2)), [(1, 2), (2, 7)]);
    assert_eq!((db.stats().series, db.stats().points), (3, MAX_BATCH_POINTS as u64 + 3));
}
