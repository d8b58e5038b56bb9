//! SQLite through rusqlite: one table, one transaction of a prepared statement a call.
//!
//! The primary key is (series, time) and the table is WITHOUT ROWID, so that the table is its own index and the points of
//! a series lie together. WAL mode, in which a commit writes once. Durable is `synchronous = FULL`: fsync of the log at
//! each commit; without fsync it is `NORMAL`, which syncs at checkpoints only. `close` makes a checkpoint and empties the
//! log. A connection is of one thread at a time and a database has one writer: writers of several threads take turns.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use rusqlite::{Connection, OptionalExtension, params};

use super::{Engine, Mode, Result};
use crate::total::Total;
use crate::workload::{RangeRead, Sample};

struct Sqlite {
    connection: Mutex<Connection>,
}

pub(super) fn open(dir: &Path, mode: Mode) -> Result<Box<dyn Engine>> {
    let connection = Connection::open(dir.join("points.sqlite"))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", if mode == Mode::Durable { "FULL" } else { "NORMAL" })?;
    connection.execute_batch(
        "CREATE TABLE IF NOT EXISTS points (series INTEGER, at INTEGER, value REAL, PRIMARY KEY (series, at))
         WITHOUT ROWID",
    )?;
    Ok(Box::new(Sqlite { connection: Mutex::new(connection) }))
}

impl Sqlite {
    fn with<T>(&self, run: impl FnOnce(&mut Connection) -> Result<T>) -> Result<T> {
        run(&mut self.connection.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Engine for Sqlite {
    fn declare(&mut self, _count: u32) -> Result<()> {
        Ok(())
    }

    fn write(&self, batch: &[Sample]) -> Result<()> {
        self.with(|connection| {
            let transaction = connection.transaction()?;
            {
                let mut insert = transaction.prepare_cached("INSERT INTO points VALUES (?1, ?2, ?3)")?;
                for sample in batch {
                    insert.execute(params![sample.series, sample.nanos, sample.value])?;
                }
            }
            Ok(transaction.commit()?)
        })
    }

    fn close(self: Box<Self>) -> Result<()> {
        let connection = self.connection.into_inner().unwrap_or_else(PoisonError::into_inner);
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        connection.close().map_err(|(_, error)| error)?;
        Ok(())
    }

    fn scan(&self) -> Result<Total> {
        self.with(|connection| {
            let mut select = connection.prepare_cached("SELECT value FROM points")?;
            sum(select.query([])?)
        })
    }

    fn range(&self, read: &RangeRead) -> Result<Total> {
        self.with(|connection| {
            let text = "SELECT value FROM points WHERE series = ?1 AND at >= ?2 AND at < ?3";
            let mut select = connection.prepare_cached(text)?;
            sum(select.query(params![read.series, read.from_nanos, read.until_nanos])?)
        })
    }

    fn latest(&self, series: &[u32], _newest_nanos: i64) -> Result<Total> {
        self.with(|connection| {
            let text = "SELECT value FROM points WHERE series = ?1 ORDER BY at DESC LIMIT 1";
            let mut select = connection.prepare_cached(text)?;
            let mut total = Total::default();
            for number in series {
                if let Some(value) = select.query_row([number], |row| row.get(0)).optional()? {
                    total.add_value(value);
                }
            }
            Ok(total)
        })
    }
}

fn sum(mut rows: rusqlite::Rows<'_>) -> Result<Total> {
    let mut total = Total::default();
    while let Some(row) = rows.next()? {
        total.add_value(row.get(0)?);
    }
    Ok(total)
}
