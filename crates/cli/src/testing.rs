//! Fuzz entry point of the CSV reader; not part of the public API.
//!
//! A file of arbitrary bytes is refused, or every row is ingested or reported. A run that begins at a later line
//! ingests exactly the remaining rows.

use std::cell::RefCell;
use std::sync::LazyLock;

use clap::Parser;
use timestrata::Batch;

use crate::args::{Args, Command, IngestArgs};
use crate::ingest::{
    BatchLoader, BatchSink, ColumnPlan, CsvColumns, CsvReader, CsvRecord, DurableRows, IngestTotals, LoadError,
    LoadOptions, RowMapper, SharedDurableRows, read_header_and_sample, sample_columns,
};

/// Command lines, selected by the first byte; the column names are those of the corpus files.
const OPTIONS: [&[&str]; 8] = [
    &[],
    &["--skip-bad"],
    &["--skip-bad", "--time", "time_hour", "--tags", "origin"],
    &["--time", "date", "--types", "volume=u64"],
    &["--time", "t", "--time-format", "ms", "--skip-bad", "--prefix", "node_"],
    &["--time", "t", "--time-format", "s", "--delimiter", ";", "--skip-bad"],
    &["--time", "t", "--time-format", "ns", "--types", "v=bool", "--values", "v", "--skip-bad", "--missing", "NA,-"],
    &["--time", "t", "--time-format", "us", "--types", "v=i64", "--tags", "host,zone=z", "--delimiter", "\\t"],
];

/// Parsed options. They are parsed once, because parsing takes longer than reading a small file.
static COMMANDS: LazyLock<Vec<IngestArgs>> = LazyLock::new(|| OPTIONS.iter().map(|options| args(options)).collect());

/// Checks the ingest of a CSV file that follows two bytes of input.
///
/// The first byte selects the options, the second byte the line at which a second run begins.
///
/// # Panics
/// If `timestrata ingest` breaks its contract.
pub fn csv(data: &[u8]) {
    let [choice, from, file @ ..] = data else { return };
    let args = &COMMANDS[usize::from(*choice) % OPTIONS.len()];
    records_come_back(file, args.delimiter);
    let Ok(whole) = load(file, args, 1) else { return };
    let line = 1 + u64::from(*from) % (whole.last_line + 1);
    // The first rows of the file determine the column plan, independent of the line at which the run begins.
    let Ok(before) = load(&file[..length_before(file, args, line)], args, 1) else { return };
    let Ok(after) = load(file, args, line) else { panic!("a run from line {line} fails, and one from the first not") };
    let rejected = |totals: &IngestTotals| totals.rejected.count();
    if before.plan == whole.plan {
        assert_eq!(before.totals.rows + after.totals.rows, whole.totals.rows, "rows of two runs, cut at line {line}");
        assert_eq!(before.totals.points + after.totals.points, whole.totals.points, "points of two runs");
        assert_eq!(
            rejected(&before.totals) + rejected(&after.totals),
            rejected(&whole.totals),
            "rows rejected by two runs"
        );
    }
}

fn args(options: &[&str]) -> IngestArgs {
    let line = ["timestrata", "ingest", "-"].into_iter().chain(options.iter().copied());
    match Args::try_parse_from(line).map(|args| args.command) {
        Ok(Command::Ingest(args)) => args,
        other => panic!("the options of OPTIONS are known: {:?}", other.map(drop)),
    }
}

/// Result of a run of the loader.
struct LoadRun {
    totals: IngestTotals,
    last_line: u64,
    /// The column plan as text, to compare two runs.
    plan: String,
}

/// Runs the loader over a file as `ingest` does, and discards the batches.
fn load(file: &[u8], args: &IngestArgs, from_line: u64) -> crate::failure::Result<LoadRun> {
    let mut records = CsvReader::new(file, args.delimiter);
    let (header, sample) = read_header_and_sample("a file", &mut records)?;
    let columns = sample_columns(header.len(), &sample, &args.missing.clone().unwrap_or_default());
    let plan = ColumnPlan::decide(&CsvColumns { header: &header, sample: &columns }, args)?;
    let durable = SharedDurableRows::new(DurableRows { file: "a file".to_owned(), ..DurableRows::default() });
    let options = LoadOptions { durable, from_line, skip_bad: args.skip_bad };
    let written = RefCell::new(0);
    let totals = BatchLoader::new(RowMapper::new(&plan), CountingSink { points: &written }, options)
        .run(&sample, &mut records)
        .map_err(|error| match error {
            LoadError::Failed(failure) => failure,
            other => crate::failure::Failure::failed(format!("{other:?}")),
        })?;
    assert_eq!(*written.borrow(), totals.points, "a point is counted if and only if it was written");
    assert!(totals.points == 0 || totals.times.is_some_and(|(first, last)| first <= last));
    Ok(LoadRun { last_line: totals.last_line, totals, plan: format!("{plan:?}") })
}

/// Sink that counts the written points and discards them.
struct CountingSink<'a> {
    points: &'a RefCell<u64>,
}

impl BatchSink for CountingSink<'_> {
    fn write(&mut self, batch: &mut Batch) -> timestrata::Result<u64> {
        *self.points.borrow_mut() += batch.len() as u64;
        Ok(0)
    }

    fn progress(&self, totals: &IngestTotals) {
        assert!(totals.points <= *self.points.borrow(), "progress runs ahead of the writes");
    }
}

/// Returns the number of bytes before the first record that begins at a line or after it.
fn length_before(file: &[u8], args: &IngestArgs, line: u64) -> usize {
    let mut records = CsvReader::new(file, args.delimiter);
    let mut row = CsvRecord::default();
    let mut first = file.len();
    while records.read(&mut row).unwrap_or(false) {
        if row.line >= line {
            let breaks = usize::try_from(row.line - 1).unwrap_or(usize::MAX);
            let starts = file.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1);
            first = std::iter::once(0).chain(starts).nth(breaks).unwrap_or(file.len());
            break;
        }
    }
    first
}

/// Checks that records written as CSV parse to the same cells, and that line numbers increase.
fn records_come_back(file: &[u8], delimiter: u8) {
    let all = read(file, delimiter);
    assert!(all.is_sorted_by(|one, next| one.line <= next.line), "lines fall");
    let mut writer =
        csv::WriterBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).from_writer(Vec::new());
    for record in &all {
        assert!(writer.write_byte_record(&record.cells).is_ok(), "memory does not fail");
    }
    let Ok(bytes) = writer.into_inner() else { panic!("memory does not fail") };
    let again = read(&bytes, delimiter);
    assert!(all.iter().map(|row| &row.cells).eq(again.iter().map(|row| &row.cells)), "cells changed");
}

fn read(file: &[u8], delimiter: u8) -> Vec<CsvRecord> {
    let mut records = CsvReader::new(file, delimiter);
    let (mut row, mut all) = (CsvRecord::default(), Vec::new());
    while records.read(&mut row).unwrap_or(false) {
        all.push(row.clone());
    }
    all
}
