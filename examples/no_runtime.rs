//! A program without tokio: every call that waits has a twin that blocks.
//! Run it with `cargo run --example no_runtime`.

use timestrata::{Batch, Db, SeriesKey, Timestamp};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir()?;
    let db = Db::builder(dir.path().join("rig.db")).open_blocking()?;

    // A type other than f64 is chosen when the series is made, and is kept for good.
    let turns = db.series_as_blocking::<u64>(SeriesKey::new("turns").tag("motor", "left"))?;
    let heat = db.series_blocking(SeriesKey::new("heat").tag("motor", "left"))?;

    let begin = Timestamp::from_secs(1_700_000_000);
    let mut batch = Batch::new();
    for (second, count) in (0..60).zip((0_u64..).step_by(17)) {
        let at = begin.saturating_add_nanos(second * 1_000_000_000);
        batch.push(turns, at, count);
        batch.push(heat, at, 21.5);
    }
    let ack = db.write_blocking(batch)?;
    println!("batch {} is there for good ({:?})", ack.seq, ack.durability);

    let snapshot = db.snapshot();
    let half_a_minute = Timestamp::from_secs(1_700_000_000)..Timestamp::from_secs(1_700_000_030);
    for point in snapshot.scan(turns, half_a_minute) {
        let point = point?;
        println!("{} {}", point.timestamp, point.value);
    }
    if let Some(last) = snapshot.latest_blocking(turns)? {
        println!("newest: {} at {}", last.value, last.timestamp);
    }
    db.close_blocking()?;
    Ok(())
}
