//! `timestrata verify` and `timestrata inspect`: check and describe the files of a database.
//!
//! Both commands only read: they run no recovery and change no byte.

use std::io::Write;
use std::path::Path;

use timestrata::Error;

use crate::database;
use crate::failure::{Failure, Result};
use crate::number_format::{bytes, count};
use crate::output::StdoutWriter;

/// Reads all files and prints the findings.
pub(crate) fn verify(dir: &Path) -> Result<()> {
    let report = timestrata::verify(dir)?;
    let mut out = StdoutWriter::lock().out;
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
    Failure::Negative(format!(
        "{} is damaged in {places} ({read}): restore what is named above from a backup",
        dir.display()
    ))
}

/// Describes one file.
///
/// On a terminal, only the first rows of each table are printed unless `--all` is given.
pub(crate) fn inspect(file: &Path, all: bool) -> Result<()> {
    let inspection = timestrata::inspect(file).map_err(|error| match error {
        Error::UnknownFileType { .. } if std::fs::metadata(file).is_ok_and(|meta| meta.len() == 0) => {
            Failure::failed(format!("{} is empty; name a file that timestrata wrote", file.display()))
        }
        other => other.into(),
    })?;
    let StdoutWriter { mut out, terminal, .. } = StdoutWriter::lock();
    if terminal && !all {
        writeln!(out, "{}", inspection.to_string().trim_end())?;
    } else {
        writeln!(out, "{}", inspection.full().to_string().trim_end())?;
    }
    out.flush()?;
    if inspection.findings().is_empty() {
        return Ok(());
    }
    let file = file.display();
    Err(Failure::Negative(format!(
        "{file} is damaged as listed above: restore it from a backup; `timestrata verify` checks its database"
    )))
}
