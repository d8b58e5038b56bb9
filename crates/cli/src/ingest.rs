//! `timestrata ingest`: writes the rows of files as points.
//!
//! ```text
//!   input thread (pipes) -> parser thread: Decoder, batches -> this thread: Loader writes and syncs
//! ```
//!
//! Each file is planned before the database is created, so that a wrong option creates no directory.

mod dry_run;
mod durable_rows;
mod input;
mod loader;
mod metric_options;
mod options;
mod parser;
mod plan;
mod rejected_rows;
mod series_types;
mod shared_report;
mod signals;
mod summary;
mod unused_options;

use std::io::Write;
use std::path::Path;
use std::sync::mpsc::sync_channel;
use std::time::Instant;

use timestrata::DuplicatePolicy;
use timestrata_ingest::Understanding;

use crate::args::IngestArgs;
use crate::database;
use crate::failure::{Failure, Result, first_step};
use crate::output::StdoutWriter;
pub(crate) use dry_run::dry_run;
use durable_rows::{DurableRows, SharedDurableRows};
use input::IngestInput;
use loader::{LoadError, Loader};
use metric_options::MetricOptions;
#[cfg(feature = "testing")]
pub(crate) use options::ingest_options;
#[cfg(not(feature = "testing"))]
use options::ingest_options;
use parser::{InputParser, MAX_WAITING_BATCHES, ParserEnd};
use plan::PlannedInput;
use series_types::SeriesTypes;
use signals::Signal;
use summary::InputSummary;

pub(crate) fn run(args: &IngestArgs, dir: &Path) -> Result<()> {
    if args.files.len() > 1 && args.from_line > 1 {
        return Err(Failure::failed("--from-line belongs to one file: name that file alone, then the others"));
    }
    let mut loader = Loader::new(args, dir);
    let mut summaries = Vec::new();
    let mut notes = Vec::new();
    let mut ended = Ok(());
    for path in &args.files {
        match ingest_input(args, path, &mut loader, &mut notes) {
            Ok(summary) => summaries.push(summary),
            Err(error) => {
                ended = Err(error);
                break;
            }
        }
    }
    // The rows are durable in the log; a flush only moves them to files.
    let flushed = match &loader.open {
        Some(open) if ended.is_ok() => open.db.flush_blocking(),
        _ => Ok(()),
    };
    let after = loader.open.as_ref().map(|open| open.db.stats());
    let durable = loader.durable.clone();
    let (closed, signal) = loader.close(ended.is_ok());
    for text in &notes {
        database::note(text);
    }
    if let Err(error) = ended {
        let failure = failure_of(error, signal, &durable, dir);
        return Err(stored_before(failure, &summaries, dir, after.as_ref()));
    }
    if let Err(error) = flushed.and(closed) {
        let durable = durable.lock();
        match signal {
            Some(signal) => return Err(interruption(signal, &durable)),
            None => database::note(&not_flushed(&durable, &error)),
        }
    }
    let mut out = StdoutWriter::lock().out;
    let printed = summary::print(&mut out, &summaries, dir, after.as_ref()).and_then(|()| Ok(out.flush()?));
    printed.map_err(|failure| match failure {
        // Without this, the advice to repeat the command would double the rows.
        Failure::Failed(why) => Failure::failed(durable.lock().stopped(&why, None)),
        other => other,
    })?;
    refuse_a_run_without_rows(&summaries)
}

/// Prints the summaries of the files that were stored before one failed, and says so in the failure: reading them again
/// would double their rows.
fn stored_before(
    failure: Failure,
    summaries: &[InputSummary],
    dir: &Path,
    after: Option<&timestrata::Stats>,
) -> Failure {
    if summaries.is_empty() {
        return failure;
    }
    let mut out = StdoutWriter::lock().out;
    // If standard output is closed, the error is reported all the same.
    let _ = summary::print(&mut out, summaries, dir, after).and_then(|()| Ok(out.flush()?));
    let names: Vec<&str> = summaries.iter().map(|input| input.name.as_str()).collect();
    let rows = match summaries.iter().map(|input| input.totals.rows).sum() {
        1 => "1 row".to_owned(),
        rows => format!("{} rows", crate::number_format::count(rows)),
    };
    let stored = format!("the files before it are stored, {rows} of {}: leave them out", names.join(", "));
    match failure {
        Failure::Failed(message) => Failure::Failed(format!("{message}; {stored}")),
        Failure::Interrupted { message, signal_number } => {
            Failure::Interrupted { message: format!("{message}; {stored}"), signal_number }
        }
        other => other,
    }
}

