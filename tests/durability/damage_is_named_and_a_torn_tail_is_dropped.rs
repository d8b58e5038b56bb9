//! Damage in the middle of a log is reported with file and offset, and nothing is opened. A torn tail of the WAL, which
//! no record marks as synced, is dropped, copied aside and reported.

use std::collections::BTreeMap;

use timestrata::{Db, Durability, Error};

use crate::common::{Home, all, batch, contents, key, names, restore};

/// Database after a kill: points 0..40 in SSTs, points 40..60 in the WAL, synced if `durability` asks for it, possibly
/// followed by a sync mark.
fn killed(home: &Home, durability: Durability) -> BTreeMap<String, Vec<u8>> {
    let db = home.builder().durability(durability).open_blocking().unwrap();
    for n in 0..4_i64 {
        db.write_blocking(batch(&key("m", 0), (10 * n..10 * n + 10).map(|n| (n, n)))).unwrap();
        db.flush_blocking().unwrap();
    }
    for n in 40..60_i64 {
        db.write_blocking(batch(&key("m", 0), [(n, n)])).unwrap();
    }
    // A kill leaves the files as they are now. The copy does not contain the effects of a drop.
    contents(&home.path())
}

fn wal(files: &BTreeMap<String, Vec<u8>>) -> String {
    files.keys().filter(|name| name.starts_with("wal-")).max().unwrap().clone()
}

/// Removes the lock file, because a refused opening may leave its process id there.
fn without_lock(mut files: BTreeMap<String, Vec<u8>>) -> BTreeMap<String, Vec<u8>> {
    files.remove("LOCK");
    files
}

fn expect_corrupt(home: &Home, files: &BTreeMap<String, Vec<u8>>, name: &str, context: &str) {
    restore(&home.path(), files);
    for _ in 0..2 {
        match home.builder().open_blocking() {
            Err(Error::Corrupt { file, .. }) => assert!(file.ends_with(name), "{context}: {}", file.display()),
            other => panic!("{context}: {:?}", other.map(|db| db.open_report().clone())),
        }
        assert!(
            without_lock(contents(&home.path())) == without_lock(files.clone()),
            "{context}: something was changed"
        );
    }
}

fn points(db: &Db) -> Vec<(i64, i64)> {
    all::<i64>(&db.snapshot(), &key("m", 0))
}

#[test]
fn a_flipped_bit_in_the_middle_of_the_wal_is_damage() {
    let home = Home::new();
    let files = killed(&home, Durability::Sync);
    let name = wal(&files);
    let end = files[&name].iter().rposition(|byte| *byte != 0).unwrap();
    // The first half was synced, and later records say so.
    for at in (0..end / 2).step_by(61) {
        let mut damaged = files.clone();
        damaged.get_mut(&name).unwrap()[at] ^= 1 << (at % 8);
        // A newer format version is a different error.
        if !(8..12).contains(&at) {
            expect_corrupt(&home, &damaged, &name, &format!("byte {at}"));
        }
    }
    restore(&home.path(), &files);
    assert_eq!(points(&home.open()).len(), 60);
}

#[test]
fn a_torn_end_of_the_wal_is_forgiven_and_reported() {
    let home = Home::new();
    // Nothing was synced, so no record marks another one as synced: every record may be the torn tail.
    let files = killed(&home, Durability::Os);
    let name = wal(&files);
    let end = files[&name].iter().rposition(|byte| *byte != 0).unwrap() + 1;
    let mut dropped = 0;
    for cut in (128..=end).step_by(37) {
        let mut torn = files.clone();
        torn.get_mut(&name).unwrap()[cut..].fill(0);
        restore(&home.path(), &torn);
        let db = home.open();
        let found = points(&db);
        assert!(
            found.len() >= 40 && found.iter().copied().eq((0..60).map(|n| (n, n)).take(found.len())),
            "cut at {cut}"
        );
        if let Some(tail) = &db.open_report().torn_tail {
            dropped += 1;
            assert!(tail.file.ends_with(&name) && tail.offset < cut as u64, "{tail:?}");
            assert!(tail.offset + tail.bytes <= cut as u64, "{tail:?}, cut at {cut}");
            let (from, kept) = (usize::try_from(tail.offset).unwrap(), usize::try_from(tail.bytes).unwrap());
            assert!(std::fs::read(&tail.copy).unwrap() == files[&name][from..from + kept], "the bytes are kept aside");
        }
        drop(db);
        // The tail is reported only once, because the opening writes the accepted records anew.
        let db = home.open();
        assert_eq!((points(&db), &db.open_report().torn_tail), (found, &None));
    }
    assert!(dropped > 10, "{dropped} torn tails");
}

