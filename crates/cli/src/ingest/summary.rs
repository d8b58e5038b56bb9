//! Summary that an ingest prints at its end.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use super::loader::IngestTotals;
use crate::failure::Result;
use crate::number_format::{self, bytes, count};

/// Summary of one input.
pub(crate) struct InputSummary {
    pub(crate) name: String,
    pub(crate) totals: IngestTotals,
    pub(crate) new_series: u64,
    pub(crate) took: Duration,
    pub(crate) bytes_read: u64,
}

/// Prints a summary per input, then one of all if there are several.
pub(crate) fn print(
    out: &mut impl Write,
    inputs: &[InputSummary],
    dir: &Path,
    after: Option<&timestrata::Stats>,
) -> Result<()> {
    for input in inputs {
        writeln!(out, "{} -> {}", input.name, dir.display())?;
        let totals = &input.totals;
        writeln!(out, "rows      {}, {} refused", count(totals.rows), count(totals.rejected.count()))?;
        totals.rejected.print(out)?;
        writeln!(out, "points    {}, {} new series", count(totals.points), count(input.new_series))?;
        if let Some((first, last)) = totals.times {
            writeln!(out, "times     {first} to {last}")?;
        }
        print_rate(out, totals.points, input.took)?;
        if inputs.len() == 1 {
            print_database(out, input.bytes_read, after)?;
        }
    }
    if inputs.len() > 1 {
        let sum = |of: fn(&InputSummary) -> u64| inputs.iter().map(of).sum::<u64>();
        writeln!(out, "{} files -> {}", inputs.len(), dir.display())?;
        let (rows, refused) = (sum(|input| input.totals.rows), sum(|input| input.totals.rejected.count()));
        writeln!(out, "rows      {}, {} refused", count(rows), count(refused))?;
        let points = sum(|input| input.totals.points);
        writeln!(out, "points    {}, {} new series", count(points), count(sum(|input| input.new_series)))?;
        print_rate(out, points, inputs.iter().map(|input| input.took).sum())?;
        print_database(out, sum(|input| input.bytes_read), after)?;
    }
    Ok(())
}

fn print_rate(out: &mut impl Write, points: u64, took: Duration) -> Result<()> {
    let rate = number_format::per_second(points, took);
    writeln!(out, "took      {:.2} s, {} points/s, durable", took.as_secs_f64(), count(rate))?;
    Ok(())
}

fn print_database(out: &mut impl Write, bytes_read: u64, after: Option<&timestrata::Stats>) -> Result<()> {
    let Some(after) = after else {
        writeln!(out, "bytes     {} read; no point was stored", bytes(bytes_read))?;
        return Ok(());
    };
    let size = number_format::ratio(after.file_bytes, after.file_points);
    writeln!(
        out,
        "bytes     {} read; the database holds {} points in {} ({size} bytes/point)",
        bytes(bytes_read),
        count(after.points),
        bytes(after.file_bytes)
    )?;
    Ok(())
}
