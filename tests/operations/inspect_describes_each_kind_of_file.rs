//! `inspect` of every kind of file, on the golden files, so that a change of its output is noticed.

use std::fs;
use std::path::{Path, PathBuf};

use timestrata::{Batch, Db, Error, Inspection, SeriesKey, Timestamp, inspect};

use crate::common::{ending, names};

fn golden(name: &str) -> PathBuf {
    let version = if crate::common::is_sst(name) { "v3" } else { "v1" };
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(version).join(name)
}

/// Checks that the report has these lines. A run of partitions counts as one line.
fn assert_lines(inspection: &Inspection, lines: &[&str]) {
    let text = inspection.to_string();
    let squeezed: Vec<String> =
        text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    for line in lines {
        assert!(squeezed.iter().any(|found| found == line), "no line {line:?} in\n{text}");
    }
}

#[test]
fn an_sst() {
    let inspection = inspect(golden("l0.sst")).unwrap();
    assert!(matches!(inspection, Inspection::Sst(_)) && inspection.findings().is_empty());
    assert_lines(
        &inspection,
        &[
            "SST",
            "database 01234567-89ab-cdef-0123-456789abcdef",
            "file id 000000000000601d",
            "series #1 to #1003, 7 series",
            "time 1677-09-21T00:12:43.145224192Z to 2262-04-11T23:47:16.854775807Z",
            "seqs 10 to 20",
            "points 3275",
            "bytes/point 0.79",
            "index 2163 251 1",
            "delta 1 300 351 1.17",
            "even 5 2970 0 0.00",
            "short base 1 100 14 0.14",
            "alp 1 2000 432 0.21",
            "corrected 1 300 136 0.45",
            "distinct 1 300 322 1.07",
            "#1 f64 hash 0007",
            "#1 f64 2000 40 437 0.21 2023-11-14T22:13:20Z 2023-11-15T03:46:30Z even 0 alp 432 \
             20.0 26.12 46114.24000000002 20.0 25.82",
            "#4 i64 5 661 75 15.00 1677-09-21T00:12:43.145224192Z 2262-04-11T23:47:16.854775807Z line 33 raw 41",
        ],
    );
}

#[test]
fn an_sst_of_the_base() {
    let inspection = inspect(golden("base.sst")).unwrap();
    assert!(matches!(inspection, Inspection::Sst(_)) && inspection.findings().is_empty());
    assert_lines(
        &inspection,
        &[
            "level 7",
            "pco 2 3500 9917 2.83",
            r#"#2 u64 keep the first metric{even="0",id="2"}"#,
            r#"#2000 metric{even="0",id="2000"} f64 1500 1740 9608 6.40 1970-01-01T00:00:00Z 1970-01-01T00:00:00.000001499Z even 0 pco 9603 0.0 316.20246678354675 315888.39466254844 0.0 265.00377355803823"#,
        ],
    );
}

#[test]
fn a_wal_segment() {
    let inspection = inspect(golden("wal.log")).unwrap();
    assert!(matches!(inspection, Inspection::Wal(_)) && inspection.findings().is_empty());
    assert_lines(
        &inspection,
        &[
            "WAL segment",
            "segment id 0000000000000003",
            "predecessor 0000000000000001, sealed at byte 128",
            "points 303",
            "series definitions 2",
            "ends clean at byte 3752",
            "commit 2 248 3368 300 0 248",
            "delete 3 3616 40 0 0 248",
            "metadata 4 3656 64 0 0 248",
            "sync mark 4 3720 32 0 0 3720",
        ],
    );
}

#[test]
fn a_manifest() {
    let inspection = inspect(golden("manifest")).unwrap();
    assert!(matches!(inspection, Inspection::Manifest(_)) && inspection.findings().is_empty());
    assert_lines(
        &inspection,
        &[
            "manifest",
            "flushed_seq 20",
            "WAL floor 0000000000000002",
            "duplicates keep the last",
            "origin database 00000000-0000-0000-0000-000000000001",
            "cutoff of temp{station=\"JFK\"}: 1969-12-31T23:59:59.999999995Z",
            "empty series 2",
            "empty-series candidates 1",
            "unwritten series 1",
            "series log 0000000000000001, 200 bytes",
            "next series id 2000",
            "deletes 1",
            "temp unknown unit 2",
            "trusted time 1969-12-31T23:59:59.999999995Z",
            "age of all series: 1µs, pending 3ns, 90s of its grace served",
            "edit 2 384 368 20 0000000000000002 1: 200 2 1",
            "0000000000000002 2 2 2000000 1099511627776 77 #3..#2147483647 (9) 20..29 \
             1677-09-21T00:12:43.145224192Z 2262-04-11T23:47:16.854775807Z \
             00000000-0000-0000-0000-000000000002",
        ],
    );
}

