//! Writes with options: points that are rejected are left out, and batches beyond the limits are cut into pieces.
//!
//! The batch of the caller stays whole until the last piece is acknowledged: a piece that is not the whole batch is a
//! copy. The writer rejects a piece as a whole and names all rejected series; the piece is then copied without them and
//! sent again. Each round leaves out at least one point, so the rounds end.

use std::borrow::BorrowMut;
use std::ops::Range;

use super::Db;
use crate::engine::actor::Ack;
use crate::engine::threads::block_on;
use crate::types::error::{Error, Result, SkippedPoint, WrittenPiece};
use crate::types::options::Durability;
use crate::types::point::{Batch, PieceCutter, RejectedPoint, Timestamp};
use crate::types::series::SeriesId;

/// Default of [`WriteOptions::skipped_limit`].
const DEFAULT_SKIPPED_LIMIT: usize = 1_000;

/// Options of a write: durability, and what happens to rejected points and to a batch beyond its limits.
///
/// By default, a write with options is that of [`Db::write`]: the batch is written whole or not at all.
///
/// ```
/// # let dir = tempfile::tempdir().unwrap();
/// use timestrata::{Batch, Db, SeriesKey, Timestamp, WriteOptions};
///
/// let db = Db::open_blocking(dir.path().join("db"))?;
/// let (load, up) = (SeriesKey::new("load"), SeriesKey::new("up"));
/// let mut batch = Batch::new();
/// batch.push_key(&load, Timestamp::from_secs(1), 0.5);
/// batch.push_key(&up, Timestamp::from_secs(1), true);
/// batch.push_key(&load, Timestamp::from_secs(2), 7_i64);
///
/// let report = db.write_with_options_blocking(batch, &WriteOptions::new().skip_rejected(true).split(true))?;
/// assert_eq!((report.points, report.skipped_count), (2, 1));
/// assert_eq!(report.skipped[0].index, 2);
/// println!("left out: {}", report.skipped[0]);
/// # Ok::<(), timestrata::Error>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "options have no effect until a write gets them"]
pub struct WriteOptions {
    durability: Option<Durability>,
    skip_rejected: bool,
    skipped_limit: usize,
    split: bool,
}

impl WriteOptions {
    /// Creates the default options.
    pub fn new() -> Self {
        Self { durability: None, skip_rejected: false, skipped_limit: DEFAULT_SKIPPED_LIMIT, split: false }
    }

    /// Sets the durability. Default: that of the database.
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = Some(durability);
        self
    }

    /// Sets whether rejected points are left out, and the other ones written. Default: `false`.
    ///
    /// A point is left out if a write of this point alone would be rejected: for its key, its type, a stale handle, its
    /// timestamp ([`reject_ahead_of_clock`](crate::DbBuilder::reject_ahead_of_clock) and the like), or because its
    /// series would exceed a limit such as [`max_series`](crate::DbBuilder::max_series). Of the points of a key that
    /// has values of several types and no series yet, those of the first type are written. Errors of the database,
    /// such as a full disk, and columns of different lengths fail the write.
    pub fn skip_rejected(mut self, skip: bool) -> Self {
        self.skip_rejected = skip;
        self
    }

    /// Sets the maximum number of left-out points that the report lists. Default: 1,000.
    ///
    /// [`WriteReport::skipped_count`] counts all of them.
    pub fn skipped_limit(mut self, points: usize) -> Self {
        self.skipped_limit = points;
        self
    }

    /// Sets whether a batch beyond [`MAX_BATCH_POINTS`](crate::MAX_BATCH_POINTS) or
    /// [`MAX_BATCH_BYTES`](crate::MAX_BATCH_BYTES) is cut into pieces. Default: `false`.
    ///
    /// A piece is a run of consecutive points as long as the limits allow. The pieces are written one after the other,
    /// each whole or, after an error or a crash, not at all; readers may see some of them and not yet the others. If a
    /// piece fails after others were written, the error is [`Error::PartlyWritten`]. A delete that the same handle sends
    /// meanwhile may come between two pieces.
    pub fn split(mut self, split: bool) -> Self {
        self.split = split;
        self
    }
}

impl Default for WriteOptions {
    fn default() -> Self {
        Self::new()
    }
}