#[test]
fn a_wal_cut_short_below_what_was_synced_is_damage() {
    let home = Home::new();
    let files = killed(&home, Durability::Sync);
    let name = wal(&files);
    let mut cut = files.clone();
    cut.get_mut(&name).unwrap().truncate(100);
    expect_corrupt(&home, &cut, &name, "cut inside its header");
    cut.get_mut(&name).unwrap().clear();
    expect_corrupt(&home, &cut, &name, "empty");
    cut.get_mut(&name).unwrap().resize(4096, 0);
    expect_corrupt(&home, &cut, &name, "all zeros");
}

#[test]
fn a_flipped_bit_in_manifest_or_series_log_is_damage() {
    let home = Home::new();
    let files = killed(&home, Durability::Sync);
    let series_log = files.keys().find(|name| name.starts_with("series-")).unwrap().clone();
    for name in ["manifest", &series_log] {
        for at in (0..files[name].len()).step_by(23).filter(|at| !(8..12).contains(at)) {
            let mut damaged = files.clone();
            damaged.get_mut(name).unwrap()[at] ^= 1 << (at % 8);
            restore(&home.path(), &damaged);
            // A damaged last edit of the manifest may be dropped, if all files that it replaced are unchanged.
            match home.builder().open_blocking() {
                Ok(db) => assert_eq!(points(&db).len(), 60, "{name}, byte {at}"),
                Err(Error::Corrupt { file, .. }) => {
                    assert!(file.ends_with(name), "{name}, byte {at}: {}", file.display());
                    assert!(without_lock(contents(&home.path())) == without_lock(damaged), "{name}, byte {at}");
                }
                Err(error) => panic!("{name}, byte {at}: {error:?}"),
            }
        }
    }
}

/// Files that a replay created before it reached the damage are removed, in every one of several openings.
#[test]
fn refused_openings_leave_no_files_behind() {
    let home = Home::new();
    let db = home.open();
    for n in 0..200_i64 {
        let points = batch(&key("m", 0), (0..100).map(|at| (at, n)));
        db.write_with_blocking(points, if n % 10 == 0 { Durability::Sync } else { Durability::Os }).unwrap();
    }
    db.sync_blocking().unwrap();
    let mut files = contents(&home.path());
    drop(db);
    let name = wal(&files);
    let bytes = files.get_mut(&name).unwrap();
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    bytes[end * 4 / 5] ^= 4;
    restore(&home.path(), &files);
    let before = names(&home.path());
    for _ in 0..3 {
        // Replay fills several memtables before it reaches the damage.
        let opened = home.builder().flush_at_bytes(32 << 10).open_blocking();
        assert!(matches!(opened, Err(Error::Corrupt { .. })), "{opened:?}");
        assert_eq!(names(&home.path()), before);
    }
}

#[test]
fn a_flipped_bit_in_an_sst_fails_the_query_and_names_the_file() {
    let home = Home::new();
    let db = home.open();
    let noise =
        |n: i64| f64::from_bits(0x3ff0_0000_0000_0000 | (n.cast_unsigned().wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 12));
    let expected: Vec<(i64, f64)> = (0..3_000).map(|n| (n, noise(n))).collect();
    db.write_blocking(batch(&key("m", 0), expected.clone())).unwrap();
    db.close_blocking().unwrap();
    let sound = contents(&home.path());
    let name = sound.keys().find(|name| crate::common::is_sst(name)).unwrap();
    let mut failed = 0;
    for at in (40..sound[name].len()).step_by(997) {
        let mut bytes = sound[name].clone();
        bytes[at] ^= 0x10;
        std::fs::write(home.path().join(name), bytes).unwrap();
        let db = home.open();
        let series = db.snapshot().series::<f64>(&key("m", 0)).unwrap();
        match db.snapshot().scan(series, ..).collect_blocking() {
            // This scan does not read the dictionary.
            Ok(points) => assert!(crate::common::pairs(&points) == expected, "byte {at}"),
            Err(Error::Corrupt { file, .. } | Error::ForeignFile { file, .. }) => {
                assert!(file.ends_with(name), "byte {at}");
                failed += 1;
            }
            Err(error) => panic!("byte {at}: {error:?}"),
        }
        // Writes to another series succeed.
        db.write_blocking(batch(&key("m", 1), [(1, 1.0)])).unwrap();
    }
    assert!(failed > 10);
}
