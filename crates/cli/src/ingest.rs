//! `timestrata ingest`: writes the rows of a file as points.
//! The column plan is made before the database is opened, so that a wrong column name creates no directory.

mod column_plan;
mod csv_reader;
mod durable_rows;
mod input;
mod loader;
mod metric_options;
mod parse_value;
mod rejected_rows;
mod row_mapper;
mod sample;
mod signals;
mod summary;

use std::io::{Read, Write};
use std::path::Path;
use std::time::Instant;

use indicatif::ProgressBar;
use timestrata::{Batch, Db};

use crate::args::IngestArgs;
use crate::database;
use crate::failure::{Failure, Result, first_step};
use crate::number_format;
use crate::output::StdoutWriter;
pub(crate) use column_plan::{ColumnPlan, CsvColumns};
pub(crate) use csv_reader::{CsvReader, CsvRecord};
pub(crate) use durable_rows::{DurableRows, SharedDurableRows};
use input::CsvInput;
pub(crate) use loader::{BatchLoader, BatchSink, IngestTotals, LoadError, LoadOptions};
use metric_options::MetricOptions;
pub(crate) use row_mapper::RowMapper;
use sample::SAMPLE_ROWS;
#[cfg(feature = "testing")]
pub(crate) use sample::sample_columns;
use signals::{Signal, SignalWatch};

pub(crate) fn run(args: &IngestArgs, dir: &Path) -> Result<()> {
    let began = Instant::now();
    let CsvInput { name, bytes, progress } = CsvInput::open(&args.file)?;
    let mut records = CsvReader::new(bytes, args.delimiter);
    let (header, sample) = read_header_and_sample(&name, &mut records)?;
    let missing = args.missing.clone().unwrap_or_default();
    let columns = sample::sample_columns(header.len(), &sample, &missing);
    let plan = ColumnPlan::decide(&CsvColumns { header: &header, sample: &columns }, args);
    let plan = plan.map_err(|failure| if sample.is_empty() { without_rows(&name, &header) } else { failure })?;
    let metrics = MetricOptions::read(&plan, args)?;
    plan.notes.iter().for_each(|text| database::note(text));

    let db = database::open_or_create(dir, args.duplicates.map(Into::into))?;
    metrics.store(&db)?;
    let series_before = db.stats().series;
    let durable = SharedDurableRows::new(DurableRows {
        file: name.clone(),
        next_line: args.from_line.max(2),
        seq: db.snapshot().seq(),
        ..DurableRows::default()
    });
    let watch = SignalWatch::start(db.clone(), durable.clone(), progress.clone());
    let options = LoadOptions { durable: durable.clone(), from_line: args.from_line, skip_bad: args.skip_bad };
    let sink = DbSink { db: &db, progress: &progress, watch: &watch };
    let rows = RowMapper::new(&plan).between(args.refuse_before, args.refuse_after);
    let loaded = BatchLoader::new(rows, sink, options).run(&sample, &mut records);
    // The rows are durable in the log; a flush only moves them to files.
    let flushed = if loaded.is_ok() { db.flush_blocking() } else { Ok(()) };
    let after = db.stats();
    let closed = if loaded.is_ok() {
        db.close_blocking()
    } else {
        drop(db);
        Ok(())
    };
    let signal = watch.finish();
    progress.finish_and_clear();
    let totals = loaded.map_err(|error| failure_of(error, signal, &durable, dir))?;
    if let Err(error) = flushed.and(closed) {
        let durable = durable.lock();
        match signal {
            Some(signal) => return Err(interruption(signal, &durable)),
            None => database::note(&not_flushed(&durable, &error)),
        }
    }
    let took = began.elapsed();
    if totals.last_line < args.from_line {
        let last = totals.last_line;
        database::note(&format!("{name} ends at line {last}, before --from-line {}", args.from_line));
    }
    let mut out = StdoutWriter::lock().out;
    let new_series = after.series - series_before;
    let run = summary::IngestRun { file: &name, dir, new_series, took, bytes_read: progress.position(), after };
    let printed = summary::print(&mut out, &totals, &run).and_then(|()| Ok(out.flush()?));
    printed.map_err(|failure| match failure {
        // Without this, the advice to repeat the command would double the rows.
        Failure::Failed(why) => Failure::failed(durable.lock().stopped(&why, None)),
        other => other,
    })
}

