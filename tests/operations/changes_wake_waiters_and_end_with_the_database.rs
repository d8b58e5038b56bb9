//! Waits for changes: each write wakes the waiter, the waiter gets the newest version, and a close ends the watch.

use crate::common::{Home, batch, key};

#[tokio::test]
async fn changes_wake_waiters_and_end_with_the_database() {
    let home = Home::new();
    let db = home.builder().open().await.unwrap();
    let mut changes = db.watch();
    // One write per wait: the watch returns each version.
    for n in 1..=20_u64 {
        let (snapshot, ack) = tokio::join!(changes.next(), db.write(batch(&key("m", 0), [(1, 1.0)])));
        assert_eq!((snapshot.unwrap().seq(), ack.unwrap().seq), (n, n));
    }
    // Versions without a waiter are skipped.
    for _ in 0..5 {
        db.write(batch(&key("m", 0), [(1, 1.0)])).await.unwrap();
    }
    assert_eq!(changes.next().await.unwrap().seq(), 25);
    let waiting = tokio::spawn(async move {
        // The close flushes first, which also publishes a version.
        while changes.next().await.is_some() {}
        changes.next().await.is_none()
    });
    db.close().await.unwrap();
    assert!(waiting.await.unwrap());
}

#[test]
fn waiting_for_changes_keeps_nothing_open() {
    let home = Home::new();
    let db = home.open();
    let mut changes = db.watch();
    let waiting = std::thread::spawn(move || {
        let mut seen = 0;
        while let Some(snapshot) = changes.next_blocking() {
            seen = snapshot.seq();
        }
        seen
    });
    db.write_blocking(batch(&key("m", 0), [(1, 1.0)])).unwrap();
    drop(db);
    assert!(waiting.join().unwrap() <= 1);
    drop(home.open());
}

/// A change that was not awaited before the close is not returned afterwards: the files may belong to another opening
/// by then.
#[test]
fn no_change_is_returned_once_the_database_is_closed() {
    let home = Home::new();
    let db = home.open();
    let mut changes = db.watch();
    db.write_blocking(batch(&key("m", 0), [(1, 1.0)])).unwrap();
    db.close_blocking().unwrap();
    assert!(changes.next_blocking().is_none());
}
