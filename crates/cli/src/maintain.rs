//! `timestrata compact` and `timestrata delete`.

use std::io::Write;
use std::path::Path;

use timestrata::{Aggregate, Db, Selector, SeriesInfo, Snapshot, Timestamp, Value};

use crate::args::DeleteArgs;
use crate::database;
use crate::failure::Result;
use crate::number_format::{bytes, count};
use crate::output::StdoutWriter;
use crate::progress::spinner;
use crate::series;
use crate::time;

/// Maximum number of series names that a delete prints.
const MAX_LISTED_SERIES: usize = 10;

/// Compacts all files into the base.
pub(crate) fn compact(dir: &Path) -> Result<()> {
    let db = database::open(dir)?;
    let before = db.stats();
    let spinner = spinner("compacting");
    let compacted = db.compact_blocking();
    spinner.finish_and_clear();
    compacted?;
    let after = db.stats();
    let mut out = StdoutWriter::lock().out;
    let (files, size) = (count(before.files), bytes(before.file_bytes));
    writeln!(out, "before  {files} files, {} points, {size}", count(before.file_points))?;
    let (files, size) = (count(after.files), bytes(after.file_bytes));
    writeln!(out, "after   {files} files, {} points, {size}", count(after.file_points))?;
    out.flush()?;
    Ok(db.close_blocking()?)
}

/// Shows which points a delete would hide, and deletes them with `--yes`.
pub(crate) fn delete(args: &DeleteArgs, dir: &Path) -> Result<()> {
    let db = database::open(dir)?;
    let snapshot = db.snapshot();
    let select: Selector = args.selector.parse()?;
    let meant = snapshot.list_series(&select);
    if meant.is_empty() {
        return Err(series::no_match(&snapshot, &args.selector));
    }
    let points = points_of(&snapshot, &select, args)?;
    print_affected_series(args, &meant, points)?;
    if args.yes && points > 0 {
        delete_points(&db, select, args)?;
    }
    Ok(db.close_blocking()?)
}

fn points_of(snapshot: &Snapshot, select: &Selector, args: &DeleteArgs) -> Result<u64> {
    let range = time::time_bounds(args.from, args.to);
    let windows = snapshot.query(select.clone()).range(range).aggregate(Aggregate::Count).run_blocking()?;
    let values = windows.series.iter().flat_map(timestrata::SeriesWindows::windows).map(|window| window.value);
    Ok(values.map(|value| if let Some(Value::U64(count)) = value { count } else { 0 }).sum())
}

fn print_affected_series(args: &DeleteArgs, meant: &[SeriesInfo], points: u64) -> Result<()> {
    let mut out = StdoutWriter::lock().out;
    for series in meant.iter().take(MAX_LISTED_SERIES) {
        writeln!(out, "  {series}")?;
    }
    if let Some(more @ 1..) = meant.len().checked_sub(MAX_LISTED_SERIES) {
        writeln!(out, "  ... and {} more", count(more as u64))?;
    }
    let end = |at: Option<Timestamp>, open: &str| at.map_or_else(|| open.to_owned(), |at| at.to_string());
    let (from, to) = (end(args.from, "the beginning"), end(args.to, "the end"));
    let series = count(meant.len() as u64);
    writeln!(out, "{} points of {series} series, from {from} to {to}", count(points))?;
    if !args.yes && points > 0 {
        writeln!(out, "nothing is deleted yet: add --yes to delete")?;
    }
    out.flush()?;
    Ok(())
}

fn delete_points(db: &Db, select: Selector, args: &DeleteArgs) -> Result<()> {
    db.delete_blocking(select, time::time_bounds(args.from, args.to))?;
    let mut out = StdoutWriter::lock().out;
    writeln!(out, "deleted; `timestrata compact` frees the space now")?;
    out.flush()?;
    Ok(())
}
