//! Writes parsed batches, and syncs them once a second or after 64 MiB.
//!
//! The parser works beside this. Batches are written one after the other, and each sync makes all of them durable that
//! were written before.

use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use timestrata::{Db, Durability, Error, ErrorKind, MetricMetadata, Snapshot, Timestamp};
use timestrata_ingest::SeriesClocks;

use super::durable_rows::SharedDurableRows;
use super::metric_options::MetricOptions;
use super::options::{not_understood, rendered};
use super::parser::{ParsedBatch, ParserEnd, ParserMessage, ParserStop};
use super::rejected_rows::RejectedRows;
use super::signals::{Signal, SignalWatch};
use crate::args::IngestArgs;
use crate::database;
use crate::failure::{Failure, first_step};
use crate::number_format;

/// Bytes of batches after which a sync is due.
const SYNC_BYTES: usize = 64 << 20;
/// Time after which a waiting loader looks for a signal.
const POLL: Duration = Duration::from_millis(50);

/// Totals of one input; counted rows and points are durable once the input is complete.
#[derive(Debug, Default)]
pub(crate) struct IngestTotals {
    pub(crate) rows: u64,
    pub(crate) points: u64,
    /// Least and greatest time of the ingested rows.
    pub(crate) times: Option<(Timestamp, Timestamp)>,
    pub(crate) last_line: u64,
    pub(crate) rejected: RejectedRows,
}

/// Reason why the loader ended early.
#[derive(Debug)]
pub(crate) enum LoadError {
    /// Bad input, or a batch that is not durable for certain. The message is complete.
    Failed(Failure),
    /// It is unknown which of the written batches are durable.
    OutcomeUnknown(Error),
    /// A signal came. No batch is in flight.
    Interrupted,
}

impl From<Failure> for LoadError {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// Result of the loader's steps.
pub(crate) type Result<T, E = LoadError> = std::result::Result<T, E>;

/// The database, once it is open.
pub(crate) struct OpenDatabase {
    pub(crate) db: Db,
    watch: SignalWatch,
}

/// Loader of all inputs of a run.
pub(crate) struct Loader<'a> {
    pub(crate) args: &'a IngestArgs,
    pub(crate) dir: &'a Path,
    pub(crate) durable: SharedDurableRows,
    /// `None` until the first point, if there is no database yet: a run without points leaves none behind.
    pub(crate) open: Option<OpenDatabase>,
    /// Times of series with which the next input goes on.
    pub(crate) series_clocks: SeriesClocks,
    unsynced_bytes: usize,
    last_sync: Instant,
}

impl<'a> Loader<'a> {
    pub(crate) fn new(args: &'a IngestArgs, dir: &'a Path) -> Self {
        let (durable, series_clocks) = (SharedDurableRows::default(), SeriesClocks::default());
        Self { args, dir, durable, open: None, series_clocks, unsynced_bytes: 0, last_sync: Instant::now() }
    }

    /// Opens the database, or creates it.
    pub(crate) fn open(&mut self, progress: &ProgressBar) -> Result<&OpenDatabase> {
        if self.open.is_none() {
            let db = database::open_or_create(self.dir, self.args.duplicates.map(Into::into))?;
            self.durable.lock().seq = db.snapshot().seq();
            let watch = SignalWatch::start(db.clone(), self.durable.clone(), progress.clone());
            self.open = Some(OpenDatabase { db, watch });
        }
        match &self.open {
            Some(open) => Ok(open),
            None => Err(LoadError::Failed(Failure::failed("the database is not open"))),
        }
    }

    /// Opens the database if it exists, so that an error is reported before a file is read.
    pub(crate) fn open_existing(&mut self, progress: &ProgressBar) -> Result<()> {
        let has_files = std::fs::read_dir(self.dir).is_ok_and(|mut entries| entries.next().is_some());
        if has_files || self.dir.is_file() {
            self.open(progress)?;
        }
        Ok(())
    }

    /// Returns the signal that came, if any.
    fn signal(&self) -> Option<Signal> {
        self.open.as_ref().and_then(|open| open.watch.signal())
    }

    /// Returns a view of the database before an input, if it exists.
    pub(crate) fn snapshot(&self) -> Option<Snapshot> {
        self.open.as_ref().map(|open| open.db.snapshot())
    }

