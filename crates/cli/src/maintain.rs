//! `timestrata compact` and `delete`: what changes the database without adding to it.

use std::io::Write;
use std::path::Path;

use timestrata::{Aggregate, Db, Select, SeriesInfo, Snapshot, Timestamp, Value};

use crate::args::Delete;
use crate::database;
use crate::failure::Result;
use crate::figures::{bytes, count};
use crate::output::Stdout;
use crate::progress::spinner;
use crate::series;
use crate::time;

/// Names shown of the series that a delete is about.
const SHOWN_SERIES: usize = 10;

/// Merges everything into the base.
pub(crate) fn compact(dir: &Path) -> Result<()> {
    let db = database::open(dir)?;
    let before = db.stats();
    let spinner = spinner("compacting");
    let compacted = db.compact_blocking();
    spinner.finish_and_clear();
    compacted?;
    let after = db.stats();
    let mut out = Stdout::lock().out;
    let (files, size) = (count(before.files), bytes(before.file_bytes));
    writeln!(out, "before  {files} files, {} points, {size}", count(before.file_points))?;
    let (files, size) = (count(after.files), bytes(after.file_bytes));
    writeln!(out, "after   {files} files, {} points, {size}", count(after.file_points))?;
    out.flush()?;
    Ok(db.close_blocking()?)
}

/// Shows what a delete would hide, and hides it if that was asked for.
pub(crate) fn delete(args: &Delete, dir: &Path) -> Result<()> {
    let db = database::open(dir)?;
    let snapshot = db.snapshot();
    let select: Select = args.selector.parse()?;
    let meant = snapshot.series(&select);
    if meant.is_empty() {
        return Err(series::none(&snapshot, &args.selector));
    }
    let points = points_of(&snapshot, &select, args)?;
    tell(args, &meant, points)?;
    if args.yes && points > 0 {
        carry_out(&db, select, args)?;
    }
    Ok(db.close_blocking()?)
}

fn points_of(snapshot: &Snapshot, select: &Select, args: &Delete) -> Result<u64> {
    let range = time::range(args.from, args.to);
    let windows = snapshot.query(select.clone()).range(range).aggregate(Aggregate::Count).run_blocking()?;
    let values = windows.series.iter().flat_map(timestrata::SeriesWindows::windows).map(|window| window.value);
    Ok(values.map(|value| if let Some(Value::U64(count)) = value { count } else { 0 }).sum())
}

fn tell(args: &Delete, meant: &[SeriesInfo], points: u64) -> Result<()> {
    let mut out = Stdout::lock().out;
    for series in meant.iter().take(SHOWN_SERIES) {
        writeln!(out, "  {series}")?;
    }
    if let Some(more @ 1..) = meant.len().checked_sub(SHOWN_SERIES) {
        writeln!(out, "  ... and {} more", count(more as u64))?;
    }
    let end = |at: Option<Timestamp>, open: &str| at.map_or_else(|| open.to_owned(), |at| at.to_string());
    let (from, to) = (end(args.from, "the beginning"), end(args.to, "the end"));
    let series = count(meant.len() as u64);
    writeln!(out, "{} points of {series} series, from {from} to {to}", count(points))?;
    if !args.yes && points > 0 {
        writeln!(out, "nothing is deleted yet: --yes does it")?;
    }
    out.flush()?;
    Ok(())
}

fn carry_out(db: &Db, select: Select, args: &Delete) -> Result<()> {
    db.delete_blocking(select, time::range(args.from, args.to))?;
    let mut out = Stdout::lock().out;
    writeln!(out, "deleted; `timestrata compact` gives their space back at once")?;
    out.flush()?;
    Ok(())
}
