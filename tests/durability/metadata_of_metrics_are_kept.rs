//! Metadata of metrics: what is set is found again, in every kind of opening, and rules are checked.

use timestrata::{Batch, Db, Durability, Error, ErrorKind, MetricKind, MetricMetadata, SeriesKey, Timestamp};

fn metadata(unit: &str) -> MetricMetadata {
    MetricMetadata::new(MetricKind::Gauge).with_unit(unit).with_description("line one\n\tline two, größer")
}

fn all(pairs: &[(&str, &str)]) -> Vec<(String, MetricMetadata)> {
    pairs.iter().map(|(metric, unit)| ((*metric).to_owned(), metadata(unit))).collect()
}

fn write(db: &Db, at: i64) {
    let mut batch = Batch::new();
    batch.push_key(&SeriesKey::new("m"), Timestamp::from_secs(at), 1.0);
    db.write_blocking(batch).unwrap();
}

#[test]
fn metadata_survive_replay_flush_close_and_backup_and_a_reader_finds_them() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let db = Db::open_blocking(&path).unwrap();
    let first = db.set_metric_metadata_blocking("m", metadata("s")).unwrap();
    assert_eq!(first.seq, 1);
    let before = db.snapshot();
    assert_eq!(db.set_metric_metadata_blocking("later", metadata("B")).unwrap().seq, 2);
    let again = db.set_metric_metadata_blocking("m", metadata("s")).unwrap();
    assert_eq!(again.seq, 2, "equal metadata write no record");
    assert_eq!(db.set_metric_metadata_blocking("none", MetricMetadata::default()).unwrap().seq, 2);
    assert_eq!(before.list_metric_metadata(), all(&[("m", "s")]), "a snapshot does not change");
    drop((before, db));

    // Replayed, without any point.
    let db = Db::open_blocking(&path).unwrap();
    assert_eq!((db.open_report().replayed_records, db.snapshot().seq()), (2, 2));
    assert_eq!(db.snapshot().list_metric_metadata(), all(&[("later", "B"), ("m", "s")]));
    write(&db, 1);
    db.set_metric_metadata_blocking("m", metadata("ms")).unwrap();
    db.flush_blocking().unwrap();
    db.set_metric_metadata_blocking("later", MetricMetadata::default()).unwrap();
    db.set_metric_metadata_blocking("m", metadata("us")).unwrap();
    write(&db, 2);

    // The reader finds the manifest, and the records of the log that a later one covers.
    let reader = Db::builder(&path).read_only().open_blocking().unwrap();
    assert_eq!(reader.snapshot().metric_metadata("m"), Some(metadata("us")));
    assert_eq!(reader.snapshot().metric_metadata("later"), None);
    db.set_metric_metadata_blocking("more", metadata("V")).unwrap();
    write(&db, 3);
    reader.refresh_blocking().unwrap();
    assert_eq!(reader.snapshot().list_metric_metadata(), all(&[("m", "us"), ("more", "V")]));

    db.backup_blocking(dir.path().join("copy")).unwrap();
    drop((reader, db));
    for name in ["copy", "db"] {
        let db = Db::open_blocking(dir.path().join(name)).unwrap();
        assert_eq!(db.snapshot().list_metric_metadata(), all(&[("m", "us"), ("more", "V")]), "{name}");
        db.compact_blocking().unwrap();
        db.close_blocking().unwrap();
        assert!(timestrata::verify(dir.path().join(name)).unwrap().findings.is_empty());
        let reopened = Db::open_blocking(dir.path().join(name)).unwrap();
        assert_eq!(reopened.open_report().replayed_records, 0);
        assert_eq!(reopened.snapshot().list_metric_metadata(), all(&[("m", "us"), ("more", "V")]), "{name}");
    }
}

#[test]
fn a_rule_that_is_broken_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::builder(dir.path().join("db")).durability(Durability::Os).open_blocking().unwrap();
    let long_name = "m".repeat(16_385);
    let bad = [
        ("", metadata("s")),
        (long_name.as_str(), metadata("s")),
        ("m", metadata("a\tb")),
        ("m", metadata(&"s".repeat(257))),
        ("m", metadata("s").with_description("d".repeat(4097))),
        ("m", metadata("s").with_description("\r")),
    ];
    for (metric, metadata) in bad {
        let error = db.set_metric_metadata_blocking(metric, metadata).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    }
    let long = |metric: usize| (format!("{metric:04}"), metadata("").with_description("d".repeat(4092)));
    for metric in 0..1024 {
        let (metric, metadata) = long(metric);
        db.set_metric_metadata_blocking(metric, metadata).unwrap();
    }
    let (metric, metadata) = long(1024);
    let error = db.set_metric_metadata_blocking(metric, metadata).unwrap_err();
    assert!(matches!(error, Error::TooLarge { limit: 4_194_304, .. }), "{error}");
    assert_eq!((db.snapshot().seq(), db.snapshot().list_metric_metadata().len()), (1024, 1024));
}

#[test]
fn changes_of_metadata_alone_fill_a_memtable() {
    let dir = tempfile::tempdir().unwrap();
    let builder = || Db::builder(dir.path().join("db")).durability(Durability::Os).flush_at_bytes(64 << 10);
    let db = builder().open_blocking().unwrap();
    for n in 0..200 {
        let description = format!("{n:04000}");
        db.set_metric_metadata_blocking("m", metadata("s").with_description(description)).unwrap();
    }
    assert!(db.stats().flushed_seq >= 100, "{:?}", db.stats());
    let last = db.snapshot().list_metric_metadata();
    drop(db);
    assert_eq!(builder().open_blocking().unwrap().snapshot().list_metric_metadata(), last);
}
