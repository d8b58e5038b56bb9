//! Runs one workload through timestrata and other embedded databases, and writes one table: docs/benchmarks.md.
//!
//! ```text
//! cargo run --release --manifest-path benches/peers/Cargo.toml -- --help
//! ```
//!
//! The program calls itself for each step of each engine, so that the peak of memory is that of one engine's step. A step
//! is described by a `Task`, a file of JSON; the report is a line of JSON.

mod child;
mod engine;
mod machine;
mod measure;
mod options;
mod page;
mod rounds;
mod table;
mod task;
mod total;
mod workload;

use std::process::ExitCode;

use engine::Result;
use options::{HELP, Options};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.as_slice() {
        [child, task] if child == rounds::CHILD => run_task(task),
        _ => run(arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// What a child process does.
fn run_task(path: &str) -> Result<()> {
    let task = serde_json::from_slice(&std::fs::read(path)?)?;
    println!("{}", serde_json::to_string(&measure::run(&task))?);
    Ok(())
}

fn run(arguments: Vec<String>) -> Result<()> {
    let Some(options) = Options::parse(arguments)? else {
        println!("{HELP}");
        return Ok(());
    };
    let text = page::section(&rounds::run(&options)?, &options);
    if let Some(path) = &options.out {
        return page::write(path, &text);
    }
    println!("{text}");
    Ok(())
}
