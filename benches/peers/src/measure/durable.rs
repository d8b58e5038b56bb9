//! Durable batches: one client with a bare write and fdatasync beside it, and several clients at once.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use super::{OpenTask, check, median_and_p99, percentile, rate};
use crate::engine::{Engine, Mode, Result};
use crate::task::{Figure, Measure, Task};
use crate::workload::{BATCH_POINTS, Points, Sample, batches_of_clients};

/// Series, time and value of a point without any encoding.
const RAW_POINT_BYTES: usize = 20;
/// One bare write follows so many batches.
const BATCHES_PER_BARE_WRITE: usize = 8;

/// Appends of the raw bytes of a batch to a file of its own, each with fdatasync: what the file system can do.
struct BareWrites {
    file: File,
    bytes: Vec<u8>,
    times: Vec<Duration>,
}

impl BareWrites {
    fn new(path: &Path) -> Result<Self> {
        Ok(Self { file: File::create(path)?, bytes: vec![7; BATCH_POINTS * RAW_POINT_BYTES], times: Vec::new() })
    }

    fn write(&mut self) -> Result<()> {
        let begun = Instant::now();
        self.file.write_all(&self.bytes)?;
        self.file.sync_data()?;
        self.times.push(begun.elapsed());
        Ok(())
    }
}

/// Bare writes are spread over the run, because the disk's speed varies; their time does not count for the engine.
pub(super) fn one_client(task: &Task, open: &OpenTask<'_>) -> Result<Vec<Figure>> {
    let mut engine = open(Mode::Durable)?;
    engine.declare(task.shape.series)?;
    let mut bare = BareWrites::new(&task.bare_file)?;
    let (mut points, mut batch, mut times) = (Points::new(task.shape), Vec::new(), Vec::new());
    while points.next_batch(&mut batch) {
        let begun = Instant::now();
        engine.write(&batch)?;
        times.push(begun.elapsed());
        if times.len() % BATCHES_PER_BARE_WRITE == 1 {
            bare.write()?;
        }
    }
    engine.close()?;
    let bare_median = percentile(&mut bare.times, 0.5);
    let mut figures = vec![Figure::value(Measure::DurableOne, rate(task.shape.points(), times.iter().sum()))];
    figures.extend(median_and_p99(Measure::AckMedian, Measure::AckP99, &mut times));
    figures.push(Figure::value(Measure::AckRatio, percentile(&mut times, 0.5) / bare_median.max(1e-9)));
    figures.push(Figure::value(Measure::Bare, bare_median));
    check(open, task.shape.series, task.expected.all, figures)
}

/// From the first write to the last acknowledgement. The batches are made before.
pub(super) fn many_clients(task: &Task, open: &OpenTask<'_>) -> Result<Vec<Figure>> {
    let mut engine = open(Mode::Durable)?;
    engine.declare(task.shape.series)?;
    let work = batches_of_clients(task.shape, task.clients);
    let begun = Instant::now();
    let times = thread::scope(|scope| {
        let clients: Vec<_> = work.iter().map(|batches| scope.spawn(|| write_all(&*engine, batches))).collect();
        clients.into_iter().map(|client| client.join().unwrap_or(Err("a client panicked".into()))).collect::<Vec<_>>()
    });
    let took = begun.elapsed();
    let mut times: Vec<Duration> = times.into_iter().collect::<Result<Vec<_>>>()?.into_iter().flatten().collect();
    engine.close()?;
    let figures = vec![
        Figure::value(Measure::DurableMany, rate(task.shape.points(), took)),
        Figure::value(Measure::ManyP99, percentile(&mut times, 0.99)),
    ];
    check(open, task.shape.series, task.expected.all, figures)
}

fn write_all(engine: &dyn Engine, batches: &[Vec<Sample>]) -> Result<Vec<Duration>> {
    let timed = |batch: &Vec<Sample>| {
        let begun = Instant::now();
        engine.write(batch)?;
        Ok(begun.elapsed())
    };
    batches.iter().map(timed).collect()
}
