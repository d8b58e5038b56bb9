//! Test support for this crate's own tests and fuzz targets, behind the feature `testing`.
//!
//! The API has no stability guarantee. The engine is the real one; only its environment is replaced.

pub(crate) mod codec;
mod executor;
#[cfg(test)]
pub(crate) mod faulty_env;
pub(crate) mod fuzzing;
pub mod levels;
#[cfg(test)]
pub(crate) mod merge;
pub(crate) mod sim;
pub(crate) mod sst;

use std::path::Path;

pub use executor::{Executor, TaskHandle};
pub use fuzzing::*;

use crate::platform::env::Dir;
pub use crate::platform::env::SyncStep;
pub use crate::testing::sim::{
    CallKind, CrashChoice, CrashImages, DiskImage, DiskOp, DiskState, Fault, FaultRates, FaultTrigger, FileBytes,
    Inode, SimDisk,
};
use crate::{Result, SeriesKey, Snapshot, VerifyReport};

/// Returns the retention cutoff that applies to a series key in a snapshot. The series need not exist.
#[must_use]
pub fn cutoff(snapshot: &Snapshot, series: &SeriesKey) -> Option<i64> {
    snapshot.cutoff(series)
}

/// [`verify`](crate::verify()) on a simulated disk.
///
/// # Errors
/// As for `verify`.
pub fn verify(disk: &SimDisk, dir: &Path) -> Result<VerifyReport> {
    crate::engine::verify::verify_in(&Dir::new(disk.env(), dir))
}
