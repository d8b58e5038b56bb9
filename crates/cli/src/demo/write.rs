//! Writers and watchers: nine tasks write the weather at once, while two take snapshots and check them.
//! A watcher knows only what must hold in any snapshot: whole batches, and nothing that was there before gone.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use timestrata::{Batch, Db, Snapshot};
use tokio::task::JoinSet;

use super::weather::{COLUMNS, Hour, LOCAL, Weather, key};
use crate::failure::{Failure, Result};

/// Each writer takes three of a station's columns.
const COLUMNS_A_WRITER: usize = 3;
/// A batch is so many hours of a writer's columns.
const HOURS_A_BATCH: usize = 24;
const WATCHERS: usize = 2;

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Written {
    pub(crate) writers: usize,
    pub(crate) batches: u64,
    pub(crate) points: u64,
    pub(crate) snapshots: u64,
    pub(crate) points_checked: u64,
}

pub(crate) async fn write(db: &Db, weather: &Arc<Weather>) -> Result<Written> {
    let done = Arc::new(AtomicBool::new(false));
    let mut watchers = JoinSet::new();
    for _ in 0..WATCHERS {
        watchers.spawn(watch(db.clone(), Arc::clone(weather), Arc::clone(&done)));
    }
    let mut writers = JoinSet::new();
    for station in weather.stations.keys() {
        for first in (0..COLUMNS.len()).step_by(COLUMNS_A_WRITER) {
            let columns = first..first + COLUMNS_A_WRITER;
            writers.spawn(write_columns(db.clone(), Arc::clone(weather), station.clone(), columns));
        }
    }
    let mut written = Written { writers: writers.len(), ..Written::default() };
    let outcome = join(&mut writers, |(batches, points): (u64, u64)| {
        written.batches += batches;
        written.points += points;
    })
    .await;
    // Before the outcome is looked at, or the watchers would watch for ever.
    done.store(true, Ordering::Release);
    outcome?;
    join(&mut watchers, |(snapshots, points): (u64, u64)| {
        written.snapshots += snapshots;
        written.points_checked += points;
    })
    .await?;
    Ok(written)
}

async fn join<T: 'static>(tasks: &mut JoinSet<Result<T>>, mut take: impl FnMut(T)) -> Result<()> {
    while let Some(ended) = tasks.join_next().await {
        take(ended.map_err(|error| Failure::error(format!("a task of the demo stopped: {error}")))??);
    }
    Ok(())
}

/// Writes some columns of a station, a day a batch; the writer of the temperature writes the local one beside it.
async fn write_columns(db: Db, weather: Arc<Weather>, station: String, columns: Range<usize>) -> Result<(u64, u64)> {
    let hours = weather.stations.get(&station).map_or(&[][..], Vec::as_slice);
    let keys = COLUMNS[columns.clone()].iter().map(|column| key(column, &station));
    let series = db.series_many(keys).await?;
    let local = if columns.start == 0 { Some(db.series(key(LOCAL, &station)).await?) } else { None };
    let (mut batches, mut points) = (0, 0);
    for day in hours.chunks(HOURS_A_BATCH) {
        let mut batch = Batch::with_capacity(day.len() * (COLUMNS_A_WRITER + 1));
        for Hour { time, wall_clock, values } in day {
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

/// Takes snapshots until the writers are done, and one more after.
async fn watch(db: Db, weather: Arc<Weather>, done: Arc<AtomicBool>) -> Result<(u64, u64)> {
    let mut seen: HashMap<&str, usize> = HashMap::new();
    let (mut seq, mut snapshots, mut points) = (0, 0, 0);
    loop {
        let last = done.load(Ordering::Acquire);
        let snapshot = db.snapshot();
        if snapshot.seq() < seq {
            return Err(Failure::No(format!("a snapshot went back from seq {seq} to {}", snapshot.seq())));
        }
        seq = snapshot.seq();
        for station in weather.stations.keys() {
            let [utc, local] = [count(&snapshot, "temp", station).await?, count(&snapshot, LOCAL, station).await?];
            // Both are written by the same batches, point by point: a snapshot with one and not the other holds a part.
            if utc != local {
                return Err(Failure::No(format!(
                    "a snapshot shows a batch in part: {utc} and {local} points at {station}"
                )));
            }
            let before = seen.insert(station, utc).unwrap_or(0);
            if utc < before {
                return Err(Failure::No(format!("a snapshot lost points of {station}: {before}, then {utc}")));
            }
            points += (utc + local) as u64;
        }
        snapshots += 1;
        if last {
            return Ok((snapshots, points));
        }
        // Before the first point nothing above waits, and two watchers would keep two cores from the writers.
        tokio::task::yield_now().await;
    }
}

async fn count(snapshot: &Snapshot, metric: &str, station: &str) -> Result<usize> {
    let key = key(metric, station);
    if snapshot.find(&key).is_none() {
        return Ok(0);
    }
    let series = snapshot.typed::<f64>(&key)?;
    Ok(snapshot.scan(series, ..).collect().await?.len())
}