/// Result of a write with options.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct WriteReport {
    /// Written pieces in order: one, unless the batch was cut. None if the batch had no points, or all were left out.
    pub pieces: Vec<WrittenPiece>,
    /// Number of points that were written.
    pub points: usize,
    /// Durability reached by all pieces when they were acknowledged; see [`Ack::durability`].
    pub durability: Durability,
    /// Number of written points that retention hides already; see [`Ack::points_behind_cutoff`].
    pub points_behind_cutoff: u64,
    /// Points that were left out, in the order of the batch; see [`WriteOptions::skip_rejected`].
    ///
    /// If there are more than [`WriteOptions::skipped_limit`], those that were found first.
    pub skipped: Vec<SkippedPoint>,
    /// Number of points that were left out.
    pub skipped_count: usize,
}

impl Db {
    /// Writes a batch with options; see [`WriteOptions`].
    ///
    /// A borrowed batch is empty after `Ok`. After [`Error::PartlyWritten`] it holds the points behind the written
    /// pieces, so that the same call can be repeated with it; after any other error it holds all of its points.
    ///
    /// If the future is dropped, any number of pieces from the front is written, and a borrowed batch that was cut is as
    /// it was; see also [`write`](Self::write).
    ///
    /// # Errors
    /// Those of [`write_with`](Self::write_with), as far as the options do not avoid them; [`Error::PartlyWritten`] with
    /// the kind of its cause if some pieces of a cut batch were written.
    pub async fn write_with_options(
        &self,
        mut batch: impl BorrowMut<Batch>,
        options: &WriteOptions,
    ) -> Result<WriteReport> {
        PieceWriter::new(self, options).write(batch.borrow_mut()).await
    }

    /// Blocking variant of [`write_with_options`](Self::write_with_options).
    ///
    /// # Errors
    /// As for `write_with_options`.
    pub fn write_with_options_blocking(
        &self,
        mut batch: impl BorrowMut<Batch>,
        options: &WriteOptions,
    ) -> Result<WriteReport> {
        block_on(PieceWriter::new(self, options).write(batch.borrow_mut()))
    }
}

/// Write of one batch in pieces.
struct PieceWriter<'a> {
    db: &'a Db,
    options: &'a WriteOptions,
    durability: Durability,
    /// For each point of the batch, `true` if it is left out. Empty as long as none is.
    is_skipped: Vec<bool>,
    /// Report of the pieces that were written so far.
    report: WriteReport,
}

impl<'a> PieceWriter<'a> {
    fn new(db: &'a Db, options: &'a WriteOptions) -> Self {
        let durability = options.durability.unwrap_or(db.engine.options.durability);
        let report = WriteReport {
            pieces: Vec::new(),
            points: 0,
            durability,
            points_behind_cutoff: 0,
            skipped: Vec::new(),
            skipped_count: 0,
        };
        Self { db, options, durability, is_skipped: Vec::new(), report }
    }

    async fn write(mut self, batch: &mut Batch) -> Result<WriteReport> {
        self.prepare(batch)?;
        let len = batch.len();
        let mut cutter = self.options.split.then(|| PieceCutter::new(batch));
        let mut start = 0;
        loop {
            let end = cutter.as_mut().map_or(len, |cutter| cutter.next_end(batch, start));
            match self.write_piece(batch, start..end).await {
                Ok(Some(ack)) => self.add_piece(start..end, ack),
                Ok(None) => {}
                Err(error) => return Err(self.failed(batch, error)),
            }
            start = end;
            if start >= len {
                break;
            }
        }
        batch.clear();
        let mut report = self.report;
        report.points = len - report.skipped_count;
        report.skipped.sort_by_key(|point| point.index);
        Ok(report)
    }

    /// Checks what needs no writer. Marks the points that are rejected, or returns the first error.
    fn prepare(&mut self, batch: &mut Batch) -> Result<()> {
        self.db.check_usable(self.durability)?;
        let keys = self.db.find_cached(batch);
        if !self.options.skip_rejected {
            keys?;
            if !self.options.split {
                batch.check_size()?;
            }
            batch.check_pushes(self.db.engine.opening_id)?;
            return self.db.check_timestamps(batch);
        }
        batch.check_columns()?;
        let invalid = batch.invalid_series(self.db.engine.opening_id);
        batch.for_each_rejected(&invalid, |at, error| self.skip(batch, at, at, || error.clone()));
        if let Err(Error::RejectedPoints { points }) = self.db.check_timestamps(batch) {
            self.skip_points(batch, points, |at| at);
        }
        Ok(())
    }

