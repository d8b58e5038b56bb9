//! `timestrata stats`: prints counts and sizes by level.

use std::io::Write;
use std::path::Path;

use timestrata::DiskUsage;

use crate::database;
use crate::failure::Result;
use crate::number_format::{bytes, count, ratio};
use crate::output::StdoutWriter;

pub(crate) fn run(dir: &Path) -> Result<()> {
    let db = database::read(dir)?;
    let stats = db.stats();
    let metrics = db.snapshot().metrics();
    let mut out = StdoutWriter::lock().out;
    writeln!(out, "database  {}", dir.display())?;
    let (metric_count, key_memory) = (count(metrics.len() as u64), bytes(stats.series_bytes));
    let empty = match stats.empty_series {
        0 => String::new(),
        empty => format!("; {} more without a point", count(empty)),
    };
    writeln!(out, "series    {} of {metric_count} metrics{empty}, about {key_memory} in memory", count(stats.series))?;
    writeln!(out, "points    {}", count(stats.points))?;
    let size = ratio(stats.file_bytes, stats.file_points);
    let (files, points) = (count(stats.files), count(stats.file_points));
    writeln!(out, "files     {files} with {points} points in {} ({size} bytes/point)", bytes(stats.file_bytes))?;
    for level in &stats.levels {
        let (files, points, size) = (count(level.files), count(level.points), bytes(level.bytes));
        let block = ratio(level.points, level.blocks);
        let name = match level.level {
            0 => "flushed".to_owned(),
            7 => "base".to_owned(),
            tier => format!("tier {tier}"),
        };
        writeln!(out, "  {name:<8}{files} with {points} points in {size} ({block} points/block)")?;
    }
    if stats.tombstones > 0 {
        writeln!(out, "deletes   {} not yet applied to the files", count(stats.tombstones))?;
    }
    if let Some(cutoff) = stats.retention_cutoff {
        writeln!(out, "hidden    everything before {cutoff}, by retention")?;
    }
    if let Some(pending) = stats.pending_retention {
        let hours = pending.grace_left.as_secs().div_ceil(3600);
        let what =
            pending.cutoff.map_or_else(|| "some series".to_owned(), |cutoff| format!("everything before {cutoff}"));
        writeln!(out, "waiting   retention would hide {what}, more than elapsed time explains; {hours} h are left")?;
    }
    let memory = count(stats.active_points + stats.frozen_points);
    writeln!(out, "memory    {memory} points in {}, not in files yet", bytes(stats.active_bytes + stats.frozen_bytes))?;
    if stats.pinned_memtables > 0 {
        let (memtables, held) = (count(stats.pinned_memtables), stats.pinned_memtables_age.as_secs());
        writeln!(
            out,
            "held      {memtables} memtables, {} for {held} s, by snapshots",
            bytes(stats.pinned_memtable_bytes)
        )?;
    }
    if stats.pinned_files > 0 {
        let (files, held) = (count(stats.pinned_files), stats.pinned_files_age.as_secs());
        writeln!(out, "held      {files} files, {} for {held} s, by snapshots", bytes(stats.pinned_file_bytes))?;
    }
    writeln!(out, "seq       {}, of which {} in files", count(stats.seq), count(stats.flushed_seq))?;
    writeln!(out, "policy    {} of several points at one time", db.duplicates())?;
    if let Some(read_only) = &stats.read_only {
        writeln!(out, "read-only since {}: {}", read_only.since, read_only.cause)?;
    }
    print_disk_usage(&mut out, &timestrata::disk_usage(dir)?)?;
    out.flush()?;
    Ok(())
}

/// Prints one line for each kind of file that exists: every file of the directory is in exactly one of them.
fn print_disk_usage(out: &mut impl Write, usage: &DiskUsage) -> Result<()> {
    let total = usage.total();
    writeln!(out, "disk      {} bytes in {} files", count(total.bytes), count(total.files))?;
    let lines = [
        ("points", usage.ssts),
        ("log", usage.wal_segments),
        ("spares", usage.spare_wal_segments),
        ("reserves", usage.reserves),
        ("metadata", usage.metadata),
        ("obsolete", usage.temporaries),
        ("torn", usage.torn_tail_copies),
        ("other", usage.other),
    ];
    for (name, part) in lines.into_iter().filter(|(_, part)| part.files > 0) {
        writeln!(out, "  {name:<9}{} bytes in {} files", count(part.bytes), count(part.files))?;
    }
    if usage.directories > 0 {
        writeln!(out, "  and {} directories, whose content is not counted", count(usage.directories))?;
    }
    Ok(())
}
