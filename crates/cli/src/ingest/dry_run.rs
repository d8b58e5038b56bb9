//! `timestrata sniff`: prints what would be understood, and the first points; stores nothing.

use std::io::Write;
use std::time::Duration;

use timestrata_ingest::{RefusedRow, Rows, SeriesClocks};

use super::input::{IngestInput, ReadBytes};
use super::options::{ingest_options, not_understood, rendered};
use super::plan::{self, PlannedInput};
use super::series_types::SeriesTypes;
use super::takes_types;
use crate::args::IngestArgs;
use crate::failure::{Failure, Result};
use crate::output::StdoutWriter;

/// Points that are shown.
const SHOWN_POINTS: usize = 3;
/// Refused rows that are shown.
const SHOWN_REFUSED: usize = 3;

/// Prints what is understood of each file.
pub(crate) fn dry_run(args: &IngestArgs) -> Result<()> {
    let mut out = StdoutWriter::lock().out;
    let series_clocks = SeriesClocks::default();
    for path in &args.files {
        let mut input = IngestInput::open(path)?;
        let mut options = ingest_options(args, &input.name)?;
        options.series_clocks = Some(series_clocks.clone());
        let planned = plan::plan(&mut input, &options, args)?;
        print(&mut out, &mut input, planned, args.skip_bad)?;
    }
    out.flush()?;
    Ok(())
}

/// Prints what is understood of one input. A refused row fails as the ingest would, unless such rows are skipped.
fn print(out: &mut impl Write, input: &mut IngestInput, planned: PlannedInput, skip_bad: bool) -> Result<()> {
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
    for notice in decoder.notices() {
        writeln!(out, "  note          {notice}")?;
    }
    let mut types = SeriesTypes::new(None, takes_types(understanding));
    let conflicts = types.conflicts(&rows, 0..rows.row_ends().len(), true);
    let is_kept = |point: &usize| {
        let row = rows.row_ends().partition_point(|end| end.points <= *point);
        !conflicts.iter().any(|(of, _)| *of == row)
    };
    for (nth, point) in (0..rows.values().len()).filter(is_kept).take(SHOWN_POINTS).enumerate() {
        let key = rows.series(rows.point_series()[point]).key();
        writeln!(out, "  point {}       {key} {} {}", nth + 1, rows.timestamps()[point], rows.values()[point])?;
    }
    let mut refused: Vec<&RefusedRow> = rows.refused().iter().chain(conflicts.iter().map(|(_, row)| row)).collect();
    refused.sort_by_key(|row| row.line);
    let text_of = |row: &RefusedRow| {
        let help = rendered(&row.suggestions);
        let help = if help.is_empty() { help } else { format!("; perhaps {help}") };
        format!("line {}: {}{help}", row.line, row.reason)
    };
    for row in refused.iter().take(SHOWN_REFUSED) {
        writeln!(out, "  refused       {}", text_of(row))?;
    }
    let first = refused.first().map(|row| text_of(row));
    match (failed, first) {
        (Some(error), _) => Err(not_understood(&input.name, &error)),
        (None, Some(first)) if !skip_bad => {
            out.flush()?;
            Err(Failure::failed(format!(
                "{} {first}; ingest stops there, unless --skip-bad skips such rows",
                input.name
            )))
        }
        (None, Some(first)) if is_ended && conflicts.len() == rows.row_ends().len() => {
            out.flush()?;
            Err(Failure::Negative(format!("every row was refused; the first is {} {first}", input.name)))
        }
        _ => Ok(()),
    }
}
