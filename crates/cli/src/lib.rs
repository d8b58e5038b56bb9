//! `timestrata`: the database from the command line, with nothing but the engine's public API.
//! Answers go to stdout, notes and one line of error to stderr; exit codes are those of `--help`.
//! A library for its own fuzz target's sake alone: the program is all that anyone should use.

#![forbid(unsafe_code)]

mod args;
mod backup;
mod chart;
mod database;
mod demo;
mod explain;
mod failure;
mod figures;
mod files;
mod ingest;
mod maintain;
mod names;
mod output;
mod progress;
mod query;
mod series;
mod stats;
mod table;
#[cfg(feature = "testing")]
#[doc(hidden)]
pub mod testing;
mod time;
mod windows;

use std::io::Write;
use std::process::ExitCode;

use clap::parser::ValueSource;
use clap::{CommandFactory, FromArgMatches};

use args::{Args, Command};
use failure::{Failure, Result};

/// The program: its arguments come from the command line, and its exit code is returned.
#[must_use]
pub fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !matches!(failure, Failure::PipeClosed) {
                // A regular expression's error draws where it is wrong, on lines of its own; here an error is one line.
                let message = failure.to_string().lines().map(str::trim).collect::<Vec<_>>().join(" ");
                // Nobody is left to tell if stderr is closed too; the exit code still speaks.
                let _ = writeln!(std::io::stderr(), "timestrata: {message}");
            }
            failure.exit_code()
        }
    }
}

fn run() -> Result<()> {
    let matches = Args::command().try_get_matches().map_err(|error| usage(&error))?;
    let db_is_named = matches.value_source("db") == Some(ValueSource::CommandLine);
    let Args { db, command } = Args::from_arg_matches(&matches).map_err(|error| usage(&error))?;
    let dir = || database::dir(db.clone());
    match command {
        Command::Demo => demo::run(db.clone().filter(|_| db_is_named)),
        Command::Ingest(args) => ingest::run(&args, &dir()?),
        Command::Query(args) => query::run(&args, &dir()?),
        Command::Series(args) => series::run(&args, &dir()?),
        Command::Stats => stats::run(&dir()?),
        Command::Compact => maintain::compact(&dir()?),
        Command::Delete(args) => maintain::delete(&args, &dir()?),
        Command::Backup { to } => backup::run(&to, &dir()?),
        Command::Inspect { file, all } => files::inspect(&file, all),
        Command::Verify => files::verify(&dir()?),
        Command::Completions { shell } => completions(shell),
    }
}

/// Help and version are printed as they are; what is wrong with the command line becomes one line as any error.
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
    Failure::error(format!("{}; --help says more", text.strip_prefix("error: ").unwrap_or(&text)))
}

fn completions(shell: clap_complete::Shell) -> Result<()> {
    // Into memory first: clap_complete panics when its writer fails, as on a closed pipe.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "timestrata", &mut script);
    std::io::stdout().write_all(&script)?;
    Ok(())
}
