//! Tests of damaged, foreign and newer files: each is reported, and none is read as data.

use super::*;
use crate::Error;

/// Returns the series of a small file with bytes of every kind.
/// It has all value types, a block of two vectors, and blocks with and without statistics.
fn fixture() -> Vec<TestSeries> {
    vec![
        TestSeries::new(3, (0..70).map(|at| at * 10), |at| at as f64 / 4.0),
        TestSeries::new(4, [5, 5, 9], |at| at as i64 - 1),
        TestSeries::new(9, 0..1030, |at| at as u64 / 1000),
        TestSeries::new(70, [i64::MIN, i64::MAX], |at| at == 0),
    ]
}

/// Reads a file whose bytes were changed.
/// Reading must fail with the right error or give the right points, and verification must find the damage.
fn assert_detected(dir: &Dir, meta: &SstMeta, what: &str) {
    let expected = points_of(&fixture());
    let read = SstReader::open(dir, DATABASE, meta, cache(1 << 20)).and_then(|reader| read_all(&reader));
    match read {
        Ok(points) => assert_eq!(points, expected, "{what}: wrong points"),
        Err(Error::Corrupt { offset, .. }) => assert!(offset <= meta.file_len, "{what}: offset {offset}"),
        Err(Error::ForeignFile { .. } | Error::UnsupportedVersion { .. }) => {
            panic!("{what}: damage was reported as a foreign file or a newer version")
        }
        Err(error) => panic!("{what}: {error}"),
    }
    assert_ne!(verify_sst(dir, DATABASE, meta).unwrap(), [], "{what}: verify_sst found nothing");
    if let Ok(described) = describe_sst(dir, &sst_file_name(meta.id)) {
        assert_ne!(described.findings, [], "{what}: describe_sst found nothing");
    }
}

#[test]
fn every_flipped_bit_is_detected() {
    let folder = tempfile::tempdir().unwrap();
    let dir = dir(folder.path());
    let meta = write(&dir, 7, &fixture());
    let path = dir.file_path(&sst_file_name(meta.id));
    let whole = std::fs::read(&path).unwrap();
    assert!(whole.len() < 2000, "the file of {} bytes is too large for this test", whole.len());
    for bit in 0..whole.len() * 8 {
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        std::fs::write(&path, bytes).unwrap();
        assert_detected(&dir, &meta, &format!("bit {bit} of {} bytes", whole.len()));
    }
}

#[test]
fn every_truncation_is_detected_and_so_are_bytes_behind_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let dir = dir(folder.path());
    let meta = write(&dir, 7, &fixture());
    let path = dir.file_path(&sst_file_name(meta.id));
    let whole = std::fs::read(&path).unwrap();
    for len in 0..whole.len() {
        std::fs::write(&path, &whole[..len]).unwrap();
        assert_detected(&dir, &meta, &format!("truncated to {len}"));
    }
    for tail in [&[0; 1][..], &[0; 4096], &whole[whole.len() - 180..]] {
        let mut longer = whole.clone();
        longer.extend_from_slice(tail);
        std::fs::write(&path, longer).unwrap();
        assert_detected(&dir, &meta, &format!("{} bytes longer", tail.len()));
    }
}

#[test]
fn a_missing_file_is_an_io_error() {
    let folder = tempfile::tempdir().unwrap();
    let dir = dir(folder.path());
    let meta = write(&dir, 7, &fixture());
    dir.remove(&sst_file_name(meta.id)).unwrap();
    let error = SstReader::open(&dir, DATABASE, &meta, cache(0)).unwrap_err();
    assert!(matches!(error, Error::Io { .. }), "{error}");
}

