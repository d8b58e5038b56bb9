//! The format does not change by accident: a file written today is, byte for byte, the one that is kept.

use super::*;
use crate::bytes::assert_golden;

const GOLDEN: &[u8] = include_bytes!("../../../tests/golden/v1/l0.sst");

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
