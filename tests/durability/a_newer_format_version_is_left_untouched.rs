//! A newer release wrote the directory: the error reports this, and no byte of the directory changes.

use timestrata::Error;

use crate::common::{Home, all, batch, contents, key, names, restore};

const FUTURE: u32 = 7;

fn expect_unsupported<T: std::fmt::Debug>(outcome: Result<T, Error>, name: &str) {
    match outcome {
        Err(Error::UnsupportedVersion { file, found, newest, .. }) => {
            let own = if crate::common::is_sst(name) { 3 } else { 1 };
            assert_eq!((found, newest), (FUTURE, own));
            assert!(file.ends_with(name), "{}", file.display());
        }
        other => panic!("{name}: {other:?}"),
    }
}

#[test]
fn a_newer_format_version_is_left_untouched() {
    let home = Home::new();
    let db = home.open();
    db.write_blocking(batch(&key("m", 0), [(1, 1.0)])).unwrap();
    db.flush_blocking().unwrap();
    db.write_blocking(batch(&key("m", 1), [(1, 1.0)])).unwrap();
    drop(db);
    // The content that another process leaves.
    std::fs::write(home.path().join("LOCK"), b"1234567890").unwrap();
    let sound = contents(&home.path());
    let is_log = |name: &&String| *name == "manifest" || name.starts_with("wal-") || name.starts_with("series-");
    let logs: Vec<&String> = sound.keys().filter(is_log).collect();
    assert_eq!(logs.len(), 3, "{logs:?}");
    for name in logs {
        let mut files = sound.clone();
        // The header's CRC is correct in one case and wrong in the other, because a newer release may use another CRC.
        files.get_mut(name).unwrap()[8..12].copy_from_slice(&FUTURE.to_le_bytes());
        restore(&home.path(), &files);
        for create in [true, false] {
            expect_unsupported(home.builder().create_if_missing(create).open_blocking(), name);
            assert!(contents(&home.path()) == files, "{name}: the directory was changed");
        }
    }
    restore(&home.path(), &sound);
    assert_eq!(home.open().stats().points, 2);
}

/// An SST is not read before a query needs it. The query then fails with the error, and does not return a partial
/// result.
#[test]
fn an_sst_from_the_future_fails_the_query_that_needs_it() {
    let home = Home::new();
    let db = home.open();
    db.write_blocking(batch(&key("m", 0), [(1, 1.0)])).unwrap();
    db.flush_blocking().unwrap();
    db.write_blocking(batch(&key("m", 0), [(2, 2.0)])).unwrap();
    db.write_blocking(batch(&key("m", 1), [(2, 2.0)])).unwrap();
    db.close_blocking().unwrap();
    let name = names(&home.path()).into_iter().find(|name| crate::common::is_sst(name)).unwrap();
    let path = home.path().join(&name);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[8..12].copy_from_slice(&FUTURE.to_le_bytes());
    let header_crc = crc32fast::hash(&bytes[..36]);
    bytes[36..40].copy_from_slice(&header_crc.to_le_bytes());
    // Only the header is checked, because a later release may use another footer.
    let end = bytes.len() - 4;
    bytes[end] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let db = home.open();
    let snapshot = db.snapshot();
    let series = snapshot.series::<f64>(&key("m", 0)).unwrap();
    expect_unsupported(snapshot.scan(series, ..).collect_blocking(), &name);
    expect_unsupported(snapshot.query(timestrata::Selector::all()).points().collect::<Result<Vec<_>, _>>(), &name);
    assert_eq!(all::<f64>(&snapshot, &key("m", 1)), [(2, 2.0)], "what needs it not goes on");
    assert!(std::fs::read(&path).unwrap() == bytes);
}