#[test]
fn a_series_log() {
    let inspection = inspect(golden("series.log")).unwrap();
    assert!(matches!(inspection, Inspection::SeriesLog(_)) && inspection.findings().is_empty());
    let lines = [
        "series log",
        "file id 0000000000000001",
        "series 8",
        "valid up to byte 392",
        r#"cpu{core="1",host="h0"} #1 i64 1"#,
        r#"cpu{core="0",host="h17500"} #70000 f64 23334"#,
    ];
    assert_lines(&inspection, &lines);
}

#[test]
fn damage_is_part_of_the_report() {
    let dir = tempfile::tempdir().unwrap();
    let damaged = |name: &str, at: usize| {
        let mut bytes = fs::read(golden(name)).unwrap();
        bytes[at] ^= 1;
        let path = dir.path().join(name);
        fs::write(&path, bytes).unwrap();
        inspect(path)
    };
    let sst = damaged("l0.sst", 60).unwrap();
    assert_eq!(sst.findings()[0].offset, 40);
    assert!(sst.to_string().contains("damaged"), "{sst}");
    let wal = damaged("wal.log", 300).unwrap();
    assert_eq!(
        (wal.findings().len(), wal.findings()[0].offset),
        (1, 248),
        "the mark behind it says that it was synced"
    );
    assert_lines(&wal, &["ends damage at byte 248", "records 1"]);
    let manifest = damaged("manifest", 230).unwrap();
    assert_eq!(manifest.findings()[0].offset, 184, "a sound record follows the bad one");
    assert_lines(&manifest, &["records 1"]);
    let torn = damaged("manifest", 400).unwrap();
    assert_eq!(torn.findings(), [], "whether a bad last edit is damage, the other files tell");
    assert!(torn.to_string().contains("torn edit"), "{torn}");
    assert_lines(&damaged("series.log", 240).unwrap(), &["series 3", "valid up to byte 232"]);
    for (name, at) in [("wal.log", 20), ("manifest", 20), ("series.log", 20), ("l0.sst", 2500)] {
        assert!(matches!(damaged(name, at), Err(Error::Corrupt { .. })), "{name}");
    }
}

#[test]
fn long_tables_are_cut_without_the_option_all() {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::builder(dir.path()).open_blocking().unwrap();
    let mut batch = Batch::new();
    for number in 0..100_i32 {
        let key = SeriesKey::new("s").tag("n", number.to_string());
        batch.push_key(&key, Timestamp::from_secs(0), f64::from(number));
    }
    db.write_blocking(batch).unwrap();
    db.close_blocking().unwrap();
    let names = names(dir.path());
    for name in ending(&names, ".sst").into_iter().chain(names.iter().filter(|name| name.starts_with("series-"))) {
        let inspection = inspect(dir.path().join(name)).unwrap();
        assert_lines(&inspection, &["... 60 more"]);
        let whole = inspection.full().to_string();
        assert!(!whole.contains(" more") && whole.contains("#99"), "{whole}");
    }
}

#[test]
fn foreign_files_are_named_and_a_spare_has_no_content() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    for (name, bytes) in [("empty", &b""[..]), ("notes.txt", b"no file of ours"), ("LOCK", b"17")] {
        fs::write(path(name), bytes).unwrap();
        assert!(matches!(inspect(path(name)), Err(Error::UnknownFileType { .. })), "{name}");
    }
    // The kind of the file follows from its name, although its bytes are lost.
    fs::write(path("manifest"), [0; 200]).unwrap();
    assert!(matches!(inspect(path("manifest")), Err(Error::Corrupt { offset: 0, .. })));
    fs::write(path("spare-0000000000000007.log"), [0; 200]).unwrap();
    assert_lines(&inspect(path("spare-0000000000000007.log")).unwrap(), &["spare WAL segment", "bytes 200"]);
    let reserves = ["wal.reserve", "opening.reserve", "manifest.reserve"];
    for name in reserves {
        fs::write(path(name), [0; 300]).unwrap();
        assert_lines(&inspect(path(name)).unwrap(), &["reserve for a full disk", "bytes 300"]);
    }
    assert!(matches!(inspect(path("nowhere")), Err(Error::Io { .. })));
    assert!(matches!(inspect(dir.path()), Err(Error::Io { .. } | Error::UnknownFileType { .. })));
    assert!(matches!(inspect(".."), Err(Error::Io { .. })));
}
