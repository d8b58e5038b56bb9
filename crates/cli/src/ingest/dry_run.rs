//! `timestrata sniff`: prints what would be understood, and the first points; stores nothing.

use std::io::Write;
use std::time::Duration;

use timestrata_ingest::Rows;

use super::input::{IngestInput, ReadBytes};
use super::options::{ingest_options, not_understood, rendered};
use super::plan::{self, PlannedInput};
use crate::args::IngestArgs;
use crate::failure::Result;
use crate::output::StdoutWriter;

/// Points that are shown.
const SHOWN_POINTS: usize = 3;
/// Refused rows that are shown.
const SHOWN_REFUSED: usize = 3;

/// Prints what is understood of each file.
pub(crate) fn dry_run(args: &IngestArgs) -> Result<()> {
    let mut out = StdoutWriter::lock().out;
    for path in &args.files {
        let mut input = IngestInput::open(path)?;
        let options = ingest_options(args, &input.name)?;
        let planned = plan::plan(&mut input, &options, args.format.as_deref())?;
        print(&mut out, &mut input, planned)?;
    }
    out.flush()?;
    Ok(())
}

fn print(out: &mut impl Write, input: &mut IngestInput, planned: PlannedInput) -> Result<()> {
    let PlannedInput { mut decoder, mut head, mut is_ended } = planned;
    let mut rows = Rows::with_capacity(1_000);
    let mut at = 0;
    let failed = loop {
        match decoder.decode(&head[at..], is_ended, &mut rows) {
            Ok(used) => at += used,
            Err(error) => break Some(error),
        }
        if rows.is_full() || is_ended {
            break None;
        }
        let read = input.bytes.read(&mut head, Duration::from_millis(500)).map_err(|error| input.unreadable(&error))?;
        is_ended = matches!(read, ReadBytes::End);
        if matches!(read, ReadBytes::Late) && !rows.values().is_empty() {
            break None;
        }
    };
    input.progress.finish_and_clear();
    let understanding = decoder.understanding();
    writeln!(out, "{}", input.name)?;
    for (name, text) in &understanding.properties {
        writeln!(out, "  {name:<14}{text}")?;
    }
    for note in &understanding.notes {
        writeln!(out, "  note          {note}")?;
    }
    for point in 0..rows.values().len().min(SHOWN_POINTS) {
        let key = rows.series(rows.point_series()[point]).key();
        writeln!(out, "  point {}       {key} {} {}", point + 1, rows.timestamps()[point], rows.values()[point])?;
    }
    for refused in rows.refused().iter().take(SHOWN_REFUSED) {
        let help = rendered(&refused.suggestions);
        let help = if help.is_empty() { help } else { format!("; perhaps {help}") };
        writeln!(out, "  refused       line {}: {}{help}", refused.line, refused.reason)?;
    }
    match failed {
        Some(error) => Err(not_understood(&input.name, &error)),
        None => Ok(()),
    }
}
