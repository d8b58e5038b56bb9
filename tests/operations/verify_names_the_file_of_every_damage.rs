//! Flipped bytes, and cut, lost, foreign and swapped files of a small database: `verify` names the file of each damage.
//! Without a finding it adds a note only where an opening would drop a torn tail.

use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use timestrata::{Batch, Db, Error, SeriesKey, Timestamp, VerifyReport, verify};

use crate::common::{copy_dir, names};

/// Creates two SSTs, a manifest with an edit, a series log, and batches and a sync mark in the WAL only.
fn make(dir: &Path) {
    let db = Db::builder(dir).wal_segment_bytes(4096).open_blocking().unwrap();
    write(&db, 0..20, "a");
    db.flush_blocking().unwrap();
    write(&db, 20..40, "b");
    db.flush_blocking().unwrap();
    // The batches span several segments; each segment is sealed by its successor.
    write(&db, 40..90, "c");
    std::thread::park_timeout(std::time::Duration::from_millis(300));
    drop(db);
    assert_eq!(verify(dir).unwrap().findings, []);
}

fn write(db: &Db, seconds: std::ops::Range<u32>, host: &str) {
    for second in seconds {
        let (at, mut batch) = (Timestamp::from_secs(i64::from(second)), Batch::new());
        batch.push_key(&SeriesKey::new("load").tag("host", host), at, f64::from(second) / 4.0);
        batch.push_key(&SeriesKey::new("requests"), at, i64::from(second));
        db.write_blocking(batch).unwrap();
    }
}

/// Returns the files whose bytes have a meaning, by name.
fn counting(dir: &Path) -> Vec<PathBuf> {
    let mut names = names(dir);
    names.retain(|name| name != "LOCK" && !name.starts_with("spare-") && !name.ends_with(".reserve"));
    names.iter().map(|name| dir.join(name)).collect()
}

/// Replaces one byte in place. Some file systems flush a file that is truncated and rewritten, which is slow.
fn put(file: &Path, at: usize, byte: u8) {
    let mut file = fs::File::options().write(true).open(file).unwrap();
    file.seek(SeekFrom::Start(at as u64)).unwrap();
    file.write_all(&[byte]).unwrap();
}

/// Returns `true` if the report names the file, as damaged or as dropped tail. Panics if another file is reported as
/// damaged.
fn is_named(result: &timestrata::Result<VerifyReport>, file: &Path) -> bool {
    match result {
        Err(Error::UnsupportedVersion { file: named, .. }) => named == file,
        Err(error) => panic!("{}: {error}", file.display()),
        Ok(report) => {
            let others: Vec<_> = report.findings.iter().filter(|finding| finding.file != file).collect();
            assert!(others.is_empty(), "{} is damaged, but: {others:?}", file.display());
            let name = file.file_name().unwrap().to_str().unwrap();
            !report.findings.is_empty() || report.notes.iter().any(|note| note.starts_with(name))
        }
    }
}

/// Checks that an opening fails exactly where `verify` has a finding. An opening reads the logs only: SSTs are read
/// later.
fn opening_agrees(dir: &Path, result: &timestrata::Result<VerifyReport>, what: &str) {
    let scratch = tempfile::tempdir().unwrap();
    copy_dir(dir, scratch.path());
    let refused = Db::builder(scratch.path()).open_blocking().err();
    let damaged = result.as_ref().map_or(true, |report| !report.findings.is_empty());
    assert_eq!(refused.is_some(), damaged, "{what}: opening says {refused:?}, verify {result:?}");
}

#[test]
fn every_flipped_byte_is_named() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let files = counting(dir.path());
    assert!(files.iter().filter(|file| file.extension().is_some_and(|ends| ends == "sst")).count() >= 2, "{files:?}");
    let (mut flipped, mut opened) = (0, 0);
    for file in files {
        let whole = fs::read(&file).unwrap();
        for at in 0..whole.len() {
            put(&file, at, whole[at] ^ (1 << (at % 8)));
            let result = verify(dir.path());
            assert!(is_named(&result, &file), "{} byte {at} of {}: {result:?}", file.display(), whole.len());
            flipped += 1;
            if flipped % 41 == 0 && file.extension().is_none_or(|ends| ends != "sst") {
                opening_agrees(dir.path(), &result, &format!("{} byte {at}", file.display()));
                opened += 1;
            }
            put(&file, at, whole[at]);
        }
    }
    assert_eq!(verify(dir.path()).unwrap().findings, []);
    assert!(flipped > 5000 && opened > 50, "{flipped} bytes flipped, {opened} openings");
}

