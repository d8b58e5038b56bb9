//! A simulated disk in memory.
//!
//! The disk tracks which bytes and names were synced, and derives the images that a power loss may leave. Equal seeds
//! and equal calls give equal results and equal images. The simulated disk uses no real file and no real clock. The
//! module must not depend on the content of the stored files.

mod crash_images;
mod crash_space;
mod disk;
mod disk_image;
mod disk_state;
mod faults;
mod file_bytes;
mod file_state;
mod op;
mod sim_env;

#[cfg(test)]
mod tests;

pub use crash_images::CrashImages;
pub use disk::SimDisk;
pub use disk_image::{CrashChoice, DiskImage};
pub use disk_state::DiskState;
pub use faults::{CallKind, Fault, FaultRates, FaultTrigger};
pub use file_bytes::FileBytes;
pub use file_bytes::SeededRng;
pub use op::{DiskOp, Inode};
