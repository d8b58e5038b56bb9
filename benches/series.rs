//! Benchmark of the series index: cost of creating, opening, selecting and keeping a million series.
//! `TIMESTRATA_SERIES` sets another number of series, and the argument `keys` or `cached` runs only the writes of new
//! series by keys or by cached series. Each figure is printed when it is measured; benches/README.md lists the figures.

#[path = "workload/process.rs"]
#[allow(dead_code, reason = "each bench uses a part of it")]
mod process;

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use timestrata::{Batch, CachedSeries, Db, Durability, Selector, SeriesKey, Timestamp};

/// Series created per call.
const BATCH: usize = 10_000;
/// Points written per batch.
const WRITTEN: usize = 50_000;
const LOOKS: usize = 101;
/// Environment variable with the path of the database that a child process opens.
///
/// The memory of an opening is measured in a new process.
const OPENS: &str = "TIMESTRATA_SERIES_OPENS";

/// Returns the key of series `n`.
///
/// There are a thousand hosts in ten regions; the counter distinguishes the series of a host.
fn key(n: usize) -> SeriesKey {
    let (host, counter) = (n % 1_000, n / 1_000);
    SeriesKey::new(format!("metric_{}", counter % 50))
        .tag("region", format!("r{}", host % 10))
        .tag("host", format!("web-{host}"))
        .tag("counter", counter.to_string())
}

/// Returns the length of a key's text in bytes, without the overhead of its allocations.
fn text_len(key: &SeriesKey) -> usize {
    key.metric().len() + key.tags().map(|(key, value)| key.len() + value.len()).sum::<usize>()
}

#[expect(clippy::cast_precision_loss, reason = "a mean")]
fn per(total: usize, count: usize) -> f64 {
    total as f64 / count as f64
}

fn median(mut run: impl FnMut()) -> Duration {
    let mut times: Vec<Duration> = (0..LOOKS)
        .map(|_| {
            let start = Instant::now();
            run();
            start.elapsed()
        })
        .collect();
    times.sort_unstable();
    times[LOOKS / 2]
}

fn open(path: &Path) -> timestrata::Result<Db> {
    Db::builder(path).durability(Durability::Os).max_series(2_000_000).open_blocking()
}

fn main() -> timestrata::Result<()> {
    if let Some(path) = std::env::var_os(OPENS) {
        return opens(Path::new(&path));
    }
    let count = std::env::var("TIMESTRATA_SERIES").ok().and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
    let home = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).expect("a directory beside the sources");
    let path = home.path().join("db");
    let only = std::env::args().nth(1).filter(|argument| argument != "--bench");
    for (name, cached) in [("keys", false), ("cached", true)] {
        if only.as_ref().is_none_or(|only| only == name) {
            write_new(&home.path().join(name), count, cached)?;
        }
    }
    if only.is_some() {
        return Ok(());
    }
    make(&path, count)?;
    let child = std::env::current_exe().map(|program| Command::new(program).env(OPENS, &path).status());
    assert!(matches!(child, Ok(Ok(status)) if status.success()), "the child process opens it, too");
    select(&path)
}

fn make(path: &Path, count: usize) -> timestrata::Result<()> {
    let db = open(path)?;
    let mut batches = Vec::new();
    for first in (0..count).step_by(BATCH) {
        let keys: Vec<SeriesKey> = (first..(first + BATCH).min(count)).map(key).collect();
        let start = Instant::now();
        db.create_many_series(keys).blocking()?;
        batches.push(start.elapsed());
    }
    let tenth = (batches.len() / 10).max(1);
    let mean =
        |part: &[Duration]| part.iter().sum::<Duration>() / u32::try_from(part.len() * BATCH).unwrap_or(u32::MAX);
    let worst = batches.iter().max().copied().unwrap_or_default();
    println!("made {count} series, {BATCH} a call");
    println!(
        "  first tenth {:.2?} a series, last tenth {:.2?}, slowest call {worst:.1?}",
        mean(&batches[..tenth]),
        mean(&batches[batches.len() - tenth..])
    );
    db.close_blocking()
}

