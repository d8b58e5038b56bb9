//! Counts the instructions of the engine's hot paths by callgrind, and compares them with the limits in limits.txt.
//!
//! Times on a shared machine differ by half from run to run; counts differ by less than a hundredth.
//!
//! ```text
//! timestrata-instructions                  compares all paths with their limits; fails if one exceeds its limit
//! timestrata-instructions record           counts all paths and writes limits.txt
//! timestrata-instructions time [part]      times the paths whose name has the part, beside the sum of raw doubles
//! timestrata-instructions run <path>       runs a path once: what callgrind is given
//! ```
//!
//! `VALGRIND` names another valgrind than that of the search path.

mod callgrind;
mod database_paths;
mod limits;
mod paths;
mod timing;
#[path = "../../workload/mod.rs"]
mod workload;

use std::hint::black_box;
use std::process::ExitCode;

use limits::{Limit, Limits};
use paths::HOT_PATHS;
use timestrata::testing::hot_paths::HotPath;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let result = match args.as_slice() {
        [] => check(),
        ["record"] => record(),
        ["time"] => timing::print(HOT_PATHS, ""),
        ["time", part] => timing::print(HOT_PATHS, part),
        ["run", name] => run(name),
        _ => Err("usage: timestrata-instructions [record | time [part] | run <path>]".to_owned()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

/// Runs a path once before the measured run, so that its buffers have grown.
fn run(name: &str) -> Result<(), String> {
    let path = HOT_PATHS.iter().find(|path| path.name == name).ok_or_else(|| format!("no path is named {name}"))?;
    let mut hot_path = (path.prepare)();
    black_box(hot_path());
    black_box(measured_hot_path(&mut hot_path));
    Ok(())
}

/// The function whose instructions callgrind counts, with all that it calls.
#[inline(never)]
fn measured_hot_path(hot_path: &mut HotPath) -> u64 {
    black_box(hot_path())
}

fn check() -> Result<(), String> {
    let limits = Limits::committed()?;
    let (mut failures, mut lower) = (Vec::new(), Vec::new());
    println!("{:<28} {:>12} {:>12} {:>7} {:>12}", "hot path", "instructions", "limit", "ratio", "per point");
    for path in HOT_PATHS {
        let limit = limits.get(path.name).ok_or_else(|| format!("limits.txt has no limit of {}", path.name))?;
        let count = callgrind::least_count(path.name, |count| ratio(count, limit) <= 1.0 + limits::TOLERANCE)?;
        let ratio = ratio(count, limit);
        println!(
            "{:<28} {count:>12} {limit:>12} {ratio:>7.3} {:>12.2}",
            path.name,
            ratio_per_point(count, path.points)
        );
        if ratio > 1.0 + limits::TOLERANCE {
            failures.push(format!("{} takes {count} instructions; the limit is {limit}", path.name));
        } else if ratio < 1.0 - limits::TOLERANCE {
            lower.push(path.name);
        }
    }
    if !lower.is_empty() {
        println!("lower than the limit, which `record` would lower: {}", lower.join(", "));
    }
    if failures.is_empty() {
        return Ok(());
    }
    let compilers = limits.compiler_change(&limits::compiler()?);
    Err(format!("{}\n{compilers}If the change is meant, write new limits: see benches/README.md.", failures.join("\n")))
}

fn record() -> Result<(), String> {
    let limit = |path: &paths::NamedPath| {
        Ok(Limit { name: path.name.to_owned(), instructions: callgrind::least_count(path.name, |_| false)? })
    };
    let limits = HOT_PATHS.iter().map(limit).collect::<Result<_, String>>()?;
    Limits { compiler: limits::compiler()?, limits }.write()
}

#[expect(clippy::cast_precision_loss, reason = "a ratio needs few digits")]
fn ratio(count: u64, limit: u64) -> f64 {
    count as f64 / limit.max(1) as f64
}

fn ratio_per_point(count: u64, points: usize) -> f64 {
    ratio(count, points as u64)
}