/// Converts the error of the loader to a failure that says what is durable, and from which line to go on.
///
/// All handles of the database must be dropped: an unknown outcome is decided by an opening.
fn failure_of(error: LoadError, signal: Option<Signal>, durable: &SharedDurableRows, dir: &Path) -> Failure {
    let mut durable = durable.lock();
    let (why, cause) = match error {
        LoadError::Failed(failure) => return failure,
        LoadError::Interrupted => (String::new(), None),
        LoadError::OutcomeUnknown { error, batch_rows } => {
            if let Ok(db) = database::open(dir) {
                durable.settle(batch_rows, db.snapshot().seq());
            }
            // The text of the cause: whether the batch is durable is known by now, or the message says how to find out.
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            (cause.unwrap_or_else(|| error.summary().to_string()), Some(error))
        }
    };
    match signal {
        Some(signal) => interruption(signal, &durable),
        None => Failure::failed(durable.stopped(&why, cause.as_ref())),
    }
}

fn interruption(signal: Signal, durable: &DurableRows) -> Failure {
    Failure::Interrupted { message: durable.stopped(signal.reason(), None), signal_number: signal.number() }
}

/// Returns the note about a flush that failed after all rows were durable.
fn not_flushed(durable: &DurableRows, error: &timestrata::Error) -> String {
    let step = first_step(error).map(|step| format!("{step}; ")).unwrap_or_default();
    format!(
        "{} in the log, but not yet moved to files: {}; do not ingest them again: {step}the next command that opens the \
         database moves them",
        durable.known(),
        error.summary()
    )
}

/// Returns the failure of an ingest of a header alone, from which no column plan follows.
fn without_rows(name: &str, header: &[String]) -> Failure {
    let columns = header.join(", ");
    Failure::failed(format!(
        "{name} has no rows, only a first line with the columns {columns}: there is nothing to ingest"
    ))
}

/// Reads the header, and the first rows as a sample for the column plan.
pub(crate) fn read_header_and_sample<R: Read>(
    name: &str,
    records: &mut CsvReader<R>,
) -> Result<(Vec<String>, Vec<CsvRecord>)> {
    let failed = |error: std::io::Error| Failure::failed(format!("cannot read {name}: {error}"));
    let mut row = CsvRecord::default();
    if !records.read(&mut row).map_err(failed)? {
        return Err(Failure::failed(format!("{name} is empty: its first line must name the columns")));
    }
    let header: Result<Vec<String>, String> = (0..row.cells.len()).map(|at| row.text(at).map(str::to_owned)).collect();
    let header = header.map_err(|what| {
        Failure::failed(format!(
            "the header of {name} cannot be read: {what}; give it a first line of column names in UTF-8"
        ))
    })?;
    let mut sample = Vec::new();
    while sample.len() < SAMPLE_ROWS && records.read(&mut row).map_err(failed)? {
        sample.push(row.clone());
    }
    Ok((header, sample))
}

/// Writes each batch durably and advances the progress bar.
struct DbSink<'a> {
    db: &'a Db,
    progress: &'a ProgressBar,
    watch: &'a SignalWatch,
}

impl BatchSink for DbSink<'_> {
    fn write(&mut self, batch: &mut Batch) -> timestrata::Result<u64> {
        self.db.write_blocking(std::mem::take(batch)).map(|ack| ack.seq)
    }

    fn is_interrupted(&self) -> bool {
        self.watch.signal().is_some()
    }

    fn progress(&self, totals: &IngestTotals) {
        let refused = match totals.rejected.count() {
            0 => String::new(),
            count => format!(", {} refused", number_format::count(count)),
        };
        self.progress.set_message(format!("{} points{refused}", number_format::count(totals.points)));
    }
}
