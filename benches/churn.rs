//! Benchmark of churn: rounds of new series, of which retention removes the old ones, against a database that only ever
//! had the live series. `TIMESTRATA_SERIES` sets the number of series of a round. benches/README.md lists the figures.

#[path = "workload/process.rs"]
#[allow(dead_code, reason = "each bench uses a part of it")]
mod process;

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use timestrata::{Batch, Db, Durability, SeriesKey, Timestamp};

const ROUNDS: usize = 24;
/// Rounds whose series are within the retention age.
const LIVE_ROUNDS: usize = 2;
const DAY: i64 = 86_400;
const RETENTION: Duration = Duration::from_hours(36);
const OPENINGS: usize = 9;
/// Environment variable with the path of the database that a child process opens.
///
/// The memory of an opening is measured in a new process.
const OPENS: &str = "TIMESTRATA_CHURN_OPENS";

fn key(n: usize) -> SeriesKey {
    SeriesKey::new("requests").tag("region", format!("r{}", n % 10)).tag("pod", format!("web-{n:x}"))
}

fn open(path: &Path) -> timestrata::Result<Db> {
    let builder = Db::builder(path).durability(Durability::Os).max_series(2_000_000);
    builder.retain_for(RETENTION).retention_grace(Duration::ZERO).open_blocking()
}

fn write_round(db: &Db, round: usize, series: usize) -> timestrata::Result<()> {
    let at = Timestamp::from_secs(i64::try_from(round).unwrap_or(0) * DAY);
    let mut batch = Batch::new();
    for first in (0..series).step_by(10_000) {
        for n in first..(first + 10_000).min(series) {
            batch.push_key(&key(round * series + n), at, 1.0);
        }
        db.write_blocking(&mut batch)?;
    }
    Ok(())
}

/// Returns the length of the series log in bytes.
fn log_len(path: &Path) -> u64 {
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    let logs = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("series-"));
    logs.filter_map(|entry| entry.metadata().ok()).map(|metadata| metadata.len()).sum()
}

fn main() -> timestrata::Result<()> {
    if let Some(path) = std::env::var_os(OPENS) {
        return opens(Path::new(&path));
    }
    let series = std::env::var("TIMESTRATA_SERIES").ok().and_then(|text| text.parse().ok()).unwrap_or(50_000);
    let home = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).expect("a directory beside the sources");
    let [churned, fresh] = ["churned", "fresh"].map(|name| home.path().join(name));
    churn(&churned, series)?;
    let db = open(&fresh)?;
    for round in ROUNDS - LIVE_ROUNDS..ROUNDS {
        write_round(&db, round, series)?;
    }
    db.compact_blocking()?;
    db.close_blocking()?;
    for path in [&churned, &fresh] {
        measure(path);
    }
    Ok(())
}

fn churn(path: &Path, series: usize) -> timestrata::Result<()> {
    let db = open(path)?;
    let start = Instant::now();
    let mut slowest = Duration::ZERO;
    for round in 0..ROUNDS {
        write_round(&db, round, series)?;
        // Twice: the first check finds the empty series, the second one those that no file names.
        db.compact_blocking()?;
        let compaction = Instant::now();
        db.compact_blocking()?;
        slowest = slowest.max(compaction.elapsed());
        let stats = db.stats();
        let (bytes, resident) = (stats.series_bytes, process::resident_bytes());
        println!("round {round}: {} + {} series, {bytes} bytes, resident {resident}", stats.series, stats.empty_series);
    }
    println!("{ROUNDS} rounds of {series} series in {:.1?}, slowest check with a drop {slowest:.1?}", start.elapsed());
    db.close_blocking()
}

fn measure(path: &Path) {
    println!("{}: series log {} bytes", path.display(), log_len(path));
    let child = std::env::current_exe().map(|program| Command::new(program).env(OPENS, path).status());
    assert!(matches!(child, Ok(Ok(status)) if status.success()), "the child process opens it, too");
}

fn opens(path: &Path) -> timestrata::Result<()> {
    let before = process::resident_bytes();
    let mut times = Vec::new();
    let mut grown = 0;
    for _ in 0..OPENINGS {
        let start = Instant::now();
        let db = open(path)?;
        times.push(start.elapsed());
        if grown == 0 {
            grown = process::resident_bytes().saturating_sub(before);
            println!("  {} series, {} bytes, resident + {grown}", db.stats().series, db.stats().series_bytes);
        }
        db.close_blocking()?;
    }
    times.sort_unstable();
    println!("  opened in {:.2?} (median of {OPENINGS})", times[OPENINGS / 2]);
    Ok(())
}
