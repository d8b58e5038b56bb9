//! Nine writer tasks write the weather concurrently, while two reader tasks take and check snapshots.
//!
//! A reader checks what must hold in any snapshot: only whole batches, and no point of an earlier snapshot missing.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use timestrata::{Batch, Db, Snapshot};
use tokio::task::JoinSet;

use super::weather::{COLUMNS, LOCAL, Weather, WeatherRow, key};
use crate::failure::{Failure, Result};

/// Columns of a station per writer.
const COLUMNS_PER_WRITER: usize = 3;
/// Hours per batch.
const HOURS_PER_BATCH: usize = 24;
const WATCHERS: usize = 2;

/// Result of the write phase.
#[derive(Debug, Default)]
pub(crate) struct DemoWriteReport {
    pub(crate) writers: usize,
    pub(crate) batches: u64,
    pub(crate) points: u64,
    pub(crate) snapshots: u64,
    pub(crate) points_checked: u64,
}

pub(crate) async fn write(db: &Db, weather: &Arc<Weather>) -> Result<DemoWriteReport> {
    let done = Arc::new(AtomicBool::new(false));
    let mut watchers = JoinSet::new();
    for _ in 0..WATCHERS {
        watchers.spawn(watch(db.clone(), Arc::clone(weather), Arc::clone(&done)));
    }
    let mut writers = JoinSet::new();
    for station in weather.stations.keys() {
        for first in (0..COLUMNS.len()).step_by(COLUMNS_PER_WRITER) {
            let columns = first..first + COLUMNS_PER_WRITER;
            writers.spawn(write_columns(db.clone(), Arc::clone(weather), station.clone(), columns));
        }
    }
    let mut written = DemoWriteReport { writers: writers.len(), ..DemoWriteReport::default() };
    let outcome = join_all(&mut writers, |(batches, points): (u64, u64)| {
        written.batches += batches;
        written.points += points;
    })
    .await;
    // The flag is set before the outcome is checked; after an error the readers would never end otherwise.
    done.store(true, Ordering::Release);
    outcome?;
    join_all(&mut watchers, |(snapshots, points): (u64, u64)| {
        written.snapshots += snapshots;
        written.points_checked += points;
    })
    .await?;
    Ok(written)
}

async fn join_all<T: 'static>(tasks: &mut JoinSet<Result<T>>, mut take: impl FnMut(T)) -> Result<()> {
    while let Some(ended) = tasks.join_next().await {
        take(ended.map_err(|error| Failure::failed(format!("a task of the demo stopped: {error}")))??);
    }
    Ok(())
}

/// Writes some columns of a station, one day per batch.
///
/// The temperature is also written as the local-time series.
async fn write_columns(db: Db, weather: Arc<Weather>, station: String, columns: Range<usize>) -> Result<(u64, u64)> {
    let hours = weather.stations.get(&station).map_or(&[][..], Vec::as_slice);
    let keys = COLUMNS[columns.clone()].iter().map(|column| key(column, &station));
    let series = db.create_many_series(keys).await?;
    let local = if columns.start == 0 { Some(db.create_series(key(LOCAL, &station)).await?) } else { None };
    let (mut batches, mut points) = (0, 0);
    for day in hours.chunks(HOURS_PER_BATCH) {
        let mut batch = Batch::with_capacity(day.len() * (COLUMNS_PER_WRITER + 1));
        for WeatherRow { time, wall_clock, values } in day {
            for (series, value) in series.iter().zip(&values[columns.clone()]) {
                if let Some(value) = value {
                    batch.push(*series, *time, *value);
                }
            }
            if let (Some(local), Some(value)) = (local, values[0]) {
                batch.push(local, *wall_clock, value);
            }
        }
        points += batch.len() as u64;
        batches += 1;
        db.write(batch).await?;
    }
    Ok((batches, points))
}

/// Takes snapshots until the writers have ended, and one more afterwards.
async fn watch(db: Db, weather: Arc<Weather>, done: Arc<AtomicBool>) -> Result<(u64, u64)> {
    let mut seen: HashMap<&str, usize> = HashMap::new();
    let (mut seq, mut snapshots, mut points) = (0, 0, 0);
    loop {
        let last = done.load(Ordering::Acquire);
        let snapshot = db.snapshot();
        if snapshot.seq() < seq {
            return Err(Failure::Negative(format!("a snapshot went back from seq {seq} to {}", snapshot.seq())));
        }
        seq = snapshot.seq();
        for station in weather.stations.keys() {
            let [utc, local] = [count(&snapshot, "temp", station).await?, count(&snapshot, LOCAL, station).await?];
            // Both series are written by the same batches. If a snapshot shows different numbers of points, it shows a
            // part of a batch.
            if utc != local {
                return Err(Failure::Negative(format!(
                    "a snapshot shows a batch in part: {utc} and {local} points at {station}"
                )));
            }
            let before = seen.insert(station, utc).unwrap_or(0);
            if utc < before {
                return Err(Failure::Negative(format!("a snapshot lost points of {station}: {before}, then {utc}")));
            }
            points += (utc + local) as u64;
        }
        snapshots += 1;
        if last {
            return Ok((snapshots, points));
        }
        // Before the first point, no await above suspends the task, so two readers would take two cores from the
        // writers.
        tokio::task::yield_now().await;
    }
}

async fn count(snapshot: &Snapshot, metric: &str, station: &str) -> Result<usize> {
    let key = key(metric, station);
    if snapshot.find_series(&key).is_none() {
        return Ok(0);
    }
    let series = snapshot.series::<f64>(&key)?;
    Ok(snapshot.scan(series, ..).collect().await?.len())
}
