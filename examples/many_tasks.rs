//! Many tasks write through clones of one handle; their batches share the disk's syncs.
//! Run it with `cargo run --release --example many_tasks`.

use std::time::{Duration, Instant};

use timestrata::{Aggregate, Batch, Db, Select, SeriesKey, Timestamp};

const TASKS: u32 = 16;
const BATCHES: i64 = 50;
const POINTS: i64 = 200;

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
        .query(Select::metric("load").tag("task", "7"))
        .every(Duration::from_hours(1))
        .aggregate(Aggregate::Mean)
        .run()
        .await?;
    println!("{windows}");
    db.close().await?;
    Ok(())
}

async fn write(db: Db, task: u32) -> timestrata::Result<()> {
    let load = db.series(SeriesKey::new("load").tag("task", task.to_string())).await?;
    for nth in 0..BATCHES {
        let mut batch = Batch::new();
        for point in 0..POINTS {
            let second = nth * POINTS + point;
            batch.push(load, Timestamp::from_secs(1_700_000_000 + second), f64::from(task) + 0.5);
        }
        db.write(batch).await?;
    }
    Ok(())
}
