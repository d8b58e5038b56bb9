//! The rules of compaction at ten thousand million points, by simulation: see src/testing/levels. Not a measure of
//! time, so no criterion: one run says it all.

use timestrata::testing::levels::{Load, Outcome, Speed, simulate};

const POINTS: u64 = 10_000_000_000;

fn hundredths(of: u64) -> String {
    format!("{}.{:02}", of / 100, of % 100)
}

/// What the rules were chosen for: write amplification in hundredths.
fn aim(load: Load) -> &'static str {
    match load {
        Load::A | Load::B | Load::C | Load::E => "2.2",
        Load::D | Load::G | Load::M => "3.5",
        Load::F => "5",
        Load::H => "4.5",
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
    for load in Load::ALL.into_iter().filter(|load| only.as_ref().is_none_or(|only| load.name().starts_with(only))) {
        let free = simulate(load, POINTS, Speed::Unbounded);
        let slow = simulate(load, POINTS, Speed::PointsPerSecond(30_000_000));
        let fast = simulate(load, POINTS, Speed::PointsPerSecond(60_000_000));
        println!("{}", row(load, &free, &slow, &fast));
    }
}

fn row(load: Load, free: &Outcome, slow: &Outcome, fast: &Outcome) -> String {
    let behind = |outcome: &Outcome| format!("{}, {} s", outcome.worst_l0, outcome.catch_up_seconds);
    format!(
        "| {} | {} / {} | {} ({} + {}) | {} | {} | {} | {} | {} / {} | {} | {} | {} |",
        load.name(),
        hundredths(free.write_percent),
        aim(load),
        free.files,
        free.files - free.levels[7],
        free.levels[7],
        free.worst_l0,
        free.mean_block,
        hundredths(free.bytes_percent),
        free.index_mb,
        hundredths(free.touched_percent),
        free.deepest,
        free.plans,
        behind(slow),
        behind(fast),
    )
}
