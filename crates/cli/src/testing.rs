//! Fuzz entry point of the decoders as `ingest` uses them; not part of the public API.
//!
//! A file of arbitrary bytes is refused, or every row becomes points or a refusal. The pieces in which the bytes come
//! change nothing.

use std::sync::LazyLock;

use clap::Parser;
use timestrata_ingest::testing::decode_pieces;
use timestrata_ingest::{Csv, Decoder, Format, IngestError, IngestOptions};

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

/// Points of a batch.
const BATCH_POINTS: usize = 64;

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
    let Ok(mut decoder) = planned(file, options, file.len().max(1)) else { return };
    let whole = decode_pieces(&mut *decoder, file, file.len().max(1), BATCH_POINTS);
    let step = usize::from(*step).max(1);
    let Ok(mut decoder) = planned(file, options, step) else { panic!("a file in pieces is not understood") };
    let pieces = decode_pieces(&mut *decoder, file, step, BATCH_POINTS);
    assert_eq!(whole, pieces, "pieces of {step} bytes change the result");
}

fn planned(file: &[u8], options: &IngestOptions, step: usize) -> Result<Box<dyn Decoder>, IngestError> {
    let mut planner = Csv.planner(options)?;
    for piece in file.chunks(step) {
        planner.push(piece);
    }
    planner.finish(true)
}
