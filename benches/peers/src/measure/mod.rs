//! The measures of one engine, as a child process runs them.

mod durable;
mod ingest;
mod read;
mod single;

use std::time::Duration;

use crate::engine::{Engine, Mode, PEERS, Result};
use crate::task::{Figure, Measure, Outcome, Step, Task};
use crate::total::Total;

/// Runs a task, and answers each of its measures.
pub(crate) fn run(task: &Task) -> Vec<Figure> {
    let Some(peer) = PEERS.iter().find(|peer| peer.name == task.engine) else {
        return Figure::failures(task.step, "unknown engine");
    };
    let Some(open) = peer.runner.open() else {
        return Figure::failures(task.step, "this program cannot run the engine in its process");
    };
    let open = |mode| open(&task.dir, mode);
    let figures = match task.step {
        Step::Ingest => ingest::run(task, &open),
        Step::Read => read::run(task, &open),
        Step::DurableOne => durable::one_client(task, &open),
        Step::DurableMany => durable::many_clients(task, &open),
        Step::Single => single::run(task, &open),
    };
    figures.unwrap_or_else(|error| Figure::failures(task.step, &error.to_string()))
}

/// Opens the task's directory.
type OpenTask<'a> = dyn Fn(Mode) -> Result<Box<dyn Engine>> + 'a;

/// Reads back what a durable step has written, untimed. Every figure is wrong if the answer is.
fn check(open: &OpenTask<'_>, series: u32, written: Total, figures: Vec<Figure>) -> Result<Vec<Figure>> {
    let mut engine = open(Mode::NoFsync)?;
    engine.declare(series)?;
    let read = engine.scan()?;
    engine.close()?;
    let Some(difference) = read.difference(written) else { return Ok(figures) };
    let wrong = |figure: Figure| Figure { outcome: Outcome::Wrong(difference.clone()), ..figure };
    Ok(figures.into_iter().map(wrong).collect())
}

/// Returns the time at a part of ascending order, in seconds: 0.5 is the median.
fn percentile(times: &mut [Duration], part: f64) -> f64 {
    times.sort_unstable();
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an index"
    )]
    let at = ((times.len() as f64 * part) as usize).min(times.len().saturating_sub(1));
    times.get(at).map_or(0.0, Duration::as_secs_f64)
}

/// Returns a number per second.
fn rate(count: u64, time: Duration) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
    let count = count as f64;
    count / time.as_secs_f64().max(1e-9)
}

/// Median and 99th percentile of the same times.
fn median_and_p99(median: Measure, p99: Measure, times: &mut [Duration]) -> [Figure; 2] {
    [Figure::value(median, percentile(times, 0.5)), Figure::value(p99, percentile(times, 0.99))]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_elements_of_the_sorted_times() {
        let mut times: Vec<Duration> = (1..=200).rev().map(Duration::from_millis).collect();
        assert!((percentile(&mut times, 0.5) - 0.101).abs() < 1e-12);
        assert!((percentile(&mut times, 0.99) - 0.199).abs() < 1e-12);
        assert!((percentile(&mut times, 1.0) - 0.2).abs() < 1e-12);
        assert!(percentile(&mut [], 0.5).abs() < 1e-12);
    }
}
