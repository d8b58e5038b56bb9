//! The storage that the actors act on, over the WAL, the manifest, the series log and SSTs in one directory.
//! It carries out what the writer and recovery decided, in the order they name, and decides nothing itself.

mod backup;
mod directory;
mod fragments;
mod look;
mod merges;
mod open;
mod place;
mod readers;
mod regions;
mod replay;
mod tables;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::Ordering;

pub use backup::BackupReport;
pub(crate) use backup::backup;
pub(crate) use directory::{Directory, LOCK};
pub(crate) use look::{check_empty, explain, is_own_sst, lock_shared};
pub use open::{ForgivenTail, OpenReport};
pub(crate) use open::{Opened, open};
pub(crate) use readers::Readers;

use crate::actor::{AppendError, LogRecord, Pinned, Storage};
use crate::error::Result;
use crate::manifest::{Manifest, SeriesLog};
use crate::series::SeriesDef;
use crate::version::{Edit, FileId, FileIds};
use crate::wal::Wal;

/// What the writer owns on disk.
#[derive(Debug)]
pub(crate) struct Store {
    wal: Wal,
    manifest: Manifest,
    series_log: SeriesLog,
    ids: Arc<FileIds>,
    /// The directory's lock lives at least as long as anyone who writes there.
    readers: Arc<Readers>,
    #[cfg(feature = "planted")]
    first_recovery: Vec<FileId>,
}

impl Storage for Store {
    fn append(&mut self, group: &[LogRecord<'_>]) -> Result<(), AppendError> {
        let appended = self.wal.append(group);
        self.note_wal_bytes();
        appended
    }

    fn sync(&mut self) -> Result<()> {
        self.wal.sync()
    }

    fn mark(&mut self) -> Result<()> {
        let marked = self.wal.mark();
        self.note_wal_bytes();
        marked
    }

    fn rotate(&mut self) -> Result<FileId, AppendError> {
        self.wal.rotate()
    }

    fn install(&mut self, mut edit: Edit, definitions: &[Arc<SeriesDef>]) -> Result<()> {
        #[cfg(feature = "planted")]
        let definitions = self.planted(&mut edit, definitions);
        // Definitions first: the edit's floor lets the WAL records go that hold them.
        edit.series_log_len = self.series_log.append(definitions)?;
        edit.next_file = self.ids.next();
        let committed = self.manifest.commit(&edit);
        #[cfg(feature = "planted")]
        if committed.is_err() && crate::planted::is("failed_install_removes_its_sst") {
            edit.added.iter().for_each(|sst| drop(self.readers.dir.remove(&crate::sst::file_name(sst.id))));
        }
        committed
    }

    fn drop_segments(&mut self) {
        self.wal.drop_below(self.manifest.durable().floor);
        self.note_wal_bytes();
    }

    fn remove(&mut self, ids: &[FileId]) {
        for id in ids {
            self.readers.forget(*id);
            if let Err(error) = self.readers.dir.remove(&crate::sst::file_name(*id)) {
                // No edit names it: the next opening removes it.
                tracing::warn!(%error, "an SST that is not needed any more stays until the database is opened again");
            }
        }
    }

    fn note_retired(&mut self, pinned: Pinned) {
        self.readers.note_pinned(pinned);
    }
}

impl Store {
    /// 16: the close after two recoveries forgets what the first one made. 3: the log goes on to hold what is in SSTs,
    /// until an edit of its own says otherwise. And a series log without its last series.
    #[cfg(feature = "planted")]
    fn planted<'a>(&mut self, edit: &mut Edit, definitions: &'a [Arc<SeriesDef>]) -> &'a [Arc<SeriesDef>] {
        use crate::planted::is;
        use crate::version::Durable;
        if is("close_loses_the_first_recovery") {
            edit.removed = std::mem::take(&mut self.first_recovery);
        }
        if is("floor_follows_its_sst") && !edit.added.is_empty() {
            let Durable { flushed_seq, floor, series_log_len, .. } = *self.manifest.durable();
            let (added, removed) = (std::mem::take(&mut edit.added), std::mem::take(&mut edit.removed));
            let first = Edit { added, removed, flushed_seq, floor, series_log_len, ..Edit::default() };
            drop(self.manifest.commit(&first));
        }
        let short = definitions.split_last().filter(|_| is("series_log_is_cut_short"));
        short.map_or(definitions, |(_, rest)| rest)
    }

    /// For who asks from outside: the WAL itself is the writer's alone.
    fn note_wal_bytes(&self) {
        self.readers.wal_bytes.store(self.wal.bytes(), Ordering::Relaxed);
    }
}
