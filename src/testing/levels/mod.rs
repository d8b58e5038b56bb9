//! The rules of compaction at the size of ten thousand million points, without a file or a point: the engine's own
//! `pick` and `regions` over [`lump`]s. What it says of write amplification, files and reads is what the rules do.

mod loads;
mod lump;
mod measure;
mod run;

pub use loads::Load;
pub use measure::Outcome;
pub use run::{Speed, simulate};
