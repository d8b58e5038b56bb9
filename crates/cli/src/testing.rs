//! Fuzz entry point of the decoders as `ingest` uses them; not part of the public API.
//!
//! A file of arbitrary bytes is refused, or every row becomes points or a refusal. The pieces in which the bytes come
//! change nothing.

use std::sync::LazyLock;

use clap::Parser;
use timestrata::Value;
use timestrata_ingest::{Csv, Decoder, Format, IngestError, IngestOptions, Rows};

use crate::args::{Args, Command};
use crate::ingest::ingest_options;

/// Command lines, selected by the first byte; the column names are those of the corpus files.
const OPTIONS: [&[&str]; 12] = [
    &[],
    &["--skip-bad"],
    &["--skip-bad", "--time", "time_hour", "--tags", "origin"],
    &["--time", "date", "--types", "volume=u64"],
    &["--time", "t", "--time-format", "ms", "--skip-bad", "--prefix", "node_"],
    &["--time", "t", "--time-format", "s", "--delimiter", ";", "--skip-bad"],
    &["--time", "t", "--time-format", "ns", "--types", "v=bool", "--values", "v", "--skip-bad", "--missing", "NA,-"],
    &["--time", "t", "--time-format", "us", "--types", "v=i64", "--tags", "host,zone=z", "--delimiter", "\\t"],
    &["--time-zone", "America/New_York", "--comment", "#", "--decimal", ",", "--thousands", "."],
    &["--no-header", "--columns", "time,v", "--delimiter", "spaces", "--units"],
    &["--time", "date,hour", "--time-format", "auto", "--skip-bad", "--encoding", "latin1"],
    &["--metric", "name", "--value", "value", "--time", "t", "--origin", "2024-01-01T00:00:00Z", "--skip-bad"],
];

/// Parsed options. They are parsed once, because parsing takes longer than reading a small file.
static COMMANDS: LazyLock<Vec<IngestOptions>> =
    LazyLock::new(|| OPTIONS.iter().map(|options| parsed(options)).collect());

fn parsed(options: &[&str]) -> IngestOptions {
    let line = ["timestrata", "ingest", "-"].into_iter().chain(options.iter().copied());
    match Args::try_parse_from(line).map(|args| args.command) {
        Ok(Command::Ingest(args)) => match ingest_options(&args, "a file") {
            Ok(options) => options,
            Err(failure) => panic!("the options of OPTIONS are valid: {failure}"),
        },
        other => panic!("the options of OPTIONS are known: {:?}", other.map(drop)),
    }
}

/// Checks the ingest of a CSV file that follows two bytes of input.
///
/// The first byte selects the options, the second byte the length of the pieces in which the file comes.
///
/// # Panics
/// If a decoder breaks its contract.
pub fn csv(data: &[u8]) {
    let [choice, step, file @ ..] = data else { return };
    let options = &COMMANDS[usize::from(*choice) % OPTIONS.len()];
    let Ok(decoder) = planned(file, options, file.len().max(1)) else { return };
    let whole = decoded(decoder, file, file.len().max(1));
    let step = usize::from(*step).max(1);
    let Ok(decoder) = planned(file, options, step) else { panic!("a file in pieces is not understood") };
    let pieces = decoded(decoder, file, step);
    assert_eq!(whole, pieces, "pieces of {step} bytes change the result");
}

/// Result of a decoder.
#[derive(Debug, PartialEq)]
struct Decoded {
    /// Series, nanoseconds, type and bits of each point.
    points: Vec<(String, i64, String)>,
    lines: Vec<u64>,
    refused: Vec<(u64, String)>,
    error: Option<IngestError>,
}

fn planned(file: &[u8], options: &IngestOptions, step: usize) -> Result<Box<dyn Decoder>, IngestError> {
    let mut planner = Csv.planner(options)?;
    for piece in file.chunks(step) {
        planner.push(piece);
    }
    planner.finish(true)
}

fn decoded(mut decoder: Box<dyn Decoder>, file: &[u8], step: usize) -> Decoded {
    let mut rows = Rows::with_capacity(64);
    let mut found = Decoded { points: Vec::new(), lines: Vec::new(), refused: Vec::new(), error: None };
    let (mut start, mut end) = (0, 0);
    loop {
        let last = end == file.len();
        let used = decoder.decode(&file[start..end], last, &mut rows);
        let is_full = rows.is_full();
        let points = rows.row_ends().last().map_or(0, |row| row.points);
        for point in 0..points {
            let value = match rows.values()[point] {
                Value::F64(number) => format!("{:x}", number.to_bits()),
                other => format!("{other:?}"),
            };
            let key = rows.series(rows.point_series()[point]).key().to_string();
            found.points.push((key, rows.timestamps()[point].as_nanos(), value));
        }
        found.lines.extend(rows.row_ends().iter().map(|row| row.line));
        found.refused.extend(rows.refused().iter().map(|row| (row.line, row.reason.clone())));
        rows.clear();
        match used {
            Ok(used) => start += used,
            Err(error) => {
                found.error = Some(error);
                break;
            }
        }
        if last && !is_full {
            assert_eq!(start, file.len(), "bytes are left over");
            break;
        }
        if !is_full {
            end = (end + step).min(file.len());
        }
    }
    assert!(found.lines.is_sorted(), "lines fall");
    found
}
