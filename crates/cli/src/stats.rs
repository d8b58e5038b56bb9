//! `timestrata stats`: how much there is, and where.

use std::io::Write;
use std::path::Path;

use timestrata::Select;

use crate::database;
use crate::failure::Result;
use crate::figures::{bytes, count, ratio};
use crate::output::Stdout;

pub(crate) fn run(dir: &Path) -> Result<()> {
    let db = database::open(dir)?;
    let stats = db.stats();
    let series = db.snapshot().series(&Select::all());
    let mut metrics: Vec<&str> = series.iter().map(|info| info.key.metric()).collect();
    metrics.dedup();
    let mut out = Stdout::lock().out;
    writeln!(out, "database  {}", dir.display())?;
    writeln!(out, "series    {} of {} metrics", count(stats.series), count(metrics.len() as u64))?;
    writeln!(out, "points    {}", count(stats.points))?;
    let size = ratio(stats.file_bytes, stats.file_points);
    let (files, points) = (count(stats.files), count(stats.file_points));
    writeln!(out, "files     {files} with {points} points in {} ({size} bytes/point)", bytes(stats.file_bytes))?;
    let memory = count(stats.active_points + stats.frozen_points);
    writeln!(out, "memory    {memory} points in {}, not in files yet", bytes(stats.active_bytes + stats.frozen_bytes))?;
    writeln!(out, "log       {}", bytes(stats.wal_bytes))?;
    writeln!(out, "seq       {}, of which {} in files", count(stats.seq), count(stats.flushed_seq))?;
    writeln!(out, "same time {} of several points", db.duplicates())?;
    out.flush()?;
    Ok(())
}
