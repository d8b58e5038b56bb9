//! Uses timestrata without tokio: every async call has a blocking variant.
//! Run with `cargo run --example no_runtime`.

use std::time::Duration;

use timestrata::{Batch, Db, SeriesKey, Timestamp};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir()?;
    let db = Db::builder(dir.path().join("rig.db")).open_blocking()?;

    // The type of the values is set when the series is created, and is fixed from then on. Default: f64.
    let turns = db.create_series(SeriesKey::new("turns").tag("motor", "left")).value_type::<u64>().blocking()?;
    let heat = db.create_series(SeriesKey::new("heat").tag("motor", "left")).blocking()?;

    let begin = Timestamp::from_secs(1_700_000_000);
    let mut batch = Batch::new();
    for (second, count) in (0..60).zip((0_u64..).step_by(17)) {
        let timestamp = begin + Duration::from_secs(second);
        batch.push(turns, timestamp, count);
        batch.push(heat, timestamp, 21.5);
    }
    let ack = db.write_blocking(batch)?;
    println!("batch {} is durable ({:?})", ack.seq, ack.durability);

    let snapshot = db.snapshot();
    let half_a_minute = begin..begin + Duration::from_secs(30);
    for point in snapshot.scan(turns, half_a_minute) {
        let point = point?;
        println!("{} {}", point.timestamp, point.value);
    }
    if let Some(last) = snapshot.latest_blocking(turns)? {
        println!("latest: {} at {}", last.value, last.timestamp);
    }
    db.close_blocking()?;
    Ok(())
}
