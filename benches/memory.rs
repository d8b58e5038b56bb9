//! What memory the engine takes beside what `memory_budget` says: each case in a process of its own, so that none
//! inherits what another's allocator kept. `cargo bench --bench memory`, with a case's name behind it for that one alone.
//! Prints the most memory that was resident beyond what was so before the opening, what of it the series index takes,
//! and the rest against the budget: section 11 of ENGINE.md wants it at 1.1 at most. `TIMESTRATA_FLUSH_AT` sets the
//! memtable's size in MiB, for telling what that alone does.

mod workload;

use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use timestrata::{Batch, Db, Durability, Series, SeriesKey, Timestamp};
use workload::{START_SECS, STEP_SECS, SplitMix64};

const MIB: usize = 1 << 20;
const BATCH: usize = 1_000;
const CLIENTS: u64 = 64;

/// What is written, and how.
#[derive(Debug, Clone, Copy)]
enum Load {
    /// 64 clients as fast as they go, over so many series; of random values the given part in a hundred is late.
    Burst { series: u64, late: u64, seconds: u64 },
    /// So many series of one point each, so many to a batch.
    OnePoint { series: u64, batch: u64 },
    /// One series, from its newest point back to its oldest: all of the memtable is one late lane.
    Backwards { points: u64 },
}

#[derive(Debug, Clone, Copy)]
struct Case {
    name: &'static str,
    budget: usize,
    load: Load,
}

const CASES: [Case; 10] = [
    Case { name: "burst-64", budget: 64 * MIB, load: Load::Burst { series: 10_000, late: 0, seconds: 8 } },
    Case { name: "burst-128", budget: 128 * MIB, load: Load::Burst { series: 10_000, late: 0, seconds: 8 } },
    Case { name: "burst-256", budget: 256 * MIB, load: Load::Burst { series: 10_000, late: 0, seconds: 8 } },
    Case { name: "late-128", budget: 128 * MIB, load: Load::Burst { series: 1_000, late: 20, seconds: 8 } },
    Case { name: "late-256", budget: 256 * MIB, load: Load::Burst { series: 1_000, late: 20, seconds: 8 } },
    Case { name: "one-series-128", budget: 128 * MIB, load: Load::Burst { series: 1, late: 0, seconds: 5 } },
    Case { name: "backwards-128", budget: 128 * MIB, load: Load::Backwards { points: 8_000_000 } },
    Case { name: "one-point-256", budget: 256 * MIB, load: Load::OnePoint { series: 1_000_000, batch: 1_000 } },
    Case { name: "one-point-1024", budget: 1_024 * MIB, load: Load::OnePoint { series: 1_000_000, batch: 1_000 } },
    Case { name: "one-batch-256", budget: 256 * MIB, load: Load::OnePoint { series: 1_000_000, batch: 400_000 } },
];

/// What `/proc/self/status` says of one line, in bytes; zero where there is no such file.
fn status(line: &str) -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let found = status.lines().find_map(|found| found.strip_prefix(line)?.strip_prefix(':'));
    found.and_then(|found| found.split_whitespace().next()?.parse::<usize>().ok()).unwrap_or_default() * 1024
}

/// One client of the burst: a share of the series, a tick after the other.
fn client(db: &Db, number: u64, series: &[Series<f64>], late: u64, stop: &AtomicBool) {
    let mut random = SplitMix64(42 + number);
    let (mut tick, mut at) = (0_i64, 0_usize);
    while !stop.load(Ordering::Relaxed) {
        let mut batch = Batch::with_capacity(BATCH);
        for _ in 0..BATCH {
            let back = if random.next() % 100 < late { i64::try_from(random.next() % 10_000).unwrap_or(0) } else { 0 };
            let value = f64::from_bits(random.next() >> 2);
            batch.push(series[at], Timestamp::from_secs(START_SECS + (tick - back) * STEP_SECS), value);
            at += 1;
            if at == series.len() {
                (tick, at) = (tick + 1, 0);
            }
        }
        db.write_blocking(batch).expect("it writes");
    }
}

fn burst(db: &Db, series: u64, late: u64, seconds: u64, seen: &Seen) {
    let keys = (0..series).map(|n| SeriesKey::new("burst").tag("n", n.to_string()));
    let series = db.series_many_blocking(keys).expect("series can be made");
    let stop = &AtomicBool::new(false);
    thread::scope(|scope| {
        for number in 0..CLIENTS {
            let share = series.len().div_ceil(usize::try_from(CLIENTS).unwrap_or(1));
            let from = share * usize::try_from(number).unwrap_or_default() % series.len();
            let own = &series[from..(from + share).min(series.len())];
            scope.spawn(move || client(db, number, own, late, stop));
        }
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(seconds) {
            seen.look(db);
            thread::park_timeout(Duration::from_millis(5));
        }
        stop.store(true, Ordering::Relaxed);
    });
}

