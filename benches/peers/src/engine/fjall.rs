//! fjall: one keyspace, one write batch a call.
//!
//! Key: series and time, big endian, so that the points of a series lie together in the order of time, as fjall's README
//! advises for integers. Value: the eight bytes of the float. Default options. Durable is `PersistMode::SyncData` of the
//! batch, that is fdatasync of the journal; without fsync a batch goes to the operating system, fjall's default. fjall has
//! no close: `persist(SyncAll)`, then drop, which leaves what is in memtables in the journal.

use std::path::Path;

use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};

use super::{Engine, Mode, Result};
use crate::total::Total;
use crate::workload::{RangeRead, Sample};

struct Fjall {
    db: Database,
    points: Keyspace,
    durability: Option<PersistMode>,
}

pub(super) fn open(dir: &Path, mode: Mode) -> Result<Box<dyn Engine>> {
    let db = Database::builder(dir).open()?;
    let points = db.keyspace("points", KeyspaceCreateOptions::default)?;
    let durability = (mode == Mode::Durable).then_some(PersistMode::SyncData);
    Ok(Box::new(Fjall { db, points, durability }))
}

fn key(series: u32, nanos: i64) -> [u8; 12] {
    let mut key = [0; 12];
    key[..4].copy_from_slice(&series.to_be_bytes());
    key[4..].copy_from_slice(&nanos.to_be_bytes());
    key
}

fn value(bytes: &[u8]) -> Result<f64> {
    Ok(f64::from_le_bytes(bytes.try_into()?))
}

impl Engine for Fjall {
    fn declare(&mut self, _count: u32) -> Result<()> {
        Ok(())
    }

    fn write(&self, batch: &[Sample]) -> Result<()> {
        let mut writes = self.db.batch().durability(self.durability);
        for sample in batch {
            writes.insert(&self.points, key(sample.series, sample.nanos), sample.value.to_le_bytes());
        }
        Ok(writes.commit()?)
    }

    fn close(self: Box<Self>) -> Result<()> {
        self.db.persist(PersistMode::SyncAll)?;
        Ok(())
    }

    fn scan(&self) -> Result<Total> {
        let mut total = Total::default();
        for entry in self.points.iter() {
            total.add_value(value(&entry.value()?)?);
        }
        Ok(total)
    }

    fn range(&self, read: &RangeRead) -> Result<Total> {
        let mut total = Total::default();
        for entry in self.points.range(key(read.series, read.from_nanos)..key(read.series, read.until_nanos)) {
            total.add_value(value(&entry.value()?)?);
        }
        Ok(total)
    }

    fn latest(&self, series: &[u32], _newest_nanos: i64) -> Result<Total> {
        let mut total = Total::default();
        for number in series {
            if let Some(entry) = self.points.prefix(number.to_be_bytes()).next_back() {
                total.add_value(value(&entry.value()?)?);
            }
        }
        Ok(total)
    }
}
