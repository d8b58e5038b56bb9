//! A snapshot shows the points at the time when it was taken, independent of later writes and flushes.
//! Run with `cargo run --example snapshot_held_over_writes`.

use timestrata::{Batch, Db, SeriesKey, Snapshot, Timestamp};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir()?;
    let db = Db::open(dir.path().join("held.db")).await?;
    let level = db.create_series(SeriesKey::new("level")).await?;

    let mut batch = Batch::new();
    for second in 0..1_000 {
        batch.push(level, Timestamp::from_secs(second), 1.0);
    }
    db.write(batch).await?;

    // A snapshot is owned: it may move to another task or thread, and outlive the handle.
    let held = db.snapshot();
    let reader = tokio::spawn(count(held.clone()));

    for second in 1_000..3_000 {
        let mut batch = Batch::new();
        batch.push(level, Timestamp::from_secs(second), 2.0);
        // A point at an existing timestamp is a second point; the default duplicate policy keeps both.
        batch.push(level, Timestamp::from_secs(0), 3.0);
        db.write(batch).await?;
    }
    db.flush().await?;

    println!("the reader beside the writes saw {} points", reader.await??);
    println!("the held snapshot still has {}", count(held).await?);
    println!("a new one has {}", count(db.snapshot()).await?);
    db.close().await?;
    Ok(())
}

async fn count(snapshot: Snapshot) -> timestrata::Result<usize> {
    let level = snapshot.series::<f64>(&SeriesKey::new("level"))?;
    Ok(snapshot.scan(level, ..).collect().await?.len())
}
