//! A reader beside the writer of a random history: its answers never go back, and what it showed is never lost.

use std::collections::BTreeSet;
use std::path::Path;

use timestrata::{DbReader, Error, Snapshot};

use crate::oracle::{Found, found, found_series};
use crate::world::{DIR, World};

/// A reader of the simulated disk. It ends with the process, whose descriptors the disk forgets.
#[derive(Default)]
pub(crate) struct Beside {
    reader: Option<DbReader>,
    last: Option<Found>,
    /// What was shown during this opening of the writer, and when.
    promised: Vec<(Found, BTreeSet<u32>, usize)>,
    /// `true` after a sync has failed, until an opening succeeds.
    ///
    /// What a failed sync of the directory left may be lost although a later sync, the reader's too, succeeds.
    is_doubtful: bool,
}

impl Beside {
    /// Opens the reader, or refreshes it, and checks its answer. Returns `true` if there was one.
    ///
    /// After an error, which only a fault may cause, the next call opens a new reader.
    pub(crate) fn look(&mut self, world: &World) -> bool {
        self.doubt_if_read_only(world);
        let struck = world.disk.faults_hit();
        let refreshed = match &self.reader {
            Some(reader) => reader.refresh_blocking().map(drop),
            None => world.disk.open_reader(Path::new(DIR)).map(|reader| self.reader = Some(reader)),
        };
        if let Err(error) = refreshed {
            if !matches!(error, Error::SnapshotExpired { .. } | Error::DatabaseNotFound { .. }) {
                assert!(world.disk.faults_hit() > struck, "a reader fails: {error}");
                self.end();
            }
            return false;
        }
        let snapshot = self.reader.as_ref().map(DbReader::snapshot);
        snapshot.is_some_and(|snapshot| self.check(&snapshot, world, struck))
    }

    fn check(&mut self, snapshot: &Snapshot, world: &World, struck: u64) -> bool {
        let (shown, series) = match (found(snapshot), found_series(snapshot)) {
            (Ok(shown), Ok(series)) => (shown, series),
            (Err(what), _) | (_, Err(what)) => {
                let is_expected = world.disk.faults_hit() > struck || what.contains("was replaced by the process");
                assert!(is_expected, "a reader fails: {what}");
                return false;
            }
        };
        let now = world.now();
        let checked = world.oracle.borrow().check_reader(&shown, self.last.as_ref(), now);
        assert_eq!(checked, Ok(()), "beside the writer");
        if !self.is_doubtful {
            self.promised.push((shown.clone(), series, now));
            self.last = Some(shown);
        }
        true
    }

    /// Notes that what the directory contains may not be durable, although every later sync succeeds.
    pub(crate) fn doubt(&mut self) {
        self.is_doubtful = true;
    }

    /// Does so if the writer is read-only: a sync may have failed.
    pub(crate) fn doubt_if_read_only(&mut self, world: &World) {
        self.is_doubtful |= world.db.as_ref().is_some_and(|db| db.stats().read_only.is_some());
    }

    /// Notes that an opening has made the state of the directory durable.
    pub(crate) fn trust(&mut self) {
        self.is_doubtful = false;
    }

    /// Tells the oracle before an opening that what was shown must be there.
    ///
    /// Not earlier: a writer that does not know whether its last edit is durable becomes read-only and goes on without
    /// the edit, and a reader that finds the edit makes it durable.
    pub(crate) fn keep_promises(&mut self, world: &World) {
        let mut oracle = world.oracle.borrow_mut();
        for (shown, series, at) in self.promised.drain(..) {
            oracle.shown_by_reader(&shown, &series, at);
        }
    }

    /// Drops the reader. The next one shows no less.
    pub(crate) fn end(&mut self) {
        self.reader = None;
    }

    /// Drops the reader of a disk that is replaced by an empty one.
    pub(crate) fn renew(&mut self) {
        *self = Self::default();
    }
}
