//! `timestrata`: the database from the command line, with nothing but the engine's public API.
//! Answers go to stdout, notes and one line of error to stderr; exit codes are those of `--help`.

#![forbid(unsafe_code)]

mod args;
mod failure;
mod figures;
mod ingest;
mod names;
mod output;
mod table;
mod time;

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::SUCCESS
}
