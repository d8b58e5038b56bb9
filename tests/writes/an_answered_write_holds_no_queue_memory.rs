//! A write releases its share of the queue's memory before it is answered, so that the write does not make the next
//! `try_write` fail.

use timestrata::{Batch, Db, Durability, SeriesKey, Timestamp};

#[test]
fn each_write_finds_the_queue_empty() {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::builder(dir.path().join("db")).durability(Durability::Os).open_blocking().unwrap();
    let key = SeriesKey::new("load");
    for at in 0..3_000 {
        let mut batch = Batch::new();
        batch.push_key(&key, Timestamp::from_secs(at), 1.0);
        db.write_blocking(batch).unwrap();
        assert_eq!(db.stats().queued_bytes, 0, "after write {at}");
    }
}
