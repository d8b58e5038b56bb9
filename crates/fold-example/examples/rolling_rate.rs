//! Rates over the last five minutes, every 15 seconds, of 1,000 counters; and the time that some queries take.
//! Run with `cargo run --release -p timestrata-fold-example --example rolling_rate`.

use std::time::{Duration, Instant};

use timestrata::{Aggregate, Batch, Db, Edge, Query, Selector, SeriesKey, Timestamp};
use timestrata_fold_example::WeightedMean;

const SERIES: u64 = 1_000;
/// Six hours of a point every 15 seconds.
const TICKS: u64 = 6 * 240;
const STEP: Duration = Duration::from_secs(15);
const FIVE_MINUTES: Duration = Duration::from_mins(5);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir()?;
    let db = Db::open_blocking(dir.path().join("db"))?;
    let begin = Timestamp::from_secs(1_790_000_010);
    let keys: Vec<SeriesKey> = (0..SERIES).map(|n| SeriesKey::new("requests").tag("host", n.to_string())).collect();
    for tick in 0..TICKS {
        let mut batch = Batch::new();
        for (key, n) in keys.iter().zip(1_u64..) {
            // A counter that restarts once in the middle of the time.
            let requests = tick % (TICKS / 2) * n;
            batch.push_key(key, begin + STEP * u32::try_from(tick)?, requests);
        }
        db.write_blocking(batch)?;
    }
    db.flush_blocking()?;

    let query = || db.snapshot().query(Selector::metric("requests")).threads(1).statistics(false);
    // The last hour; the first rate begins with the point before it.
    let hour = begin + STEP * u32::try_from(TICKS - 240)?..;
    let rolling = || query().every(STEP).over(FIVE_MINUTES).closed(Edge::End).aggregate(Aggregate::Rate);
    let answer = rolling().range(hour).lookback(FIVE_MINUTES).run_blocking()?;
    let row = &answer.series[7];
    for (start, rate) in row.starts.iter().zip(row.values[0].as_f64().unwrap_or_default()).take(3) {
        println!("{} {} {rate:.3}/s", row.key, *start + FIVE_MINUTES);
    }

    let mean = |windows: Query| windows.aggregate(Aggregate::Mean);
    let weighted = |windows: Query| windows.fold("weighted mean", WeightedMean::new(FIVE_MINUTES));
    timed("built-in mean, 5m", || mean(query().every(FIVE_MINUTES)))?;
    timed("built-in variance, 5m", || query().every(FIVE_MINUTES).aggregate(Aggregate::Variance))?;
    timed("weighted mean (fold of this crate), 5m", || weighted(query().every(FIVE_MINUTES)))?;
    timed("built-in mean, 6h", || mean(query()))?;
    timed("built-in variance, 6h", || query().aggregate(Aggregate::Variance))?;
    timed("weighted mean (fold of this crate), 6h", || weighted(query()))?;
    timed("rate, 5m", || query().every(FIVE_MINUTES).aggregate(Aggregate::Rate))?;
    timed("rate, 15s", || query().every(STEP).aggregate(Aggregate::Rate))?;
    timed("rate, 5m every 15s", rolling)?;
    timed("mean, 5m every 15s", || mean(query().every(STEP).over(FIVE_MINUTES)))?;
    timed("weighted mean, 5m every 15s", || weighted(query().every(STEP).over(FIVE_MINUTES)))?;
    timed("mean, 1h every 15s", || mean(query().every(STEP).over(Duration::from_hours(1))))?;
    Ok(())
}

/// Prints the best time of five runs of a query over all points, per point and per window.
fn timed(what: &str, query: impl Fn() -> Query) -> Result<(), timestrata::Error> {
    let (mut best, mut windows) = (Duration::MAX, 0);
    for _ in 0..5 {
        let started = Instant::now();
        windows = query().run_blocking()?.len();
        best = best.min(started.elapsed());
    }
    let nanos = |count: u64| best.as_nanos() / u128::from(count.max(1));
    println!("{what:40} {best:>10.1?} {:>6} ns/point {:>6} ns/window", nanos(SERIES * TICKS), nanos(windows as u64));
    Ok(())
}
