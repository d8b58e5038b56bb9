//! Benchmark of the memory that the engine uses in relation to `memory_budget`.
//!
//! Each case runs in its own process, so that no case inherits memory that the allocator kept for another. The command
//! `cargo bench --bench memory` runs all cases; the name of a case as argument runs that case alone. The program prints
//! the peak of resident memory above the amount before opening, the part of the series index, and the rest in relation
//! to the budget. The aim is at most 1.1 times the budget. `TIMESTRATA_FLUSH_AT` sets the memtable size in MiB, which
//! isolates the effect of that size.

mod workload;

use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use timestrata::{Batch, Db, Durability, Series, SeriesKey, Timestamp};
use workload::{START_SECS, STEP_SECS, SplitMix64, process};

const MIB: usize = 1 << 20;
const BATCH: usize = 1_000;
const CLIENTS: u64 = 64;

/// The written data and its pattern.
#[derive(Debug, Clone, Copy)]
enum Load {
    /// 64 clients write random values to `series` series without a pause for `seconds` seconds.
    ///
    /// `late` is the percentage of late points.
    Burst { series: u64, late: u64, seconds: u64 },
    /// `series` series of one point each, `batch` series per batch.
    OnePoint { series: u64, batch: u64 },
    /// One series, from its newest point back to its oldest: the whole memtable is one late lane.
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

/// Runs one client of the burst, which writes its part of the series tick by tick.
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
    let series = db.create_many_series(keys).blocking().expect("series can be made");
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
    let series = db.create_series(SeriesKey::new("backwards")).blocking().expect("a series can be made");
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

/// Maximum observed values of the engine's own counters.
#[derive(Debug, Default)]
struct Seen {
    frozen: std::cell::Cell<u64>,
    memtables: std::cell::Cell<u64>,
}

impl Seen {
    fn look(&self, db: &Db) {
        let stats = db.stats();
        self.frozen.set(self.frozen.get().max(stats.frozen_memtables));
        self.memtables.set(self.memtables.get().max(stats.active_bytes + stats.frozen_bytes));
    }
}

fn run(case: &Case) {
    let dir = tempfile::tempdir_in(".").expect("a directory beside the sources");
    let baseline = process::resident_bytes();
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
    let written = process::peak_bytes().saturating_sub(baseline);
    db.flush_blocking().expect("it flushes");
    db.compact_blocking().expect("it compacts");
    let (peak, stats) = (process::peak_bytes().saturating_sub(baseline), db.stats());
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
        stats.compactions.runs,
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
