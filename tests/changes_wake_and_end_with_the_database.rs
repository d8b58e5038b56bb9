//! Waiting for changes: each write wakes, the newest state comes, and a close is the end.

#![allow(clippy::unwrap_used, reason = "a test that meets an error has failed")]

mod common;

use common::{Home, batch, key};

#[tokio::test]
async fn changes_wake_and_end_with_the_database() {
    let home = Home::new();
    let db = home.builder().open().await.unwrap();
    let mut changes = db.changes();
    // One write a wait: each of them is seen.
    for n in 1..=20_u64 {
        let (snapshot, ack) = tokio::join!(changes.next(), db.write(batch(&key("m", 0), [(1, 1.0)])));
        assert_eq!((snapshot.unwrap().seq(), ack.unwrap().seq), (n, n));
    }
    // Those that nobody waited for are passed over.
    for _ in 0..5 {
        db.write(batch(&key("m", 0), [(1, 1.0)])).await.unwrap();
    }
    assert_eq!(changes.next().await.unwrap().seq(), 25);
    let waiting = tokio::spawn(async move {
        // The close flushes first, which is a change, too.
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
    let mut changes = db.changes();
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

/// A change that nobody asked for before the close is not handed out after it: its files may be another's by then.
#[test]
fn a_change_is_not_told_once_the_database_is_closed() {
    let home = Home::new();
    let db = home.open();
    let mut changes = db.changes();
    db.write_blocking(batch(&key("m", 0), [(1, 1.0)])).unwrap();
    db.close_blocking().unwrap();
    assert!(changes.next_blocking().is_none());
}
