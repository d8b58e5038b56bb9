//! Retention: options of an opening for how long points are kept, and how many bytes of them; application on request.

use std::time::Duration;

use super::{Db, DbBuilder};
use crate::engine::actor::WriterCommand;
use crate::engine::threads::block_on;
use crate::types::error::Result;
use crate::types::selector::Selector;

impl DbBuilder {
    /// Sets the age beyond which points are hidden and later removed. Default: no limit.
    ///
    /// The age is counted from the newest timestamp or the wall clock, whichever is earlier, and from no later time
    /// than the monotonic clock explains since retention was last applied. A larger move waits for a grace
    /// ([`retention_grace`](Self::retention_grace)), so that a wrong clock removes nothing, even if points are stamped
    /// by it. What waits is in [`Stats::pending_retention`](super::Stats::pending_retention);
    /// [`Db::apply_retention_now`] applies it.
    ///
    /// These moves wait: the first one of a database or of a limit, the one after a jump of the clock or of the
    /// timestamps, the one after a time in which the database was closed, and the one to an age that is shorter than
    /// the last one by more than an eighth. While one waits, retention goes on as the monotonic clock advances.
    ///
    /// Points that were hidden once stay hidden, even if a later opening sets a longer age or no age. Writes of points
    /// that are too old are accepted, but the points are never visible: [`Ack::points_behind_cutoff`](crate::Ack) counts
    /// them, and [`reject_behind_cutoff`](Self::reject_behind_cutoff) rejects them. An age of more than 292 years keeps
    /// everything.
    ///
    /// What is too old can change. If a wrong clock has been applied, ten minutes after the wall clock is right again
    /// (a day, if it goes back by more than a year), and if an opening sets a longer age, points are hidden as the right
    /// clock and the longer age say; only points that were written before stay hidden. Without an age nothing is taken
    /// back.
    ///
    /// ```
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let path = dir.path().join("metrics.db");
    /// use std::time::Duration;
    /// use timestrata::{Db, Selector};
    ///
    /// let db = Db::builder(path)
    ///     .retain_for(Duration::from_hours(24 * 365))
    ///     .retain_series_for(Selector::metric("debug"), Duration::from_hours(24 * 7))
    ///     .retain_bytes(100 << 30)
    ///     .open_blocking()?;
    /// # db.close_blocking()?;
    /// # Ok::<(), timestrata::Error>(())
    /// ```
    pub fn retain_for(mut self, age: Duration) -> Self {
        self.options.retention.age = Some(age);
        self
    }

    /// Sets an age as [`retain_for`](Self::retain_for) does, for the series that match.
    ///
    /// May be called for several selectors. The shortest of all ages that apply to a series is used.
    pub fn retain_series_for(mut self, selector: Selector, age: Duration) -> Self {
        self.options.retention.rules.retain(|(other, _)| *other != selector);
        self.options.retention.rules.push((selector, age));
        self
    }

    /// Sets the open time for which retention keeps points that only a move without an explanation would hide.
    ///
    /// See [`retain_for`](Self::retain_for). The grace is served while the database is open, summed over openings; a
    /// crash loses at most the last five minutes of it, which lengthens it. Default: an eighth of the longest age, but
    /// at least 24 hours and at most 7 days. With zero, the clock counts as right at any time: every move is applied at
    /// once, and none is taken back.
    pub fn retention_grace(mut self, grace: Duration) -> Self {
        self.options.retention.grace = Some(grace);
        self
    }

    /// Rejects batches with a point that retention would hide at once. Default: `false`.
    ///
    /// The write fails with [`Error::RejectedPoints`](crate::Error::RejectedPoints), which lists the rejected points,
    /// and no point of the batch is written. Without the option the batch is written, and
    /// [`Ack::points_behind_cutoff`](crate::Ack) counts these points.
    pub fn reject_behind_cutoff(mut self, reject: bool) -> Self {
        self.options.reject_behind_cutoff = reject;
        self
    }

    /// Sets the total size of SSTs in bytes beyond which the oldest points are removed. Default: no limit.
    ///
    /// The oldest files are dropped, and points of the same age in other files are hidden. The limit holds between
    /// flushes, after a running compaction of the oldest files has ended; it does not count files that only old
    /// snapshots keep. Files with the newest points stay, however small the limit is. A file with a point ahead of the
    /// wall clock stays until the clock has passed it: to hide that point would hide what is written from now on.
    pub fn retain_bytes(mut self, bytes: u64) -> Self {
        self.options.retention.bytes = Some(bytes);
        self
    }
}

impl Db {
    /// Applies retention by age now, without the grace of pending moves.
    ///
    /// For programs that are too short-lived to serve a grace, and for owners who know that clock and timestamps are
    /// right. When the call returns, the cutoffs are durable and the points before them are hidden; they cannot be made
    /// visible again. If the wall clock is behind the time that retention has trusted, this time is taken back at once.
    ///
    /// # Errors
    /// [`Error::ReadOnly`](crate::Error::ReadOnly) of kind [`Reopen`](crate::ErrorKind::Reopen), also if the cutoffs
    /// cannot be made durable; if a cutoff is taken back, also the errors of [`Db::delete`];
    /// [`Error::Closed`](crate::Error::Closed), and [`Error::EnginePanicked`](crate::Error::EnginePanicked) of kind
    /// [`Bug`](crate::ErrorKind::Bug).
    ///
    /// ```
    /// # let dir = tempfile::tempdir().unwrap();
    /// use std::time::Duration;
    /// use timestrata::{Batch, Db, SeriesKey, Timestamp};
    ///
    /// let day = Duration::from_hours(24);
    /// let db = Db::builder(dir.path().join("db")).retain_for(7 * day).open_blocking()?;
    /// let mut batch = Batch::new();
    /// for days in [1, 20] {
    ///     batch.push_key(&SeriesKey::new("load"), Timestamp::from_secs(days * 86_400), 0.5);
    /// }
    /// db.write_blocking(batch)?;
    /// assert_eq!(db.stats().retention_cutoff, None);
    /// db.apply_retention_now_blocking()?;
    /// assert_eq!(db.stats().retention_cutoff, Some(Timestamp::from_secs(13 * 86_400)));
    /// # Ok::<(), timestrata::Error>(())
    /// ```
    pub async fn apply_retention_now(&self) -> Result<()> {
        self.request(|reply| WriterCommand::ApplyRetention { reply }).await
    }

    /// Blocking variant of [`apply_retention_now`](Self::apply_retention_now).
    ///
    /// # Errors
    /// As for `apply_retention_now`.
    pub fn apply_retention_now_blocking(&self) -> Result<()> {
        block_on(self.apply_retention_now())
    }
}
