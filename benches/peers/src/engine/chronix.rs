//! chronix: points of a series key and a field; one `insert_batch` a call, reads by the query builder.
//!
//! Durable is `FsyncPolicy::PerBatch`, the default; without fsync it is `Periodic` with a second. The limits of a query
//! are lifted (256 MB of result, 60 s), because a full scan exceeds them; everything else is the default. A scan goes
//! through `execute_iter`, which its documentation proposes for large windows, the latest points through `last_value`.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use arrow::array::{Array, AsArray};
use arrow::datatypes::Float64Type;
use chronix::prelude::{Chronix, ChronixConfig, FieldValue, FsyncPolicy, Point, QueryPlan, SeriesKey};
use chronix::{fields, tags};

use super::{Engine, Mode, Result};
use crate::total::Total;
use crate::workload::{RangeRead, Sample};

const MEASUREMENT: &str = "gauge";
const FIELD: &str = "value";

struct Database {
    db: Chronix,
    tags: Vec<BTreeMap<String, String>>,
    keys: Vec<SeriesKey>,
}

pub(super) fn open(dir: &Path, mode: Mode) -> Result<Box<dyn Engine>> {
    let policy = match mode {
        Mode::Durable => FsyncPolicy::PerBatch,
        Mode::NoFsync => FsyncPolicy::Periodic(Duration::from_secs(1)),
    };
    let config = ChronixConfig::builder()
        .data_dir(dir)
        .wal_fsync_policy(policy)
        .max_query_result_bytes(0)
        .per_query_memory_limit(0)
        .query_timeout(Duration::ZERO)
        .build()?;
    Ok(Box::new(Database { db: Chronix::open(config)?, tags: Vec::new(), keys: Vec::new() }))
}

impl Database {
    fn sum(&self, plan: &QueryPlan) -> Result<Total> {
        let mut total = Total::default();
        for batch in self.db.execute_iter(plan)? {
            let batch = batch?;
            let column = batch.column_by_name(FIELD).ok_or("the result has no column of the field")?;
            let values = column.as_primitive_opt::<Float64Type>().ok_or("the column has no floats")?;
            if values.null_count() > 0 {
                return Err("the result has nulls".into());
            }
            total.add_values(values.values());
        }
        Ok(total)
    }
}

impl Engine for Database {
    fn declare(&mut self, count: u32) -> Result<()> {
        self.tags = (0..count).map(|n| tags! { "sensor" => format!("s{n:06}") }).collect();
        let keys = self.tags.iter().map(|tags| SeriesKey::new(MEASUREMENT, tags.clone()));
        self.keys = keys.collect::<std::result::Result<_, _>>()?;
        Ok(())
    }

    fn write(&self, batch: &[Sample]) -> Result<()> {
        let point = |sample: &Sample| {
            let key = self.keys[sample.series as usize].clone();
            Point::new(key, fields! { FIELD => sample.value }, sample.nanos)
        };
        let points = batch.iter().map(point).collect::<std::result::Result<Vec<_>, _>>()?;
        let result = self.db.insert_batch(&points)?;
        match result.rejected.into_iter().next() {
            Some((_, error)) => Err(error.into()),
            None => Ok(()),
        }
    }

    fn close(self: Box<Self>) -> Result<()> {
        Ok(self.db.close()?)
    }

    fn scan(&self) -> Result<Total> {
        self.sum(&self.db.query().measurement(MEASUREMENT).field(FIELD).range(0, i64::MAX).build()?)
    }

    fn range(&self, read: &RangeRead) -> Result<Total> {
        let tags = &self.tags[read.series as usize];
        let query = self.db.query().measurement(MEASUREMENT).field(FIELD).tag("sensor", &tags["sensor"]);
        // No point lies in the last nanosecond, so it does not matter whether the end is included.
        self.sum(&query.range(read.from_nanos, read.until_nanos - 1).build()?)
    }

    fn latest(&self, series: &[u32], _newest_nanos: i64) -> Result<Total> {
        let mut total = Total::default();
        for number in series {
            let last = self.db.last_value(MEASUREMENT, &self.tags[*number as usize])?;
            if let Some(FieldValue::F64(value)) = last.as_ref().and_then(|point| point.field(FIELD)) {
                total.add_value(*value);
            }
        }
        Ok(total)
    }
}
