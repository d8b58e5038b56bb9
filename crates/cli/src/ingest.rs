//! `timestrata ingest`: rows of a file become points of the database.
//! The plan is made before the database is touched, so that a wrong column makes no directory.

mod cell;
mod load;
mod plan;
mod records;
mod refused;
mod rows;
mod sample;
mod source;
mod summary;

use std::io::{Read, Write};
use std::path::Path;
use std::time::Instant;

use indicatif::ProgressBar;
use timestrata::{Batch, Db};

use crate::args::Ingest;
use crate::database;
use crate::failure::{Failure, Result};
use crate::figures;
use crate::output::Stdout;
pub(crate) use load::{Choices, Loader, Sink, Totals};
pub(crate) use plan::{Plan, Table};
pub(crate) use records::{Record, Records};
pub(crate) use rows::Rows;
use sample::SAMPLE_ROWS;
#[cfg(feature = "testing")]
pub(crate) use sample::look;
use source::Source;

pub(crate) fn run(args: &Ingest, dir: &Path) -> Result<()> {
    let began = Instant::now();
    let Source { name, bytes, progress } = Source::open(&args.file)?;
    let mut records = Records::new(bytes, args.delimiter);
    let (header, sample) = begin(&name, &mut records)?;
    let missing = args.missing.clone().unwrap_or_default();
    let columns = sample::look(header.len(), &sample, &missing);
    let plan = Plan::make(&Table { header: &header, sample: &columns }, args)?;
    plan.notes.iter().for_each(|text| database::note(text));

    let db = database::open_or_create(dir, args.duplicates.map(Into::into))?;
    let series_before = db.stats().series;
    let choices = Choices { file: name.clone(), from_line: args.from_line, skip_bad: args.skip_bad };
    let sink = Database { db: &db, progress: &progress };
    let rows = Rows::new(&plan).between(args.refuse_before, args.refuse_after);
    let totals = Loader::new(rows, sink, choices).run(&sample, &mut records);
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
    let mut out = Stdout::lock().out;
    let run = summary::Run { file: &name, dir, new_series, took, bytes_read: progress.position(), after };
    summary::print(&mut out, &totals, &run)?;
    out.flush()?;
    Ok(())
}

/// The header, and the first rows for the plan to look at.
pub(crate) fn begin<R: Read>(name: &str, records: &mut Records<R>) -> Result<(Vec<String>, Vec<Record>)> {
    let failed = |error: std::io::Error| Failure::error(format!("cannot read {name}: {error}"));
    let mut row = Record::default();
    if !records.read(&mut row).map_err(failed)? {
        return Err(Failure::error(format!("{name} is empty: its first line must name the columns")));
    }
    let header: Result<Vec<String>, String> = (0..row.cells.len()).map(|at| row.text(at).map(str::to_owned)).collect();
    let header = header.map_err(|what| {
        Failure::error(format!(
            "the header of {name} cannot be read: {what}; give it a first line of column names in UTF-8"
        ))
    })?;
    let mut sample = Vec::new();
    while sample.len() < SAMPLE_ROWS && records.read(&mut row).map_err(failed)? {
        sample.push(row.clone());
    }
    Ok((header, sample))
}

/// Writes each batch durably, and moves the bar.
struct Database<'a> {
    db: &'a Db,
    progress: &'a ProgressBar,
}

impl Sink for Database<'_> {
    fn write(&mut self, batch: &mut Batch) -> timestrata::Result<()> {
        self.db.write_blocking(std::mem::take(batch)).map(drop)
    }

    fn progress(&self, totals: &Totals) {
        let refused = match totals.refused.count() {
            0 => String::new(),
            count => format!(", {} refused", figures::count(count)),
        };
        self.progress.set_message(format!("{} points{refused}", figures::count(totals.points)));
    }
}
