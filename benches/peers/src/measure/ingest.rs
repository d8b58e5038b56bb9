//! Ingest without fsync: all points, and the close that makes them durable.

use std::time::{Duration, Instant};

use super::{OpenTask, rate};
use crate::engine::{Mode, Result};
use crate::task::{Figure, Measure, Task};
use crate::workload::Points;

/// Only the time inside the engine counts: the generator runs between two calls.
pub(super) fn run(task: &Task, open: &OpenTask<'_>) -> Result<Vec<Figure>> {
    let mut engine = open(Mode::NoFsync)?;
    let begun = Instant::now();
    engine.declare(task.shape.series)?;
    let mut spent = begun.elapsed();
    let (mut points, mut batch) = (Points::new(task.shape), Vec::new());
    while points.next_batch(&mut batch) {
        let begun = Instant::now();
        engine.write(&batch)?;
        spent += begun.elapsed();
    }
    let begun = Instant::now();
    engine.close()?;
    let close = begun.elapsed();
    Ok(vec![
        Figure::value(Measure::Ingest, rate(task.shape.points(), spent + close)),
        Figure::value(Measure::IngestCpu, per_point(cpu_time()?, task.shape.points())),
        Figure::value(Measure::Close, close.as_secs_f64()),
        Figure::value(Measure::PeakMemory, peak_memory_bytes()?),
    ])
}

fn per_point(time: Duration, points: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
    let points = points as f64;
    time.as_secs_f64() / points
}

/// Returns the most memory that was resident at once, `VmHWM` of `/proc/self/status`.
fn peak_memory_bytes() -> Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("the system reports no VmHWM")?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kib * 1_024.0)
}

/// Returns the user and system time of all threads of this process since its start, to 10 ms.
fn cpu_time() -> Result<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    ticks(&stat)
        .map(|ticks| Duration::from_millis(ticks * 10))
        .ok_or_else(|| "/proc/self/stat is not understood".into())
}

/// Fields 14 and 15 of a `stat` file, in hundredths of a second. The second field may have spaces and ends at the last `)`.
fn ticks(stat: &str) -> Option<u64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    Some(fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_time_is_that_of_user_and_system() {
        assert_eq!(ticks("7 (a) b) S 1 7 7 0 -1 4 9 9 9 9 120 34 5 6 20 0"), Some(154));
        assert_eq!(ticks("7 (a"), None);
        assert!(cpu_time().is_ok() && peak_memory_bytes().unwrap() > 1e5);
    }
}
