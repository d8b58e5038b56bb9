//! For this crate's own tests and fuzz targets, behind the feature `testing`: no promise is made to anyone else.
//! The engine is the real one; what is replaced is the world around it.

pub(crate) mod decoders;
mod executor;
pub mod levels;

use std::path::Path;

pub use decoders::*;
pub use executor::{Executor, Task};

use crate::env::Dir;
pub use crate::env::SyncStep;
pub use crate::env::sim::{Bytes, Choice, Fault, FaultAt, Image, Images, Inode, Kind, Op, Rates, SimDisk, State};
use crate::{Result, SeriesKey, Snapshot, VerifyReport};

/// The time before which retention hides what a series of this key has from a snapshot, whether there is one or not.
#[must_use]
pub fn cutoff(snapshot: &Snapshot, series: &SeriesKey) -> Option<i64> {
    snapshot.cutoff(series)
}

/// [`verify`](crate::verify()) on a simulated disk.
///
/// # Errors
/// As for `verify`.
pub fn verify(disk: &SimDisk, dir: &Path) -> Result<VerifyReport> {
    crate::verify::verify_in(&Dir::new(disk.env(), dir))
}
