//! Backups of an open database: a flush, then the files of one version linked into another directory.

use std::path::Path;

use super::Db;
use crate::engine::store::{self, BackupReport};
use crate::engine::threads::{block_on, run_on_new_thread};
use crate::types::error::{Error, Result};

impl Db {
    /// Creates a backup in a new or empty directory.
    ///
    /// The backup is an independent database with everything that was written before the call. It holds whole batches
    /// only. Writes and reads continue while the backup runs.
    ///
    /// Files that hold points are hard-linked where the file system allows it, and copied elsewhere. A linked backup
    /// takes little space and time, and keeps what later deletes or retention remove from the database; it does not
    /// protect from the loss of the disk. For that, copy the directory of the backup to another disk, or name a
    /// directory on another disk, where the files are copied. The database and the backup can be written or deleted
    /// independently.
    ///
    /// If the flush fails because the disk is full, the backup holds what is in files, and
    /// [`BackupReport::unflushed`] is the number of records that are missing. If the database was opened on the full disk
    /// and its log has a delete of everything up to a time, the error of the flush is returned instead: the backup would
    /// show points that retention had hidden.
    ///
    /// A backup that a crash interrupts has no file `manifest`: it cannot be opened, and another backup into its
    /// directory fails with [`Error::BackupTargetNotEmpty`] until the directory is deleted. A backup that fails
    /// otherwise removes its files.
    ///
    /// ```
    /// # let home = tempfile::tempdir().unwrap();
    /// # let (path, backups) = (home.path().join("weather.db"), home.path().join("backups"));
    /// use timestrata::{Batch, Db, SeriesKey, Timestamp};
    ///
    /// let db = Db::open_blocking(path)?;
    /// let mut batch = Batch::new();
    /// batch.push_key(&SeriesKey::new("temp"), Timestamp::from_secs(1_357_000_000), 3.5);
    /// db.write_blocking(batch)?;
    /// let report = db.backup_blocking(backups.join("monday"))?;
    /// assert_eq!((report.points, report.copied), (1, 0));
    ///
    /// let backup = Db::open_blocking(backups.join("monday"))?;
    /// assert_eq!(backup.stats().points, 1);
    /// # Ok::<(), timestrata::Error>(())
    /// ```
    ///
    /// # Errors
    /// - [`Error::BackupTargetNotEmpty`] or [`Error::BackupInsideDatabase`], of kind
    ///   [`InvalidInput`](crate::ErrorKind::InvalidInput), for the directory;
    /// - [`Error::Io`] of kind [`StorageFull`](crate::ErrorKind::StorageFull) or [`Io`](crate::ErrorKind::Io), and
    ///   [`Error::OutOfResources`] or [`Error::ThreadStart`] of kind [`Busy`](crate::ErrorKind::Busy);
    /// - those of [`flush`](Self::flush).
    pub async fn backup(&self, dir: impl AsRef<Path>) -> Result<BackupReport> {
        self.engine.check_owner()?;
        let dir = dir.as_ref().to_owned();
        let flushed = self.flush().await;
        let is_full = flushed.as_ref().is_err_and(Error::is_out_of_space);
        let (version, duplicates) = (self.engine.version(), self.engine.duplicates);
        // Without the unflushed delete, points would return that a retention cutoff hid before it was taken back.
        if !is_full || !version.knows_flushed_cutoffs() {
            flushed?;
        }
        let read_context = self.engine.read_context().ok_or(Error::Closed)?;
        // A flush that succeeded covers the call; records that came later are not expected in the backup.
        let unflushed = if is_full { version.seq - version.flushed_seq } else { 0 };
        let work = move || Ok(BackupReport { unflushed, ..store::backup(&read_context, &version, duplicates, &dir)? });
        if !self.engine.has_threads() {
            return work();
        }
        run_on_new_thread("timestrata-backup", work).await
    }

    /// Blocking variant of [`backup`](Self::backup).
    ///
    /// # Errors
    /// As for `backup`.
    pub fn backup_blocking(&self, dir: impl AsRef<Path>) -> Result<BackupReport> {
        block_on(self.backup(dir))
    }
}

#[cfg(test)]
mod tests;
