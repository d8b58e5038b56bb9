//! The text of a key occurs once in the series log and at most once in an SST: never in an SST that a flush wrote, once
//! in an SST that a merge wrote. The format has a version, a document and golden files.

use std::path::Path;

use timestrata::{Batch, SeriesKey};

use crate::common::{Home, at, contents};

fn count(bytes: &[u8], text: &str) -> usize {
    bytes.windows(text.len()).filter(|window| *window == text.as_bytes()).count()
}

#[test]
fn tags_are_dictionary_coded() {
    let home = Home::new();
    let db = home.open();
    let keys: Vec<SeriesKey> = (0..10)
        .map(|n| SeriesKey::new(format!("metricname{n}")).tag("tagkeytext", format!("tagvalue{n}text")))
        .collect();
    for round in 0..20 {
        let mut batch = Batch::new();
        for key in &keys {
            (0..500).for_each(|n| batch.push_key(key, at(round * 500 + n), 0.5));
        }
        db.write_blocking(batch).unwrap();
        db.flush_blocking().unwrap();
        if round == 0 {
            // There are not enough files for a merge yet.
            assert_eq!(counts(&home, "metricname3"), [0], "what a flush wrote");
            assert_eq!(counts(&home, "tagkeytext"), [0], "what a flush wrote");
        }
    }
    db.close_blocking().unwrap();
    let files = contents(&home.path());
    let series_log = files.keys().find(|name| name.starts_with("series-")).unwrap();
    for n in 0..10 {
        for text in [format!("metricname{n}"), format!("tagvalue{n}text")] {
            assert_eq!(count(&files[series_log], &text), 1, "{text} in the series log");
            assert!(counts(&home, &text).iter().all(|count| *count <= 1), "{text}");
        }
    }
    let db = home.open();
    assert_eq!((db.stats().points, db.stats().series), (100_000, 10));
    db.compact_blocking().unwrap();
    db.close_blocking().unwrap();
    for text in ["metricname7", "tagvalue7text", "tagkeytext"] {
        assert_eq!(counts(&home, text), [1], "{text} in the one file of the base");
    }
}

/// Returns the number of occurrences of a text in each SST.
fn counts(home: &Home, text: &str) -> Vec<usize> {
    let files = contents(&home.path());
    files.iter().filter(|(name, _)| crate::common::is_sst(name)).map(|(_, bytes)| count(bytes, text)).collect()
}

#[test]
fn the_format_has_a_version_a_document_and_golden_files() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let format = std::fs::read_to_string(root.join("docs/format.md")).unwrap();
    assert!(format.contains("ersion"));
    let mut golden = contents(&root.join("tests/golden/v1"));
    golden.extend(contents(&root.join("tests/golden/v3")));
    let names: Vec<&str> = golden.keys().map(String::as_str).collect();
    assert_eq!(names, ["base.sst", "l0.sst", "manifest", "series.log", "wal.log"]);
    let home = Home::new();
    let db = home.open();
    db.write_blocking(crate::common::batch(&SeriesKey::new("m"), [(1, 1.0)])).unwrap();
    db.close_blocking().unwrap();
    let own = contents(&home.path());
    for (golden_name, start, end, version) in [
        ("l0.sst", "", ".sst", 3),
        ("base.sst", "", ".sst", 3),
        ("manifest", "manifest", "", 1),
        ("series.log", "series-", ".log", 1),
        ("wal.log", "wal-", ".log", 1),
    ] {
        let (name, bytes) = own.iter().find(|(name, _)| name.starts_with(start) && name.ends_with(end)).unwrap();
        // Magic and version: a new file has those of the golden file.
        assert_eq!(bytes[..12], golden[golden_name][..12], "{name}");
        assert_eq!(bytes[8..12], [version, 0, 0, 0], "{name}");
    }
}
