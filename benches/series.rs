//! The index of series at size: what making, opening, selecting and keeping a million of them takes.
//! `TIMESTRATA_SERIES` sets another number. Each figure is printed as it comes; benches/README.md keeps them.

use std::time::{Duration, Instant};

use timestrata::{Db, Durability, Select, SeriesKey};

/// Made in one call.
const BATCH: usize = 10_000;
const LOOKS: usize = 101;

fn key(n: usize) -> SeriesKey {
    // A thousand hosts in ten regions; what is counted on a host tells its series apart.
    let (host, counter) = (n % 1_000, n / 1_000);
    SeriesKey::new(format!("metric_{}", counter % 50))
        .tag("region", format!("r{}", host % 10))
        .tag("host", format!("web-{host}"))
        .tag("counter", counter.to_string())
}

fn resident_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|kib| kib.parse::<f64>().ok()).unwrap_or(0.0) / 1024.0
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

fn main() -> timestrata::Result<()> {
    let count = std::env::var("TIMESTRATA_SERIES").ok().and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
    let home = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).expect("a directory beside the sources");
    let path = home.path().join("db");
    let open = || Db::builder(&path).durability(Durability::Os).max_series(2_000_000).open_blocking();
    let db = open()?;
    let mut batches = Vec::new();
    for first in (0..count).step_by(BATCH) {
        let keys: Vec<SeriesKey> = (first..(first + BATCH).min(count)).map(key).collect();
        let start = Instant::now();
        db.series_many_blocking(keys)?;
        batches.push(start.elapsed());
    }
    let tenth = (batches.len() / 10).max(1);
    let mean = |part: &[Duration]| part.iter().sum::<Duration>().as_secs_f64() * 1e6 / (part.len() * BATCH) as f64;
    let worst = batches.iter().max().copied().unwrap_or_default();
    println!("made {count} series, {BATCH} a call");
    println!(
        "  first tenth {:.2} us a series, last tenth {:.2} us",
        mean(&batches[..tenth]),
        mean(&batches[batches.len() - tenth..])
    );
    println!("  slowest call {worst:.1?}");
    db.close_blocking()?;
    drop(batches);
    let before = resident_mib();
    let start = Instant::now();
    let db = open()?;
    println!("opened in {:.2?}", start.elapsed());
    let key_bytes: usize = (0..count).map(|n| key(n).to_string().len()).sum();
    let grown = (resident_mib() - before) * 1024.0 * 1024.0;
    println!(
        "  RSS before {before:.0} MiB, grown by {:.0} bytes a series; their keys as text {} bytes each",
        grown / count as f64,
        key_bytes / count
    );
    println!("  Stats::series_bytes: {:.0} a series", db.stats().series_bytes as f64 / count as f64);
    let snapshot = db.snapshot();
    let selects = [
        ("one host: 1 in 1,000", Select::all().tag("host", "web-77")),
        (
            "one metric and region",
            Select::metric("metric_7").tag("region", "r3").tag_any_of("host", ["web-3", "web-13"]),
        ),
        ("one series", Select::all().tag("host", "web-77").tag("counter", "5")),
        ("hosts by pattern", Select::all().tag_matches("host", "web-7.").tag("counter", "5")),
        ("but one region, one counter", Select::all().tag_not("region", "r3").tag("counter", "5")),
    ];
    for (name, select) in selects {
        let found = snapshot.count_series(&select);
        let counted = median(|| assert_eq!(snapshot.count_series(&select), found));
        let listed = median(|| assert_eq!(snapshot.series(&select).len(), found));
        println!("select {name}: {found} series, counted in {counted:.1?}, listed by key in {listed:.1?}");
    }
    let metrics = median(|| assert!(snapshot.metrics().len() <= 50));
    println!("metrics listed in {metrics:.1?}");
    db.close_blocking()?;
    Ok(())
}
