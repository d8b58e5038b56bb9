//! `timestrata ingest`: writes the rows of a file as points.
//! The column plan is made before the database is opened, so that a wrong column name creates no directory.

mod column_plan;
mod csv_reader;
mod input;
mod loader;
mod parse_value;
mod rejected_rows;
mod row_mapper;
mod sample;
mod summary;

use std::io::{Read, Write};
use std::path::Path;
use std::time::Instant;

use indicatif::ProgressBar;
use timestrata::{Batch, Db};

use crate::args::IngestArgs;
use crate::database;
use crate::failure::{Failure, Result};
use crate::number_format;
use crate::output::StdoutWriter;
pub(crate) use column_plan::{ColumnPlan, CsvColumns};
pub(crate) use csv_reader::{CsvReader, CsvRecord};
use input::CsvInput;
pub(crate) use loader::{BatchLoader, BatchSink, IngestTotals, LoadOptions};
pub(crate) use row_mapper::RowMapper;
use sample::SAMPLE_ROWS;
#[cfg(feature = "testing")]
pub(crate) use sample::sample_columns;

pub(crate) fn run(args: &IngestArgs, dir: &Path) -> Result<()> {
    let began = Instant::now();
    let CsvInput { name, bytes, progress } = CsvInput::open(&args.file)?;
    let mut records = CsvReader::new(bytes, args.delimiter);
    let (header, sample) = read_header_and_sample(&name, &mut records)?;
    let missing = args.missing.clone().unwrap_or_default();
    let columns = sample::sample_columns(header.len(), &sample, &missing);
    let plan = ColumnPlan::decide(&CsvColumns { header: &header, sample: &columns }, args)?;
    plan.notes.iter().for_each(|text| database::note(text));

    let db = database::open_or_create(dir, args.duplicates.map(Into::into))?;
    let series_before = db.stats().series;
    let options = LoadOptions { file: name.clone(), from_line: args.from_line, skip_bad: args.skip_bad };
    let sink = DbSink { db: &db, progress: &progress };
    let rows = RowMapper::new(&plan).between(args.refuse_before, args.refuse_after);
    let totals = BatchLoader::new(rows, sink, options).run(&sample, &mut records);
    progress.finish_and_clear();
    let totals = totals?;
    let took = began.elapsed();
    if totals.last_line < args.from_line {
        let last = totals.last_line;
        database::note(&format!("{name} ends at line {last}, before --from-line {}", args.from_line));
    }
    db.flush_blocking()?;
    let after = db.stats();
    let new_series = after.series - series_before;
    db.close_blocking()?;
    let mut out = StdoutWriter::lock().out;
    let run = summary::IngestRun { file: &name, dir, new_series, took, bytes_read: progress.position(), after };
    summary::print(&mut out, &totals, &run)?;
    out.flush()?;
    Ok(())
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
}

impl BatchSink for DbSink<'_> {
    fn write(&mut self, batch: &mut Batch) -> timestrata::Result<()> {
        self.db.write_blocking(std::mem::take(batch)).map(drop)
    }

    fn progress(&self, totals: &IngestTotals) {
        let refused = match totals.rejected.count() {
            0 => String::new(),
            count => format!(", {} refused", number_format::count(count)),
        };
        self.progress.set_message(format!("{} points{refused}", number_format::count(totals.points)));
    }
}
