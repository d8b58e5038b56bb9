//! Reads in a new process, page cache warm: opening, all points, one hour of one series, the latest points.

use std::time::{Duration, Instant};

use super::{OpenTask, percentile, rate};
use crate::engine::{Engine, Mode, Result};
use crate::task::{Figure, Measure, Outcome, Task};
use crate::total::Total;
use crate::workload::{Expected, RangeRead};

/// Repetitions of the read of the latest points; their median counts.
const LATEST_REPETITIONS: usize = 5;

pub(super) fn run(task: &Task, open: &OpenTask<'_>) -> Result<Vec<Figure>> {
    let begun = Instant::now();
    let mut engine = open(Mode::Durable)?;
    let opened = begun.elapsed();
    engine.declare(task.shape.series)?;
    let expected = &task.expected;
    let limit = Duration::from_secs_f64(task.seconds);
    let figures = vec![
        Figure::value(Measure::Open, opened.as_secs_f64()),
        figure(Measure::Scan, scan(&*engine, expected.all)),
        figure(Measure::Hour, hours(&*engine, &expected.hours, limit)),
        figure(Measure::Latest, latest(&*engine, expected, limit)),
    ];
    engine.close()?;
    Ok(figures)
}

fn figure(measure: Measure, outcome: Result<Outcome>) -> Figure {
    Figure { measure, outcome: outcome.unwrap_or_else(|error| Outcome::Failed(error.to_string())) }
}

/// A wrong answer is shown in place of its time.
fn outcome(wrong: Option<String>, value: f64) -> Outcome {
    wrong.map_or(Outcome::Value(value), Outcome::Wrong)
}

fn scan(engine: &dyn Engine, expected: Total) -> Result<Outcome> {
    let begun = Instant::now();
    let read = engine.scan()?;
    let took = begun.elapsed();
    Ok(outcome(read.difference(expected), rate(expected.count, took)))
}

/// Median of single reads, each of another series. Stops at a limit of time, after at least one read.
fn hours(engine: &dyn Engine, reads: &[RangeRead], limit: Duration) -> Result<Outcome> {
    let (started, mut times, mut wrong) = (Instant::now(), Vec::new(), Vec::new());
    for read in reads {
        let begun = Instant::now();
        let answer = engine.range(read)?;
        times.push(begun.elapsed());
        wrong.extend(answer.difference(read.expected));
        if started.elapsed() > limit {
            break;
        }
    }
    let first = wrong.first().map(|first| format!("{} of {} reads: {first}", wrong.len(), times.len()));
    Ok(outcome(first, percentile(&mut times, 0.5)))
}

fn latest(engine: &dyn Engine, expected: &Expected, limit: Duration) -> Result<Outcome> {
    let (started, mut times, mut wrong) = (Instant::now(), Vec::new(), None);
    for _ in 0..LATEST_REPETITIONS {
        let begun = Instant::now();
        let answer = engine.latest(&expected.latest_of, expected.newest_nanos)?;
        times.push(begun.elapsed());
        wrong = wrong.or(answer.difference(expected.latest));
        if started.elapsed() > limit {
            break;
        }
    }
    Ok(outcome(wrong, percentile(&mut times, 0.5)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::{Sample, Shape};

    /// Answers everything with the same total.
    struct Constant(Total);

    impl Engine for Constant {
        fn declare(&mut self, _: u32) -> Result<()> {
            Ok(())
        }
        fn write(&self, _: &[Sample]) -> Result<()> {
            Ok(())
        }
        fn close(self: Box<Self>) -> Result<()> {
            Ok(())
        }
        fn scan(&self) -> Result<Total> {
            Ok(self.0)
        }
        fn range(&self, _: &RangeRead) -> Result<Total> {
            Ok(self.0)
        }
        fn latest(&self, _: &[u32], _: i64) -> Result<Total> {
            Err("broken".into())
        }
    }

    #[test]
    fn a_right_answer_gives_a_time_and_a_wrong_one_is_shown() {
        let expected = Expected::new(Shape { series: 3, ticks: 4 });
        let engine = Constant(expected.all);
        assert!(matches!(scan(&engine, expected.all).unwrap(), Outcome::Value(rate) if rate > 0.0));
        let Outcome::Wrong(text) = scan(&engine, expected.latest).unwrap() else { panic!("the answer is wrong") };
        assert!(text.starts_with("12 points") && text.contains("right: 3"), "{text}");
        let limit = Duration::from_secs(9);
        let Outcome::Wrong(text) = hours(&engine, &expected.hours, limit).unwrap() else { panic!("they are wrong") };
        assert!(text.starts_with("3 of 3 reads: 12 points"), "{text}");
    }

    #[test]
    fn an_error_is_shown_and_ends_no_other_measure() {
        let expected = Expected::new(Shape { series: 1, ticks: 1 });
        let broken = figure(Measure::Latest, latest(&Constant(Total::default()), &expected, Duration::MAX));
        assert_eq!(broken.outcome, Outcome::Failed("broken".to_owned()));
    }
}
