//! The bytes of format version 1 as they stand in docs/format.md, held fast: tests/golden/v1/wal.log.

use super::*;
use crate::bytes::assert_golden;

#[test]
fn a_segment_is_byte_for_byte_what_version_1_says() {
    let (temp, dir) = temp();
    let mut wal = new_wal(&dir, &new_ids());
    wal.rotate().unwrap();
    let key = SeriesKey::new("temp").tag("station", "JFK");
    let batches =
        [Owned::new(1, 3).defining(0, key).defining(1, SeriesKey::new("höhe")), Owned::new(2, 300), Owned::delete(3)];
    append(&mut wal, &batches[..1]);
    wal.sync().unwrap();
    append(&mut wal, &batches[1..]);
    wal.mark().unwrap();
    let name = segment_name(wal.current());
    let written = std::fs::read(temp.path().join(&name)).unwrap();
    assert_golden("wal.log", &written, include_bytes!("../../../tests/golden/v1/wal.log"));
    std::fs::write(temp.path().join(&name), include_bytes!("../../../tests/golden/v1/wal.log")).unwrap();
    assert_eq!(read(&dir, wal.current(), SegmentEnd::Last).unwrap().0, batches);
}
