//! Times of the hot paths beside that of summing raw doubles in the same run.
//!
//! The times are wall times. The processor time of a thread, which Linux updates at ticks of the scheduler, is too coarse.

use std::hint::black_box;
use std::time::{Duration, Instant};

use timestrata::testing::hot_paths::sum_in_lanes;

use crate::paths::NamedPath;

/// Doubles of the reference: 64 MiB, more than the caches hold.
const RAW_DOUBLES: usize = 8 << 20;

/// Number of rounds; the best one counts. Each round times the reference, too.
const ROUNDS: usize = 60;

/// Minimum time of one measurement: short, so that some rounds are not interrupted on a loaded machine.
const MIN_TIME: Duration = Duration::from_millis(2);

/// Prints the time per point of the paths whose name contains `part`, and its ratio to the sum of raw doubles.
///
/// Fails if no path has such a name.
pub(crate) fn print(paths: &[NamedPath], part: &str) -> Result<(), String> {
    if !paths.iter().any(|path| path.name.contains(part)) {
        return Err(format!("no path has {part} in its name"));
    }
    let raw: Vec<f64> = (0..RAW_DOUBLES).map(|at| f64::from(u32::try_from(at % 8_192).unwrap_or(0))).collect();
    let mut paths: Vec<_> = paths
        .iter()
        .filter(|path| path.name.contains(part))
        .map(|path| (path, (path.prepare)(), f64::INFINITY))
        .collect();
    let mut raw_best = f64::INFINITY;
    for _ in 0..ROUNDS {
        raw_best = raw_best.min(nanos_per_point(RAW_DOUBLES, || sum_in_lanes(&raw).to_bits()));
        for (path, run, best) in &mut paths {
            *best = best.min(nanos_per_point(path.points, run));
        }
    }
    println!("{:<28} {:>9} {:>12} {:>16}", "hot path", "ns/point", "M points/s", "x raw doubles");
    println!("{:<28} {raw_best:>9.3} {:>12.0} {:>16.2}", "sum of raw doubles", 1_000.0 / raw_best, 1.0);
    for (path, _, best) in &paths {
        println!("{:<28} {best:>9.3} {:>12.0} {:>16.2}", path.name, 1_000.0 / best, raw_best / best);
    }
    Ok(())
}

/// Returns the time of a run per point, from as many runs as take the minimum time.
#[expect(clippy::cast_precision_loss, reason = "a time per point needs few digits")]
fn nanos_per_point(points: usize, mut run: impl FnMut() -> u64) -> f64 {
    let began = Instant::now();
    let mut runs = 0_u32;
    while began.elapsed() < MIN_TIME {
        black_box(run());
        runs += 1;
    }
    began.elapsed().as_secs_f64() * 1e9 / f64::from(runs) / points as f64
}
