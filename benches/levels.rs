//! Simulation of the compaction rules for 10 billion points; see src/testing/levels.
//!
//! The program does not measure time, so one run is sufficient and criterion is not used.

use timestrata::testing::levels::{CompactionCost, CompactorSpeed, Workload, simulate};

const POINTS: u64 = 10_000_000_000;

fn hundredths(of: u64) -> String {
    format!("{}.{:02}", of / 100, of % 100)
}

/// Target write amplification for which the rules were chosen.
fn aim(load: Workload) -> &'static str {
    match load {
        Workload::InOrder1k | Workload::InOrder100k | Workload::InOrder1m | Workload::Backfill => "2.2",
        Workload::SlightlyLate | Workload::LiveAndBackfill | Workload::Mixed => "3.5",
        Workload::RandomYear => "5",
        Workload::Sparse => "4.5",
    }
}

fn main() {
    let only = std::env::args().skip(1).find(|word| !word.starts_with('-'));
    let columns = [
        "load",
        "written / aim",
        "files (tiers + base)",
        "worst L0",
        "mean block",
        "bytes/point",
        "index MB",
        "files an hour / deepest",
        "merges",
        "30 M/s: worst L0, catch-up",
        "60 M/s",
    ];
    println!("| {} |", columns.join(" | "));
    println!("|{}", "---|".repeat(columns.len()));
    for load in Workload::ALL.into_iter().filter(|load| only.as_ref().is_none_or(|only| load.name().starts_with(only)))
    {
        let free = simulate(load, POINTS, CompactorSpeed::Unbounded);
        let slow = simulate(load, POINTS, CompactorSpeed::PointsPerSecond(30_000_000));
        let fast = simulate(load, POINTS, CompactorSpeed::PointsPerSecond(60_000_000));
        println!("{}", row(load, &free, &slow, &fast));
    }
}

fn row(load: Workload, free: &CompactionCost, slow: &CompactionCost, fast: &CompactionCost) -> String {
    let behind = |outcome: &CompactionCost| format!("{}, {} s", outcome.max_l0_files, outcome.catch_up_seconds);
    format!(
        "| {} | {} / {} | {} ({} + {}) | {} | {} | {} | {} | {} / {} | {} | {} | {} |",
        load.name(),
        hundredths(free.write_percent),
        aim(load),
        free.files,
        free.files - free.levels[7],
        free.levels[7],
        free.max_l0_files,
        free.mean_block_points,
        hundredths(free.bytes_percent),
        free.index_mb,
        hundredths(free.files_per_read_percent),
        free.max_overlap,
        free.merges,
        behind(slow),
        behind(fast),
    )
}
