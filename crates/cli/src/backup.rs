//! `timestrata backup`: creates an independent copy of a database.

use std::io::Write;
use std::path::Path;
use std::time::Instant;

use timestrata::BackupReport;

use crate::database;
use crate::failure::Result;
use crate::number_format::{bytes, count};
use crate::output::StdoutWriter;
use crate::progress::spinner;

pub(crate) fn run(to: &Path, dir: &Path) -> Result<()> {
    let began = Instant::now();
    let db = database::open(dir)?;
    let spinner = spinner("backing up");
    let made = db.backup_blocking(to);
    spinner.finish_and_clear();
    let BackupReport { files, linked, copied, bytes: size, points, series, seq, .. } = made?;
    db.close_blocking()?;
    let mut out = StdoutWriter::lock().out;
    writeln!(out, "{} -> {}", dir.display(), to.display())?;
    writeln!(out, "points    {} in files, of {} series, up to seq {}", count(points), count(series), count(seq))?;
    writeln!(
        out,
        "files     {} with {}: {} linked, {} copied",
        count(files),
        bytes(size),
        count(linked),
        count(copied)
    )?;
    writeln!(out, "took      {:.2} s, durable", began.elapsed().as_secs_f64())?;
    out.flush()?;
    Ok(())
}
