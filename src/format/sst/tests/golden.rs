//! Compares written SSTs byte for byte with the golden files of format version 3.

use super::*;
use crate::format::bytes::assert_golden;

const GOLDEN: &[u8] = include_bytes!("../../../../tests/golden/v3/l0.sst");
const BASE_GOLDEN: &[u8] = include_bytes!("../../../../tests/golden/v3/base.sst");

fn fixture() -> Vec<TestSeries> {
    let start = 1_700_000_000_000_000_000;
    let regular = move |count: i64| (0..count).map(move |at| start + at * 10_000_000_000);
    vec![
        // A gauge with two decimal places, a counter, rare events, a switch, incompressible values, values of a coarse
        // instrument, and products of decimals.
        TestSeries::new(1, regular(2000), |at| (2000 + (at * 7919) % 613) as f64 / 100.0),
        TestSeries::new(2, regular(500), |at| 1000 * at as u64 + (at as u64 * 31) % 17),
        TestSeries::new(4, [i64::MIN, -1, -1, 0, i64::MAX], |at| [0, i64::MIN, i64::MAX, -1, 1][at]),
        TestSeries::new(1000, regular(100), |at| at % 10 < 3),
        TestSeries::new(1001, regular(70), |at| f64::from_bits(noise(at))),
        TestSeries::new(1002, regular(300), |at| ((at * at % 37) as f64).sqrt()),
        TestSeries::new(1003, regular(300).map(|at| at + at % 977), |at| (at * 7919 % 100_003) as f64 * 1.15078),
    ]
}

#[test]
fn a_level_0_file_of_version_3_equals_the_golden_file_and_is_readable() {
    let folder = tempfile::tempdir().unwrap();
    let dir = dir(folder.path());
    let meta = write(&dir, 0x60_1d, &fixture());
    let path = dir.file_path(&sst_file_name(meta.id));
    let written = std::fs::read(&path).unwrap();
    assert_golden("v3/l0.sst", &written, GOLDEN);
    std::fs::write(&path, GOLDEN).unwrap();
    assert_eq!(read_all(&open(&dir, &meta)).unwrap(), points_of(&fixture()));
    assert_eq!(verify_sst(&dir, DATABASE, &meta).unwrap(), []);
}

/// The file contains whole keys and a series that pco makes smaller.
/// If a release of pco encodes differently, add a new golden file and keep reading this one.
#[test]
fn a_base_file_of_version_3_equals_the_golden_file_and_is_readable() {
    let folder = tempfile::tempdir().unwrap();
    let dir = dir(folder.path());
    let mut series = fixture();
    series.push(TestSeries::new(2000, 0..1500, |at| ((at * 7919 % 100_003) as f64).sqrt()));
    let meta = write_at(BASE, &dir, 0x60_1e, &series);
    let path = dir.file_path(&sst_file_name(meta.id));
    assert_golden("v3/base.sst", &std::fs::read(&path).unwrap(), BASE_GOLDEN);
    std::fs::write(&path, BASE_GOLDEN).unwrap();
    let reader = open(&dir, &meta);
    assert_eq!(read_all(&reader).unwrap(), points_of(&series));
    let entries: Vec<_> = reader.series().map(Result::unwrap).collect();
    assert_eq!(entries, series.iter().map(|series| series.entry(BASE)).collect::<Vec<_>>());
    assert_eq!(verify_sst(&dir, DATABASE, &meta).unwrap(), []);
    let described = describe_sst(&dir, &sst_file_name(meta.id)).unwrap();
    assert_eq!(described.value_codecs["pco"].points, 3500);
}