#[test]
fn every_cut_is_named() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let last = counting(dir.path()).into_iter().rfind(|file| file.extension().is_some_and(|ends| ends == "log"));
    let mut cut = 0;
    for file in counting(dir.path()) {
        let whole = fs::read(&file).unwrap();
        // The last segment and the manifest end with 32 zero bytes, which only mark the end: without them the log is
        // the same.
        let zeros = if Some(&file) == last.as_ref() || file.ends_with("manifest") { 32 } else { 0 };
        for len in (0..whole.len() - zeros).step_by(13) {
            fs::write(&file, &whole[..len]).unwrap();
            let result = verify(dir.path());
            // A log that is cut between two records, without a later record that marks the lost ones as synced, shows
            // no damage.
            if is_named(&result, &file) {
                cut += 1;
            } else {
                opening_agrees(dir.path(), &result, &format!("{} cut to {len}", file.display()));
                assert!(zeros > 0, "{} cut to {len} of {}: {result:?}", file.display(), whole.len());
            }
        }
        fs::write(&file, &whole).unwrap();
    }
    assert!(cut > 300, "{cut} cuts");
}

#[test]
fn a_lost_file_is_named() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let files = counting(dir.path());
    for file in &files {
        let bytes = fs::read(file).unwrap();
        fs::remove_file(file).unwrap();
        let result = verify(dir.path());
        let lost_tail = Some(file) == files.iter().rfind(|file| file.extension().is_some_and(|ends| ends == "log"));
        // No other file names the last segment, because it has no successor.
        assert!(is_named(&result, file) || lost_tail, "{}: {result:?}", file.display());
        fs::write(file, bytes).unwrap();
    }
}

#[test]
fn a_foreign_file_and_swapped_ones_are_named() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    make(dir.path());
    make(other.path());
    for (file, foreign) in counting(dir.path()).into_iter().zip(counting(other.path())) {
        assert_eq!(file.file_name(), foreign.file_name(), "the same steps make the same names");
        if file.ends_with("manifest") {
            continue;
        }
        let bytes = fs::read(&file).unwrap();
        fs::copy(foreign, &file).unwrap();
        let result = verify(dir.path());
        assert!(result.as_ref().is_ok_and(|report| !report.findings.is_empty()), "{}", file.display());
        assert!(is_named(&result, &file), "{result:?}");
        fs::write(&file, bytes).unwrap();
    }
    let ssts: Vec<PathBuf> =
        counting(dir.path()).into_iter().filter(|file| file.extension().is_some_and(|ends| ends == "sst")).collect();
    let (first, second) = (fs::read(&ssts[0]).unwrap(), fs::read(&ssts[1]).unwrap());
    fs::write(&ssts[0], second).unwrap();
    fs::write(&ssts[1], first).unwrap();
    let findings = verify(dir.path()).unwrap().findings;
    assert_eq!(findings.iter().map(|finding| &finding.file).collect::<Vec<_>>(), ssts.iter().collect::<Vec<_>>());
}

#[test]
fn damage_in_several_files_is_named_in_each() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let files = counting(dir.path());
    let damaged: Vec<&PathBuf> = files.iter().filter(|file| !file.ends_with("manifest")).collect();
    for file in &damaged {
        let mut bytes = fs::read(file).unwrap();
        bytes[140] ^= 0x10;
        fs::write(file, bytes).unwrap();
    }
    let report = verify(dir.path()).unwrap();
    for file in damaged {
        let name = file.file_name().unwrap().to_str().unwrap();
        let found = report.findings.iter().any(|finding| finding.file == *file);
        assert!(found || report.notes.iter().any(|note| note.starts_with(name)), "{name}: {report:?}");
    }
    // Without the manifest, every other file is still checked by itself.
    fs::write(dir.path().join("manifest"), b"gone").unwrap();
    let report = verify(dir.path()).unwrap();
    assert!(report.findings.iter().any(|finding| finding.file.ends_with("manifest")), "{report:?}");
    let ssts = report.findings.iter().filter(|finding| finding.file.extension().is_some_and(|ends| ends == "sst"));
    assert!(ssts.count() >= 2, "{report:?}");
}

#[test]
fn a_file_that_nothing_names_is_damage_only_if_an_opening_would_refuse_it() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    make(dir.path());
    make(other.path());
    let extra = dir.path().join("00000000000000ff.sst");
    let ssts = |dir: &Path| counting(dir).into_iter().find(|file| file.extension().is_some_and(|ends| ends == "sst"));
    for foreign in [ssts(other.path()).unwrap(), ssts(dir.path()).unwrap()] {
        fs::copy(foreign, &extra).unwrap();
        let result = verify(dir.path());
        assert!(result.as_ref().is_ok_and(|report| report.findings.len() == 1), "{result:?}");
        assert!(is_named(&result, &extra));
        opening_agrees(dir.path(), &result, "a foreign SST");
    }
    fs::write(&extra, b"no SST at all").unwrap();
    let result = verify(dir.path());
    assert!(result.as_ref().is_ok_and(|report| report.findings.is_empty() && report.notes.len() == 1), "{result:?}");
    opening_agrees(dir.path(), &result, "a file that only has an SST's name");
}
