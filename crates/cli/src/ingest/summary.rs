//! Summary that an ingest prints at its end.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use super::loader::IngestTotals;
use crate::failure::Result;
use crate::number_format::{self, bytes, count};

/// Names, duration and resulting database size of an ingest; the counts are in [`IngestTotals`].
pub(crate) struct IngestRun<'a> {
    pub(crate) file: &'a str,
    pub(crate) dir: &'a Path,
    pub(crate) new_series: u64,
    pub(crate) took: Duration,
    pub(crate) bytes_read: u64,
    /// Statistics of the database after the ingest.
    pub(crate) after: timestrata::Stats,
}

pub(crate) fn print(out: &mut impl Write, totals: &IngestTotals, run: &IngestRun<'_>) -> Result<()> {
    writeln!(out, "{} -> {}", run.file, run.dir.display())?;
    writeln!(out, "rows      {}, {} refused", count(totals.rows), count(totals.rejected.count()))?;
    totals.rejected.print(out)?;
    writeln!(out, "points    {}, {} new series", count(totals.points), count(run.new_series))?;
    if let Some((first, last)) = totals.times {
        writeln!(out, "times     {first} to {last}")?;
    }
    let rate = number_format::per_second(totals.points, run.took);
    writeln!(out, "took      {:.2} s, {} points/s, durable", run.took.as_secs_f64(), count(rate))?;
    let after = &run.after;
    let size = number_format::ratio(after.file_bytes, after.file_points);
    writeln!(
        out,
        "bytes     {} read; the database holds {} points in {} ({size} bytes/point)",
        bytes(run.bytes_read),
        count(after.points),
        bytes(after.file_bytes)
    )?;
    Ok(())
}
