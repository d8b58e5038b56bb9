//! redb: one table, one write transaction a call.
//!
//! Key: the pair of series and time, which redb orders by series, then time. Value: the float. Default options. Durable is
//! `Durability::Immediate`, the default; without fsync it is `Durability::None`, and `close` commits once with
//! `Immediate`. Only one write transaction can be open: writers of several threads take turns.

use std::path::Path;

use redb::{Database, Durability, ReadableDatabase, TableDefinition};

use super::{Engine, Mode, Result};
use crate::total::Total;
use crate::workload::{RangeRead, Sample};

const POINTS: TableDefinition<(u32, i64), f64> = TableDefinition::new("points");

struct Redb {
    db: Database,
    durability: Durability,
}

pub(super) fn open(dir: &Path, mode: Mode) -> Result<Box<dyn Engine>> {
    let durability = match mode {
        Mode::Durable => Durability::Immediate,
        Mode::NoFsync => Durability::None,
    };
    Ok(Box::new(Redb { db: Database::create(dir.join("points.redb"))?, durability }))
}

impl Redb {
    fn commit(&self, batch: &[Sample], durability: Durability) -> Result<()> {
        let mut transaction = self.db.begin_write()?;
        transaction.set_durability(durability)?;
        {
            let mut table = transaction.open_table(POINTS)?;
            for sample in batch {
                table.insert((sample.series, sample.nanos), sample.value)?;
            }
        }
        Ok(transaction.commit()?)
    }
}

impl Engine for Redb {
    fn declare(&mut self, _count: u32) -> Result<()> {
        Ok(())
    }

    fn write(&self, batch: &[Sample]) -> Result<()> {
        self.commit(batch, self.durability)
    }

    fn close(self: Box<Self>) -> Result<()> {
        if matches!(self.durability, Durability::None) {
            self.commit(&[], Durability::Immediate)?;
        }
        Ok(self.db.close()?)
    }

    fn scan(&self) -> Result<Total> {
        let mut total = Total::default();
        let table = self.db.begin_read()?.open_table(POINTS)?;
        for entry in table.range::<(u32, i64)>(..)? {
            total.add_value(entry?.1.value());
        }
        Ok(total)
    }

    fn range(&self, read: &RangeRead) -> Result<Total> {
        let mut total = Total::default();
        let table = self.db.begin_read()?.open_table(POINTS)?;
        for entry in table.range((read.series, read.from_nanos)..(read.series, read.until_nanos))? {
            total.add_value(entry?.1.value());
        }
        Ok(total)
    }

    fn latest(&self, series: &[u32], _newest_nanos: i64) -> Result<Total> {
        let mut total = Total::default();
        let table = self.db.begin_read()?.open_table(POINTS)?;
        for number in series {
            if let Some(entry) = table.range((*number, i64::MIN)..=(*number, i64::MAX))?.next_back() {
                total.add_value(entry?.1.value());
            }
        }
        Ok(total)
    }
}
