//! The door to the reader of CSV for a fuzzer; no promise is made to anyone else.
//! A file of any bytes is refused, or every row is taken or told, and a run that begins at a later line takes what was
//! left and nothing else.

use std::cell::RefCell;
use std::sync::LazyLock;

use clap::Parser;
use timestrata::Batch;

use crate::args::{Args, Command, Ingest};
use crate::ingest::{Choices, Loader, Plan, Record, Records, Rows, Sink, Table, Totals, begin, look};

/// The command lines that the first byte chooses among: columns are named as the corpus' files name them.
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

/// Parsed once: reading a command line takes longer than reading a small file.
static COMMANDS: LazyLock<Vec<Ingest>> = LazyLock::new(|| OPTIONS.iter().map(|options| args(options)).collect());

/// A CSV file behind a byte that chooses the options and one that chooses where a second run begins.
///
/// # Panics
/// If a promise of `timestrata ingest` is broken.
pub fn csv(data: &[u8]) {
    let [choice, from, file @ ..] = data else { return };
    let args = &COMMANDS[usize::from(*choice) % OPTIONS.len()];
    records_come_back(file, args.delimiter);
    let Ok(whole) = load(file, args, 1) else { return };
    let line = 1 + u64::from(*from) % (whole.last_line + 1);
    // The columns are chosen by the first rows of the file whichever line the run begins at.
    let Ok(before) = load(&file[..length_before(file, args, line)], args, 1) else { return };
    let Ok(after) = load(file, args, line) else { panic!("a run from line {line} fails, and one from the first not") };
    let refused = |totals: &Totals| totals.refused.count();
    if before.plan == whole.plan {
        assert_eq!(before.totals.rows + after.totals.rows, whole.totals.rows, "rows of two runs, cut at line {line}");
        assert_eq!(before.totals.points + after.totals.points, whole.totals.points, "points of two runs");
        assert_eq!(
            refused(&before.totals) + refused(&after.totals),
            refused(&whole.totals),
            "rows refused by two runs"
        );
    }
}

fn args(options: &[&str]) -> Ingest {
    let line = ["timestrata", "ingest", "-"].into_iter().chain(options.iter().copied());
    match Args::try_parse_from(line).map(|args| args.command) {
        Ok(Command::Ingest(args)) => args,
        other => panic!("the options of OPTIONS are known: {:?}", other.map(drop)),
    }
}

/// What a run of the loader did.
struct Run {
    totals: Totals,
    last_line: u64,
    /// The plan as text, to see whether two runs had the same.
    plan: String,
}

/// Runs the loader over a file as `ingest` does, into nothing.
fn load(file: &[u8], args: &Ingest, from_line: u64) -> crate::failure::Result<Run> {
    let mut records = Records::new(file, args.delimiter);
    let (header, sample) = begin("a file", &mut records)?;
    let columns = look(header.len(), &sample, &args.missing.clone().unwrap_or_default());
    let plan = Plan::make(&Table { header: &header, sample: &columns }, args)?;
    let choices = Choices { file: "a file".to_owned(), from_line, skip_bad: args.skip_bad };
    let written = RefCell::new(0);
    let totals = Loader::new(Rows::new(&plan), Counting { points: &written }, choices).run(&sample, &mut records)?;
    assert_eq!(*written.borrow(), totals.points, "a point is counted if and only if it was written");
    assert!(totals.points == 0 || totals.times.is_some_and(|(first, last)| first <= last));
    Ok(Run { last_line: totals.last_line, totals, plan: format!("{plan:?}") })
}

/// Counts what is written.
struct Counting<'a> {
    points: &'a RefCell<u64>,
}

impl Sink for Counting<'_> {
    fn write(&mut self, batch: &mut Batch) -> timestrata::Result<()> {
        *self.points.borrow_mut() += batch.len() as u64;
        Ok(())
    }

    fn progress(&self, totals: &Totals) {
        assert!(totals.points <= *self.points.borrow(), "progress runs ahead of the writes");
    }
}

/// The bytes before the record that begins at a line or, where none does, before the first that begins behind it.
fn length_before(file: &[u8], args: &Ingest, line: u64) -> usize {
    let mut records = Records::new(file, args.delimiter);
    let mut row = Record::default();
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

/// Records written as CSV are read again as the same cells, and lines rise from record to record.
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

fn read(file: &[u8], delimiter: u8) -> Vec<Record> {
    let mut records = Records::new(file, delimiter);
    let (mut row, mut all) = (Record::default(), Vec::new());
    while records.read(&mut row).unwrap_or(false) {
        all.push(row.clone());
    }
    all
}