/// Ingests one file. Notes that belong behind it are added to `notes`.
fn ingest_input(
    args: &IngestArgs,
    path: &Path,
    loader: &mut Loader<'_>,
    notes: &mut Vec<String>,
) -> Result<InputSummary, LoadError> {
    let began = Instant::now();
    let mut input = IngestInput::open(path)?;
    let mut options = ingest_options(args, &input.name)?;
    options.series_clocks = Some(loader.series_clocks.clone());
    let PlannedInput { decoder, head, is_ended } = plan::plan(&mut input, &options, args)?;
    let metrics = MetricOptions::read(decoder.understanding(), args)?;
    let prefix = if args.files.len() > 1 { format!("{}: ", input.name) } else { String::new() };
    for text in &decoder.understanding().notes {
        database::note(&format!("{prefix}{text}"));
    }
    loader.open_existing(&input.progress)?;
    loader.durable.lock().begin(&input.name, args.from_line.max(first_row_line(decoder.understanding())));
    let before = loader.snapshot();
    let types = SeriesTypes::new(loader.snapshot(), takes_types(decoder.understanding()));
    let series_before = loader.open.as_ref().map_or(0, |open| open.db.stats().series);

    let (sender, messages) = sync_channel(MAX_WAITING_BATCHES);
    let IngestInput { name, progress, bytes, .. } = input;
    let parser = InputParser {
        decoder,
        bytes,
        buffer: head,
        is_ended,
        from_line: args.from_line,
        skip_bad: args.skip_bad,
        types,
        flush_every: args.flush_every / 2,
        sender,
    };
    let thread = std::thread::Builder::new().name("timestrata-parser".to_owned());
    thread.spawn(move || parser.run()).map_err(|error| Failure::failed(format!("cannot start a thread: {error}")))?;
    let outcome = loader.load(&messages, &metrics, &progress);
    progress.finish_and_clear();
    let (totals, end) = outcome?;
    notes.extend(notes_behind(&end, before.as_ref(), loader)?.into_iter().map(|text| format!("{prefix}{text}")));
    if args.from_line > 1 && totals.last_line < args.from_line {
        let last = totals.last_line;
        notes.push(format!("{name} ends at line {last}, before --from-line {}", args.from_line));
    }
    let series_after = loader.open.as_ref().map_or(0, |open| open.db.stats().series);
    Ok(InputSummary {
        name,
        totals,
        new_series: series_after - series_before,
        took: began.elapsed(),
        bytes_read: progress.position(),
    })
}

/// Returns the line behind the header; the first if there is no header.
fn first_row_line(understanding: &Understanding) -> u64 {
    let header = understanding.properties.iter().find(|(name, _)| *name == "header line");
    header.and_then(|(_, line)| line.parse::<u64>().ok()).map_or(1, |line| line.saturating_add(1))
}

/// Returns `true` unless each row names its own type, as in an export.
pub(crate) fn takes_types(understanding: &Understanding) -> bool {
    !understanding.properties.iter().any(|(name, _)| *name == "columns")
}

/// Returns the notes about rows that were read: hours that came twice, points on shared times.
fn notes_behind(end: &ParserEnd, before: Option<&timestrata::Snapshot>, loader: &Loader<'_>) -> Result<Vec<String>> {
    let mut notes = end.notices.clone();
    let after = loader.snapshot();
    let keeps_all = loader.open.as_ref().is_none_or(|open| open.db.duplicates() == DuplicatePolicy::KeepAll);
    notes.extend(shared_report::note(end, before, after.as_ref(), keeps_all)?);
    Ok(notes)
}

/// Returns the failure of a run in which every row was refused, or none had a value.
fn refuse_a_run_without_rows(summaries: &[InputSummary]) -> Result<()> {
    let rows: u64 = summaries.iter().map(|input| input.totals.rows).sum();
    let refused: u64 = summaries.iter().map(|input| input.totals.rejected.count()).sum();
    let points: u64 = summaries.iter().map(|input| input.totals.points).sum();
    if rows > 0 && points == 0 {
        return Err(Failure::Negative(format!(
            "no row has a value, of {rows} rows read: nothing is stored; sniff shows the columns, and --values names others"
        )));
    }
    if rows > 0 || refused == 0 {
        return Ok(());
    }
    let first = summaries.iter().find_map(|input| input.totals.rejected.first().map(|first| (&input.name, first)));
    let first =
        first.map_or_else(String::new, |(name, (line, reason))| format!("; the first is {name} line {line}: {reason}"));
    Err(Failure::Negative(format!("every row was refused, {refused} in all{first}")))
}

/// Converts the error of the loader to a failure that says what is durable, and from which line to go on.
///
/// All handles of the database must be dropped: an unknown outcome is decided by an opening.
fn failure_of(error: LoadError, signal: Option<Signal>, durable: &SharedDurableRows, dir: &Path) -> Failure {
    let mut durable = durable.lock();
    let (why, cause) = match error {
        LoadError::Failed(failure) => return failure,
        LoadError::Interrupted => (String::new(), None),
        LoadError::OutcomeUnknown(error) => {
            if let Ok(db) = database::open(dir) {
                durable.settle(db.snapshot().seq());
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
