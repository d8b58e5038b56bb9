//! Many tasks write through clones of one handle. One sync makes the batches of several tasks durable.
//!
//! Run with `cargo run --release --example many_tasks`.

use std::time::{Duration, Instant};

use timestrata::{Aggregate, Batch, Db, Selector, SeriesKey, Timestamp};

const TASKS: u32 = 16;
const BATCHES: usize = 50;
const POINTS: usize = 200;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir()?;
    let db = Db::open(dir.path().join("load.db")).await?;
    let began = Instant::now();
    let mut tasks = Vec::new();
    for task in 0..TASKS {
        tasks.push(tokio::spawn(write(db.clone(), task)));
    }
    for task in tasks {
        task.await??;
    }
    let stats = db.stats();
    println!("{} points in {:.2?}, every batch durable before the task's next", stats.points, began.elapsed());

    let windows = db
        .snapshot()
        .query(Selector::metric("load").tag("task", "7"))
        .every(Duration::from_hours(1))
        .aggregate(Aggregate::Mean)
        .run()
        .await?;
    println!("{windows}");
    db.close().await?;
    Ok(())
}

async fn write(db: Db, task: u32) -> timestrata::Result<()> {
    let load = db.create_series(SeriesKey::new("load").tag("task", task.to_string())).await?;
    let mut timestamp = Timestamp::from_secs(1_700_000_000);
    // A batch that is passed by reference is empty after the write and keeps its memory.
    let mut batch = Batch::with_capacity(POINTS);
    for _ in 0..BATCHES {
        for _ in 0..POINTS {
            batch.push(load, timestamp, f64::from(task) + 0.5);
            timestamp += Duration::from_secs(1);
        }
        db.write(&mut batch).await?;
    }
    Ok(())
}