fn one_point(db: &Db, series: u64, size: u64, seen: &Seen) {
    for from in (0..series).step_by(usize::try_from(size).unwrap_or(1)) {
        let mut batch = Batch::new();
        for n in from..(from + size).min(series) {
            let key = SeriesKey::new("http_requests")
                .tag("host", format!("host-{:05}", n / 100))
                .tag("path", (n % 100).to_string());
            batch.push_key(&key, Timestamp::from_secs(START_SECS), 1.5);
        }
        db.write_blocking(batch).expect("it writes");
        seen.look(db);
    }
}

fn backwards(db: &Db, points: u64, seen: &Seen) {
    let series = db.series_blocking(SeriesKey::new("backwards")).expect("a series can be made");
    let mut random = SplitMix64(42);
    let points = i64::try_from(points).unwrap_or(i64::MAX);
    for from in (0..points).step_by(10 * BATCH) {
        let mut batch = Batch::with_capacity(10 * BATCH);
        for n in from..from + 10_000 {
            batch.push(series, Timestamp::from_secs(START_SECS - n), f64::from_bits(random.next() >> 2));
        }
        db.write_blocking(batch).expect("it writes");
        seen.look(db);
    }
}

/// The most that was seen of what the engine counts itself.
#[derive(Debug, Default)]
struct Seen {
    frozen: std::cell::Cell<u64>,
    memtables: std::cell::Cell<u64>,
}

impl Seen {
    fn look(&self, db: &Db) {
        let stats = db.stats();
        self.frozen.set(self.frozen.get().max(stats.frozen));
        self.memtables.set(self.memtables.get().max(stats.active_bytes + stats.frozen_bytes));
    }
}

fn run(case: &Case) {
    let dir = tempfile::tempdir_in(".").expect("a directory beside the sources");
    let baseline = status("VmRSS");
    let options = Db::builder(dir.path().join("db")).durability(Durability::Os).memory_budget(case.budget);
    let flush_at = std::env::var("TIMESTRATA_FLUSH_AT").ok().and_then(|text| text.parse::<usize>().ok());
    let options = match flush_at {
        Some(mib) => options.flush_at_bytes(mib * MIB),
        None => options,
    };
    let db = options.open_blocking().expect("it opens");
    let seen = Seen::default();
    match case.load {
        Load::Burst { series, late, seconds } => burst(&db, series, late, seconds, &seen),
        Load::OnePoint { series, batch } => one_point(&db, series, batch, &seen),
        Load::Backwards { points } => backwards(&db, points, &seen),
    }
    let written = status("VmHWM").saturating_sub(baseline);
    db.flush_blocking().expect("it flushes");
    db.compact_blocking().expect("it compacts");
    let (peak, stats) = (status("VmHWM").saturating_sub(baseline), db.stats());
    let series = usize::try_from(stats.series_bytes).unwrap_or(usize::MAX);
    let mib = |bytes: usize| bytes / MIB;
    let hundredths = peak.saturating_sub(series) * 100 / case.budget;
    println!(
        "| {} | {} | {} | {} | {} | {}.{:02} | {} | {} | {} | {} |",
        case.name,
        mib(case.budget),
        mib(written),
        mib(peak),
        mib(series),
        hundredths / 100,
        hundredths % 100,
        mib(usize::try_from(seen.memtables.get()).unwrap_or(usize::MAX)),
        seen.frozen.get(),
        stats.points / 1_000,
        stats.compactions.times,
    );
}

fn main() {
    let asked: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    if let (Some("child"), Some(name)) = (asked.first().map(String::as_str), asked.get(1)) {
        return CASES.iter().filter(|case| case.name == name).for_each(run);
    }
    println!(
        "| case | budget MiB | peak while writing | peak | series index | (peak - index) / budget | memtables at most | frozen at most | thousand points | merges |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    let wanted = CASES.iter().filter(|case| asked.is_empty() || asked.iter().any(|name| case.name.starts_with(name)));
    for case in wanted {
        let own = std::env::current_exe().expect("this program has a path");
        let ended = Command::new(own).args(["child", case.name]).status();
        assert!(ended.is_ok_and(|ended| ended.success()), "{} failed", case.name);
    }
}
