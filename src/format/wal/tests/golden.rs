//! Compares a written segment with the golden file of format version 1, tests/golden/v1/wal.log.

use super::*;
use crate::format::bytes::assert_golden;

#[test]
fn a_segment_equals_the_golden_file_of_version_1() {
    let (temp, dir) = temp();
    let mut wal = new_wal(&dir, &new_ids());
    wal.rotate().unwrap();
    let key = SeriesKey::new("temp").tag("station", "JFK");
    let batches = [
        TestRecord::new(1, 3).defining(0, key).defining(1, SeriesKey::new("höhe")),
        TestRecord::new(2, 300),
        TestRecord::delete(3),
        TestRecord::metadata(4),
    ];
    append(&mut wal, &batches[..1]);
    wal.sync().unwrap();
    append(&mut wal, &batches[1..]);
    wal.write_sync_mark().unwrap();
    let name = segment_name(wal.active_segment());
    let written = std::fs::read(temp.path().join(&name)).unwrap();
    assert_golden("v1/wal.log", &written, include_bytes!("../../../../tests/golden/v1/wal.log"));
    std::fs::write(temp.path().join(&name), include_bytes!("../../../../tests/golden/v1/wal.log")).unwrap();
    assert_eq!(read(&dir, wal.active_segment(), SegmentBound::Unsealed).unwrap().0, batches);
}
