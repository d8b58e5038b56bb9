//! `timestrata verify` and `timestrata inspect`: a database's files as they are.
//! Both read only: no recovery, no byte changed.

use std::io::Write;
use std::path::Path;

use crate::database;
use crate::failure::{Failure, Result};
use crate::figures::{bytes, count};
use crate::output::Stdout;

/// Reads everything and names what is damaged.
pub(crate) fn verify(dir: &Path) -> Result<()> {
    let report = timestrata::verify(dir)?;
    let mut out = Stdout::lock().out;
    for finding in &report.findings {
        writeln!(out, "{finding}")?;
    }
    let read = format!("{} files, {}, {} points read", count(report.files), bytes(report.bytes), count(report.points));
    if report.findings.is_empty() {
        writeln!(out, "{}: {read}; every checksum and invariant holds", dir.display())?;
    }
    out.flush()?;
    for note in &report.notes {
        database::note(note);
    }
    match report.findings.len() as u64 {
        0 => Ok(()),
        1 => Err(damaged(dir, "1 place", &read)),
        damages => Err(damaged(dir, &format!("{} places", count(damages)), &read)),
    }
}

fn damaged(dir: &Path, places: &str, read: &str) -> Failure {
    Failure::No(format!("{} is damaged in {places} ({read}): restore what is named above from a backup", dir.display()))
}

/// Tells what one file holds: on a terminal the first rows of its tables unless all are asked for, elsewhere all.
pub(crate) fn inspect(file: &Path, all: bool) -> Result<()> {
    let inspection = timestrata::inspect(file)?;
    let Stdout { mut out, terminal, .. } = Stdout::lock();
    if terminal && !all {
        writeln!(out, "{}", inspection.to_string().trim_end())?;
    } else {
        writeln!(out, "{}", inspection.whole().to_string().trim_end())?;
    }
    out.flush()?;
    if inspection.findings().is_empty() {
        return Ok(());
    }
    let file = file.display();
    Err(Failure::No(format!("{file} is damaged as told above: restore it from a backup, verify tells of its database")))
}
