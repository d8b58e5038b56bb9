//! timestrata: series handles, one `Batch` a call.
//!
//! Default options. Durable is `Durability::Sync`, the default; without fsync it is `Durability::Os`.

use std::path::Path;

use timestrata::{Batch, Db, Durability, Series, SeriesKey, Timestamp};

use super::{Engine, Mode, Result};
use crate::total::Total;
use crate::workload::{RangeRead, Sample};

struct Timestrata {
    db: Db,
    series: Vec<Series<f64>>,
    durability: Durability,
}

pub(super) fn open(dir: &Path, mode: Mode) -> Result<Box<dyn Engine>> {
    let durability = match mode {
        Mode::Durable => Durability::Sync,
        Mode::NoFsync => Durability::Os,
    };
    let db = Db::builder(dir).durability(durability).open_blocking()?;
    Ok(Box::new(Timestrata { db, series: Vec::new(), durability }))
}

impl Engine for Timestrata {
    fn declare(&mut self, count: u32) -> Result<()> {
        let keys = (0..count).map(|n| SeriesKey::new("gauge").tag("sensor", format!("s{n:06}")));
        self.series = self.db.create_many_series(keys).blocking()?;
        Ok(())
    }

    fn write(&self, batch: &[Sample]) -> Result<()> {
        let mut points = Batch::with_capacity(batch.len());
        for sample in batch {
            points.push(self.series[sample.series as usize], Timestamp::from_nanos(sample.nanos), sample.value);
        }
        self.db.write_with_blocking(points, self.durability)?;
        Ok(())
    }

    fn close(self: Box<Self>) -> Result<()> {
        Ok(self.db.close_blocking()?)
    }

    fn scan(&self) -> Result<Total> {
        let (snapshot, mut total) = (self.db.snapshot(), Total::default());
        for series in &self.series {
            let mut chunks = snapshot.scan(*series, ..).chunks();
            while let Some(chunk) = chunks.next_chunk()? {
                total.add_values(chunk.values);
            }
        }
        Ok(total)
    }

    fn range(&self, read: &RangeRead) -> Result<Total> {
        let range = Timestamp::from_nanos(read.from_nanos)..Timestamp::from_nanos(read.until_nanos);
        let mut total = Total::default();
        let mut chunks = self.db.snapshot().scan(self.series[read.series as usize], range).chunks();
        while let Some(chunk) = chunks.next_chunk()? {
            total.add_values(chunk.values);
        }
        Ok(total)
    }

    fn latest(&self, series: &[u32], _newest_nanos: i64) -> Result<Total> {
        let (snapshot, mut total) = (self.db.snapshot(), Total::default());
        for number in series {
            if let Some(point) = snapshot.latest_blocking(self.series[*number as usize])? {
                total.add_value(point.value);
            }
        }
        Ok(total)
    }
}
