//! The format does not change by accident: a file written today is, byte for byte, the one that is kept.

use super::*;
use crate::bytes::assert_golden;

const GOLDEN: &[u8] = include_bytes!("../../../tests/golden/v1/l0.sst");
const BASE_GOLDEN: &[u8] = include_bytes!("../../../tests/golden/v1/base.sst");

fn fixture() -> Vec<Series> {
    let start = 1_700_000_000_000_000_000;
    let regular = move |count: i64| (0..count).map(move |at| start + at * 10_000_000_000);
    vec![
        // A gauge of two decimals, a counter, a rare event, a switch, and what no codec shortens.
        Series::new(1, regular(2000), |at| (2000 + (at * 7919) % 613) as f64 / 100.0),
        Series::new(2, regular(500), |at| 1000 * at as u64 + (at as u64 * 31) % 17),
        Series::new(4, [i64::MIN, -1, -1, 0, i64::MAX], |at| [0, i64::MIN, i64::MAX, -1, 1][at]),
        Series::new(1000, regular(100), |at| at % 10 < 3),
        Series::new(1001, regular(70), |at| f64::from_bits(noise(at))),
    ]
}

#[test]
fn the_file_of_version_1_is_written_and_read_as_ever() {
    let folder = tempfile::tempdir().unwrap();
    let dir = dir(folder.path());
    let meta = write(&dir, 0x60_1d, &fixture());
    let path = dir.file_path(&file_name(meta.id));
    let written = std::fs::read(&path).unwrap();
    assert_golden("l0.sst", &written, GOLDEN);
    std::fs::write(&path, GOLDEN).unwrap();
    assert_eq!(read_all(&open(&dir, &meta)).unwrap(), points_of(&fixture()));
    assert_eq!(verify(&dir, DATABASE, &meta).unwrap(), []);
}

/// With a series that pco shortens, and whole keys. A release of pco that encodes otherwise is a reason to write the file
/// anew under another name, and to go on reading this one.
#[test]
fn a_file_of_the_base_of_version_1_is_written_and_read_as_ever() {
    let folder = tempfile::tempdir().unwrap();
    let dir = dir(folder.path());
    let mut series = fixture();
    series.push(Series::new(2000, 0..1500, |at| (at * 7919 % 613 % 37) as f64 * 1.15078));
    let meta = write_at(BASE, &dir, 0x60_1e, &series);
    let path = dir.file_path(&file_name(meta.id));
    assert_golden("base.sst", &std::fs::read(&path).unwrap(), BASE_GOLDEN);
    std::fs::write(&path, BASE_GOLDEN).unwrap();
    let reader = open(&dir, &meta);
    assert_eq!(read_all(&reader).unwrap(), points_of(&series));
    let entries: Vec<_> = reader.series().map(Result::unwrap).collect();
    assert_eq!(entries, series.iter().map(|series| series.entry(BASE)).collect::<Vec<_>>());
    assert_eq!(verify(&dir, DATABASE, &meta).unwrap(), []);
    let described = describe(&dir, &file_name(meta.id)).unwrap();
    assert_eq!(described.value_codecs["pco"].points, 1500);
}