/// Writes the first two points of each series in batches, through keys or cached series that exist before.
///
/// The time to make the keys does not count. That to fill the batches does.
fn write_new(path: &Path, count: usize, cached: bool) -> timestrata::Result<()> {
    let db = open(path)?;
    let keys: Vec<CachedSeries> = (0..count).map(|n| CachedSeries::new(key(n))).collect();
    let mut batch = Batch::new();
    for point in 0..2 {
        let (mut filling, mut writing) = (Duration::ZERO, Duration::ZERO);
        let before = process::threads_time("timestrata-writ");
        for part in keys.chunks(WRITTEN) {
            let start = Instant::now();
            let timestamp = Timestamp::from_secs(point);
            for series in part {
                if cached {
                    batch.push_cached(series, timestamp, 0.5);
                } else {
                    batch.push_key(series.key(), timestamp, 0.5);
                }
            }
            let filled = Instant::now();
            db.write_blocking(&mut batch)?;
            filling += filled - start;
            writing += filled.elapsed();
        }
        let rate = |took: Duration| per(count, usize::try_from(took.as_micros()).unwrap_or(usize::MAX).max(1));
        println!(
            "{} point of {count} series by {}, {WRITTEN} a batch: {:.2} M/s, filled at {:.2} M/s, written at {:.2} M/s, \
             writer's processor time {:.2?} a series",
            if point == 0 { "first" } else { "second" },
            if cached { "cached series" } else { "key" },
            rate(filling + writing),
            rate(filling),
            rate(writing),
            process::threads_time("timestrata-writ").saturating_sub(before) / u32::try_from(count).unwrap_or(u32::MAX),
        );
    }
    drop(db);
    _ = std::fs::remove_dir_all(path);
    Ok(())
}

/// Opens the database, and prints what that took: by the clock, and of the thread's processor time, which other load
/// lengthens less. The first selector waits for the postings, which a thread builds after the opening.
fn opens(path: &Path) -> timestrata::Result<()> {
    let (before, processor) = (process::resident_bytes(), process::thread_time());
    let start = Instant::now();
    let db = open(path)?;
    let (took, processor) = (start.elapsed(), process::thread_time().saturating_sub(processor));
    let (snapshot, stats) = (db.snapshot(), db.stats());
    let count = usize::try_from(stats.series).unwrap_or(usize::MAX);
    let start = Instant::now();
    let found = snapshot.count_series(&Selector::all().tag("host", "web-77"));
    let first = start.elapsed();
    let grown = process::resident_bytes().saturating_sub(before);
    let text: usize = snapshot.list_series_limit(&Selector::all(), 1_000).iter().map(|info| text_len(&info.key)).sum();
    println!("opened in {took:.2?}, {processor:.2?} of the thread's processor time");
    println!("  first selector, after the opening: {found} series in {first:.2?}");
    println!(
        "  resident: {:.0} bytes a series, of which {:.0} are its key's text",
        per(grown, count),
        per(text, 1_000)
    );
    println!("  Stats::series_bytes: {:.0} a series", per(usize::try_from(stats.series_bytes).unwrap_or(0), count));
    db.close_blocking()
}

fn select(path: &Path) -> timestrata::Result<()> {
    let db = open(path)?;
    let snapshot = db.snapshot();
    let hosts = Selector::metric("metric_7").tag("region", "r3").tag_in("host", ["web-3", "web-13"]);
    let selects = [
        ("one host, 1 in 1,000", Selector::all().tag("host", "web-77")),
        ("one metric, region and two hosts", hosts),
        ("one series", Selector::all().tag("host", "web-77").tag("counter", "5")),
        ("hosts by pattern", Selector::all().tag_matches("host", "web-7.").tag("counter", "5")),
        ("all but one region, one counter", Selector::all().tag_not("region", "r3").tag("counter", "5")),
    ];
    for (name, select) in selects {
        let found = snapshot.count_series(&select);
        let counted = median(|| assert_eq!(snapshot.count_series(&select), found));
        let listed = median(|| assert_eq!(snapshot.list_series(&select).len(), found));
        println!("select {name}: {found} series, counted in {counted:.1?}, listed by key in {listed:.1?}");
    }
    let metrics = median(|| assert!(snapshot.metrics().len() <= 50));
    println!("metrics listed in {metrics:.1?}");
    db.close_blocking()
}
