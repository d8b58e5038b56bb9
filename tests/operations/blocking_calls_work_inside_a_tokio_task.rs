//! A blocking call inside a tokio task blocks the thread of the task only. Each call returns, for any number of calls
//! between two awaits. (Tokio's own semaphore is no longer ready after a task has used its budget.)

use std::sync::mpsc;
use std::time::Duration;

use timestrata::{Batch, Db, Result, SeriesKey, Timestamp};

/// Tokio gives a task a budget of 128 steps between two awaits.
const CALLS: i64 = 300;

fn calls(path: &std::path::Path) -> Result<usize> {
    let db = Db::open_blocking(path)?;
    let series = db.create_series(SeriesKey::new("load")).blocking()?;
    for at in 0..CALLS {
        let mut batch = Batch::new();
        batch.push(series, Timestamp::from_secs(at), 1.0);
        db.write_with_blocking(batch, timestrata::Durability::Os)?;
    }
    for _ in 0..CALLS {
        db.sync_blocking()?;
    }
    let points = db.snapshot().scan(series, ..).collect_blocking()?.len();
    db.close_blocking()?;
    Ok(points)
}

#[test]
fn a_task_may_make_any_number_of_blocking_calls() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let (done, finished) = mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let points = runtime.block_on(async { calls(&path) });
        done.send(points).unwrap();
    });
    let points = finished.recv_timeout(Duration::from_secs(20)).expect("the calls return");
    assert_eq!(points.unwrap(), CALLS.unsigned_abs().try_into().unwrap());
}
