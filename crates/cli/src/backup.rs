//! `timestrata backup`: the database once more, in a directory of its own.

use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use timestrata::BackupReport;

use crate::database;
use crate::failure::Result;
use crate::figures::{bytes, count};
use crate::output::Stdout;

pub(crate) fn run(to: &Path, dir: &Path) -> Result<()> {
    let began = Instant::now();
    let db = database::open(dir)?;
    let spinner = spinner();
    let made = db.backup_blocking(to);
    spinner.finish_and_clear();
    let BackupReport { files, linked, copied, bytes: size, points, series, seq, .. } = made?;
    db.close_blocking()?;
    let mut out = Stdout::lock().out;
    writeln!(out, "{} -> {}", dir.display(), to.display())?;
    writeln!(out, "points    {} of {} series, up to seq {}", count(points), count(series), count(seq))?;
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

/// How far it is nobody knows: files are linked in no time, or copied as fast as the disk goes. On stderr, and only if that
/// is a terminal.
fn spinner() -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} backing up, {elapsed}");
    let spinner = ProgressBar::new_spinner().with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    spinner.enable_steady_tick(Duration::from_millis(100));
    spinner
}
