//! A snapshot shows what was there when it was taken, however much is written and flushed after.
//! Run it with `cargo run --example snapshot_held_over_writes`.

use timestrata::{Batch, Db, SeriesKey, Snapshot, Timestamp};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir()?;
    let db = Db::open(dir.path().join("held.db")).await?;
    let level = db.series(SeriesKey::new("level")).await?;

    let mut batch = Batch::new();
    for second in 0..1_000 {
        batch.push(level, Timestamp::from_secs(second), 1.0);
    }
    db.write(batch).await?;

    // Owned: it may go to another task or thread, and outlive the handle.
    let held = db.snapshot();
    let reader = tokio::spawn(count(held.clone()));

    for second in 1_000..3_000 {
        let mut batch = Batch::new();
        batch.push(level, Timestamp::from_secs(second), 2.0);
        // A point at a time that is taken already is a second point, not another value of the first.
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
    let level = snapshot.typed::<f64>(&SeriesKey::new("level"))?;
    Ok(snapshot.scan(level, ..).collect().await?.len())
}