    /// Writes the batches of one input to its end.
    pub(crate) fn load(
        &mut self,
        messages: &Receiver<ParserMessage>,
        metrics: &MetricOptions,
        progress: &ProgressBar,
    ) -> Result<(IngestTotals, ParserEnd)> {
        let mut totals = IngestTotals::default();
        let mut is_described = false;
        let end = loop {
            if self.signal().is_some() {
                return Err(LoadError::Interrupted);
            }
            match messages.recv_timeout(POLL) {
                Ok(ParserMessage::Batch(parsed)) => {
                    if !parsed.batch.is_empty() {
                        let db = &self.open(progress)?.db;
                        if !is_described {
                            metrics.store(db)?;
                            is_described = true;
                        }
                        store_metadata(db, &parsed.metadata)?;
                    }
                    self.write(*parsed, &mut totals)?;
                    progress.set_message(progress_text(&totals));
                }
                Ok(ParserMessage::Warning(text)) => progress.suspend(|| database::note(&text)),
                Ok(ParserMessage::End(end)) => break end,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(LoadError::Failed(Failure::failed(
                        "the parser has ended unexpectedly; report this bug",
                    )));
                }
            }
            let is_due = self.last_sync.elapsed() >= self.args.flush_every / 2;
            if self.unsynced_bytes >= SYNC_BYTES || (self.unsynced_bytes > 0 && is_due) {
                self.sync()?;
            }
        };
        self.sync()?;
        totals.last_line = end.last_line;
        if let Some(stop) = &end.stop {
            return Err(self.stopped(stop));
        }
        self.durable.lock().is_complete = true;
        Ok((totals, *end))
    }

    /// Writes a batch, which the next sync makes durable.
    fn write(&mut self, parsed: ParsedBatch, totals: &mut IngestTotals) -> Result<()> {
        let ParsedBatch { batch, rows, first_line, last_line, times, refused, .. } = parsed;
        for row in refused {
            let help = rendered(&row.suggestions);
            totals
                .rejected
                .add(row.line, if help.is_empty() { row.reason } else { format!("{}; perhaps {help}", row.reason) });
        }
        if rows == 0 {
            return Ok(());
        }
        let points = batch.len() as u64;
        let bytes = batch.byte_len();
        let seq = match self.open.as_ref().filter(|_| points > 0) {
            Some(open) => {
                self.durable.lock().write(rows, first_line, last_line);
                match open.db.write_with_blocking(batch, Durability::Os) {
                    Ok(ack) => Some(ack.seq),
                    Err(error) => return Err(self.not_written(error, first_line, last_line)),
                }
            }
            // Rows without a point need no write.
            None => None,
        };
        self.durable.lock().wrote(rows, last_line, seq);
        self.unsynced_bytes += bytes;
        totals.rows += rows;
        totals.points += points;
        if let Some((least, greatest)) = times {
            let (first, last) = totals.times.unwrap_or((least, greatest));
            totals.times = Some((first.min(least), last.max(greatest)));
        }
        Ok(())
    }

    /// Makes all written batches durable.
    pub(crate) fn sync(&mut self) -> Result<()> {
        if let Some(open) = &self.open
            && let Err(error) = open.db.sync_blocking()
        {
            return Err(if self.signal().is_some() {
                LoadError::Interrupted
            } else {
                LoadError::OutcomeUnknown(error)
            });
        }
        self.durable.lock().synced();
        self.unsynced_bytes = 0;
        self.last_sync = Instant::now();
        Ok(())
    }

    /// Returns the error of an input that stopped early. What came before is durable.
    fn stopped(&self, stop: &ParserStop) -> LoadError {
        let mut durable = self.durable.lock();
        let (line, what, act) = match stop {
            ParserStop::Row(row) => {
                let help = rendered(&row.suggestions);
                let act = if help.is_empty() {
                    "correct the line, or skip such lines with --skip-bad,".to_owned()
                } else {
                    format!("correct the line, try {help}, or skip such lines with --skip-bad,")
                };
                (row.line, row.reason.clone(), act)
            }
            ParserStop::Input(error) => {
                let line = error.line.unwrap_or(durable.next_line);
                if durable.rows == 0 && self.open.is_none() {
                    return LoadError::Failed(not_understood(&durable.file, error));
                }
                (line, error.message.clone(), "correct the file".to_owned())
            }
            ParserStop::Read(error) => (durable.next_line, format!("cannot be read: {error}"), "repeat".to_owned()),
        };
        let (file, rows) = (durable.file.clone(), durable.rows);
        if rows > 0 && durable.next_line > line && matches!(stop, ParserStop::Input(_)) {
            return LoadError::Failed(Failure::failed(format!(
                "{file} line {line}: {what}; the rows before the error are durable ({rows} in this run), and some are on \
                 this line, of which --from-line leaves out all or none: {act}, and read it into a new database"
            )));
        }
        durable.next_line = line;
        LoadError::Failed(Failure::failed(format!(
            "{file} line {line}: {what}; all rows before it are durable ({rows} in this run): {act} and go on with \
             --from-line {line}"
        )))
    }

    fn not_written(&mut self, error: Error, first: u64, last: u64) -> LoadError {
        if error.kind() == ErrorKind::OutcomeUnknown {
            return LoadError::OutcomeUnknown(error);
        }
        self.durable.lock().in_flight = None;
        if self.signal().is_some() {
            return LoadError::Interrupted;
        }
        // The batches before this one are written: they must be durable before the message says so.
        if let Err(error) = self.sync() {
            return error;
        }
        let durable = self.durable.lock();
        let (file, known, line, summary) = (&durable.file, durable.known(), durable.next_line, error.summary());
        let step = match error {
            Error::TypeMismatch { expected, .. } => {
                format!("give the column its type with --types COL={expected} and ")
            }
            _ => first_step(&error).map(|step| format!("{step}, and ")).unwrap_or_default(),
        };
        LoadError::Failed(Failure::failed(format!(
            "{file} lines {first} to {last} were not written: {summary}; {known}: {step}go on with --from-line {line}"
        )))
    }

    /// Closes the database if all is well; else drops it. Returns the signal that came.
    pub(crate) fn close(&mut self, is_well: bool) -> (Result<(), Error>, Option<Signal>) {
        let Some(OpenDatabase { db, watch }) = self.open.take() else { return (Ok(()), None) };
        let closed = if is_well {
            db.close_blocking()
        } else {
            drop(db);
            Ok(())
        };
        (closed, watch.finish())
    }
}

/// Stores the metadata that an input gives, where it differs.
fn store_metadata(db: &Db, metadata: &[(String, MetricMetadata)]) -> Result<(), Failure> {
    if metadata.is_empty() {
        return Ok(());
    }
    let snapshot = db.snapshot();
    for (metric, given) in metadata {
        if snapshot.metric_metadata(metric).as_ref() != Some(given) {
            db.set_metric_metadata_blocking(metric.clone(), given.clone())?;
        }
    }
    Ok(())
}

fn progress_text(totals: &IngestTotals) -> String {
    let refused = match totals.rejected.count() {
        0 => String::new(),
        count => format!(", {} refused", number_format::count(count)),
    };
    format!("{} points{refused}", number_format::count(totals.points))
}
