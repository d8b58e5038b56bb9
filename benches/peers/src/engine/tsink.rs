//! tsink: rows of metric, label and point; one `insert_rows` a call.
//!
//! Default options, so nanoseconds, chunks of 2,048 points and partitions of an hour. Durable is
//! `WalSyncMode::PerAppend`, the default; without fsync it is `Periodic` with a second, after which a thread of tsink
//! syncs. tsink has no call for the latest point, and `Aggregation::Last` over all time reads all points: the newest
//! point of the last five minutes is read, the lookback of PromQL.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tsink::wal::WalSyncMode;
use tsink::{DataPoint, Label, Row, Storage, StorageBuilder, Value};

use super::{Engine, Mode, Result};
use crate::total::Total;
use crate::workload::{RangeRead, Sample};

const METRIC: &str = "gauge";
const LOOKBACK_NANOS: i64 = 300_000_000_000;

struct Tsink {
    storage: Arc<dyn Storage>,
    labels: Vec<Vec<Label>>,
}

pub(super) fn open(dir: &Path, mode: Mode) -> Result<Box<dyn Engine>> {
    let sync = match mode {
        Mode::Durable => WalSyncMode::PerAppend,
        Mode::NoFsync => WalSyncMode::Periodic(Duration::from_secs(1)),
    };
    let storage = StorageBuilder::new().with_data_path(dir).with_wal_sync_mode(sync).build()?;
    Ok(Box::new(Tsink { storage, labels: Vec::new() }))
}

impl Engine for Tsink {
    fn declare(&mut self, count: u32) -> Result<()> {
        self.labels = (0..count).map(|n| vec![Label::new("sensor", format!("s{n:06}"))]).collect();
        Ok(())
    }

    fn write(&self, batch: &[Sample]) -> Result<()> {
        let row = |sample: &Sample| {
            let labels = self.labels[sample.series as usize].clone();
            Row::with_labels(METRIC, labels, DataPoint::new(sample.nanos, sample.value))
        };
        let rows: Vec<Row> = batch.iter().map(row).collect();
        Ok(self.storage.insert_rows(&rows)?)
    }

    fn close(self: Box<Self>) -> Result<()> {
        Ok(self.storage.close()?)
    }

    fn scan(&self) -> Result<Total> {
        let (mut total, mut points) = (Total::default(), Vec::new());
        for labels in &self.labels {
            // A buffer that is used again, as its documentation proposes for many reads.
            self.storage.select_into(METRIC, labels, 0, i64::MAX, &mut points)?;
            sum(&points, &mut total);
        }
        Ok(total)
    }

    fn range(&self, read: &RangeRead) -> Result<Total> {
        let labels = &self.labels[read.series as usize];
        let mut total = Total::default();
        sum(&self.storage.select(METRIC, labels, read.from_nanos, read.until_nanos)?, &mut total);
        Ok(total)
    }

    fn latest(&self, series: &[u32], newest_nanos: i64) -> Result<Total> {
        let mut total = Total::default();
        for number in series {
            let labels = &self.labels[*number as usize];
            let points = self.storage.select(METRIC, labels, newest_nanos - LOOKBACK_NANOS, newest_nanos + 1)?;
            sum(points.last().map_or(&[], std::slice::from_ref), &mut total);
        }
        Ok(total)
    }
}

fn sum(points: &[DataPoint], total: &mut Total) {
    for point in points {
        if let Value::F64(value) = point.value {
            total.add_value(value);
        }
    }
}
