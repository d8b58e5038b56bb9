//! Benchmark of 64 queries at once: threads, memory, and how long small queries take beside large ones.
//!
//! 60 threads run large queries (means by hour of all points) one after the other, 4 threads run small ones (one series, one
//! hour). `TIMESTRATA_CONCURRENT_POINTS` sets the number of points in 1,000 series (default 10 million),
//! `TIMESTRATA_CONCURRENT_SECS` the time of each phase (default 10). The small queries run alone first.

mod workload;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use timestrata::{Aggregate, Db, Query, Runtime, Selector, Timestamp};
use workload::{SERIES, START_SECS, fill, keys, open, process};

const LARGE: usize = 60;
const SMALL: usize = 4;

fn from_env(name: &str, default: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn large(db: &Db) -> Query {
    db.snapshot().query(Selector::metric("gauge")).every(Duration::from_hours(1)).aggregate(Aggregate::Mean)
}

fn small(db: &Db, n: usize) -> Query {
    let select = Selector::metric("gauge").tag("sensor", format!("s{:04}", n % SERIES));
    let range = Timestamp::from_secs(START_SECS + 3_600)..Timestamp::from_secs(START_SECS + 7_200);
    db.snapshot().query(select).range(range).every(Duration::from_mins(1)).aggregate(Aggregate::Mean)
}

fn run(query: Query) {
    std::hint::black_box(query.run_blocking().expect("the files are sound"));
}

/// What one phase has measured.
struct Phase {
    /// Times of the small queries, ascending.
    small: Vec<Duration>,
    /// Times of the large queries, ascending.
    large: Vec<Duration>,
    most_threads: usize,
    most_running: u64,
    most_extra_threads: u64,
}

/// Runs queries on `large_threads` and [`SMALL`] threads for a time.
fn phase(db: &Db, runtime: &Runtime, large_threads: usize, time: Duration) -> Phase {
    let (is_over, next) = (AtomicBool::new(false), AtomicU64::new(0));
    let repeat = |query: &dyn Fn(usize)| {
        let mut times = Vec::new();
        while !is_over.load(Ordering::Relaxed) {
            let n = next.fetch_add(7, Ordering::Relaxed);
            let begun = Instant::now();
            query(usize::try_from(n).unwrap_or(0));
            times.push(begun.elapsed());
        }
        times
    };
    thread::scope(|scope| {
        let large_queries: Vec<_> = (0..large_threads).map(|_| scope.spawn(|| repeat(&|_| run(large(db))))).collect();
        let small_queries: Vec<_> = (0..SMALL).map(|_| scope.spawn(|| repeat(&|n| run(small(db, n))))).collect();
        let (begun, mut most) = (Instant::now(), (0, 0, 0));
        while begun.elapsed() < time {
            let stats = runtime.stats();
            most = (most.0.max(process::status("Threads")), most.1.max(stats.running), most.2.max(stats.extra_threads));
            thread::park_timeout(Duration::from_millis(5));
        }
        is_over.store(true, Ordering::Relaxed);
        let sorted = |threads: Vec<thread::ScopedJoinHandle<'_, Vec<Duration>>>| {
            let mut times: Vec<Duration> =
                threads.into_iter().flat_map(|thread| thread.join().expect("no query panics")).collect();
            times.sort_unstable();
            times
        };
        let (small, large) = (sorted(small_queries), sorted(large_queries));
        Phase { small, large, most_threads: most.0, most_running: most.1, most_extra_threads: most.2 }
    })
}

/// Prints count, median, 99th percentile and maximum of ascending times.
fn print(name: &str, times: &[Duration]) {
    let Some(last) = times.last() else { return };
    let (median, p99) = (times[times.len() / 2], times[times.len() * 99 / 100]);
    println!("  {name:14} {:>7} queries, median {median:>9.2?}, p99 {p99:>9.2?}, longest {last:>9.2?}", times.len());
}

fn main() {
    let points = from_env("TIMESTRATA_CONCURRENT_POINTS", 10_000_000);
    let time = Duration::from_secs(from_env("TIMESTRATA_CONCURRENT_SECS", 10) as u64);
    let runtime = Runtime::builder().build().expect("the defaults are valid");
    let dir = tempfile::tempdir_in(".").expect("a directory beside the sources");
    let db = open(dir.path(), |builder| builder.runtime(&runtime));
    let series = db.create_many_series(keys("read", SERIES)).blocking().expect("series can be made");
    fill(&db, &series, points / SERIES);
    db.compact_blocking().expect("the compaction goes through");
    println!("{points} points in {} files, a runtime of {} threads", db.stats().files, runtime.threads());
    for (name, large_threads) in [("small queries alone", 0), ("64 queries at once", LARGE)] {
        let before = process::resident_bytes();
        let measured = phase(&db, &runtime, large_threads, time);
        println!(
            "{name}: {} threads of the process at most, of which {} started by queries; {} queries ran at most; memory \
             {} MB, peak {} MB",
            measured.most_threads,
            measured.most_extra_threads,
            measured.most_running,
            before / 1_000_000,
            process::peak_bytes() / 1_000_000,
        );
        print("small", &measured.small);
        print("large", &measured.large);
    }
    println!("{:?}", runtime.stats());
}
