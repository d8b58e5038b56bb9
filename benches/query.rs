//! Benchmark of queries over the workload.
//!
//! The queries read by statistics, decode all points, read one series and one hour, read the latest points of all
//! series, and select a few of many series. `TIMESTRATA_QUERY_POINTS` sets the number of points in 1,000 series
//! (default 10 million), `TIMESTRATA_QUERY_SERIES` the number of series of the last measurement (default 20,000). Each
//! line has the best and the median time of all runs within half a second, at least five runs.

#![expect(clippy::cast_precision_loss, reason = "counts of points stay far below 2^53")]

mod workload;

use std::hint::black_box;
use std::time::{Duration, Instant};

use timestrata::{
    Aggregate, Batch, Db, Durability, Period, Query, Selector, SeriesKey, Snapshot, Timestamp, ValueSlice,
};
use workload::{SERIES, START_SECS, STEP_SECS, fill, keys, open, process};

fn from_env(name: &str, default: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Prints the best and the median time of a call, and the processor time of this thread.
///
/// On a machine with other load the best time is more reliable. The processor time is the most reliable figure if the
/// thread does all the work. The call is skipped unless its name contains `TIMESTRATA_QUERY_ONLY`, if that variable is
/// set.
fn measure(name: &str, points: usize, mut call: impl FnMut()) {
    if std::env::var("TIMESTRATA_QUERY_ONLY").is_ok_and(|only| !name.contains(&only)) {
        return;
    }
    call();
    let (begun, mut times, mut processor) = (Instant::now(), Vec::new(), Duration::MAX);
    while times.len() < 5 || begun.elapsed() < Duration::from_millis(500) {
        let (start, before) = (Instant::now(), process::thread_time());
        call();
        times.push(start.elapsed());
        processor = processor.min(process::thread_time().saturating_sub(before));
    }
    times.sort_unstable();
    let median = times[times.len() / 2];
    let rate = |time: Duration| points as f64 / time.as_secs_f64() / 1e6;
    let best = times[0];
    println!(
        "{name:58} best {best:>9.2?} {:>6.0} M points/s, median {median:>9.2?} {:>6.0}, this thread {processor:>9.2?}",
        rate(best),
        rate(median)
    );
}

fn all(snapshot: &Snapshot) -> Query {
    snapshot.query(Selector::metric("gauge"))
}

fn run(query: Query) {
    black_box(query.run_blocking().expect("the files are sound"));
}

fn measures(place: &str, db: &Db, points: usize) {
    let snapshot = db.snapshot();
    println!("{place}: {points} points in {} files", db.stats().files);
    let (_, explain) = all(&snapshot).aggregate(Aggregate::Sum).explain_blocking().expect("the files are sound");
    println!("{explain}");
    let of = [Aggregate::Sum, Aggregate::Min, Aggregate::Max, Aggregate::Count];
    measure("sum, min, max, count of all, by statistics", points, || run(all(&snapshot).aggregates(of)));
    measure("the same as one group", points, || run(all(&snapshot).aggregates(of).group_all()));
    measure("the same, decoded", points, || run(all(&snapshot).aggregates(of).statistics(false)));
    for (name, every) in [("minute", 6), ("10 minutes", 60), ("hour", 360)] {
        let every = Duration::from_secs(every * STEP_SECS.unsigned_abs());
        let query = || all(&snapshot).every(every).aggregate(Aggregate::Mean);
        measure(&format!("mean by {name}"), points, || run(query()));
        measure(&format!("mean by {name}, one thread"), points, || run(query().threads(1)));
    }
    measure("mean, max, p99 by hour", points, || {
        let of = [Aggregate::Mean, Aggregate::Max, Aggregate::quantile(0.99)];
        run(all(&snapshot).every(Duration::from_hours(1)).aggregates(of));
    });
    measure("mean by day of the calendar, one group", points, || {
        run(all(&snapshot).every(Period::days(1)).aggregate(Aggregate::Mean).group_all());
    });
    measure("rate by 10 minutes", points, || {
        run(all(&snapshot).every(Duration::from_mins(10)).aggregate(Aggregate::Rate));
    });
    let mut next = 0;
    measure("one series, one hour, mean by minute", 360, || {
        next = (next + 7) % SERIES;
        let select = Selector::metric("gauge").tag("sensor", format!("s{next:04}"));
        let range = Timestamp::from_secs(START_SECS + 3_600)..Timestamp::from_secs(START_SECS + 7_200);
        run(snapshot.query(select).range(range).every(Duration::from_mins(1)).aggregate(Aggregate::Mean));
    });
    measure("one series, one hour, points", 360, || {
        next = (next + 7) % SERIES;
        let key = SeriesKey::new("gauge").tag("client", "read").tag("sensor", format!("s{next:04}"));
        let range = Timestamp::from_secs(START_SECS + 3_600)..Timestamp::from_secs(START_SECS + 7_200);
        let series = snapshot.series::<f64>(&key).expect("it is there");
        black_box(snapshot.scan(series, range).collect_blocking().expect("the files are sound"));
    });
    measure("latest of 1,000 series", SERIES, || {
        let latest = snapshot.latest_each_blocking(&Selector::metric("gauge")).expect("the files are sound");
        assert_eq!(latest.len(), SERIES);
    });
}

/// Reads all columns of all series with one cursor.
fn scan_all(snapshot: &Snapshot) {
    let mut cursor = snapshot.scan_series(Selector::metric("cpu")).cursor().expect("the selector is valid");
    let mut sum = 0.0;
    while let Some(chunk) = cursor.next_chunk().expect("the files are sound") {
        let ValueSlice::F64(values) = chunk.values else { continue };
        sum += values.iter().sum::<f64>();
    }
    black_box(sum);
}

/// Measures queries that select 1 % of many series with 100 points each.
fn many(series: usize) {
    let dir = tempfile::tempdir_in(".").expect("a directory beside the sources");
    let db = open(dir.path(), |builder| builder);
    let key = |n: usize| SeriesKey::new("cpu").tag("host", n.to_string()).tag("shard", (n % 100).to_string());
    let handles = db.create_many_series((0..series).map(key)).blocking().expect("series can be made");
    for tick in 0..100 {
        let at = Timestamp::from_secs(START_SECS + tick * 60);
        for handles in handles.chunks(100_000) {
            let mut batch = Batch::with_capacity(handles.len());
            for series in handles {
                batch.push(*series, at, 0.5);
            }
            db.write_with_blocking(batch, Durability::Os).expect("the bench's writes go through");
        }
    }
    for place in ["memtable and files", "files", "compacted"] {
        let snapshot = db.snapshot();
        println!("{place}: {} files", db.stats().files);
        let select = || Selector::metric("cpu").tag("shard", "7");
        measure(&format!("mean by hour of 1 % of {series} series, {place}"), series, || {
            run(snapshot.query(select()).every(Duration::from_hours(1)).aggregate(Aggregate::Mean));
        });
        let all = || Selector::metric("cpu");
        measure(&format!("sum of {series} series, decoded, {place}"), series * 100, || {
            run(snapshot.query(all()).aggregate(Aggregate::Sum).statistics(false).group_all());
        });
        measure(&format!("sum of {series} series, decoded, one thread, {place}"), series * 100, || {
            run(snapshot.query(all()).aggregate(Aggregate::Sum).statistics(false).group_all().threads(1));
        });
        measure(&format!("columns of {series} series, one cursor, {place}"), series * 100, || scan_all(&snapshot));
        measure(&format!("latest of {series} series, {place}"), series, || {
            let latest = snapshot.latest_each_blocking(&all()).expect("the files are sound");
            assert_eq!(latest.len(), series);
        });
        if place == "files" {
            db.compact_blocking().expect("the compaction goes through");
        } else {
            db.flush_blocking().expect("the flush goes through");
        }
    }
}

fn main() {
    let ticks = from_env("TIMESTRATA_QUERY_POINTS", 10_000_000) / SERIES;
    let dir = tempfile::tempdir_in(".").expect("a directory beside the sources");
    let db = open(dir.path(), |builder| builder);
    let series = db.create_many_series(keys("read", SERIES)).blocking().expect("series can be made");
    fill(&db, &series, ticks);
    db.flush_blocking().expect("the flush goes through");
    measures("flushed", &db, ticks * SERIES);
    db.compact_blocking().expect("the compaction goes through");
    measures("compacted", &db, ticks * SERIES);
    many(from_env("TIMESTRATA_QUERY_SERIES", 20_000));
}
