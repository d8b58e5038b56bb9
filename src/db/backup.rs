//! Backups of an open database: a flush, and then the files of one version linked into another directory.

use std::path::Path;

use super::Db;
use crate::engine::{block_on, off_thread};
use crate::error::{Error, Result};
use crate::store::{self, BackupReport};

impl Db {
    /// Makes a backup in a directory that is new or empty: a database of its own, with everything written before the call,
    /// in whole batches. Writes and reads go on meanwhile.
    ///
    /// The files that hold points are linked, not copied, where the file system can do that: the backup takes hardly any
    /// room or time, and keeps what later deletes, retention or mistakes take from the database, but it is no help when
    /// the disk dies. Copy its directory elsewhere for that, or name one on another disk, where files are copied. From the
    /// moment it is made the two know nothing of each other: each can be written to, or deleted.
    ///
    /// A backup that a crash ends early is no database: it holds no `manifest`, cannot be opened, and another backup into
    /// its directory says [`Error::NotEmpty`] until that is deleted. One that fails otherwise takes its files back.
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
    /// [`Error::NotEmpty`] and [`Error::BackupInside`] for the directory; those of [`flush`](Self::flush); and what the
    /// operating system says.
    pub async fn backup(&self, dir: impl AsRef<Path>) -> Result<BackupReport> {
        let dir = dir.as_ref().to_owned();
        self.flush().await?;
        let readers = self.engine.readers().ok_or(Error::Closed)?;
        let (version, duplicates) = (self.engine.version(), self.engine.duplicates);
        let work = move || store::backup(&readers, &version, duplicates, &dir);
        if !self.engine.has_threads() {
            return work();
        }
        off_thread(work).await.unwrap_or(Err(Error::Poisoned))
    }

    /// The blocking twin of [`backup`](Self::backup).
    ///
    /// # Errors
    /// As for `backup`.
    pub fn backup_blocking(&self, dir: impl AsRef<Path>) -> Result<BackupReport> {
        block_on(self.backup(dir))
    }
}

#[cfg(test)]
mod tests;