    /// Writes a piece; `None` if all of its points are left out.
    ///
    /// The batch is empty after the success of a piece that is the whole batch.
    async fn write_piece(&mut self, batch: &mut Batch, range: Range<usize>) -> Result<Option<Ack>> {
        if range == (0..batch.len()) && self.is_skipped.is_empty() {
            batch.check_size()?;
            match self.send(batch).await {
                Ok(ack) => return Ok(Some(ack)),
                Err(error) => self.skip_rejected(batch, error, |at| at)?,
            }
        }
        loop {
            let is_skipped = |at: usize| self.is_skipped.get(at).is_some_and(|skipped| *skipped);
            let points: Vec<usize> = range.clone().filter(|at| !is_skipped(*at)).collect();
            if points.is_empty() {
                return Ok(None);
            }
            let mut piece = batch.copy_points(points.iter().copied());
            self.db.find_cached(&mut piece)?;
            piece.check_size()?;
            match self.send(&mut piece).await {
                Ok(ack) => return Ok(Some(ack)),
                Err(error) => self.skip_rejected(&mut piece, error, |at| points[at])?,
            }
        }
    }

    async fn send(&self, piece: &mut Batch) -> Result<Ack> {
        piece.set_collects_rejections(self.options.skip_rejected);
        self.db.write_checked(piece, self.durability).await
    }

    /// Marks the points of a piece that the writer rejected.
    ///
    /// `index` returns the index in the batch for that in the piece.
    ///
    /// # Errors
    /// The error of the piece, if it rejects no single points.
    fn skip_rejected(&mut self, piece: &mut Batch, error: Error, index: impl Fn(usize) -> usize) -> Result<()> {
        let rejections = piece.take_rejections();
        if !self.options.skip_rejected {
            return Err(error);
        }
        let before = self.report.skipped_count;
        piece.for_each_rejected(&rejections, |at, error| self.skip(piece, at, index(at), || error.clone()));
        match error {
            Error::RejectedPoints { points } => self.skip_points(piece, points, index),
            error if self.report.skipped_count == before => return Err(error),
            _ => {}
        }
        Ok(())
    }

    /// Marks points whose timestamps are rejected.
    fn skip_points(&mut self, piece: &Batch, points: Vec<RejectedPoint>, index: impl Fn(usize) -> usize) {
        for point in points {
            let (at, index) = (point.index, index(point.index));
            let error = || Error::RejectedPoints { points: vec![RejectedPoint { index, ..point }] };
            self.skip(piece, at, index, error);
        }
    }

    /// Marks a point, which has the index `at` in the piece and `index` in the batch.
    fn skip(&mut self, piece: &Batch, at: usize, index: usize, error: impl FnOnce() -> Error) {
        if self.is_skipped.len() <= index {
            self.is_skipped.resize(index + 1, false);
        }
        if std::mem::replace(&mut self.is_skipped[index], true) {
            return;
        }
        self.report.skipped_count += 1;
        if self.report.skipped.len() < self.options.skipped_limit {
            let error = error();
            // The id of a stale handle may be that of another series here.
            let key_text = |id: SeriesId| match error {
                Error::StaleSeries { .. } => format!("#{}", id.get()),
                _ => self.db.engine.version().series.key_text(id),
            };
            let series = piece.series_text(at, key_text).into();
            let timestamp = Timestamp::from_nanos(piece.timestamps()[at]);
            self.report.skipped.push(SkippedPoint { index, series, timestamp, error });
        }
    }

    fn add_piece(&mut self, points: Range<usize>, ack: Ack) {
        let report = &mut self.report;
        // A batch without points has no piece, and none that reached less than it.
        let is_first = report.pieces.is_empty();
        if is_first || ack.durability != Durability::Sync {
            report.durability = ack.durability;
        }
        report.points_behind_cutoff += ack.points_behind_cutoff;
        if !points.is_empty() {
            report.pieces.push(WrittenPiece { points, seq: ack.seq });
        }
    }

    /// Returns the error of the write after that of a piece, and removes the written points from the batch.
    fn failed(self, batch: &mut Batch, error: Error) -> Error {
        let WriteReport { pieces: written, mut skipped, .. } = self.report;
        let Some(end) = written.last().map(|piece| piece.points.end) else { return error };
        batch.remove_first(end);
        skipped.retain(|point| point.index < end);
        skipped.sort_by_key(|point| point.index);
        let skipped_count = self.is_skipped.iter().take(end).filter(|skipped| **skipped).count();
        Error::PartlyWritten { written, skipped, skipped_count, cause: error.into() }
    }
}
