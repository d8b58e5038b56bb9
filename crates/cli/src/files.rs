//! `timestrata verify` and `timestrata inspect`: a database's files as they are.
//! Both read only: no recovery, no byte changed.

use std::io::Write;
use std::path::Path;

use crate::failure::{Failure, Result};
use crate::figures::{bytes, count};
use crate::output::Stdout;

/// Reads everything and names what is damaged.
pub(crate) fn verify(dir: &Path) -> Result<()> {
    let report = timestrata::verify(dir)?;
    let mut out = Stdout::lock().out;
    for finding in &report.findings {
        writeln!(out, "{} at byte {}: {}", finding.file.display(), finding.offset, finding.what)?;
    }
    let (files, points) = (count(report.files), count(report.points));
    let read = format!("{files} files, {}, {points} points read", bytes(report.bytes));
    if report.findings.is_empty() {
        writeln!(out, "{}: {read}; every checksum and invariant holds", dir.display())?;
    }
    out.flush()?;
    if report.findings.is_empty() {
        return Ok(());
    }
    let damages = count(report.findings.len() as u64);
    Err(Failure::No(format!(
        "{} is damaged in {damages} places ({read}): restore these files from a backup",
        dir.display()
    )))
}

/// Tells what one file holds.
pub(crate) fn inspect(file: &Path) -> Result<()> {
    let inspection = timestrata::inspect(file)?;
    let mut out = Stdout::lock().out;
    writeln!(out, "{inspection}")?;
    out.flush()?;
    Ok(())
}
