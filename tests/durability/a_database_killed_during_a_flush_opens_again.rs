//! The temporary file of a flush that a kill interrupted must not make later openings fail with its file id.

use timestrata::{Db, SeriesKey};

use crate::common::batch;

/// kill -9 during a flush leaves `<id>.sst.tmp`. No other name that recovery counts contains this id.
#[test]
fn a_database_killed_during_a_flush_opens_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    {
        let db = Db::open_blocking(&path).unwrap();
        for n in 0..4 {
            let points = (n * 1000..(n + 1) * 1000).map(|nanos| (nanos, 1.5));
            db.write_blocking(batch(&SeriesKey::new("m"), points)).unwrap();
        }
    }
    // Ids in use: segment 1 and its spare 2. A freeze took 3 and 4, the flush took 5; then the process was killed.
    std::fs::write(path.join(format!("{:016x}.sst.tmp", 5)), b"half an SST").unwrap();
    let open = || Db::builder(&path).flush_at_bytes(1).open_blocking().err().map(|error| error.kind());
    assert_eq!([open(), open(), open()], [None, None, None]);
}
