//! Test support for this crate's own tests and fuzz targets, behind the feature `testing`.
//!
//! The API has no stability guarantee. The engine is the real one; only its environment is replaced.

pub(crate) mod codec;
pub mod columns;
mod executor;
#[cfg(test)]
pub(crate) mod faulty_env;
pub(crate) mod fuzzing;
pub mod hot_paths;
pub mod levels;
mod log_replay;
#[cfg(test)]
pub(crate) mod merge;
mod operators;
pub(crate) mod sim;
pub(crate) mod sst;

use std::path::Path;

pub use executor::{Executor, TaskHandle};
pub use fuzzing::*;
pub use log_replay::LogReplay;
pub use operators::{all_aggregates, all_fills, all_projections, all_window_functions};

use crate::platform::env::Dir;
pub use crate::platform::env::SyncStep;
pub use crate::testing::sim::{
    CallKind, CrashChoice, CrashImages, DiskImage, DiskOp, DiskState, Fault, FaultRates, FaultTrigger, FileBytes,
    Inode, SeededRng, SimDisk,
};
use crate::{Result, SeriesKey, Snapshot, VerifyReport};

/// Returns the retention cutoff that applies to a series key in a snapshot. The series need not exist.
#[must_use]
pub fn cutoff(snapshot: &Snapshot, series: &SeriesKey) -> Option<i64> {
    snapshot.cutoff(series)
}

/// Returns the quotient of an integer sum and a count, rounded once to the nearest double.
///
/// The definition that tests compare the engine with: a long division to 60 decimals, and the parser of the standard
/// library, which rounds correctly.
///
/// # Panics
/// If `count` is 0.
#[must_use]
pub fn exact_mean(sum: i128, count: u64) -> f64 {
    let (magnitude, count) = (sum.unsigned_abs(), u128::from(count));
    let sign = if sum < 0 { "-" } else { "" };
    let mut rest = magnitude % count;
    let mut text = format!("{sign}{}.", magnitude / count);
    for _ in 0..60 {
        text.push_str(&(rest * 10 / count).to_string());
        rest = rest * 10 % count;
    }
    // A rest behind the last decimal only decides between two equally near doubles.
    if rest > 0 {
        text.push('1');
    }
    text.parse().expect("the text is a decimal number")
}

/// [`verify`](crate::verify()) on a simulated disk.
///
/// # Errors
/// As for `verify`.
pub fn verify(disk: &SimDisk, dir: &Path) -> Result<VerifyReport> {
    crate::engine::verify::verify_in(&Dir::new(disk.env(), dir))
}
