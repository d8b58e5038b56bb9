//! `timestrata`: the command-line tool, built on the engine's public API.
//! Results go to stdout, notes and a one-line error to stderr; `--help` documents the exit codes.
//! The program calls [`main`]. The code is a library so that the fuzz target can use it, too; it has no other users.

#![forbid(unsafe_code)]

mod aligned_table;
mod args;
mod backup;
mod chart;
mod completion;
mod database;
mod demo;
mod describe;
mod explain;
mod export;
mod failure;
mod ingest;
mod maintain;
mod names;
mod number_format;
mod output;
mod progress;
mod promql;
mod query;
mod series;
mod serve;
mod stats;
#[cfg(feature = "testing")]
#[doc(hidden)]
pub mod testing;
mod time;
mod verify_inspect;
mod window_args;

use std::io::Write;
use std::process::ExitCode;

use clap::parser::ValueSource;
use clap::{CommandFactory, FromArgMatches};

use args::{Args, Command};
use failure::{Failure, Result};

/// Runs the program with the arguments of the command line and returns its exit code.
#[must_use]
pub fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !matches!(failure, Failure::PipeClosed) {
                // The error of a regular expression has several lines, but an error of the tool is one line.
                let message = failure.to_string().lines().map(str::trim).collect::<Vec<_>>().join(" ");
                // If stderr is closed, too, only the exit code reports the failure.
                let _ = writeln!(std::io::stderr(), "timestrata: {message}");
            }
            failure.exit_code()
        }
    }
}

fn run() -> Result<()> {
    if completion::answer()? {
        return Ok(());
    }
    let matches = Args::command().try_get_matches().map_err(|error| usage(&error))?;
    let db_is_named = matches.value_source("db") == Some(ValueSource::CommandLine);
    let Args { db, command } = Args::from_arg_matches(&matches).map_err(|error| usage(&error))?;
    let dir = || database::dir(db.clone());
    match command {
        Command::Demo => demo::run(db.clone().filter(|_| db_is_named)),
        Command::Ingest(args) if args.dry_run => ingest::dry_run(&args),
        Command::Ingest(args) => ingest::run(&args, &dir()?),
        Command::Sniff(args) => ingest::dry_run(&args),
        Command::Export(args) => export::run(&args, &dir()?),
        Command::Query(args) => query::run(&args, &dir()?),
        Command::Promql(args) => promql::run(&args, dir),
        Command::Series(args) => series::run(&args, &dir()?),
        Command::Stats => stats::run(&dir()?),
        Command::Compact => maintain::compact(&dir()?),
        Command::Delete(args) => maintain::delete(&args, &dir()?),
        Command::Describe(args) => describe::run(&args, &dir()?),
        Command::Backup { to } => backup::run(&to, &dir()?),
        Command::Inspect { file, all } => verify_inspect::inspect(&file, all),
        Command::Serve(_) if db_is_named => Err(Failure::failed(
            "serve takes --data DIR, a directory with one directory for each database, and no --db",
        )),
        Command::Serve(args) => serve::run(*args),
        Command::Token(args) => serve::token(&args),
        Command::Verify => verify_inspect::verify(&dir()?),
        Command::Completions { shell, names } => completion::print_script(shell, names),
    }
}

/// Prints help and version as they are; an error of the command line becomes one line.
fn usage(error: &clap::Error) -> Failure {
    use clap::error::ErrorKind;
    if !error.use_stderr() || error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        error.exit();
    }
    let text = error.render().to_string();
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let lines: Vec<&str> =
        lines.take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more")).collect();
    let text = lines.join(" ");
    Failure::failed(format!("{}; see --help", text.strip_prefix("error: ").unwrap_or(&text)))
}
