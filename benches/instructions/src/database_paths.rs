//! Hot paths through a database in a temporary directory, on the calling thread.

use std::time::Duration;

use tempfile::TempDir;
use timestrata::testing::hot_paths::{HotPath, sum_in_lanes};
use timestrata::{Aggregate, Batch, Db, Durability, Selector, Series, Snapshot, Timestamp};

use crate::paths::Shape;
use crate::workload::{Gauges, START_SECS, keys, open};

/// Number of lookups of one run.
pub(crate) const LOOKUPS: usize = Shape::MANY_SERIES.series;

/// A database with the workload of all benchmarks.
struct Filled {
    snapshot: Snapshot,
    series: Vec<Series<f64>>,
    _db: Db,
    _dir: TempDir,
}

impl Filled {
    /// Writes the ticks whose number modulo `parts` is 0, then those with 1, and so on, with a flush behind each part if
    /// `flush`.
    fn new(Shape { series, ticks }: Shape, parts: usize, flush: bool) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory can be created");
        let db = open(dir.path(), |builder| builder);
        let mut gauges = Gauges::new(series);
        let series = db.create_many_series(keys("read", series)).blocking().expect("series can be created");
        let ticks: Vec<_> = (0..ticks).map(|_| gauges.tick()).collect();
        for part in 0..parts {
            for (at, values) in ticks.iter().skip(part).step_by(parts) {
                let mut batch = Batch::with_capacity(series.len());
                series.iter().zip(values).for_each(|(series, value)| batch.push(*series, *at, *value));
                db.write_with_blocking(batch, Durability::Os).expect("the directory has room");
            }
            if flush {
                db.flush_blocking().expect("the directory has room");
            }
        }
        // A flush writes points that are older than those of earlier files to another file than newer ones.
        assert_eq!(db.stats().files >= parts as u64, flush, "each part is in files of its own");
        Self { snapshot: db.snapshot(), series, _db: db, _dir: dir }
    }

    fn scan(self) -> HotPath {
        Box::new(move || {
            // The whole value, since a closure otherwise drops the fields that it does not name.
            let filled = &self;
            let mut sum = 0.0;
            for series in &filled.series {
                let mut chunks = filled.snapshot.scan(*series, ..).chunks();
                while let Some(chunk) = chunks.next_chunk().expect("the files are sound") {
                    sum += sum_in_lanes(chunk.values);
                }
            }
            sum.to_bits()
        })
    }
}

/// Scans a memtable through columns and sums the values.
pub(crate) fn scan_memtable() -> HotPath {
    Filled::new(Shape::MANY_SERIES, 1, false).scan()
}

/// Scans one file through columns and sums the values.
pub(crate) fn scan_file() -> HotPath {
    Filled::new(Shape::LONG_SERIES, 1, true).scan()
}

/// Scans two files whose points alternate.
pub(crate) fn merge_two_files() -> HotPath {
    Filled::new(Shape::LONG_SERIES, 2, true).scan()
}

/// Computes the mean by minute of one file: windows of six points.
pub(crate) fn mean_by_minute() -> HotPath {
    let filled = Filled::new(Shape::LONG_SERIES, 1, true);
    Box::new(move || {
        let filled = &filled;
        let query = filled.snapshot.query(Selector::metric("gauge")).every(Duration::from_mins(1)).threads(1);
        let windows = query.aggregate(Aggregate::Mean).run_blocking().expect("the files are sound");
        windows.len() as u64
    })
}

/// Computes the mean, the maximum and the 99th percentile by hour of one file: windows of 360 points.
pub(crate) fn mean_and_p99_by_hour() -> HotPath {
    let filled = Filled::new(Shape::LONG_SERIES, 1, true);
    Box::new(move || {
        let filled = &filled;
        let query = filled.snapshot.query(Selector::metric("gauge")).every(Duration::from_hours(1)).threads(1);
        let query = query.aggregate(Aggregate::Mean).aggregate(Aggregate::Max).aggregate(Aggregate::quantile(0.99));
        query.run_blocking().expect("the files are sound").len() as u64
    })
}

/// Reads one hour of each series of one file.
pub(crate) fn look_up_one_hour() -> HotPath {
    let filled = Filled::new(Shape::MANY_SERIES, 1, true);
    let hour = Timestamp::from_secs(START_SECS + 3_600)..Timestamp::from_secs(START_SECS + 7_200);
    Box::new(move || {
        let filled = &filled;
        let look_up = |series: &Series<f64>| {
            filled.snapshot.scan(*series, hour.clone()).collect_blocking().expect("the files are sound").len() as u64
        };
        filled.series.iter().map(look_up).sum()
    })
}