#[test]
fn a_foreign_a_copied_and_a_renamed_file_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let dir = dir(folder.path());
    let (seven, eight) = (write(&dir, 7, &fixture()), write(&dir, 8, &fixture()));
    let refused = |uuid, meta: &SstMeta| {
        let error = SstReader::open(&dir, uuid, meta, cache(0)).unwrap_err();
        assert!(matches!(error, Error::ForeignFile { .. }), "{error}");
        assert_eq!(verify_sst(&dir, uuid, meta).unwrap().len(), 1);
        error.to_string()
    };
    let message = refused(Uuid::from_u128(1), &seven);
    assert!(message.contains("of database 00000000-0000-0000-0000-000000000001 expected"), "{message}");
    std::fs::copy(dir.file_path(&sst_file_name(seven.id)), dir.file_path(&sst_file_name(eight.id))).unwrap();
    let message = refused(DATABASE, &eight);
    assert!(message.contains("file 0000000000000008 of database"), "{message}");
    // The same id in the same database, but another file.
    dir.remove(&sst_file_name(seven.id)).unwrap();
    write(&dir, 7, &fixture()[..2]);
    assert!(refused(DATABASE, &seven).contains("another file of the same name"));
}

#[test]
fn a_newer_version_is_reported_even_if_its_footer_is_unknown() {
    let folder = tempfile::tempdir().unwrap();
    let dir = dir(folder.path());
    let meta = write(&dir, 7, &fixture());
    let path = dir.file_path(&sst_file_name(meta.id));
    let mut bytes = std::fs::read(&path).unwrap();
    let header = super::super::header_footer::SstHeader { version: 4, uuid: DATABASE, id: meta.id }.encode();
    bytes[..header.len()].copy_from_slice(&header);
    bytes.extend_from_slice(b"a footer of version 4");
    std::fs::write(&path, &bytes).unwrap();
    let error = SstReader::open(&dir, DATABASE, &meta, cache(0)).unwrap_err();
    assert!(matches!(error, Error::UnsupportedVersion { found: 4, newest: 3, .. }), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
}

#[test]
fn a_block_at_the_place_of_another_is_detected() {
    let folder = tempfile::tempdir().unwrap();
    let dir = dir(folder.path());
    // Two equal series, so that their blocks differ only in their offsets.
    let meta = write(&dir, 7, &[1, 2].map(|id| TestSeries::new(id, 0..200, |at| at as f64)));
    let path = dir.file_path(&sst_file_name(meta.id));
    let entries: Vec<BlockEntry> = open(&dir, &meta).all_blocks().map(Result::unwrap).collect();
    assert_eq!(entries[0].len, entries[1].len);
    let mut bytes = std::fs::read(&path).unwrap();
    let [from, to] = [0, 1].map(|at: usize| usize::try_from(entries[at].offset).unwrap());
    bytes.copy_within(from..from + entries[0].len as usize, to);
    std::fs::write(&path, bytes).unwrap();
    let findings = verify_sst(&dir, DATABASE, &meta).unwrap();
    assert_eq!(findings.len(), 1);
    assert_eq!((findings[0].offset, findings[0].file.clone()), (entries[1].offset, path));
    assert_eq!(findings[0].detail, "block of 200 points of series #2: its checksum is wrong");
}

#[test]
fn verify_continues_behind_damage() {
    let folder = tempfile::tempdir().unwrap();
    let dir = dir(folder.path());
    let series: Vec<TestSeries> =
        (0..6000).map(|id| TestSeries::new(id, 0..128, move |at| f64::from(id) + at as f64)).collect();
    let meta = write(&dir, 7, &series);
    let path = dir.file_path(&sst_file_name(meta.id));
    let reader = open(&dir, &meta);
    let entries: Vec<BlockEntry> = reader.all_blocks().map(Result::unwrap).collect();
    let mut offsets =
        vec![0, entries[0].offset, entries[5999].offset, reader.top.dictionary[1].offset, reader.top.index[1].offset];
    let mut bytes = std::fs::read(&path).unwrap();
    for offset in &offsets {
        bytes[usize::try_from(*offset).unwrap() + 5] ^= 0x10;
    }
    std::fs::write(&path, bytes).unwrap();
    let mut found: Vec<u64> = verify_sst(&dir, DATABASE, &meta).unwrap().iter().map(|finding| finding.offset).collect();
    offsets.sort_unstable();
    found.sort_unstable();
    assert_eq!(found, offsets);
}
