//! For this crate's own tests and fuzz targets, behind the feature `testing`: no promise is made to anyone else.
//! The engine is the real one; what is replaced is the world around it.

mod executor;

pub use crate::env::SyncStep;
pub use crate::env::sim::{CallKind, Fault, Image, Op, SimDisk, State};
pub use executor::{Executor, Task};

use std::path::Path;

use crate::env::Dir;
use crate::{Result, VerifyReport};

/// [`verify`](crate::verify()) on a simulated disk.
///
/// # Errors
/// As for `verify`.
pub fn verify(disk: &SimDisk, dir: &Path) -> Result<VerifyReport> {
    crate::verify::verify_in(&Dir::new(disk.env(), dir))
}
