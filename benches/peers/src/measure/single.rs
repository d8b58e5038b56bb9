//! Durable writes of one point: one thread, then several at once, each for a time.

use std::thread;
use std::time::{Duration, Instant};

use super::{OpenTask, check, percentile, rate};
use crate::engine::{Engine, Mode, Result};
use crate::task::{Figure, Measure, Task};
use crate::total::Total;
use crate::workload::{START_NANOS, Sample};

/// Time between two points of a series. Short, because the threads do not keep step: at ten seconds, one would soon be hours
/// ahead of another, and its points outside the window in which some engines accept late ones.
const STEP_NANOS: i64 = 1_000_000;

/// What one thread has written.
struct Written {
    total: Total,
    times: Vec<Duration>,
}

/// Each thread has a series of its own; the thread that runs alone, too.
pub(super) fn run(task: &Task, open: &OpenTask<'_>) -> Result<Vec<Figure>> {
    let series = task.threads + 1;
    let mut engine = open(Mode::Durable)?;
    engine.declare(series)?;
    let phase = Duration::from_secs_f64(task.seconds);
    let mut alone = write_for(&*engine, task.threads, phase)?;
    let begun = Instant::now();
    let together = thread::scope(|scope| {
        let engine = &*engine;
        let threads: Vec<_> =
            (0..task.threads).map(|number| scope.spawn(move || write_for(engine, number, phase))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or(Err("a thread panicked".into()))).collect::<Vec<_>>()
    });
    let took = begun.elapsed();
    engine.close()?;
    let (mut count, mut written) = (0, alone.total);
    for thread in together {
        let thread = thread?;
        count += thread.total.count;
        written.add(thread.total);
    }
    let figures = vec![
        Figure::value(Measure::SingleMedian, percentile(&mut alone.times, 0.5)),
        Figure::value(Measure::SingleMany, rate(count, took)),
    ];
    check(open, series, written, figures)
}

/// Writes points of one series, one a call, until a time has passed; at least one.
fn write_for(engine: &dyn Engine, series: u32, phase: Duration) -> Result<Written> {
    let (started, mut written) = (Instant::now(), Written { total: Total::default(), times: Vec::new() });
    let mut nanos = START_NANOS;
    for cents in (0..10_000).cycle() {
        let begun = Instant::now();
        engine.write(&[Sample::new(series, nanos, cents)])?;
        written.times.push(begun.elapsed());
        written.total.add_cents(cents);
        nanos += STEP_NANOS;
        if started.elapsed() >= phase {
            break;
        }
    }
    Ok(written)
}
